"""Random probes of a divergence: how far off one probe is, known from the Jacobian.

For z with independent coordinates of mean 0, variance 1 and excess kurtosis κ, and a matrix J,

    E[zᵀJz] = tr J,     Var[zᵀJz] = Σ_ij J_ij (J_ij + J_ji) + κ Σ_i J_ii²

κ = 0 for normal probes and -2 for random signs, the least that there is: where J is diagonal, signs are exact.
Source: Hutchinson 1989; Lai et al. 2025, section 4.3.2.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from concordant.errors import BadInput

Law = Literal["signs", "normal"]
EXCESS: dict[str, float] = {"signs": -2.0, "normal": 0.0}


def _known(law: str) -> None:
    if law not in EXCESS:
        raise BadInput(f"law must be 'signs' or 'normal': it is {law!r}")


def draw(law: Law, n: int, x: Tensor, random: torch.Generator | None = None) -> Tensor:
    """n probes for points x (..., D), of shape (n, ..., D), to give to `calculus.hutchinson`.

    Raises `BadInput` for another law, and for n below 1.

    >>> draw("signs", 5, torch.zeros(3, 2)).square().mean()
    tensor(1.)
    """
    _known(law)
    if n < 1:
        raise BadInput(f"n must be at least 1: it is {n}")
    if law == "signs":
        return torch.randint(0, 2, (n, *x.shape), generator=random, device=x.device).to(x) * 2 - 1
    return torch.randn((n, *x.shape), generator=random, dtype=x.dtype, device=x.device)


def variance(jacobian: Tensor, law: Law = "signs") -> Tensor:
    """Var[zᵀJz] of one probe, for Jacobians (..., D, D), of shape (...).  With n probes it is 1/n of that.

    Raises `BadInput` for another law, and for what is not square.

    >>> variance(torch.tensor([[1.0, 2.0], [0.0, 3.0]])), variance(torch.eye(2), "normal")
    (tensor(4.), tensor(4.))
    """
    _known(law)
    if jacobian.ndim < 2 or jacobian.shape[-1] != jacobian.shape[-2]:
        raise BadInput(f"jacobian must have shape (..., D, D): it has {tuple(jacobian.shape)}")
    both = (jacobian * (jacobian + jacobian.mT)).sum((-1, -2))
    diagonal: Tensor = jacobian.diagonal(dim1=-2, dim2=-1).square().sum(-1)
    return both + EXCESS[law] * diagonal
