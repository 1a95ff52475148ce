"""Gaussian densities and arbitrary smooth fields, for witnesses and agreements alike; sympy is not needed for them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64


def log_normal(x: Tensor, mean: Tensor, deviation: Tensor | float) -> Tensor:
    """log N(x; mean, deviation² I)."""
    deviation = f64(deviation)
    return -((x - mean) ** 2).sum(-1) / (2 * deviation**2) - x.shape[-1] * (deviation.log() + math.log(2 * math.pi) / 2)


def random_numbers(seed: str, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(zlib.crc32(seed.encode())), dtype=torch.float64)


def wave(seed: str, dimension: int, rank: int = 1, points: int = 1, scale: float = 1.0) -> Callable[..., Tensor]:
    """A smooth field of polynomial growth, arbitrary: its first `points` arguments are points, others times or steps.

    Rank 0 is a scalar, 1 a vector, 2 a matrix.  It varies over lengths of about `scale`.

    >>> wave("s", 2)(torch.zeros(5, 2, dtype=torch.float64)).shape
    torch.Size([5, 2])
    """
    n, length = dimension**rank, scale * math.sqrt(dimension)
    linear = [random_numbers(f"{seed}/A{j}", dimension, n) / (1.5 * length) for j in range(points)]
    inside = [random_numbers(f"{seed}/w{j}", dimension, n) / length for j in range(points)]
    shift, size, rate = (random_numbers(f"{seed}/{c}", n) for c in "bcr")

    def field(*args: Any) -> Tensor:
        xs, scalars = args[:points], [f64(a)[..., None] for a in args[points:]]
        phase = sum((x @ w for x, w in zip(xs, inside, strict=True)), sum((0.7 * rate * c for c in scalars), shift))
        out = sum((x @ a for x, a in zip(xs, linear, strict=True)), shift / 2) + size * torch.sin(phase)
        return out.reshape(*out.shape[:-1], *[dimension] * rank)

    return field
