"""Exact laws of one-dimensional samplers on any data: the density is carried from step to step by its transfer operator.

A step x' = μ(x) + ν z with Gaussian z has the kernel N(x'; μ(x), ν²).  On a uniform grid finer than ν the trapezoidal rule
integrates it to machine precision (the error is e^{-2π²ν²/h²}), so the law after any number of steps is known with no sampling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.targets import Marginal
from concordant.proofs_tests.case import Case

Step = Callable[[Tensor, Tensor], Tensor]

#: A normal density is taken for zero this many deviations from its mean: 1e-17 of its height.
REACH = 9.0

#: Functions whose expectations are compared: low moments, and waves that see the modes.
TESTS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda x: x,
    lambda x: x**2,
    lambda x: torch.cos(2 * x),
    lambda x: torch.sin(x),
)


class Kernels(NamedTuple):
    """Steps of a sampler, the first axis of states and noises (count, points, 1) being the step's number."""

    step: Step
    steps: int


def carry(start: Marginal, kernels: Kernels, low: float, high: float) -> tuple[Tensor, Tensor]:
    """The grid (N,) and the density (N,) on it after all the steps, from p_t at the start.

    Each step is asked for its deviation (unit noise less no noise), which must not depend on x; the grid is made as fine
    as the least of them asks for.  Raises `ValueError` where mass is lost: where the grid is too short.
    """
    some = f64([[low], [low + 0.6 * (high - low)], [high]]).expand(kernels.steps, 3, 1)
    nu = kernels.step(some, torch.ones_like(some)) - kernels.step(some, torch.zeros_like(some))
    if not torch.allclose(nu, nu[:, :1].expand_as(nu), rtol=1e-6):
        raise ValueError("a step's noise depends on the state")
    nu = nu[:, 0, 0]
    spacing = float(nu.min()) / 1.3
    x = torch.arange(low, high, spacing, dtype=torch.float64)
    grid = x[:, None].expand(kernels.steps, -1, -1)
    means = kernels.step(grid, torch.zeros_like(grid))[..., 0]
    density = start.log_prob(x[:, None]).exp()
    for mean, deviation in zip(means, nu.tolist(), strict=True):
        # each point sends its mass to the grid points within REACH deviations of its mean
        near = math.ceil(REACH * deviation / spacing)
        index = torch.round((mean - low) / spacing).long()[:, None] + torch.arange(-near, near + 1)
        share = torch.exp(((low + spacing * index.double() - mean[:, None]) / deviation).square_().div_(-2))
        share = share * density[:, None] * (spacing / (deviation * math.sqrt(2 * math.pi)))
        inside = (index >= 0) & (index < len(x))
        density = torch.zeros_like(x).index_add_(0, index[inside], share[inside])
    if abs(float(density.sum() * spacing) - 1) > 1e-9:
        raise ValueError(f"mass was lost: {float(density.sum() * spacing):.12g} is left")
    return x, density


def law_error(case: Case, start: float, end: float, kernels: Kernels) -> float:
    """How far the law after the kernels, from p at `start`, is from p at `end`, over the test functions."""
    levels = [case.level(t) for t in (start, end)]
    width = max(math.sqrt(a**2 * float(case.target.spectrum.max()) + s**2) for a, s in levels)
    centres = torch.cat([a * case.target.means for a, _ in levels])
    x, density = carry(
        case.at(start), kernels, float(centres.min()) - REACH * width, float(centres.max()) + REACH * width
    )
    exact = expectations(x, case.at(end).log_prob(x[:, None]).exp())
    return float(torch.linalg.vector_norm(expectations(x, density) - exact))


def expectations(x: Tensor, density: Tensor) -> Tensor:
    """E φ(x) for each test function."""
    spacing = x[1] - x[0]
    return torch.stack([(test(x) * density).sum() * spacing for test in TESTS])
