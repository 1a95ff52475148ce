"""Agreements of the solvers: their orders, what a step is exact for, where two of them are one, and where they only seem so."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64, norm
from concordant.impl.predictions import Predictor, predictor
from concordant.impl.schedules import SCHEDULES
from concordant.impl.sde import LinearSDE
from concordant.impl.solvers import (
    DDIM,
    DEIS,
    SOLVERS,
    Grid,
    RungeKutta,
    Solver,
    adams,
    adams_coefficients,
    deis,
    deis_coefficients,
    dpm_solver,
    exponential,
    paradigms,
    solver,
    step_grid,
)
from concordant.impl.solvers.adams import ExponentialAdams
from concordant.impl.solvers.dpm_solver_pp import DPMSolverPP2M
from concordant.proofs_tests.agreement import T1, T2, T4, AtMost, Break, Compare, Order, agreement
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.quadrature import panels

#: From mostly noise to mostly data, both at positive noise.
SPAN = (-1.0, 1.5)
GRIDS_OF_ORDERS = [24, 48, 96, 192]


def tame(case: Case) -> bool:
    """A few components and no feature finer than the steps, so that errors are in their asymptotic range."""
    return case.target.components <= 12 and float(case.target.spectrum.min()) >= 0.04 and case.target.dimension <= 64


def _share(case: Case, of: list[Solver], parts: int) -> list[Solver]:
    """One in `parts` of the solvers, another for the next schedule: cells that go round the schedules see them all."""
    clocks = list(SCHEDULES)
    turn = clocks.index(case.schedule.name) if case.schedule.name in clocks else 0
    return of[(turn + case.seed) % parts :: parts]


def _start(case: Case, count: int = 3) -> tuple[Predictor, Tensor, float, float]:
    first, last = case.times(SPAN)
    return case.target.predictor(case.schedule, "v"), case.sample(first, count), first, last


@agreement(
    "solver-orders",
    T4,
    because="slopes of errors against a reference solution to 3e-14; an error may change its sign between two of the grids",
    bound=0.4,
    applies=tame,
    breaks=[
        Break("φ_2 for φ_1, and so on", exponential, "phi", lambda f: lambda m, z: f(m + 1, z)),
    ],
)
def orders(case: Case) -> Iterator[Order]:
    """The error at a positive noise level falls with the order that the solver declares, up to order three; a fifth of the
    solvers for each schedule.  Multistep methods get their first predictions from the reference."""
    model, x, first, last = _start(case)
    flow = partial(calculus.solve, partial(LinearSDE(case.schedule).ode_drift, model), x, first, rtol=3e-14, atol=1e-14)
    want = flow(last)
    deterministic = [one for one in SOLVERS.values() if not one.stochastic and one.order < 4]
    for one in _share(case, deterministic, 5):
        errors = []
        for count in GRIDS_OF_ORDERS:
            times = step_grid("uniform-lam", case.schedule, count, last, first)
            grid = Grid(case.schedule, times)
            run, past = one.run(model, grid, x, 0), []
            for k in range(one.memory, 0, -1):
                node = grid.at_lam(grid.lam[0] - k * (grid.lam[1] - grid.lam[0]))
                past.append((float(node.t), run.ask(flow(float(node.t)), node)))
            errors.append(float((one.sample(model, case.schedule, x, times, past) - want).norm()))
        yield Order(GRIDS_OF_ORDERS, errors, one.order, at=one.name)
    for degree in (2, 3):  # a warm start, from no history
        errors = [
            float((DEIS(degree).sample(model, case.schedule, x, times) - want).norm())
            for times in (step_grid("uniform-lam", case.schedule, n, last, first) for n in GRIDS_OF_ORDERS)
        ]
        yield Order(GRIDS_OF_ORDERS, errors, 2, at=f"AB-DEIS-{degree} with a warm start")


# -------------------------------------------------------------------- exactness
def _without_denominators(of: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Π_{k ≠ j} (t - t_k) in the place of ℓ_j(t)."""

    def wrong(nodes: Tensor, at: Tensor) -> Tensor:
        gaps = nodes.unsqueeze(1) - nodes + torch.eye(len(nodes)).to(nodes)
        return of(nodes, at) * gaps.prod(1).unsqueeze(-1)

    return wrong


