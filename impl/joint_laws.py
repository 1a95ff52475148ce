"""Joint laws of the reverse processes with γ = κ g, on Gaussian data: one family of marginals, a joint law for each κ.

On data N(m, c² I), with V_t = α_t² c² + σ_t², backwards from p_T

    dx = [f x - ½(1 + κ²) g² ∇log p_t] dt + κ g dw̄

has the marginals N(α_t m, V_t I) for every κ ≥ 0, and for s < t

    Cov(x_s, x_t) = K I,     K = (α_t/α_s)^{κ²} V_s^{(1+κ²)/2} V_t^{(1-κ²)/2} = √(V_s V_t) (α_{t|s}² V_s/V_t)^{κ²/2}
    x_s | x_t ~ N(α_s m + (K/V_t)(x_t - α_t m), (V_s - K²/V_t) I)

κ = 0 is the probability flow (K = √(V_s V_t): no randomness is left), κ = 1 the reverse SDE, whose joint law is that of the
forward process (K = α_{t|s} V_s).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.batch import column
from concordant.impl.schedules import Schedule
from concordant.impl.schedules.base import as_time


class _Both(NamedTuple):
    """V_s, V_t, and the exponent κ² log(α²_{t|s} V_s/V_t) ≤ 0 of the squared correlation of x_s and x_t."""

    before: Tensor
    after: Tensor
    exponent: Tensor


def _both(schedule: Schedule, variance: Tensor | float, s: Tensor | float, t: Tensor | float, kappa: float) -> _Both:
    variance, s, t = torch.as_tensor(variance, dtype=torch.float64), as_time(s), as_time(t)
    if not bool((variance > 0).all()):
        raise BadInput(f"variance must be positive: it is {float(variance.min()):g}")
    if not 0 <= kappa < math.inf:
        raise BadInput(f"kappa must be finite, and not negative: it is {kappa:g}")
    if not bool((s <= t).all()):
        raise BadInput("s must not be after t")
    before, after = (schedule.alpha(u) ** 2 * variance + schedule.sigma(u) ** 2 for u in (s, t))
    # α²_{t|s} V_s/V_t = 1 - σ²_{t|s}/V_t, which keeps the digits where s is close to t
    exponent = torch.special.xlog1py(kappa**2, -schedule.added_variance(s, t) / after)
    return _Both(before, after, exponent)


def covariance(
    schedule: Schedule, variance: Tensor | float, s: Tensor | float, t: Tensor | float, kappa: float = 1.0
) -> Tensor:
    """K of Cov(x_s, x_t) = K I for the reverse process with γ = κ g on data of that variance, s before t.

    s and t are numbers or tensors that broadcast, with values of their shape.  Raises `BadInput` for a variance that is
    not positive, a negative κ, or s after t.  Source: Lai et al. 2025, section 4.2.1 and proposition 6.4.1.

    >>> from concordant.impl.schedules import schedule
    >>> clock = schedule("flow-matching")
    >>> tuple(round(float(covariance(clock, 2.0, 0.2, 0.6, k)), 4) for k in (0.0, 1.0, 2.0))
    (0.9474, 0.66, 0.2231)
    """
    before, after, exponent = _both(schedule, variance, s, t, kappa)
    return (before * after).sqrt() * (exponent / 2).exp()


def transition(
    schedule: Schedule,
    mean: Tensor,
    variance: Tensor | float,
    x_t: Tensor,
    s: Tensor | float,
    t: Tensor | float,
    kappa: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Mean (..., D) and variance (...) of x_s | x_t for the reverse process with γ = κ g on data N(mean, variance I).

    The variance V_s - K²/V_t is taken as V_s (1 - (α²_{t|s} V_s/V_t)^{κ²}): 0 to the last digit for κ = 0, and to full relative
    precision where s is close to t.  Raises `BadInput` as `covariance` does.

    >>> from concordant.impl.schedules import schedule
    >>> x = torch.ones(2, dtype=torch.float64)
    >>> transition(schedule("flow-matching"), torch.zeros(2), 2.0, x, 0.2, 0.6, kappa=0.0)
    (tensor([1.3933, 1.3933], dtype=torch.float64), tensor(0., dtype=torch.float64))
    """
    s, t = as_time(s), as_time(t)
    before, after, exponent = _both(schedule, variance, s, t, kappa)
    slope = (before / after).sqrt() * (exponent / 2).exp()  # K/V_t
    centre = column(schedule.alpha(s)) * mean + column(slope) * (x_t - column(schedule.alpha(t)) * mean)
    return centre, before * torch.expm1(exponent).abs()
