"""Exponential Adams methods: the earlier predictions interpolated by a polynomial in λ, and the rest integrated exactly.

Between λ_s and λ_t = λ_s + h the reverse process of constant stochasticity τ (τ = 0 the probability flow, τ = 1 the reverse SDE)
has the exact solution, for predictions of the data and of the noise,

    x_t = (σ_t/σ_s) e^{-τ²h} x_s + (1+τ²) α_t ∫ e^{-(1+τ²)(λ_t-λ)} x̂(λ) dλ + σ_t √(1 - e^{-2τ²h}) z
    x_t = (α_t/α_s)          x_s - (1+τ²) σ_t ∫ e^{λ_t-λ}          ε̂(λ) dλ + σ_t √(τ²(e^{2h} - 1)) z

and with the prediction replaced by its interpolant of degree n the integrals are `exponential.weights`.  Special cases:
degree 0 and τ = 0 is DDIM (DPM-Solver-1); degree 1 of the data prediction is DPM-Solver++ 2M with its integral exact, degree 2
is 3M; τ = 1 gives SDE-DPM-Solver++; general τ with a corrector is SA-Solver (Xue et al. 2023, (14) to (17)); τ = 0 with a
corrector is UniPC (Zhao et al. 2023) where its linear system is solved in full.

The corrector repeats the last step with the interpolant through the new prediction too: one degree more, no call more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.solvers.base import Grid, Known, Node, Run, Solver
from concordant.impl.solvers.exponential import weights

Head = Literal["x0", "epsilon"]


def linear_part(kind: Head, tau: float, s: Node, t: Node) -> tuple[Tensor, Tensor, Tensor, float]:
    """The factor of x_s, the factor of the integral, the noise's standard deviation, and the rate c of the weight e^{c(λ_t-λ)}."""
    h, grow = t.lam - s.lam, 1 + tau**2
    if kind == "x0":
        spread = t.sigma * torch.sqrt(-torch.expm1(-2 * tau**2 * h))
        return t.sigma / s.sigma * torch.exp(-(tau**2) * h), grow * t.alpha, spread, -grow
    return t.alpha / s.alpha, -grow * t.sigma, t.sigma * torch.sqrt(tau**2 * torch.expm1(2 * h)), 1.0


def combine(kind: Head, tau: float, x: Tensor, s: Node, t: Node, known: Sequence[Known], z: Tensor | None) -> Tensor:
    """x_t from x_s by the interpolant through what is known, with noise z (none where τ = 0)."""
    on_x, on_integral, spread, rate = linear_part(kind, tau, s, t)
    nodes = torch.stack([one.node.lam for one in known])
    result = on_x.to(x) * x
    for weight, one in zip(on_integral * weights(nodes - s.lam, t.lam - s.lam, rate), known, strict=True):
        result = result + weight.to(x) * one.value
    return result if z is None else result + spread.to(x) * z


@dataclass(frozen=True, repr=False)
class ExponentialAdams(Solver):
    """The method of that degree; with `corrector` one order more.  `tau` is τ ≥ 0.

    Order degree + 1 (+ 1 with the corrector) where τ = 0 and the history is exact; a warm start of low degree limits it to 2.
    """

    kind: Head = "x0"
    degree: int = 1
    tau: float = 0.0
    corrector: bool = False
    name: str = "exponential Adams"

    source = "Zhang and Chen 2023; Lu et al. 2022; Xue et al. 2023; Zhao et al. 2023"

    def __post_init__(self) -> None:
        if self.kind not in ("x0", "epsilon"):
            raise BadInput(f"kind must be 'x0' or 'epsilon': it is {self.kind!r}")
        if not 0 <= self.degree <= 4:
            raise BadInput(f"degree must be 0 to 4: it is {self.degree}")
        if not self.tau >= 0:
            raise BadInput(f"tau must not be negative: it is {self.tau}")

    @property
    def order(self) -> int:  # type: ignore[override]
        return self.degree + 1 + self.corrector

    @property
    def exact(self) -> int:  # type: ignore[override]
        return self.degree  # of the last step, which nothing corrects

    @property
    def memory(self) -> int:  # type: ignore[override]
        return self.degree

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        return self.tau > 0

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        run.past.append(Known(s, run.ask(x, s)))
        if self.corrector and run.before is not None:
            x = self._move(run, run.before, run.grid[i - 1], s, self.degree + 2, run.last_noise)
        run.before, run.last_noise = x, run.noise(x) if self.tau > 0 else None
        return self._move(run, x, s, t, self.degree + 1, run.last_noise)

    def _move(self, run: Run, x: Tensor, s: Node, t: Node, count: int, z: Tensor | None) -> Tensor:
        return combine(self.kind, self.tau, x, s, t, run.past[-count:], z)


def adams_coefficients(kind: Head, grid: Grid, degree: int, i: int) -> Tensor:
    """The coefficients of the predictions at nodes i, i-1, … in step i of the deterministic method, of shape (degree + 1,).

    Their sum is DDIM's coefficient, whatever the degree.
    """
    if not 0 <= degree <= i < grid.steps:
        raise BadInput(f"degree must be 0 to i and i below {grid.steps}: they are {degree} and {i}")
    s, t = grid[i], grid[i + 1]
    _, on_integral, _, rate = linear_part(kind, 0.0, s, t)
    return on_integral * weights(grid.lam[i - degree : i + 1].flip(0) - s.lam, t.lam - s.lam, rate)
