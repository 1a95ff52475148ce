"""Agreements of velocities: log-densities along flows, what a velocity leaves open, the velocity of a Gaussian path."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl import flow as flow_module
from concordant.impl.batch import f64, norm
from concordant.impl.flow import FlowMatching, GaussianPath
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.evolution import pieces, time_derivative
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference

ALONG_BREAKS = [
    Break("the sign of the divergence", calculus, "divergence", lambda f: scaled(f, -1.0)),
    Break("half of the divergence", calculus, "divergence", lambda f: scaled(f, 0.5)),
]


def _follow(x: Tensor, v: Tensor, r: Tensor) -> Tensor:
    """The point that has gone along v for r: here so that it can be held fixed in its place."""
    return x + r * v


#: d/dt log p_t(x(t)) = -∇·v is of the total derivative: held at x, there would have to be -v·∇log p too.
PARTIAL = Break(
    "the partial derivative in time for the total", sys.modules[__name__], "_follow", lambda f: lambda x, v, r: x
)


@agreement(
    "log-density-along-the-flow",
    T1,
    because="automatic differentiation on both sides: along a line in (x, t), and in x",
    bound=1e-9,
    breaks=[*ALONG_BREAKS, PARTIAL],
)
def total_derivative(case: Case) -> Iterator[Compare]:
    """d/dr log p_{t+r}(x + r v) at r = 0, a textbook density differentiated along the flow's direction, is -∇·v."""
    path = FlowMatching(case.schedule)
    field = path.field(case.target.predictor(case.schedule, "velocity"))
    for t in case.times():
        x, at = case.sample(t, 3), f64(t)
        v, r = field(x, at), f64(0.0).requires_grad_()
        moving = Reference(case.target, case.schedule.alpha(at + r), case.schedule.sigma(at + r)).log_prob
        values = moving(_follow(x, v, r))
        total = torch.stack([torch.autograd.grad(value, r, retain_graph=True)[0] for value in values])
        size = total.abs() + 2 * pieces(case.schedule, case.at(t), x, t)
        yield Compare(total, -calculus.divergence(field, x, at), size, at=f"t = {t:.4g}")


@agreement(
    "log-density-along-the-flow",
    T2,
    because="differences of sixth order along an ODE solved to 1e-12",
    bound=1e-6,
    breaks=ALONG_BREAKS,
)
def differences_along_a_trajectory(case: Case) -> Iterator[Compare]:
    """d/dt log p_t(x(t)), by differences along trajectories of the flow solved in both directions, is -∇·v; in one
    dimension."""
    line = case.line()
    field = FlowMatching(line.schedule).field(line.target.predictor(line.schedule, "velocity"))
    for t in line.times((1.0, -0.5)):
        x, h = line.sample(t, 3), 0.02 / abs(float(line.schedule.d_lam(t)))
        total = torch.zeros(3, dtype=torch.float64)
        for k, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1, -1):
                end = t + sign * k * h
                moved = calculus.solve(field, x, t, end, rtol=1e-12, atol=1e-14)
                total = total + sign * c / h * line.at(end).log_prob(moved)
        size = total.abs() + pieces(line.schedule, line.at(t), x, t)
        yield Compare(total, -calculus.divergence(field, x, f64(t)), size, at=f"t = {t:.4g}")


# -------------------------------------------------------------------- what a velocity leaves open
def _turn(case: Case) -> Tensor:
    """A matrix of which only the antisymmetric part may count."""
    d = case.target.dimension
    turn: Tensor = torch.randn(d, d, generator=case.random("turn"), dtype=torch.float64) / math.sqrt(d)
    return turn


def plane(case: Case) -> bool:
    """At least two dimensions, in which there is something to turn in."""
    return case.target.dimension >= 2


SWIRL_BREAKS = [
    Break(
        "a matrix that is not antisymmetric",
        flow_module,
        "swirled",
        lambda f: lambda v, s, a: lambda x, t: v(x, t) + s(x, t) @ a.mT,
    ),
    Break(
        "p w for w/p",
        flow_module,
        "swirled",
        lambda f: lambda v, s, a: lambda x, t: v(x, t) + (s(x, t) * (1 + s(x, t) ** 2)) @ (a - a.mT),
    ),
]


@agreement(
    "velocity-is-not-unique",
    T1,
    because="closed forms against automatic differentiation in time and space",
    bound=1e-9,
    applies=plane,
    breaks=SWIRL_BREAKS,
)
def another_velocity_of_the_same_densities(case: Case) -> Iterator[Compare]:
    """∂_t log p + u·∇log p + ∇·u = 0 for u = v* + w/p with w = A ∇p, A antisymmetric, though u differs from v*; and
    ∇·((u - v*) p) = 0."""
    path, turn = FlowMatching(case.schedule), _turn(case)
    v = path.field(case.target.predictor(case.schedule, "velocity"))

    def score(x: Tensor, t: Tensor) -> Tensor:
        return case.at(t).score(x)

    for t in case.times((1.5, -0.5)):
        x, at, p = case.sample(t, 2), f64(t), case.at(t)
        rate = float(case.schedule.g2(t))  # so that what is added is as large as v*
        u = flow_module.swirled(v, score, rate * turn)
        left, s = time_derivative(case.target, case.schedule, x, t), p.score(x)
        size = left.abs() + 4 * x.shape[-1] * pieces(case.schedule, p, x, t)
        right = -(u(x, at) * s).sum(-1) - calculus.divergence(u, x, at)
        yield Compare(left, right, size, at=f"t = {t:.4g}")

        def added(y: Tensor, r: Tensor) -> Tensor:
            return u(y, r) - v(y, r)

        flux = (added(x, at) * s).sum(-1) + calculus.divergence(added, x, at)
        yield Compare(flux, torch.zeros_like(flux), size, at=f"t = {t:.4g}, flux")


