"""Agreements of conditional paths: interpolants from both ends, from a flow and from any source, and the path they mix to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, interpolants, sde
from concordant.impl.batch import f64, norm
from concordant.impl.flow import FlowMatching
from concordant.impl.interpolants import Interpolant, interpolant
from concordant.impl.predictions import predictor
from concordant.impl.sde import LinearSDE, log_prior
from concordant.impl.targets import marginal
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case, few_components, few_on_a_line, has_density
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference


def other_clock(case: Case, t: float) -> Tensor:
    """The time of flow matching's clock, as one number."""
    return f64(1 - t / case.schedule.T)


def ends(case: Case, n: int = 4) -> tuple[Tensor, Tensor]:
    """n noises x_0 and data points x_1."""
    x1, x0 = case.clean_and_noise(n)
    return x0.double(), x1.double()


def slope_along(case: Case, x0: Tensor, x1: Tensor, t: float) -> Tensor:
    """dx/dτ of the path on flow matching's clock, from the schedule's closed forms on ours."""
    schedule = case.schedule
    return -schedule.T * (schedule.d_sigma(f64(t)) * x0 + schedule.d_alpha(f64(t)) * x1)


def size_of(*parts: Tensor) -> Tensor:
    """The size of vectors that are added."""
    return sum((norm(p) for p in parts), f64(0.0)).unsqueeze(-1)


BACK = Break(
    "time turned round",
    Interpolant,
    "path",
    lambda f: lambda self, x0, x1, t: f(self, x0, x1, 1 - t),
)
WITHOUT_RATE = Break(
    "a' for a'/a",
    Interpolant,
    "one_sided",
    lambda f: (
        lambda self, x, x1, t: (
            f(self, x, x1, t) - (1 - self.a(t)) * (f(self, x, x1, t) - f(self, self.b(t) * x1, x1, t))
        )
    ),
)
WITHOUT_PULL = Break(
    "b' z forgotten",
    Interpolant,
    "one_sided",
    lambda f: lambda self, x, x1, t: f(self, x, x1, t) - f(self, self.b(t) * x1, x1, t),
)


# -------------------------------------------------------------------- both ends
@agreement(
    "two-sided-path",
    T1,
    because="closed forms of the schedule's slopes against automatic differentiation",
    bound=1e-9,
    breaks=[
        Break(
            "only the source moves",
            Interpolant,
            "two_sided",
            lambda f: lambda self, x0, x1, t: f(self, x0, 0 * x1, t),
        ),
        BACK,
    ],
)
def derivative_of_the_path(case: Case) -> Iterator[Compare]:
    """a' x_0 + b' x_1 is -T(σ' x_0 + α' x_1) on the other clock, and so is the slope of the path."""
    path = Interpolant.of(case.schedule)
    x0, x1 = ends(case)
    for t in case.times():
        tau, want = other_clock(case, t), slope_along(case, x0, x1, t)
        size = size_of(want) + size_of(x0, x1) * abs(float(case.schedule.d_lam(t))) * case.schedule.T * case.level(t)[1]
        yield Compare(path.two_sided(x0, x1, tau), want, size, at=f"t = {t:.4g}")
        slope = calculus.slope(lambda u: path.path(x0, x1, u), tau)
        yield Compare(slope, want, size, at=f"t = {t:.4g}, the path")


@agreement(
    "one-sided-path",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    breaks=[WITHOUT_RATE, WITHOUT_PULL],
)
def one_sided_and_the_conditional_score(case: Case) -> Iterator[Compare]:
    """b' z + (a'/a)(x - b z) is -T(f x - ½ g² ∇log q(x|z)) on the other clock, at any point x, on the path or not; and the
    interpolant's density of a Gaussian source is N(x; α z, σ² I)."""
    path, process = Interpolant.of(case.schedule), LinearSDE(case.schedule)
    x0, z = ends(case)
    for t in case.times():
        alpha, sigma = case.level(t)
        x, at = alpha * z + 1.7 * sigma * x0, f64(t)
        drift = process.drift(x, at)
        pull = process.conditional_score(x, z, at) * case.schedule.g2(at) / 2
        size = case.schedule.T * size_of(drift, pull)
        tau = other_clock(case, t)
        yield Compare(path.one_sided(x, z, tau), -case.schedule.T * (drift - pull), size, at=f"t = {t:.4g}")
        got = path.log_prob(lambda y: log_prior(y, 1.0), x, z, tau)
        want = torch.distributions.Normal(alpha * z, sigma).log_prob(x).sum(-1)
        yield Compare(got, want, want.abs() + x.shape[-1], at=f"t = {t:.4g}, density")