def _solution(
    case: Case, kind: str, curve: Tensor, nodes: Tensor, weights: Tensor, x: Tensor, s: Tensor, t: Tensor
) -> Tensor:
    """The exact x_t where the prediction is `curve` (n,) at the nodes of a quadrature over time, whatever x.

    d(x/α) = ε̂ d(σ/α) for the noise, d(x/σ) = x̂ d(α/σ) for the data, dx = v dt for the velocity.
    """
    clock = case.schedule
    alpha, sigma, d_lam = clock.alpha(nodes), clock.sigma(nodes), clock.d_lam(nodes)
    if kind == "velocity":
        return x + (weights * curve).sum()
    if kind == "epsilon":
        return clock.alpha(t) * (x / clock.alpha(s) - (weights * curve * d_lam * sigma / alpha).sum())
    return clock.sigma(t) * (x / clock.sigma(s) + (weights * curve * d_lam * alpha / sigma).sum())


def _constants(self: RungeKutta) -> int | None:
    return None if self.clock == "lam" else 0


@agreement(
    "solver-exactness",
    T2,
    because="a step against Gaussian quadrature of the exact solution",
    bound=1e-10,
    breaks=[
        Break(
            "only the constant's integral", exponential, "phi", lambda f: lambda m, z: f(m, z) if m < 2 else 0 * f(m, z)
        ),
        Break("Lagrange's basis without its denominators", deis, "lagrange", _without_denominators),
        Break("Heun's method said to be exact for constants only", RungeKutta, "exact", lambda f: property(_constants)),
    ],
)
def exactness(case: Case) -> Iterator[Compare | AtMost]:
    """One step is exact for a prediction that is a polynomial in the solver's clock, of the degree that it declares, and
    depends on time alone; with one degree more (a constant, where none is declared) it is off.  All deterministic solvers."""
    clock = case.schedule
    s, t = (clock.t_of_lam(f64(lam)) for lam in (-0.9, -0.3))
    nodes, weights = panels(torch.linspace(float(s), float(t), 9, dtype=torch.float64), 24)
    x = case.sample(float(s), 2)
    readings: dict[str, Callable[[Tensor], Tensor]] = {
        "t": lambda u: u / clock.T,
        "lam": clock.lam,
        "rho": lambda u: clock.sigma(u) / clock.alpha(u),
    }
    for one in (o for o in SOLVERS.values() if not o.stochastic):
        most = -1 if one.exact is None else one.exact
        for degree in range(most + 2):

            def curve(u: Tensor, name: str = one.clock, degree: int = degree) -> Tensor:
                value: Tensor = (readings[name](u) - 0.4) ** degree
                return value

            model = predictor(lambda y, u: curve(u) * torch.ones_like(y), one.kind)
            earlier = clock.t_of_lam(-0.9 - f64([1.0, 0.7, 0.4])[3 - one.memory :]) if one.memory else f64([])
            past = [(float(u), curve(u).expand_as(x)) for u in earlier]
            got = one.sample(model, clock, x, torch.stack([s, t]), past)
            want = _solution(case, one.kind, curve(nodes), nodes, weights, x, s, t)
            size, at = norm(x).unsqueeze(-1) + norm(want).unsqueeze(-1) + 1, f"{one.name}, degree {degree}"
            off = AtMost(1e-9 * size, (got - want).abs(), size, at=at)
            yield Compare(got, want, size, at) if degree <= most else off


