"""DDPM: a chain of L Gaussian steps and its reversal, trained by a bound on the likelihood.

In the terms of Ho, Jain and Abbeel 2020, with β_i the *variance* that step i adds (chapter 2 of the monograph writes β for
its square root):

    q(x_i | x_{i-1}) = N(√(1-β_i) x_{i-1}, β_i I),          ᾱ_i = Π_{k≤i} (1 - β_k)
    q(x_i | x_0)     = N(√ᾱ_i x_0, (1-ᾱ_i) I)                                                          their (4)
    q(x_{i-1} | x_i, x_0) = N(μ̃_i, β̃_i I),                  β̃_i = β_i (1-ᾱ_{i-1})/(1-ᾱ_i)             their (6), (7)
    μ̃_i = [√ᾱ_{i-1} β_i x_0 + √(1-β_i) (1-ᾱ_{i-1}) x_i]/(1-ᾱ_i)

    -log p(x_0) ≤ KL(q(x_L|x_0) ‖ N(0,I)) + Σ_{i≥2} E KL(q(x_{i-1}|x_i,x_0) ‖ p(x_{i-1}|x_i)) - E log p(x_0|x_1)    their (5)

In the symbols of the rest of this project: α_{t_i} = √ᾱ_i, σ_{t_i} = √(1-ᾱ_i).  A step i is a whole number from 1 to L, or a
tensor of them, one for each point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.batch import column, generator, normal_like
from concordant.impl.checks import Array
from concordant.impl.predictions import Predictor
from concordant.impl.schedules import Level, Schedule

Step = int | Tensor
Variance = Literal["beta", "posterior"] | Tensor


class DDPM:
    """The chain with the given β_1 … β_L, each in (0, 1], as a tensor (L,).

    `times` (L,) are what a predictor is told at step i: times on the clock of the schedule that the chain was cut from, or
    i/L.  Raises `BadInput` for a β outside (0, 1].
    """

    def __init__(self, beta: Array, times: Array | None = None) -> None:
        self.beta = checks.real("beta", beta, (None,))
        if not len(self.beta) or bool(((self.beta <= 0) | (self.beta > 1)).any()):
            raise BadInput("beta must hold at least one variance, each in (0, 1]")
        self.steps = len(self.beta)
        log_alpha_bar = torch.cat([self.beta.new_zeros(1), torch.log1p(-self.beta).cumsum(0)])
        self.alpha_bar = log_alpha_bar.exp()  # ᾱ_0 … ᾱ_L
        self.noise = -torch.expm1(log_alpha_bar)  # 1 - ᾱ_i, without cancellation
        default = torch.arange(1, self.steps + 1) / self.steps
        self.times = checks.real("times", default.to(self.beta) if times is None else times, (self.steps,))

    @classmethod
    def from_schedule(cls, schedule: Schedule, times: Array) -> DDPM:
        """The chain that a variance-preserving schedule makes at 0 < t_1 < … < t_L:  β_i = 1 - (α_i/α_{i-1})².

        For another schedule take its twin, `VariancePreserving(schedule)`, which has the same signal-to-noise ratio.
        """
        times = schedule.check(checks.real("times", times, (None,)))
        if not len(times) or bool((times.diff() <= 0).any()) or float(times[0]) <= 0:
            raise BadInput("times must be positive and rise")
        alpha, sigma = schedule.alpha(times), schedule.sigma(times)
        if bool(((alpha**2 + sigma**2 - 1).abs() > 1e-6).any()):
            raise BadInput(
                f"schedule must be variance preserving (alpha² + sigma² = 1), which {schedule.name!r} is not: "
                "take VariancePreserving(schedule)"
            )
        beta = torch.cat([sigma[:1] ** 2, schedule.added_variance(times[:-1], times[1:])])  # 1 - (α_i/α_{i-1})²
        return cls(beta.clamp(max=1), times)

    @classmethod
    def linear(cls, steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> DDPM:
        """The chain of Ho et al. 2020: β rises linearly from 1e-4 to 0.02 in 1000 steps."""
        return cls(torch.linspace(first, last, steps, dtype=torch.float64))

    def _check(self, i: Step) -> None:
        low, high = (int(i.min()), int(i.max())) if isinstance(i, Tensor) else (i, i)
        if low < 1 or high > self.steps:
            raise BadInput(f"i must be a step from 1 to {self.steps}: it is {low if low < 1 else high}")

    def _at(self, values: Tensor, i: Step, like: Tensor) -> Tensor:
        """values[i], ready to multiply points of the shape of `like`."""
        return column(values.to(like.device)[i].to(like))

    def level(self, i: Step) -> Level:
        """The noise level of step i: α = √ᾱ_i, σ = √(1-ᾱ_i)."""
        self._check(i)
        unknown = torch.full_like(self.alpha_bar[i], math.nan)
        return Level(self.alpha_bar[i].sqrt(), self.noise[i].sqrt(), unknown, unknown, unknown)

    def time(self, i: Step) -> Tensor:
        """What a predictor is told at step i."""
        self._check(i)
        return self.times[i - 1]

    # ---------------------------------------------------------------- the forward chain
    def transition(self, x: Tensor, i: Step) -> tuple[Tensor, Tensor]:
        """Mean and variance of q(x_i | x_{i-1} = x)."""
        self._check(i)
        beta = self._at(self.beta, i - 1, x)
        return (1 - beta).sqrt() * x, beta

    def kernel(self, x0: Tensor, i: Step) -> tuple[Tensor, Tensor]:
        """Mean and variance of q(x_i | x_0)."""
        self._check(i)
        return self._at(self.alpha_bar, i, x0).sqrt() * x0, self._at(self.noise, i, x0)

    def posterior(self, x_i: Tensor, x0: Tensor, i: Step) -> tuple[Tensor, Tensor]:
        """Mean μ̃_i and variance β̃_i of q(x_{i-1} | x_i, x_0).  The variance is 0 at i = 1."""
        self._check(i)
        beta, noise = self._at(self.beta, i - 1, x_i), self._at(self.noise, i, x_i)
        signal_before, noise_before = self._at(self.alpha_bar, i - 1, x_i), self._at(self.noise, i - 1, x_i)
        mean = (signal_before.sqrt() * beta * x0 + (1 - beta).sqrt() * noise_before * x_i) / noise
        return mean, beta * noise_before / noise

    def posterior_mean_from_noise(self, x_i: Tensor, noise: Tensor, i: Step) -> Tensor:
        """μ̃_i written with the noise of x_i = √ᾱ_i x_0 + √(1-ᾱ_i) ε:  [x_i - β_i ε/√(1-ᾱ_i)]/√(1-β_i), their (11)."""
        self._check(i)
        beta, spread = self._at(self.beta, i - 1, x_i), self._at(self.noise, i, x_i).sqrt()
        return (x_i - beta / spread * noise) / (1 - beta).sqrt()

    # ---------------------------------------------------------------- the learned reverse chain
    def reverse_variance(self, i: Step, choice: Variance) -> Tensor:
        """The variance of p(x_{i-1} | x_i): "beta" β_i, "posterior" β̃_i, or a tensor (L,) of the user's.

        The two choices are the exact ones for data N(0, I) and for a Dirac, and bound the exact one between them for data
        of coordinatewise unit variance (Ho et al., section 3.2).
        """
        self._check(i)
        if isinstance(choice, Tensor):
            return choice[i - 1]
        if choice == "beta":
            return self.beta[i - 1]
        if choice == "posterior":
            return self.beta[i - 1] * self.noise[i - 1] / self.noise[i]
        raise BadInput(f"variance must be 'beta', 'posterior' or a tensor of {self.steps}: it is {choice!r}")

    def reverse_mean(self, model: Predictor, x_i: Tensor, i: Step) -> Tensor:
        """The mean of p(x_{i-1} | x_i): μ̃_i with the model's prediction in the place of x_0.

        Written with the noise it is [x_i - β_i ε/√(1-ᾱ_i)]/√(1-β_i), their (11).
        """
        prediction = model(x_i, self.time(i).to(x_i))
        return self.posterior(x_i, prediction.to("x0", x_i, self.level(i)).value, i)[0]

    def ancestral_step(
        self, model: Predictor, x_i: Tensor, i: Step, noise: Tensor, variance: Variance = "beta"
    ) -> Tensor:
        """x_{i-1} = mean + √variance · noise, one step of their algorithm 2 (which takes noise = 0 at i = 1)."""
        spread = column(self.reverse_variance(i, variance).to(x_i)).sqrt()
        return self.reverse_mean(model, x_i, i) + spread * noise

    def ddim_step(self, model: Predictor, x_i: Tensor, i: Step, to: Step) -> Tensor:
        """From step i to an earlier step without noise: √ᾱ_to x̂_0 + √(1-ᾱ_to) ε̂ (Song, Meng and Ermon 2021, (12))."""
        prediction = model(x_i, self.time(i).to(x_i))
        x0, epsilon = (prediction.to(kind, x_i, self.level(i)).value for kind in ("x0", "epsilon"))
        return self._at(self.alpha_bar, to, x_i).sqrt() * x0 + self._at(self.noise, to, x_i).sqrt() * epsilon

    @torch.no_grad()
    def sample(
        self,
        model: Predictor,
        shape: Sequence[int],
        variance: Variance = "beta",
        seed: int | torch.Generator | None = None,
    ) -> Tensor:
        """Samples of the learned chain, from x_L ~ N(0, I) down to x_0 (the last step without noise)."""
        random = generator(seed, self.beta.device)
        x = torch.randn(*shape, generator=random, dtype=self.beta.dtype, device=self.beta.device)
        for i in range(self.steps, 0, -1):
            noise = normal_like(x, random) if i > 1 else torch.zeros_like(x)
            x = self.ancestral_step(model, x, i, noise, variance)
        return x

    # ---------------------------------------------------------------- losses
    def simple_loss(self, model: Predictor, x0: Tensor, i: Step, noise: Tensor) -> Tensor:
        """L_simple's term |ε_φ(x_i, i) - ε|², of shape (...).  Their (14)."""
        mean, variance = self.kernel(x0, i)
        x_i = mean + variance.sqrt() * noise
        epsilon = model(x_i, self.time(i).to(x_i)).to("epsilon", x_i, self.level(i)).value
        return (epsilon - noise).square().sum(-1)

    def prior_kl(self, x0: Tensor) -> Tensor:
        """KL(q(x_L | x_0) ‖ N(0, I)), of shape (...)."""
        mean, variance = self.kernel(x0, self.steps)
        return gaussian_kl(mean, variance, torch.zeros_like(mean), torch.ones_like(variance))

    def step_kl(self, model: Predictor, x_i: Tensor, x0: Tensor, i: Step, variance: Variance = "beta") -> Tensor:
        """KL(q(x_{i-1} | x_i, x_0) ‖ p(x_{i-1} | x_i)) for i ≥ 2, of shape (...)."""
        if int(i.min() if isinstance(i, Tensor) else i) < 2:
            raise BadInput("i must be at least 2: at i = 1 the posterior has no width; that term is decoder_nll")
        mean, spread = self.posterior(x_i, x0, i)
        return gaussian_kl(
            mean, spread, self.reverse_mean(model, x_i, i), column(self.reverse_variance(i, variance).to(x_i))
        )

    def decoder_nll(self, model: Predictor, x_1: Tensor, x0: Tensor, variance: Tensor | None = None) -> Tensor:
        """-log p(x_0 | x_1), of shape (...), for the Gaussian decoder N(E[x_0|x_1], β_1 I) (or the variance given)."""
        mean = self.reverse_mean(model, x_1, 1)
        spread = self.beta[0].to(x_1) if variance is None else variance.to(x_1)
        return ((x0 - mean).square() / spread + (2 * math.pi * spread).log()).sum(-1) / 2

    def elbo(
        self,
        model: Predictor,
        x0: Tensor,
        variance: Variance = "beta",
        seed: int | torch.Generator | None = None,
    ) -> Tensor:
        """An unbiased estimate of the bound on log p(x_0), of shape (...): one x_i for each step and point."""
        random = generator(seed, x0.device)
        total = -self.prior_kl(x0)
        for i in range(1, self.steps + 1):
            mean, spread = self.kernel(x0, i)
            x_i = mean + spread.sqrt() * normal_like(x0, random)
            term = self.decoder_nll(model, x_i, x0) if i == 1 else self.step_kl(model, x_i, x0, i, variance)
            total = total - term
        return total


def evidence_bound(weights: Tensor, log_likelihood: Tensor, log_prior: Tensor, log_encoder: Tensor) -> Tensor:
    """E_q[log p(x|z)] - KL(q(z|x) ‖ p(z)) = Σ w [log p(x|z) + log p(z) - log q(z|x)], nodes z ~ q on the first axis."""
    bound: Tensor = torch.tensordot(weights, log_likelihood + log_prior - log_encoder, dims=1)
    return bound


def gaussian_kl(mean: Tensor, variance: Tensor, other_mean: Tensor, other_variance: Tensor) -> Tensor:
    """KL(N(mean, variance·I) ‖ N(other_mean, other_variance·I)), of shape (...).

    The last axis is the coordinates'; variances broadcast against it.

    >>> gaussian_kl(torch.ones(1), torch.ones(1), torch.zeros(1), torch.ones(1))
    tensor(0.5000)
    """
    ratio = variance / other_variance
    terms = (mean - other_mean).square() / other_variance + ratio - 1 - ratio.log()
    return terms.sum(-1) / 2
