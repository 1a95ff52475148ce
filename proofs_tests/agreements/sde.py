"""Agreements of the score SDE: its moments, the equations that its densities obey, its reversal, its likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from concordant.impl import calculus, sde
from concordant.impl.batch import f64
from concordant.impl.schedules import Schedule, VarianceExploding, VariancePreserving
from concordant.impl.score import langevin_step
from concordant.impl.sde import LinearSDE, log_prior
from concordant.impl.targets import Gaussian, marginal
from concordant.proofs_tests.affine import Moments, affine, affines, noised, push_all
from concordant.proofs_tests.agreement import T1, T2, T4, T5, AtMost, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.case import Case, few_on_a_line, spread
from concordant.proofs_tests.evolution import pieces, time_derivative
from concordant.proofs_tests.quadrature import mean, time_panels
from concordant.proofs_tests.transfer import Kernels, law_error


@agreement(
    "linear-sde-moments",
    T2,
    because="moment equations solved to 1e-12",
    bound=1e-9,
    breaks=[
        Break(
            "g² = (σ²)' without its second term",
            Schedule,
            "g2",
            lambda f: lambda self, t: self.d_sigma2(t),
        ),
        Break("f = α'", Schedule, "f", lambda f: lambda self, t: self.d_alpha(t)),
    ],
)
def moment_equations(case: Case) -> Iterator[Compare]:
    """m' = f m and P' = 2 f P + g² from (1, 0) at t = 0 lead to (α_t, σ_t²), and from (α_s, σ_s²) to the same."""
    line = LinearSDE(case.schedule)

    def rates(state: Tensor, t: Tensor) -> Tensor:
        f = line.drift(torch.ones(1, dtype=torch.float64), t)
        return torch.cat([f, 2 * f]) * state + torch.cat(
            [torch.zeros(1, dtype=torch.float64), line.diffusion(t)[None] ** 2]
        )

    times = case.times()
    for s, t in [(0.0, times[0]), (0.0, times[2]), (times[0], times[1])]:
        start = [1.0, 0.0] if s == 0 else [case.level(s)[0], case.level(s)[1] ** 2]
        got = calculus.solve(rates, f64(start), s, t, rtol=1e-12, atol=1e-14)
        alpha, sigma = case.level(t)
        want = f64([alpha, sigma**2])
        yield Compare(got, want, want, at=f"from {s:.4g} to {t:.4g}")


# -------------------------------------------------------------------- evolution of densities
def _own_terms(case: Case) -> list[tuple[str, Case, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]]:
    """Each formulation's drift coefficient and squared diffusion in its own terms, with the case at its scale."""

    def slope(fn: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
        u = t.clone().requires_grad_()
        return torch.autograd.grad(fn(u), u)[0]

    vp, ve, own = VariancePreserving(case.schedule), VarianceExploding(case.schedule), LinearSDE(case.schedule)

    def beta(t: Tensor) -> Tensor:  # DDPM: ᾱ = e^{-∫β}
        return -slope(lambda u: 2 * vp.alpha(u).log(), t)

    return [
        ("DDPM", case.under(vp), lambda t: -beta(t) / 2, beta),
        ("NCSN", case.under(ve), torch.zeros_like, lambda t: slope(lambda u: ve.sigma(u) ** 2, t)),
        (
            "score SDE",
            case,
            lambda t: own.drift(torch.ones(1, dtype=torch.float64), t)[0],
            lambda t: own.diffusion(t) ** 2,
        ),
    ]


@agreement(
    "fokker-planck",
    T1,
    because="closed forms against automatic differentiation in time",
    float32=True,
    bound=1e-9,
    breaks=[
        Break("g for g²", LinearSDE, "diffusion", lambda f: lambda self, t: f(self, t).sqrt()),
        Break("the sign of f", LinearSDE, "drift", lambda f: scaled(f, -1.0)),
        Break(
            "Δp/p for Δ log p, so that |∇log p|² counts twice",
            marginal.View,
            "divergence",
            lambda f: lambda self, kind: f(self, kind) + self.head(kind).square().sum(-1),
        ),
    ],
)
def fokker_planck(case: Case) -> Iterator[Compare]:
    """∂_t log p = -f D - f x·∇log p + ½ g² (Δ log p + |∇log p|²) at points, for the drift and diffusion of DDPM, NCSN and the
    score SDE, each in its own terms and at its own scale."""
    for t in case.times():
        at = f64(t)
        for name, own, drift, diffusion2 in _own_terms(case):
            x, p = own.sample(t, 3), own.at(t)
            f, g2, s = drift(at), diffusion2(at), p.score(x)
            terms = torch.stack(
                [
                    -f * x.shape[-1] * torch.ones_like(x[:, 0]),
                    -f * (x * s).sum(-1),
                    g2 / 2 * p.divergence(x),
                    g2 / 2 * s.square().sum(-1),
                ]
            )
            left = time_derivative(own.target, own.schedule, x, t)
            yield Compare(left, terms.sum(0), left.abs() + terms.abs().sum(0), at=f"t = {t:.4g}, {name}")


@agreement(
    "reverse-family",
    T1,
    because="closed forms against automatic differentiation in time",
    float32=True,
    bound=1e-9,
    breaks=[
        Break(
            "γ² for ½ γ²",
            LinearSDE,
            "reverse_drift",
            lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, None if gamma is None else 2**0.5 * gamma),
        ),
        Break(
            "Anderson's score with ½ g²",
            LinearSDE,
            "reverse_drift",
            lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, torch.zeros_like(t)),
        ),
    ],
)
def reverse_processes(case: Case) -> Iterator[Compare]:
    """Run backwards from p_T, dx = [f x - ½(g² + γ²) s] dt + γ dw̄ has the densities p_t for every γ: with q_τ = p_{T-τ},
    ∂_τ log q = ∇·b + b·s + ½ γ² (∇·s + |s|²) for its drift b; γ = 0, g, 2g and Anderson's, the drift's divergence by
    automatic differentiation."""
    process = LinearSDE(case.schedule)
    for t in case.times():
        at, x, p = f64(t), case.sample(t, 3), case.at(t)
        s, model = p.score(x), case.target.predictor(case.schedule, "score")
        left = -time_derivative(case.target, case.schedule, x, t)
        g = process.diffusion(at)
        size = left.abs() + 5 * pieces(case.schedule, p, x, t)  # of the largest γ
        for name, gamma, given in (("0", 0 * g, 0 * g), ("g", g, None), ("2g", 2 * g, 2 * g)):

            def drift(y: Tensor, u: Tensor, given: Tensor | None = given) -> Tensor:
                return process.reverse_drift(model, y, u, given)

            terms = torch.stack(
                [
                    calculus.divergence(drift, x, at),
                    (drift(x, at) * s).sum(-1),
                    gamma**2 / 2 * p.divergence(x),
                    gamma**2 / 2 * s.square().sum(-1),
                ]
            )
            yield Compare(left, terms.sum(0), size, at=f"t = {t:.4g}, γ = {name}")


