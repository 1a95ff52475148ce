"""Agreements about changes of schedule: conversions, the circle, whole samplers, bounds, and the forward family."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from concordant.impl import calculus, conjugate, energies, predictions, schedules, sde
from concordant.impl.batch import f64, norm
from concordant.impl.conjugate import Conjugacy, Sampler
from concordant.impl.flow import FlowMatching
from concordant.impl.predictions import KINDS, Kind, Prediction, Predictor, combination, predictor
from concordant.impl.schedules import Schedule
from concordant.impl.solvers import DDIM
from concordant.proofs_tests.agreement import T1, T2, AtMost, Break, Compare, Comparison, agreement, scaled
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.reference import Reference

#: Schedules that a sampler is carried from.
SOURCES: list[Schedule] = [schedules.VPLinear(), schedules.FlowMatching(), schedules.EDM()]


def few_dimensions(case: Case) -> bool:
    """Whether D backward passes, or Jacobians, are cheap."""
    return case.target.dimension <= 5


# -------------------------------------------------------------------- conversions
@agreement(
    "invertible-conversions",
    T1,
    because="a linear solve, and automatic differentiation of λ",
    float32=True,
    breaks=[
        Break("λ taken for log(α²/σ²)", Schedule, "d_lam", lambda f: scaled(f, 2.0)),
        Break(
            "v-prediction taken for α ε + σ x_0",
            predictions,
            "_TABLE",
            lambda f: f | {"v": lambda n: f["v"](n)._replace(a=n.sigma)},
        ),
    ],
)
def data_and_noise_from_two_numbers(case: Case) -> Iterator[Compare]:
    """From x_t and each kind's A x_0 + B ε, written as its paper writes it, the conversions give x_0 and ε back; and
    ασ' - α'σ = -ασ λ' > 0."""
    x0, noise = case.clean_and_noise(4)
    for t in case.times():
        n = case.schedule.at(t)
        alpha, sigma, d_alpha, d_sigma = (float(c) for c in (n.alpha, n.sigma, n.d_alpha, n.d_sigma))
        x = alpha * x0 + sigma * noise
        targets: dict[Kind, Tensor] = {
            "x0": x0,
            "epsilon": noise,
            "score": -noise / sigma,
            "v": alpha * noise - sigma * x0,
            "velocity": d_alpha * x0 + d_sigma * noise,
        }
        size = norm(x0) * (1 + alpha / sigma) + norm(noise) * (1 + sigma / alpha)
        for kind, y in targets.items():
            for wanted, value in (("x0", x0), ("epsilon", noise)):
                got = Prediction(kind, y).to(wanted, x, n).value  # type: ignore[arg-type]
                yield Compare(got, value, size.unsqueeze(-1), at=f"t = {t:.4g}, {kind}")
        at = f64(t).requires_grad_()
        lam = (case.schedule.alpha(at) / case.schedule.sigma(at)).log()
        (slope,) = torch.autograd.grad(lam, at)
        terms = abs(alpha * d_sigma) + abs(d_alpha * sigma)
        yield Compare(f64(alpha * d_sigma - d_alpha * sigma), -alpha * sigma * slope, terms, at=f"t = {t:.4g}")
        yield Compare(case.schedule.d_lam(t), slope, terms / (alpha * sigma), at=f"t = {t:.4g}, λ'")


