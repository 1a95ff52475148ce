"""Agreements of the exact solution that solvers approximate, of DDIM in its forms, and of what the stochastic solvers keep."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64, norm
from concordant.impl.flow import FlowMatching, GaussianPath
from concordant.impl.predictions import Prediction, predictor
from concordant.impl.schedules import Schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.solvers import (
    DDIM,
    EDM,
    SOLVERS,
    DPMSolverPP2M,
    Grid,
    Known,
    Node,
    Run,
    RungeKutta,
    adams,
    exponential,
    solver,
    step_grid,
)
from concordant.impl.targets import marginal
from concordant.proofs_tests.agreement import T0, T1, T2, T4, T5, AtMost, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.case import Case, few_on_a_line
from concordant.proofs_tests.quadrature import mean, panels

NOISY, CLEAN = -0.8, 0.4


@agreement(
    "exact-solution-of-the-flow",
    T2,
    because="a reference trajectory to 1e-12, and Gauss-Legendre quadrature along it",
    bound=1e-8,
    applies=lambda case: case.target.components <= 100,
    breaks=[
        Break("half of the velocity", LinearSDE, "ode_drift", lambda f: lambda self, m, x, t: 0.5 * f(self, m, x, t)),
        Break("a constant for λ'", Schedule, "d_lam", lambda f: lambda self, t: f(self, t) ** 0 * -2.0),
    ],
)
def integrals_along_the_flow(case: Case) -> Iterator[Compare]:
    """x_t/α_t - x_s/α_s = -∫ e^{-λ} ε̂ dλ and x_t/σ_t - x_s/σ_s = ∫ e^λ x̂_0 dλ, along a trajectory of f x - ½ g² ∇log p."""
    clock, s, t = case.schedule, case.time(NOISY), case.time(CLEAN)
    model = case.target.predictor(clock, "score")
    process, x = LinearSDE(clock), case.sample(s, 2)
    nodes, weights = panels(torch.linspace(s, t, 3, dtype=torch.float64), 10)
    here, before = x, s
    noise, data = torch.zeros_like(x), torch.zeros_like(x)
    for node, weight in zip(nodes, weights, strict=True):
        here, before = process.flow(model, here, before, float(node)), float(node)
        law, level, rate = case.at(before), clock.at(node), clock.d_lam(node)
        ratio = level.sigma / level.alpha
        noise -= weight * rate * ratio * law.mean(here, "epsilon")
        data += weight * rate / ratio * law.mean(here, "x0")
    end = process.flow(model, here, before, t)
    (a_s, s_s), (a_t, s_t) = case.level(s), case.level(t)
    size = norm(x).unsqueeze(-1) + norm(end).unsqueeze(-1)
    yield Compare(end, a_t * (x / a_s + noise), size + norm(noise).unsqueeze(-1), at="noise")
    yield Compare(end, s_t * (x / s_s + data), size + norm(data).unsqueeze(-1) * s_t, at="data")


@agreement(
    "ddim-in-four-heads",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    float32=True,
    breaks=[
        Break(
            "a part of ε̂ taken away, as for noise, and none put in",
            DDIM,
            "spread",
            lambda f: lambda self, s, t: 0.3 * t.sigma,
        ),
        Break("the score off by its scale", marginal.Marginal, "score", lambda f: scaled(f, 1.1)),
    ],
)
def four_forms(case: Case) -> Iterator[Compare]:
    """The solver's step is each of the three formulas, with the oracle's noise, clean data and score."""
    clock = case.schedule
    s, t = f64(case.time(NOISY)), f64(case.time(CLEAN))
    x, law = case.sample(float(s), 3), case.at(float(s))
    now, to = clock.at(s).to(x), clock.at(t).to(x)
    got = DDIM().sample(case.target.predictor(clock, "v"), clock, x, torch.stack([s, t]))
    ratio = to.alpha / now.alpha - to.sigma / now.sigma
    forms = {
        "ε": to.alpha / now.alpha * x
        - to.alpha * (now.sigma / now.alpha - to.sigma / to.alpha) * law.mean(x, "epsilon"),
        "x_0": to.sigma / now.sigma * x + now.alpha * ratio * law.mean(x, "x0"),
        "score": to.alpha / now.alpha * x + now.sigma**2 * ratio * law.score(x),
    }
    for name, form in forms.items():
        yield Compare(got, form, norm(x).unsqueeze(-1) * (to.alpha / now.alpha) + norm(got).unsqueeze(-1), at=name)


def _affine(one: DDIM, case: Case, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The coefficients (a, b, c) of a step a x_0 + b x + c z, read off the solver at chosen x_0, x and z."""
    zero, unit = torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)

    def step(x: Tensor, x0: Tensor) -> Tensor:
        model = predictor(lambda y, u: x0, "x0")
        run = one.run(model, Grid(case.schedule, torch.stack([s, t])), x, seed=5)
        return one.step(run, 0, x)

    z = torch.randn(1, 1, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    drift = step(zero, zero)
    return (step(zero, unit) - drift)[0, 0], (step(unit, zero) - drift)[0, 0], (drift / z)[0, 0].abs()


def _upside_down(self: DDIM, s: Node, t: Node) -> Tensor:
    """The book's (9.2.10): η (σ_s/σ_t) σ_{t|s}, with the indices exchanged; the root of |·|, since the square is negative."""
    square = t.sigma**2 - (t.alpha / s.alpha * s.sigma) ** 2
    return self.eta * s.sigma / t.sigma * square.abs().sqrt()


@agreement(
    "ddim-family",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    breaks=[
        Break("η² for η", DDIM, "spread", lambda f: lambda self, s, t: f(self, s, t) * self.eta),
        Break("c with σ_s/σ_t upside down, as printed", DDIM, "spread", lambda f: _upside_down),
    ],
)
def family_keeps_the_marginals(case: Case) -> Iterator[Compare]:
    """For η = 0.3, 0.7 and 1: a + b α_s = α_t and c² + b² σ_s² = σ_t²; c = η times the posterior's deviation, and at η = 1 the
    step is the posterior."""
    s, t = f64(case.time(NOISY)), f64(case.time(CLEAN))
    (a_s, s_s), (a_t, s_t) = case.level(float(s)), case.level(float(t))
    unit = torch.ones(1, 1, dtype=torch.float64)
    process = LinearSDE(case.schedule)
    variance = process.posterior(unit, unit, t, s)[1].flatten()[0]
    for eta in (0.3, 0.7, 1.0):
        a, b, c = _affine(DDIM(eta=eta), case, s, t)
        yield Compare(a + b * a_s, f64(a_t), a.abs() + b * a_s, at=f"η = {eta}, mean")
        yield Compare(c**2 + (b * s_s) ** 2, f64(s_t**2), s_t**2, at=f"η = {eta}, variance")
        yield Compare(c, eta * variance.sqrt(), c, at=f"η = {eta}, noise")
    zero = torch.zeros_like(unit)
    on_x, on_data = process.posterior(unit, zero, t, s)[0], process.posterior(zero, unit, t, s)[0]
    yield Compare(b, on_x[0, 0], on_x[0, 0].abs(), at="posterior, x")
    yield Compare(a, on_data[0, 0], on_data[0, 0].abs() + a_t, at="posterior, x_0")


@agreement(
    "ddim-conditional-flow",
    T1,
    because="automatic differentiation of the map against the target of flow matching",
    bound=1e-9,
    breaks=[
        Break(
            "a velocity with 0.01 x more",
            FlowMatching,
            "one_sided",
            lambda f: lambda self, x, x0, t: f(self, x, x0, t) + 0.01 * x,
        ),
        Break(
            "the map with σ_s/σ_t",
            GaussianPath,
            "map",
            lambda f: lambda self, x, s, t: self.mu(t) + self.sigma(s) / self.sigma(t) * (x - self.mu(s)),
        ),
    ],
)
def conditional_map(case: Case) -> Iterator[Compare]:
    """The solver's step for a known x_0 is the map of the Gaussian path; through a middle time it is the same; and the map's
    slope in time is the one-sided velocity."""
    clock = case.schedule
    x0, noise = (v[:1].double() for v in case.clean_and_noise(3))
    s, u, t = (f64(case.time(lam)) for lam in (NOISY, -0.1, CLEAN))
    path = GaussianPath(lambda v: clock.alpha(v) * x0[0], clock.sigma)
    x = clock.alpha(s) * x0 + clock.sigma(s) * noise
    model = predictor(lambda y, v: x0.expand_as(y), "x0")
    for name, times in (("one step", [s, t]), ("two steps", [s, u, t])):
        got = DDIM().sample(model, clock, x, torch.stack(times))
        yield Compare(got, path.map(x, s, t), norm(x).unsqueeze(-1) + norm(x0).unsqueeze(-1), at=name)
    slope = calculus.slope(lambda v: path.map(x, s, v)[0], t)
    target = FlowMatching(clock).one_sided(path.map(x, s, t), x0, t)[0]
    yield Compare(slope, target, norm(target) + norm(x0[0]) * clock.d_alpha(t).abs() + 1 / clock.T, at="velocity")


@agreement(
    "half-log-snr-time",
    T1,
    because="automatic differentiation against closed forms",
    breaks=[
        Break("λ' without σ's part", Schedule, "d_lam", lambda f: lambda self, t: self.f(t)),
        Break("the full log-SNR, twice λ", Schedule, "d_lam", lambda f: scaled(f, 2.0)),
    ],
)
def lam_as_a_clock(case: Case) -> Iterator[Compare | AtMost]:
    """λ' by differentiating log α - log σ is the schedule's and -g²/(2σ²), negative; and t(λ(t)) = t."""
    clock = case.schedule
    for time in case.times():
        t = f64(time)
        slope = calculus.slope(lambda u: clock.alpha(u).log() - clock.sigma(u).log(), t)
        yield Compare(clock.d_lam(t), slope, slope.abs(), at=f"t = {time:.4g}")
        yield Compare(-clock.g2(t) / (2 * clock.sigma(t) ** 2), slope, slope.abs(), at=f"t = {time:.4g}, g²")
        yield AtMost(slope, 0.0, at="falls")
        yield Compare(clock.t_of_lam(clock.lam(t)), t, t, at="inverse")


@agreement(
    "euler-on-the-velocity",
    T1,
    because="the same arithmetic in another order",
    bound=1e-9,
    applies=lambda case: case.schedule.name in ("flow-matching", "edm"),
    breaks=[
        Break("DDIM with a tenth of its noise", DDIM, "spread", lambda f: lambda self, s, t: 0.1 * t.sigma),
    ],
)
def euler_is_ddim(case: Case) -> Iterator[Compare]:
    """Where α and σ are affine in t, Euler's method in t and DDIM take the same steps."""
    times = case.schedule.t_of_lam(f64([-1.0, -0.5, 0.3, 1.0]))
    x, model = case.sample(float(times[0]), 3), case.wrong("v", 2)
    got, want = (one.sample(model, case.schedule, x, times) for one in (solver("euler"), DDIM()))
    yield Compare(got, want, norm(x).unsqueeze(-1) + norm(want).unsqueeze(-1))


@agreement(
    "euler-on-the-velocity",
    T4,
    because="slopes of the difference after one step; to a tenth of an order",
    bound=0.1,
    applies=lambda case: case.schedule.name not in ("flow-matching", "edm"),
    breaks=[Break("DDIM with a tenth of its noise", DDIM, "spread", lambda f: lambda self, s, t: 0.1 * t.sigma)],
)
def euler_differs_elsewhere(case: Case) -> Iterator[Order]:
    """For the other schedules one step differs by ½ h² (α'' x̂_0 + σ'' ε̂), the rest by O(h³): derivatives by automatic
    differentiation."""
    clock, s = case.schedule, f64(case.time(-0.3))
    x, model = case.sample(float(s), 3), case.wrong("v", 2)
    made, level = model(x, s), clock.at(s)
    x0, epsilon = (made.to(kind, x, level).value for kind in ("x0", "epsilon"))
    bend = (calculus.slope(clock.d_alpha, s) * x0 + calculus.slope(clock.d_sigma, s) * epsilon) / 2
    counts, gaps, rests = [16, 32, 64, 128], [], []
    for n in counts:
        h = -s / (4 * n)
        euler, ddim = (one.sample(model, clock, x, torch.stack([s, s + h])) for one in (solver("euler"), DDIM()))
        gaps.append(float((euler - ddim).norm()))
        rests.append(float((ddim - euler - h**2 * bend).norm()))
    yield Order(counts, gaps, 2.0)
    yield Order(counts, rests, 3.0, at="what ½ h² (α'' x̂_0 + σ'' ε̂) leaves")


# -------------------------------------------------------------------- one data point; what the noise does
@agreement(
    "ddim-exact-for-one-point",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    breaks=[
        Break("φ of one degree more", exponential, "phi", lambda f: lambda m, z: f(m + 1, z)),
        Break("some noise in DDIM", DDIM, "spread", lambda f: lambda self, s, t: 0.3 * t.sigma),
    ],
)
def exact_for_one_point(case: Case) -> Iterator[Compare]:
    """With one data point m the flow is α m + σ ε for a fixed ε: the exponential methods are there in one long step."""
    clock, m = case.schedule, case.target.means[:1].double()
    s, t = f64(case.time(-1.5)), f64(case.time(2.0))
    noise = case.clean_and_noise(3)[1].double()
    x = clock.alpha(s) * m + clock.sigma(s) * noise

    def delta(y: Tensor, u: Tensor) -> Tensor:
        return m.to(y).expand_as(y)

    want = clock.alpha(t) * m + clock.sigma(t) * noise
    for one in SOLVERS.values():
        if one.stochastic or one.exact is None or isinstance(one, RungeKutta):
            continue
        got = one.sample(predictor(delta, "x0"), clock, x, torch.stack([s, t]))
        yield Compare(got, want, norm(x).unsqueeze(-1) + norm(m) + 1, at=one.name)


def _misremembered(run: Run) -> Run:
    """The run, its predictions so far 1 % off."""
    run.past[:] = [Known(one.node, 1.01 * one.value) for one in run.past]
    return run


#: Solvers whose steps are exact in law for a constant prediction of the data, with the τ of their process.
LAWFUL = {
    "sde-dpm-solver++(1)": 1.0,
    "sde-dpm-solver++(2m)": 1.0,
    "sde-dpm-solver++(3m)": 1.0,
    "sa-solver (τ = 1/2)": 0.5,
}


@agreement(
    "stochastic-steps-in-law",
    T2,
    because="moment equations of the process solved to 1e-12",
    bound=1e-9,
    breaks=[
        Break(
            "a tenth of the noise missing",
            adams,
            "linear_part",
            lambda f: lambda k, tau, s, t: (*f(k, tau, s, t)[:2], 0.9 * f(k, tau, s, t)[2], f(k, tau, s, t)[3]),
        ),
        Break(
            "the linear factor 1 % off",
            adams,
            "linear_part",
            lambda f: lambda k, tau, s, t: (f(k, tau, s, t)[0] * (1 + 0.01 * tau), *f(k, tau, s, t)[1:]),
        ),
        Break(
            "the earlier predictions' weights 1 % off",
            adams,
            "weights",
            lambda f: lambda d, h, rate: f(d, h, rate) * (1 + 0.01 * (d < 0)),
        ),
        Break(
            "2M with its earlier predictions 1 % off",
            DPMSolverPP2M,
            "step",
            lambda f: lambda self, run, i, x: f(self, _misremembered(run), i, x),
        ),
        Break(
            "less noise in the corrector than in its step",
            adams.ExponentialAdams,
            "_move",
            lambda f: lambda self, run, x, s, t, n, z: f(self, run, x, s, t, n, z if n <= self.degree + 1 else 0.9 * z),
        ),
    ],
)
def law_of_one_and_two_steps(case: Case) -> Iterator[Compare]:
    """For a constant prediction of the data a step, and two, of SDE-DPM-Solver++ 1, 2M, 3M and of SA-Solver with its corrector,
    full history before them, have the mean and the variance of dx = [f x - ½(1+τ²) g² s] dt + τ g dw̄, s = (α x̂_0 - x)/σ², from a
    point."""
    clock = case.schedule
    s, middle, t = (case.time(lam) for lam in (NOISY, -0.1, CLEAN))
    times, start, data = f64([s, middle, t]), 0.7, -0.4
    earlier = [case.time(lam) for lam in (NOISY - 0.9, NOISY - 0.4)]
    # unit noise of both steps, and x_t = mean + a z_1 + b z_2 read off three points
    random = torch.Generator().manual_seed(11)
    noise = [torch.randn(3, 1, generator=random, dtype=torch.float64) for _ in range(2)]
    rows = torch.cat([torch.ones_like(noise[0]), *noise], 1)
    for name, tau in LAWFUL.items():

        def moments(state: Tensor, u: Tensor, tau: float = tau) -> Tensor:
            f, g2, level = clock.f(u), clock.g2(u), clock.at(u)
            pull = (1 + tau**2) * g2 / (2 * level.sigma**2)
            drift = (f + pull) * state[0] - pull * level.alpha * data
            return torch.stack([drift, 2 * (f + pull) * state[1] - tau**2 * g2])

        one, x = solver(name), torch.full((3, 1), start, dtype=torch.float64)
        ends: list[Tensor] = []
        past = [(u, torch.full_like(x, data)) for u in earlier[2 - one.memory :]]
        constant = predictor(lambda y, u: torch.full_like(y, data), "x0")
        one.sample(constant, clock, x, times, past, seed=11, callback=lambda i, y, ends=ends: ends.append(y))  # type: ignore[misc]
        want = f64([start, 0.0])
        for k, end in enumerate(ends):
            want = calculus.solve(moments, want, float(times[k]), float(times[k + 1]), 1e-12, 1e-13)
            mean_, *spreads = torch.linalg.solve(rows, end)[:, 0]
            variance = torch.stack(spreads).square().sum()
            yield Compare(mean_, want[0], want[0].abs() + 1, at=f"{name}, mean after step {k + 1}")
            yield Compare(variance, want[1], want[1], at=f"{name}, variance after step {k + 1}")


@agreement(
    "edm-churn",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    applies=lambda case: float(case.schedule.lam(case.schedule.T)) < -3,
    breaks=[
        Break(
            "raised everywhere, by 0.4 in λ", EDM, "raised", lambda f: lambda self, run, s: run.grid.at_lam(s.lam - 0.4)
        ),
        Break("no raise", EDM, "raised", lambda f: lambda self, run, s: s),
        Break("noise 1 % too large", Run, "noise", lambda f: lambda self, x: 1.01 * f(self, x)),
    ],
)
def churn_keeps_the_marginals(case: Case) -> Iterator[Compare]:
    """The raise goes from σ/α to (1 + γ) σ/α, γ = min(S_churn/steps, √2 - 1), within [S_min, S_max] only; and the point that the
    step shows to the model is a x_s + c z with a α_s = α and a² σ_s² + c² = σ² of the time that it tells: read off a step."""
    clock = case.schedule
    grid = Grid(clock, clock.t_of_lam(f64([-1.0, -0.2, 0.6, 1.4])))
    shown: list[tuple[Tensor, Tensor]] = []

    def model(x: Tensor, t: Tensor) -> Prediction:
        shown.append((x, t))
        return Prediction("epsilon", torch.zeros_like(x))

    x = f64([[0.0], [0.0], [1.0]])
    z = torch.randn(3, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    rows = torch.cat([x, z, torch.ones_like(x)], 1)
    for churn, want in ((0.3, 0.1), (9.0, math.sqrt(2) - 1)):
        one = EDM(churn=churn, s_min=float(grid[2].rho) * 0.99, s_max=float(grid[1].rho) * 1.01)
        for i, factor in ((0, 1.0), (1, 1 + want), (2, 1 + want)):
            shown.clear()
            one.step(one.run(model, grid, x, 3), i, x)
            (point, told), here, at = shown[0], grid[i], f"churn {churn}, node {i}"
            a, c, rest = torch.linalg.solve(rows, point)[:, 0]
            alpha, sigma = clock.alpha(told), clock.sigma(told)
            yield Compare(sigma / alpha, here.rho * factor, here.rho, at=f"{at}, level")
            yield Compare(a * here.alpha, alpha, alpha, at=f"{at}, mean")
            yield Compare((a * here.sigma) ** 2 + c**2, sigma**2, sigma**2, at=f"{at}, variance")
            yield Compare(rest, f64(0.0), alpha, at=f"{at}, nothing else")


@agreement(
    "noise-prediction-is-bounded",
    T5,
    because="quadrature to 1e-9",
    bound=1e-8,
    applies=few_on_a_line,
    breaks=[
        Break(
            "ε̂ without its σ",
            marginal.Marginal,
            "mean",
            lambda f: lambda self, x, kind, label=None: f(self, x, "score" if kind == "epsilon" else kind, label),
        )
    ],
)
def bounded_noise(case: Case) -> Iterator[AtMost]:
    """E|ε̂|² ≤ D at all times, also near the data, and so E|∇log p|² ≤ D/σ²."""
    one = case.reduced() if case.target.components <= 12 else case.line()
    for lam in (4.0, 2.5, 0.5, -1.5):
        t = one.time(lam)
        weights, x = one.points(t)
        size = mean(weights, one.at(t).mean(x, "epsilon").square().sum(-1))
        yield AtMost(size, float(x.shape[-1]), float(x.shape[-1]), at=f"λ = {lam}")


def _stages(name: str) -> int:
    """Three for DPM-Solver-3, two for Heun's methods, EDM's, DPM-Solver-2 and 2S, one for all others."""
    if name == "dpm-solver-3":
        return 3
    return 2 if any(part in name for part in ("heun", "edm", "dpm-solver-2", "(2s)")) else 1


@agreement(
    "calls-of-a-solver",
    T0,
    because="whole numbers",
    breaks=[
        Break("Heun's method said to call once", RungeKutta, "calls", lambda f: property(lambda self: 1)),
    ],
)
def calls(case: Case) -> Iterator[Compare]:
    """A counter in the model: steps × the calls that each solver declares, which are its stages."""
    times = step_grid("uniform-lam", case.schedule, 4, case.time(1.0), case.time(-1.0))
    x, asked = case.sample(float(times[0]), 1), [0]

    def model(x: Tensor, t: Tensor) -> Prediction:
        asked[0] += 1
        return Prediction("x0", torch.zeros_like(x))

    for one in SOLVERS.values():
        asked[0] = 0
        one.sample(model, case.schedule, x, times, seed=0)
        yield Compare(f64(asked[0]), f64(4 * one.calls), at=one.name)
        yield Compare(f64(asked[0]), f64(4 * _stages(one.name)), at=f"{one.name}, by its stages")
