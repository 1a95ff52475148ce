"""Agreements of averages in chapter 4: definitions as code has them, mixtures, Gaussian closure, random probes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, probes, sde
from concordant.impl.batch import f64, norm, normal_like
from concordant.impl.predictions import Kind, predictor
from concordant.impl.schedules import Schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import GaussianMixture
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.agreement import T1, T2, T4, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.arbitrary import log_normal, wave
from concordant.proofs_tests.case import Case, few_components, few_on_a_line, spread
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference


# -------------------------------------------------------------------- definitions
@agreement(
    "forward-sde",
    T1,
    because="closed forms against automatic differentiation in time",
    breaks=[
        Break("f = α'", Schedule, "f", lambda f: lambda self, t: self.d_alpha(t)),
        Break("g² without its second term", Schedule, "g2", lambda f: lambda self, t: self.d_sigma2(t)),
        Break(
            "noise h for √h",
            LinearSDE,
            "forward_step",
            lambda f: lambda self, x, t, h, z: f(self, x, t, h, h.sqrt() * z),
        ),
    ],
)
def coefficients_of_the_transition(case: Case) -> Iterator[Compare]:
    """f = ∂_u α_{u|t} and g² = ∂_u σ²_{u|t} at u = t, by differentiating the transition; and a step of the code forwards is
    x + f x h + g √h z."""
    process = LinearSDE(case.schedule)
    x = case.sample(case.time(0.5), 3)
    z = normal_like(x, case.random("z"))
    for t in case.times():
        at = f64(t)

        def transition(u: Tensor, at: Tensor = at) -> Tensor:
            return torch.stack(process.transition(at, u))

        f, g2 = calculus.slope(transition, at)
        size = abs(float(case.schedule.d_lam(t)))
        yield Compare(process.drift(x, at), f * x, size * x.abs() + size, at=f"t = {t:.4g}, f")
        sigma2 = case.level(t)[1] ** 2
        yield Compare(process.diffusion(at) ** 2, g2, g2 + size * sigma2, at=f"t = {t:.4g}, g²")
        h = f64(0.03 / size)
        step = process.forward_step(x, at, h, z)
        whole = (norm(x) + g2.sqrt() * norm(z)).unsqueeze(-1)
        yield Compare(step, x + h * f * x + (h * g2).sqrt() * z, whole, at=f"t = {t:.4g}, step")


KINDS: tuple[Kind, ...] = ("epsilon", "x0", "score", "v", "velocity")


@agreement(
    "learned-processes",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break(
            "g² for ½ g² in the flow",
            LinearSDE,
            "ode_drift",
            lambda f: lambda self, m, x, t: self.reverse_drift(m, x, t),
        ),
        Break("the sign of f", LinearSDE, "drift", lambda f: scaled(f, -1.0)),
        Break(
            "a network's output taken for the score", LinearSDE, "score", lambda f: lambda self, m, x, t: m(x, t).value
        ),
    ],
)
def network_in_the_place_of_the_score(case: Case) -> Iterator[Compare]:
    """The code's reverse drift and flow with a network of each kind are f x - g² s_φ and f x - ½ g² s_φ, with s_φ solved from
    α x̂_0 + σ ε̂ = x and what the network predicts, and f, g by differentiating the schedule."""
    process = LinearSDE(case.schedule)
    for t in case.times((1.5, -0.5)):
        at, x = f64(t), case.sample(t, 3)
        level = torch.stack([f64(value) for value in case.level(t)])
        slopes = calculus.slope(lambda u: torch.stack([case.schedule.alpha(u), case.schedule.sigma(u)]), at)
        (alpha, sigma), (d_alpha, d_sigma) = level, slopes
        f = d_alpha / alpha
        g2 = 2 * sigma * d_sigma - 2 * f * sigma**2
        rows = {"epsilon": (0.0, 1.0), "x0": (1.0, 0.0), "v": (-sigma, alpha), "velocity": (d_alpha, d_sigma)}
        for index, kind in enumerate(KINDS):
            model = case.wrong(kind, index)
            said = model(x, at).value
            if kind == "score":
                noise = -sigma * said
            else:
                system = torch.stack([level, torch.stack([f64(c) for c in rows[kind]])])
                noise = torch.linalg.solve(system, torch.stack([x, said]).reshape(2, -1))[1].reshape(x.shape)
            s = -noise / sigma
            size = (norm(f * x) + g2 * norm(s)).unsqueeze(-1) + g2 / sigma * (1 + norm(x) / sigma).unsqueeze(-1)
            yield Compare(process.reverse_drift(model, x, at), f * x - g2 * s, size, at=f"t = {t:.4g}, {kind}, SDE")
            yield Compare(process.ode_drift(model, x, at), f * x - g2 / 2 * s, size, at=f"t = {t:.4g}, {kind}, flow")


@agreement(
    "continuous-denoising-loss",
    T1,
    because="closed forms against automatic differentiation",
    float32=False,
    breaks=[
        Break(
            "the weight forgotten",
            sde,
            "continuous_dsm",
            lambda f: lambda p, m, x0, e, t, w=None: f(p, m, x0, e, t, torch.ones_like),
        ),
        Break("without ½", LinearSDE, "dsm_loss", lambda f: scaled(f, 2.0)),
    ],
)
def loss_over_all_times(case: Case) -> Iterator[Compare]:
    """ω(t) ½ |s_φ - ∇log p_t(x_t|x_0)|² of pairs with a time each, the conditional score by differentiating the log-density of the
    kernel; and with ω = σ² it is the noise's loss, ½ |ε̂ - ε|²."""
    process = LinearSDE(case.schedule)
    x0, noise = case.clean_and_noise(4)
    t = f64(case.times((2.0, 1.0, 0.0, -1.0)))
    alpha, sigma = case.schedule.alpha(t)[:, None], case.schedule.sigma(t)[:, None]
    x = (alpha * x0 + sigma * noise).requires_grad_()
    (aim,) = torch.autograd.grad(log_normal(x, alpha * x0, sigma[:, 0]).sum(), x)
    x = x.detach()
    a = torch.randn(x.shape[-1], generator=case.random("a"), dtype=torch.float64)
    model = predictor(lambda y, u: torch.sin(y + u[..., None]) + a, "score")
    error = (model(x, t).value - aim).square().sum(-1)
    weights = {"σ²": None, "g²": case.schedule.g2, "1 + t": lambda u: 1 + u}
    for name, omega in weights.items():
        weight = sigma[:, 0] ** 2 if omega is None else omega(t)
        got = sde.continuous_dsm(process, model, x0, noise, t, omega)
        yield Compare(got, weight * error / 2, weight * (error + 1 / sigma[:, 0] ** 2), at=f"ω = {name}")
    guess = predictor(lambda y, u: torch.cos(y) + a, "epsilon")
    plain = (guess(x, t).value - noise).square().sum(-1) / 2
    yield Compare(sde.continuous_dsm(process, guess, x0, noise, t), plain, plain + 1, at="noise prediction")


