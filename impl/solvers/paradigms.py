"""ParaDiGMs: Picard's iteration over a window of steps, all of them evaluated at once.

On the clock ρ = σ/α the sequential method is DDIM, y_{i+1} = y_i + (ρ_{i+1} - ρ_i) ε̂_i.  A sweep replaces, for all j in a window
that begins at ℓ,   y_{ℓ+j+1} ← y_ℓ + Σ_{i≤j} (ρ_{ℓ+i+1} - ρ_{ℓ+i}) ε̂(y_{ℓ+i}),   with the old values on the right.  After k sweeps
the first k nodes are the sequential ones exactly; the window moves on past the nodes that changed less than the tolerance.
Source: Shih et al. 2023, algorithm 1; the book's algorithm 9.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.predictions import Predictor
from concordant.impl.schedules import Schedule
from concordant.impl.solvers.base import Grid


@dataclass(frozen=True)
class Sweeps:
    """What a parallel run came to: the points at all nodes (steps + 1, ..., D) and how many sweeps it took."""

    points: Tensor
    sweeps: int


@torch.no_grad()
def paradigms(
    model: Predictor, schedule: Schedule, x: Tensor, times: Tensor, window: int, tolerance: float = 0.0
) -> Sweeps:
    """The trajectory of DDIM from x (..., D) along falling `times`, by sweeps over windows.

    `tolerance` bounds the mean square change of a node, relative to its noise variance; at 0 the result is DDIM's own.
    Raises `BadInput` for a window below 1, a negative tolerance or times that do not fall, and `ArithmeticError` where the
    result is not finite.
    """
    if window < 1:
        raise BadInput(f"window must be at least 1: it is {window}")
    if not tolerance >= 0:
        raise BadInput(f"tolerance must not be negative: it is {tolerance}")
    grid = Grid(schedule, times)
    rho, alpha = (grid.sigma / grid.alpha).to(x), grid.alpha.to(x)
    shape = (-1, *[1] * x.ndim)
    steps = rho.diff().view(shape)
    y = (x / alpha[0]).expand(grid.steps + 1, *x.shape).clone()
    start, sweeps = 0, 0
    while start < grid.steps:
        end = min(start + window, grid.steps)
        here = slice(start, end)
        points = alpha[here].view(shape) * y[here]
        t = grid.times[here].to(x).view(-1, *[1] * (x.ndim - 1)).expand(points.shape[:-1])
        level = schedule.at(t)
        slopes = model(points, t).to("epsilon", points, level).value
        new = y[start] + torch.cumsum(steps[here] * slopes, 0)
        change = (new - y[start + 1 : end + 1]).square().flatten(1).mean(1) / rho[start + 1 : end + 1].clamp(
            min=1e-30
        ) ** 2
        y[start + 1 : end + 1] = new
        sweeps += 1
        late = (~(change <= tolerance**2)).nonzero().flatten()  # what is not a number is late too
        moved = int(late[0]) if len(late) else end - start
        start += max(1, moved)
        y[end + 1 : start + window + 1] = y[end]  # a first guess for the nodes that come into the window
    if not bool(y.isfinite().all()):
        raise ArithmeticError("paradigms: the result is not finite")
    return Sweeps(alpha.view(shape) * y, sweeps)
