"""Euler's and Heun's methods on the probability flow, on the clock of one's choice.

On a clock c the flow is dy/dc = F: plain time (y = x, F = velocity), λ (y = x, F = velocity/λ'), or ρ = σ/α (y = x/α, F = ε̂).
Euler's method in ρ is DDIM; where α and σ are affine in t so is Euler's method in t.
Source: the book's 9.2 and (9.4.13); Karras et al. 2022, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from concordant.errors import unknown
from concordant.impl.predictions import Kind
from concordant.impl.solvers.base import Clock, Node, Run, Solver


class _On(NamedTuple):
    """A clock: its reading at a node, the scale y/x of its state, the prediction and the factor that make F."""

    reading: Callable[[Node], Tensor]
    scale: Callable[[Node], Tensor | float]
    kind: Kind
    factor: Callable[[Run, Node], Tensor | float]


CLOCKS: dict[str, _On] = {
    "t": _On(lambda n: n.t, lambda n: 1.0, "velocity", lambda run, n: 1.0),
    "lam": _On(lambda n: n.lam, lambda n: 1.0, "velocity", lambda run, n: 1 / run.grid.schedule.d_lam(n.t)),
    "rho": _On(lambda n: n.rho, lambda n: 1 / n.alpha, "epsilon", lambda run, n: 1.0),
}


def _like(value: Tensor | float, x: Tensor) -> Tensor | float:
    return value.to(x) if isinstance(value, Tensor) else value


@dataclass(frozen=True, repr=False)
class RungeKutta(Solver):
    """Euler's method (one stage) or Heun's (two), on a clock: "t", "lam" or "rho".

    Exact for the polynomials (in the clock) that the quadrature of its slopes integrates: constants for Euler, lines for Heun.
    """

    name: str
    clock: Clock
    stages: int = 1

    source = "Euler; Heun; on the flow, Karras et al. 2022"

    def __post_init__(self) -> None:
        if self.clock not in CLOCKS:
            raise unknown("clock", self.clock, CLOCKS)

    @property
    def kind(self) -> Kind:  # type: ignore[override]
        return CLOCKS[self.clock].kind

    @property
    def order(self) -> int:  # type: ignore[override]
        return self.stages

    @property
    def calls(self) -> int:  # type: ignore[override]
        return self.stages

    @property
    def exact(self) -> int | None:  # type: ignore[override]
        return None if self.clock == "lam" else self.stages - 1

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        on, s, t = CLOCKS[self.clock], run.grid[i], run.grid[i + 1]
        h = _like(on.reading(t) - on.reading(s), x)

        def slope(at: Node, y: Tensor) -> Tensor:
            point = y / _like(on.scale(at), x)
            return _like(on.factor(run, at), x) * run.ask(point, at)

        y = _like(on.scale(s), x) * x
        first = slope(s, y)
        step = first if self.stages == 1 else (first + slope(t, y + h * first)) / 2
        return (y + h * step) / _like(on.scale(t), x)
