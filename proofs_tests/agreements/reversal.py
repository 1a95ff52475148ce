"""Agreements of the reversed process: the reverse SDE, the probability flow, and why both have the marginals."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from scipy.stats import norm as normal
from torch import Tensor

from concordant.impl import calculus, sde
from concordant.impl.batch import f64
from concordant.impl.calculus import Field
from concordant.impl.predictions import Predictor, predictor
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import marginal
from concordant.proofs_tests.affine import affine, noised
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case, few_components, spread
from concordant.proofs_tests.evolution import pieces, time_derivative
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference


def _score(case: Case) -> Field:
    return lambda x, t: case.at(t).score(x)


def _drift(case: Case, g2: Tensor) -> Field:
    """v* + ½ g² ∇log p_t: a drift that is not linear, whose process with that g has the densities p_t."""
    return lambda x, t: case.at(t).velocity(x) + g2 / 2 * case.at(t).score(x)


def _minus(field: Field) -> Field:
    return lambda x, t: -field(x, t)


#: g² of the processes, over that of the case's linear SDE.
SHARES = (0.3, 2.0)

REVERSE_BREAKS = [
    Break(
        "½ g² for g² before the score",
        sde,
        "reversed_drift",
        lambda f: lambda drift, score, g2: f(drift, score, g2 / 2),
    ),
    Break(
        "the sign of the score",
        sde,
        "reversed_drift",
        lambda f: lambda drift, score, g2: f(drift, score, -g2),
    ),
    Break(
        "the clocks mixed: time turned, the drift's sign kept",
        sde,
        "reversed_drift",
        lambda f: lambda drift, score, g2: _minus(f(drift, score, g2)),
    ),
]


@agreement(
    "anderson-reversal",
    T1,
    because="closed forms against automatic differentiation in time and space",
    bound=1e-9,
    applies=few_components,  # passes over all components for every dimension
    breaks=REVERSE_BREAKS,
)
def reverse_of_a_drift_that_is_not_linear(case: Case) -> Iterator[Compare]:
    """With τ = T - t, the densities q_τ = p_{T-τ} obey the Fokker-Planck equation of the drift -(f - g² ∇log p) and the same
    g: ∂_τ log q by differentiating a textbook density; for processes of several g with the densities p_t."""
    for t in case.times():
        x, p = case.sample(t, 2), case.at(t)
        left = -time_derivative(case.target, case.schedule, x, t)
        for share in SHARES:
            g2 = share * case.schedule.g2(t)
            back = sde.reversed_drift(_drift(case, g2), _score(case), g2)
            right = calculus.fokker_planck(_minus(back), _score(case), g2, x, f64(t))
            size = left.abs() + 4 * pieces(case.schedule, p, x, t)
            yield Compare(left, right, size, at=f"t = {t:.4g}, g² times {share}")


@agreement(
    "anderson-reversal",
    T2,
    because="moment equations solved to 1e-10",
    bound=1e-7,
    applies=spread,
    breaks=[
        Break(
            "Anderson's score with ½ g²",
            LinearSDE,
            "reverse_drift",
            lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, torch.zeros_like(t)),
        ),
        Break("noise forgotten on the way back", LinearSDE, "diffusion", lambda f: scaled(f, 0.0)),
    ],
)
def moments_run_backwards(case: Case) -> Iterator[Compare]:
    """On Gaussian data the moment equations of the reverse SDE, run from those of p_T down to an earlier time, lead to
    those of the marginal there."""
    case = case.gaussian()
    end, start = case.times((-1.5, 2.0))
    d, data, process = case.target.dimension, case.as_gaussian, LinearSDE(case.schedule)
    model = case.target.predictor(case.schedule, "score")
    eye = torch.eye(d, dtype=torch.float64)

    def rates(state: Tensor, t: Tensor) -> Tensor:
        """As t falls: m' = A m + b, P' = A P + P Aᵀ - g² I."""
        line = affine(lambda x, z: process.reverse_drift(model, x, t), d)
        flow = line.a @ state[d:].reshape(d, d)
        change = flow + flow.T - process.diffusion(t) ** 2 * eye
        return torch.cat([line.a @ state[:d] + line.b, change.flatten()])

    first, last = noised(data, *case.level(end)), noised(data, *case.level(start))
    state = calculus.solve(rates, torch.cat([first.mean, first.covariance.flatten()]), end, start, 1e-10, 1e-12)
    size = last.covariance.diagonal().max()
    yield Compare(state[:d], last.mean, size.sqrt() + last.mean.abs(), at="mean")
    yield Compare(state[d:].reshape(d, d), last.covariance, size, at="covariance")


FLOW_BREAKS = [
    Break(
        "g² for ½ g² before the score",
        sde,
        "flow_drift",
        lambda f: lambda drift, score, g2: f(drift, score, 2 * g2),
    ),
    Break("the drift without the score", sde, "flow_drift", lambda f: lambda drift, score, g2: f(drift, score, 0 * g2)),
]


@agreement(
    "probability-flow-ode",
    T1,
    because="closed forms against automatic differentiation in time and space",
    bound=1e-9,
    applies=few_components,  # passes over all components for every dimension
    breaks=FLOW_BREAKS,
)
def flow_of_a_drift_that_is_not_linear(case: Case) -> Iterator[Compare]:
    """∂_t log p + ∇·v + v·∇log p = 0 for v = f - ½ g² ∇log p_t, for processes of several g with the densities p_t and
    for the linear SDE."""
    process = LinearSDE(case.schedule)
    for t in case.times():
        x, p = case.sample(t, 2), case.at(t)
        left = time_derivative(case.target, case.schedule, x, t)
        size = left.abs() + 4 * pieces(case.schedule, p, x, t)
        g2s = [share * case.schedule.g2(t) for share in SHARES]
        flows = {f"g² times {share}": (_drift(case, g2), g2) for share, g2 in zip(SHARES, g2s, strict=True)}
        flows["the linear SDE"] = (process.drift, case.schedule.g2(t))
        for name, (drift, g2) in flows.items():
            v = sde.flow_drift(drift, _score(case), g2)
            right = -calculus.divergence(v, x, f64(t)) - (v(x, f64(t)) * p.score(x)).sum(-1)
            yield Compare(left, right, size, at=f"t = {t:.4g}, {name}")


@agreement(
    "probability-flow-ode",
    T2,
    because="an ODE solved to 1e-10, distribution functions of normals by scipy",
    bound=1e-8,
    breaks=[
        Break(
            "g² for ½ g² in the flow",
            LinearSDE,
            "ode_drift",
            lambda f: lambda self, m, x, t: self.reverse_drift(m, x, t),
        ),
        Break("a flow 1 % too fast", LinearSDE, "ode_drift", lambda f: scaled(f, 1.01)),
    ],
)
def quantiles_both_ways(case: Case) -> Iterator[Compare]:
    """In one dimension the probability flow of the SDE keeps the distribution function, from noise to data and from data to
    noise."""
    line = case.line()
    target, process = line.target, LinearSDE(line.schedule)
    model = target.predictor(line.schedule, "score")

    def share(y: Tensor, t: float) -> Tensor:
        alpha, sigma = line.level(t)
        deviation = (alpha**2 * target.spectrum[:, 0] + sigma**2).sqrt()
        values = normal.cdf(y.numpy(), alpha * target.means[:, 0].numpy(), deviation.numpy())
        return torch.from_numpy(values) @ target.weights

    times = line.times((-1.5, 2.0))
    for start, end in (times, times[::-1]):
        x = line.sample(start, 5)
        yield Compare(share(process.flow(model, x, start, end), end), share(x, start), at=f"{start:.4g} to {end:.4g}")


@agreement(
    "fokker-planck-is-continuity",
    T1,
    because="closed forms against automatic differentiation",
    bound=1e-9,
    applies=few_components,  # passes over all components for every dimension
    breaks=[*FLOW_BREAKS, *REVERSE_BREAKS],
)
def two_forms_of_one_equation(case: Case) -> Iterator[Compare]:
    """-∇·(f p) + ½ g² Δp = -∇·(v p), v = f - ½ g² ∇log p, for any drift f, p_t being a textbook density differentiated twice;
    and the right side for the drift -(f - g² ∇log p) is minus that."""
    for t in case.times((1.5, -0.5)):
        x, at, p = case.sample(t, 2), f64(t), case.at(t)
        law = Reference(case.target, *case.level(t))
        slope, bend = law.score(x), law.hessian(x).diagonal(dim1=-2, dim2=-1)
        wrong = case.wrong("x0", 0)

        def drift(y: Tensor, u: Tensor) -> Tensor:
            return wrong(y, u).value

        spread_of_f = calculus.divergence(drift, x, at)
        for g2 in (f64(0.4), f64(1.7)):
            own = (drift(x, at) * slope).sum(-1)
            left = -spread_of_f - own + g2 / 2 * (bend.sum(-1) + slope.square().sum(-1))
            v = sde.flow_drift(drift, _score(case), g2)
            right = -calculus.divergence(v, x, at) - (v(x, at) * p.score(x)).sum(-1)
            size = spread_of_f.abs() + own.abs() + g2 * (bend.abs().sum(-1) + slope.square().sum(-1)) + x.shape[-1]
            yield Compare(left, right, size, at=f"t = {t:.4g}, g² = {float(g2)}, continuity")
            back = sde.reversed_drift(drift, _score(case), g2)
            turned = calculus.fokker_planck(_minus(back), _score(case), g2, x, at)
            yield Compare(-left, turned, size, at=f"t = {t:.4g}, g² = {float(g2)}, reversed")


# -------------------------------------------------------------------- denoising over all times
def _given(values: Tensor) -> Predictor:
    """A score known at the points that will be asked about."""
    return predictor(lambda x, t: values, "score")


@agreement(
    "dsm-minimiser",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break(
            "σ for 1/σ in the target",
            LinearSDE,
            "dsm_loss",
            lambda f: lambda self, m, x0, e, t: f(self, m, x0, e / 2, t),
        ),
        Break("a score 1 % off", marginal.View, "head", lambda f: lambda self, kind: 1.01 * f(self, kind)),
    ],
)
def weighted_loss_has_the_score_as_minimiser(case: Case) -> Iterator[Compare]:
    """Σ_t ω(t) E[½|s - ∇log p_t(x_t|x_0)|²] over pairs rises by exactly Σ_t ω(t) ½ η² E|δ|² when the score is moved by η δ, for
    two weights ω with a field δ each."""
    case = case.reduced()
    process, times, eta = LinearSDE(case.schedule), case.times((1.0, -0.5)), 0.3
    pairs, scores = [case.pairs(t) for t in times], []
    for t, (_, x0, noise) in zip(times, pairs, strict=True):
        alpha, sigma = case.level(t)
        scores.append(case.at(t).score(alpha * x0 + sigma * noise))
    weights_of_time = {
        "ω = σ²": [case.level(t)[1] ** 2 for t in times],
        "ω = g²": [float(case.schedule.g2(t)) for t in times],
    }
    for index, (name, omega) in enumerate(weights_of_time.items()):
        wrong = case.wrong("x0", index)
        rise, want, size = f64(0.0), f64(0.0), f64(0.0)
        for t, (weights, x0, noise), score, weight in zip(times, pairs, scores, omega, strict=True):
            alpha, sigma = case.level(t)
            shift = wrong(alpha * x0 + sigma * noise, f64(t)).value / sigma
            before, after = (
                weight * mean(weights, process.dsm_loss(_given(score + step * shift), x0, noise, f64(t)))
                for step in (0.0, eta)
            )
            rise, size = rise + after - before, size + after + before
            want = want + weight * eta**2 / 2 * mean(weights, shift.square().sum(-1))
        yield Compare(rise, want, size, at=name)


@agreement(
    "dsm-minimiser",
    T1,
    because="a linear regression on exact moments",
    bound=1e-9,
    applies=spread,
    breaks=[
        Break("the sign of the conditional score", LinearSDE, "conditional_score", lambda f: scaled(f, -1.0)),
        Break(
            "σ for σ² in the conditional score",
            LinearSDE,
            "conditional_score",
            lambda f: lambda self, x, x0, t: f(self, x, x0, t) * self.schedule.sigma(t),
        ),
    ],
)
def linear_regression_on_the_conditional_score(case: Case) -> Iterator[Compare]:
    """On Gaussian data, the best linear fit to ∇log p_t(x_t|x_0), from moments over exact pairs, is the Jacobian of the
    score, and the fit at the mean is 0."""
    case = case.gaussian()
    process = LinearSDE(case.schedule)
    for t in case.times((1.5, -0.5)):
        weights, x0, noise = case.pairs(t)
        alpha, sigma = case.level(t)
        x = alpha * x0 + sigma * noise
        aim, off = process.conditional_score(x, x0, f64(t)), x - alpha * case.target.mean
        moments = [torch.einsum("n,ni,nj->ij", weights, one, off) for one in (aim, off)]
        fit = torch.linalg.solve(moments[1], moments[0].T).T
        jacobian = case.at(t).jacobian(x[:1])[0]
        size = 1 / sigma**2
        yield Compare(fit, jacobian, size, at=f"t = {t:.4g}")
        yield Compare(mean(weights, aim), torch.zeros_like(x[0]), mean(weights, aim.abs()), at=f"t = {t:.4g}, mean")
