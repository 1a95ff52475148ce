"""Agreements about Brownian paths and steps along them, by exact linear maps and quadrature: nothing is drawn at random.

A path is a linear map of its normal numbers, so that unit vectors put in for these read it off; means of polynomials over a few
steps are Gauss-Hermite sums over all combinations of their nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from concordant.impl import calculus, paths
from concordant.impl.batch import f64
from concordant.impl.sde import LinearSDE
from concordant.proofs_tests.agreement import T1, T2, T4, Break, Compare, Order, agreement
from concordant.proofs_tests.case import Case


def grid(case: Case, steps: int) -> Tensor:
    """Times from mostly data to mostly noise."""
    return case.grid(1.2, -0.5, steps)


def units(*counts: int) -> list[Tensor]:
    """For each count, normal numbers (count, all, 1): each number of each group 1 in one element of the batch, else 0."""
    every = torch.eye(sum(counts), dtype=torch.float64)
    return [part.unsqueeze(-1) for part in every.split(list(counts))]


def hermite(steps: int, nodes: int = 8) -> tuple[Tensor, Tensor]:
    """Weights (N,) and normal numbers (steps, N, 1): all combinations of the nodes of as many steps."""
    node, weight = (torch.from_numpy(v) for v in np.polynomial.hermite_e.hermegauss(nodes))
    grids = torch.cartesian_prod(*[node] * steps).reshape(-1, steps)
    weights = torch.cartesian_prod(*[weight / weight.sum()] * steps).reshape(-1, steps).prod(-1)
    return weights, grids.T.unsqueeze(-1)


# -------------------------------------------------------------------- Brownian motion
PATH_BREAKS = [
    Break(
        "the step for its root",
        paths,
        "brownian",
        lambda f: lambda times, z: f(times, z * times.diff()[:, None, None].sqrt()),
    ),
    Break("a bridge of twice the variance", paths, "refined", lambda f: lambda times, w, z: f(times, w, z * 2**0.5)),
]


@agreement("brownian-increments", T1, because="linear maps and polynomials, exactly integrated", breaks=PATH_BREAKS)
def covariances_of_a_path(case: Case) -> Iterator[Compare]:
    """Cov(w_s, w_t) = min(s, t) on a grid and on the grid refined twice by bridges, which leave the old values in place; and the
    squares of the increments add up to t with the variance 2 Σ h²."""
    times = grid(case, 5)
    since = times - times[0]
    rough, first, second = units(5, 5, 10)
    w = paths.brownian(times, rough)
    finer, finest = paths.midpoints(times), paths.midpoints(paths.midpoints(times))
    w1 = paths.refined(times, w, first)
    w2 = paths.refined(finer, w1, second)
    yield Compare(w2[::4], w, 1.0, at="old values")
    for name, at, path in (("drawn", times, w), ("refined", finer, w1), ("refined twice", finest, w2)):
        since = at - times[0]
        covariance = path.squeeze(-1) @ path.squeeze(-1).T
        yield Compare(covariance, torch.minimum(since[:, None], since), since[-1], at=name)
    weights, noise = hermite(3, 5)
    times = grid(case, 3)
    squares = paths.brownian(times, noise).diff(dim=0).square().sum((0, -1))
    length, steps = times[-1] - times[0], times.diff()
    yield Compare(weights @ squares, length, length, at="sum of squares")
    yield Compare(weights @ squares.square() - length**2, 2 * steps.square().sum(), length**2, at="its variance")


SUM_BREAKS = [
    Break(
        "the value in the middle of the step (Stratonovich)",
        paths,
        "ito_sum",
        lambda f: lambda v, w: f(v, w) + w.diff(dim=0).square().sum(0) / 2,
    ),
    Break("the increments of another grid", paths, "ito_sum", lambda f: lambda v, w: f(v, w / 2**0.5)),
]


@agreement("square-of-brownian-motion", T1, because="polynomials, exactly integrated", breaks=SUM_BREAKS)
def square_of_a_path(case: Case) -> Iterator[Compare]:
    """|w_t|² - |w_0|² = Σ 2 w·Δw + Σ |Δw|² on every path, in the target's dimension; the first sum has mean 0, the second t: the
    chain rule of calculus alone would give 0 for E w_t² = t."""
    times = grid(case, 16)
    w = paths.sample(times, (3, case.target.dimension), case.random("paths"))
    left = w[-1].square().sum(-1)
    squares = w.diff(dim=0).square().sum((0, -1))
    yield Compare(left, paths.ito_sum(2 * w[:-1], w).sum(-1) + squares, left + squares, at="every path")
    times = grid(case, 3)
    weights, noise = hermite(3, 5)
    w, length = paths.brownian(times, noise), times[-1] - times[0]
    yield Compare(weights @ paths.ito_sum(2 * w[:-1], w).squeeze(-1), f64(0.0), length, at="mean of 2 w dw")
    yield Compare(weights @ w[-1].square().squeeze(-1), length, length, at="mean of w²")


@agreement("ito-isometry", T1, because="polynomials, exactly integrated", breaks=SUM_BREAKS)
def isometry_of_sums(case: Case) -> Iterator[Compare]:
    """Σ g_k Δw_k has mean 0 and mean square Σ E g_k² h_k: for the schedule's g, and for integrands that know the path so far."""
    times = grid(case, 4)
    weights, noise = hermite(4, 6)
    w, h = paths.brownian(times, noise), times.diff()
    g = LinearSDE(case.schedule).diffusion(times[:-1])
    known = {"g(t)": g[:, None, None].expand_as(w[:-1]), "w": w[:-1], "w² + g": w[:-1].square() + g[:, None, None]}
    for name, values in known.items():
        total = paths.ito_sum(values, w).squeeze(-1)
        want = (weights * values.squeeze(-1).square()).sum(-1) @ h
        yield Compare(weights @ total, f64(0.0), want.sqrt(), at=f"{name}, mean")
        yield Compare(weights @ total.square(), want, want, at=f"{name}, mean square")