# -------------------------------------------------------------------- the table
TABLE: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "flow-matching": lambda t: (1 - t, t),
    "trigonometric": lambda t: (torch.cos(math.pi * t / 2), torch.sin(math.pi * t / 2)),
}

#: α_T, what is left of the data where the path starts: β from 0.1 to 20 leaves e^{-20.1/4}.
LEFT = {"vp-cosine": 0.0, "vp-linear": math.exp(-5.025), "ve": 1.0, "flow-matching": 0.0, "trigonometric": 0.0}


@agreement(
    "interpolant-table",
    T1,
    because="closed forms, and slopes by automatic differentiation",
    bound=1e-9,
    breaks=[
        Break(
            "half of the velocity",
            Interpolant,
            "two_sided",
            lambda f: lambda self, x0, x1, t: f(self, x0, x1, t) / 2,
        ),
        BACK,
    ],
)
def four_interpolants(case: Case) -> Iterator[Compare]:
    """A schedule seen from the other end has the table's coefficients (VP: a² + b² = 1, VE: b = 1), starts at σ_T x_0 + α_T x_1
    with the table's α_T, ends at x_1, and its marginal velocity E[a' x_0 + b' x_1 | x], by linear solves, is -T v* for our exact velocity v*."""
    path, name = Interpolant.of(case.schedule), case.schedule.name
    x0, x1 = ends(case)
    for t in case.times():
        tau = other_clock(case, t)
        a, b = path.a(tau), path.b(tau)
        if name in TABLE:
            named = interpolant({"flow-matching": "linear"}.get(name, name))
            for got, want in zip((named.a(tau), named.b(tau)), TABLE[name](tau), strict=True):
                yield Compare(got, want, at=f"t = {t:.4g}, coefficients")
            yield Compare(named.path(x0, x1, tau), a * x0 + b * x1, size_of(x0, x1), at=f"t = {t:.4g}, named")
        if name.startswith("vp"):
            yield Compare(a, (1 - b**2).sqrt(), at=f"t = {t:.4g}, VP")
        if name == "ve":
            yield Compare(b, f64(1.0), at=f"t = {t:.4g}, VE")
        x = case.sample(t, 3)
        law = Reference(case.target, *case.level(t))
        data, noise = law.x0(x), law.epsilon(x)
        got, want = path.two_sided(noise, data, tau), -case.schedule.T * case.at(t).velocity(x)
        size = size_of(want, noise, data) * (1 + case.schedule.T * abs(float(case.schedule.d_lam(t))))
        yield Compare(got, want, size, at=f"t = {t:.4g}, velocity")
    first, last = (path.path(x0, x1, f64(u)) for u in (0.0, 1.0))
    alpha, sigma = case.level(case.schedule.T)
    yield Compare(first, sigma * x0 + alpha * x1, size_of(sigma * x0, alpha * x1), at="start")
    if name in LEFT:
        yield Compare(path.b(f64(0.0)), f64(LEFT[name]), at="the data at the start")
    rest = case.level(0.0)[1] * x0  # VE begins at σ_min, not at 0
    yield Compare(last, case.level(0.0)[0] * x1 + rest, size_of(x0, x1), at="end")


@agreement(
    "flow-matching-boundary-conditions",
    T1,
    because="the ends of a path in closed form",
    bound=1e-12,
    breaks=[
        BACK,
        Break(
            "a path that stops short",
            Interpolant,
            "path",
            lambda f: lambda self, x0, x1, t: f(self, x0, x1, 0.999 * t),
        ),
    ],
)
def source_and_target(case: Case) -> Iterator[Compare]:
    """The linear and the trigonometric interpolant are at x_0 for t = 0 and at x_1 for t = 1, one time for all points or one for
    each."""
    x0, x1 = ends(case)
    for name in interpolants.INTERPOLANTS:
        path = interpolant(name)
        for t, want in ((0.0, x0), (1.0, x1)):
            yield Compare(path.path(x0, x1, f64(t)), want, size_of(x0, x1), at=f"{name}, t = {t}")
            yield Compare(path.path(x0, x1, f64([t] * len(x0))), want, size_of(x0, x1), at=f"{name}, t = {t}, each")