@agreement(
    "velocity-is-not-unique",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=lambda case: plane(case) and case.splits,
    breaks=SWIRL_BREAKS[:1],
)
def no_test_function_sees_the_difference(case: Case) -> Iterator[Compare]:
    """E[∇h·u] = E[∇h·v*] = d/dt E[h(x_t)] for a quadratic function h, whose expectation is known from the moments of x_t."""
    random, turn = case.random("function"), _turn(case)
    d = case.target.dimension
    square = torch.randn(d, d, generator=random, dtype=torch.float64) / math.sqrt(d)
    square = square + square.T
    for t in case.times((1.5, -0.5)):
        (weights, x), p, at = case.points(t), case.at(t), f64(t)
        u = flow_module.swirled(lambda y, r: case.at(r).velocity(y), lambda y, r: case.at(r).score(y), turn)
        gradient = 2 * x @ square
        # d/dt E[xᵀSx], with E[x xᵀ] = α² E[x_0 x_0ᵀ] + σ² I
        second = case.target.covariance + torch.outer(case.target.mean, case.target.mean)
        n = case.schedule.at(at)
        want = 2 * n.alpha * n.d_alpha * (square * second).sum() + n.d_sigma2 * square.diagonal().sum()
        for name, field in (("v", p.velocity(x)), ("u", u(x, at))):
            terms = (gradient * field).sum(-1)
            size = mean(weights, terms.abs()) + mean(weights, norm(gradient) * norm(p.velocity(x)))
            yield Compare(mean(weights, terms), want, size, at=f"t = {t:.4g}, {name}")


# -------------------------------------------------------------------- Gaussian paths
def _path(case: Case) -> tuple[GaussianPath, float, float]:
    """A path whose mean bends, from a data point, with the schedule's σ; and two times."""
    d, random = case.target.dimension, case.random("path")
    x0 = case.target.sample(1, random)[0].double()
    bend = torch.randn(d, generator=random, dtype=torch.float64)
    s, t = case.times((1.5, -0.5))
    return (
        GaussianPath(lambda u: case.schedule.alpha(u) * x0 + torch.sin(3 * u / t) * bend, case.schedule.sigma),
        s,
        t,
    )


PATH_BREAKS = [
    Break(
        "μ' forgotten",
        GaussianPath,
        "velocity",
        lambda f: lambda self, x, t: f(self, x, t) - calculus.slope(self.mu, t),
    ),
    Break(
        "σ' for σ'/σ",
        GaussianPath,
        "velocity",
        lambda f: lambda self, x, t: f(self, self.mu(t) + self.sigma(t) * (x - self.mu(t)), t),
    ),
]


@agreement(
    "gaussian-path-velocity",
    T1,
    because="closed forms against automatic differentiation",
    bound=1e-9,
    breaks=PATH_BREAKS,
)
def velocity_of_the_map(case: Case) -> Iterator[Compare]:
    """dΨ_{s→t}(x)/dt by automatic differentiation is v(Ψ_{s→t}(x), t); Ψ carries N(μ_s, σ_s² I) to N(μ_t, σ_t² I); and where the
    mean is α x_0, v is flow matching's conditional velocity."""
    path, s, t = _path(case)
    d = case.target.dimension
    x = path.mu(f64(s)) + path.sigma(f64(s)) * torch.randn(3, d, generator=case.random("x"), dtype=torch.float64)
    for end in (s, (s + t) / 2, t):
        y, slope = path.map(x, f64(s), f64(end)), calculus.slope(lambda u: path.map(x, f64(s), u), f64(end))
        size = (norm(slope) + norm(y) * abs(float(case.schedule.d_lam(end)))).unsqueeze(-1) + 1
        yield Compare(path.velocity(y, f64(end)), slope, size, at=f"t = {end:.4g}, slope")
        got, want = path.log_prob(y, f64(end)), path.log_prob(x, f64(s))
        stretch = d * (path.sigma(f64(end)) / path.sigma(f64(s))).log()
        yield Compare(got + stretch, want, got.abs() + want.abs() + stretch.abs() + d, at=f"t = {end:.4g}, density")
    x0 = case.target.sample(1, case.random("x0"))[0]
    plain = GaussianPath(lambda u: case.schedule.alpha(u) * x0, case.schedule.sigma)
    one = FlowMatching(case.schedule).one_sided(x, x0.expand_as(x), f64(t))
    size = (norm(one) + norm(x) + norm(x0)).unsqueeze(-1) * (1 + abs(float(case.schedule.d_lam(t))))
    yield Compare(plain.velocity(x, f64(t)), one, size, at="conditional velocity")


@agreement(
    "gaussian-path-velocity",
    T1,
    because="closed forms against automatic differentiation in time and space",
    bound=1e-9,
    breaks=PATH_BREAKS,
)
def continuity_of_the_path(case: Case) -> Iterator[Compare]:
    """∂_t log p + v·∇log p + ∇·v = 0 for p = N(μ_t, σ_t² I) and v = μ' + (σ'/σ)(x - μ)."""
    path, s, t = _path(case)
    d = case.target.dimension
    z = torch.randn(3, d, generator=case.random("z"), dtype=torch.float64)
    for when in (s, t):
        at = f64(when)
        x = path.mu(at) + path.sigma(at) * z
        left = calculus.slope(lambda u: path.log_prob(x, u), at)
        v, score = path.velocity(x, at), -z / path.sigma(at)
        divergence = calculus.divergence(path.velocity, x, at)
        size = left.abs() + norm(v) * norm(score) + divergence.abs()
        yield Compare(left, -(v * score).sum(-1) - divergence, size, at=f"t = {when:.4g}")
