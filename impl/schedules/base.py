"""What a schedule is, and its twins at other scales."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.errors import BadInput


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

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        """σ²_{t|s} = σ_t² - (α_t/α_s)² σ_s² for s ≤ t, the variance of x_t given x_s = (α_t/α_s) x_s plus this noise.

        The named schedules have it in closed form, to the last digits also where t - s is small.  Here the difference is
        taken, as (σ_t - r σ_s)(σ_t + r σ_s) with r = α_t/α_s: its relative error is that of σ divided by λ_s - λ_t.

        >>> from concordant.impl.schedules import schedule
        >>> float(schedule("flow-matching").added_variance(0.5, 0.5 + 2**-40)) * 2**40
        2.0
        """
        s, t = as_time(s), as_time(t)
        before, after = self.alpha(t) / self.alpha(s) * self.sigma(s), self.sigma(t)
        return (after - before) * (after + before)

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

    def added_variance(self, s: Tensor | float, t: Tensor | float) -> Tensor:
        return self.scale(as_time(t)) ** 2 * self.base.added_variance(s, t)

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
