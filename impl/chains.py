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


def _grid(schedule: Schedule, times: Array) -> Tensor:
    times = schedule.check(checks.real("times", times, (None,)))
    if len(times) < 2 or bool((times.diff() <= 0).any()):
        raise BadInput("times must hold at least two times, and rise")
    return times


def _at_scale(schedule: Schedule, square: Tensor, said: str, twin: str) -> None:
    """Whether `square`, which should be 1 at all times, is."""
    if not bool(((square - 1).abs() <= 1e-6).all()):
        raise BadInput(f"schedule must have {said} = 1, which {schedule.name!r} has not: take {twin}(schedule)")


def ncsn(schedule: Schedule, times: Array) -> Steps:
    """The increments σ²_{i+1} - σ²_i between the levels of a schedule whose α is 1, at rising times (L + 1,).

    Raises `BadInput` for another schedule, and for times that don't rise or are off its clock.

    >>> from concordant.impl.schedules import schedule
    >>> ncsn(schedule("edm"), [1.0, 2.0, 3.0]).variance
    tensor([3., 5.], dtype=torch.float64)
    """
    times = _grid(schedule, times)
    _at_scale(schedule, schedule.alpha(times) ** 2, "alpha", "VarianceExploding")
    before, after = schedule.sigma(times[:-1]), schedule.sigma(times[1:])
    return Steps(torch.ones_like(before), (after - before) * (after + before))


def ddpm(schedule: Schedule, times: Array) -> Steps:
    """Steps with β_i = β(t_i) h, β = -(log α²)', of a variance-preserving schedule, at rising times (L + 1,).

    Raises `BadInput` for another schedule, for times that don't rise or are off its clock, and where a step is so long that
    β_i is not below 1.

    >>> from concordant.impl.schedules import schedule
    >>> ddpm(schedule("vp-linear"), [0.0, 0.5]).variance
    tensor([0.0500], dtype=torch.float64)
    """
    times = _grid(schedule, times)
    square = schedule.alpha(times) ** 2 + schedule.sigma(times) ** 2
    _at_scale(schedule, square, "alpha² + sigma²", "VariancePreserving")
    beta = -2 * schedule.f(times[:-1]) * times.diff()
    if not bool((beta < 1).all()):
        raise BadInput(f"times must be closer: beta h = {float(beta.max()):.3g} must be below 1")
    return Steps((1 - beta).sqrt(), beta)


def euler_maruyama(schedule: Schedule, times: Array) -> Steps:
    """Steps x + f h x + g √h z, with f and g at the step's beginning, at rising times (L + 1,).

    Raises `BadInput` for times that don't rise or are off the schedule's clock.

    >>> from concordant.impl.schedules import schedule
    >>> euler_maruyama(schedule("flow-matching"), [0.0, 0.5, 1.0]).kernel()  # the SDE has (0, 1)
    (tensor(0., dtype=torch.float64), tensor(1., dtype=torch.float64))
    """
    times = _grid(schedule, times)
    start, h = times[:-1], times.diff()
    return Steps(1 + schedule.f(start) * h, schedule.g2(start) * h)
