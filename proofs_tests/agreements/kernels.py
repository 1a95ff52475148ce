"""Agreements of the linear SDE's kernels: schedules and coefficients, transitions between two times, posteriors."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64, norm
from concordant.impl.schedules import FromSDE, Schedule, VariancePreserving
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import GaussianMixture
from concordant.impl.variational import DDPM
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.reference import Reference

G2_BREAKS = [
    Break("g² = (σ²)' without its second term", Schedule, "g2", lambda f: lambda self, t: self.d_sigma2(t)),
    Break("f = α'", Schedule, "f", lambda f: lambda self, t: self.d_alpha(t)),
]


@agreement(
    "schedule-and-sde-coefficients",
    T1,
    because="closed forms against automatic differentiation",
    breaks=[
        *G2_BREAKS,
        Break("λ taken for log(α²/σ²)", Schedule, "d_lam", lambda f: lambda self, t: 2 * f(self, t)),
    ],
)
def coefficients_of_a_schedule(case: Case) -> Iterator[Compare]:
    """f = (log α)', g² = (σ²)' - 2 (log α)' σ² = -2 σ² λ', by differentiating log α, σ² and λ = log α - log σ."""
    s = case.schedule
    for t in case.times():
        at = f64(t).requires_grad_()
        log_alpha, sigma2 = s.alpha(at).log(), s.sigma(at) ** 2
        lam = log_alpha - sigma2.log() / 2
        slopes = [
            torch.autograd.grad(value, at, retain_graph=True)[0] if value.requires_grad else f64(0.0)
            for value in (log_alpha, sigma2, lam)
        ]
        size = slopes[1].abs() + 2 * (slopes[0] * sigma2).abs().detach()
        where = f"t = {t:.4g}"
        yield Compare(s.f(t), slopes[0], slopes[0].abs() + slopes[2].abs(), at=f"{where}, f")
        yield Compare(s.g2(t), slopes[1] - 2 * slopes[0] * sigma2.detach(), size, at=f"{where}, g²")
        yield Compare(s.g2(t), -2 * sigma2.detach() * s.d_lam(t), size, at=f"{where}, g² from λ'")
        yield Compare(s.d_lam(t), slopes[2], slopes[2].abs() + slopes[0].abs(), at=f"{where}, λ'")


@agreement(
    "schedule-and-sde-coefficients",
    T2,
    because="composite Gauss-Legendre quadrature, 1e-11 here",
    bound=1e-9,
    breaks=G2_BREAKS,
)
def schedule_of_the_coefficients(case: Case) -> Iterator[Compare]:
    """α = exp ∫f and σ² = ∫ (α_t/α_s)² g_s² ds from the schedule's own f and g² are its α and σ²."""
    s = case.schedule
    back = FromSDE(lambda t: s.f(t), lambda t: s.g2(t), s.T)
    for t in case.times():
        alpha, sigma = case.level(t)
        at = f64(t)
        yield Compare(back.alpha(at), f64(alpha), alpha, at=f"t = {t:.4g}, α")
        yield Compare(back.sigma(at) ** 2, f64(sigma**2), sigma**2, at=f"t = {t:.4g}, σ²")
        yield Compare(
            back.d_sigma2(at), s.d_sigma2(at), s.g2(at) + 2 * (s.f(at) * sigma**2).abs(), at=f"t = {t:.4g}, (σ²)'"
        )


TRANSITION_BREAKS = [
    Break(
        "σ_t² - σ_s² for every schedule",
        LinearSDE,
        "transition",
        lambda f: lambda self, s, t: (f(self, s, t)[0], self.schedule.sigma(t) ** 2 - self.schedule.sigma(s) ** 2),
    ),
    Break(
        "α_t in the place of α_t/α_s",
        LinearSDE,
        "transition",
        lambda f: (
            lambda self, s, t: (
                self.schedule.alpha(t),
                self.schedule.sigma(t) ** 2 - (self.schedule.alpha(t) * self.schedule.sigma(s)) ** 2,
            )
        ),
    ),
]


