"""Random processes as code: Brownian paths on nested grids, steps along them, and the density ratios of path laws.

A Brownian path is its values w (n + 1, ..., D) at `times` (n + 1,), w = 0 at the first.  It is a linear map of standard normal
numbers, drawn by a given generator or given, so that the same numbers give the same path; `refined` puts in the midpoints by
the Brownian bridge, and every other value of the finer path is the coarser one.  Methods on both grids then see one noise, and
their difference is the strong error.

    dx = f(x, t) dt + g(x, t) dw      g elementwise: one number, or of the shape of x

    Euler-Maruyama   x + f h + g Δw                    strong order ½, and 1 where g does not depend on x; weak order 1
    Heun             x + ½ h (f + f̂) + ½ (g + ĝ) Δw    additive noise only; f̂ and ĝ at the step's end.  Strong order 1
    linear           exact in law together with the path, for the linear SDE of a schedule
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.calculus import Field, gauss
from concordant.impl.schedules import Schedule
from concordant.impl.sde import LinearSDE, log_prior

Coefficient = Callable[[Tensor, Tensor], Tensor]


# -------------------------------------------------------------------- Brownian paths
def _steps(times: Tensor) -> Tensor:
    """The lengths of the steps of rising times."""
    if times.ndim != 1 or len(times) < 2:
        raise BadInput(f"times must be a row of two or more: it has shape {tuple(times.shape)}")
    steps = times.diff()
    if not bool((steps > 0).all()):
        raise BadInput("times must rise")
    return steps


def _increments(times: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """The lengths of the steps, and those of the path."""
    steps = _steps(times)
    if len(w) != len(times):
        raise BadInput(f"w must have {len(times)} rows: it has {len(w)}")
    return steps, w.diff(dim=0)


def _along(steps: Tensor, like: Tensor) -> Tensor:
    """Numbers a step, ready to multiply arrays (n, ..., D)."""
    return steps.to(like).view(-1, *[1] * (like.ndim - 1))


def brownian(times: Tensor, noise: Tensor) -> Tensor:
    """The Brownian path w (n + 1, ..., D) at rising `times` (n + 1,) made of standard normal `noise` (n, ..., D).

    Its increments √h z are independent and N(0, h I).  Raises `BadInput` for times that do not rise or do not fit the noise.

    >>> brownian(torch.tensor([0.0, 1.0, 5.0]), torch.tensor([[1.0], [1.0]])).flatten()
    tensor([0., 1., 3.])
    """
    steps = _steps(times)
    if noise.ndim < 2 or len(noise) != len(steps):
        raise BadInput(f"noise must have shape ({len(steps)}, ..., D): it has {tuple(noise.shape)}")
    return torch.cat([torch.zeros_like(noise[:1]), (_along(steps, noise).sqrt() * noise).cumsum(0)])


def sample(times: Tensor, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """A Brownian path at `times` for a batch of points of that shape (..., D), drawn by the generator.

    >>> sample(torch.linspace(0, 1, 5), (2, 3), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 2, 3])
    """
    return brownian(times, torch.randn(len(times) - 1, *shape, generator=random, dtype=times.dtype))


def midpoints(times: Tensor) -> Tensor:
    """The times with those half way between, (2 n + 1,).

    >>> midpoints(torch.tensor([0.0, 1.0, 5.0]))
    tensor([0.0000, 0.5000, 1.0000, 3.0000, 5.0000])
    """
    steps = _steps(times)
    return torch.cat([torch.stack([times[:-1], times[:-1] + steps / 2], 1).flatten(), times[-1:]])


def refined(times: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    """The path at `midpoints(times)`: between two known values the Brownian bridge is N(their mean, h/4 I) half way.

    Standard normal `noise` (n, ..., D) makes the new values; the old ones stay.

    >>> refined(torch.tensor([0.0, 4.0]), torch.tensor([[0.0], [6.0]]), torch.tensor([[1.0]])).flatten()
    tensor([0., 4., 6.])
    """
    steps = _steps(times)
    if w.shape[0] != len(times) or noise.shape != w[1:].shape:
        raise BadInput(f"w and noise must have {len(times)} and {len(steps)} rows of one shape")
    half = (w[:-1] + w[1:]) / 2 + _along(steps, noise).sqrt() / 2 * noise
    return torch.cat([torch.stack([w[:-1], half], 1).flatten(0, 1), w[-1:]])


def ito_sum(values: Tensor, w: Tensor) -> Tensor:
    """Σ_k g_k Δw_k, (..., D): the stochastic integral of what is known at the start of each step, `values` (n, ...) or (n, ..., D).

    >>> w = torch.tensor([[0.0], [1.0], [3.0]])
    >>> ito_sum(w[:-1], w)
    tensor([2.])
    """
    increments = w.diff(dim=0)
    if len(values) != len(increments):
        raise BadInput(f"values must have {len(increments)} rows: it has {len(values)}")
    while values.ndim < increments.ndim:
        values = values.unsqueeze(-1)
    return (values * increments).sum(0)


# -------------------------------------------------------------------- methods along a path
def euler_maruyama(drift: Field, diffusion: Coefficient, x: Tensor, times: Tensor, w: Tensor) -> Tensor:
    """Euler-Maruyama along the path: the states (n + 1, ..., D) at `times`, from x (..., D).

    `diffusion(x, t)` is one number, or of the shape of x.  Strong order ½ (1 for additive noise), weak order 1.  Raises
    `BadInput` for times that do not rise or a path that does not fit them.

    >>> times = torch.tensor([0.0, 1.0])
    >>> euler_maruyama(lambda x, t: -x, lambda x, t: 2 * x, torch.ones(1), times, torch.tensor([[0.0], [0.5]]))[-1]
    tensor([1.])
    """
    states = [x]
    for t, h, dw in zip(times[:-1], *_increments(times, w), strict=True):
        x = x + h * drift(x, t) + diffusion(x, t) * dw
        states.append(x)
    return torch.stack(states)


def heun(drift: Field, diffusion: Callable[[Tensor], Tensor], x: Tensor, times: Tensor, w: Tensor) -> Tensor:
    """Heun's method along the path, for additive noise g(t) dw: the means of f and g at both ends of Euler's step.

    The states (n + 1, ..., D) at `times`, from x (..., D).  Raises `BadInput` as `euler_maruyama` does.

    >>> times, w = torch.tensor([0.0, 1.0]), torch.tensor([[0.0], [0.5]])
    >>> heun(lambda x, t: -x, lambda t: 2 * t, torch.ones(1), times, w)[-1]
    tensor([0.7500])
    """
    states = [x]
    for t, s, h, dw in zip(times[:-1], times[1:], *_increments(times, w), strict=True):
        here, noise = drift(x, t), (diffusion(t) + diffusion(s)) / 2 * dw
        x = x + h * (here + drift(x + h * here + noise, s)) / 2 + noise
        states.append(x)
    return torch.stack(states)


def linear(schedule: Schedule, x: Tensor, times: Tensor, w: Tensor, noise: Tensor, nodes: int = 24) -> Tensor:
    """The solution of the schedule's linear SDE at `times`, jointly with w: x_t = (α_t/α_s) x_s + ∫ (α_t/α_u) g(u) dw_u.

    Of the integral over a step, Δw tells the part c/h Δw with c = ∫ (α_t/α_u) g du; what it does not tell is independent of it,
    of variance σ²_{t|s} - c²/h, and is made of standard normal `noise` (n, ..., D).  Raises `BadInput` for shapes that do not fit.
    """
    if noise.shape != w[1:].shape:
        raise BadInput(f"noise must have shape {tuple(w[1:].shape)}: it has {tuple(noise.shape)}")
    sde, states = LinearSDE(schedule), [x]
    for t, s, h, dw, z in zip(times[:-1], times[1:], *_increments(times, w), noise, strict=True):
        ratio, variance = sde.transition(t, s)
        shared = shared_part(schedule, t, s, nodes)
        left = (variance - shared**2 / h).clamp_min(0).sqrt()
        x = ratio.to(x) * x + (shared / h).to(x) * dw + left.to(x) * z
        states.append(x)
    return torch.stack(states)


def shared_part(schedule: Schedule, s: Tensor, t: Tensor, nodes: int = 24) -> Tensor:
    """∫_s^t (α_t/α_u) g(u) du, the covariance of a step's stochastic integral with its increment Δw."""
    u, weights = gauss(s, t, nodes)
    return (weights * schedule.alpha(t) / schedule.alpha(u) * LinearSDE(schedule).diffusion(u)).sum()


