"""Agreements of the variational view: the DDPM chain, its posterior, its bound, its sampler."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from concordant.impl import variational
from concordant.impl.batch import f64, norm
from concordant.impl.predictions import Prediction
from concordant.impl.schedules import VariancePreserving
from concordant.impl.targets import Gaussian
from concordant.impl.variational import DDPM
from concordant.proofs_tests.affine import affines, noised, push_all
from concordant.proofs_tests.agreement import T1, T4, T5, AtMost, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.case import Case, few_on_a_line, has_density, spread
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.transfer import Kernels, law_error


def chain(case: Case, steps: int, lam: float = -1.5) -> tuple[Case, DDPM]:
    """The case at the scale of DDPM, and the chain of equal steps from 0 to the time of λ."""
    twin = case.under(VariancePreserving(case.schedule))
    return twin, DDPM.from_schedule(
        twin.schedule, torch.linspace(0, twin.time(lam), steps + 1, dtype=torch.float64)[1:]
    )


def _log_normal(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    value: Tensor = torch.distributions.Normal(mean, variance.sqrt(), validate_args=False).log_prob(x).sum(-1)
    return value


@agreement(
    "ddpm-kernel",
    T1,
    because="closed forms on both sides",
    breaks=[
        Break(
            "β 1 % too large",
            DDPM,
            "transition",
            lambda f: lambda self, x, i: (f(self, x, i)[0], 1.01 * f(self, x, i)[1]),
        ),
        Break(
            "ᾱ where √ᾱ belongs",
            DDPM,
            "kernel",
            lambda f: lambda self, x, i: (f(self, f(self, x, i)[0], i)[0], f(self, x, i)[1]),
        ),
    ],
)
def chain_and_kernel(case: Case) -> Iterator[Compare]:
    """Composed one after another, the transitions of the chain are its kernel q(x_i|x_0) = N(√ᾱ_i x_0, (1-ᾱ_i)I), and at the
    grid's times that is the continuous kernel N(α x_0, σ² I)."""
    twin, ddpm = chain(case, 30)
    one = torch.ones(1, dtype=torch.float64)
    scale, variance = one, torch.zeros(1, dtype=torch.float64)
    for i in range(1, ddpm.steps + 1):
        ratio, beta = ddpm.transition(one, i)
        scale, variance = ratio * scale, ratio**2 * variance + beta
        kernel = ddpm.kernel(one, i)
        alpha, sigma = twin.level(float(ddpm.times[i - 1]))
        yield Compare(scale, kernel[0], at=f"i = {i}, scale")
        yield Compare(variance, kernel[1], kernel[1], at=f"i = {i}, variance")
        yield Compare(kernel[0], f64([alpha]), at=f"i = {i}, α")
        yield Compare(kernel[1], f64([sigma**2]), kernel[1], at=f"i = {i}, σ²")


@agreement(
    "ddpm-posterior",
    T1,
    because="closed forms on both sides",
    float32=True,
    breaks=[
        Break(
            "β̃ with ᾱ_i for ᾱ_{i-1}",
            DDPM,
            "posterior",
            lambda f: lambda self, x, x0, i: (f(self, x, x0, i)[0], self.beta[i - 1]),
        ),
        Break(
            "the data's coefficient without its √",
            DDPM,
            "posterior",
            lambda f: (
                lambda self, x, x0, i: (f(self, x, x0 * self.alpha_bar[i - 1].sqrt(), i)[0], f(self, x, x0, i)[1])
            ),
        ),
    ],
)
def posterior_by_bayes(case: Case) -> Iterator[Compare]:
    """log q(x_{i-1}|x_i, x_0) = log q(x_i|x_{i-1}) + log q(x_{i-1}|x_0) - log q(x_i|x_0), the left side with the stated
    mean and variance."""
    twin, ddpm = chain(case, 12)
    x0, noise = twin.clean_and_noise(5)
    for i in (2, 6, 12):
        before, variance = ddpm.kernel(x0, i - 1)
        x = before + variance.sqrt() * noise
        step, beta = ddpm.transition(x, i)
        x_i = step + beta.sqrt() * noise.flip(0)
        terms = [_log_normal(x_i, step, beta), _log_normal(x, before, variance), -_log_normal(x_i, *ddpm.kernel(x0, i))]
        left = _log_normal(x, *ddpm.posterior(x_i, x0, i))
        size = sum((term.abs() for term in terms), noise.square().sum(-1) + 1)
        yield Compare(left, torch.stack(terms).sum(0), size, at=f"i = {i}")