# -------------------------------------------------------------------- samplers
STEPS = [48, 96, 192, 384]
LAMBDAS = (-1.0, 1.5)


def _grid(case: Case, steps: int) -> tuple[Tensor, Tensor]:
    """Falling times and (negative) steps, each (steps, 1), so that one call serves all steps."""
    times = case.grid(LAMBDAS[1], LAMBDAS[0], steps).flip(0)
    return times[:-1, None], times.diff()[:, None]


STEP_BREAKS = [
    Break(
        "noise 1 % too small",
        sde,
        "euler_maruyama_step",
        lambda f: lambda b, g, x, h, z: f(b, g, x, h, 0.99 * z),
    ),
    Break(
        "Anderson's g² 2 % too small",
        LinearSDE,
        "reverse_drift",
        lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, 0.98 * self.diffusion(t)),
    ),
]


@agreement(
    "reverse-euler-maruyama",
    T4,
    because="exact recursion of moments, no sampling",
    applies=spread,
    breaks=STEP_BREAKS,
)
def reverse_moments(case: Case) -> Iterator[Order]:
    """On Gaussian data, mean and covariance of Euler-Maruyama samples of the reverse SDE are off by O(1/steps)."""
    case = case.gaussian()
    start, end = case.times(LAMBDAS)
    want, process = noised(case.as_gaussian, *case.level(end)), LinearSDE(case.schedule)
    model = case.target.predictor(case.schedule, "score")
    errors = []
    for steps in STEPS:
        t, h = _grid(case, steps)
        maps = affines(lambda x, z: process.reverse_step(model, x, t, h, z), case.target.dimension, steps)
        errors.append(push_all(maps, noised(case.as_gaussian, *case.level(start))).distance(want))
    yield Order(STEPS, errors, expected=1.0)


@agreement(
    "reverse-euler-maruyama",
    T4,
    because="the exact transfer operator in one dimension, no sampling",
    applies=few_on_a_line,
    breaks=STEP_BREAKS,
)
def reverse_law(case: Case) -> Iterator[Order]:
    """On a mixture in one dimension, expectations of polynomials and waves under Euler-Maruyama samples of the reverse SDE are
    off by O(1/steps)."""
    line = case.line()
    start, end = line.times(LAMBDAS)
    process, model = LinearSDE(line.schedule), line.target.predictor(line.schedule, "score")
    errors = []
    for steps in STEPS:
        t, h = _grid(line, steps)
        kernels = Kernels(lambda x, z: process.reverse_step(model, x, t, h, z), steps)
        errors.append(law_error(line, start, end, kernels))
    yield Order(STEPS, errors, expected=1.0)