# -------------------------------------------------------------------- from a flow, from any source
@agreement(
    "velocity-from-a-conditional-flow",
    T1,
    because="closed forms against automatic differentiation of the flow",
    bound=1e-9,
    breaks=[
        WITHOUT_RATE,
        WITHOUT_PULL,
        Break(
            "the inverse without its shift",
            Interpolant,
            "unflow",
            lambda f: lambda self, x, x1, t: f(self, x, 0 * x1, t),
        ),
    ],
)
def velocity_of_the_flow(case: Case) -> Iterator[Compare]:
    """∂_t Ψ_t(y|z) at y = Ψ_t⁻¹(x|z), by automatic differentiation in t, is b' z + (a'/a)(x - b z); and Ψ_t(Ψ_t⁻¹(x|z)|z) = x."""
    y, z = ends(case)
    paths = [Interpolant.of(case.schedule), *interpolants.INTERPOLANTS.values()]
    for path in paths:
        for t in case.times((1.0, -1.0)):
            tau = other_clock(case, t) if path is paths[0] else f64(0.5 + 0.3 * math.tanh(math.log(t + 0.1)))
            x = path.flow(2 * y, z, tau)
            start = path.unflow(x, z, tau)
            slope = calculus.slope(lambda u, path=path, start=start: path.flow(start, z, u), tau)  # type: ignore[misc]
            (a, b), (d_a, d_b) = path.values(tau), path.slopes(tau)
            size = size_of(2 * d_a * y, d_b * z, d_a / a * b * z, slope)
            yield Compare(path.one_sided(x, z, tau), slope, size, at=f"{path.name}, t = {float(tau):.4g}")
            yield Compare(path.flow(start, z, tau), x, size_of(a * y, b * z), at=f"{path.name}, inverse")


@agreement(
    "any-source",
    T1,
    because="a mixture of Gaussians as the source, whose images are closed forms",
    bound=1e-9,
    applies=has_density,
    breaks=[
        Break(
            "a^{-1.1 D} for a^{-D}",
            Interpolant,
            "log_prob",
            lambda f: lambda self, s, x, z, t: s(self.unflow(x, z, t)) - 1.1 * self.a(t).log() * x.shape[-1],
        ),
        WITHOUT_RATE,
        WITHOUT_PULL,
    ],
)
def mixture_as_source(case: Case) -> Iterator[Compare]:
    """With the case's mixture as the source, p_t(x|z) = a^{-D} p_src((x - b z)/a) is the mixture with components N(a m + b z, a² C), and
    obeys ∂_t log p + v·∇log p + ∇·v = 0 with the velocity that a Gaussian source has."""
    d = case.target.dimension
    random = case.random("data")
    z = torch.randn(1, d, generator=random, dtype=torch.float64)
    y = case.target.sample(3, random).double()

    log_source = Reference(case.target, 1.0, 0.0).log_prob
    for path in interpolants.INTERPOLANTS.values():
        for tau in (f64(0.3), f64(0.8)):
            x = path.flow(y, z, tau)

            def textbook(u: Tensor, at: Tensor, path: Interpolant = path) -> Tensor:
                return Reference(case.target, path.a(u), 0.0).log_prob(at - path.b(u) * z)

            want = textbook(tau, x)
            got = path.log_prob(log_source, x, z, tau)
            yield Compare(got, want, want.abs() + d, at=f"{path.name}, t = {float(tau)}")
            left = calculus.slope(lambda u: textbook(u, x), tau)
            leaf = x.detach().requires_grad_()
            (score,) = torch.autograd.grad(textbook(tau, leaf).sum(), leaf)
            v = path.one_sided(x, z, tau)
            trace = calculus.divergence(lambda w, u: path.one_sided(w, z, u), x, tau)
            size = left.abs() + norm(v) * norm(score) + trace.abs() + d
            yield Compare(left, -(v * score).sum(-1) - trace, size, at=f"{path.name}, t = {float(tau)}, continuity")


# -------------------------------------------------------------------- what conditional paths make together
@agreement(
    "marginal-path",
    T2,
    because="quadrature over the data with breakpoints at the components, 1e-10 here",
    bound=1e-8,
    applies=lambda case: has_density(case) and few_on_a_line(case),
    breaks=[
        Break(
            "the log-density of a point a little off",
            marginal.Marginal,
            "log_prob",
            lambda f: lambda self, x: f(self, x + 0.01),
        ),
        Break(
            "a density that does not integrate to 1",
            marginal.Marginal,
            "log_prob",
            lambda f: lambda self, x: f(self, x) + 0.01,
        ),
    ],
)
def mixture_over_the_data(case: Case) -> Iterator[Compare]:
    """In one dimension p_t(x) is ∫ N(x; α z, σ²) π(z) dz with the textbook's data density; it integrates to 1, and E[cos x_t] over it is
    E_z[e^{-σ²/2} cos(α z)]."""
    line = case.line()
    data = Reference(line.target, 1.0, 0.0)
    for t in line.times((1.0, -1.0)):
        alpha, sigma = line.level(t)
        deviations = line.target.spectrum[:, 0].sqrt()
        width = torch.minimum(deviations.min(), f64(sigma / alpha))
        ticks = quadrature.FINE.ticks
        node, measure = quadrature.panels(
            quadrature.breakpoints(line.target.means[:, 0], width.expand_as(deviations), deviations, ticks), 12
        )
        mass = measure * data.log_prob(node[:, None]).exp()
        fine = max(1, int(float(deviations.max() / width)))
        x = line.sample(t, 3)[:, 0]
        kernel = torch.distributions.Normal(alpha * node, sigma).log_prob(x[:, None]).exp()
        law = line.at(t)
        if fine <= 8:  # else the kernel is finer than the panels
            want = (mass * kernel).sum(-1)
            yield Compare(law.log_prob(x[:, None]).exp(), want, want, at=f"t = {t:.4g}, density")
        wide = (alpha**2 * line.target.spectrum[:, 0] + sigma**2).sqrt()
        y, lengths = quadrature.line(alpha * line.target.means[:, 0], wide)
        p = law.log_prob(y[:, None]).exp() * lengths
        yield Compare(p.sum(), f64(1.0), at=f"t = {t:.4g}, mass")
        scale = float(wide.max())
        wave = (mass * torch.cos(alpha * node / scale)).sum() * math.exp(-((sigma / scale) ** 2) / 2)
        yield Compare((p * torch.cos(y / scale)).sum(), wave, at=f"t = {t:.4g}, a wave")


