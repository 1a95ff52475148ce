"""Step grids: where the steps end, for any schedule, from noise (`first`) to data (`last`).

Each is a curve of θ from 0 to 1 in some coordinate of the noise level:

    uniform-t      t            linear                          uniform-lam    λ = log(α/σ)   linear (uniform in log SNR)
    quadratic-t    √t           linear (Song et al. 2021)       karras         (σ/α)^{1/ρ}    linear (Karras et al. 2022, (5); ρ = 7)
    angle          atan(σ/α)    linear                          shifted        t = s u/(1 + (s-1) u), u linear (Esser et al. 2024, (23))
    beta           t            quantiles of Beta(0.6, 0.6)     linear-quadratic   σ/(α+σ) linear, then quadratic (Polyak et al. 2024)

Source of "beta": Lee et al. 2024 (quantiles of a symmetric Beta law).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from concordant.errors import BadInput, unknown
from concordant.impl.schedules import Schedule


def _in_time(curve: Callable[[Tensor], Tensor]) -> Callable[[Schedule, float, float, Tensor], Tensor]:
    """θ ↦ first + (last - first) curve(θ), in t itself."""
    return lambda schedule, first, last, theta: first + (last - first) * curve(theta)


def _in(
    forth: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]
) -> Callable[[Schedule, float, float, Tensor], Tensor]:
    """Equal steps in a coordinate c = forth(λ) of the noise level, with λ = back(c)."""

    def grid(schedule: Schedule, first: float, last: float, theta: Tensor) -> Tensor:
        ends = torch.as_tensor([first, last], dtype=torch.float64)
        start, end = forth(schedule.lam(ends))
        if not bool(start.isfinite() & end.isfinite()):
            raise BadInput(
                f"this step grid is infinite at the ends {first:g} and {last:g}: keep alpha and sigma above 0"
            )
        return schedule.t_of_lam(back(start + (end - start) * theta))

    return grid


def _power(rho: float) -> Callable[[Schedule, float, float, Tensor], Tensor]:
    return _in(lambda lam: torch.exp(-lam / rho), lambda c: -rho * c.log())


def _shifted(schedule: Schedule, first: float, last: float, theta: Tensor, shift: float = 3.0) -> Tensor:
    """t = s u/(1 + (s - 1) u) for u linear between the values that give the ends; times as a part of T."""
    ends = torch.as_tensor([first, last], dtype=torch.float64) / schedule.T
    start, end = ends / (shift - (shift - 1) * ends)
    u = start + (end - start) * theta
    times: Tensor = schedule.T * shift * u / (1 + (shift - 1) * u)
    return times


def _beta(theta: Tensor) -> Tensor:
    from scipy.stats import beta

    quantiles: Tensor = torch.as_tensor(beta.ppf(theta.numpy(), 0.6, 0.6))
    return quantiles


def _linear_quadratic(schedule: Schedule, first: float, last: float, theta: Tensor, threshold: float = 0.025) -> Tensor:
    """τ = σ/(α + σ): half of the steps bring the first `threshold` of the way, the rest falls quadratically, slopes matched."""
    low = 2 * threshold * theta
    late = (theta - 0.5).clamp(min=0)
    way = torch.where(theta <= 0.5, low, threshold + 2 * threshold * late + (4 - 8 * threshold) * late**2)
    ends = torch.as_tensor([first, last], dtype=torch.float64)
    start, end = torch.sigmoid(-schedule.lam(ends))
    return schedule.t_of_lam(-torch.logit(start + (end - start) * way))


GRIDS: dict[str, Callable[[Schedule, float, float, Tensor], Tensor]] = {
    "uniform-t": _in_time(lambda theta: theta),
    "quadratic-t": lambda schedule, first, last, theta: (
        (math.sqrt(first) + (math.sqrt(last) - math.sqrt(first)) * theta) ** 2
    ),
    "uniform-lam": _in(lambda lam: lam, lambda c: c),
    "karras": _power(7.0),
    "angle": _in(lambda lam: torch.atan(torch.exp(-lam)), lambda c: -c.tan().log()),
    "beta": _in_time(_beta),
    "linear-quadratic": _linear_quadratic,
    "shifted": _shifted,
}


def step_grid(name: str, schedule: Schedule, steps: int, last: float, first: float | None = None) -> Tensor:
    """Falling times (steps + 1,) from `first` (T) to `last`, both hit exactly.

    Raises `BadInput` for an unknown name, ends that are not ordered, or ends where the grid's coordinate is infinite.

    >>> from concordant.impl.schedules import schedule
    >>> step_grid("karras", schedule("edm"), 3, 0.002, 80.0)
    tensor([8.0000e+01, 9.7232e+00, 4.6998e-01, 2.0000e-03], dtype=torch.float64)
    """
    if name not in GRIDS:
        raise unknown("step grid", name, GRIDS)
    if steps < 1:
        raise BadInput(f"steps must be at least 1: it is {steps}")
    first = schedule.T if first is None else first
    if not 0 <= last < first <= schedule.T:
        raise BadInput(
            f"last and first must satisfy 0 <= last < first <= {schedule.T:g}: they are {last:g} and {first:g}"
        )
    times = GRIDS[name](schedule, first, last, torch.linspace(0, 1, steps + 1, dtype=torch.float64))
    times[0], times[-1] = first, last
    if not bool(times.isfinite().all()):
        raise BadInput(
            f"step grid {name!r} is infinite at the ends {first:g} and {last:g}: keep alpha and sigma above 0"
        )
    return times
