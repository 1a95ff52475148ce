"""Heun's method with the linear part exact: (9.4.14) of the book.

In λ the flow is dx/dλ = L x + N with N = -σ ε̂ and e^E = α_t/α_s; the prediction of the noise is weighed at both ends,

    x̃ = e^E x_s + h c_1 N_s,    x_t = e^E x_s + h [(c_1 - c_2) N_s + c_2 N_t],    c_1 = φ_1(E),  c_2 = φ_2(E).

Of order 2.  It is not DPM-Solver-2, with which it agrees to O(h³) in a step.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from concordant.impl.solvers.base import Node, Run, Solver
from concordant.impl.solvers.exponential import phi


@dataclass(frozen=True, repr=False)
class ExponentialHeun(Solver):
    """Two calls a step, order 2; exact for no polynomial, since N holds σ too."""

    name: str = "exponential heun"

    kind = "epsilon"
    order = 2
    calls = 2
    exact = None
    source = "Hochbruck and Ostermann 2010; the book's (9.4.14)"

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        h, growth = t.lam - s.lam, (t.alpha / s.alpha).log()
        c1, c2 = phi(1, growth), phi(2, growth)

        def rest(y: Tensor, at: Node) -> Tensor:
            return -at.sigma.to(x) * run.ask(y, at)

        first = rest(x, s)
        carried = (t.alpha / s.alpha).to(x) * x
        second = rest(carried + (h * c1).to(x) * first, t)
        return carried + (h * (c1 - c2)).to(x) * first + (h * c2).to(x) * second
