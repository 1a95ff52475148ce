"""AB-DEIS: the noise prediction interpolated by a polynomial in t, the rest integrated by quadrature.

    x_i = (α_i/α_{i-1}) x_{i-1} + Σ_j C_ij ε̂_{i-1-j},   C_ij = ½ ∫ (g²/σ)(α_i/α_τ) ℓ_j(τ) dτ = -α_i ∫ e^{-λ} ℓ_j(t(λ)) dλ

The second form is smooth in λ and integrated there by Gauss and Legendre's rule.  Source: Zhang and Chen 2023, (13) to (15).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.schedules import Schedule
from concordant.impl.solvers.base import Known, Node, Run, Solver

POINTS = 32


@cache
def _rule() -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)


def lagrange(nodes: Tensor, at: Tensor) -> Tensor:
    """ℓ_j(at) for the basis of Lagrange at the nodes (n,), of shape (n, *at.shape): ℓ_j(τ_k) = δ_jk and Σ_j ℓ_j = 1.

    >>> lagrange(torch.tensor([0.0, 1.0]), torch.tensor(0.25))
    tensor([0.7500, 0.2500])
    """
    basis = []
    for j, node in enumerate(nodes):
        others = torch.cat([nodes[:j], nodes[j + 1 :]])
        basis.append(
            torch.stack([(at - other) / (node - other) for other in others]).prod(0)
            if len(others)
            else torch.ones_like(at)
        )
    return torch.stack(basis)


def deis_coefficients(schedule: Schedule, times: Tensor, s: Node, t: Node) -> Tensor:
    """C_j for the predictions at `times` (n,), of shape (n,), in the step from s to t.  Their sum is DDIM's coefficient."""
    where, weights = _rule()
    h = t.lam - s.lam
    lam = s.lam + h * where
    inner = schedule.t_of_lam(lam)
    # α_t e^{-λ} = σ_t e^{λ_t - λ}, which does not overflow
    return -t.sigma * h * (lagrange(times, inner) * torch.exp(t.lam - lam) * weights).sum(-1)


@dataclass(frozen=True, repr=False)
class DEIS(Solver):
    """AB-DEIS of that degree: order degree + 1 with exact starters; a warm start limits it to 2."""

    degree: int = 2
    name: str = "deis"

    kind = "epsilon"
    clock = "t"
    source = "Zhang and Chen 2023"

    def __post_init__(self) -> None:
        if not 0 <= self.degree <= 3:
            raise BadInput(f"degree must be 0 to 3: it is {self.degree}")

    @property
    def order(self) -> int:  # type: ignore[override]
        return self.degree + 1

    @property
    def exact(self) -> int:  # type: ignore[override]
        return self.degree

    @property
    def memory(self) -> int:  # type: ignore[override]
        return self.degree

    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        s, t = run.grid[i], run.grid[i + 1]
        run.past.append(Known(s, run.ask(x, s)))
        known = run.past[-self.degree - 1 :]
        coefficients = deis_coefficients(run.grid.schedule, torch.stack([k.node.t for k in known]), s, t)
        moved = (t.alpha / s.alpha).to(x) * x
        for c, one in zip(coefficients, known, strict=True):
            moved = moved + c.to(x) * one.value
        return moved