@agreement(
    "multistep-coefficients",
    T1,
    because="sums of coefficients against the one-term formula",
    breaks=[
        Break("the step's own e^h forgotten", exponential, "phi", lambda f: lambda m, z: f(m, 0 * z)),
        Break(
            "the factor of the integral 0.1 % off",
            adams,
            "linear_part",
            lambda f: lambda k, tau, s, t: (f(k, tau, s, t)[0], f(k, tau, s, t)[1] * 1.001, *f(k, tau, s, t)[2:]),
        ),
    ],
)
def coefficient_sums(case: Case) -> Iterator[Compare]:
    """The coefficients of AB-DEIS (in t) and of the exponential Adams methods (in λ), of all degrees, sum to DDIM's."""
    clock = case.schedule
    grid = Grid(clock, clock.t_of_lam(f64([-1.4, -1.1, -0.6, 0.2, 1.0])))
    s, t = grid[3], grid[4]
    # DDIM, from the levels themselves
    noise, data = t.sigma - t.alpha * s.sigma / s.alpha, t.alpha - t.sigma * s.alpha / s.sigma
    for degree in range(4):
        sums = [
            (adams_coefficients("epsilon", grid, degree, 3), noise),
            (adams_coefficients("x0", grid, degree, 3), data),
            (deis_coefficients(clock, grid.times[3 - degree : 4], s, t), noise),
        ]
        for got, want in sums:
            yield Compare(got.sum(), want, got.abs().sum(), at=f"degree {degree}")


# -------------------------------------------------------------------- which are one, and which only nearly
@agreement(
    "one-first-order-solver",
    T1,
    because="the same arithmetic in other coordinates",
    float32=True,
    bound=1e-9,
    breaks=[
        Break(
            "a part of ε̂ taken away, as for noise, and none put in",
            DDIM,
            "spread",
            lambda f: lambda self, s, t: f(self, s, t) + 0.1 * t.sigma,
        ),
        Break(
            "the linear factor 0.1 % off",
            adams,
            "linear_part",
            lambda f: lambda k, tau, s, t: (f(k, tau, s, t)[0] * 0.999, *f(k, tau, s, t)[1:]),
        ),
    ],
)
def first_order(case: Case) -> Iterator[Compare]:
    """DDIM, DPM-Solver-1, DPM-Solver++ 1, AB-DEIS-0 and Euler's method in σ/α take the same steps, for the exact prediction and
    a wrong one."""
    times = case.schedule.t_of_lam(f64([-1.2, -0.7, 0.1, 0.9]))
    x = case.sample(float(times[0]), 3)
    for name, model in (("exact", case.target.predictor(case.schedule, "v")), ("wrong", case.wrong("epsilon", 0))):
        # DDIM by hand: α x̂ + σ ε̂
        want = x
        for s, t in itertools.pairwise(times):
            at, to = case.schedule.at(s).to(x), case.schedule.at(t).to(x)
            made = model(want, s.to(x))
            want = to.alpha * made.to("x0", want, at).value + to.sigma * made.to("epsilon", want, at).value
        for other in ("ddim", "dpm-solver-1", "dpm-solver++(1)", "deis-0", "euler-rho"):
            got = solver(other).sample(model, case.schedule, x, times)
            yield Compare(got, want, norm(x).unsqueeze(-1) + norm(want).unsqueeze(-1), at=f"{other}, {name}")


#: Pairs that agree in a step to O(h³) only, though they are called the same or taken for it.
PAIRS = [
    ("dpm-solver-2", "dpm-solver-2 (taylor)"),
    ("exponential heun", "dpm-solver-2"),
    ("heun-lam", "dpm-solver-2"),
    ("dpm-solver-2 (r = 1)", "exponential heun"),
    ("dpm-solver-2", "dpm-solver++(2s)"),
]


def _one_step(case: Case, name: str, model: Predictor, x: Tensor, h: float) -> Tensor:
    times = case.schedule.t_of_lam(f64([0.0, h]))
    return solver(name).sample(model, case.schedule, x, times)