def _corrected(case: Case, steps: int, r: float) -> float:
    """The variance after predictor-corrector sampling in equal steps, over the exact one; data N(0, c² I), infinite batch."""
    start, _end = case.times(LAMBDAS)
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")
    t, h = _grid(case, steps)
    predict = affines(lambda x, z: process.reverse_step(model, x, t, h, z), 1, steps)
    exact = [noised(case.as_gaussian, *case.level(float(s))).covariance[0, 0] for s in t + h]
    variance = noised(case.as_gaussian, *case.level(start)).covariance[0, 0]
    for step, right in zip(predict, exact, strict=True):
        variance = step.a[0, 0] ** 2 * variance + step.n[0, 0] ** 2
        # E|z| and E|s| have the same factor for samples of N(0, variance), of which the score is -x/right
        eta = process.corrector_size(variance.sqrt() / right, f64(1.0), r)
        correct = affine(lambda x, z: langevin_step(x, -x / right, eta, z), 1)
        variance = correct.a[0, 0] ** 2 * variance + correct.n[0, 0] ** 2
    return float(variance / exact[-1])


@agreement(
    "predictor-corrector",
    T4,
    because="exact recursion of the variance in the limit of an infinite batch",
    applies=spread,
    breaks=[
        Break(
            "r for r² in the corrector's step",
            LinearSDE,
            "corrector_size",
            lambda f: lambda self, s, z, r: f(self, s, z, r**0.5),
        )
    ],
)
def predictor_corrector_variance(case: Case) -> Iterator[Order]:
    """On data N(0, c² I), predictor-corrector sampling at a fixed corrector signal-to-noise r tends to 1 + r² times the
    right variance as steps grow, and to the right variance as r² falls like 1/steps, both at the rate 1/steps."""
    # two variances, since at one alone the first-order term may all but vanish
    average = float(case.target.covariance.diagonal().mean())
    ones = [replace(case, target=Gaussian([0.0], c2)) for c2 in (average, 0.2)]
    steps = [64, 128, 256, 512]
    errors = [math.hypot(*(_corrected(one, n, 0.3) - (1 + 0.3**2) for one in ones)) for n in steps]
    yield Order(steps, errors, 1.0, at="r = 0.3")
    errors = [math.hypot(*(_corrected(one, n, math.sqrt(8 / n)) - 1 for one in ones)) for n in steps]
    yield Order(steps, errors, 1.0, at="r² = 8/steps")


# -------------------------------------------------------------------- likelihood
@agreement(
    "ode-likelihood",
    T2,
    because="an ODE solved to 1e-9, divergences by automatic differentiation",
    bound=1e-7,
    breaks=[
        Break(
            "the sign of the divergence",
            calculus,
            "log_density_along",
            lambda f: lambda *a, **k: (f(*a, **k)[0], -f(*a, **k)[1]),
        ),
        Break(
            "g² for ½ g² in the flow",
            LinearSDE,
            "ode_drift",
            lambda f: lambda self, m, x, t: self.reverse_drift(m, x, t),
        ),
    ],
)
def likelihood_along_the_flow(case: Case) -> Iterator[Compare]:
    """log p_0(x) = log p_T(x_T) + ∫ ∇·v dt along the flow, from the exact marginal at the noisy end; from data where p_0 has
    a density that is not too narrow to start at, else from λ = 2.5."""
    process = LinearSDE(case.schedule)
    model = case.target.predictor(case.schedule, "score")
    wide = case.target.has_density and float(case.target.spectrum.min()) >= 0.01
    start, end = 0.0 if wide else case.time(2.5), case.time(-1.5)
    x = case.sample(start, 2)
    moved, gained = process.log_likelihood(model, x, start, end)
    got, want = case.at(end).log_prob(moved) + gained, case.at(start).log_prob(x)
    yield Compare(got, want, want.abs() + gained.abs() + 1, at=f"from t = {start:.4g}")


def _integral(case: Case, rate: Callable[[float], Tensor], last: float = -1.5) -> Tensor:
    """∫ rate dt between the times of λ = 2.5 and of the last λ, in panels equal in λ."""
    ends = case.times(torch.linspace(2.5, last, round(2 * (2.5 - last)) + 1).tolist())
    return torch.stack([weight * rate(t) for t, weight in time_panels(ends)]).sum()