# -------------------------------------------------------------------- mixtures
MIXTURE_BREAKS = [
    Break(
        "σ² for σ",
        GaussianMixture,
        "at",
        lambda f: lambda self, schedule, t: self.at_level(schedule.at(t).alpha, schedule.at(t).sigma ** 2),
    ),
    Break(
        "means and covariances that are not scaled",
        GaussianMixture,
        "at",
        lambda f: lambda self, schedule, t: self.at_level(1.0, schedule.at(t).sigma),
    ),
]


@agreement(
    "mixture-marginals",
    T2,
    because="composite Gauss-Legendre quadrature over x_0, 1e-12 here",
    bound=1e-9,
    applies=lambda case: few_on_a_line(case) and float(case.line().target.spectrum.min()) > 0,
    breaks=MIXTURE_BREAKS,
)
def marginal_by_quadrature(case: Case) -> Iterator[Compare]:
    """On a line, ∫ N(x; α x_0, σ²) p_0(x_0) dx_0, with p_0 written out, is the oracle's p_t."""
    line = case.line()
    target = line.target
    for t in line.times((1.0, -0.5)):
        alpha, sigma = line.level(t)
        x = line.sample(t, 5)
        deviations = target.spectrum[:, 0].sqrt()
        total = torch.zeros(len(x), dtype=torch.float64)
        for w, m, c in zip(target.weights, target.means[:, 0], deviations, strict=True):
            kernels = torch.full_like(x[:, 0], sigma / alpha)
            nodes, weights = quadrature.line(torch.cat([m[None], x[:, 0] / alpha]), torch.cat([c[None], kernels]))
            clean = log_normal(nodes[:, None], m, c)
            kernel = log_normal(x[:, None], alpha * nodes[:, None], sigma)
            total = total + w * ((clean + kernel).exp() @ weights)
        want = line.at(t).log_prob(x).exp()
        yield Compare(total, want, want, at=f"t = {t:.4g}")


