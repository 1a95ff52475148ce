"""Schedules of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.schedules.base import Schedule, as_time


@dataclass(frozen=True, repr=False)
class Custom(Schedule):
    """Any α(t), σ(t) of the user's; derivatives by automatic differentiation.

    `alpha_fn` and `sigma_fn` are differentiable, elementwise functions of a tensor of times.
    The signal-to-noise ratio must fall on the whole clock; this is checked on 1001 times.  Raises `BadInput`.

    >>> cubic = Custom(lambda t: 1 - t**3, lambda t: t**3, name="cubic")
    >>> float(cubic.f(0.5)), float(cubic.t_of_lam(cubic.lam(0.25)))
    (-0.8571428571428571, 0.25)
    """

    alpha_fn: Callable[[Tensor], Tensor]
    sigma_fn: Callable[[Tensor], Tensor]
    T: float = 1.0
    name: str = "custom"

    def __post_init__(self) -> None:
        t = torch.linspace(0, self.T, 1001, dtype=torch.float64)
        alpha, sigma = self.alpha(t), self.sigma(t)
        for symbol, value in (("alpha", alpha), ("sigma", sigma)):
            if value.shape != t.shape:
                raise BadInput(
                    f"{symbol}_fn must be elementwise: it turned shape {tuple(t.shape)} into {tuple(value.shape)}"
                )
            if not bool(value.isfinite().all()) or bool((value < 0).any()):
                raise BadInput(f"{symbol}_fn must be finite and not negative on [0, {self.T:g}]")
        lam = alpha.log() - sigma.log()
        if not bool((lam.diff() < 0).all()):
            at = float(t[1:][~(lam.diff() < 0)][0])
            raise BadInput(f"alpha_fn/sigma_fn must fall in t (the signal-to-noise ratio): it does not at t = {at:g}")

    def alpha(self, t: Tensor) -> Tensor:
        return self.alpha_fn(as_time(t))

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_fn(as_time(t))

    def d_alpha(self, t: Tensor) -> Tensor:
        return _derivative(self.alpha_fn, as_time(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        return _derivative(self.sigma_fn, as_time(t))

    def d_sigma2(self, t: Tensor) -> Tensor:
        return _derivative(lambda u: self.sigma_fn(u) ** 2, as_time(t))


def _derivative(fn: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """dfn/dt, elementwise; differentiable again if t is."""
    with torch.enable_grad():
        u = t if t.requires_grad else t.detach().requires_grad_()
        value = fn(u)
        if not value.requires_grad:  # a constant
            return torch.zeros_like(t)
        (slope,) = torch.autograd.grad(value.sum(), u, create_graph=t.requires_grad)
    return slope
