"""How laws change: time derivatives by differentiating a textbook density, and the posterior's variance."""

from __future__ import annotations

import torch
from torch import Tensor

from concordant.impl.schedules import Schedule
from concordant.impl.targets import GaussianMixture, Marginal
from concordant.proofs_tests.reference import Reference


def time_derivative(target: GaussianMixture, schedule: Schedule, x: Tensor, t: float) -> Tensor:
    """∂_t log p_t at each point (B,)."""
    at = torch.tensor(t, dtype=torch.float64, requires_grad=True)
    log_p = Reference(target, schedule.alpha(at), schedule.sigma(at)).log_prob(x)
    return torch.stack([torch.autograd.grad(value, at, retain_graph=True)[0] for value in log_p])


def posterior_variance(p: Marginal, x: Tensor) -> Tensor:
    """tr Cov[x_0 | x_t = x] = (σ²/α) ∇·E[x_0 | x_t = x], without forming a matrix for each point."""
    return p.level.sigma**2 / p.level.alpha * p.divergence(x, "x0")


def pieces(schedule: Schedule, p: Marginal, x: Tensor, t: float) -> Tensor:
    """|f| (D + |x·s|) + ½ g² (|Δ log p| + |s|²) at each point: what the time derivative is made of.

    Velocities and drifts are sums that may all but cancel (variance-preserving noise hardly moves data of unit variance);
    this is the size that their rounding errors are relative to.
    """
    s, f, g2 = p.score(x), schedule.f(t).abs(), schedule.g2(t)
    drift = f * (x.shape[-1] + (x * s).sum(-1).abs())
    return drift + g2 / 2 * (p.divergence(x).abs() + s.square().sum(-1))
