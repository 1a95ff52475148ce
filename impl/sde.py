"""Score SDE: the forward process as a stochastic differential equation, its reversal, and its probability flow.

In the terms of Song et al. 2021, for the linear SDEs whose kernels are N(α_t x_0, σ_t² I):

    dx = f(t) x dt + g(t) dw                                       forward, their (5)
    dx = [f x - g² ∇log p_t] dt + g dw̄,  t from T to 0             reverse (Anderson 1982), their (6)
    dx/dt = f x - ½ g² ∇log p_t                                    probability flow, their (13)
    dx = [f x - ½(g² + γ²) ∇log p_t] dt + γ dw̄                     the family between and beyond: γ = g, γ = 0

    x_t | x_s ~ N(α_{t|s} x_s, σ²_{t|s} I),  α_{t|s} = α_t/α_s,  σ²_{t|s} = σ_t² - α_{t|s}² σ_s²       for s < t

    log p_0(x_0) = log p_T(x_T) + ∫_0^T ∇·(f x - ½ g² ∇log p_t) dt   along the flow, their (39)

Backwards in time a step h is negative and its noise has variance γ²|h|.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import calculus
from concordant.impl.batch import column, generator, norm, normal_like
from concordant.impl.calculus import Field, euler_maruyama_step
from concordant.impl.predictions import Predictor, predict
from concordant.impl.schedules import Schedule
from concordant.impl.score import langevin_step


class LinearSDE:
    """The linear SDE of a schedule.  `model` is any predictor on the schedule's clock."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def drift(self, x: Tensor, t: Tensor) -> Tensor:
        """f(t) x."""
        return column(self.schedule.f(t).to(x)) * x

    def diffusion(self, t: Tensor) -> Tensor:
        """g(t)."""
        return self.schedule.g2(t).sqrt()

    # ---------------------------------------------------------------- kernels between two times s < t
    def transition(self, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """α_{t|s} = α_t/α_s and σ²_{t|s} = σ_t² - α_{t|s}² σ_s² of x_t | x_s ~ N(α_{t|s} x_s, σ²_{t|s} I).

        The variance is positive exactly where the signal-to-noise ratio falls from s to t.  Kingma et al. 2021, (appendix A).
        It is the schedule's `added_variance`, which keeps its digits where s is close to t.
        """
        return self.schedule.alpha(t) / self.schedule.alpha(s), self.schedule.added_variance(s, t)

    def posterior(self, x_t: Tensor, x0: Tensor, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (α_{t|s} σ_s²/σ_t²) x_t + (α_s σ²_{t|s}/σ_t²) x_0 and variance σ_s² σ²_{t|s}/σ_t² of x_s | x_t, x_0."""
        ratio, added = self.transition(s, t)
        before, after = self.schedule.sigma(s) ** 2, self.schedule.sigma(t) ** 2
        on_x, on_data, variance = (
            c.to(x_t) for c in (ratio * before / after, self.schedule.alpha(s) * added / after, before * added / after)
        )
        return column(on_x) * x_t + column(on_data) * x0, column(variance)

    def conditional_score(self, x: Tensor, x0: Tensor, t: Tensor) -> Tensor:
        """∇log p_t(x | x_0) = -(x - α x_0)/σ²."""
        level = self.schedule.at(t).to(x)
        return -(x - column(level.alpha) * x0) / column(level.sigma) ** 2

    def score(self, model: Predictor, x: Tensor, t: Tensor) -> Tensor:
        return predict(model, self.schedule, x, t, "score")

    def reverse_drift(self, model: Predictor, x: Tensor, t: Tensor, gamma: Tensor | None = None) -> Tensor:
        """f x - ½(g² + γ²) s, the drift on the original clock; γ = g unless given."""
        g2 = column(self.schedule.g2(t).to(x))
        gamma2 = g2 if gamma is None else column(gamma.to(x)) ** 2
        return self.drift(x, t) - (g2 + gamma2) / 2 * self.score(model, x, t)

    def ode_drift(self, model: Predictor, x: Tensor, t: Tensor) -> Tensor:
        """f x - ½ g² s, the velocity of the probability flow."""
        return self.reverse_drift(model, x, t, torch.zeros_like(t))

    # ---------------------------------------------------------------- steps
    def forward_step(self, x: Tensor, t: Tensor, h: Tensor, noise: Tensor) -> Tensor:
        """Euler-Maruyama forwards: x + f x h + g √h noise."""
        return euler_maruyama_step(self.drift(x, t), self.diffusion(t), x, h, noise)

    def reverse_step(self, model: Predictor, x: Tensor, t: Tensor, h: Tensor, noise: Tensor) -> Tensor:
        """Euler-Maruyama backwards, h < 0: x + [f x - g² s] h + g √|h| noise."""
        return euler_maruyama_step(self.reverse_drift(model, x, t), self.diffusion(t), x, h, noise)

    def corrector_size(self, score_norm: Tensor, noise_norm: Tensor, r: float) -> Tensor:
        """η = 2 (r |z|/|s|)² from norms averaged over the batch: their algorithm 4, where η is ε (and α = 1)."""
        return 2 * (r * noise_norm / score_norm) ** 2

    def corrector_step(self, model: Predictor, x: Tensor, t: Tensor, r: float, noise: Tensor) -> Tensor:
        """One Langevin step at fixed t whose size holds the signal-to-noise ratio r between its two terms."""
        s = self.score(model, x, t)
        eta = self.corrector_size(norm(s).mean(), norm(noise).mean(), r)
        return langevin_step(x, s, eta, noise)

    # ---------------------------------------------------------------- losses
    def dsm_loss(self, model: Predictor, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """½ |s(x_t, t) - ∇log p_t(x_t | x_0)|², of shape (...), with ∇log p_t(x_t | x_0) = -ε/σ.  Their (7) at one t."""
        level = self.schedule.at(t).to(x0)
        x = column(level.alpha) * x0 + column(level.sigma) * noise
        return (self.score(model, x, t) + noise / column(level.sigma)).square().sum(-1) / 2

    def bound_rate(self, model: Predictor, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """The integrand of the bound on the reverse SDE's likelihood, of shape (...) (Song, Durkan et al. 2021, (11)):

        -log p(x_0) ≤ -E log prior(x_T) + ∫ E[rate] dt,   rate = ½ g² (|s + ε/σ|² - |ε/σ|²) - D f.
        """
        level = self.schedule.at(t).to(x0)
        exact = (noise / column(level.sigma)).square().sum(-1) / 2
        drift = x0.shape[-1] * self.schedule.f(t).to(x0)
        return self.schedule.g2(t).to(x0) * (self.dsm_loss(model, x0, noise, t) - exact) - drift

    # ---------------------------------------------------------------- samplers
    def times(self, steps: int, last: float, first: float | None = None) -> Tensor:
        """`steps` equal steps backwards from `first` (T) to `last`."""
        if steps < 1:
            raise BadInput(f"steps must be at least 1: it is {steps}")
        first = self.schedule.T if first is None else first
        return self.schedule.check(torch.linspace(first, last, steps + 1, dtype=torch.float64))

    @torch.no_grad()
    def sample(
        self,
        model: Predictor,
        x: Tensor,
        times: Tensor,
        corrector: float | None = None,
        seed: int | torch.Generator | None = None,
    ) -> Tensor:
        """Samples by the reverse SDE along falling `times`, from x at the first; with `corrector` = r after each step,
        a Langevin step (predictor-corrector)."""
        random = generator(seed, x.device)
        for t, s in itertools.pairwise(times):
            x = self.reverse_step(model, x, t, s - t, normal_like(x, random))
            if corrector is not None:
                x = self.corrector_step(model, x, s, corrector, normal_like(x, random))
        return x

    def flow(
        self,
        model: Predictor,
        x: Tensor,
        start: float,
        end: float,
        method: Literal["reference", "euler", "heun"] = "reference",
        steps: int = 50,
    ) -> Tensor:
        """x(end) of the probability flow from x(start) = x, by the reference solver or by a plain method in equal steps."""

        def field(y: Tensor, t: Tensor) -> Tensor:
            return self.ode_drift(model, y, t)

        return calculus.follow(field, x, start, end, method, steps)

    def log_likelihood(
        self,
        model: Predictor,
        x: Tensor,
        start: float,
        end: float | None = None,
        divergence: Field | Literal["exact", "hutchinson"] = "exact",
        probes: int = 1,
        seed: int | torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The end point x_T of the flow and Δ = ∫ ∇·v dt, so that log p_start(x) = log p_T(x_T) + Δ.

        log p_T is the caller's to give: the exact marginal where it is known, else a prior, whose mismatch then enters.
        The divergence of the velocity is exact (D backward passes), Hutchinson's estimate with fixed Rademacher probes, or
        a function (x, t) of the caller's.
        """

        def field(y: Tensor, t: Tensor) -> Tensor:
            return self.ode_drift(model, y, t)

        random = generator(seed, x.device)
        signs = torch.randint(0, 2, (probes, *x.shape), generator=random, device=x.device).to(x) * 2 - 1

        def trace(y: Tensor, t: Tensor) -> Tensor:
            if callable(divergence):
                return divergence(y, t)
            if divergence == "exact":
                return calculus.divergence(field, y, t)
            return calculus.hutchinson(field, y, t, signs)

        return calculus.log_density_along(field, trace, x, start, self.schedule.T if end is None else end)


def reversed_drift(drift: Field, score: Field, g2: Tensor) -> Field:
    """f - g² ∇log p_t: the drift of the reverse of dx = f(x, t) dt + g dw, on the original clock (Anderson 1982)."""
    return lambda x, t: drift(x, t) - g2 * score(x, t)


def flow_drift(drift: Field, score: Field, g2: Tensor) -> Field:
    """f - ½ g² ∇log p_t: the velocity of the probability flow of dx = f(x, t) dt + g dw."""
    return lambda x, t: drift(x, t) - g2 / 2 * score(x, t)


def log_prior(x: Tensor, sigma: Tensor | float) -> Tensor:
    """log N(x; 0, σ² I), of shape (...): the prior that samplers start from, with σ = σ_T."""
    sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    return -(x / sigma).square().sum(-1) / 2 - x.shape[-1] * (sigma.log() + math.log(2 * math.pi) / 2)


def forward_drift(velocity: Field, score: Field, gamma: Callable[[Tensor], Tensor]) -> Field:
    """v + ½ γ² s, as a field (x, t): the drift of the forward process of noise γ that has the marginals of the flow of v.

    For γ = g it is f x.  The twin of `reverse_drift`; one step of it is `calculus.euler_maruyama_step`.
    Source: Lai et al. 2025, proposition 6.4.1.

    >>> import torch
    >>> still, pull, one = (lambda x, t: 0 * x), (lambda x, t: -x), (lambda t: torch.ones_like(t))
    >>> forward_drift(still, pull, one)(torch.tensor([2.0]), torch.tensor(0.5))
    tensor([-1.])
    """
    return lambda x, t: velocity(x, t) + column(gamma(t).to(x)) ** 2 / 2 * score(x, t)


def continuous_dsm(
    process: LinearSDE,
    model: Predictor,
    x0: Tensor,
    noise: Tensor,
    t: Tensor,
    omega: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """½ ω(t) |s(x_t, t) - ∇log p_t(x_t | x_0)|² for each pair (x_0, ε) (..., D) at a time of its own (...), of shape (...).

    Its mean over data, noise and t uniform on [0, T] is the loss of Lai et al. 2025, (4.3.1).  `omega` is a function of
    time, σ² by default, with which the loss is that of noise prediction, ½ |ε̂ - ε|².  Raises `BadInput` where ω is negative.

    >>> from concordant.impl.schedules import schedule
    >>> from concordant.impl.predictions import predictor
    >>> process, nothing = LinearSDE(schedule("vp-linear")), predictor(lambda x, t: 0 * x, "epsilon")
    >>> continuous_dsm(process, nothing, torch.zeros(2, 3), torch.ones(2, 3), torch.tensor([0.2, 0.7]))
    tensor([1.5000, 1.5000])
    """
    weight = (process.schedule.sigma(t) ** 2 if omega is None else omega(t)).to(x0)
    if not bool((weight >= 0).all()):
        raise BadInput(f"omega must not be negative: it is {float(weight.min()):g}")
    loss: Tensor = weight * process.dsm_loss(model, x0, noise, t)
    return loss
