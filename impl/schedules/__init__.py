"""Noise schedules: how much of the data is left at time t, and how much noise there is.

    x_t = α_t x_0 + σ_t ε,      t = 0 is data, t = T is noise.

All else follows from the pair (α, σ):

    λ = log(α/σ)          half the log signal-to-noise ratio;  SNR = α²/σ²
    f = α'/α              drift of the linear SDE  dx = f(t) x dt + g(t) dw  that has these kernels
    g² = (σ²)' - 2 f σ²   its squared diffusion  (= -2 σ² λ')

A schedule is a pair of functions with their derivatives on a clock [0, T].  Two schedules with the same λ are one
process seen at another scale: x^(2) = (α^(2)/α^(1)) x^(1).  `VariancePreserving(s)` and `VarianceExploding(s)` are the
twins of s at the scales of DDPM (α² + σ² = 1) and of NCSN (α = 1).

Each of α, σ, α', (σ²)' is written so that it keeps its relative accuracy at both ends of the clock: `expm1` in
place of exp(x) - 1, sin(π(1-t)/2) in place of cos(πt/2).  Where σ = 0, σ' may be infinite while (σ²)' is not.
"""

from concordant.impl.schedules.base import (
    Level,
    Rescaled,
    Schedule,
    VarianceExploding,
    VariancePreserving,
    as_time,
)
from concordant.impl.schedules.custom import Custom, FromSDE
from concordant.impl.schedules.named import (
    EDM,
    SCHEDULES,
    VE,
    FlowMatching,
    SubVP,
    Trigonometric,
    VPCosine,
    VPLinear,
    schedule,
)

__all__ = [
    "EDM",
    "SCHEDULES",
    "VE",
    "Custom",
    "FlowMatching",
    "FromSDE",
    "Level",
    "Rescaled",
    "Schedule",
    "SubVP",
    "Trigonometric",
    "VPCosine",
    "VPLinear",
    "VarianceExploding",
    "VariancePreserving",
    "as_time",
    "schedule",
]
