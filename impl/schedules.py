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

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.errors import BadInput, unknown


def as_time(t: Tensor | float) -> Tensor:
    """A tensor of floating-point times; Python numbers become float64."""
    if isinstance(t, Tensor):
        return t if t.is_floating_point() else t.to(torch.float64)
    return torch.as_tensor(t, dtype=torch.float64)


class Level(NamedTuple):
    """A noise level: the coefficients of a schedule at one time (or at a batch of times).

    `d_alpha` is α', `d_sigma` is σ' (which may be infinite at σ = 0), `d_sigma2` is (σ²)' = 2σσ' (which is not).
    """

    alpha: Tensor
    sigma: Tensor
    d_alpha: Tensor
    d_sigma: Tensor
    d_sigma2: Tensor

    def to(self, like: Tensor) -> Level:
        return Level(*(value.to(like) for value in self))


class Schedule(ABC):
    """A pair (α, σ) on the clock [0, T], with derivatives.

    Subclasses give `alpha`, `sigma`, `d_alpha`, `d_sigma2`; the rest is derived here.  All methods take a tensor of
    times (or a number) of any shape and return a tensor of that shape; gradients flow through t.
    """

    name: str = "schedule"
    T: float = 1.0

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """α_t, the scale of the data."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """σ_t, the standard deviation of the noise."""

    @abstractmethod
    def d_alpha(self, t: Tensor) -> Tensor:
        """α'_t = dα/dt."""

    @abstractmethod
    def d_sigma2(self, t: Tensor) -> Tensor:
        """(σ²)'_t = d(σ²)/dt, finite where σ' is not."""

    def d_sigma(self, t: Tensor) -> Tensor:
        """σ'_t = (σ²)'/(2σ)."""
        t = as_time(t)
        return self.d_sigma2(t) / (2 * self.sigma(t))

    def at(self, t: Tensor | float) -> Level:
        """The noise level at time t.  Raises `BadInput` if t is not on the clock."""
        t = self.check(t)
        return Level(self.alpha(t), self.sigma(t), self.d_alpha(t), self.d_sigma(t), self.d_sigma2(t))

    def check(self, t: Tensor | float) -> Tensor:
        """`t` as a tensor, if it lies on the clock [0, T]; else `BadInput`."""
        t = as_time(t)
        on_clock = (t >= 0) & (t <= self.T)
        if not bool(on_clock.all()):
            worst = float(t[~on_clock].flatten()[0])
            raise BadInput(
                f"t = {worst:g} is outside the clock of schedule {self.name!r}: t must lie in [0, {self.T:g}]"
            )
        return t

    def lam(self, t: Tensor | float) -> Tensor:
        """λ_t = log(α_t/σ_t): +∞ at t = 0 if σ_0 = 0, -∞ at t = T if α_T = 0."""
        t = as_time(t)
        return self.alpha(t).log() - self.sigma(t).log()

    def snr(self, t: Tensor | float) -> Tensor:
        """SNR_t = α_t²/σ_t²."""
        t = as_time(t)
        return (self.alpha(t) / self.sigma(t)) ** 2

    def f(self, t: Tensor | float) -> Tensor:
        """f(t) = α'/α, the linear drift (-∞ where α = 0)."""
        t = as_time(t)
        return self.d_alpha(t) / self.alpha(t)

    def g2(self, t: Tensor | float) -> Tensor:
        """g²(t) = (σ²)' - 2 f σ², the squared diffusion (+∞ where α = 0)."""
        t = as_time(t)
        return self.d_sigma2(t) - 2 * self.f(t) * self.sigma(t) ** 2

    def d_lam(self, t: Tensor | float) -> Tensor:
        """λ'(t) = α'/α - σ'/σ, negative wherever the signal-to-noise ratio falls."""
        t = as_time(t)
        return self.f(t) - self.d_sigma2(t) / (2 * self.sigma(t) ** 2)

    def t_of_lam(self, lam: Tensor | float) -> Tensor:
        """The time t(λ) at which log(α_t/σ_t) = λ.  Raises `BadInput` if the clock does not reach λ."""
        lam = as_time(lam)
        with torch.no_grad():
            first, last = self.lam(as_time(0.0)), self.lam(as_time(self.T))
            reached = (first >= lam) & (last <= lam)
            if not bool(reached.all()):
                raise BadInput(
                    f"lambda = {float(lam[~reached].flatten()[0]):.4g} is not reached by schedule {self.name!r}: "
                    f"lambda must lie in [{float(last):.4g}, {float(first):.4g}]"
                )
        return self._inverse(lam)

    def _inverse(self, lam: Tensor) -> Tensor:
        """t(λ) for a λ that is reached: here by bisection, then one Newton step, through which dt/dλ = 1/λ'(t) flows."""
        with torch.no_grad():
            low, high = torch.zeros_like(lam), torch.full_like(lam, self.T)
            for _ in range(64):  # halves the clock down to the last bit of a float64
                middle = (low + high) / 2
                noisier = self.lam(middle) > lam
                low, high = torch.where(noisier, middle, low), torch.where(noisier, high, middle)
            t = (low + high) / 2
        step = (self.lam(t) - lam) / self.d_lam(t)
        return torch.where(step.isfinite(), t - step, t).clamp(0, self.T)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, T={self.T:g})"


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

    def _inverse(self, lam: Tensor) -> Tensor:
        return torch.log1p(torch.exp(-2 * lam) / self.sigma_min**2) / (2 * self._log_ratio)


