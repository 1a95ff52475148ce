"""Schedules of the user's own: from α and σ, or from the coefficients of a linear SDE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
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


@dataclass(frozen=True, repr=False)
class FromSDE(Schedule):
    """The schedule of dx = f(t) x dt + g(t) dw started from data:  α = exp ∫_0^t f,  σ² = ∫_0^t (α_t/α_s)² g_s² ds.

    `f_fn` and `g2_fn` (g²) are elementwise functions of a tensor of times, finite on [0, T).  Integrals by a composite
    Gauss-Legendre rule, so that α and σ are right to about 1e-12 where f and g² are smooth on the way.

    >>> ou = FromSDE(lambda t: -torch.ones_like(t), lambda t: 2 * torch.ones_like(t), name="ornstein-uhlenbeck")
    >>> float(ou.alpha(0.5) ** 2 + ou.sigma(0.5) ** 2)
    1.0
    """

    f_fn: Callable[[Tensor], Tensor]
    g2_fn: Callable[[Tensor], Tensor]
    T: float = 1.0
    name: str = "from-sde"

    def _log_alpha(self, t: Tensor) -> Tensor:
        u, w = _nodes(t)
        return (w * self.f_fn(u)).sum(-1)

    def alpha(self, t: Tensor) -> Tensor:
        return self._log_alpha(as_time(t)).exp()

    def sigma(self, t: Tensor) -> Tensor:
        t = as_time(t)
        u, w = _nodes(t)
        gain = (self._log_alpha(t).unsqueeze(-1) - self._log_alpha(u)).exp()
        return (w * gain**2 * self.g2_fn(u)).sum(-1).sqrt()

    def d_alpha(self, t: Tensor) -> Tensor:
        return self.f_fn(as_time(t)) * self.alpha(t)

    def d_sigma2(self, t: Tensor) -> Tensor:
        return 2 * self.f_fn(as_time(t)) * self.sigma(t) ** 2 + self.g2_fn(as_time(t))

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        start, end = torch.broadcast_tensors(as_time(s), as_time(t))
        u, w = _nodes(end - start)
        u = start.unsqueeze(-1) + u
        gain = (self._log_alpha(end).unsqueeze(-1) - self._log_alpha(u)).exp()
        return (w * gain**2 * self.g2_fn(u)).sum(-1)


def _nodes(t: Tensor, panels: int = 16, order: int = 12) -> tuple[Tensor, Tensor]:
    """Nodes and weights (..., N) of the composite Gauss-Legendre rule on [0, t]."""
    node, weight = (torch.from_numpy(v).to(t) for v in np.polynomial.legendre.leggauss(order))
    unit = ((torch.arange(panels).to(t)[:, None] + (1 + node) / 2) / panels).flatten()
    return t.unsqueeze(-1) * unit, t.unsqueeze(-1) * (weight / 2 / panels).repeat(panels)


def _derivative(fn: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """dfn/dt, elementwise; differentiable again if t is."""
    with torch.enable_grad():
        u = t if t.requires_grad else t.detach().requires_grad_()
        value = fn(u)
        if not value.requires_grad:  # a constant
            return torch.zeros_like(t)
        (slope,) = torch.autograd.grad(value.sum(), u, create_graph=t.requires_grad)
    return slope
