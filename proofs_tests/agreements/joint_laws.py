"""Agreements of whole processes: flow maps, two clocks, joint laws of the reverse family, a wrong prior."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from concordant.impl import calculus, joint_laws, sde
from concordant.impl.batch import f64, norm
from concordant.impl.calculus import Field
from concordant.impl.sde import LinearSDE, log_prior
from concordant.impl.targets import Gaussian
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case, few_components, few_on_a_line
from concordant.proofs_tests.evolution import pieces, time_derivative
from concordant.proofs_tests.quadrature import mean, panels


# -------------------------------------------------------------------- flow maps
@agreement(
    "flow-maps-compose",
    T2,
    because="ODEs solved to 1e-10, both ways",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break(
            "Euler's method in 50 steps for the reference",
            calculus,
            "follow",
            lambda f: lambda field, x, start, end, method="reference", steps=50: f(field, x, start, end, "euler", 50),
        ),
        Break(
            "backwards, half of the way only",
            LinearSDE,
            "flow",
            lambda f: lambda self, m, x, s, e, *a, **k: f(self, m, x, s, e if e > s else (s + e) / 2, *a, **k),
        ),
    ],
)
def legs_of_a_flow(case: Case) -> Iterator[Compare]:
    """Ψ_{t→u}∘Ψ_{s→t} = Ψ_{s→u} for times in and out of order, decoding what was encoded gives the point back, and
    Ψ_{s→t}(x) = x + ∫ v along the trajectory over a shorter time, by quadrature at its points."""
    process, model = LinearSDE(case.schedule), case.target.predictor(case.schedule, "score")

    def flow(x: Tensor, start: float, end: float) -> Tensor:
        return process.flow(model, x, start, end)

    early, middle, late = case.times((1.5, 0.5, -1.0))
    x = case.sample(early, 2)
    whole = flow(x, early, late)
    half = flow(x, early, middle)
    size = norm(x).unsqueeze(-1) + norm(whole).unsqueeze(-1) + 1
    stretch = math.exp(abs(case.schedule.lam(early) - case.schedule.lam(late)))  # errors on the way back
    yield Compare(flow(half, middle, late), whole, size, at="two legs")
    yield Compare(flow(whole, late, early), x, stretch * size, at="encoded and decoded")
    soon = case.time(0.2)
    nodes, weights = panels(f64([middle, soon]), 8)
    here, total, before = half, torch.zeros_like(x), middle
    for t, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        here, before = flow(here, before, t), t
        total = total + weight * case.at(t).velocity(here)
    yield Compare(half + total, flow(here, before, soon), size, at="the integral of the velocity")


# -------------------------------------------------------------------- two clocks
@agreement(
    "reverse-drift-on-two-clocks",
    T1,
    because="closed forms against automatic differentiation in time and space",
    applies=few_components,
    breaks=[
        Break("the sign of the score", sde, "reversed_drift", lambda f: lambda b, s, g2: f(b, s, -g2)),
        Break(
            "the reversed clock's drift on the original clock",
            sde,
            "reversed_drift",
            lambda f: lambda b, s, g2: lambda x, t: -f(b, s, g2)(x, t),
        ),
    ],
)
def drifts_on_two_clocks(case: Case) -> Iterator[Compare]:
    """∂_τ log p by the Fokker-Planck equation with drift -(f - g² ∇log p) at the reversed clock, ∂_t log p with drift f - g² ∇log p
    and minus the diffusion; and what the wrong clock's drift misses."""
    for t in case.times((1.0, -0.5)):
        at, x, law = f64(t), case.sample(t, 2), case.at(t)
        g2 = 0.7 * case.schedule.g2(at)
        drift = _with_score(case, g2 / 2)
        back = sde.reversed_drift(drift, _score(case), g2)
        rate = time_derivative(case.target, case.schedule, x, t)
        size = rate.abs() + 6 * pieces(case.schedule, law, x, t)
        turned = calculus.fokker_planck(_times(back, -1.0), _score(case), g2, x, at)
        yield Compare(-rate, turned, size, at=f"t = {t:.4g}, reversed clock")
        same = calculus.fokker_planck(back, _score(case), -g2, x, at)
        yield Compare(rate, same, size, at=f"t = {t:.4g}, original clock")
        wrong = calculus.fokker_planck(_times(back, -1.0), _score(case), -g2, x, at)
        gap = 2 * (calculus.divergence(back, x, at) + (back(x, at) * law.score(x)).sum(-1))
        yield Compare(wrong - rate, gap, size, at=f"t = {t:.4g}, wrong clock")