@agreement(
    "mixture-marginals",
    T1,
    because="closed forms on both sides, one by torch.distributions",
    applies=few_components,
    breaks=MIXTURE_BREAKS,
)
def marginal_written_out(case: Case) -> Iterator[Compare]:
    """log Σ w_k N(x; α m_k, α² C_k + σ² I) by torch.distributions, one covariance at a time, is the oracle's log p_t."""
    for t in case.times():
        x = case.sample(t, 4)
        want = Reference(case.target, *case.level(t)).log_prob(x)
        yield Compare(case.at(t).log_prob(x), want, want.abs() + x.shape[-1], at=f"t = {t:.4g}")


# -------------------------------------------------------------------- closure
@agreement(
    "gaussian-closure",
    T4,
    because="quadrature over a Gaussian on a line, exact to rounding",
    applies=spread,
    breaks=[
        Break("a step half as long", calculus, "euler", lambda f: lambda field, x, times: f(field, x, times / 2)),
        Break(
            "g² for ½ g² in the flow",
            LinearSDE,
            "ode_drift",
            lambda f: lambda self, m, x, t: self.reverse_drift(m, x, t),
        ),
    ],
)
def moments_after_a_step(case: Case) -> Iterator[Order]:
    """On Gaussian data on a line, a step h of any velocity v gives a third central moment 3 h c⁴ E[v''] + O(h²); and a step of the
    probability flow the mean and the variance of the marginal after h, up to O(h²)."""
    line = case.line().gaussian()
    t, process = line.time(0.5), LinearSDE(line.schedule)
    weights, z = quadrature.normals(f64([[1.0]]), 40)
    alpha, sigma = line.level(t)
    c2 = alpha**2 * line.target.covariance[0, 0] + sigma**2
    x = alpha * line.target.mean + c2.sqrt() * z
    c = float(c2.sqrt())
    field = wave("closure", 1, scale=2 * c)
    at, model = f64(t), line.target.predictor(line.schedule, "score")
    bend = mean(weights, _second(field, x))
    counts = [16, 32, 64, 128]
    third, means, variances = [], [], []
    unit = abs(float(line.schedule.d_lam(t)))
    for n in counts:
        grid = f64([0.0, c / n])
        bent = _central(weights, calculus.euler(lambda y, u: field(y), x, grid), 3)
        third.append(float((bent - 3 * grid[1] * c2**2 * bend).abs()))
        h = 1 / (unit * n)
        moved = calculus.euler(lambda y, u: process.ode_drift(model, y, at + u), x, f64([0.0, h]))
        after = line.level(t + h)
        want = after[0] ** 2 * line.target.covariance[0, 0] + after[1] ** 2
        means.append(float((mean(weights, moved) - after[0] * line.target.mean).abs()))
        variances.append(float((_central(weights, moved, 2) - want).abs()))
    yield Order(counts, third, 2.0, at="third moment")
    yield Order(counts, variances, 2.0, at="variance of the flow's step")
    if min(means) > 1e-12 * (1 + float(line.target.mean.abs())):
        yield Order(counts, means, 2.0, at="mean of the flow's step")


def _central(weights: Tensor, x: Tensor, power: int) -> Tensor:
    return mean(weights, (x - mean(weights, x)) ** power)[0]


