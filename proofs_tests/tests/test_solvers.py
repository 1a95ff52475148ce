"""Every solver keeps its promises: order, calls of the model, and what a step is exact for."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.batch import f64
from concordant.impl.predictions import Prediction, Predictor, predictor
from concordant.impl.schedules import SCHEDULES, Schedule, schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.solvers import (
    DDIM,
    DEIS,
    EDM,
    GRIDS,
    SOLVERS,
    DPMSolver2,
    ExponentialAdams,
    Grid,
    RungeKutta,
    Solver,
    UniPC,
    adams_coefficients,
    deis_coefficients,
    paradigms,
    solver,
    step_grid,
)
from concordant.impl.solvers.deis import lagrange
from concordant.impl.solvers.exponential import moments, phi, weights
from concordant.impl.targets import target

DETERMINISTIC = [name for name, one in SOLVERS.items() if not one.stochastic]


def history(one: Solver, model: Predictor, grid: Grid, x: Tensor) -> list[tuple[float, Tensor]]:
    """The exact predictions at as many times before the first as the solver remembers, at the grid's first step in λ."""
    run, past = one.run(model, grid, x, 0), []
    first, step = grid.lam[0], grid.lam[1] - grid.lam[0]
    for k in range(one.memory, 0, -1):
        node = grid.at_lam(first - k * step)
        there = LinearSDE(grid.schedule).flow(model, x, float(grid.times[0]), float(node.t))
        past.append((float(node.t), run.ask(there, node)))
    return past


@pytest.mark.parametrize(("name", "clock"), [("unequal", "vp-linear"), ("ring", "flow-matching")])
def test_order(name: str, clock: str) -> None:
    """The error at a positive noise level falls with the order (to 0.4, at these steps) that each solver declares, with exact history."""
    own, mixture = schedule(clock), target(name)
    first, last = (float(own.t_of_lam(lam)) for lam in (-1.0, 1.5))
    x = mixture.at(own, first).sample(4, torch.Generator().manual_seed(1))
    model = mixture.predictor(own, "x0")
    want = LinearSDE(own).flow(model, x, first, last)
    for one in map(solver, DETERMINISTIC):
        steps = (32, 64) if one.order > 3 else (48, 96)
        errors = []
        for count in steps:
            times = step_grid("uniform-lam", own, count, last, first)
            got = one.sample(model, own, x, times, history(one, model, Grid(own, times), x))
            errors.append(float((got - want).norm()))
        slope = np.log2(errors[0] / errors[1])
        assert one.order - 0.4 < slope < one.order + 0.9, (one, errors)


@pytest.mark.parametrize("name", SOLVERS)
def test_calls(name: str) -> None:
    """As many calls of the model as declared."""
    one, own = solver(name), schedule("edm")
    asked = 0

    def counted(x: Tensor, t: Tensor) -> Tensor:
        nonlocal asked
        asked += 1
        return torch.zeros_like(x)

    one.sample(predictor(counted, one.kind), own, torch.ones(3, 2, dtype=torch.float64), f64([2.0, 1.0, 0.5]), seed=0)
    assert asked == 2 * one.calls


CLOCKS: dict[str, Callable[[Schedule, Tensor], Tensor]] = {
    "t": lambda own, t: t,
    "lam": lambda own, t: own.lam(t),
    "rho": lambda own, t: own.sigma(t) / own.alpha(t),
}


def _exact(one: Solver, own: Schedule, curve: Callable[[Tensor], Tensor], x: float, s: float, t: float) -> float:
    """x_t for a prediction curve(t) that depends on time alone, by scipy's quadrature of the exact solution."""
    a_s, a_t, s_s, s_t = (
        float(v) for v in (own.alpha(f64(s)), own.alpha(f64(t)), own.sigma(f64(s)), own.sigma(f64(t)))
    )

    def integral(rate: Callable[[Tensor], Tensor]) -> float:
        return float(quad(lambda u: float(rate(f64(u)) * curve(f64(u))), s, t, epsabs=1e-14, epsrel=1e-13)[0])

    if one.kind == "velocity":
        return x + integral(torch.ones_like)
    if one.kind == "epsilon":  # d(x/α) = ε d(σ/α)
        return a_t * (x / a_s + integral(lambda u: -own.d_lam(u) * own.sigma(u) / own.alpha(u)))
    return s_t * (x / s_s + integral(lambda u: own.d_lam(u) * own.alpha(u) / own.sigma(u)))  # d(x/σ) = x̂ d(α/σ)


