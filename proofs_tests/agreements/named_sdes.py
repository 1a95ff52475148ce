"""Agreements of the SDEs in use: their coefficients in their own terms, their kernels, the ancestral step, the bound's limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.impl.batch import f64, norm
from concordant.impl.predictions import predict
from concordant.impl.schedules import FromSDE, Schedule, schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import marginal
from concordant.proofs_tests.agreement import T1, T2, T4, AtMost, Break, Compare, Order, agreement
from concordant.proofs_tests.agreements.variational import chain
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.quadrature import mean, panels

#: Each SDE as its paper writes it: f and g² as functions of t, B the integral of the linear β.
BETA = (0.1, 20.0)


def _beta(t: Tensor) -> Tensor:
    return BETA[0] + t * (BETA[1] - BETA[0])


def _integral(t: Tensor) -> Tensor:
    return BETA[0] * t + (BETA[1] - BETA[0]) * t**2 / 2


_GROWTH = math.log(50 / 0.01)
PAPERS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "ve": (torch.zeros_like, lambda t: 2 * _GROWTH * (0.01 * torch.exp(_GROWTH * t)) ** 2),
    "edm": (torch.zeros_like, lambda t: 2 * t),
    "vp-linear": (lambda t: -_beta(t) / 2, _beta),
    "sub-vp": (lambda t: -_beta(t) / 2, lambda t: _beta(t) * -torch.expm1(-2 * _integral(t))),
    "flow-matching": (lambda t: -1 / (1 - t), lambda t: 2 * t / (1 - t)),
    "trigonometric": (
        lambda t: -math.pi / 2 * torch.tan(math.pi * t / 2),
        lambda t: math.pi * torch.tan(math.pi * t / 2),
    ),
}


@agreement(
    "named-sdes",
    T2,
    because="composite Gauss-Legendre quadrature of the SDE's own coefficients",
    bound=1e-10,
    applies=lambda case: case.schedule.name in PAPERS,
    breaks=[
        Break("g² = (σ²)' without its second term", Schedule, "g2", lambda f: lambda self, t: self.d_sigma2(t)),
        Break("f = α'", Schedule, "f", lambda f: lambda self, t: self.d_alpha(t)),
        Break("the quadrature of f counted twice", FromSDE, "alpha", lambda f: lambda self, t: f(self, t) ** 2),
    ],
)
def as_in_their_papers(case: Case) -> Iterator[Compare]:
    """f and g² as the papers write them are the schedule's, and their moment equations lead to its α and σ²: VE (σ² less its
    value at 0), VP and sub-VP with the linear β, EDM, the linear and the trigonometric path."""
    own, (f, g2) = case.schedule, PAPERS[case.schedule.name]
    made = FromSDE(lambda t: f(t), lambda t: g2(t), own.T)
    for t in case.times():
        at = f64(t)
        yield Compare(own.f(at), f(at), f(at).abs() + 1 / own.T, at=f"t = {t:.4g}, f")
        yield Compare(own.g2(at), g2(at), g2(at), at=f"t = {t:.4g}, g²")
        alpha, sigma = case.level(t)
        yield Compare(made.alpha(at), f64(alpha), alpha, at=f"t = {t:.4g}, α")
        yield Compare(made.sigma(at) ** 2, f64(sigma**2), sigma**2, at=f"t = {t:.4g}, σ²")


@agreement(
    "pure-noise-in-finite-time",
    T2,
    because="Gauss-Legendre quadrature on panels that halve towards the end",
    bound=1e-9,
    applies=lambda case: case.schedule.T == 1,
    breaks=[Break("f = α'", Schedule, "f", lambda f: lambda self, t: self.d_alpha(t))],
)
def integral_of_the_drift(case: Case) -> Iterator[Compare]:
    """∫ f dt up to 1 - 2^{-k} is log α there, without bound as k grows where α_T = 0."""
    own = case.schedule
    ends = 1 - f64(2.0) ** -torch.arange(0, 31, dtype=torch.float64)
    pieces = torch.stack([(w * own.f(nodes)).sum() for nodes, w in (panels(ends[k : k + 2], 24) for k in range(30))])
    for k in (3, 10, 30):
        want = own.alpha(ends[k]).log()
        yield Compare(pieces[:k].sum(), want, want.abs(), at=f"k = {k}")


@agreement(
    "pure-noise-in-finite-time",
    T2,
    because="two values extrapolated, off by O((1-t)²)",
    bound=1e-9,
    applies=lambda case: case.schedule.T == 1 and float(case.schedule.alpha(f64(1.0))) < 1e-12,
    breaks=[Break("g² = (σ²)' without its second term", Schedule, "g2", lambda f: lambda self, t: self.d_sigma2(t))],
)
def noise_at_the_end(case: Case) -> Iterator[Compare]:
    """g² (1 - t) tends to 2 as t → 1 where α_T is a simple zero and σ_T = 1: no such SDE has a bounded g."""
    left = f64([2.0**-17, 2.0**-18])
    one, other = case.schedule.g2(1 - left) * left
    yield Compare(2 * other - one, f64(2.0), 2.0)


@agreement(
    "affine-forward-kernel",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break(
            "σ off by 1 %", Schedule, "at", lambda f: lambda self, t: f(self, t)._replace(sigma=1.01 * f(self, t).sigma)
        )
    ],
)
def pairs_of_functions(case: Case) -> Iterator[Compare | AtMost]:
    """α_0 = 1, σ_0 = 0, both positive between; and α, σ as the table of interpolants writes them."""
    own = case.schedule
    start = own.at(0.0)
    yield Compare(torch.stack([start.alpha, start.sigma]), f64([1.0, 0.0]), at="t = 0")
    inside = torch.linspace(0.01, 0.99, 25, dtype=torch.float64) * own.T
    level = own.at(inside)
    yield AtMost(f64(0.0), torch.minimum(level.alpha, level.sigma).min(), at="between")
    tables: dict[str, tuple[Tensor, Tensor]] = {
        "flow-matching": (1 - inside, inside),
        "trigonometric": (torch.cos(math.pi / 2 * inside), torch.sin(math.pi / 2 * inside)),
        "edm": (torch.ones_like(inside), inside),
        "ve": (torch.ones_like(inside), torch.sqrt((0.01 * 5000**inside) ** 2 - 0.01**2)),
        "vp-linear": (torch.exp(-_integral(inside) / 2), torch.sqrt(1 - torch.exp(-_integral(inside)))),
        "sub-vp": (torch.exp(-_integral(inside) / 2), 1 - torch.exp(-_integral(inside))),
    }
    angle = math.pi / 2 * (inside + 0.008) / 1.008
    cosine = torch.cos(angle) / math.cos(math.pi / 2 * 0.008 / 1.008)
    tables["vp-cosine"] = (cosine, torch.sqrt(1 - cosine**2))
    alpha, sigma = tables[own.name]
    yield Compare(level.alpha, alpha, 1.0, at="α")
    yield Compare(level.sigma, sigma, sigma.clamp_min(1e-3), at="σ")


# -------------------------------------------------------------------- the bound in continuous time
def _error(case: Case, t: float, kind: str) -> float:
    """E|target - prediction|² of the exact prediction."""
    weights, x0, noise = case.pairs(t)
    alpha, sigma = case.level(t)
    guess = case.at(t).mean(alpha * x0 + sigma * noise, kind)  # type: ignore[arg-type]
    return float(mean(weights, ((x0 if kind == "x0" else noise) - guess).square().sum(-1)))


WINDOW = (1.5, -1.5)
RIEMANN = [8, 16, 32, 64]


@agreement(
    "continuous-time-elbo",
    T4,
    because="quadrature in closed expressions, no sampling",
    applies=lambda case: case.line().target.components <= 12 and float(case.target.spectrum.min()) > 0.01,
    breaks=[
        Break(
            "x_0 taken 30 % too small",
            marginal.Marginal,
            "mean",
            lambda f: lambda self, x, kind, label=None: (0.7 if kind == "x0" else 1) * f(self, x, kind, label),
        ),
        Break("SNR to the power 1.02", Schedule, "snr", lambda f: lambda self, t: f(self, t) ** 1.02),
    ],
)
def riemann_sum(case: Case) -> Iterator[Order]:
    """Σ ½(SNR_{i-1} - SNR_i) E|x_0 - x̂_0(x_{t_i})|² → ∫ E|ε - ε̂|² dλ at the rate 1/steps, in one dimension."""
    one = case.line()
    lam, weights = panels(f64([WINDOW[1], 0.0, WINDOW[0]]), 12)
    limit = sum(float(w) * _error(one, one.time(float(at)), "epsilon") for at, w in zip(lam, weights, strict=True))
    errors = []
    for steps in RIEMANN:
        times = [one.time(at) for at in torch.linspace(WINDOW[0], WINDOW[1], steps + 1).tolist()]
        snr = one.schedule.snr(f64(times))
        terms = [(snr[i] - snr[i + 1]) / 2 * _error(one, times[i + 1], "x0") for i in range(steps)]
        errors.append(abs(float(sum(terms)) - limit))
    yield Order(RIEMANN, errors, 1.0)


@agreement(
    "continuous-time-elbo",
    T2,
    because="Gauss-Legendre quadrature over each schedule's own clock",
    bound=1e-9,
    applies=lambda case: case.line().target.components <= 12 and float(case.target.spectrum.min()) > 0.01,
    breaks=[
        Break("EDM's λ' = -1/t for every schedule", Schedule, "d_lam", lambda f: lambda self, t: -1 / t),
    ],
)
def invariant_to_the_schedule(case: Case) -> Iterator[Compare]:
    """-½∫ SNR' E|x_0 - x̂_0|² dt over the clock of this schedule and of another, between the same λ, are one number."""
    one = case.line()
    other = one.under(schedule("trigonometric" if case.schedule.name != "trigonometric" else "flow-matching"))
    totals = []
    for own in (one, other):
        ends = own.schedule.t_of_lam(torch.linspace(*WINDOW, 7, dtype=torch.float64))
        nodes, weights = panels(ends, 8)
        change = own.schedule.snr(nodes) * 2 * own.schedule.d_lam(nodes)  # SNR' = 2 SNR λ'
        errors = f64([_error(own, float(t), "x0") for t in nodes])
        totals.append((-weights * change * errors / 2).sum())
    yield Compare(totals[0], totals[1], totals[1])


