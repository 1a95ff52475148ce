"""Agreements of neural ODEs: their limit, their likelihood and gradients, and that a flow's density is the path's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from scipy.stats import norm as normal
from torch import Tensor

from concordant.impl import calculus
from concordant.impl import flow as flow_module
from concordant.impl import normalizing_flows as flows
from concordant.impl.batch import f64, norm
from concordant.impl.calculus import Field
from concordant.impl.flow import FlowMatching
from concordant.proofs_tests.agreement import T1, T2, T4, AtMost, Break, Compare, Comparison, Order, agreement, scaled
from concordant.proofs_tests.case import Case, few_on_a_line, spread
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference


def small(case: Case) -> Case:
    """The case in at most five dimensions."""
    return case if case.target.dimension <= 5 else case.line()


def velocity(case: Case) -> Field:
    """The exact velocity on our clock."""
    return FlowMatching(case.schedule).field(case.target.predictor(case.schedule, "velocity"))


def log_of(case: Case, t: float) -> Callable[[Tensor], Tensor]:
    """log p_t, the textbook way."""
    return Reference(case.target, *case.level(t)).log_prob


def share(line: Case, y: Tensor, t: float) -> Tensor:
    """The distribution function of x_t on a line."""
    alpha, sigma = line.level(t)
    deviation = (alpha**2 * line.target.spectrum[:, 0] + sigma**2).sqrt()
    values = normal.cdf(y.numpy(), alpha * line.target.means[:, 0].numpy(), deviation.numpy())
    return torch.from_numpy(values) @ line.target.weights


TRACE_BREAKS = [
    Break("the sign of the divergence", calculus, "divergence", lambda f: scaled(f, -1.0)),
    Break("half of the divergence", calculus, "divergence", lambda f: scaled(f, 0.5)),
]


# -------------------------------------------------------------------- residual networks
@agreement(
    "neural-ode-is-the-limit",
    T4,
    because="errors against the closed form of the flow on Gaussian data, over three halvings",
    applies=spread,
    breaks=[
        Break("the slope of both ends", calculus, "euler", lambda f: calculus.heun),
        Break(
            "a velocity 1 % too large",
            calculus,
            "euler",
            lambda f: lambda field, x, times: f(lambda y, t: 1.01 * field(y, t), x, times),
        ),
    ],
)
def residual_networks_tend_to_the_flow(case: Case) -> Iterator[Comparison]:
    """On Gaussian data the error of L residual layers against Ψ(x) = α_t m + √(V_t V_s⁻¹)(x - α_s m) is of order 1/L."""
    case = case.gaussian()
    start, end = case.times((-0.3, 0.3))
    x, field = case.sample(start, 2), velocity(case)
    want = case.as_gaussian.flow(case.schedule, x, start, end)
    steps = [16, 32, 64, 128]
    errors = [float(norm(flows.residual_network(field, x, start, end, n) - want).max()) for n in steps]
    size = float(norm(x).max())
    if max(errors) > 1e-12 * size:
        yield Order(steps, errors, 1.0)
    else:  # the velocity is zero: N(0, I) data under a VP schedule
        yield AtMost(max(errors), 1e-12 * size, size, at="nothing moves")
        yield AtMost(float(norm(field(x, f64(start))).max()), 1e-11 * size, size, at="no velocity")


# -------------------------------------------------------------------- likelihood
@agreement(
    "node-likelihood",
    T2,
    because="an ODE solved to 1e-8 against a closed form, 3e-10 here",
    bound=1e-8,
    breaks=TRACE_BREAKS,
)
def likelihood_from_the_prior(case: Case) -> Iterator[Compare]:
    """On flow matching's clock, from noise at τ = 0 to data, log p_prior(x(0)) - ∫ ∇·u dτ is the textbook log-density of the data
    end; and on our clock FlowMatching.log_likelihood, which adds ∫ ∇·v dt, says the same."""
    case = small(case)
    noise, data = case.times((-0.6, 0.6))
    end = case.schedule.T
    forwards = flow_module.lipman(velocity(case), end)
    x = case.sample(data, 2)
    flow = flows.ContinuousFlow(forwards, end - noise, end - data)
    got, want = flow.log_prob(log_of(case, noise), x, 1e-8, 1e-10), log_of(case, data)(x)
    size = got.abs() + want.abs() + x.shape[-1] * math.log(case.level(noise)[1] / case.level(data)[1] + math.e)
    yield Compare(got, want, size, at="from the prior")
    model = case.target.predictor(case.schedule, "velocity")
    closed = {"divergence": lambda y, t: case.at(t).divergence(y, "velocity")}
    there, change = FlowMatching(case.schedule).log_likelihood(model, x, data, noise, **closed)
    yield Compare(got, log_of(case, noise)(there) + change, size, at="the other clock")


@agreement(
    "change-of-variables-along-a-flow",
    T2,
    because="a flow solved by a fourth-order method, its determinant by automatic differentiation, 4e-8 here",
    bound=1e-7,
    breaks=[
        Break("the determinant of the inverse", flows, "log_det", lambda f: scaled(f, -1.0)),
        Break("no determinant", flows, "log_det", lambda f: scaled(f, 0.0)),
    ],
)
def determinant_of_the_flow(case: Case) -> Iterator[Compare]:
    """log p_t(Ψ(x)) = log p_s(x) - log|det ∂Ψ/∂x| for the exact velocity's flow, solved by Runge and Kutta's method and
    differentiated through; and log|det| is the integral of the divergence along the way."""
    case = small(case)
    start, end = case.times((0.4, -0.4))
    field = velocity(case)
    times = case.grid(0.4, -0.4, 30)
    x = case.sample(start, 2)

    def moved(y: Tensor) -> Tensor:
        return calculus.rk4(field, y, times)

    y, stretch = moved(x), flows.log_det(moved, x)
    left, right = log_of(case, end)(y), log_of(case, start)(x)
    size = left.abs() + right.abs() + stretch.abs() + x.shape[-1]
    yield Compare(left, right - stretch, size, at="density")
    _, along = calculus.log_density_along(field, lambda z, t: calculus.divergence(field, z, t), x, start, end)
    yield Compare(stretch, along, size, at="Liouville")


# -------------------------------------------------------------------- gradients
def _quadratic(case: Case) -> Callable[[Tensor], Tensor]:
    aim = torch.randn(case.target.dimension, generator=case.random("aim"), dtype=torch.float64)
    return lambda x: (x - aim).square().sum() / 2


def _frozen(original: Callable[..., flows.Sensitivity]) -> Callable[..., flows.Sensitivity]:
    """The adjoint's equation forgotten: the gradient at the start is that at the end."""

    def wrong(
        field: Field, x: Tensor, start: float, end: float, loss: Callable[[Tensor], Tensor], *more: object
    ) -> object:
        found = original(field, x, start, end, loss, *more)
        leaf = found.end.detach().requires_grad_()
        return found._replace(start=torch.autograd.grad(loss(leaf), leaf)[0])

    return wrong  # type: ignore[return-value]


