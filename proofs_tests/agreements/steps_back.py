"""Agreements of single steps backwards: Bayes' rule, the exact reverse kernel, DDPM and Euler-Maruyama, Euler for the flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from concordant.impl import calculus, score
from concordant.impl.batch import f64, norm, normal_like
from concordant.impl.schedules import VarianceExploding, VariancePreserving
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import Gaussian, Marginal, Reverse
from concordant.impl.variational import DDPM
from concordant.proofs_tests.affine import affines, noised, push_all
from concordant.proofs_tests.agreement import T1, T4, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.case import Case, few_components, spread

DRIFT_BREAKS = [
    Break(
        "½ g² for g² before the score",
        LinearSDE,
        "reverse_drift",
        lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, torch.zeros_like(t)),
    ),
    Break("the sign of f", LinearSDE, "drift", lambda f: scaled(f, -1.0)),
]
HALVINGS = [8, 16, 32, 64]


# -------------------------------------------------------------------- Bayes' rule
@agreement(
    "reverse-kernel-by-bayes",
    T1,
    because="closed forms on both sides",
    breaks=[
        DRIFT_BREAKS[0],
        Break(
            "noise 1.5 √h, whatever g is",
            LinearSDE,
            "reverse_step",
            lambda f: lambda self, m, x, t, h, z: f(self, m, x, t, h, z / self.diffusion(t) * 1.5),
        ),
    ],
)
def tilted_step(case: Case) -> Iterator[Compare]:
    """log N(x'; forward step) + s·(x - x') is the log-density of the reverse step, but for h (½ g² |s|² - f·s), at many x; means
    and deviations read off the code's steps, f and s at x'."""
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")
    for t in case.times((1.0, -0.5)):
        at, y = f64(t), case.sample(t, 4)
        h = f64(0.05 / abs(float(case.schedule.d_lam(t))))
        drift, s, g = process.drift(y, at), case.at(t).score(y), process.diffusion(at)
        none, unit = torch.zeros_like(y), torch.ones_like(y)
        back = process.reverse_step(model, y, at, -h, none)
        deviation = (process.reverse_step(model, y, at, -h, unit) - back)[0, 0]
        z = normal_like(y, case.random("z"))
        x = y + g * h.sqrt() * z
        ahead = calculus.euler_maruyama_step(drift, g, x, h, none)
        left = log_normal(y, ahead, g * h.sqrt()) + (s * (x - y)).sum(-1)
        rest = h * (g**2 / 2 * s.square().sum(-1) - (drift * s).sum(-1))
        right = log_normal(x, back, deviation) + rest
        pull = norm(drift) + g**2 * norm(s)
        size = left.abs() + z.square().sum(-1) + y.shape[-1] + h * pull**2 / g**2 + norm(y) * pull / g**2 * 1e-3
        yield Compare(left, right, size, at=f"t = {t:.4g}")


@agreement(
    "reverse-kernel-to-first-order",
    T4,
    because="exact moments of the mixture's reverse kernel",
    applies=few_components,
    breaks=[
        *DRIFT_BREAKS[:1],
        Break("a variance 5 % too large", Reverse, "covariance", lambda f: scaled(f, 1.05)),
    ],
)
def reverse_kernel_and_step(case: Case) -> Iterator[Order]:
    """Mean and covariance of the exact reverse kernel over a time h differ from those of the reverse step by O(h²), and the
    covariance by O(h³) once h² [g⁴ ∇²log p - ½ (g²)' I - f g² I] is added."""
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")
    t = case.time(-0.5)
    at, x, law = f64(t), case.sample(t, 3), case.at(t)
    eye = torch.eye(x.shape[-1], dtype=torch.float64)
    g2, f = case.schedule.g2(at), case.schedule.f(at)
    bend = g2**2 * law.jacobian(x) - (calculus.slope(case.schedule.g2, at) / 2 + f * g2) * eye
    means, plain, refined = [], [], []
    for n in HALVINGS:
        h = f64(0.4 / n / abs(float(case.schedule.d_lam(t))))
        exact = law.reverse(x, case.schedule.at(at - h))
        step = process.reverse_step(model, x, at, -h, torch.zeros_like(x))
        means.append(float(norm(exact.mean() - step).max()))
        off = exact.covariance() - g2 * h * eye
        plain.append(float(off.abs().max()))
        refined.append(float((off - h**2 * bend).abs().max()))
    yield Order(HALVINGS, means, 2.0, at="mean")
    yield Order(HALVINGS, plain, 2.0, at="covariance")
    yield Order(HALVINGS, refined, 3.0, at="covariance, one term more")


@agreement(
    "gaussian-reverse-kernel",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break("a mean 1 % off", Reverse, "mean", lambda f: scaled(f, 1.01)),
        Break(
            "the variance of the step",
            Reverse,
            "covariance",
            lambda f: lambda self: self.tau2 * torch.eye(self.dimension).to(self.tau2),
        ),
    ],
)
def remainders_of_a_gaussian_step(case: Case) -> Iterator[Compare]:
    """On data N(m, c² I) and a step (1 + f h) x + g √h z, the oracle's posterior has the stated mean and variance, remainders
    and all; f, g and c the case's."""
    t = case.time(0.5)
    at, d = f64(t), case.target.dimension
    m = case.level(t)[0] * case.target.mean
    c2 = case.level(t)[0] ** 2 * case.target.covariance.diagonal().mean() + case.level(t)[1] ** 2
    f, g2 = case.schedule.f(at) - 0.2, case.schedule.g2(at)
    z = torch.randn(4, d, generator=case.random("z"), dtype=torch.float64)
    for share in (0.02, 0.3):
        h = f64(share) / g2
        a = 1 + f * h
        y = a * (m + c2.sqrt() * z) + (g2 * h).sqrt() * z.flip(0)
        exact = Gaussian(m, c2).at_level(a, (g2 * h).sqrt()).reverse(y)
        r, w = g2 + 2 * f * c2 + f**2 * h * c2, g2 * h + a**2 * c2
        first = -(f + g2 / c2) * y + g2 / c2 * m
        second = (((f + g2 / c2) * r - f**2 * c2) * y - g2 * r / c2 * m) / w
        size = norm(y).unsqueeze(-1) + norm(m) + h**2 * norm(second).unsqueeze(-1)
        yield Compare(exact.mean(), y + h * first + h**2 * second, size, at=f"h = {float(h):.3g}, mean")
        variance = g2 * h - h**2 * g2 * r / w
        eye = torch.eye(d, dtype=torch.float64)
        got = exact.covariance()
        yield Compare(got, variance * eye, g2 * h + (h**2 * g2 * r / w).abs(), at=f"h = {float(h):.3g}, variance")


