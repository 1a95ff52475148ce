"""DPM-Solver: Taylor's expansion of the noise prediction in λ, its derivatives from stages within the step.

With h = λ_t - λ_s, a stage at r h being u_r, and expm1(z) = e^z - 1:

    order 2   u = (α_m/α_s) x - σ_m expm1(r h) ε̂_s
              x_t = (α_t/α_s) x - σ_t expm1(h) ε̂_s - (σ_t/r) φ_2(h) h (ε̂(u) - ε̂_s)                (Lu et al. 2022, (9.4.11))
              or with the prediction at the middle alone, x_t = (α_t/α_s) x - σ_t expm1(h) ε̂(u)    (their algorithm 1)
    order 3   two stages, r_1 = 1/3 and r_2 = 2/3                                                   (their algorithm 2)

The midpoint form and the other with r = 1/2 differ by O(h³).  Order 1 is DDIM.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.solvers.base import Node, Run, Solver
from concordant.impl.solvers.exponential import phi


def _coast(x: Tensor, s: Node, t: Node, epsilon: Tensor) -> Tensor:
    """(α_t/α_s) x - σ_t (e^h - 1) ε: the step with the prediction held."""
    return (t.alpha / s.alpha).to(x) * x - (t.sigma * torch.expm1(t.lam - s.lam)).to(x) * epsilon


@dataclass(frozen=True, repr=False)
class DPMSolver2(Solver):
    """Order 2 with two calls; `r` in (0, 1] is where the second is, and `midpoint` takes the prediction there alone (r = 1/2)."""

    r: float = 0.5
    midpoint: bool = True
    name: str = "dpm-solver-2"

    kind = "epsilon"
    order = 2
    calls = 2
    source = "Lu et al. 2022 (DPM-Solver)"

    def __post_init__(self) -> None:
        if not 0 < self.r <= 1:
            raise BadInput(f"r must lie in (0, 1]: it is {self.r}")
        if self.midpoint and self.r != 0.5:
            raise BadInput(f"midpoint needs r = 0.5: it is {self.r}")

    @property
    def exact(self) -> int:  # type: ignore[override]
        return 0 if self.midpoint else 1

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        h = t.lam - s.lam
        middle = run.grid.at_lam(s.lam + self.r * h) if self.r < 1 else t
        first = run.ask(x, s)
        second = run.ask(_coast(x, s, middle, first), middle)
        if self.midpoint:
            return _coast(x, s, t, second)
        return _coast(x, s, t, first) - (t.sigma * h * phi(2, h) / self.r).to(x) * (second - first)


@dataclass(frozen=True, repr=False)
class DPMSolver3(Solver):
    """Order 3 with three calls."""

    name: str = "dpm-solver-3"

    kind = "epsilon"
    order = 3
    calls = 3
    exact = 1
    source = "Lu et al. 2022 (DPM-Solver), algorithm 2"

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t, r1, r2 = run.grid[i], run.grid[i + 1], 1 / 3, 2 / 3
        h = t.lam - s.lam
        one, two = run.grid.at_lam(s.lam + r1 * h), run.grid.at_lam(s.lam + r2 * h)
        first = run.ask(x, s)
        change = run.ask(_coast(x, s, one, first), one) - first
        lean = (two.sigma * r2 / r1 * r2 * h * phi(2, r2 * h)).to(x)
        last = run.ask(_coast(x, s, two, first) - lean * change, two) - first
        return _coast(x, s, t, first) - (t.sigma / r2 * h * phi(2, h)).to(x) * last