@agreement(
    "conditioning-of-conversions",
    T1,
    because="closed forms, and singular values of 2 by 2 matrices",
    breaks=[
        Break("κ for κ²", predictions, "condition_number", lambda f: lambda kind, n: f(kind, n).sqrt()),
        Break("the other way round", predictions, "amplification", lambda f: lambda a, b, n: 1 / f(a, b, n)),
    ],
)
def errors_of_conversions(case: Case) -> Iterator[Compare]:
    """The condition number in closed form is the ratio of singular values, and the amplification that of two converted errors,
    from λ = 7 to λ = -7; at α² + σ² = 1 it is (1 + α)/σ for x_0, (1 + σ)/α for ε, and 1 for v."""
    vp = schedules.VariancePreserving(case.schedule)
    x0, noise = case.clean_and_noise(2)
    lams = [lam for lam in (7.0, 2.5, 0.5, -1.5, -7.0) if _reached(case.schedule, lam)]
    for clock, lam in itertools.product((vp, case.schedule), lams):
        n = clock.at(clock.t_of_lam(lam))
        x = n.alpha * x0 + n.sigma * noise
        for kind in KINDS:
            c = combination(kind, n)
            matrix = torch.stack([torch.stack([n.alpha, n.sigma]), torch.stack([c.a, c.b])])
            values = torch.linalg.svdvals(matrix)
            got = predictions.condition_number(kind, n)
            yield Compare(1 / got, values[1] / values[0], 1.0, at=f"{clock.name}, λ = {lam}, {kind}")
            yield Compare(got, values[0] / values[1], got + got**2 * 1e-5, at=f"{clock.name}, λ = {lam}, {kind}")
            for other in KINDS:
                one, two = (Prediction(kind, v).to(other, x, n).value for v in (noise, 1.5 * noise + x0))
                moved = norm(one - two) / norm(0.5 * noise + x0)
                size = moved + norm(one) / norm(0.5 * noise + x0)
                got = predictions.amplification(kind, other, n)
                yield Compare(got, moved, size, at=f"{clock.name}, λ = {lam}, {kind} to {other}")
        if clock is case.schedule:
            continue
        yield Compare(predictions.condition_number("v", n), f64(1.0), 1.0, at=f"λ = {lam}, v")
        for kind, left, most in (("x0", n.sigma, n.alpha), ("epsilon", n.alpha, n.sigma)):
            got = predictions.condition_number(kind, n) * left / 2
            yield Compare(got, (1 + most) / 2, 1.0, at=f"λ = {lam}, the growth of {kind}")


def _reached(schedule: Schedule, lam: float) -> bool:
    return float(schedule.lam(f64(schedule.T))) <= lam <= float(schedule.lam(f64(0.0)))


# -------------------------------------------------------------------- one circle, and whole samplers
@agreement(
    "trigonometric-flows",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break(
            "R growing by 0.3 a unit of time more",
            conjugate,
            "polar",
            lambda f: lambda s, t: f(s, t)._replace(d_radius=f(s, t).d_radius + (s.name != "trigonometric") * 0.3),
        ),
        Break(
            "θ turning twice as fast on the case's clock",
            conjugate,
            "polar",
            lambda f: lambda s, t: f(s, t)._replace(d_angle=f(s, t).d_angle * (1 if s.name == "trigonometric" else 2)),
        ),
        Break(
            "R twice as large on the case's clock",
            conjugate,
            "polar",
            lambda f: lambda s, t: f(s, t)._replace(radius=f(s, t).radius * (1 if s.name == "trigonometric" else 2)),
        ),
    ],
)
def velocities_on_one_circle(case: Case) -> Iterator[Compare]:
    """The oracle's velocity on the case's schedule, and all its other predictions, are those on the trigonometric schedule at
    the same angle, carried over."""
    circle = schedules.Trigonometric()
    carried = Conjugacy(circle, case.schedule)
    for t in case.times():
        x, at = case.sample(t, 4), f64(t)
        for kind in KINDS:
            got = carried.predictor(case.target.predictor(circle, kind))(x, at).value
            want = case.at(t).mean(x, kind)
            size = norm(want)
            if kind == "velocity":
                n = case.schedule.at(t)
                size = n.d_alpha.abs() * norm(case.at(t).x0(x)) + n.d_sigma.abs() * norm(case.at(t).epsilon(x))
            yield Compare(got, want, (size + norm(x)).unsqueeze(-1), at=f"t = {t:.4g}, {kind}")


@agreement(
    "conjugate-flows",
    T1,
    because="the same arithmetic at two scales",
    breaks=[
        Break("the points not rescaled", Conjugacy, "there", lambda f: lambda self, x, u: x),
        Break(
            "the same t for the same λ", Conjugacy, "time", lambda f: lambda self, u: u / self.target.T * self.source.T
        ),
    ],
)
def samplers_land_on_the_same_samples(case: Case) -> Iterator[Compare]:
    """DDIM run on three schedules and carried to the case's is at every step where DDIM on the case's own schedule is."""
    times = case.grid(2.5, -1.5, 8).flip(0)
    y = case.sample(float(times[0]), 3)
    own = _ddim(case, case.schedule, "epsilon")
    stops = [own(y, times[: k + 1]) for k in (1, 4, 8)]
    for source in SOURCES:
        carried = Conjugacy(source, case.schedule).sampler(_ddim(case, source, "x0"))
        for k, want in zip((1, 4, 8), stops, strict=True):
            got = carried(y, times[: k + 1])
            yield Compare(got, want, (norm(want) + norm(y)).unsqueeze(-1), at=f"from {source.name}, step {k}")