@agreement(
    "velocity-from-conditional-scores",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break("g² for ½ g²", sde, "flow_drift", lambda f: lambda drift, score, g2: f(drift, score, 2 * g2)),
        Break("the sign of the conditional score", LinearSDE, "conditional_score", lambda f: scaled(f, -1.0)),
    ],
)
def regression_on_conditional_velocities(case: Case) -> Iterator[Compare]:
    """E[h(x_t)·(f x_t - ½ g² ∇log q(x_t|x_0))] over pairs is E[h(x_t)·v*(x_t)] for the exact velocity v*, for three fields h: so v* is
    the conditional mean."""
    case = case.reduced()
    process = LinearSDE(case.schedule)
    for t in case.times((1.5, -0.5)):
        at, (alpha, sigma) = f64(t), case.level(t)
        points, pairs = case.points(t), case.pairs(t)
        x = alpha * pairs.x0 + sigma * pairs.noise
        given = process.conditional_score(x, pairs.x0, at)
        target = sde.flow_drift(process.drift, lambda _, u, given=given: given, case.schedule.g2(at))(x, at)  # type: ignore[misc]
        true = case.at(t).velocity(points.x)
        for index in range(3):
            h = case.wrong("velocity", index)
            left = (h(x, at).value * target).sum(-1)
            right = (h(points.x, at).value * true).sum(-1)
            size = mean(pairs.weights, left.abs()) + mean(points.weights, right.abs())
            yield Compare(
                mean(pairs.weights, left), mean(points.weights, right), size, at=f"t = {t:.4g}, field {index}"
            )


@agreement(
    "flow-matching-objective",
    T2,
    because="quadrature that is exact for quadratic functions, second moments in closed form",
    bound=1e-8,
    breaks=[
        Break("the norm for its square", FlowMatching, "fm_loss", lambda f: lambda self, *a: f(self, *a).sqrt()),
        Break("half of the loss", FlowMatching, "fm_loss", lambda f: scaled(f, 0.5)),
    ],
)
def loss_is_the_mean_square_distance(case: Case) -> Iterator[Compare]:
    """The loss is zero at v*, and tr(M E[x xᵀ] Mᵀ) + 2 c·M E[x] + |c|² at v* + M x + c."""
    case = case.reduced()
    d, path = case.target.dimension, FlowMatching(case.schedule)
    matrix = torch.randn(d, d, generator=case.random("M"), dtype=torch.float64) / math.sqrt(d)
    shift = torch.randn(d, generator=case.random("c"), dtype=torch.float64)
    second = case.target.covariance + torch.outer(case.target.mean, case.target.mean)
    for t in case.times((1.5, -0.5)):
        alpha, sigma = case.level(t)
        weights, x = case.points(t)
        true = case.at(t).velocity(x)
        exact = predictor(lambda y, u, true=true: true, "velocity")  # type: ignore[misc]
        off = predictor(lambda y, u, true=true: true + y @ matrix.T + shift, "velocity")  # type: ignore[misc]
        moments = alpha**2 * second + sigma**2 * torch.eye(d, dtype=torch.float64)
        want = (matrix @ moments @ matrix.T).trace() + 2 * alpha * shift @ matrix @ case.target.mean + shift @ shift
        got = mean(weights, path.fm_loss(off, x, true, f64(t)))
        yield Compare(got, want, want, at=f"t = {t:.4g}")
        yield Compare(mean(weights, path.fm_loss(exact, x, true, f64(t))), f64(0.0), want, at=f"t = {t:.4g}, v*")