def _score(case: Case) -> Field:
    return lambda x, t: case.at(t).score(x)


def _with_score(case: Case, share: Tensor) -> Field:
    """The velocity and some of the score: the drift of a process with these densities."""
    return lambda x, t: case.at(t).velocity(x) + share * case.at(t).score(x)


def _times(field: Field, factor: float) -> Field:
    return lambda x, t: factor * field(x, t)


# -------------------------------------------------------------------- joint laws
KAPPAS = (0.0, 0.5, 1.0, 2.0)


def _one_width(case: Case) -> tuple[Gaussian, float]:
    """Gaussian data with the target's mean and one width in all directions."""
    c2 = float(case.target.covariance.diagonal().mean()) or 0.5
    return Gaussian(case.target.mean, c2), c2


@agreement(
    "one-marginal-family-many-joint-laws",
    T2,
    because="moment equations solved to 1e-11",
    bound=1e-8,
    breaks=[
        Break(
            "the forward process's covariance for every κ",
            joint_laws,
            "covariance",
            lambda f: lambda schedule, c2, s, t, kappa=1.0: f(schedule, c2, s, t, 1.0),
        ),
        Break(
            "Anderson's drift for every κ",
            LinearSDE,
            "reverse_drift",
            lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, None),
        ),
        Break(
            "the forward process's variance for every κ",
            joint_laws,
            "transition",
            lambda f: lambda *a: (f(*a)[0], f(*a[:6])[1]),
        ),
    ],
)
def covariances_of_the_family(case: Case) -> Iterator[Compare]:
    """On data of one width, two trajectories of E[x_s|x_t] of the reverse process with γ = κ g part by K/V_t times their start;
    its variance stays V_s from V_t, and from 0 grows to V_s - K²/V_t; κ = 0 is the exact flow map, κ = 1 the forward process."""
    data, c2 = _one_width(case)
    clock, process = case.schedule, LinearSDE(case.schedule)
    model = data.predictor(clock, "score")
    s, t = case.times((1.0, -1.0))
    v_s, v_t = (case.level(u)[0] ** 2 * c2 + case.level(u)[1] ** 2 for u in (s, t))
    d = data.dimension
    y = case.level(t)[0] * data.mean + v_t**0.5 * torch.randn(2, d, generator=case.random("z"), dtype=torch.float64)
    kappas = f64(KAPPAS)
    origin, ones = torch.zeros(d, dtype=torch.float64), torch.ones(d, dtype=torch.float64)

    def rates(state: Tensor, u: Tensor) -> Tensor:
        """For each κ two means and two variances (4, 2 D + 2): P' = 2 A P - γ² as time falls, A read off the drift."""
        gamma = (kappas * process.diffusion(u)).unsqueeze(-1)
        points = torch.cat([state[:, :-2].reshape(4, 2, d), torch.stack([origin, ones]).expand(4, -1, -1)], 1)
        moved = process.reverse_drift(model, points, u, gamma.expand(-1, 4))
        spread = 2 * (moved[:, 3] - moved[:, 2])[:, :1] * state[:, -2:] - gamma**2
        return torch.cat([moved[:, :2].reshape(4, -1), spread], 1)

    start = torch.cat([y.flatten(), f64([v_t, 0.0])]).expand(4, -1)
    ends = calculus.solve(rates, start, t, s, 1e-11, 1e-13)
    for kappa, end in zip(KAPPAS, ends, strict=True):
        means, kept = end[:-2].reshape(2, d), joint_laws.covariance(clock, c2, s, t, kappa)
        size = norm(y[0] - y[1]) * (v_s / v_t) ** 0.5 + norm(means).max()
        yield Compare(means[0] - means[1], kept / v_t * (y[0] - y[1]), size, at=f"κ = {kappa}, covariance")
        yield Compare(end[-2], f64(v_s), v_s, at=f"κ = {kappa}, marginal")
        centre, left = joint_laws.transition(clock, data.mean, c2, y, s, t, kappa)
        yield Compare(means, centre, size, at=f"κ = {kappa}, mean")
        yield Compare(left, end[-1], v_s, at=f"κ = {kappa}, variance")
    ratio = process.transition(f64(s), f64(t))[0]
    yield Compare(joint_laws.covariance(clock, c2, s, t), ratio * v_s, v_s, at="the forward process")
    still = joint_laws.transition(clock, data.mean, c2, y, s, t, 0.0)[0]
    yield Compare(still, data.flow(clock, y, t, s), norm(still).unsqueeze(-1), at="the flow map")