def _turned(original: Callable[..., flows.Sensitivity]) -> Callable[..., flows.Sensitivity]:
    """The integral over the way back taken with the sign of the way there."""

    def wrong(*args: object) -> flows.Sensitivity:
        found = original(*args)
        return found._replace(parameters=tuple(-g for g in found.parameters))

    return wrong


@agreement(
    "adjoint-sensitivity",
    T2,
    because="ODEs solved to 1e-8, a fourth-order method of 80 steps differentiated through, 2e-7 here",
    bound=1e-6,
    breaks=[
        Break("an adjoint that stands still", flows, "adjoint", _frozen),
        Break("the integral backwards", flows, "adjoint", _turned),
    ],
)
def gradients_by_the_adjoint(case: Case) -> Iterator[Compare]:
    """Gradients of a loss at the end of dx/dt = φ_1 v* + φ_2 x + φ_3, in x(0) and in φ, by the adjoint are those of automatic
    differentiation through Runge and Kutta's method; in φ_1 also of differences."""
    case = small(case)
    d = case.target.dimension
    start, end = case.times((-0.25, 0.25))
    exact, loss = velocity(case), _quadratic(case)
    span = abs(end - start)
    factor = f64(0.8).requires_grad_()
    matrix = (0.3 / span * torch.randn(d, d, generator=case.random("φ"), dtype=torch.float64)).requires_grad_()
    shift = torch.full((d,), 0.2 / span, dtype=torch.float64, requires_grad=True)
    parameters = [factor, matrix, shift]

    def field(x: Tensor, t: Tensor) -> Tensor:
        return factor * exact(x, t) + x @ matrix.T + shift

    x = case.sample(start, 2)
    found = flows.adjoint(field, x, start, end, loss, parameters, 1e-8, 1e-10)
    leaf = x.clone().requires_grad_()
    grid = case.grid(0.25, -0.25, 80).flip(0)
    value = loss(calculus.rk4(field, leaf, grid))
    want = torch.autograd.grad(value, [leaf, *parameters])
    yield Compare(found.loss, value, value, at="loss")
    floor = 1e-3 * norm(want[0].flatten())  # a gradient of 0 has no size of its own
    for name, got, right in zip(("x(0)", "φ_1", "φ_2", "φ_3"), (found.start, *found.parameters), want, strict=True):
        yield Compare(got, right, norm(right.flatten()) + floor, at=name)
    gap, slope = 1e-3, f64(0.0)
    for steps, weight in ((1, 8 / 12), (2, -1 / 12)):  # differences of fourth order
        for sign in (1, -1):
            with torch.no_grad():
                factor += sign * steps * gap
                slope = slope + sign * weight / gap * loss(calculus.rk4(field, x, grid))
                factor -= sign * steps * gap
    yield Compare(found.parameters[0], slope, slope.abs() + floor, at="φ_1, by differences")