@pytest.mark.parametrize("clock", ["vp-cosine", "flow-matching", "sub-vp"])
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_exactness(name: str, clock: str) -> None:
    """A step is exact for polynomials of the declared degree, and for none of one degree more."""
    one, own = solver(name), schedule(clock)
    times = own.t_of_lam(f64([-1.0, -0.7, -0.2, 0.1]))
    for degree in range((-1 if one.exact is None else one.exact) + 2):

        def curve(t: Tensor, degree: int = degree) -> Tensor:
            return 1.5 * (CLOCKS[one.clock](own, t) + 0.3) ** degree

        model = predictor(lambda x, t: curve(t) * torch.ones_like(x), one.kind)
        before = [float(t) for t in own.t_of_lam(-1.0 - f64([0.9, 0.7, 0.3])[-one.memory :])] if one.memory else []
        past = [(t, curve(f64(t)).expand(1, 1)) for t in before]
        got = float(one.sample(model, own, f64([[0.8]]), times[:2], past))
        want = _exact(one, own, curve, 0.8, float(times[0]), float(times[1]))
        close = abs(got - want) < 1e-11 * (1 + abs(want))
        assert close == (one.exact is not None and degree <= one.exact), (degree, got, want)


def test_the_last_step_to_data_is_the_denoiser() -> None:
    """At σ = 0 all solvers give the model's clean data, and only there."""
    own, x = schedule("flow-matching"), torch.ones(2, 3, dtype=torch.float64)
    model = predictor(lambda x, t: torch.full_like(x, 0.25), "x0")
    for one in SOLVERS.values():
        got = one.sample(model, own, x, f64([0.9, 0.4, 0.0]), seed=3)
        torch.testing.assert_close(got, torch.full_like(x, 0.25))


