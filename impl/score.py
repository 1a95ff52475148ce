"""NCSN: scores at many noise levels, learned by denoising, sampled by Langevin dynamics.

In the terms of Song and Ermon 2019: data are noised without being scaled, and the network is told the level.

    x̃ = x_0 + σ z,    q(x̃ | x_0) = N(x_0, σ² I),    ∇ log q(x̃ | x_0) = (x_0 - x̃)/σ² = -z/σ
    ℓ(σ) = ½ E |s(x̃, σ) - ∇ log q(x̃|x_0)|²           denoising score matching, their (5)
    L = Σ_l λ(σ_l) ℓ(σ_l),  λ(σ) = σ²                  their (6), times the number of levels
    x ← x + η s(x, σ) + √(2η) z                        Langevin, stationary at p_σ as η → 0 (their α_l is 2η)
    η_l = δ σ_l²/σ_1²                                  annealed: from the largest level to the smallest, their algorithm 1

Levels rise here: σ_1 is the smallest.  A level is a whole number from 1 to L, or a tensor of them, one for each point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import calculus, checks
from concordant.impl.batch import column, generator, normal_like
from concordant.impl.checks import Array
from concordant.impl.predictions import Predictor
from concordant.impl.schedules import Level, Schedule

Index = int | Tensor


class NCSN:
    """Noise levels 0 < σ_1 < … < σ_L, as a tensor (L,).

    `times` (L,) are what a predictor is told at a level: times on the clock of the schedule that the levels were taken
    from, or the σ_l themselves (the clock of EDM).
    """

    def __init__(self, sigmas: Array, times: Array | None = None) -> None:
        self.sigmas = checks.real("sigmas", sigmas, (None,))
        if not len(self.sigmas) or float(self.sigmas[0]) <= 0 or bool((self.sigmas.diff() <= 0).any()):
            raise BadInput("sigmas must be positive and rise")
        self.levels = len(self.sigmas)
        self.times = checks.real("times", self.sigmas if times is None else times, (self.levels,))

    @classmethod
    def from_schedule(cls, schedule: Schedule, times: Array) -> NCSN:
        """The levels that a schedule with α = 1 has at the given times.

        For another schedule take its twin, `VarianceExploding(schedule)`, which has the same signal-to-noise ratio.
        """
        times = schedule.check(checks.real("times", times, (None,)))
        if bool(((schedule.alpha(times) - 1).abs() > 1e-6).any()):
            raise BadInput(
                f"schedule must have alpha = 1, which {schedule.name!r} has not: take VarianceExploding(schedule)"
            )
        return cls(schedule.sigma(times), times)

    @classmethod
    def geometric(cls, smallest: float = 0.01, largest: float = 1.0, levels: int = 10) -> NCSN:
        """The levels of Song and Ermon 2019: ten, in geometric progression from 0.01 to 1."""
        return cls(torch.logspace(math.log10(smallest), math.log10(largest), levels, dtype=torch.float64))

    def sigma(self, level: Index) -> Tensor:
        low, high = (int(level.min()), int(level.max())) if isinstance(level, Tensor) else (level, level)
        if low < 1 or high > self.levels:
            raise BadInput(f"level must be from 1 to {self.levels}: it is {low if low < 1 else high}")
        return self.sigmas[level - 1]

    def score(self, model: Predictor, x: Tensor, level: Index) -> Tensor:
        """The model's score at a level, whatever it predicts."""
        sigma = self.sigma(level).to(x)
        unknown = torch.full_like(sigma, math.nan)
        at = Level(torch.ones_like(sigma), sigma, unknown, unknown, unknown)
        return model(x, self.times[level - 1].to(x)).to("score", x, at).value

    def perturb(self, x0: Tensor, z: Tensor, level: Index) -> Tensor:
        """x̃ = x_0 + σ z."""
        return x0 + column(self.sigma(level).to(x0)) * z

    def increment(self, x: Tensor, z: Tensor, level: int) -> Tensor:
        """From level l-1 to level l:  x + √(σ_l² - σ_{l-1}²) z, with σ_0 = 0 (the monograph's table 3.5)."""
        before = self.sigma(level - 1) if level > 1 else torch.zeros_like(self.sigmas[0])
        return x + (self.sigma(level) ** 2 - before**2).sqrt().to(x) * z

    # ---------------------------------------------------------------- losses
    def dsm_loss(self, model: Predictor, x0: Tensor, z: Tensor, level: Index) -> Tensor:
        """½ |s(x̃, σ) + z/σ|², of shape (...); weighted by λ(σ) = σ² in NCSN's sum over levels."""
        sigma = column(self.sigma(level).to(x0))
        return (self.score(model, self.perturb(x0, z, level), level) + z / sigma).square().sum(-1) / 2

    def esm_loss(self, model: Predictor, x: Tensor, score: Tensor, level: Index) -> Tensor:
        """Explicit score matching ½ |s(x, σ) - ∇ log p_σ(x)|², of shape (...), where the true score is known."""
        return (self.score(model, x, level) - score).square().sum(-1) / 2

    def ism_loss(self, model: Predictor, x: Tensor, level: int) -> Tensor:
        """Implicit score matching ∇·s(x, σ) + ½ |s(x, σ)|² (Hyvärinen 2005), of shape (...)."""

        def field(y: Tensor, _: Tensor) -> Tensor:
            return self.score(model, y, level)

        s = self.score(model, x, level)
        return calculus.divergence(field, x, self.times[level - 1]) + s.square().sum(-1) / 2

    def loss(self, model: Predictor, x0: Tensor, z: Tensor, weight: Literal["sigma2", "one"] = "sigma2") -> Tensor:
        """Σ_l λ(σ_l) ℓ(σ_l) with λ = σ² or 1, of shape (...); the same z serves every level."""
        total = torch.zeros_like(x0[..., 0])
        for level in range(1, self.levels + 1):
            scale = self.sigma(level).to(x0) ** 2 if weight == "sigma2" else 1.0
            total = total + scale * self.dsm_loss(model, x0, z, level)
        return total

    # ---------------------------------------------------------------- sampling
    def step_size(self, level: int, delta: float) -> Tensor:
        """η_l = δ σ_l²/σ_1²."""
        return delta * (self.sigma(level) / self.sigmas[0]) ** 2

    @torch.no_grad()
    def annealed_langevin(
        self,
        model: Predictor,
        x: Tensor,
        delta: float = 1e-5,
        steps: int = 100,
        seed: int | torch.Generator | None = None,
    ) -> Tensor:
        """From the largest level to the smallest, `steps` Langevin steps at each.  Start from N(0, σ_L² I), not N(0, I)."""
        random = generator(seed, x.device)
        for level in range(self.levels, 0, -1):
            eta = self.step_size(level, delta).to(x)
            for _ in range(steps):
                z = normal_like(x, random)
                x = langevin_step(x, self.score(model, x, level), eta, z)
        return x


def langevin_step(x: Tensor, score: Tensor, eta: Tensor | float, z: Tensor) -> Tensor:
    """x + η ∇log p(x) + √(2η) z: a step of the unadjusted Langevin algorithm.  η is one number, or one a point."""
    eta = torch.as_tensor(eta, dtype=x.dtype, device=x.device)
    return x + column(eta) * score + column((2 * eta).sqrt()) * z


def energy_score(energy: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """∇log p = -∇E for p = e^{-E}/Z, by automatic differentiation: of the normalisation Z nothing is asked.

    `energy` is a function (..., D) → (...).
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return -torch.autograd.grad(energy(x).sum(), x)[0]
