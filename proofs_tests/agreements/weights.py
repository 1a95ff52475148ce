"""Agreements about loss weights: the template, laws of times, the loss in λ, partial costs, published methods."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from concordant.impl import schedules, weights
from concordant.impl.batch import f64
from concordant.impl.flow import FlowMatching
from concordant.impl.predictions import Kind, Predictor, predictor
from concordant.impl.schedules import Schedule, VariancePreserving
from concordant.impl.sde import LinearSDE
from concordant.impl.symbols import shifted
from concordant.impl.variational import DDPM
from concordant.impl.weights import WEIGHTINGS
from concordant.proofs_tests.agreement import (
    T1,
    T2,
    T3,
    T4,
    AtMost,
    Break,
    Compare,
    Comparison,
    Order,
    agreement,
    scaled,
)
from concordant.proofs_tests.case import Case, few_on_a_line
from concordant.proofs_tests.quadrature import mean, time_panels

Fn = Callable[[Tensor], Tensor]


def slope(fn: Fn, u: Tensor) -> Tensor:
    """The derivative of an elementwise function."""
    u = u.detach().requires_grad_()
    (got,) = torch.autograd.grad(fn(u).sum(), u)
    return got


# -------------------------------------------------------------------- the template
@agreement(
    "disentangled-loss",
    T1,
    because="the same pairs on both sides",
    float32=True,
    breaks=[
        Break("DSM without its ½", LinearSDE, "dsm_loss", lambda f: scaled(f, 2.0)),
        Break("the law of times forgotten", weights, "disentangled_loss", lambda f: lambda *args: f(*args[:-1])),
    ],
)
def losses_in_one_template(case: Case) -> Iterator[Compare]:
    """DDPM's simple loss, twice DSM of the score SDE and the loss of flow matching, each weighed by ω/p, are the template with
    the target ε, the score and the velocity."""
    x0, noise = case.clean_and_noise(5)

    def omega(t: Tensor) -> Tensor:
        return 1 + t**2

    def density(t: Tensor) -> Tensor:
        return 0.5 + t

    for index, t in enumerate(case.times()):
        at, wrong = f64(t), case.wrong("epsilon", index)
        vp = VariancePreserving(case.schedule)
        losses: list[tuple[Kind, Schedule, Tensor]] = [
            ("epsilon", vp, DDPM.from_schedule(vp, [t]).simple_loss(wrong, x0, 1, noise)),
            ("score", case.schedule, 2 * LinearSDE(case.schedule).dsm_loss(wrong, x0, noise, at)),
            ("velocity", case.schedule, FlowMatching(case.schedule).cfm_loss(wrong, x0, noise, at)),
        ]
        for kind, clock, value in losses:
            got = weights.disentangled_loss(wrong, clock, kind, x0, noise, at, omega, density)
            want = value * (1 + t**2) / (0.5 + t)
            yield Compare(got, want, want + got, at=f"t = {t:.4g}, {kind}")


# -------------------------------------------------------------------- laws of times
def weight_of_times(t: Tensor) -> Tensor:
    """A weight ω(t) that is not 1, of low degree for the quadrature's sake."""
    return (1 + 3 * t) ** 2


class Timed(NamedTuple):
    """A stretch of a clock with the mean and the root mean square of a wrong network's loss along it, ω not in them."""

    start: float
    end: float
    loss: Callable[..., Tensor]  # of x_0, ε, t, and the template's ω and density
    nodes: Tensor
    weights: Tensor
    mean: Tensor
    rms: Tensor


def timed(case: Case) -> Timed:
    """The noise loss of a wrong network on a line, from λ = 2.5 to -1.5."""
    case = case.line()
    start, end = case.times((2.5, -1.5))
    wrong = case.wrong("epsilon", 0)

    def loss(*args: Tensor | Fn) -> Tensor:
        return weights.disentangled_loss(wrong, case.schedule, "epsilon", *args)  # type: ignore[arg-type]

    nodes, weight = (f64(v) for v in zip(*time_panels([start, end], 14), strict=True))
    first, second = [], []
    for t in nodes:
        w, x0, noise = case.pairs(float(t))
        each = loss(x0, noise, t)
        first.append(mean(w, each))
        second.append(mean(w, each**2).sqrt())
    return Timed(start, end, loss, nodes, weight, torch.stack(first), torch.stack(second))


