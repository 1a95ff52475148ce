"""Batches of points (..., D), coefficients that are one number or one a point, and the noise that goes with them."""

from __future__ import annotations

import torch
from torch import Tensor

from concordant.errors import BadInput


def column(value: Tensor) -> Tensor:
    """A coefficient ready to multiply points: () stays (), (...) becomes (..., 1)."""
    return value if value.ndim == 0 else value.unsqueeze(-1)


def inner(value: Tensor) -> Tensor:
    """A coefficient ready to multiply arrays (K, B, D): () stays (), (B,) becomes (1, B, 1)."""
    return value if value.ndim == 0 else value.view(1, -1, 1)


def per_row(name: str, value: Tensor, batch: torch.Size) -> Tensor:
    """() stays (); anything else is broadcast to the batch and laid out in rows (B,).

    >>> per_row("t", torch.tensor([[1.0], [2.0]]), torch.Size([2, 2]))
    tensor([1., 1., 2., 2.])
    """
    if value.ndim == 0:
        return value
    try:
        return value.expand(batch).reshape(-1)
    except RuntimeError:
        raise BadInput(
            f"{name} must be one number, or broadcast to the shape {tuple(batch)} of the batch: it has {tuple(value.shape)}"
        ) from None


def norm(x: Tensor) -> Tensor:
    """|x|, of shape (...)."""
    result: Tensor = torch.linalg.vector_norm(x, dim=-1)
    return result


def f64(value: object) -> Tensor:
    """A float64 tensor of the given numbers (torch.tensor alone would round them to float32).

    >>> f64(0.1).item()
    0.1
    """
    return torch.as_tensor(value, dtype=torch.float64)


def generator(seed: int | torch.Generator | None, device: torch.device) -> torch.Generator:
    """A random generator: the given one, a fresh one with the given seed, or one seeded by the system."""
    if isinstance(seed, torch.Generator):
        return seed
    fresh = torch.Generator(device=device)
    if seed is None:
        fresh.seed()
    else:
        fresh.manual_seed(seed)
    return fresh


def normal_like(x: Tensor, random: torch.Generator) -> Tensor:
    """Standard normal noise of the shape, type and device of x."""
    return torch.randn(x.shape, generator=random, dtype=x.dtype, device=x.device)
