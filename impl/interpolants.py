"""Interpolants x_t = a_t x_0 + b_t x_1 on the clock of flow matching: t = 0 is the source x_0, t = 1 the target x_1.

    two-sided   v_t(x | x_0, x_1) = a' x_0 + b' x_1
    one-sided   v_t(x | x_1) = b' x_1 + (a'/a)(x - b x_1)
    the flow    Ψ_t(y | x_1) = a y + b x_1, whose inverse is (x - b x_1)/a, and whose velocity is the one-sided one
    the path    p_t(x | x_1) = a^{-D} p_src((x - b x_1)/a), for any density of the source

Every schedule is one, seen from the other end: a = σ, b = α at the time (1 - t)T (`Interpolant.of`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput, unknown
from concordant.impl.batch import column
from concordant.impl.schedules import Schedule

Coefficient = Callable[[Tensor], Tensor]


def _slope(fn: Coefficient, t: Tensor) -> Tensor:
    """dfn/dt, elementwise, by automatic differentiation."""
    with torch.enable_grad():
        moving = t.detach().requires_grad_()
        value = fn(moving)
        if not value.requires_grad:  # a constant
            return torch.zeros_like(t)
        return torch.autograd.grad(value.sum(), moving)[0]


def _same_dimension(x: Tensor, x1: Tensor, name: str) -> None:
    if x.shape[-1:] != x1.shape[-1:]:
        raise BadInput(f"{name} must have the dimension of x1, {tuple(x1.shape[-1:])}: it has shape {tuple(x.shape)}")


@dataclass(frozen=True)
class Interpolant:
    """The coefficients a (of the source) and b (of the target), functions of t elementwise and differentiable.

    Points have shape (..., D); points of different D raise `BadInput`.

    >>> halfway = torch.tensor(0.5)
    >>> Interpolant(lambda t: 1 - t, lambda t: t**2).two_sided(torch.ones(1), torch.ones(1), halfway)  # -1 + 2 t
    tensor([0.])
    """

    a: Coefficient
    b: Coefficient
    name: str = "custom"

    @classmethod
    def of(cls, schedule: Schedule) -> Interpolant:
        """A schedule on this clock: a_t = σ((1 - t)T), b_t = α((1 - t)T)."""

        def back(t: Tensor) -> Tensor:
            return (1 - t) * schedule.T

        return cls(lambda t: schedule.sigma(back(t)), lambda t: schedule.alpha(back(t)), schedule.name)

    def values(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """a and b, each ready to multiply points."""
        return column(self.a(t)), column(self.b(t))

    def slopes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """a' and b', each ready to multiply points."""
        return column(_slope(self.a, t)), column(_slope(self.b, t))

    def path(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """x_t = a x_0 + b x_1, for points (..., D) and times () or (...)."""
        _same_dimension(x0, x1, "x0")
        a, b = self.values(t)
        return a * x0 + b * x1

    def two_sided(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """a' x_0 + b' x_1."""
        _same_dimension(x0, x1, "x0")
        d_a, d_b = self.slopes(t)
        return d_a * x0 + d_b * x1

    def one_sided(self, x: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """b' x_1 + (a'/a)(x - b x_1): whatever the source.  Without a value where a = 0, at the end of the path:
        infinite, NaN at b x_1 itself."""
        _same_dimension(x, x1, "x")
        (a, b), (d_a, d_b) = self.values(t), self.slopes(t)
        return d_b * x1 + d_a / a * (x - b * x1)

    def flow(self, y: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """Ψ_t(y | x_1) = a y + b x_1."""
        return self.path(y, x1, t)

    def unflow(self, x: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """Its inverse, (x - b x_1)/a."""
        _same_dimension(x, x1, "x")
        a, b = self.values(t)
        return (x - b * x1) / a

    def log_prob(self, log_source: Callable[[Tensor], Tensor], x: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """log p_t(x | x_1) = log p_src((x - b x_1)/a) - D log a, of shape (...), for a > 0."""
        return log_source(self.unflow(x, x1, t)) - x.shape[-1] * self.a(t).log()


#: The interpolants that flow-matching papers state on this clock.
INTERPOLANTS = {
    "linear": Interpolant(lambda t: 1 - t, lambda t: t, "linear"),
    "trigonometric": Interpolant(
        lambda t: torch.cos(math.pi / 2 * t), lambda t: torch.sin(math.pi / 2 * t), "trigonometric"
    ),
}


def interpolant(name: str) -> Interpolant:
    """The named one: "linear" (1 - t, t) or "trigonometric" (cos πt/2, sin πt/2).

    Source: Lipman et al. 2023, Liu et al. 2023; Albergo and Vanden-Eijnden 2023, table 2; Lai et al. 2025, section 5.3.2.

    >>> half = torch.tensor(0.5)
    >>> interpolant("linear").path(torch.tensor([2.0]), torch.tensor([4.0]), half)
    tensor([3.])
    """
    if name not in INTERPOLANTS:
        raise unknown("interpolant", name, INTERPOLANTS)
    return INTERPOLANTS[name]