def _ddim(case: Case, clock: Schedule, kind: Kind) -> Sampler:
    """DDIM with the exact predictions, of that kind, on that clock."""
    return partial(DDIM().sample, case.target.predictor(clock, kind), clock)


@agreement(
    "conjugate-flows",
    T2,
    because="ODEs solved to 1e-11",
    bound=1e-8,
    applies=few_dimensions,
    breaks=[
        Break(
            "the growth of the scale left out",
            conjugate,
            "polar",
            lambda f: lambda s, t: f(s, t)._replace(d_radius=0 * f(s, t).d_radius),
        ),
        Break("the points not rescaled", Conjugacy, "there", lambda f: lambda self, x, u: x),
    ],
)
def flows_carried_along(case: Case) -> Iterator[Compare]:
    """The flow of the linear path, solved on its own clock and carried over as a sampler, and its velocity carried over and
    solved on the case's clock, end where the flow of the case's own velocity does."""
    source = schedules.FlowMatching()
    times = f64(case.times((-1.0, 1.5)))
    y = case.sample(float(times[0]), 2)
    theirs = FlowMatching(source).field(case.target.predictor(source, "velocity"))
    field = FlowMatching(case.schedule).field(case.target.predictor(case.schedule, "velocity"))
    carried = Conjugacy(source, case.schedule)

    def solved(f: calculus.Field, x: Tensor, ends: Tensor) -> Tensor:
        return calculus.solve(f, x, float(ends[0]), float(ends[-1]), 1e-11, 1e-13)

    whole = carried.sampler(lambda x, ends: solved(theirs, x, ends))
    want = solved(field, y, times)
    size = (norm(want) + norm(y)).unsqueeze(-1)
    yield Compare(whole(y, times), want, size, at="the sampler")
    yield Compare(solved(carried.velocity(theirs), y, times), want, size, at="the velocity")


@agreement(
    "velocity-loss-under-schedules",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break("σ' halved on the linear path", schedules.FlowMatching, "d_sigma", lambda f: scaled(f, 0.5)),
        Break("no rescaling of the points", Conjugacy, "back", lambda f: lambda self, y, u: y),
        Break("the same t for the same λ", Conjugacy, "time", lambda f: lambda self, u: u),
    ],
)
def velocity_errors_on_two_schedules(case: Case) -> Iterator[Compare]:
    """The error |v_φ - v*|² of a wrong network at x_t is (c τ')² times that of the network carried to the linear path, against
    the oracle there, at x_t/c; c τ' from the coefficients, with the derivative of τ automatic."""
    straight = schedules.FlowMatching()
    for index, t in enumerate(case.times()):
        x, at = case.sample(t, 4), f64(t)
        wrong = _seeing_time(case.wrong("epsilon", index))
        own = FlowMatching(case.schedule).velocity(wrong, x, at) - case.at(t).velocity(x)
        u = at.clone().requires_grad_()
        alpha, sigma = case.schedule.alpha(u), case.schedule.sigma(u)
        (pace,) = torch.autograd.grad(sigma / (alpha + sigma), u)
        tau, c = (sigma / (alpha + sigma)).detach(), (alpha + sigma).detach()
        carried = Conjugacy(case.schedule, straight)
        there = FlowMatching(straight).velocity(carried.predictor(wrong), x / c, tau)
        other = there - case.under(straight).at(tau).velocity(x / c)
        want = (c * pace) ** 2 * other.square().sum(-1)
        terms = norm(FlowMatching(case.schedule).velocity(wrong, x, at)) + norm(case.at(t).velocity(x))
        terms = terms + (c * pace).abs() * norm(there)
        yield Compare(own.square().sum(-1), want, terms**2, at=f"t = {t:.4g}")


def _seeing_time(model: Predictor) -> Predictor:
    """The prediction of the noise, plus a wave in t."""
    return predictor(lambda x, t: model(x, t).value + torch.cos(9 * t), "epsilon")