@agreement(
    "ddpm-snr-kl",
    T1,
    because="closed forms on both sides",
    float32=True,
    breaks=[
        Break("a KL without its ½", variational, "gaussian_kl", lambda f: scaled(f, 2.0)),
        Break(
            "β for β̃ as the reverse variance",
            DDPM,
            "reverse_variance",
            lambda f: lambda self, i, choice: f(self, i, "beta"),
        ),
    ],
)
def step_kl_is_a_difference_of_snr(case: Case) -> Iterator[Compare]:
    """KL(q(x_{i-1}|x_i,x_0) ‖ p_φ(x_{i-1}|x_i)) = ½ (SNR_{i-1} - SNR_i) |x_0 - x̂_0|² with the posterior variance, for a wrong
    prediction."""
    twin, ddpm = chain(case, 12)
    x0, noise = twin.clean_and_noise(5)
    model = twin.wrong("x0", 0)
    for i in (2, 6, 12):
        mean_i, variance = ddpm.kernel(x0, i)
        x = mean_i + variance.sqrt() * noise
        snr = [float(twin.schedule.snr(ddpm.times[j - 1])) for j in (i - 1, i)]
        guess = model(x, ddpm.time(i)).value
        right = (snr[0] - snr[1]) / 2 * (x0 - guess).square().sum(-1)
        size = (snr[0] - snr[1]) / 2 * (norm(x0) + norm(guess)) ** 2 + x0.shape[-1]
        yield Compare(ddpm.step_kl(model, x, x0, i, "posterior"), right, size, at=f"i = {i}")


# -------------------------------------------------------------------- the sampler
LAMBDAS = (1.5, -1.0)
STEPS = [32, 64, 128, 256]
VARIANCES: tuple[Literal["beta", "posterior"], ...] = ("beta", "posterior")


def _sampler_grid(twin: Case, steps: int) -> tuple[DDPM, Tensor]:
    """A chain whose first step goes to the time of λ = 1.5, and whose others are equal, up to that of λ = -1; and the
    numbers (steps, 1) of those others, in the order that a sampler takes them."""
    first, last = twin.times(LAMBDAS)
    ddpm = DDPM.from_schedule(twin.schedule, torch.linspace(first, last, steps + 1, dtype=torch.float64))
    return ddpm, torch.arange(steps + 1, 1, -1)[:, None]


SAMPLER_BREAKS = [
    Break(
        "noise 1 % too small",
        DDPM,
        "reverse_variance",
        lambda f: lambda self, i, choice: 0.98 * f(self, i, choice),
    ),
    Break(
        "the mean 1/1000 too small",
        DDPM,
        "reverse_mean",
        lambda f: lambda self, model, x, i: 0.999 * f(self, model, x, i),
    ),
]


@agreement(
    "ancestral-sampling",
    T4,
    because="exact recursion of moments, no sampling",
    applies=spread,
    breaks=SAMPLER_BREAKS,
)
def ancestral_moments(case: Case) -> Iterator[Order]:
    """On Gaussian data, mean and covariance of ancestral samples are off by O(1/steps), for both reverse variances."""
    twin = case.gaussian().under(VariancePreserving(case.schedule))
    s, t = twin.times(LAMBDAS)
    want = noised(twin.as_gaussian, *twin.level(s))
    model = twin.target.predictor(twin.schedule, "epsilon")
    for variance in VARIANCES:
        errors = []
        for steps in STEPS:
            ddpm, i = _sampler_grid(twin, steps)
            maps = affines(lambda x, z: ddpm.ancestral_step(model, x, i, z, variance), twin.target.dimension, steps)
            errors.append(push_all(maps, noised(twin.as_gaussian, *twin.level(t))).distance(want))
        yield Order(STEPS, errors, expected=1.0, at=f"variance {variance}")


