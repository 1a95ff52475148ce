"""The schedules in use, by name."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import unknown
from concordant.impl.schedules.base import Schedule, as_time


@dataclass(frozen=True, repr=False)
class VPLinear(Schedule):
    """Variance preserving with β(t) = β_min + t (β_max - β_min):  α = e^{-B/2}, σ² = 1 - e^{-B}, B = ∫_0^t β.

    Source: Song et al. 2021 (score SDE), equations 32 and 33; the limit of Ho et al. 2020.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    name: str = "vp-linear"

    def beta(self, t: Tensor) -> Tensor:
        return self.beta_min + as_time(t) * (self.beta_max - self.beta_min)

    def integral_of_beta(self, t: Tensor) -> Tensor:
        t = as_time(t)
        return t * (self.beta_min + t * (self.beta_max - self.beta_min) / 2)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-self.integral_of_beta(t) / 2)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-self.integral_of_beta(t)))

    def d_alpha(self, t: Tensor) -> Tensor:
        return -self.beta(t) / 2 * self.alpha(t)

    def d_sigma2(self, t: Tensor) -> Tensor:
        return self.beta(t) * torch.exp(-self.integral_of_beta(t))

    def _beta_between(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        """∫_s^t β."""
        s, t = as_time(s), as_time(t)
        return (t - s) * (self.beta_min + (s + t) * (self.beta_max - self.beta_min) / 2)

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        return -torch.expm1(-self._beta_between(s, t))

    def _inverse(self, lam: Tensor) -> Tensor:
        return self._when(torch.nn.functional.softplus(-2 * lam, threshold=40))  # α² = 1/(1 + e^{-2λ})

    def _when(self, b: Tensor) -> Tensor:
        """The time at which B = ∫β has the value b: the root of a quadratic, in the form that does not cancel."""
        return 2 * b / (self.beta_min + torch.sqrt(self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * b))


@dataclass(frozen=True, repr=False)
class SubVP(VPLinear):
    """Sub-VP with the same linear β:  α = e^{-B/2}, σ = 1 - e^{-B}, whose variance never exceeds VP's.

    Source: Song et al. 2021 (score SDE), equation 29.
    """

    name: str = "sub-vp"

    def sigma(self, t: Tensor) -> Tensor:
        return -torch.expm1(-self.integral_of_beta(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        return self.beta(t) * torch.exp(-self.integral_of_beta(t))

    def d_sigma2(self, t: Tensor) -> Tensor:
        return 2 * self.sigma(t) * self.d_sigma(t)

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        # with b = ½ ∫_s^t β:  σ_t - e^{-b} σ_s = (1 - e^{-b}) (1 + α_s α_t)
        lost = -torch.expm1(-self._beta_between(s, t) / 2)
        s, t = as_time(s), as_time(t)
        return lost * (1 + self.alpha(s) * self.alpha(t)) * (self.sigma(t) + (1 - lost) * self.sigma(s))

    def _inverse(self, lam: Tensor) -> Tensor:
        ratio = torch.exp(-lam)  # (1 - α²)/α, so that α = 2/(ratio + √(ratio² + 4))
        return self._when(2 * torch.asinh(ratio / 2))


@dataclass(frozen=True, repr=False)
class VPCosine(Schedule):
    """The cosine schedule with offset s:  α = cos θ_t / cos θ_0,  σ² = 1 - α²,  θ_t = (π/2)(t + s)/(1 + s).

    σ² = sin(θ_t - θ_0) sin(θ_t + θ_0) / cos² θ_0, which keeps its digits as t → 0.
    Source: Nichol and Dhariwal 2021, equation 17 (their ᾱ is our α²).
    """

    offset: float = 0.008
    name: str = "vp-cosine"

    @property
    def _rate(self) -> float:
        return math.pi / 2 / (1 + self.offset)

    @property
    def _cos0(self) -> float:
        return math.cos(self._rate * self.offset)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.sin(self._rate * (1 - as_time(t))) / self._cos0  # cos θ_t = sin(π/2 - θ_t)

    def sigma(self, t: Tensor) -> Tensor:
        t = as_time(t)
        return torch.sqrt(torch.sin(self._rate * t) * torch.sin(self._rate * (t + 2 * self.offset))) / self._cos0

    def d_alpha(self, t: Tensor) -> Tensor:
        return -self._rate * torch.cos(self._rate * (1 - as_time(t))) / self._cos0

    def d_sigma2(self, t: Tensor) -> Tensor:
        return -2 * self.alpha(t) * self.d_alpha(t)

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        return _on_a_circle(self._rate, self.offset, as_time(s), as_time(t))


@dataclass(frozen=True, repr=False)
class Trigonometric(Schedule):
    """α = cos(πt/2), σ = sin(πt/2): variance preserving, on a quarter of a circle."""

    name: str = "trigonometric"

    def alpha(self, t: Tensor) -> Tensor:
        return torch.sin(math.pi / 2 * (1 - as_time(t)))

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sin(math.pi / 2 * as_time(t))

    def d_alpha(self, t: Tensor) -> Tensor:
        return -math.pi / 2 * self.sigma(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return math.pi / 2 * self.alpha(t)

    def d_sigma2(self, t: Tensor) -> Tensor:
        return 2 * self.sigma(t) * self.d_sigma(t)

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        return _on_a_circle(math.pi / 2, 0.0, as_time(s), as_time(t))

    def _inverse(self, lam: Tensor) -> Tensor:
        return torch.atan(torch.exp(-lam)) * (2 / math.pi)


@dataclass(frozen=True, repr=False)
class FlowMatching(Schedule):
    """The linear path of flow matching:  α = 1 - t, σ = t.  At t = T = 1 nothing of the data is left.

    Source: Lipman et al. 2023 with σ_min = 0, Liu et al. 2023 (rectified flow); their time is our 1 - t.
    """

    name: str = "flow-matching"

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - as_time(t)

    def sigma(self, t: Tensor) -> Tensor:
        return as_time(t) * 1

    def d_alpha(self, t: Tensor) -> Tensor:
        return -torch.ones_like(as_time(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        return torch.ones_like(as_time(t))

    def d_sigma2(self, t: Tensor) -> Tensor:
        return 2 * as_time(t)

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        s, t = as_time(s), as_time(t)
        return (t - s) * (t * (1 - s) + s * (1 - t)) / (1 - s) ** 2

    def _inverse(self, lam: Tensor) -> Tensor:
        return torch.sigmoid(-lam)


@dataclass(frozen=True, repr=False)
class EDM(Schedule):
    """Variance exploding with time itself as the noise level:  α = 1, σ = t, on the clock [0, 80].

    Source: Karras et al. 2022, table 1.
    """

    T: float = 80.0
    name: str = "edm"

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(as_time(t))

    def sigma(self, t: Tensor) -> Tensor:
        return as_time(t) * 1

    def d_alpha(self, t: Tensor) -> Tensor:
        return torch.zeros_like(as_time(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        return torch.ones_like(as_time(t))

    def d_sigma2(self, t: Tensor) -> Tensor:
        return 2 * as_time(t)

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        s, t = as_time(s), as_time(t)
        return (t - s) * (t + s)

    def _inverse(self, lam: Tensor) -> Tensor:
        return torch.exp(-lam)


@dataclass(frozen=True, repr=False)
class VE(Schedule):
    """Variance exploding, geometric:  α = 1,  σ² = σ_min² (ρ^{2t} - 1),  ρ = σ_max/σ_min.

    The kernel of the SDE with g² = d/dt (σ_min ρ^t)² started from data: its variance is σ(t)² - σ(0)², while much
    code takes σ(t)² itself.  Source: Song et al. 2021 (score SDE), equations 30 and 31.
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0
    name: str = "ve"

    @property
    def _log_ratio(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(as_time(t))

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * torch.sqrt(torch.expm1(2 * self._log_ratio * as_time(t)))

    def d_alpha(self, t: Tensor) -> Tensor:
        return torch.zeros_like(as_time(t))

    def d_sigma2(self, t: Tensor) -> Tensor:
        return 2 * self._log_ratio * self.sigma_min**2 * torch.exp(2 * self._log_ratio * as_time(t))

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        rate, s, t = 2 * self._log_ratio, as_time(s), as_time(t)
        return self.sigma_min**2 * torch.exp(rate * s) * torch.expm1(rate * (t - s))

    def _inverse(self, lam: Tensor) -> Tensor:
        return torch.log1p(torch.exp(-2 * lam) / self.sigma_min**2) / (2 * self._log_ratio)


def _on_a_circle(rate: float, offset: float, s: Tensor, t: Tensor) -> Tensor:
    """(cos² θ_s - cos² θ_t)/cos² θ_s = sin(θ_t - θ_s) sin(θ_t + θ_s)/cos² θ_s,  θ_t = rate (t + offset), ½π at t = 1."""
    both = torch.minimum(rate * (s + t + 2 * offset), rate * (2 - s - t))  # θ_s + θ_t, or what is left of it to π
    return torch.sin(rate * (t - s)) * torch.sin(both) / torch.sin(rate * (1 - s)) ** 2


SCHEDULES: dict[str, type[Schedule]] = {
    "ve": VE,
    "edm": EDM,
    "vp-linear": VPLinear,
    "vp-cosine": VPCosine,
    "sub-vp": SubVP,
    "trigonometric": Trigonometric,
    "flow-matching": FlowMatching,
}


def schedule(name: str) -> Schedule:
    """The named schedule with its usual constants.

    >>> schedule("vp-linear").at(0.0).alpha
    tensor(1., dtype=torch.float64)
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    return SCHEDULES[name]()