# -------------------------------------------------------------------- bounds and the forward family
@agreement(
    "semilinear-lipschitz",
    T1,
    because="closed forms; K is the largest slope over 33 nodes of the segment",
    applies=few_dimensions,
    breaks=[
        Break("|L| less K", energies, "lipschitz_bound", lambda f: lambda a, k: (a.abs() - k).abs()),
        Break("twice the constant", energies, "lipschitz_bound", lambda f: scaled(f, 2.0)),
    ],
)
def drift_of_the_flow_is_lipschitz(case: Case) -> Iterator[Comparison]:
    """For the probability flow as F = L x + N(x), in x_0- and in ε-prediction, with d = x - y, δ = N(x) - N(y) and K the largest
    |∇N| on the segment: K[(|L| + K)²|d|² - |F(x) - F(y)|²] is (|L| + K)(K²|d|² - |δ|²) + |L| |±K d - δ|², ± the sign of L, and
    not negative; and |Re eig ∇F| ≤ |L| + |∇N| at points."""
    for t in case.times():
        n, law = case.schedule.at(t), case.at(t)
        slope = case.schedule.d_lam(t)
        x, y = case.sample(t, 6).split(3)
        share = torch.linspace(0, 1, 33, dtype=torch.float64)[:, None, None]
        segment = x + share * (y - x)
        forms: list[tuple[Kind, Tensor, Tensor]] = [
            ("x0", n.d_sigma / n.sigma, n.alpha * slope),
            ("epsilon", n.d_alpha / n.alpha, -n.sigma * slope),
        ]
        for kind, linear, factor in forms:
            jacobians = factor * law.jacobian(segment, kind)
            steepest = torch.linalg.matrix_norm(jacobians, 2).amax(0)
            d, delta = x - y, factor * (law.mean(x, kind) - law.mean(y, kind))
            moved = norm(linear * d + delta)
            bound = energies.lipschitz_bound(linear, steepest) * norm(d)
            short = (linear.abs() + steepest) * ((steepest * norm(d)) ** 2 - norm(delta) ** 2)
            aside = linear.abs() * norm((linear.sign() * steepest)[:, None] * d - delta) ** 2
            size = (linear.abs() + steepest) * (bound**2 + norm(delta) ** 2)
            yield Compare(steepest * (bound**2 - moved**2), short + aside, size, at=f"t = {t:.4g}, {kind}")
            # 33 nodes may miss the steepest place by a little
            yield AtMost(moved, 1.001 * bound, bound, at=f"t = {t:.4g}, {kind}, the bound")
            here = factor * law.jacobian(x, kind)
            whole = linear * torch.eye(case.target.dimension).to(here) + here
            real = torch.linalg.eigvals(whole).real.abs().amax(-1)
            ceiling = energies.lipschitz_bound(linear, torch.linalg.matrix_norm(here, 2))
            yield AtMost(real, ceiling * (1 + 1e-12), ceiling, at=f"t = {t:.4g}, {kind}, eigenvalues")


@agreement(
    "forward-family",
    T1,
    because="divergences and the derivative in time by automatic differentiation",
    bound=1e-8,
    applies=few_dimensions,
    breaks=[
        Break("the score's share with the sign of the reverse family", sde, "forward_drift", lambda f: _backwards),
        Break("γ² in place of ½ γ²", sde, "forward_drift", lambda f: lambda v, s, g: f(v, s, lambda t: g(t) * 2**0.5)),
    ],
)
def forward_densities_for_any_noise(case: Case) -> Iterator[Compare]:
    """For three γ the densities of dx = [v* + ½ γ² s] dt + γ dw change as p_t does: the right side of the Fokker-Planck equation
    is ∂_t log p_t by automatic differentiation of the textbook mixture."""
    velocity = case.target.predictor(case.schedule, "velocity")
    score = case.target.predictor(case.schedule, "score")
    for t in case.times():
        x, at = case.sample(t, 3), f64(t)
        u = at.clone().requires_grad_()
        law = Reference(case.target, case.schedule.alpha(u), case.schedule.sigma(u))
        pulled = [torch.autograd.grad(value, u, retain_graph=True)[0] for value in law.log_prob(x)]
        want = torch.stack(pulled)
        s = norm(case.at(t).score(x))
        for share in (0.0, 0.6, 1.5):
            gamma = share * case.schedule.g2(t).sqrt()
            drift = sde.forward_drift(
                lambda y, r: velocity(y, r).value, lambda y, r: score(y, r).value, partial(_always, gamma)
            )
            got = calculus.fokker_planck(drift, lambda y, r: score(y, r).value, gamma**2, x, at)
            trace = case.at(t).divergence(x, "score").abs()
            size = (gamma**2 + case.schedule.g2(t)) * (s**2 + trace) + norm(drift(x, at)) * s
            yield Compare(got, want, size + want.abs(), at=f"t = {t:.4g}, γ = {share} g")


def _always(value: Tensor, t: Tensor) -> Tensor:
    return value


def _backwards(velocity: calculus.Field, score: calculus.Field, gamma: object) -> calculus.Field:
    return lambda x, t: velocity(x, t) - gamma(t) ** 2 / 2 * score(x, t)  # type: ignore[operator]