@agreement(
    "ancestral-sampling",
    T1,
    because="exact recursion of moments",
    breaks=[
        Break(
            "β for β̃ as the reverse variance",
            DDPM,
            "reverse_variance",
            lambda f: lambda self, i, choice: f(self, i, "beta"),
        )
    ],
)
def ancestral_sampling_of_a_dirac(case: Case) -> Iterator[Compare]:
    """On a Dirac, ancestral samples with the posterior variance have the exact mean and covariance after any steps."""
    point = replace(case, target=Gaussian(case.target.mean, 0.0)).under(VariancePreserving(case.schedule))
    s, t = point.times(LAMBDAS)
    model = point.target.predictor(point.schedule, "epsilon")
    ddpm, i = _sampler_grid(point, 5)
    maps = affines(lambda x, z: ddpm.ancestral_step(model, x, i, z, "posterior"), point.target.dimension, 5)
    got, want = push_all(maps, noised(point.as_gaussian, *point.level(t))), noised(point.as_gaussian, *point.level(s))
    yield Compare(got.mean, want.mean, norm(want.mean) + 1, at="mean")
    yield Compare(got.covariance, want.covariance, want.covariance[0, 0], at="covariance")


@agreement(
    "ancestral-sampling",
    T4,
    because="the exact transfer operator in one dimension, no sampling",
    applies=few_on_a_line,
    breaks=SAMPLER_BREAKS,
)
def ancestral_law(case: Case) -> Iterator[Order]:
    """On a mixture in one dimension, expectations of polynomials and waves under ancestral sampling are off by O(1/steps)."""
    twin = case.line().under(VariancePreserving(case.schedule))
    s, t = twin.times(LAMBDAS)
    model = twin.target.predictor(twin.schedule, "x0")
    errors = []
    for steps in STEPS:
        ddpm, i = _sampler_grid(twin, steps)
        kernels = Kernels(lambda x, z: ddpm.ancestral_step(model, x, i, z), steps)
        errors.append(law_error(twin, t, s, kernels))
    yield Order(STEPS, errors, expected=1.0)


# -------------------------------------------------------------------- the bound
def _gap(case: Case, steps: int) -> tuple[dict[Literal["beta", "posterior"], float], float, int]:
    """E[log p_0 - ELBO] for both reverse variances, less the prior's part KL(p_T ‖ N(0,I)); ½ Σ_i κ(ρ_i); and D.

    With the exact prediction, and the decoder N(E[x_0|x_1], β_1 I).
    """
    twin, ddpm = chain(case, steps, lam=-3.0)
    model = twin.target.predictor(twin.schedule, "x0")
    d, last = twin.target.dimension, float(ddpm.times[-1])
    weights, x = twin.points(0.0)
    start = mean(weights, twin.at(0.0).log_prob(x))
    gap = dict.fromkeys(VARIANCES, start)
    for i in range(1, steps + 1):
        weights, x0, noise = twin.pairs(float(ddpm.times[i - 1]))
        centre, variance = ddpm.kernel(x0, i)
        x_i = centre + variance.sqrt() * noise
        best = model(x_i, ddpm.time(i))  # once for both variances

        def asked(x: Tensor, t: Tensor, best: Prediction = best) -> Prediction:
            return best

        for choice in VARIANCES:
            term = ddpm.decoder_nll(asked, x_i, x0) if i == 1 else ddpm.step_kl(asked, x_i, x0, i, choice)
            gap[choice] = gap[choice] + mean(weights, term + (ddpm.prior_kl(x0) if i == steps else 0.0))
    weights, x = twin.points(last)
    prior = mean(weights, twin.at(last).log_prob(x) + x.square().sum(-1) / 2 + d * math.log(2 * math.pi) / 2)
    ratio = ddpm.noise[2:] / ddpm.noise[1:-1]
    return {k: float(v - prior) for k, v in gap.items()}, float((ratio - 1 - ratio.log()).sum() / 2), d


def smooth(case: Case) -> bool:
    """A density without features finer than the grids used here, on a clock from 0 to 1."""
    return (
        case.line().target.components <= 12
        and has_density(case)
        and float(case.target.spectrum.min()) >= 0.04
        and case.schedule.T == 1
        and few_on_a_line(case)
    )