@dataclass(frozen=True, repr=False)
class Custom(Schedule):
    """Any α(t), σ(t) of the user's; derivatives by automatic differentiation.

    `alpha_fn` and `sigma_fn` are differentiable, elementwise functions of a tensor of times.
    The signal-to-noise ratio must fall on the whole clock; this is checked on 1001 times.  Raises `BadInput`.

    >>> cubic = Custom(lambda t: 1 - t**3, lambda t: t**3, name="cubic")
    >>> float(cubic.f(0.5)), float(cubic.t_of_lam(cubic.lam(0.25)))
    (-0.8571428571428571, 0.25)
    """

    alpha_fn: Callable[[Tensor], Tensor]
    sigma_fn: Callable[[Tensor], Tensor]
    T: float = 1.0
    name: str = "custom"

    def __post_init__(self) -> None:
        t = torch.linspace(0, self.T, 1001, dtype=torch.float64)
        alpha, sigma = self.alpha(t), self.sigma(t)
        for symbol, value in (("alpha", alpha), ("sigma", sigma)):
            if value.shape != t.shape:
                raise BadInput(
                    f"{symbol}_fn must be elementwise: it turned shape {tuple(t.shape)} into {tuple(value.shape)}"
                )
            if not bool(value.isfinite().all()) or bool((value < 0).any()):
                raise BadInput(f"{symbol}_fn must be finite and not negative on [0, {self.T:g}]")
        lam = alpha.log() - sigma.log()
        if not bool((lam.diff() < 0).all()):
            at = float(t[1:][~(lam.diff() < 0)][0])
            raise BadInput(f"alpha_fn/sigma_fn must fall in t (the signal-to-noise ratio): it does not at t = {at:g}")

    def alpha(self, t: Tensor) -> Tensor:
        return self.alpha_fn(as_time(t))

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_fn(as_time(t))

    def d_alpha(self, t: Tensor) -> Tensor:
        return _derivative(self.alpha_fn, as_time(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        return _derivative(self.sigma_fn, as_time(t))

    def d_sigma2(self, t: Tensor) -> Tensor:
        return _derivative(lambda u: self.sigma_fn(u) ** 2, as_time(t))


def _derivative(fn: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """dfn/dt, elementwise; differentiable again if t is."""
    with torch.enable_grad():
        u = t if t.requires_grad else t.detach().requires_grad_()
        value = fn(u)
        if not value.requires_grad:  # a constant
            return torch.zeros_like(t)
        (slope,) = torch.autograd.grad(value.sum(), u, create_graph=t.requires_grad)
    return slope


class Rescaled(Schedule):
    """A schedule seen at another scale: (cα, cσ) with c > 0, hence with the same λ and the same time.

    Subclasses give c and (log c)'.
    """

    def __init__(self, base: Schedule) -> None:
        self.base, self.T, self.name = base, base.T, f"{type(self).__name__}({base.name})"

    @abstractmethod
    def scale(self, t: Tensor) -> Tensor:
        """c_t."""

    @abstractmethod
    def d_log_scale(self, t: Tensor) -> Tensor:
        """(log c)'_t."""

    def alpha(self, t: Tensor) -> Tensor:
        return self.scale(t) * self.base.alpha(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.scale(t) * self.base.sigma(t)

    def d_alpha(self, t: Tensor) -> Tensor:
        return self.scale(t) * (self.base.d_alpha(t) + self.d_log_scale(t) * self.base.alpha(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        return self.scale(t) * (self.base.d_sigma(t) + self.d_log_scale(t) * self.base.sigma(t))

    def d_sigma2(self, t: Tensor) -> Tensor:
        return self.scale(t) ** 2 * (self.base.d_sigma2(t) + 2 * self.d_log_scale(t) * self.base.sigma(t) ** 2)

    def lam(self, t: Tensor | float) -> Tensor:
        return self.base.lam(t)

    def _inverse(self, lam: Tensor) -> Tensor:
        return self.base._inverse(lam)


class VariancePreserving(Rescaled):
    """The twin at the scale of DDPM, α² + σ² = 1:  c = 1/√(α² + σ²)."""

    def scale(self, t: Tensor) -> Tensor:
        return torch.rsqrt(self.base.alpha(t) ** 2 + self.base.sigma(t) ** 2)

    def d_log_scale(self, t: Tensor) -> Tensor:
        return -(2 * self.base.alpha(t) * self.base.d_alpha(t) + self.base.d_sigma2(t)) * self.scale(t) ** 2 / 2


class VarianceExploding(Rescaled):
    """The twin at the scale of NCSN, α = 1:  c = 1/α.  Infinite where α = 0."""

    def scale(self, t: Tensor) -> Tensor:
        return 1 / self.base.alpha(t)

    def d_log_scale(self, t: Tensor) -> Tensor:
        return -self.base.f(t)


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
