"""DDIM, with its whole family of stochastic steps that keep the conditional marginals.

    x_t = α_t x̂ + √(σ_t² - c²) ε̂ + c z,    c = η (σ_t/σ_s) σ_{s|t},    σ²_{s|t} = σ_s² - (α_s/α_t)² σ_t²    for t < s

η = 0 is DDIM, η = 1 the ancestral step of DDPM; the monograph's (9.2.10) prints the ratio upside down, where σ² is negative.
Source: Song, Meng and Ermon 2021, (12) and (16).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.solvers.base import Node, Run, Solver


@dataclass(frozen=True, repr=False)
class DDIM(Solver):
    """One call a step; exact for one data point, and for a prediction of the noise or of the data that does not change."""

    eta: float = 0.0
    name: str = "ddim"

    kind = "x0"
    order = 1
    source = "Song, Meng and Ermon 2021"

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise BadInput(f"eta must lie in [0, 1]: it is {self.eta}")

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        return self.eta > 0

    def spread(self, s: Node, t: Node) -> Tensor:
        """c, the standard deviation of the step's noise."""
        return self.eta * t.sigma * torch.sqrt(-torch.expm1(2 * (s.lam - t.lam)))  # σ_{s|t}/σ_s = √(1 - e^{-2h})

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        x0, c = run.ask(x, s), self.spread(s, t)
        on_noise = torch.sqrt(t.sigma**2 - c**2) / s.sigma
        moved = on_noise.to(x) * x + (t.alpha - on_noise * s.alpha).to(x) * x0
        return moved + c.to(x) * run.noise(x) if self.eta > 0 else moved
