"""What tests draw from: mixtures of every kind, schedules, times and points."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from concordant.impl.schedules import SCHEDULES, Custom, Schedule, VariancePreserving, schedule
from concordant.impl.targets import GaussianMixture
from concordant.impl.targets.named import rotation

KINDS = ("isotropic", "diagonal", "full")


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@st.composite
def mixtures(
    draw: st.DrawFn,
    dimensions: st.SearchStrategy[int] | None = None,
    most_components: int = 4,
    kinds: tuple[str, ...] = KINDS,
    least_width: float = 0.1,
    spread: float = 3.0,
) -> GaussianMixture:
    """A mixture with means up to `spread` in each coordinate and variances from `least_width` to 2."""
    d = draw(dimensions if dimensions is not None else st.integers(1, 5))
    k = draw(st.integers(1, most_components))
    weights = tensor([draw(floats(0.05, 1)) for _ in range(k)])
    means = tensor([[draw(floats(-spread, spread)) for _ in range(d)] for _ in range(k)])
    kind = draw(st.sampled_from(kinds))
    count = 1 if kind == "isotropic" else d
    widths = tensor([[draw(floats(least_width, 2)) for _ in range(count)] for _ in range(k)])
    covariances = widths[:, 0] if kind == "isotropic" else widths
    if kind == "full":
        q = torch.stack([rotation(d, draw(st.integers(0, 99))) for _ in range(k)])
        covariances = (q * widths.unsqueeze(1)) @ q.mT
        covariances = (covariances + covariances.mT) / 2
    labels = [draw(st.integers(0, 1)) for _ in range(k)]
    return GaussianMixture(weights / weights.sum(), means, covariances, labels)


def schedules() -> st.SearchStrategy[Schedule]:
    """The named schedules, one of the user's, and a twin."""
    own = Custom(lambda t: 1 - t**3, lambda t: 2 * t + t**2, name="custom")
    return st.sampled_from([*(schedule(name) for name in SCHEDULES), own, VariancePreserving(schedule("ve"))])


def named_schedules() -> st.SearchStrategy[Schedule]:
    return st.sampled_from([schedule(name) for name in SCHEDULES])


@st.composite
def times(draw: st.DrawFn, clock: Schedule) -> float:
    """A time at which λ lies between -3 and 3."""
    return float(clock.t_of_lam(draw(floats(-3, 3))))


def points(target: GaussianMixture, clock: Schedule, t: float, n: int = 5, seed: int = 0) -> Tensor:
    """Samples of p_t, with one far out."""
    x = target.at(clock, t).sample(n, seed)
    x[0] = x[0] + 4 * math.sqrt(target.dimension)
    return x