# -------------------------------------------------------------------- samplers
@agreement(
    "ddpm-and-euler-maruyama",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break(
            "√(1-β) in the place of 1/√(1-β)",
            DDPM,
            "posterior_mean_from_noise",
            lambda f: lambda self, x, e, i: f(self, x, e, i) * (1 - self.beta[i - 1]),
        ),
        Break(
            "β for the posterior variance",
            DDPM,
            "reverse_variance",
            lambda f: lambda self, i, choice: f(self, i, "beta"),
        ),
    ],
)
def ancestral_less_euler(case: Case) -> Iterator[Compare]:
    """The mean of DDPM's ancestral step less that of Euler-Maruyama for the reverse SDE at β' = 1 over a time β is
    β² (2+u)/(2u(1+u)²) x - β²/(u(1+u)) ε/√(1-ᾱ_i), u = √(1-β); β less the posterior variance is β² ᾱ_{i-1}/(1-ᾱ_i)."""
    clock = VariancePreserving(case.schedule)
    twin = case.under(clock)
    chain = DDPM.from_schedule(clock, torch.linspace(0, twin.time(-1.5), 13, dtype=torch.float64)[1:])
    x0, noise = twin.clean_and_noise(4)
    for i in (2, 5, 12):
        beta, left = chain.beta[i - 1], chain.noise[i]
        centre, variance = chain.kernel(x0, i)
        x, u = centre + variance.sqrt() * noise, (1 - chain.beta[i - 1]).sqrt()
        score = -noise / left.sqrt()
        one = f64(1.0)
        euler = calculus.euler_maruyama_step(-x / 2 - score, one, x, -beta, torch.zeros_like(x))
        apart = chain.posterior_mean_from_noise(x, noise, i) - euler
        want = beta**2 * (2 + u) / (2 * u * (1 + u) ** 2) * x - beta**2 / (u * (1 + u)) * noise / left.sqrt()
        size = (norm(x) + norm(noise) / left.sqrt()).unsqueeze(-1) * beta / u + norm(x).unsqueeze(-1) * 1e-3
        yield Compare(apart, want, size, at=f"i = {i}, mean")
        gap = beta - chain.reverse_variance(i, "posterior")
        yield Compare(gap, beta**2 * chain.alpha_bar[i - 1] / left, beta, at=f"i = {i}, variance")


FLOW_BREAKS = [
    Break(
        "g² for ½ g² in the flow", LinearSDE, "ode_drift", lambda f: lambda self, m, x, t: self.reverse_drift(m, x, t)
    ),
    Break("steps 1 % too long", LinearSDE, "ode_drift", lambda f: scaled(f, 1.01)),
]
STEPS = [16, 32, 64, 128]