@agreement(
    "ito-isometry",
    T4,
    because="variances of sums, exactly; the integral by quadrature",
    breaks=[
        Break("the increments of another grid", paths, "ito_sum", lambda f: lambda v, w: f(v, w / 2**0.5)),
    ],
)
def variance_of_the_integral(case: Case) -> Iterator[Order]:
    """Var Σ g(t_k) Δw_k tends to ∫ g² dt with an error of O(1/n)."""
    first, last = case.time(1.2), case.time(-0.5)
    clock = case.schedule
    scale = 1 / (last - first)

    def g(t: Tensor) -> Tensor:
        return LinearSDE(clock).diffusion(t) * (1 + scale * (t - first))  # some schedules have a constant g

    u, weights = calculus.gauss(f64(first), f64(last), 40)
    exact, counts, errors = float(weights @ g(u).square()), [64, 128, 256, 512], []
    for n in counts:
        times = torch.linspace(first, last, n + 1, dtype=torch.float64)
        (noise,) = units(n)
        total = paths.ito_sum(g(times[:-1]), paths.brownian(times, noise))
        errors.append(abs(float(total.square().sum()) - exact))
    yield Order(counts, errors, 1.0)


# -------------------------------------------------------------------- linear SDEs
def solution(case: Case, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Times, and the Brownian path and the exact solution from x = 0 as linear maps of their normal numbers: (n + 1, N)."""
    times = grid(case, steps)
    noise, more = units(steps, steps)
    w = paths.brownian(times, noise)
    x = paths.linear(case.schedule, torch.zeros_like(noise[0]), times, w, more)
    return times, w.squeeze(-1), x.squeeze(-1)


TRANSITION_BREAKS = [
    Break(
        "the ratio of the α's turned round, and 0.01 more",
        LinearSDE,
        "transition",
        lambda f: lambda self, s, t: (1 / f(self, s, t)[0] + 0.01, f(self, s, t)[1]),
    ),
    Break(
        "noise 1 % too large",
        LinearSDE,
        "transition",
        lambda f: lambda self, s, t: (f(self, s, t)[0], 1.01 * f(self, s, t)[1]),
    ),
]


@agreement(
    "linear-sde-solution",
    T2,
    because="linear maps of normal numbers against the moments' equations, solved to 1e-12",
    breaks=[
        *TRANSITION_BREAKS,
        Break(
            "2 % less in common with the path",
            paths,
            "shared_part",
            lambda f: lambda clock, s, t, n: 0.98 * f(clock, s, t, n),
        ),
    ],
)
def moments_of_the_solution(case: Case) -> Iterator[Compare]:
    """The solution along a path has the variance P with P' = 2fP + g², and the covariance c with its Brownian path, c' = fc + g,
    at every time of a grid; its mean grows by α_t/α_s."""
    times, w, x = solution(case, 6)
    clock = case.schedule
    g = LinearSDE(clock).diffusion

    def rates(state: Tensor, t: Tensor) -> Tensor:
        return torch.stack([2 * clock.f(t) * state[0] + clock.g2(t), clock.f(t) * state[1] + g(t)])

    state = torch.zeros(2, dtype=torch.float64)
    for k in range(1, len(times)):
        state = calculus.solve(rates, state, float(times[k - 1]), float(times[k]), 1e-12, 1e-14)
        yield Compare(x[k] @ x[k], state[0], state[0], at=f"variance at t = {float(times[k]):.4g}")
        yield Compare(x[k] @ w[k], state[1], state[1], at=f"with its path at t = {float(times[k]):.4g}")
    still = torch.zeros(len(times) - 1, 1, 1, dtype=torch.float64)
    mean = paths.linear(clock, f64([[1.0]]), times, paths.brownian(times, still), still)[-1, 0, 0]
    want = calculus.solve(lambda m, t: clock.f(t) * m, f64([1.0]), float(times[0]), float(times[-1]), 1e-12, 1e-14)[0]
    yield Compare(mean, want, want, at="mean")


@agreement(
    "two-time-covariance", T1, because="linear maps of normal numbers against a closed form", breaks=TRANSITION_BREAKS
)
def covariance_of_two_times(case: Case) -> Iterator[Compare]:
    """Given the start, Cov(x_s, x_t) = (α_t/α_s) P(s) for s < t, for all pairs of times of the solution along a path, where P is
    σ_s² less what the start's own noise would be."""
    times, _, x = solution(case, 6)
    alpha, sigma = case.schedule.alpha(times), case.schedule.sigma(times)
    own = sigma**2 - (alpha / alpha[0] * sigma[0]) ** 2
    covariance = x @ x.T
    later, earlier = torch.maximum, torch.minimum
    rows = torch.arange(len(times))
    s, t = earlier(rows[:, None], rows), later(rows[:, None], rows)
    yield Compare(covariance, alpha[t] / alpha[s] * own[s], (own[:, None] * own).sqrt() + 1e-300)


# -------------------------------------------------------------------- orders of Euler-Maruyama
STEPS = [16, 32, 64, 128]
ORDER_BREAKS = [
    Break(
        "noise 1 % too large",
        paths,
        "euler_maruyama",
        lambda f: lambda b, g, x, times, w: f(b, lambda y, t: 1.01 * g(y, t), x, times, w),
    ),
    Break(
        "half of the drift, and 0.01 x",
        paths,
        "euler_maruyama",
        lambda f: lambda b, g, x, times, w: f(lambda y, t: b(y, t) / 2 + 0.01 * y, g, x, times, w),
    ),
]


@agreement(
    "euler-maruyama-orders",
    T4,
    because="both paths as linear maps of the same normal numbers, no sampling",
    breaks=ORDER_BREAKS,
)
def additive_noise(case: Case) -> Iterator[Order]:
    """On the schedule's linear SDE from the target's mean and spread: the root mean square distance from the exact solution on
    the same path is O(1/n), and so are the errors of mean and variance together."""
    sde, line = LinearSDE(case.schedule), case.line().as_gaussian
    spread, strong, weak = float(line.covariance[0, 0]), [], []
    first = case.level(float(grid(case, 1)[0]))
    variance, centre = first[0] ** 2 * spread + first[1] ** 2, first[0] * (float(line.mean[0]) + 1)
    for n in STEPS:
        times = torch.linspace(case.time(1.2), case.time(0.3), n + 1, dtype=torch.float64)
        noise, more, start = units(n, n, 1)
        start = torch.cat([start[0] * math.sqrt(variance), f64([[centre]])])  # the last of the batch is the mean
        noise, more = (torch.cat([part, torch.zeros(n, 1, 1, dtype=torch.float64)], 1) for part in (noise, more))
        w = paths.brownian(times, noise)
        exact = paths.linear(case.schedule, start, times, w, more)[-1]
        stepped = paths.euler_maruyama(sde.drift, lambda x, t: sde.diffusion(t), start, times, w)[-1]
        strong.append(float((stepped - exact).norm()))
        means, spreads = stepped[-1] - exact[-1], stepped[:-1].square().sum() - exact[:-1].square().sum()
        weak.append(math.hypot(float(means) * math.sqrt(variance), float(spreads)))
    yield Order(STEPS, strong, 1.0, at="strong")
    yield Order(STEPS, weak, 1.0, at="mean and variance")


@agreement(
    "euler-maruyama-orders", T4, because="moments of products of independent factors, no sampling", breaks=ORDER_BREAKS
)
def multiplicative_noise(case: Case) -> Iterator[Order]:
    """For dx = a x dt + b x dw from 1 both the exact solution and Euler-Maruyama are products of one factor a step: with their
    moments by Gauss-Hermite the root mean square distance is O(n^{-1/2}), errors of the two first moments O(1/n)."""
    a, b = (float(v) for v in torch.rand(2, generator=case.random("rates"), dtype=torch.float64) / 2)
    a, b = a - 0.7, b + 0.4
    weights, noise = hermite(1, 40)
    one = torch.ones_like(noise[0])
    strong, first, second = [], [], []
    for n in STEPS:
        times = f64([0.0, 1 / n])
        w = paths.brownian(times, noise)
        step = paths.euler_maruyama(lambda x, t: a * x, lambda x, t: b * x, one, times, w)[-1].squeeze(-1)
        exact = ((a - b**2 / 2) / n + b * w[-1].squeeze(-1)).exp()
        moments = [float(weights @ v) ** n for v in (step, step**2, step * exact)]
        strong.append(math.sqrt(moments[1] - 2 * moments[2] + math.exp(2 * a + b**2)))
        first.append(abs(moments[0] - math.exp(a)))
        second.append(abs(moments[1] - math.exp(2 * a + b**2)))
    yield Order(STEPS, strong, 0.5, at="strong")
    yield Order(STEPS, first, 1.0, at="mean")
    yield Order(STEPS, second, 1.0, at="second moment")
