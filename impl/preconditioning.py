"""Preconditioning: what stands between a network and the denoiser, so that the network's input and target have variance 1.

    D(x, t) = c_skip x + c_out F(c_in x, c_noise),       R = α² σ_d² + σ²

    c_in = 1/√R,    c_skip = α σ_d²/R,    c_out = σ σ_d/√R,    weight 1/c_out² of |D - x_0|²

for data of mean 0 and variance σ_d² in each coordinate, under any schedule.  c_skip x is the best linear denoiser, so that
c_out is the least that the network's share can be scaled by, and the network has nothing to do on Gaussian data.  EDM's own is
α = 1, σ = t.  Source: Karras et al. 2022, appendix B.6; the monograph, (D.6.1)-(D.6.5).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.batch import column
from concordant.impl.calculus import Field
from concordant.impl.predictions import Predictor, predictor
from concordant.impl.schedules import Schedule


class Scales(NamedTuple):
    """c_in, c_skip, c_out at one time, or at one a point."""

    c_in: Tensor
    c_skip: Tensor
    c_out: Tensor


class Preconditioning:
    """The scales of a schedule for data of standard deviation `sigma_data`.

    Raises `BadInput` unless that is positive and finite, and at σ = 0 where c_out, which is 0 there, would be divided by.

    >>> import torch
    >>> from concordant.impl.schedules import EDM
    >>> scales = Preconditioning(EDM(), 0.5).scales(torch.tensor(0.5))
    >>> scales.c_in, scales.c_skip, scales.c_out
    (tensor(1.4142), tensor(0.5000), tensor(0.3536))
    """

    def __init__(self, schedule: Schedule, sigma_data: float = 0.5) -> None:
        if not 0 < sigma_data < math.inf:
            raise BadInput(f"sigma_data must be positive and finite: it is {sigma_data:g}")
        self.schedule, self.sigma_data = schedule, sigma_data

    def scales(self, t: Tensor) -> Scales:
        """c_in = R^{-1/2}, c_skip = α σ_d²/R, c_out = σ σ_d/√R."""
        level = self.schedule.at(t)
        total = (level.alpha * self.sigma_data) ** 2 + level.sigma**2
        root = total.sqrt()
        return Scales(1 / root, level.alpha * self.sigma_data**2 / total, level.sigma * self.sigma_data / root)

    def _columns(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        c_in, c_skip, c_out = (column(c.to(x)) for c in self.scales(t))
        return c_in, c_skip, c_out

    def denoiser(self, network: Field) -> Predictor:
        """The predictor of x_0 that a network F(c_in x, t) makes."""

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            c_in, c_skip, c_out = self._columns(x, t)
            return c_skip * x + c_out * network(c_in * x, t)

        return predictor(denoise, "x0")

    def target(self, x: Tensor, x0: Tensor, t: Tensor) -> Tensor:
        """(x_0 - c_skip x)/c_out, what the network is to predict."""
        self._check(t)
        _, c_skip, c_out = self._columns(x, t)
        return (x0 - c_skip * x) / c_out

    def weight(self, t: Tensor) -> Tensor:
        """1/c_out² = (α² σ_d² + σ²)/(σ σ_d)², under which the network's own errors count alike at all times."""
        self._check(t)
        return self.scales(t).c_out ** -2

    def _check(self, t: Tensor) -> None:
        if bool((self.schedule.sigma(t) == 0).any()):
            raise BadInput("t must have sigma > 0: without noise the network has no target")

    def loss(self, network: Field, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """|D(x_t) - x_0|²/c_out² of shape (...), which is |F - target|²."""
        level = self.schedule.at(t).to(x0)
        x = column(level.alpha) * x0 + column(level.sigma) * noise
        error = self.denoiser(network)(x, t).value - x0
        return self.weight(t).to(x0) * error.square().sum(-1)