@agreement(
    "euler-for-the-probability-flow",
    T4,
    because="exact recursion of moments, no sampling",
    applies=spread,
    breaks=FLOW_BREAKS,
)
def euler_moments(case: Case) -> Iterator[Order]:
    """On Gaussian data, mean and covariance carried by Euler's steps for the probability flow are off by O(1/steps)."""
    case = case.gaussian()
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")
    start, end = case.times((-1.0, 1.5))
    want, errors = noised(case.as_gaussian, *case.level(end)), []
    for steps in STEPS:
        times = case.grid(1.5, -1.0, steps).flip(0)
        t, h = times[:-1, None], times.diff()[:, None]

        def step(x: Tensor, z: Tensor, t: Tensor = t, h: Tensor = h) -> Tensor:
            return x + h.unsqueeze(-1) * process.ode_drift(model, x, t)

        maps = affines(step, case.target.dimension, steps)
        errors.append(push_all(maps, noised(case.as_gaussian, *case.level(start))).distance(want))
    yield Order(STEPS, errors, 1.0)


@agreement(
    "euler-for-the-probability-flow",
    T4,
    because="end points against an ODE solved to 1e-10",
    applies=lambda case: few_components(case) and spread(case),
    breaks=[
        *FLOW_BREAKS,
        Break("Heun's method in its place, which has order 2", calculus, "euler", lambda f: calculus.heun),
    ],
)
def euler_end_points(case: Case) -> Iterator[Order]:
    """On a mixture, the end points of Euler's steps for the probability flow are off those of the exact flow by O(1/steps)."""
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")
    start, end = case.times((-1.0, 1.0))
    x = case.sample(start, 3)
    exact = calculus.solve(lambda y, t: case.at(t).velocity(y), x, start, end)
    errors = []
    for steps in STEPS:
        times = case.grid(1.0, -1.0, steps).flip(0)
        moved = calculus.euler(lambda y, t: process.ode_drift(model, y, t), x, times)
        errors.append(float(torch.linalg.matrix_norm(moved - exact)))
    yield Order(STEPS, errors, 1.0)


# -------------------------------------------------------------------- Langevin
@agreement(
    "reverse-step-and-langevin",
    T1,
    because="closed forms on both sides",
    applies=few_components,
    breaks=[
        DRIFT_BREAKS[0],
        Break(
            "a reverse step with Langevin's noise",
            LinearSDE,
            "reverse_step",
            lambda f: lambda self, m, x, t, h, z: f(self, m, x, t, h, 2**0.5 * z),
        ),
        Break(
            "√η for √(2η) in Langevin's step",
            score,
            "langevin_step",
            lambda f: lambda x, s, eta, z: f(x, s, eta, z / 2**0.5),
        ),
    ],
)
def half_flow_half_langevin(case: Case) -> Iterator[Compare]:
    """At NCSN's scale a reverse step is Langevin's of size g² h/2 followed by half of the drift; Langevin's of size g² h has
    twice its variance; and the drift and noise of Langevin's step of size ½ g², a drift ½ g² ∇log p and a noise g, keep p_t in place."""
    case = replace(case, schedule=VarianceExploding(case.schedule))
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")
    for t in case.times((1.5, -0.5)):
        at, x, law = f64(t), case.sample(t, 3), case.at(t)
        h = f64(0.1 / abs(float(case.schedule.d_lam(t))))
        s, g2, z = law.score(x), process.diffusion(at) ** 2, normal_like(x, case.random("z"))
        eta = g2 * h
        step = process.reverse_step(model, x, at, -h, z)
        halves = score.langevin_step(x, s, eta / 2, z) + eta / 2 * s
        size = norm(x).unsqueeze(-1) + eta * norm(s).unsqueeze(-1) + eta.sqrt() * norm(z).unsqueeze(-1)
        yield Compare(step, halves, size, at=f"t = {t:.4g}, halves")
        none = torch.zeros_like(x)
        ours = step - process.reverse_step(model, x, at, -h, none)
        theirs = score.langevin_step(x, s, eta, z) - score.langevin_step(x, s, eta, none)
        spread_ = (size * ours.abs() + theirs**2).amax(-1, keepdim=True)
        yield Compare(theirs**2, 2 * ours**2, spread_, at=f"t = {t:.4g}, variances")

        def slope(y: Tensor, u: Tensor, law: Marginal = law) -> Tensor:
            return law.score(y)

        def pull(y: Tensor, u: Tensor, law: Marginal = law, half: Tensor = g2 / 2) -> Tensor:
            return score.langevin_step(y, law.score(y), half, torch.zeros_like(y)) - y

        noise = score.langevin_step(0 * x, 0 * x, g2 / 2, torch.ones_like(x))[0, 0]
        rate = calculus.fokker_planck(pull, slope, noise**2, x, at)
        terms = g2 * (law.divergence(x).abs() + s.square().sum(-1)) + g2 / case.level(t)[1] ** 2
        yield Compare(rate, torch.zeros_like(rate), terms, at=f"t = {t:.4g}, stationary")