GAP_STEPS = [16, 32, 64, 128]


@agreement(
    "ddpm-elbo",
    T5,
    because="an inequality between quadratures good to 1e-9",
    bound=1e-8,
    applies=has_density,
    breaks=[
        Break("a KL with the wrong sign", variational, "gaussian_kl", lambda f: scaled(f, -1.0)),
        Break(
            "the decoder's 2π forgotten",
            DDPM,
            "decoder_nll",
            lambda f: lambda self, m, x, x0: f(self, m, x, x0) - x0.shape[-1] * math.log(2 * math.pi) / 2,
        ),
    ],
)
def averaged_elbo_is_a_bound(case: Case) -> Iterator[AtMost]:
    """E_{p_0}[ELBO] ≤ E_{p_0}[log p_0] for the exact prediction, both reverse variances and the decoder N(E[x_0|x_1], β_1 I);
    averaged only, a single point may lie above."""
    for one in (case.line(), case.gaussian()):
        gap, _, d = _gap(one, 24)
        for choice, value in gap.items():
            yield AtMost(-value, 0.0, d, at=f"{one.name}, variance {choice}, 24 steps")


@agreement(
    "elbo-gap",
    T4,
    because="quadrature in closed expressions, no sampling",
    applies=smooth,
    breaks=[
        Break(
            "x_0 taken 1 % too small in the posterior mean",
            DDPM,
            "posterior",
            lambda f: lambda self, x, x0, i: (f(self, x, 0.99 * x0, i)[0], f(self, x, x0, i)[1]),
        ),
    ],
)
def elbo_gap(case: Case) -> Iterator[Order]:
    """E[log p_0 - ELBO] falls like 1/L with the reverse variance β; with the posterior variance it tends to
    ½ D Σ_i [ρ_i - 1 - log ρ_i], ρ_i = σ_i²/σ_{i-1}², at the rate 1/L."""
    for one in (case.line(), case.gaussian()):
        if float(one.target.spectrum.min()) < 0.04:
            continue
        runs = [_gap(one, steps) for steps in GAP_STEPS]
        yield Order(GAP_STEPS, [gap["beta"] for gap, _, _ in runs], 1.0, at=f"{one.name}, variance beta")
        excess = [abs(gap["posterior"] - gap["beta"] - d * kappa) for gap, kappa, d in runs]
        yield Order(GAP_STEPS, excess, 1.0, at=f"{one.name}, variance posterior")


#: Σ_{j≥1} κ((j+1)^p/j^p)/2 for σ² growing like t^p near the data.
LIMITS = {1: 0.5772156649015329 / 2, 2: 0.5772156649015329 + math.pi**2 / 12}


@agreement(
    "elbo-gap",
    T4,
    because="sums in closed expressions",
    applies=lambda case: case.schedule.T == 1,
    breaks=[
        Break(
            "√β for β",
            DDPM,
            "from_schedule",
            lambda f: classmethod(lambda cls, s, t: cls((f.__func__(cls, s, t).beta).sqrt(), t)),
        )
    ],
)
def elbo_gap_constant(case: Case) -> Iterator[Order]:
    """½ Σ_i [ρ_i - 1 - log ρ_i] on a grid of L equal steps tends to γ/2 where σ² grows like t near the data, and to γ + π²/12
    where it grows like t² (γ Euler's constant), at the rate log L/L."""
    twin = case.under(VariancePreserving(case.schedule))
    small = f64([1e-9, 2e-9])
    power = round(float((twin.schedule.sigma(small[1:]) / twin.schedule.sigma(small[:1])).log2()) * 2)
    errors, steps = [], [1 << n for n in (18, 19, 20, 21)]
    for count in steps:
        times = torch.linspace(0, twin.time(-3.0), count + 1, dtype=torch.float64)[1:]
        ddpm = DDPM.from_schedule(twin.schedule, times)
        ratio = ddpm.noise[2:] / ddpm.noise[1:-1]
        errors.append(abs(float((ratio - 1 - ratio.log()).sum() / 2) - LIMITS[power]))
    yield Order(steps, errors, 1.0)