@agreement(
    "second-order-solvers-differ",
    T4,
    because="slopes of the difference after one step",
    applies=tame,
    breaks=[
        Break("a step short of second order", dpm_solver, "phi", lambda f: lambda m, z: 0.9 * f(m, z)),
    ],
)
def second_order(case: Case) -> Iterator[Order]:
    """One step of each pair differs by O(h³), and not by nothing: they are different methods of order two."""
    model, start = case.target.predictor(case.schedule, "v"), case.sample(case.time(0.0), 3)
    counts = [8, 16, 32, 64]
    for one, other in PAIRS:
        gaps = [
            float((_one_step(case, one, model, start, 1 / n) - _one_step(case, other, model, start, 1 / n)).norm())
            for n in counts
        ]
        yield Order(counts, gaps, 3.0, at=f"{one} and {other}")


@agreement(
    "simplified-2m",
    T4,
    because="closed forms; slopes to a tenth of an order",
    bound=0.1,
    breaks=[
        Break(
            "the exact integral of the slope 1 % off",
            exponential,
            "phi",
            lambda f: lambda m, z: f(m, z) * (1 + 0.01 * (m > 1)),
        ),
    ],
)
def simplified_2m(case: Case) -> Iterator[Order]:
    """The simplified 2M and the exact integral of the same line give steps that differ by O(h³), for steps of ratio 1.5: for a
    prediction affine in λ the first is not exact and the second is (`solver-exactness`)."""
    clock, x = case.schedule, torch.zeros(1, 1, dtype=torch.float64)
    model = predictor(lambda y, u: clock.lam(u) * torch.ones_like(y), "x0")
    counts, gaps = [8, 16, 32, 64], []
    for n in counts:
        h = 1 / n
        earlier = clock.t_of_lam(f64(0.1 - h / 1.5))
        past = [(float(earlier), clock.lam(earlier).expand_as(x))]
        times = clock.t_of_lam(f64([0.1, 0.1 + h]))
        one, other = (s.sample(model, clock, x, times, past) for s in (DPMSolverPP2M(), ExponentialAdams("x0", 1)))
        gaps.append(float((one - other).abs().max()))
    yield Order(counts, gaps, 3.0)


# -------------------------------------------------------------------- parallel in time
@agreement(
    "parallel-picard",
    T1,
    because="the same sums in another order",
    bound=1e-9,
    applies=lambda case: case.target.dimension <= 64 and case.target.components <= 100,
    breaks=[
        Break("a window's first step 1 % short", torch, "cumsum", lambda f: lambda v, dim: f(v, dim) - 0.01 * v[:1]),
        Break(
            "a sweep that is not counted",
            sys.modules[paradigms.__module__],
            "Sweeps",
            lambda f: lambda y, n: f(y, n - 1),
        ),
    ],
)
def picard(case: Case) -> Iterator[Compare | AtMost]:
    """Sweeps over windows of 1, 3 and all steps, with tolerance 0, end at DDIM's points, in at most as many sweeps as there
    are steps, and in just as many for a window of one."""
    first, last = case.times(SPAN)
    times = step_grid("angle", case.schedule, 8, last, first)
    x, model = case.sample(first, 3), case.target.predictor(case.schedule, "x0")
    points = [x]
    DDIM().sample(model, case.schedule, x, times, callback=lambda i, y: points.append(y))
    want = torch.stack(points)
    for window in (1, 3, 8):
        got = paradigms(model, case.schedule, x, times, window)
        yield Compare(got.points, want, norm(want).unsqueeze(-1) + norm(x).unsqueeze(-1), at=f"window {window}")
        yield AtMost(got.sweeps, 8, at=f"window {window}, sweeps")
        if window == 1:
            yield Compare(f64(got.sweeps), f64(8.0), at="sweeps of one step each")
