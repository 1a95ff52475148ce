"""Targets from a user's own data: read a table of numbers, fit a mixture to it."""

from __future__ import annotations

import math
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.targets.mixture import GaussianMixture

SUFFIXES = (".npy", ".npz", ".csv")

#: Added to every fitted variance, as a share of the mean variance of the columns.
FLOOR = 1e-3


class FloorWarning(UserWarning):
    """A column does not vary; its fitted variance is the floor alone."""


def read(path: str | Path) -> Tensor:
    """A table of numbers (N, D) from a `.npy`, `.npz` (one array) or `.csv` file (a first line of names is skipped).

    Arrays of more than two axes are flattened to (N, D); pickled objects are never loaded.  Raises `BadInput` for a
    file that is missing, empty, of another kind, not numeric, or that holds NaN or infinity.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(f"target file {str(path)!r} must end in one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise BadInput(f"target file {str(path)!r} {'is a folder' if path.is_dir() else 'does not exist'}")
    if path.stat().st_size == 0:
        raise BadInput(f"target file {str(path)!r} is empty")
    try:
        table = _read_csv(path) if path.suffix.lower() == ".csv" else _read_numpy(path)
    except BadInput:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"target file {str(path)!r} can't be read: {str(error).splitlines()[0]}") from None
    if table.dtype.kind not in "fiu":
        raise BadInput(f"target file {str(path)!r} must hold real numbers: it holds {table.dtype}")
    if table.size == 0:
        raise BadInput(f"target file {str(path)!r} is empty")
    if table.ndim == 0:
        raise BadInput(f"target file {str(path)!r} must hold a table: it holds one number")
    table = table.reshape(len(table), -1)
    return checks.real(f"target file {str(path)!r}", table.astype(np.float64))


def _read_numpy(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    with path.open("rb") as file:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        if len(loaded.files) != 1:
            raise BadInput(
                f"target file {str(path)!r} must hold one array: it holds {', '.join(loaded.files) or 'none'}"
            )
        array: np.ndarray[tuple[int, ...], np.dtype[np.generic]] = loaded[loaded.files[0]]
        return array


def _read_csv(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    rows: list[list[float]] = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            cells = [cell.strip() for cell in line.split(",")]
            if cells == [""]:
                continue
            try:
                row = [float(cell) for cell in cells]
            except ValueError:
                if number == 1 and not any(_is_number(cell) for cell in cells):
                    continue  # names of columns
                bad = next(cell for cell in cells if not _is_number(cell))
                raise BadInput(f"target file {str(path)!r} must hold numbers: line {number} holds {bad!r}") from None
            if rows and len(row) != len(rows[0]):
                raise BadInput(f"target file {str(path)!r}: line {number} has {len(row)} columns, not {len(rows[0])}")
            rows.append(row)
    return np.array(rows, dtype=np.float64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def fit(points: Tensor, components: int, name: str = "points") -> GaussianMixture:
    """A mixture fitted to `points` (N, D) by expectation maximisation (scikit-learn, a fixed seed).

    Covariances are full where there are at least 2 D points a component, else diagonal.  To every variance is added
    1/1000 of the mean variance of the columns, so that a constant column keeps a width: it warns with `FloorWarning`.
    Raises `BadInput` for fewer points than components, for points that are all the same, and for variances that overflow.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture as Fitted

    n, dimension = checks.real(name, points, (None, None)).shape
    if components < 1:
        raise BadInput(f"components must be at least 1: it is {components}")
    if n < max(2, components):
        raise BadInput(
            f"{name} must have at least as many rows as components, and 2: {n} rows, {components} components"
        )
    variances = points.var(0, correction=0)
    if bool((points == points[0]).all()):
        raise BadInput(f"{name} must vary: all {n} rows are the same (use FiniteDataset for a Dirac)")
    average = float(variances.mean())
    if not sys.float_info.min < average < math.inf:
        raise BadInput(f"{name} must be rescaled: the variance of its columns, {average:g}, is no ordinary number")
    floor = FLOOR * average
    constant = (variances == 0).nonzero().flatten().tolist()
    if constant:
        warnings.warn(
            f"{name}: column{'s' * (len(constant) > 1)} {', '.join(map(str, constant))} "
            f"do{'es' * (len(constant) == 1)} not vary; kept, with variance {floor:.3g}",
            FloorWarning,
            stacklevel=2,
        )
    full = n >= 2 * dimension * components
    model = Fitted(
        components, covariance_type="full" if full else "diag", reg_covar=floor, random_state=0, max_iter=200
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # any mixture will do as a target
        model.fit(points.detach().cpu().numpy())
    weights = torch.tensor(model.weights_)
    covariances = torch.tensor(model.covariances_)
    covariances = (covariances + covariances.mT) / 2 if full else covariances
    return GaussianMixture(weights / weights.sum(), torch.tensor(model.means_), covariances)


def load(path: str | Path, components: int) -> GaussianMixture:
    """Read a table and fit a mixture to it."""
    return fit(read(path), components, name=Path(path).name)