def _second(field: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """v'' at each point."""
    y = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(field(y).sum(), y, create_graph=True)
    return torch.autograd.grad(first.sum(), y)[0]


# -------------------------------------------------------------------- random probes
@agreement(
    "hutchinson",
    T1,
    because="all signs, or a product rule that is exact for polynomials of degree five",
    applies=few_components,
    breaks=[
        Break(
            "probes of variance 1.01", calculus, "hutchinson", lambda f: lambda field, x, t, v: 1.01 * f(field, x, t, v)
        ),
        Break(
            "the variance of normal probes for signs",
            probes,
            "variance",
            lambda f: lambda j, law="signs": f(j, "normal"),
        ),
        Break(
            "Σ J_ij² for Σ J_ij (J_ij + J_ji)",
            probes,
            "variance",
            lambda f: (
                lambda j, law="signs": (
                    j.square().sum((-1, -2)) + probes.EXCESS[law] * j.diagonal(dim1=-2, dim2=-1).square().sum(-1)
                )
            ),
        ),
    ],
)
def mean_and_variance_of_a_probe(case: Case) -> Iterator[Compare]:
    """Over all signs, and over normal probes by a product rule, the mean of the code's estimate for a swirled velocity is its
    divergence, and its variance the formula's, in two to five dimensions; the mean for signs in any."""
    d = case.target.dimension
    t = case.time(0.5)
    at, x = f64(t), case.sample(t, 2)
    turn = torch.randn(d, d, generator=case.random("turn"), dtype=torch.float64) / math.sqrt(d)

    def field(y: Tensor, u: Tensor) -> Tensor:
        return case.at(u).velocity(y) + torch.sin(y) @ turn

    want = calculus.divergence(field, x, at)
    laws: dict[str, tuple[Tensor | None, Tensor]] = {"signs, orthogonal": (None, quadrature.signs(d))}
    if 2 <= d <= 5:
        jacobian = case.at(t).jacobian(x, "velocity") + torch.einsum("bi,ij->bji", torch.cos(x), turn)
        every = f64(list(itertools.product((-1.0, 1.0), repeat=d)))
        laws = {"signs": (probes.variance(jacobian, "signs"), every)}
        node, weight = f64([-math.sqrt(3.0), 0.0, math.sqrt(3.0)]), f64([1 / 6, 2 / 3, 1 / 6])
        product = torch.cartesian_prod(*[node] * d)
        shares = torch.cartesian_prod(*[weight] * d).prod(-1)
    for name, (variance, points) in laws.items():
        values = _estimates(field, x, at, points)
        size = values.abs().mean(0) + want.abs() + 1
        yield Compare(values.mean(0), want, size, at=f"{name}, mean")
        if variance is not None:
            yield Compare(
                (values - want).square().mean(0), variance, values.square().mean(0) + size, at=f"{name}, variance"
            )
    if 2 <= d <= 5:
        values = _estimates(field, x, at, product)
        size = values.abs().amax(0) + 1
        yield Compare(mean(shares, values), want, size, at="normal, mean")
        spread_ = mean(shares, (values - want).square())
        yield Compare(spread_, probes.variance(jacobian, "normal"), spread_ + size, at="normal, variance")


def _estimates(field: calculus.Field, x: Tensor, at: Tensor, points: Tensor) -> Tensor:
    """The code's estimate with each probe alone, (probes, points)."""
    wide = x.expand(len(points), *x.shape)
    return calculus.hutchinson(field, wide, at, points[:, None].expand_as(wide)[None])


@agreement(
    "hutchinson",
    T2,
    because="ODEs solved to 1e-9, the mean over all signs",
    bound=1e-8,
    applies=lambda case: few_components(case) and case.target.dimension <= 5,
    breaks=[
        Break(
            "probes of variance 1.01", calculus, "hutchinson", lambda f: lambda field, x, t, v: 1.01 * f(field, x, t, v)
        ),
        Break("a flow 1 % too slow", LinearSDE, "ode_drift", lambda f: scaled(f, 0.99)),
    ],
)
def likelihood_with_three_divergences(case: Case) -> Iterator[Compare]:
    """∫ ∇·v dt along the flow with the exact divergence, with the oracle's closed form, and with Hutchinson's for one probe kept all the
    way, averaged over all signs, are the same; and log p_s(x) with them that of the oracle."""
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")
    s, t = case.times((0.4, -0.4))
    x = case.sample(s, 1)
    d = x.shape[-1]
    half = f64([[1.0, *signs] for signs in itertools.product((-1.0, 1.0), repeat=d - 1)])  # v and -v are one probe

    def closed(y: Tensor, u: Tensor) -> Tensor:
        return case.at(u).divergence(y, "velocity")

    def probed(y: Tensor, u: Tensor) -> Tensor:
        return calculus.hutchinson(lambda z, r: process.ode_drift(model, z, r), y, u, half[None])

    end, exact = process.log_likelihood(model, x, s, t)
    other, plain = process.log_likelihood(model, x, s, t, closed)
    _, many = process.log_likelihood(model, x.expand(len(half), d).clone(), s, t, probed)
    want = case.at(s).log_prob(x)
    size = exact.abs() + want.abs() + d
    yield Compare(plain, exact, size, at="closed form")
    yield Compare(other, end, norm(end).unsqueeze(-1) + 1, at="end point")
    yield Compare(many.mean(0, keepdim=True), exact, size, at="Hutchinson, averaged")
    yield Compare(case.at(t).log_prob(end) + many.mean(), want, size, at="log-density")