def laws(run: Timed) -> dict[str, Fn]:
    """Three densities of times on the stretch: uniform, tilted, and the best."""
    span, middle = run.end - run.start, (run.start + run.end) / 2
    polynomial = np.polynomial.Polynomial.fit(run.nodes.numpy(), run.rms.numpy(), 13)
    best = weights.best_times(
        lambda u: weight_of_times(run.start + u), lambda u: f64(polynomial((run.start + u).numpy())), span
    )
    return {
        "uniform": lambda t: torch.full_like(t, 1 / span),
        "tilted": lambda t: (1 + (t - middle) / span) / span,
        "best": lambda t: best(t - run.start),
    }


def drawn(law: Fn, run: Timed, n: int, random: torch.Generator) -> Tensor:
    """n times of that density, by its inverse distribution function on a fine grid."""
    grid = torch.linspace(run.start, run.end, 4001, dtype=torch.float64)
    density = law(grid)
    rising = torch.cat([f64([0.0]), ((density[1:] + density[:-1]) / 2 * grid.diff()).cumsum(0)])
    # stratified, so that few draws say much
    u = (torch.arange(n, dtype=torch.float64) + torch.rand(n, generator=random, dtype=torch.float64)) / n
    return torch.from_numpy(np.interp((u * rising[-1]).numpy(), rising.numpy(), grid.numpy()))


@agreement(
    "time-sampling-is-importance-weighting",
    T3,
    because="standard errors of 4000 draws",
    applies=few_on_a_line,
    breaks=[
        Break("no division by the density", weights, "disentangled_loss", lambda f: lambda *args: f(*args[:7])),
        Break("the weight left out", weights, "disentangled_loss", lambda f: lambda *a: f(*a[:6], None, *a[7:])),
    ],
)
def estimates_over_times(case: Case) -> Iterator[Compare]:
    """Over times drawn from three densities, the mean of ω · loss over the density is ∫ ω E loss dt by quadrature."""
    run, n = timed(case), 4000
    want = (run.weights * weight_of_times(run.nodes) * run.mean).sum()
    line, random = case.line(), case.random("times")
    for name, law in laws(run).items():
        t = drawn(law, run, n, random)
        x0 = line.target.sample(n, random)
        noise = torch.randn(x0.shape, generator=random, dtype=torch.float64)
        each = run.loss(x0, noise, t, weight_of_times, law)
        yield Compare(each.mean(), want, each.std() / math.sqrt(n), at=name)


@agreement(
    "time-sampling-is-importance-weighting",
    T2,
    because="Gauss-Legendre, and a polynomial through its nodes",
    applies=few_on_a_line,
    breaks=[
        Break("times ∝ ω/rms", weights, "best_times", lambda f: lambda w, r, T: f(w, lambda u: 1 / r(u), T)),
        Break("times ∝ rms", weights, "best_times", lambda f: lambda w, r, T: f(torch.ones_like, r, T)),
    ],
)
def second_moments_over_times(case: Case) -> Iterator[Comparison]:
    """The second moment of the estimate exceeds I² = (∫ ω rms dt)² by ∫ π (ω rms/π - I)² dt: for the best density by nothing."""
    run = timed(case)
    each = weight_of_times(run.nodes) * run.rms
    total = (run.weights * each).sum()
    for name, law in laws(run).items():
        pi = law(run.nodes)
        moment = (run.weights * each**2 / pi).sum()
        excess = (run.weights * pi * (each / pi - total) ** 2).sum()
        yield Compare(moment - total**2, excess, moment, at=name)
        if name == "best":
            yield Compare(moment, total**2, moment, at="the least")
        else:
            yield AtMost(total**2, moment, moment, at=name, margin=1e-4)


# -------------------------------------------------------------------- the loss in λ
def told(wrong: Predictor, clock: Schedule) -> Predictor:
    """A network that sees x at the common scale x/√(α² + σ²), and so is the same on every schedule."""

    def predict(x: Tensor, t: Tensor) -> Tensor:
        radius = (clock.alpha(t) ** 2 + clock.sigma(t) ** 2).sqrt()
        return wrong(x / radius, t).value + clock.lam(t) / 5

    return predictor(predict, "epsilon")


def near_the_origin(case: Case) -> bool:
    """Whether few periods of a network's wave lie on the way of the mean: else quadratures over λ need more nodes."""
    return few_on_a_line(case) and case.target.components <= 10 and float(case.target.mean.abs().max()) <= 5