# -------------------------------------------------------------------- mass
FASTER = Break("a velocity 1 % too large", flow_module, "predict", lambda f: scaled(f, 1.01))


@agreement(
    "mass-conservation",
    T2,
    because="an ODE solved to 1e-10, distribution functions of normals by scipy",
    bound=1e-8,
    breaks=[FASTER],
)
def equation_to_flow(case: Case) -> Iterator[Compare]:
    """From the equation to the flow: in one dimension the flow of flow matching's velocity from s takes the share F_s(x) of the mass
    below x to the share F_t(Ψ(x)) at three later times."""
    line = case.line()
    field = velocity(line)
    start, *later = line.times((-1.5, -0.5, 0.7, 2.0))
    x, t = line.sample(start, 5), start
    want = share(line, x, start)
    for end in later:
        x, t = flows.ContinuousFlow(field, t, end).map(x), end
        yield Compare(share(line, x, end), want, at=f"t = {end:.4g}")


@agreement(
    "mass-conservation",
    T1,
    because="automatic differentiation in space and time",
    bound=1e-9,
    applies=lambda case: case.target.dimension <= 5,
    breaks=TRACE_BREAKS,
)
def flow_to_equation(case: Case) -> Iterator[Compare]:
    """From the flow to the equation: the density that x ↦ sinh(asinh x + c t) carries, made by change of variables from p_s, obeys
    ∂_t log ρ + v·∇log ρ + ∇·v = 0 with v = c √(1 + x²), of which no diffusion knows."""
    d = case.target.dimension
    speed = torch.randn(d, generator=case.random("speed"), dtype=torch.float64)
    (s,) = case.times((0.5,))
    start = log_of(case, s)

    def log_rho(x: Tensor, t: Tensor) -> Tensor:
        y = torch.sinh(torch.asinh(x) - speed * t)
        grown = ((1 + x**2).log() - (1 + y**2).log()).sum(-1) / 2
        return start(y) - grown

    def field(x: Tensor, t: Tensor) -> Tensor:
        return speed * (1 + x**2).sqrt()

    for when in (0.2, 0.7):
        t = f64(when)
        x = torch.sinh(torch.asinh(case.sample(s, 3)) + speed * t).requires_grad_()
        (score,) = torch.autograd.grad(log_rho(x, t).sum(), x)
        left = calculus.slope(lambda u: log_rho(x.detach(), u), t)
        v, trace = field(x.detach(), t), calculus.divergence(field, x.detach(), t)
        size = left.abs() + (v * score).abs().sum(-1) + trace.abs() + d
        yield Compare(left, -(v * score).sum(-1) - trace, size, at=f"t = {when}")
        got = flows.change_of_variables(start, lambda y: torch.sinh(torch.asinh(y) - speed * when), x.detach())
        yield Compare(got, log_rho(x.detach(), t), got.abs() + d, at=f"t = {when}, density")


