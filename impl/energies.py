"""What a schedule of the straight path costs: energies of the conditional and of the marginal velocity, and their optima.

On x_t = (1 - ρ(t)) x_0 + ρ(t) ε, with ρ rising from 0 to 1,

    conditional    ∫ E|ρ'(ε - x_0)|² dt = (D + tr Cov[x_0] + |E x_0|²) ∫ ρ'² dt,   least for ρ = t
    marginal       ∫ E|v*|² dt = ∫ ρ'² κ(ρ) dt,   κ(ρ) = E|E[ε - x_0 | x_ρ]|²,     least for ρ' ∝ κ(ρ)^{-1/2}

The least marginal energy is (∫_0^1 √κ dρ)².  The monograph (6.3.4) prints ρ' ∝ 1/κ, taking κ for a function of t: that
schedule's energy is ∫ κ dρ, just what the linear schedule has.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.targets import GaussianMixture


def target_norm(target: GaussianMixture) -> Tensor:
    """E|ε - x_0|² = D + tr Cov[x_0] + |E x_0|², which no time enters.  The monograph, (6.3.7).

    >>> from concordant.impl.targets import Gaussian
    >>> float(target_norm(Gaussian(torch.tensor([3.0, 4.0]), 1.0)))
    29.0
    """
    spread = target.covariance.diagonal().sum()
    result: Tensor = target.dimension + spread + target.mean.square().sum()
    return result


class Pace:
    """ρ(t) with ρ' ∝ κ(ρ)^power, from values of κ at rising nodes 0 = ρ_0 < … < ρ_n = 1, linear in between.

    Power -1/2 is the schedule of least marginal energy, 0 the linear one, -1 the one that the monograph prints.
    Raises `BadInput` unless ρ goes from 0 to 1 rising, and κ is positive and of its shape (n + 1,).
    """

    def __init__(self, rho: Tensor, kappa: Tensor, power: float = -0.5) -> None:
        rho = checks.real("rho", rho, (None,))
        kappa = checks.real("kappa", kappa, rho.shape)
        if len(rho) < 2 or bool((rho.diff() <= 0).any()):
            raise BadInput("rho must rise, from one value to another")
        if float(rho[0]) != 0 or float(rho[-1]) != 1 or not bool((kappa > 0).all()):
            raise BadInput("rho must go from 0 to 1, and kappa be positive")
        slowness = kappa**-power
        at = torch.cat([rho.new_zeros(1), ((slowness[1:] + slowness[:-1]) / 2 * rho.diff()).cumsum(0)])
        self.rho, self.time = rho, at / at[-1]

    def __call__(self, t: Tensor) -> Tensor:
        """ρ(t)."""
        i = torch.searchsorted(self.time, t.contiguous(), right=True).clamp(1, len(self.time) - 1)
        share = (t - self.time[i - 1]) / (self.time[i] - self.time[i - 1])
        return self.rho[i - 1] + share * (self.rho[i] - self.rho[i - 1])

    def energy(self, kappa: Callable[[Tensor], Tensor]) -> Tensor:
        """∫ ρ'² κ(ρ) dt of the straight pieces, κ taken in their middles."""
        middle = kappa((self.rho[1:] + self.rho[:-1]) / 2)
        result: Tensor = (self.rho.diff().square() / self.time.diff() * middle).sum()
        return result


def marginal_energy(pace: Callable[[Tensor], Tensor], kappa: Callable[[Tensor], Tensor], steps: int = 4000) -> Tensor:
    """∫_0^1 ρ'² κ(ρ) dt by the midpoint rule on equal steps of t."""
    t = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    rho = pace(t)
    middle = kappa((rho[1:] + rho[:-1]) / 2)
    result: Tensor = (rho.diff().square() * middle).sum() * steps
    return result


def lipschitz_bound(linear: Tensor, lipschitz: Tensor) -> Tensor:
    """|L| + K, a Lipschitz constant of the semilinear drift L x + N(x) where N has the constant K.  The monograph, (6.3.4)."""
    return linear.abs() + lipschitz
