"""The stochastic sampler of EDM: noise is added before a step is taken, and Heun's method goes down from there.

At the scale where the data stay, y = x/α with noise level ρ = σ/α:

    ρ̂ = ρ_s (1 + γ),  ŷ = y + S √(ρ̂² - ρ_s²) z;   d = ε̂(ŷ),  y' = ŷ + (ρ_t - ρ̂) d;   y_t = ŷ + (ρ_t - ρ̂)(d + ε̂(y'))/2

γ = min(churn/steps, √2 - 1) for levels within [s_min, s_max], else 0.  For S = 1 the raise keeps the marginals exactly.
With churn = 0 it is Heun's method in ρ.  Source: Karras et al. 2022, algorithm 2, carried to any schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.solvers.base import Node, Run, Solver


@dataclass(frozen=True, repr=False)
class EDM(Solver):
    """Two calls a step.  `churn`, `s_min`, `s_max` and `s_noise` are the paper's S_churn, S_tmin, S_tmax and S_noise."""

    churn: float = 0.0
    s_min: float = 0.0
    s_max: float = math.inf
    s_noise: float = 1.0
    name: str = "edm"

    kind = "epsilon"
    order = 2
    calls = 2
    exact = 1
    clock = "rho"
    source = "Karras et al. 2022, algorithm 2"

    def __post_init__(self) -> None:
        if not self.churn >= 0:
            raise BadInput(f"churn must not be negative: it is {self.churn}")
        if not 0 <= self.s_min <= self.s_max:
            raise BadInput(f"s_min and s_max must be ordered and not negative: they are {self.s_min} and {self.s_max}")
        if not self.s_noise > 0:
            raise BadInput(f"s_noise must be positive: it is {self.s_noise}")

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        return self.churn > 0

    def raised(self, run: Run, s: Node) -> Node:
        """The node with the noise level ρ_s (1 + γ); s itself where γ = 0 or the clock ends below it."""
        rho = float(s.rho)
        gamma = min(self.churn / run.grid.steps, math.sqrt(2) - 1) if self.s_min <= rho <= self.s_max else 0.0
        highest = float(run.grid.schedule.lam(run.grid.schedule.T))
        lam = s.lam - math.log1p(gamma)
        return run.grid.at_lam(lam) if gamma > 0 and float(lam) >= highest else s

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        y, start = x / s.alpha.to(x), s
        if self.churn > 0:
            start = self.raised(run, s)
            added = (start.rho**2 - s.rho**2).clamp(min=0).sqrt()
            y = y + (self.s_noise * added).to(x) * run.noise(x)
        h = (t.rho - start.rho).to(x)
        first = run.ask(start.alpha.to(x) * y, start)
        second = run.ask(t.alpha.to(x) * (y + h * first), t)
        return t.alpha.to(x) * (y + h * (first + second) / 2)