@agreement(
    "reverse-pushforward",
    T2,
    because="an ODE solved to 1e-10, distribution functions of normals by scipy",
    bound=1e-8,
    applies=few_on_a_line,
    breaks=[
        FASTER,
        Break(
            "the clock turned, the velocity not",
            flow_module,
            "lipman",
            lambda f: lambda field, T=1.0: lambda x, tau: field(x, T - tau),
        ),
    ],
)
def noise_carried_back_to_the_data(case: Case) -> Iterator[Compare]:
    """In one dimension points of p_T carried by the flow on the clock τ = T - t have at τ the share of the mass below them that
    they had at T; and turned round they are back where they were."""
    line = case.line()
    noise, middle, data = line.times((-1.5, 0.5, 2.0))
    end = line.schedule.T
    backwards = flow_module.lipman(velocity(line), end)
    x = line.sample(noise, 5)
    for t in (middle, data):
        flow = flows.ContinuousFlow(backwards, end - noise, end - t)
        moved = flow.map(x)
        yield Compare(share(line, moved, t), share(line, x, noise), at=f"t = {t:.4g}")
        if t == middle:
            yield Compare(share(line, flow.inverse(moved), noise), share(line, x, noise), at="there and back")


# -------------------------------------------------------------------- test functions
@agreement(
    "weak-continuity-equation",
    T2,
    because="quadrature with breakpoints at the components, 1e-10 here",
    bound=1e-8,
    applies=lambda case: few_on_a_line(case) and case.line().target.components > 1,
    breaks=[
        FASTER,
        Break("the velocity of the other clock", FlowMatching, "velocity", lambda f: scaled(f, -1.0)),
    ],
)
def means_of_waves(case: Case) -> Iterator[Compare]:
    """In one dimension d/dt E[cos(w x_t + c)] from the characteristic function of the mixture is E[-w sin(w x_t + c) v(x_t, t)], for
    three w."""
    line = case.line()
    field = velocity(line)
    for t in line.times((1.0, -0.5)):
        weights, x = line.points(t)
        v = field(x, f64(t))[:, 0]
        width = float((weights * x[:, 0] ** 2).sum().sqrt())
        for w in (0.4 / width, 1.0 / width, 2.1 / width):

            def average(u: Tensor, w: float = w) -> Tensor:
                alpha, sigma = line.schedule.alpha(u), line.schedule.sigma(u)
                spread_ = alpha**2 * line.target.spectrum[:, 0] + sigma**2
                waves = torch.cos(w * alpha * line.target.means[:, 0] + 0.7) * torch.exp(-(w**2) * spread_ / 2)
                return (line.target.weights * waves).sum()

            terms = -w * torch.sin(w * x[:, 0] + 0.7) * v
            want = calculus.slope(average, f64(t))
            yield Compare(mean(weights, terms), want, mean(weights, terms.abs()), at=f"t = {t:.4g}, w = {w:.3g}")
