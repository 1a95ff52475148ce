"""What every public function asks of its arguments, in one place: a clear sentence before any work.

Each check returns its argument in the form that the code computes with, or raises `BadInput` naming it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from concordant.errors import BadInput

Array = Tensor | np.ndarray[Any, Any] | Sequence[Any] | float


def real(name: str, value: Array, shape: Sequence[int | None] | None = None) -> Tensor:
    """`value` as a finite floating-point tensor, of the given shape where one is given (None: any length).

    >>> real("means", [[0.0, 1.0]], (None, 2)).dtype
    torch.float64
    >>> real("means", [float("nan")])
    Traceback (most recent call last):
    concordant.errors.BadInput: means must be finite: it holds nan at index (0,)
    """
    try:
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise BadInput(f"{name} must be an array of numbers, its rows of one length") from None
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise BadInput(f"{name} must hold real numbers, not {str(tensor.dtype).removeprefix('torch.')}")
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.float64)
    if shape is not None and not _fits(tensor.shape, shape):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
        raise BadInput(f"{name} must have shape {wanted}: it has {tuple(tensor.shape)}")
    if not bool(tensor.isfinite().all()):
        index = tuple(int(i) for i in (~tensor.isfinite()).nonzero()[0])
        raise BadInput(f"{name} must be finite: it holds {float(tensor[index])} at index {index}")
    return tensor


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(w is None or n == w for n, w in zip(shape, wanted, strict=True))


def probabilities(name: str, value: Array, length: int) -> Tensor:
    """Weights that are not negative and sum to 1 (to 1e-6, then normalised to the last digit)."""
    weights = real(name, value, (length,)).to(torch.float64)
    if bool((weights < 0).any()):
        raise BadInput(f"{name} must not be negative: the smallest is {float(weights.min()):g}")
    total = float(weights.sum())
    if abs(total - 1) > 1e-6:
        raise BadInput(f"{name} must sum to 1: they sum to {total:.8g}")
    return weights / weights.sum()


def points(x: Tensor, dimension: int, name: str = "x") -> Tensor:
    """Points of shape (..., dimension), float32 or float64, finite: NaN must never pass for a result."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise BadInput(f"{name} must be a floating-point tensor of shape (..., {dimension})")
    if x.ndim == 0 or x.shape[-1] != dimension:
        raise BadInput(f"{name} must have shape (..., {dimension}): it has {tuple(x.shape)}")
    if x.dtype not in (torch.float32, torch.float64):
        raise BadInput(f"{name} must be float32 or float64: it is {str(x.dtype).removeprefix('torch.')}")
    if not bool(x.detach().isfinite().all()):
        raise BadInput(f"{name} must be finite: it holds NaN or infinity")
    return x
