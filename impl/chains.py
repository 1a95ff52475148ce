"""Discrete chains and the SDEs that they tend to: steps on a grid of times, and the Gaussian kernel of all steps together.

A chain multiplies by a_i and adds noise of variance b_i; after L steps x_L | x_0 ~ N(a x_0, b I) with a and b by recursion.

    NCSN              a_i = 1,            b_i = σ²_{i+1} - σ²_i               exactly dx = g dw, g² = (σ²)'
    DDPM, β_i = β h   a_i = √(1 - β_i),   b_i = β_i                           tends to dx = -½ β x dt + √β dw
    Euler-Maruyama    a_i = 1 + f h,      b_i = g² h                          tends to dx = f x dt + g dw

Source: Lai et al. 2025, sections 4.1.1 and 4.1.2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.checks import Array
from concordant.impl.schedules import Schedule


class Steps(NamedTuple):
    """Factors and added variances (L,) of the steps."""

    scale: Tensor
    variance: Tensor

    def kernel(self, alpha: Tensor | float = 1.0, variance: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
        """Factor and variance after all steps of what had the given ones before: by default of x_L given the first point.

        >>> Steps(torch.tensor([0.5, 2.0]), torch.tensor([1.0, 3.0])).kernel()
        (tensor(1.), tensor(7.))
        """
        after = self.scale.flip(0).cumprod(0).flip(0)  # the product of this and later factors
        rest = torch.cat([after[1:], after.new_ones(1)])
        return after[0] * alpha, (rest**2 * self.variance).sum() + after[0] ** 2 * variance


def _grid(schedule: Schedule, times: Array) -> tuple[Tensor, Tensor]:
    times = schedule.check(checks.real("times", times, (None,)))
    if len(times) < 2 or bool((times.diff() <= 0).any()):
        raise BadInput("times must hold at least two times, and rise")
    return times[:-1], times.diff()


def ncsn(schedule: Schedule, times: Array) -> Steps:
    """The increments between the levels of a schedule whose α is 1.  Raises `BadInput` for another schedule."""
    start, h = _grid(schedule, times)
    if bool(((schedule.alpha(start) - 1).abs() > 1e-6).any()):
        raise BadInput(
            f"schedule must have alpha = 1, which {schedule.name!r} has not: take VarianceExploding(schedule)"
        )
    before, after = schedule.sigma(start), schedule.sigma(start + h)
    return Steps(torch.ones_like(h), (after - before) * (after + before))


def ddpm(schedule: Schedule, times: Array) -> Steps:
    """Steps with β_i = β(t_i) h, β = -(log α²)', of a variance-preserving schedule.

    Raises `BadInput` where a step is so long that β_i is not below 1.
    """
    start, h = _grid(schedule, times)
    beta = -2 * schedule.f(start) * h
    if bool((beta >= 1).any()):
        raise BadInput(f"times must be closer: beta h = {float(beta.max()):.3g} must be below 1")
    return Steps((1 - beta).sqrt(), beta)


def euler_maruyama(schedule: Schedule, times: Array) -> Steps:
    """Steps x + f h x + g √h z, with f and g at the step's beginning."""
    start, h = _grid(schedule, times)
    return Steps(1 + schedule.f(start) * h, schedule.g2(start) * h)
