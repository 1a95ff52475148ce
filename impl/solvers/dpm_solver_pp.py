"""DPM-Solver++: the same with the prediction of the data, x_t = (σ_t/σ_s) x_s + σ_t ∫ e^λ x̂ dλ.

    2S   u = (σ_m/σ_s) x + α_m (1 - e^{-h/2}) x̂_s,   x_t = (σ_t/σ_s) x + α_t (1 - e^{-h}) x̂(u)
    2M   x_t = (σ_t/σ_s) x + α_t (1 - e^{-h}) D,   D = (1 + r/2) x̂_i - (r/2) x̂_{i-1},   r = h_i/h_{i-1}

2M's D is simplified: where the data prediction is affine in λ it is off by O(h²) of its slope, and the exact weights are those
of `ExponentialAdams(degree=1)`.  Both are of order 2.  `noise` adds that of the reverse SDE (SDE-DPM-Solver++ 2M, midpoint form):

    x_t = (σ_t/σ_s) e^{-h} x + α_t (1 - e^{-2h}) D + σ_t √(1 - e^{-2h}) z

Source: Lu et al. 2022 (DPM-Solver++), algorithms 1 and 2; the book's algorithms 9.2 and 9.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.impl.solvers.adams import linear_part
from concordant.impl.solvers.base import Known, Node, Run, Solver


def _coast(x: Tensor, s: Node, t: Node, x0: Tensor) -> Tensor:
    """(σ_t/σ_s) x + α_t (1 - e^{-h}) x̂: the step with the prediction held."""
    return (t.sigma / s.sigma).to(x) * x - (t.alpha * torch.expm1(s.lam - t.lam)).to(x) * x0


@dataclass(frozen=True, repr=False)
class DPMSolverPP2S(Solver):
    """Singlestep, order 2 with two calls."""

    name: str = "dpm-solver++(2s)"

    kind = "x0"
    order = 2
    calls = 2
    source = "Lu et al. 2022 (DPM-Solver++), algorithm 1"

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        middle = run.grid.at_lam((s.lam + t.lam) / 2)
        return _coast(x, s, t, run.ask(_coast(x, s, middle, run.ask(x, s)), middle))


@dataclass(frozen=True, repr=False)
class DPMSolverPP2M(Solver):
    """Multistep, order 2 with one call; the simplified D."""

    noise: bool = False
    name: str = "dpm-solver++(2m)"

    kind = "x0"
    order = 2
    memory = 1
    source = "Lu et al. 2022 (DPM-Solver++), algorithm 2"

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        return self.noise

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        run.past.append(Known(s, run.ask(x, s)))
        d = run.past[-1].value
        if len(run.past) > 1:
            ratio = (t.lam - s.lam) / (s.lam - run.past[-2].node.lam)
            d = (1 + ratio / 2).to(x) * d - (ratio / 2).to(x) * run.past[-2].value
        if not self.noise:
            return _coast(x, s, t, d)
        on_x, _, spread, _ = linear_part("x0", 1.0, s, t)
        return on_x.to(x) * x - (t.alpha * torch.expm1(2 * (s.lam - t.lam))).to(x) * d + spread.to(x) * run.noise(x)