@agreement(
    "forward-transition",
    T1,
    because="closed forms on both sides",
    breaks=TRANSITION_BREAKS,
)
def transitions_compose(case: Case) -> Iterator[Compare]:
    """Transitions s → u → t compose to s → t, for s = 0 too, where they are the kernels; and
    σ²_{t|s} = α_t² (1/SNR_t - 1/SNR_s), so that it is positive where the signal-to-noise ratio falls, and negative turned round."""
    process = LinearSDE(case.schedule)
    times = [f64(t) for t in (0.0, *case.times())]
    for first, second, third in ((0, 1, 2), (0, 2, 3), (1, 2, 3)):
        s, u, t = times[first], times[second], times[third]
        (early, added), (late, more), (whole, all_added) = (process.transition(*p) for p in ((s, u), (u, t), (s, t)))
        where = f"{float(s):.4g} to {float(u):.4g} to {float(t):.4g}"
        yield Compare(late * early, whole, whole, at=f"{where}, α")
        yield Compare(more + late**2 * added, all_added, more + late**2 * added, at=f"{where}, σ²")
    for s, t in ((times[0], times[1]), (times[1], times[3]), (times[3], times[1])):
        added, alpha = process.transition(s, t)[1], case.schedule.alpha(t)
        want = alpha**2 * (1 / case.schedule.snr(t) - 1 / case.schedule.snr(s))
        size = case.schedule.sigma(t) ** 2 + (alpha / case.schedule.alpha(s) * case.schedule.sigma(s)) ** 2
        yield Compare(added, want, size, at=f"{float(s):.4g} to {float(t):.4g}, SNR")
        yield Compare(added.sign(), (t - s).sign(), at=f"{float(s):.4g} to {float(t):.4g}, sign")


@agreement(
    "forward-transition",
    T2,
    because="moment equations solved to 1e-12",
    bound=1e-9,
    breaks=TRANSITION_BREAKS,
)
def transitions_of_the_sde(case: Case) -> Iterator[Compare]:
    """The moment equations m' = f m, P' = 2 f P + g² from (1, 0) at s lead to (α_{t|s}, σ²_{t|s}) at t."""
    process = LinearSDE(case.schedule)

    def rates(state: Tensor, u: Tensor) -> Tensor:
        f, g2 = process.drift(torch.ones(1, dtype=torch.float64), u), process.diffusion(u) ** 2
        return torch.cat([f * state[:1], 2 * f * state[1:] + g2])

    times = case.times()
    for s, t in ((times[0], times[1]), (times[0], times[2])):
        got = calculus.solve(rates, f64([1.0, 0.0]), s, t, rtol=1e-12, atol=1e-14)
        want = torch.stack(process.transition(f64(s), f64(t)))
        yield Compare(got, want, want.abs(), at=f"from {s:.4g} to {t:.4g}")


@agreement(
    "forward-transition",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    breaks=TRANSITION_BREAKS,
)
def transition_carries_the_marginals(case: Case) -> Iterator[Compare]:
    """The law of α_{t|s} x_s + σ_{t|s} z, for x_s of the mixture p_s written out, is the oracle's p_t."""
    process, target = LinearSDE(case.schedule), case.target
    s, t = case.times((1.0, -0.5))
    ratio, added = process.transition(f64(s), f64(t))
    alpha, sigma = case.level(s)
    if target.basis is None:
        covariances = alpha**2 * target.spectrum.expand(-1, target.dimension) + sigma**2
    else:
        covariances = alpha**2 * target.covariances + sigma**2 * torch.eye(target.dimension, dtype=torch.float64)
        covariances = (covariances + covariances.mT) / 2
    before = GaussianMixture(target.weights, alpha * target.means, covariances)
    x = case.sample(t, 3)
    got, want = Reference(before, ratio, added.clamp_min(0).sqrt()).log_prob(x), case.at(t).log_prob(x)
    yield Compare(got, want, want.abs() + target.dimension, at=f"from {s:.4g} to {t:.4g}")


