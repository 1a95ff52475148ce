"""Flow matching: a path of densities built from conditional paths, and the velocity that carries it.

In the terms of Lipman et al. 2023 and of Liu et al. 2023, on our clock (t = 0 is data; theirs is 1 - t, and their velocity
points the other way: `lipman`).  Given a pair of data x_0 and noise ε the path is

    x_t = ψ_t(ε | x_0) = α_t x_0 + σ_t ε
    two-sided   u_t = α' x_0 + σ' ε                                              (given both ends)
    one-sided   u_t(x | x_0) = α' x_0 + (σ'/σ)(x - α x_0)                        (given the data end and x_t)

which are equal along the path.  The conditional loss E|v(x_t, t) - u_t|² has the minimiser v*(x, t) = E[u_t | x_t = x], which
carries the marginals p_t; samples are its ODE solved from noise to data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import column
from concordant.impl.calculus import Field
from concordant.impl.predictions import Predictor, predict
from concordant.impl.schedules import Schedule


class FlowMatching:
    """Gaussian conditional paths with a schedule's (α, σ).  `model` is any predictor on the schedule's clock."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def path(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t = α_t x_0 + σ_t ε."""
        level = self.schedule.at(t).to(x0)
        return column(level.alpha) * x0 + column(level.sigma) * noise

    def two_sided(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """u_t = α' x_0 + σ' ε."""
        level = self.schedule.at(t).to(x0)
        return column(level.d_alpha) * x0 + column(level.d_sigma) * noise

    def one_sided(self, x: Tensor, x0: Tensor, t: Tensor) -> Tensor:
        """u_t(x | x_0) = α' x_0 + (σ'/σ)(x - α x_0), the velocity of the conditional path N(α x_0, σ² I)."""
        level = self.schedule.at(t).to(x0)
        rate = column(level.d_sigma / level.sigma)
        return column(level.d_alpha) * x0 + rate * (x - column(level.alpha) * x0)

    def velocity(self, model: Predictor, x: Tensor, t: Tensor) -> Tensor:
        """The model's velocity, whatever it predicts."""
        return predict(model, self.schedule, x, t, "velocity")

    # ---------------------------------------------------------------- losses
    def cfm_loss(self, model: Predictor, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """|v(x_t, t) - u_t|², of shape (...): conditional flow matching."""
        error = self.velocity(model, self.path(x0, noise, t), t) - self.two_sided(x0, noise, t)
        return error.square().sum(-1)

    def fm_loss(self, model: Predictor, x: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
        """|v(x, t) - v*(x, t)|², of shape (...): flow matching, where the marginal velocity is known."""
        return (self.velocity(model, x, t) - velocity).square().sum(-1)

    # ---------------------------------------------------------------- sampling and likelihood
    def field(self, model: Predictor) -> Field:
        return lambda x, t: self.velocity(model, x, t)

    def sample(
        self,
        model: Predictor,
        x: Tensor,
        start: float | None = None,
        end: float = 0.0,
        method: Literal["reference", "euler", "heun"] = "heun",
        steps: int = 50,
    ) -> Tensor:
        """From x at `start` (T) to `end` along the model's velocity."""
        start = self.schedule.T if start is None else start
        return calculus.follow(self.field(model), x, start, end, method, steps)

    def log_likelihood(
        self, model: Predictor, x: Tensor, start: float, end: float | None = None, divergence: Field | None = None
    ) -> tuple[Tensor, Tensor]:
        """The end point x_T of the flow and Δ = ∫ ∇·v dt, so that log p_start(x) = log p_T(x_T) + Δ.

        The divergence of the velocity by D backward passes, or a function (x, t) of the caller's.
        """
        field = self.field(model)
        trace = divergence or (lambda y, t: calculus.divergence(field, y, t))
        return calculus.log_density_along(field, trace, x, start, self.schedule.T if end is None else end)


class GaussianPath:
    """The densities N(μ_t, σ_t² I) and the flow that moves them, Ψ_{s→t}(x) = μ_t + (σ_t/σ_s)(x - μ_s).

    `mu` is a function () → (D,) of time, `sigma` one to a positive number, both differentiable.
    Source: Lipman et al. 2023, theorem 3.
    """

    def __init__(self, mu: Callable[[Tensor], Tensor], sigma: Callable[[Tensor], Tensor]) -> None:
        self.mu, self.sigma = mu, sigma

    def map(self, x: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """Ψ_{s→t}(x)."""
        return self.mu(t) + self.sigma(t) / self.sigma(s) * (x - self.mu(s))

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """v(x, t) = μ' + (σ'/σ)(x - μ), derivatives in time by automatic differentiation."""
        d_mu, d_sigma = (calculus.slope(fn, t) for fn in (self.mu, self.sigma))
        velocity: Tensor = d_mu + d_sigma / self.sigma(t) * (x - self.mu(t))
        return velocity

    def log_prob(self, x: Tensor, t: Tensor) -> Tensor:
        """log N(x; μ_t, σ_t² I), of shape (...)."""
        sigma = self.sigma(t)
        quadratic = ((x - self.mu(t)) / sigma).square().sum(-1)
        return -quadratic / 2 - x.shape[-1] * (sigma.log() + math.log(2 * math.pi) / 2)


def swirled(velocity: Field, score: Field, a: Tensor) -> Field:
    """v + A ∇log p for the antisymmetric part A of a matrix (D, D): another velocity that carries the same densities.

    The flux that is added, A ∇p, has no divergence.
    """
    turn = (a - a.mT) / 2
    return lambda x, t: velocity(x, t) + score(x, t) @ turn.to(x).mT


def lipman(field: Field, T: float = 1.0) -> Field:
    """The same flow on the clock of the flow-matching papers, τ = T - t, where τ = 0 is noise:  u(x, τ) = -v(x, T - τ).

    Its own inverse.

    >>> import torch
    >>> forwards = lambda x, t: t * x
    >>> lipman(forwards)(torch.tensor([2.0]), torch.tensor(0.25))
    tensor([-1.5000])
    """
    return lambda x, tau: -field(x, T - tau)