@agreement(
    "weighted-loss-in-lambda",
    T2,
    because="Gauss-Legendre, 24 nodes in λ and 48 in t",
    bound=1e-8,
    applies=near_the_origin,
    breaks=[Break("λ taken for log(α²/σ²)", Schedule, "d_lam", lambda f: scaled(f, 2.0))],
)
def weighted_loss_on_two_schedules(case: Case) -> Iterator[Compare]:
    """-∫ ω(λ_t) λ' E|ε̂ - ε|² dt over the case's clock and over flow matching's is ∫ ω(λ) E|ε̂ - ε|² dλ, λ from -1.5 to 2."""
    line, low, high = case.line(), -1.5, 2.0
    omega = WEIGHTINGS["sigmoid"].omega

    def error(one: Case, t: float) -> Tensor:
        w, x0, noise = one.pairs(t)
        model = told(case.line().wrong("epsilon", 0), one.schedule)
        return mean(w, weights.disentangled_loss(model, one.schedule, "epsilon", x0, noise, f64(t)))

    middle = (low + high) / 2
    want = sum(
        (w * omega(lam) * error(line, line.time(lam)) for lam, w in time_panels([low, middle, high], 12)), f64(0.0)
    )
    for clock in (case.schedule, schedules.FlowMatching()):
        one = line.under(clock)
        ends = one.times((high, 1.1, middle, -0.6, low))
        got = sum(
            (-w * clock.d_lam(t) * omega(float(clock.lam(t))) * error(one, t) for t, w in time_panels(ends, 12)),
            f64(0.0),
        )
        yield Compare(got, want, want, at=clock.name)


# -------------------------------------------------------------------- partial costs
@agreement(
    "partial-cost-rate",
    T4,
    because="closed forms of Gaussian divergences; h halved four times",
    applies=few_on_a_line,
    breaks=[
        Break(
            "twice the posterior's variance",
            LinearSDE,
            "posterior",
            lambda f: lambda self, *a: (f(self, *a)[0], 2 * f(self, *a)[1]),
        ),
        Break("λ taken for log(α/σ)", Schedule, "d_lam", lambda f: scaled(f, 0.5)),
    ],
)
def cost_of_one_more_step(case: Case) -> Iterator[Comparison]:
    """E KL(q(x_s|x_t, x_0) ‖ q(x_s|x_t, x̂_0))/(t - s) tends to -½ (log SNR)' E|ε̂ - ε|² as s → t, with an error O(t - s)."""
    case = case.line()
    sde = LinearSDE(case.schedule)
    for index, t in enumerate(case.times((1.5, -0.5))):
        w, x0, noise = case.pairs(t)
        n, at = case.schedule.at(t), f64(t)
        x = n.alpha * x0 + n.sigma * noise
        made = case.wrong("epsilon", index)(x, at)
        rate = -case.schedule.d_lam(at) * mean(w, (made.value - noise).square().sum(-1))
        clean = made.to("x0", x, n).value
        span, steps, errors = abs(t - case.time(float(case.schedule.lam(t)) + 0.3)), [4, 8, 16, 32, 64], []
        for count in steps:
            before = f64(t - span / count)
            (a, variance), (b, _) = (sde.posterior(x, one, before, at) for one in (x0, clean))
            cost = mean(w, ((a - b).square() / (2 * variance)).sum(-1))
            errors.append(abs(float(cost / (span / count) - rate)) / float(rate))
        yield Order(steps, errors, 1.0, at=f"t = {t:.4g}")


class Affine(NamedTuple):
    """E|ε̂ - ε|² for the prediction ε̂ = A x + b of a Gaussian's noise, x at the scale √(α² + σ²) = 1, in closed form."""

    cov: Tensor
    centre: Tensor
    a: Tensor
    b: Tensor

    def error(self, lam: Tensor) -> Tensor:
        alpha, sigma = torch.sigmoid(2 * lam).sqrt(), torch.sigmoid(-2 * lam).sqrt()
        through, d = self.a @ self.centre, len(self.b)
        spread = alpha**2 * torch.trace(self.a @ self.cov @ self.a.T) + sigma**2 * self.a.square().sum()
        off = alpha[..., None] * through + self.b
        return spread - 2 * sigma * torch.trace(self.a) + d + off.square().sum(-1)


def chain_cost(error: Fn, start: float, low: float) -> Tensor:
    """Σ ½ (SNR_s/SNR_t - 1) E|ε̂ - ε|² over chains from λ = low up to `start`, steps halved seven times, extrapolated."""
    rows: list[Tensor] = []
    for level in range(4, 12):
        lam = torch.linspace(low, start, 2**level + 1, dtype=torch.float64)
        rows.append((torch.expm1(2 * lam.diff()) / 2 * error(lam[:-1])).sum())
    for power in range(1, len(rows)):
        rows = [(2**power * b - a) / (2**power - 1) for a, b in itertools.pairwise(rows)]
    return rows[-1]