# -------------------------------------------------------------------- a wrong prior
@agreement(
    "prior-mismatch",
    T2,
    because="quadrature on a line, an ODE solved to 1e-9",
    bound=1e-8,
    applies=lambda case: few_on_a_line(case) and case.line().target.components <= 12,
    breaks=[
        Break("a flow 10 % too slow", LinearSDE, "ode_drift", lambda f: scaled(f, 0.9)),
        Break(
            "the divergence forgotten",
            calculus,
            "log_density_along",
            lambda f: lambda *a, **k: (f(*a, **k)[0], 0 * f(*a, **k)[1]),
        ),
    ],
)
def the_flow_keeps_the_divergence(case: Case) -> Iterator[Compare]:
    """On a line, the density that the exact flow makes of N(0, σ_T²) is as far from p_s as N(0, σ_T²) is from p_T."""
    line = case.line()
    process, model = LinearSDE(line.schedule), line.target.predictor(line.schedule, "score")
    s, t = line.times((0.5, -1.5))
    deviation = line.level(t)[1]
    weights, x = line.points(t)
    before = mean(weights, line.at(t).log_prob(x) - log_prior(x, deviation))
    weights, x = line.points(s)

    def trace(y: Tensor, u: Tensor) -> Tensor:
        return line.at(u).divergence(y, "velocity")

    moved, gained = process.log_likelihood(model, x, s, t, trace)
    after = line.at(s).log_prob(x) - log_prior(moved, deviation) - gained
    yield Compare(mean(weights, after), before, before.abs() + mean(weights, gained.abs()) + 1)


@agreement(
    "prior-mismatch",
    T2,
    because="moment equations solved to 1e-10",
    bound=1e-8,
    breaks=[
        Break("noise forgotten on the way back", LinearSDE, "diffusion", lambda f: scaled(f, 0.0)),
        Break(
            "Anderson's drift for every γ",
            LinearSDE,
            "reverse_drift",
            lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, None),
        ),
    ],
)
def noise_forgets_the_prior(case: Case) -> Iterator[Compare]:
    """On data of one width, the divergence from the exact reverse process to one that starts from N(0, σ_T² I) falls by
    ∫ ½ γ² E|∇log p - ∇log q|² dt for γ = κ g, and not at all for κ = 0."""
    data, c2 = _one_width(case)
    process, d = LinearSDE(case.schedule), data.dimension
    model = data.predictor(case.schedule, "score")
    s, t = case.times((0.5, -1.5))
    deviation = case.level(t)[1]
    origin = torch.zeros(d, dtype=torch.float64)
    kappas = f64([0.0, 1.0, 1.7])

    def law(u: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = case.schedule.alpha(u), case.schedule.sigma(u)
        return alpha * data.mean, alpha**2 * c2 + sigma**2

    def kl(p: tuple[Tensor, Tensor], q: tuple[Tensor, Tensor]) -> Tensor:
        pair = [Independent(Normal(m, v.sqrt().expand(d)), 1) for m, v in (p, q)]
        return kl_divergence(*pair)

    def rates(state: Tensor, u: Tensor) -> Tensor:
        """For each κ the mean and the variance of the process from the prior, and what its divergence has lost (3, D + 2)."""
        gamma = (kappas * process.diffusion(u)).unsqueeze(-1)
        points = torch.stack([origin, origin + 1]).expand(3, -1, -1)
        moved = process.reverse_drift(model, torch.cat([points, state[:, None, :d]], 1), u, gamma.expand(-1, 3))
        spread = 2 * (moved[:, 1] - moved[:, 0])[:, :1] * state[:, d : d + 1] - gamma**2
        (m, v), mq, vq = law(u), state[:, :d], state[:, d : d + 1]
        fisher = d * v * (1 / vq - 1 / v) ** 2 + ((m - mq) / vq).square().sum(-1, keepdim=True)  # E_p|∇log p - ∇log q|²
        lost = (kappas**2 * case.schedule.g2(u)).unsqueeze(-1) / 2 * fisher
        return torch.cat([moved[:, 2], spread, -lost], 1)

    start = torch.cat([origin, f64([deviation**2, 0.0])]).expand(3, -1)
    first = kl(law(f64(t)), (origin, f64(deviation**2)))
    for kappa, end in zip(kappas.tolist(), calculus.solve(rates, start, t, s, 1e-10, 1e-12), strict=True):
        last = kl(law(f64(s)), (end[:d], end[d]))
        yield Compare(first - last, end[d + 1], first + end[d + 1], at=f"κ = {kappa}")