# -------------------------------------------------------------------- laws of paths
def log_transition(x: Tensor, y: Tensor, drift: Tensor, g: Tensor, h: Tensor) -> Tensor:
    """log N(x; y + h f, h g² I), (...): one Euler-Maruyama step from y to x, f being `drift` at y."""
    return log_prior(x - y - h * drift, h.sqrt() * g)


def girsanov(drifts: Tensor, others: Tensor, g: Tensor, times: Tensor, x: Tensor) -> Tensor:
    """log dP/dP̃ of paths x (n + 1, ..., D) of two Euler-Maruyama chains that differ in their drifts, (...):

        Σ_k δ_k·Δw̃_k - ½ h_k |δ_k|²,   δ = (f - f̃)/g,   Δw̃ = (Δx - h f̃)/g,

    for drifts f and f̃ (n, ..., D) at the starts of the steps and g one number, or one a step.  Δw̃ are the increments of the
    noise under P̃: with those under P, Δw = (Δx - h f)/g, the square has the sign +.  The book's C.2.  Raises `BadInput` for
    paths or drifts that do not fit the times.
    """
    if len(x) != len(times) or drifts.shape != others.shape or len(drifts) != len(times) - 1:
        raise BadInput(
            f"x must have {len(times)} rows, drifts and others one less: they have shapes "
            f"{tuple(x.shape)}, {tuple(drifts.shape)} and {tuple(others.shape)}"
        )
    h = _along(_steps(times), drifts)
    g = _along(g.expand(len(drifts)), drifts)
    delta, noise = (drifts - others) / g, (x.diff(dim=0) - h * others) / g
    return (delta * noise - h / 2 * delta.square()).sum((0, -1))


def log_mean_exp(logs: Tensor, log_weights: Tensor | None = None) -> Tensor:
    """log E e^ℓ over the first axis, for draws of equal weight or with the logarithms of their weights.

    With ℓ = log p_φ(x_{0:T}) - log q(x_{1:T}|x_0) over paths of q it is log p_φ(x_0): the likelihood by reweighting.

    >>> log_mean_exp(torch.tensor([0.0, 0.0]))
    tensor(0.)
    """
    if log_weights is None:
        return logs.logsumexp(0) - torch.tensor(float(len(logs))).log().to(logs)
    return (logs + log_weights).logsumexp(0)
