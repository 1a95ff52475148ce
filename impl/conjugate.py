"""Two schedules are one flow seen at two scales and on two clocks; here whatever is written for one is carried to the other.

At the times t and u with the same λ = log(α/σ), x^(2) = c x^(1) with c = R₂/R₁, where (R, θ) are the polar coordinates of
(α, σ):  α = R cos θ, σ = R sin θ, λ = log cot θ.  Every path is x = R (cos θ x_0 + sin θ ε).

    prediction    x_0 and ε are the same; the score is divided by c, v multiplied by it
    velocity      v₂(y, u) = (c'/c) y + c t'(u) v₁(y/c, t)
    sampler       y ↦ c_u · step(y/c_s, t(s), t(u))

Source: the monograph, proposition 6.3.3 and (6.3.4), (6.3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.impl.batch import column
from concordant.impl.calculus import Field
from concordant.impl.predictions import Prediction, Predictor
from concordant.impl.schedules import Schedule

#: One step of a sampler, or the whole of it: (x at the first time, times) to x at the last.
Sampler = Callable[[Tensor, Tensor], Tensor]


class Polar(NamedTuple):
    """R = √(α² + σ²), θ = atan2(σ, α), and their derivatives on the clock."""

    radius: Tensor
    angle: Tensor
    d_radius: Tensor
    d_angle: Tensor


def polar(schedule: Schedule, t: Tensor | float) -> Polar:
    """R, θ, R' = (αα' + σσ')/R, θ' = (ασ' - α'σ)/R².

    >>> from concordant.impl.schedules import FlowMatching
    >>> radius, angle, d_radius, d_angle = polar(FlowMatching(), 0.5)
    >>> float(angle) * 4, float(d_radius), float(d_angle)
    (3.141592653589793, 0.0, 2.0)
    """
    n = schedule.at(t)
    radius2 = n.alpha**2 + n.sigma**2
    radius = radius2.sqrt()
    turning = torch.where(n.sigma > 0, n.alpha * n.d_sigma - n.d_alpha * n.sigma, n.alpha * n.d_sigma) / radius2
    return Polar(radius, torch.atan2(n.sigma, n.alpha), (n.alpha * n.d_alpha + n.d_sigma2 / 2) / radius, turning)


class Conjugacy:
    """From a schedule `source` to another, `target`: times u, points y, predictors and samplers of the target's.

    Raises `BadInput` at times of the target whose λ the source's clock does not reach.
    """

    def __init__(self, source: Schedule, target: Schedule) -> None:
        self.source, self.target = source, target

    def time(self, u: Tensor) -> Tensor:
        """t(u), with the same λ."""
        return self.source.t_of_lam(self.target.lam(u))

    def scale(self, u: Tensor) -> Tensor:
        """c = R₂(u)/R₁(t(u)), right also where α is 0."""
        return polar(self.target, u).radius / polar(self.source, self.time(u)).radius

    def back(self, y: Tensor, u: Tensor) -> Tensor:
        """The source's point y/c."""
        return y / column(self.scale(u).to(y))

    def there(self, x: Tensor, u: Tensor) -> Tensor:
        """The target's point c x."""
        return column(self.scale(u).to(x)) * x

    # ---------------------------------------------------------------- networks
    def predictor(self, model: Predictor) -> Predictor:
        """What a predictor of the source's says of the target's points; of the kind that it is of."""

        def predict(x: Tensor, t: Tensor) -> Prediction:
            made, c = model(self.back(x, t), self.time(t)), column(self.scale(t).to(x))
            if made.kind == "velocity":
                return Prediction("velocity", self._velocity(x, t, made.value))
            factor = {"x0": torch.ones_like(c), "epsilon": torch.ones_like(c), "score": 1 / c, "v": c}[made.kind]
            return Prediction(made.kind, factor * made.value)

        return predict

    def velocity(self, field: Field) -> Field:
        """The target's velocity from the source's: (c'/c) y + c t' v(y/c, t)."""
        return lambda y, u: self._velocity(y, u, field(self.back(y, u), self.time(u)))

    def _velocity(self, y: Tensor, u: Tensor, v: Tensor) -> Tensor:
        here, there = polar(self.source, self.time(u)), polar(self.target, u)
        pace = there.d_angle / here.d_angle  # t'(u): θ is the same
        growth = there.d_radius / there.radius - pace * here.d_radius / here.radius
        scale = there.radius / here.radius
        return column(growth.to(y)) * y + column((scale * pace).to(y)) * v

    # ---------------------------------------------------------------- samplers
    def sampler(self, sample: Sampler) -> Sampler:
        """The whole sampler on the target's schedule: the same samples, rescaled.

        `sample` takes the source's points at the first of its times along those times, and so does what is returned.
        """

        def carried(y: Tensor, times: Tensor) -> Tensor:
            return self.there(sample(self.back(y, times[0]), self.time(times)), times[-1])

        return carried