# -------------------------------------------------------------------- the ancestral step
@agreement(
    "ancestral-step",
    T1,
    because="closed forms on both sides",
    float32=True,
    bound=1e-9,
    breaks=[
        Break(
            "σ²_{t|s} without its second term",
            LinearSDE,
            "transition",
            lambda f: lambda self, s, t: (f(self, s, t)[0], self.schedule.sigma(t) ** 2),
        ),
        Break(
            "the noise's variance β for β̃",
            LinearSDE,
            "posterior",
            lambda f: lambda self, x, x0, s, t: (f(self, x, x0, s, t)[0], self.transition(s, t)[1]),
        ),
    ],
)
def general_step_is_ddpms(case: Case) -> Iterator[Compare]:
    """The step in its noise form is the posterior with x̂_0 in it; on the twin of variance one its mean and variance are those of
    DDPM's chain with the posterior variance."""
    own, process = case.schedule, LinearSDE(case.schedule)
    s, t = (f64(u) for u in case.times((0.8, -0.4)))
    x, model = case.sample(float(t), 4), case.wrong("v", 1)
    epsilon, x0 = (predict(model, own, x, t, kind) for kind in ("epsilon", "x0"))
    centre, spread = process.posterior(x, x0, s, t)
    ratio = own.alpha(t) / own.alpha(s)
    added = own.sigma(t) ** 2 - ratio**2 * own.sigma(s) ** 2
    want = (x - (added / own.sigma(t)).to(x) * epsilon) / ratio.to(x)
    yield Compare(centre, want, norm(x).unsqueeze(-1) / ratio + norm(epsilon).unsqueeze(-1), at="mean")
    yield Compare(spread, (added * own.sigma(s) ** 2 / own.sigma(t) ** 2).to(x), spread, at="variance")
    twin, ddpm = chain(case, 10)
    for i in (3, 10):
        s, t = ddpm.times[i - 2], ddpm.times[i - 1]
        y, clean = twin.sample(float(t), 4), twin.sample(0.0, 4)
        mean_, variance = LinearSDE(twin.schedule).posterior(y, clean, s, t)
        theirs, theirs_variance = ddpm.posterior(y, clean, i)
        yield Compare(mean_, theirs, norm(y).unsqueeze(-1) + norm(clean).unsqueeze(-1), at=f"DDPM's mean, i = {i}")
        yield Compare(variance, theirs_variance, variance, at=f"DDPM's variance, i = {i}")


@agreement(
    "kernel-score",
    T1,
    because="automatic differentiation of torch's own density",
    float32=True,
    breaks=[
        Break(
            "σ for σ²",
            LinearSDE,
            "conditional_score",
            lambda f: lambda self, x, x0, t: f(self, x, x0, t) * self.schedule.sigma(t).to(x),
        )
    ],
)
def score_of_the_kernel(case: Case) -> Iterator[Compare]:
    """∇log N(x; α x_0, σ² I) by automatic differentiation is the implementation's conditional score, and -ε/σ."""
    x0, noise = case.clean_and_noise(4)
    for t in case.times():
        alpha, sigma = case.level(t)
        x = (alpha * x0 + sigma * noise).requires_grad_()
        log = torch.distributions.Normal(alpha * x0, sigma).log_prob(x).sum()
        (slope,) = torch.autograd.grad(log, x)
        got = LinearSDE(case.schedule).conditional_score(x.detach(), x0, f64(t))
        size = (norm(x.detach()).unsqueeze(-1) + alpha * norm(x0).unsqueeze(-1)) / sigma**2
        yield Compare(got, slope, size, at=f"t = {t:.4g}")
        yield Compare(got, -noise / sigma, size, at=f"t = {t:.4g}, noise")