POSTERIOR_BREAKS = [
    Break(
        "σ²_{t|s} for the posterior's variance",
        LinearSDE,
        "posterior",
        lambda f: lambda self, x, x0, s, t: (f(self, x, x0, s, t)[0], self.transition(s, t)[1].to(x)),
    ),
    Break(
        "α_s forgotten before x_0",
        LinearSDE,
        "posterior",
        lambda f: (
            lambda self, x, x0, s, t: (
                f(self, x, x0 / self.schedule.alpha(s).to(x), s, t)[0],
                f(self, x, x0, s, t)[1],
            )
        ),
    ),
]


def _log_normal(x: Tensor, centre: Tensor, variance: Tensor) -> Tensor:
    """log N(x; centre, variance·I), of shape (...)."""
    d = x.shape[-1]
    variance = torch.as_tensor(variance).to(x).squeeze()
    return -((x - centre).square().sum(-1) / variance + d * (2 * math.pi * variance).log()) / 2


@agreement(
    "posterior-kernel",
    T1,
    because="closed forms on both sides",
    float32=True,
    breaks=POSTERIOR_BREAKS,
)
def posterior_between_two_times(case: Case) -> Iterator[Compare]:
    """log p(x_s|x_t, x_0) = log p(x_t|x_s) + log p(x_s|x_0) - log p(x_t|x_0), the left side with the stated mean and
    variance."""
    process = LinearSDE(case.schedule)
    x0, noise = case.clean_and_noise(5)
    times = [f64(t) for t in case.times()]
    for s, t in ((times[0], times[1]), (times[0], times[2]), (times[1], times[2])):
        (alpha_s, sigma_s), (alpha_t, sigma_t) = case.level(float(s)), case.level(float(t))
        ratio, added = process.transition(s, t)
        x_s = alpha_s * x0 + sigma_s * noise
        x_t = ratio.to(x0) * x_s + added.sqrt().to(x0) * noise.flip(0)
        terms = [
            _log_normal(x_t, ratio.to(x0) * x_s, added),
            _log_normal(x_s, alpha_s * x0, f64(sigma_s**2)),
            -_log_normal(x_t, alpha_t * x0, f64(sigma_t**2)),
        ]
        left = _log_normal(x_s, *process.posterior(x_t, x0, s, t))
        size = sum((term.abs() for term in terms), noise.square().sum(-1) + 1)
        size = size * (1 + norm(x0) / float(added.sqrt().clamp_max(sigma_s)) * 1e-2)  # differences of points far from 0
        yield Compare(left, torch.stack(terms).sum(0), size, at=f"from {float(t):.4g} to {float(s):.4g}")


@agreement(
    "posterior-kernel",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    breaks=POSTERIOR_BREAKS,
)
def posterior_of_ddpm_and_of_the_sde(case: Case) -> Iterator[Compare]:
    """On a variance-preserving schedule and a grid, the posterior between two times is DDPM's."""
    twin = case.under(VariancePreserving(case.schedule))
    times = torch.linspace(0, twin.time(-1.5), 13, dtype=torch.float64)[1:]
    ddpm, process = DDPM.from_schedule(twin.schedule, times), LinearSDE(twin.schedule)
    x0, noise = twin.clean_and_noise(4)
    for i in (2, 6, 12):
        centre, variance = ddpm.kernel(x0, i)
        x = centre + variance.sqrt() * noise
        got, want = process.posterior(x, x0, times[i - 2], times[i - 1]), ddpm.posterior(x, x0, i)
        yield Compare(got[0], want[0], (norm(x0) + norm(x)).unsqueeze(-1), at=f"i = {i}, mean")
        yield Compare(got[1], want[1], want[1], at=f"i = {i}, variance")
