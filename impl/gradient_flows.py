"""Divergences as energies of densities, the velocities that lower them, and one step of a generator along a velocity.

An energy D(p) of a density has a first variation E, D(p + ε h) = D(p) + ε ∫ E h + O(ε²).  The density that moves at the
velocity w = -∇E loses D at the rate ∫ p |∇E|².

    KL(p ‖ q)  "reverse-kl"     E = log(p/q) + 1      w = ∇log q - ∇log p          Langevin dynamics
    KL(q ‖ p)  "forward-kl"     E = -q/p              w = (q/p)(∇log q - ∇log p)
    ∫ p²/q     "chi-squared"    E = 2 p/q             w = 2 (p/q)(∇log q - ∇log p)

A generator G_φ follows a velocity w at its samples by least squares, J d ≈ η w, or by gradient steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.errors import unknown
from concordant.impl import checks


class Energy(NamedTuple):
    """By the log-ratio r = log(p/q): D = ∫ q f(e^r), its first variation E, and -dE/dr, so that w = (-dE/dr) ∇r."""

    density: Callable[[Tensor], Tensor]
    variation: Callable[[Tensor], Tensor]
    rate: Callable[[Tensor], Tensor]


ENERGIES: dict[str, Energy] = {
    "reverse-kl": Energy(lambda r: r * r.exp(), lambda r: r + 1, lambda r: -torch.ones_like(r)),
    "forward-kl": Energy(lambda r: -r, lambda r: -(-r).exp(), lambda r: -(-r).exp()),
    "chi-squared": Energy(lambda r: (2 * r).exp(), lambda r: 2 * r.exp(), lambda r: -2 * r.exp()),
}


def energy(name: str) -> Energy:
    """The energy of that name.  Raises `BadInput` for another.

    >>> energy("reverse-kl").variation(torch.tensor(0.5))
    tensor(1.5000)
    """
    if name not in ENERGIES:
        raise unknown("energy", name, ENERGIES)
    return ENERGIES[name]


def velocity(name: str, log_ratio: Tensor, score_p: Tensor, score_q: Tensor) -> Tensor:
    """w = -∇E at points, (..., D), for log(p/q) (...) and the two scores (..., D) there.

    Raises `BadInput` for no energy, and where these are not of those shapes.

    >>> velocity("reverse-kl", torch.zeros(1), torch.tensor([[1.0]]), torch.tensor([[3.0]]))
    tensor([[2.]])
    """
    checks.real("score_p", score_p)
    checks.real("score_q", score_q, tuple(score_p.shape))
    checks.real("log_ratio", log_ratio, tuple(score_p.shape[:-1]))
    return energy(name).rate(log_ratio).unsqueeze(-1) * (score_p - score_q)


def gauss_newton(jacobian: Tensor, w: Tensor, eta: float = 1.0) -> Tensor:
    """The d (P,) for which |J d - η w|² is least, η (JᵀJ)⁻¹ Jᵀ w where that is one vector, for J (N, P) and w (N,).

    Where JᵀJ is singular, the shortest of all such d.

    >>> gauss_newton(torch.tensor([[1.0], [1.0]]), torch.tensor([1.0, 3.0])).round(decimals=3)
    tensor([2.])
    """
    checks.real("jacobian", jacobian, (None, None))
    checks.real("w", w, (jacobian.shape[0],))
    found: Tensor = torch.linalg.lstsq(jacobian, eta * w.unsqueeze(-1), driver="gelsd").solution.squeeze(-1)
    return found


def held_regression(outputs: Tensor, w: Tensor, eta: float = 1.0) -> Tensor:
    """½ |G - sg(G + η w)|², a number, for outputs G with their graph: its gradient in the parameters is -η Jᵀ w.

    Raises `BadInput` for w of another shape than G.
    """
    checks.real("w", w, tuple(outputs.shape))
    return (outputs - (outputs + eta * w).detach()).square().sum() / 2


def reverse_kl_surrogate(samples: Tensor, score_p: Tensor, score_q: Tensor, weights: Tensor | None = None) -> Tensor:
    """A number whose gradient in the parameters of the samples x̂ (n, D) is that of KL(p ‖ q), p being the samples' law:

        E[sg(∇log p - ∇log q)(x̂) · x̂],   gradient E[(∇log p - ∇log q)(x̂) · ∂x̂]

    for the scores at the samples, (n, D), and equal weights, or those given, (n,).  Raises `BadInput` for other shapes.
    """
    checks.real("samples", samples, (None, None))
    for name, score in (("score_p", score_p), ("score_q", score_q)):
        checks.real(name, score, tuple(samples.shape))
    share = samples.new_full(samples.shape[:1], 1 / len(samples)) if weights is None else weights
    return share @ ((score_p - score_q).detach() * samples).sum(-1)