@agreement(
    "weighting-by-parts",
    T2,
    because="Gauss-Legendre; chains of up to 2048 steps, extrapolated",
    bound=1e-8,
    breaks=[
        Break(
            "the boundary term taken for a constant and dropped, as printed",
            weights,
            "bound_mixture",
            lambda f: lambda *args: (0.0, f(*args)[1]),
        ),
    ],
)
def monotone_weights_average_costs(case: Case) -> Iterator[Compare]:
    """∫ ω E|ε̂ - ε|² dλ + ω(λ_min) L(λ_min) is ω(λ_min) times the mean of the costs L(λ) of chains of many steps, prior included,
    under the density and the atom of three falling weights; and the masses are 1."""
    gaussian = case.gaussian()
    law, random = gaussian.as_gaussian, gaussian.random("affine")
    d = law.dimension
    a = torch.randn(d, d, generator=random, dtype=torch.float64) / (2 * math.sqrt(d))
    toy = Affine(law.covariance, law.mean, a, torch.randn(d, generator=random, dtype=torch.float64) / 3)
    low, high = -2.0, 2.5
    nodes, weight = (f64(v) for v in zip(*time_panels([low, 0.0, high], 12), strict=True))
    prior = f64(0.7)
    costs = torch.stack([prior + chain_cost(toy.error, float(lam), low) for lam in nodes])
    last = prior + chain_cost(toy.error, high, low)
    for name in ("sigmoid", "v-cosine", "p2 in λ"):
        omega = weights.p2().on_noise if name == "p2 in λ" else WEIGHTINGS[name].omega
        atom, density = weights.bound_mixture(omega, low, high)
        at_low = omega(f64(low))
        got = at_low * (atom * last + (weight * density(nodes) * costs).sum())
        want = (weight * omega(nodes) * toy.error(nodes)).sum() + at_low * prior
        yield Compare(got, want, want, at=name)
        mass = (weight * density(nodes)).sum() + atom
        yield Compare(mass, f64(1.0), 1.0, at=f"mass, {name}")


# -------------------------------------------------------------------- published methods
class Published(NamedTuple):
    """A method in its own words: (α, σ) on its own variable u, the density of u, and the loss of a pair of errors there."""

    clock: Callable[[Tensor], tuple[Tensor, Tensor]]
    density: Fn
    loss: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # of α, σ, Δx_0, Δε
    span: tuple[float, float] = (0.05, 0.95)