def test_one_data_point() -> None:
    """With a single data point the noise is constant along the flow: the exponential methods are exact in one step."""
    own, dirac = schedule("vp-linear"), target("dirac")
    model = dirac.predictor(own, "v")
    level, end = own.at(0.9), own.at(0.05)
    noise = torch.randn(4, dirac.dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    x = level.alpha * dirac.means[0] + level.sigma * noise
    want = end.alpha * dirac.means[0] + end.sigma * noise
    for one in (solver(n) for n in DETERMINISTIC):
        got = one.sample(model, own, x, f64([0.9, 0.05]))
        exact = (one.exact is not None and one.clock != "t") or isinstance(one, DEIS)
        assert bool((got - want).abs().max() < 1e-9) == exact, one


def test_phi_and_moments() -> None:
    """φ against quadrature; the weights integrate polynomials exactly, for both rates."""
    for z in (-30.0, -1.0, -0.999, -1e-9, 0.0, 0.3, 1.0, 12.0):
        for m in range(1, 5):
            want = quad(lambda u, z=z, m=m: np.exp((1 - u) * z) * u ** (m - 1), 0, 1, epsabs=0, epsrel=1e-13)[0]
            got = float(phi(m, f64(z))) * float(np.prod(range(1, m)))
            assert got == pytest.approx(want, rel=2e-12)
    with pytest.raises(BadInput, match="m must not be negative"):
        phi(-1, f64(1.0))
    h, nodes = f64(0.7), f64([0.0, -0.4, -1.1])
    for rate in (-1.0, 1.0, -2.0):
        w, moment = weights(nodes, h, rate), moments(3, h, rate)
        for k in range(3):
            factorial = float(np.prod(range(1, k + 1)))
            assert float((w * nodes**k).sum()) == pytest.approx(float(moment[k]) * factorial, rel=1e-12)


def test_sums_of_coefficients() -> None:
    """The coefficients of every multistep method sum to DDIM's (the interpolant of a constant is the constant)."""
    own = schedule("vp-cosine")
    grid = Grid(own, own.t_of_lam(f64([-2.0, -1.4, -1.1, -0.3, 0.4])))
    s, t = grid[3], grid[4]
    h = t.lam - s.lam
    for degree in range(4):
        torch.testing.assert_close(
            adams_coefficients("x0", grid, degree, 3).sum(), -t.alpha * torch.expm1(-h), rtol=1e-12, atol=0
        )
        torch.testing.assert_close(
            adams_coefficients("epsilon", grid, degree, 3).sum(), -t.sigma * torch.expm1(h), rtol=1e-12, atol=0
        )
        c = deis_coefficients(own, grid.times[3 - degree : 4], s, t)
        torch.testing.assert_close(c.sum(), -t.sigma * torch.expm1(h), rtol=1e-12, atol=0)


def test_lagrange() -> None:
    """ℓ_j(τ_k) = δ_jk and Σ_j ℓ_j = 1."""
    nodes = f64([0.1, 0.4, 0.9])
    torch.testing.assert_close(lagrange(nodes, nodes), torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(lagrange(nodes, f64([0.3, 2.0])).sum(0), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("clock", SCHEDULES)
def test_grids(name: str, clock: str) -> None:
    """Every grid falls strictly and hits its ends, on every schedule."""
    own = schedule(clock)
    first, last = (float(own.t_of_lam(lam)) for lam in (-2.0, 2.0))
    times = step_grid(name, own, 7, last, first)
    assert times.shape == (8,)
    assert float(times[0]) == first
    assert float(times[-1]) == last
    assert bool((times.diff() < 0).all())


def test_grids_in_their_coordinates() -> None:
    """Equal steps in the coordinate that a grid is named after; Karras's at its published values."""
    own = schedule("vp-cosine")
    lam = own.lam(step_grid("uniform-lam", own, 9, 0.01, 0.98))
    torch.testing.assert_close(lam.diff(), lam.diff().mean().expand(9))
    want = (80 ** (1 / 7) + torch.linspace(0, 1, 18, dtype=torch.float64) * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    torch.testing.assert_close(step_grid("karras", schedule("edm"), 17, 0.002, 80.0), want)


@pytest.mark.parametrize("window", [1, 3, 8, 20])
def test_paradigms_without_tolerance_is_ddim(window: int) -> None:
    """Tolerance 0 gives the sequential points; a window of one step is sequential; at most as many sweeps as steps."""
    own, mixture = schedule("vp-linear"), target("ring")
    times = step_grid("angle", own, 8, 0.02, 0.9)
    x = mixture.at(own, 0.9).sample(5, torch.Generator().manual_seed(4))
    model = mixture.predictor(own, "x0")
    points = [x]
    DDIM().sample(model, own, x, times, callback=lambda i, y: points.append(y))
    got = paradigms(model, own, x, times, window)
    torch.testing.assert_close(got.points, torch.stack(points), rtol=1e-10, atol=1e-10)
    assert got.sweeps <= 8
    assert window > 1 or got.sweeps == 8


def test_paradigms_with_a_tolerance() -> None:
    """Fewer sweeps, and an error that follows the tolerance."""
    own, mixture = schedule("vp-linear"), target("ring")
    times = step_grid("uniform-lam", own, 40, 0.05, 0.9)
    x = mixture.at(own, 0.9).sample(5, torch.Generator().manual_seed(5))
    model = mixture.predictor(own, "x0")
    exact = paradigms(model, own, x, times, 40)
    errors = []
    for tolerance in (1e-1, 1e-3):
        loose = paradigms(model, own, x, times, 40, tolerance)
        assert loose.sweeps < exact.sweeps
        errors.append(float((loose.points - exact.points).abs().max()))
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize(("churn", "gamma"), [(0.3, 0.1), (4.0, np.sqrt(2) - 1)])
def test_edm_raises_the_level(churn: float, gamma: float) -> None:
    """By γ = min(churn/steps, √2 - 1) inside [s_min, s_max]; outside, and where the clock ends below, not at all."""
    own, one = schedule("edm"), EDM(churn=churn, s_min=0.5, s_max=79.9)
    grid = Grid(own, f64([79.95, 79.0, 2.0, 0.4]))
    run = one.run(predictor(lambda x, t: torch.zeros_like(x), "epsilon"), grid, f64([[0.0]]))
    above, at_the_end, inside, below = (grid[i] for i in range(4))
    assert float(one.raised(run, inside).rho) == pytest.approx(2.0 * (1 + gamma), rel=1e-12)
    for node in (above, at_the_end, below):
        assert one.raised(run, node) is node


@pytest.mark.parametrize("name", [n for n, one in SOLVERS.items() if one.stochastic])
def test_stochastic_steps_keep_the_conditional_law(name: str) -> None:
    """For one data point, x_t ~ N(α x_0, σ² I) stays so, to five standard errors; the noise is constant along the flow, so that
    Heun's method in σ/α is exact too."""
    one, own = solver(name), schedule("vp-linear")
    model = predictor(lambda x, t: torch.zeros_like(x), "x0")  # the data point 0
    times = own.t_of_lam(f64([-1.0, -0.4, 0.3]))
    n = 40000
    start = torch.randn(n, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(6)) * own.sigma(times[0])
    end = one.sample(model, own, start, times, seed=7)
    sigma = float(own.sigma(times[-1]))
    assert float(end.var()) == pytest.approx(sigma**2, rel=5 * np.sqrt(2 / n))
    assert abs(float(end.mean())) < 5 * sigma / np.sqrt(n)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DDIM(eta=2.0), "eta must lie in"),
        (lambda: DEIS(7), "degree must be 0 to 3"),
        (lambda: EDM(churn=-1.0), "churn must not be negative"),
        (lambda: EDM(s_min=2.0, s_max=1.0), "s_min and s_max must be ordered"),
        (lambda: EDM(s_noise=0.0), "s_noise must be positive"),
        (lambda: DPMSolver2(r=0.0, midpoint=False), "r must lie in"),
        (lambda: DPMSolver2(r=0.3), "midpoint needs"),
        (lambda: UniPC(9), "p must be 1 to 4"),
        (lambda: UniPC(2, b="bh3"), "b must be"),
        (lambda: UniPC(2, kind="v"), "kind must be"),
        (lambda: ExponentialAdams("v"), "kind must be"),
        (lambda: ExponentialAdams(degree=9), "degree must be"),
        (lambda: ExponentialAdams(tau=-1.0), "tau must not be negative"),
        (lambda: RungeKutta("x", "s"), "clock"),
        (lambda: solver("ddjm"), "unknown solver"),
        (lambda: step_grid("kerras", schedule("edm"), 3, 0.1), "unknown step grid"),
        (lambda: step_grid("karras", schedule("edm"), 0, 0.1), "steps must be at least 1"),
        (lambda: step_grid("karras", schedule("edm"), 3, 2.0, 1.0), "last and first"),
        (lambda: step_grid("uniform-lam", schedule("flow-matching"), 3, 0.0, 0.5), "infinite at the ends"),
        (lambda: Grid(schedule("edm"), f64([1.0, 2.0])), "times must fall"),
        (lambda: Grid(schedule("edm"), f64([1.0])), "times must have shape"),
        (lambda: Grid(schedule("flow-matching"), f64([1.0, 0.5])), "start a little before"),
        (lambda: Grid(schedule("flow-matching"), f64([1.5, 0.5])), "outside the clock"),
        (lambda: paradigms(None, schedule("edm"), f64([0.0]), f64([1.0, 0.5]), 0), "window must be"),
        (lambda: paradigms(None, schedule("edm"), f64([0.0]), f64([1.0, 0.5]), 1, -1.0), "tolerance must not"),
        (lambda: adams_coefficients("x0", Grid(schedule("edm"), f64([2.0, 1.0])), 3, 0), "degree must be"),
    ],
)
def test_bad_input(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


def test_a_history_that_is_not_before_the_first_time_is_refused() -> None:
    own, x = schedule("edm"), f64([[1.0]])
    model = predictor(lambda y, t: 0 * y, "x0")
    for times in ([2.0], [3.0, 4.0], [1.0]):
        with pytest.raises(BadInput, match="past must hold falling times before the first"):
            solver("dpm-solver++(3m)").sample(model, own, x, f64([2.0, 1.0]), [(t, x) for t in times])


def test_a_result_that_is_not_finite_is_an_error() -> None:
    model = predictor(lambda x, t: torch.full_like(x, float("nan")), "x0")
    with pytest.raises(ArithmeticError, match="not finite"):
        DDIM().sample(model, schedule("edm"), f64([[1.0]]), f64([1.0, 0.5]))
    with pytest.raises(ArithmeticError, match="not finite"):
        paradigms(model, schedule("edm"), f64([[1.0]]), f64([1.0, 0.5, 0.2]), 2, 0.1)


def test_same_seed_same_samples() -> None:
    """Stochastic solvers are functions of their seed; float32 stays float32."""
    own, mixture = schedule("vp-linear"), target("ring")
    model = mixture.predictor(own, "epsilon")
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(8))
    times = step_grid("karras", own, 6, 0.05, 0.95)
    for one in SOLVERS.values():
        a, b = (one.sample(model, own, x, times, seed=9) for _ in range(2))
        assert a.dtype == torch.float32
        assert bool((a == b).all())


def test_every_kind_of_prediction_gives_the_same_trajectory() -> None:
    """The solvers see the model's prediction converted: x_0, ε, v, score and velocity agree."""
    own, mixture = schedule("vp-cosine"), target("unequal")
    x = mixture.at(own, 0.9).sample(3, torch.Generator().manual_seed(10))
    times = step_grid("angle", own, 5, 0.1, 0.9)
    for one in SOLVERS.values():
        ends = [
            one.sample(mixture.predictor(own, kind), own, x, times, seed=1)
            for kind in ("x0", "epsilon", "v", "score", "velocity")
        ]
        for a, b in itertools.pairwise(ends):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_asked_kind() -> None:
    """A run can ask for another kind than the solver's."""
    own = schedule("edm")
    run = DDIM().run(lambda x, t: Prediction("epsilon", torch.ones_like(x)), Grid(own, f64([2.0, 1.0])), f64([[3.0]]))
    assert float(run.ask(f64([[3.0]]), run.grid[0])) == 1.0
    assert float(run.ask(f64([[3.0]]), run.grid[0], "velocity")) == 1.0
    assert run.calls == 2