@agreement(
    "sde-likelihood-bound",
    T2,
    because="quadrature in space and time",
    bound=1e-7,
    applies=few_on_a_line,
    breaks=[
        Break(
            "g for g² as the weight",
            LinearSDE,
            "bound_rate",
            lambda f: lambda self, m, x0, e, t: f(self, m, x0, e, t) / self.diffusion(t),
        ),
        Break(
            "∇·f forgotten",
            LinearSDE,
            "bound_rate",
            lambda f: lambda self, m, x0, e, t: f(self, m, x0, e, t) + x0.shape[-1] * self.schedule.f(t),
        ),
    ],
)
def bound_and_score_error(case: Case) -> Iterator[Compare]:
    """E[log p_s - bound] = ½ ∫ g² E|s_φ - ∇log p_t|² dt + KL(p_T ‖ prior) for the exact score and for wrong ones, the bound by
    its denoising form over pairs, started at λ = 2.5."""
    for one in (case.line(), case.gaussian()):
        process = LinearSDE(one.schedule)
        start, end = one.times((2.5, -1.5))
        deviation = one.level(end)[1]
        log_start = mean(one.points(start).weights, one.at(start).log_prob(one.points(start).x))
        weights, x = one.points(end)
        kl = mean(weights, one.at(end).log_prob(x) - log_prior(x, deviation))
        prior = mean(weights, log_prior(x, deviation))
        models = [("exact", one.target.predictor(one.schedule, "score")), ("wrong", one.wrong("score", 0))]
        for name, model in models:

            def bound(t: float, model: object = model) -> Tensor:
                nodes = one.pairs(t)
                at = f64(t)
                return mean(nodes.weights, process.bound_rate(model, nodes.x0, nodes.noise, at))  # type: ignore[arg-type]

            def error(t: float, model: object = model) -> Tensor:
                nodes, at = one.points(t), f64(t)
                gap = model(nodes.x, at).value - one.at(t).score(nodes.x)  # type: ignore[operator]
                return process.diffusion(at) ** 2 / 2 * mean(nodes.weights, gap.square().sum(-1))

            rate, right = _integral(one, bound), _integral(one, error)
            size = log_start.abs() + prior.abs() + rate.abs() + right
            yield Compare(log_start - prior + rate, right + kl, size, at=f"{one.name}, {name} score")


@agreement(
    "sde-likelihood-bound",
    T5,
    because="Gaussian laws by moment equations solved to 1e-10",
    bound=1e-8,
    breaks=[Break("half of the score error", LinearSDE, "diffusion", lambda f: scaled(f, 0.5**0.5))],
)
def bound_holds_for_the_reverse_sde(case: Case) -> Iterator[AtMost]:
    """KL(p_s ‖ q_s) ≤ ½ ∫ g² E|s_φ - ∇log p_t|² dt + KL(p_T ‖ prior) on Gaussian data, where q_s is the law of the reverse SDE
    that starts from the prior with a linear wrong score."""
    case = case.gaussian()
    start, end = case.times((2.5, -3.0))
    data, d, process = case.as_gaussian, case.target.dimension, LinearSDE(case.schedule)
    deviation = case.level(end)[1]

    def wrong(x: Tensor, t: Tensor) -> Tensor:
        return 0.9 * case.at(t).score(x) - 0.1 * x

    def reverse(x: Tensor, t: Tensor) -> Tensor:
        g2 = case.schedule.g2(t)
        return case.schedule.f(t) * x - g2 * wrong(x, t)

    def rates(state: Tensor, t: Tensor) -> Tensor:
        """Moments of the reverse SDE as t falls: m' = A m + b, P' = A P + P Aᵀ - g² I."""
        line = affine(lambda x, z: reverse(x, t), d)
        m, p = state[:d], state[d:].reshape(d, d)
        flow = line.a @ p
        change = flow + flow.T - case.schedule.g2(t) * torch.eye(d, dtype=torch.float64)
        return torch.cat([line.a @ m + line.b, change.flatten()])

    prior = Moments(torch.zeros(d, dtype=torch.float64), deviation**2 * torch.eye(d, dtype=torch.float64))
    state = calculus.solve(
        rates, torch.cat([prior.mean, prior.covariance.flatten()]), end, start, rtol=1e-9, atol=1e-11
    )
    law = Moments(state[:d], state[d:].reshape(d, d))

    def kl(p: Moments, q: Moments) -> Tensor:
        pair = [torch.distributions.MultivariateNormal(m, (c + c.T) / 2) for m, c in (p, q)]
        return torch.distributions.kl_divergence(*pair)

    def error(t: float) -> Tensor:
        nodes, at = case.points(t), f64(t)
        gap = wrong(nodes.x, at) - case.at(t).score(nodes.x)
        return process.diffusion(at) ** 2 / 2 * mean(nodes.weights, gap.square().sum(-1))

    right = _integral(case, error, -3.0) + kl(noised(data, *case.level(end)), prior)
    left = kl(noised(data, *case.level(start)), law)
    yield AtMost(left, right, right)