def _cosine(u: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cos(math.pi / 2 * u), torch.sin(math.pi / 2 * u)


def _linear_beta(u: Tensor) -> tuple[Tensor, Tensor]:
    alpha_bar = torch.exp(-(0.1 * u + 19.9 * u**2 / 2))
    return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


def _straight(u: Tensor) -> tuple[Tensor, Tensor]:
    return 1 - u, u


def _uniform(u: Tensor) -> Tensor:
    return torch.ones_like(u)


def _noise(a: Tensor, s: Tensor, x: Tensor, e: Tensor) -> Tensor:
    return e**2


def _velocity(a: Tensor, s: Tensor, x: Tensor, e: Tensor) -> Tensor:
    return (e - x) ** 2


#: log σ normal, and t = sigmoid of a normal variable: both with the normal variable as the clock.
NORMAL = torch.distributions.Normal(0.0, 1.0)
PUBLISHED: dict[str, Published] = {
    "simple": Published(_linear_beta, _uniform, _noise),
    "simple-cosine": Published(_cosine, _uniform, _noise),
    "v-cosine": Published(_cosine, _uniform, lambda a, s, x, e: (a * e - s * x) ** 2),
    "edm": Published(
        lambda u: (torch.ones_like(u), torch.exp(-1.2 + 1.2 * u)),
        lambda u: NORMAL.log_prob(u).exp(),
        lambda a, s, x, e: (s**2 + 0.25) / (0.5 * s) ** 2 * x**2,
        (-2.0, 2.0),
    ),
    "flow-matching": Published(_straight, _uniform, _velocity),
    "flow-cosine": Published(lambda u: _straight(1 - 1 / (torch.tan(math.pi / 2 * u) + 1)), _uniform, _velocity),
    "flow-logit-normal": Published(
        lambda u: _straight(torch.sigmoid(u)), lambda u: NORMAL.log_prob(u).exp(), _velocity, (-2.5, 2.5)
    ),
    "min-snr": Published(_cosine, _uniform, lambda a, s, x, e: ((a / s) ** 2).clamp(max=5) * x**2),
    "p2": Published(_linear_beta, _uniform, lambda a, s, x, e: e**2 / (1 + (a / s) ** 2)),
}


def _lam(own: Published, u: Tensor) -> Tensor:
    alpha, sigma = own.clock(u)
    return torch.log(alpha / sigma)


@agreement(
    "published-weights",
    T1,
    because="closed forms; clocks differentiated automatically",
    breaks=[
        Break("λ taken for log(α²/σ²)", weights.Weighting, "omega", lambda f: lambda self, lam: f(self, 2 * lam)),
        Break("densities twice as wide", weights, "_normal", lambda f: lambda z, m, s: f(z, m, 2 * s)),
        Break(
            "the density of times left out", weights.Weighting, "omega", lambda f: lambda self, lam: self.on_noise(lam)
        ),
    ],
)
def published_losses_as_weights(case: Case) -> Iterator[Compare]:
    """Each method's loss of a wrong network, in the paper's own clock, target, weight and law of times, is ω(λ) |Δε|² dλ."""
    x0, noise = case.clean_and_noise(1)
    for index, (name, own) in enumerate(PUBLISHED.items()):
        u = torch.linspace(*own.span, 9, dtype=torch.float64)
        alpha, sigma = own.clock(u)
        lam = alpha.log() - sigma.log()
        pace = slope(partial(_lam, own), u).abs()
        x = alpha[:, None] * x0 + sigma[:, None] * noise
        error = case.wrong("epsilon", index)(x, u).value - noise
        loss = own.loss(alpha[:, None], sigma[:, None], -(sigma / alpha)[:, None] * error, error).sum(-1)
        want = loss * own.density(u) / pace
        got = WEIGHTINGS[name].omega(lam) * error.square().sum(-1)
        yield Compare(got, want, want, at=name)
    # those that are stated in λ: the bound and the sigmoid, under any clock
    lam = f64([-2.0, 0.0, 1.5])
    yield Compare(WEIGHTINGS["vlb"].omega(lam), f64(1.0), 1.0, at="vlb")
    yield Compare(WEIGHTINGS["sigmoid"].omega(lam), 1 / (1 + (math.exp(-2) * (2 * lam).exp())), 1.0, at="sigmoid")


@agreement(
    "logit-normal-times",
    T1,
    because="closed forms",
    breaks=[
        Break("the shift undone", weights, "shifted_density", lambda f: lambda p, s: f(p, 1 / s)),
        Break(
            "cos² for the cosine map", weights, "cosine_map", lambda f: lambda t: 2 * torch.cos(math.pi / 2 * t) ** 2
        ),
        Break(
            "no Jacobian",
            weights,
            "density_of_lam",
            lambda f: lambda clock, p=torch.ones_like: lambda lam: p(clock.t_of_lam(lam)),
        ),
    ],
)
def times_as_densities_of_lam(case: Case) -> Iterator[Compare]:
    """On the straight path logit-normal times, shifted by s, make -λ normal about m + log s, and cosine-mapped times have the λ
    of the cosine schedule; and on the case's schedule the density of λ for uniform times is that of differences of λ."""
    straight = schedules.FlowMatching()
    lam = torch.linspace(-3, 3, 13, dtype=torch.float64)
    for m, std, s in ((0.0, 1.0, 1.0), (-0.5, 0.8, 3.0), (0.3, 1.4, 0.5)):
        law = weights.shifted_density(partial(weights.logit_normal, mean=m, std=std), s)
        got = weights.density_of_lam(straight, law)(lam)
        want = torch.distributions.Normal(f64(m + math.log(s)), f64(std)).log_prob(-lam).exp()
        yield Compare(got, want, 1.0, at=f"logit-normal({m}, {std}) shifted by {s}")
        t = torch.sigmoid(-lam)
        yield Compare(straight.lam(shifted(t, s)), lam - math.log(s), 1 + lam.abs(), at=f"shift {s}")
    angle = torch.atan(torch.exp(-lam)).requires_grad_()  # uniform on the quarter circle
    (pace,) = torch.autograd.grad(-angle.tan().log().sum(), angle)
    got = weights.density_of_lam(straight, weights.cosine_map)(lam)
    yield Compare(got, 2 / math.pi / pace.abs(), 1.0, at="cosine map")
    clock = case.schedule
    t = f64(case.times((2.0, 0.5, -1.0)))
    uniform = weights.density_of_lam(clock)
    yield Compare(uniform(clock.lam(t)) * slope(clock.lam, t).abs() * clock.T, f64(1.0), 1.0, at=clock.name)
