"""Agreements about laws of paths: Girsanov's ratio, divergences of chains and of their limits, reweighting; and two facts about
Gaussians and exact steps that their proofs use."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from concordant.impl import calculus, paths, tables
from concordant.impl.batch import f64, norm
from concordant.impl.predictions import Predictor, predictor
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import marginal
from concordant.proofs_tests.affine import affines, noised, push_all
from concordant.proofs_tests.agreement import T1, T2, T4, AtMost, Break, Compare, Comparison, Order, agreement, scaled
from concordant.proofs_tests.agreements.paths import hermite
from concordant.proofs_tests.case import Case, few_components, spread
from concordant.proofs_tests.quadrature import mean


# -------------------------------------------------------------------- Girsanov
def _other_noise(_: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The ratio's exponent with the increments of the first chain's noise, and the sign of the second's."""

    def wrong(drifts: Tensor, others: Tensor, g: Tensor, times: Tensor, x: Tensor) -> Tensor:
        h = times.diff().view(-1, *[1] * (x.ndim - 1))
        g = g.expand(len(drifts)).view_as(h)
        delta, noise = (drifts - others) / g, (x.diff(dim=0) - h * drifts) / g
        return (delta * noise - h / 2 * delta.square()).sum((0, -1))

    return wrong


GIRSANOV_BREAKS = [
    Break("the noise of the other law", paths, "girsanov", _other_noise),
    Break("g² for g", paths, "girsanov", lambda f: lambda b, c, g, times, x: f(b, c, g**2, times, x)),
]


def _diffusions(case: Case, times: Tensor) -> Tensor:
    """The schedule's g at the starts of the steps."""
    return LinearSDE(case.schedule).diffusion(times[:-1])


@agreement(
    "girsanov", T1, because="products of normal densities by torch.distributions", breaks=GIRSANOV_BREAKS, bound=1e-9
)
def ratios_of_densities(case: Case) -> Iterator[Compare]:
    """The logarithm of the ratio of two chains' densities, at paths of the second and of neither, in the target's dimension."""
    times, d = case.grid(1.2, -0.5, 6), case.target.dimension
    h, g = times.diff(), _diffusions(case, times)
    first, second = (case.wrong("velocity", index, 1.0) for index in range(2))
    w = paths.sample(times, (3, d), case.random("noise"))
    start = case.sample(float(times[0]), 3)
    scale = g.max() / (times[-1] - times[0]).sqrt()  # so that drift and noise are of one size

    def drift(model: Predictor, x: Tensor, t: Tensor) -> Tensor:
        return scale * torch.tanh(model(x, t).value)

    of_second = paths.euler_maruyama(
        lambda x, t: drift(second, x, t), lambda x, t: g[int((times[:-1] - t).abs().argmin())], start, times, w
    )
    for name, x in (("its own paths", of_second), ("others", start + g.max() * w * 1.3)):
        means = [
            torch.stack([drift(m, y, t) for y, t in zip(x[:-1], times[:-1], strict=True)]) for m in (first, second)
        ]
        widths = (h.sqrt() * g)[:, None, None]
        logs = [
            Normal(x[:-1] + h[:, None, None] * v, widths, validate_args=False).log_prob(x[1:]).sum((0, -1))
            for v in means
        ]
        got = paths.girsanov(means[0], means[1], g, times, x)
        yield Compare(got, logs[0] - logs[1], logs[0].abs() + logs[1].abs() + d, at=name)


@agreement(
    "girsanov",
    T2,
    because="Gauss-Hermite over all paths of three steps, of entire functions",
    bound=1e-9,
    breaks=GIRSANOV_BREAKS,
)
def means_of_the_ratio(case: Case) -> Iterator[Compare]:
    """Under the second chain the ratio has mean 1, and reweights means to those of the first; on a line, for drifts that are not
    linear.  With the first chain's noise in the second's place, constant drifts would give e^{-δ²T}."""
    times = case.grid(0.6, 0.2, 3)
    unit = (times[-1] - times[0]).sqrt() * LinearSDE(case.schedule).diffusion(times[0])
    g = _diffusions(case, times)
    weights, noise = hermite(3, 24)
    w = paths.brownian(times, noise)
    pace = unit / (times[-1] - times[0])

    def first(x: Tensor, t: Tensor) -> Tensor:
        return pace * (0.4 * torch.sin(x / unit) + 0.2)

    def second(x: Tensor, t: Tensor) -> Tensor:
        return pace * (0.3 * torch.cos(x / unit) - 0.3)

    def walk(drift: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        diffusion = lambda _, t: g[int((times[:-1] - t).abs().argmin())]  # noqa: E731
        return paths.euler_maruyama(drift, diffusion, 0.5 * unit * torch.ones_like(noise[0]), times, w)

    x = walk(second)
    drifts = [torch.stack([v(y, t) for y, t in zip(x[:-1], times[:-1], strict=True)]) for v in (first, second)]
    ratio = paths.girsanov(drifts[0], drifts[1], g, times, x).exp()
    yield Compare(weights @ ratio, f64(1.0), 1.0, at="mean of the ratio")
    here, there = (torch.cos(path[-1].squeeze(-1) / unit + 0.3) for path in (walk(first), x))
    yield Compare(weights @ (ratio * there), weights @ here, 1.0, at="a wave, reweighted")
    still, apart = torch.zeros_like(drifts[0]), 0.7 * pace * torch.ones_like(drifts[0])
    delta = (apart[:, :1, 0].squeeze(-1) / g).square() @ times.diff()
    path = walk(lambda x, t: 0 * x)
    wrong = _other_noise(paths.girsanov)(apart, still, g, times, path)
    yield Compare(weights @ wrong.exp(), (-delta).exp(), 1.0, at="the other noise")
    yield Compare(weights @ paths.girsanov(apart, still, g, times, path).exp(), f64(1.0), 1.0, at="constant drifts")


# -------------------------------------------------------------------- divergences
def _with_error(case: Case) -> tuple[Predictor, Predictor]:
    """The exact score of Gaussian data, and one that is off by a fifth and a constant."""

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return case.at(t).score(x)

    return predictor(exact, "score"), predictor(lambda x, t: 1.2 * exact(x, t) + 0.3, "score")


def _half_rate(case: Case, t: Tensor) -> Tensor:
    """½ g² E|s_φ - s|² under the exact law: by the moments of 0.2 s + 0.3, of which s has mean 0 and covariance C⁻¹."""
    alpha, sigma = case.level(float(t))
    data = case.as_gaussian
    covariance = alpha**2 * data.covariance + sigma**2 * torch.eye(data.dimension, dtype=torch.float64)
    error = 0.04 * torch.linalg.inv(covariance).diagonal().sum() + 0.09 * data.dimension
    rate: Tensor = case.schedule.g2(t) / 2 * error
    return rate


@agreement(
    "path-kl-is-score-error",
    T4,
    because="exact recursion of moments, no sampling",
    applies=spread,
    breaks=[
        Break(
            "the probability flow's half of the score",
            LinearSDE,
            "reverse_drift",
            lambda f: lambda self, m, x, t, gamma=None: f(self, m, x, t, 0 * t),
        ),
        Break("√g for g", LinearSDE, "diffusion", lambda f: lambda self, t: f(self, t) ** 0.5),
    ],
)
def divergence_of_chains(case: Case) -> Iterator[Order]:
    """KL of two reverse Euler-Maruyama chains, Σ_k E|f - f̃|² h/(2g²) under the first, by the moments of its own steps, tends to
    ½ ∫ g² E|s_φ - ∇log p_t|² dt under the exact law with an error of O(1/n), for Gaussian data and a wrong score."""
    one = case.gaussian() if case.target.dimension <= 5 else case.line().gaussian()
    sde, d = LinearSDE(one.schedule), one.target.dimension
    exact, guess = _with_error(one)
    first, last = -0.5, 1.0  # λ from noise to data
    angles = [math.atan(math.exp(-lam)) for lam in (first, last)]
    u, weights = calculus.gauss(f64(angles[0]), f64(angles[1]), 40)
    times = one.schedule.t_of_lam(-u.tan().log())
    # dλ = -du/(sin u cos u) and dt = dλ/λ'(t)
    slopes = -1 / (u.sin() * u.cos() * torch.stack([one.schedule.d_lam(t) for t in times]))
    limit = sum(-w * k * _half_rate(one, t) for w, k, t in zip(weights, slopes, times, strict=True))
    counts, errors = [16, 32, 64, 128], []
    for n in counts:
        grid = one.grid(last, first, n).flip(0)
        h = grid.diff()

        def step(x: Tensor, z: Tensor, grid: Tensor = grid, h: Tensor = h) -> Tensor:
            at = zip(x, z, grid[:-1], h, strict=True)
            return torch.stack([sde.reverse_step(exact, a, t, k, b) for a, b, t, k in at])

        moments, total = noised(one.as_gaussian, *one.level(float(grid[0]))), f64(0.0)
        eye = torch.eye(d, dtype=torch.float64)
        points = torch.cat([0 * eye[:1], eye])
        for t, k, move in zip(grid[:-1], h, affines(step, d, n), strict=True):
            apart = (sde.reverse_drift(exact, points, t) - sde.reverse_drift(guess, points, t)) / sde.diffusion(t)
            at_mean, linear = apart[0], (apart[1:] - apart[0]).mT
            centre = at_mean + linear @ moments.mean
            total = total + k.abs() / 2 * (centre.square().sum() + (linear @ moments.covariance @ linear.T).trace())
            moments = push_all([move], moments)
        errors.append(abs(float(total - limit)))
    yield Order(counts, errors, 1.0)


@agreement(
    "path-divergence",
    T1,
    because="closed forms by torch.distributions",
    bound=1e-9,
    breaks=[
        Break("the step for its root", paths, "log_transition", lambda f: lambda x, y, b, g, h: f(x, y, b, g, h**2)),
        Break(
            "the drift without its time", paths, "log_transition", lambda f: lambda x, y, b, g, h: f(x, y, b / h, g, h)
        ),
    ],
)
def divergence_of_a_step(case: Case) -> Iterator[Compare]:
    """KL of two steps from one point is ½ h g² |s - s_φ|², by torch's closed form; and log q - log q_φ, affine in the noise, has that
    mean and no other."""
    t = f64(case.time(0.3))
    sde = LinearSDE(case.schedule)
    g, h = sde.diffusion(t), 0.1 / case.schedule.d_lam(t).abs()
    y = case.sample(float(t), 3)
    scores = [case.at(t).score(y), case.wrong("score", 0)(y, t).value]
    drifts = [-case.schedule.f(t) * y + g**2 * s for s in scores]
    laws = [Normal(y + h * v, h.sqrt() * g, validate_args=False) for v in drifts]
    want = h / 2 * g**2 * (scores[0] - scores[1]).square().sum(-1)
    yield Compare(kl_divergence(laws[0], laws[1]).sum(-1), want, want + case.target.dimension, at="closed form")
    centre = y + h * drifts[0]
    logs = [paths.log_transition(centre, y, v, g, h) for v in drifts]
    yield Compare(logs[0] - logs[1], want, want + logs[0].abs() + logs[1].abs(), at="at the mean")


@agreement(
    "paths-and-marginals",
    T2,
    because="reference solutions and closed forms for Gaussians",
    applies=spread,
    breaks=[
        Break("a velocity 1 % off", marginal.Marginal, "velocity", lambda f: scaled(f, 1.01)),
        Break(
            "a transition 5 % too steep",
            LinearSDE,
            "transition",
            lambda f: lambda self, s, t: (f(self, s, t)[0] * 1.05, f(self, s, t)[1]),
        ),
    ],
)
def one_marginal_and_two_laws_of_paths(case: Case) -> Iterator[Comparison]:
    """On Gaussian data the probability flow and the SDE carry one law to one law, but their points at two times have different
    covariances.  And the divergence of two SDEs' pairs of points is at least that of either point."""
    line = case.line().gaussian()
    s, t = line.time(1.0), line.time(0.0)
    law, sde = line.as_gaussian, LinearSDE(line.schedule)
    before, after = (float(noised(law, *line.level(u)).covariance[0, 0]) for u in (s, t))
    ends = calculus.solve(lambda x, u: line.at(u).velocity(x), f64([[0.0], [1.0]]), s, t, 3e-14, 1e-14)
    pull = ends[1, 0] - ends[0, 0]
    ratio, added = sde.transition(f64(s), f64(t))
    yield Compare(pull**2 * before, f64(after), after, at="the flow's variance")
    yield Compare(ratio**2 * before + added, f64(after), after, at="the SDE's variance")
    yield AtMost(ratio * before, pull * before, after, margin=1e-6, at="covariances of two times")
    shift = 0.4 * math.sqrt(before)
    start, other = (MultivariateNormal(f64([m]), f64([[v]])) for m, v in ((0.0, before), (shift, 1.3 * before)))

    def pair(m: float, v: float, extra: float) -> MultivariateNormal:
        r, a = float(ratio), float(added)
        covariance = f64([[v, r * v], [r * v, r**2 * v + a]])
        return MultivariateNormal(f64([m, r * m + extra]), covariance)

    for extra in (0.0, 0.2 * math.sqrt(after)):
        one, two = pair(0.0, before, 0.0), pair(shift, 1.3 * before, extra)
        joint = kl_divergence(one, two)
        last = [MultivariateNormal(p.mean[1:], p.covariance_matrix[1:, 1:]) for p in (one, two)]
        yield AtMost(kl_divergence(start, other), joint, joint, at=f"first point, shift {extra:.3g}")
        yield AtMost(kl_divergence(last[0], last[1]), joint, joint, at=f"last point, shift {extra:.3g}")
        own = kl_divergence(start, other) + f64(extra) ** 2 / (2 * added)
        yield Compare(joint, own, joint, at=f"chain rule, shift {extra:.3g}")


# -------------------------------------------------------------------- likelihood by reweighting
def log_model(prior: Tensor, kernels: Tensor, path: tuple[int, ...]) -> Tensor:
    """log p_φ(x_0, …, x_T) = log p(x_T) + Σ log p_φ(x_{k-1}|x_k), for kernels (T, A, A) from x_k to x_{k-1}."""
    steps = [kernel[path[k + 1], path[k]].log() for k, kernel in enumerate(kernels)]
    return prior[path[-1]].log() + torch.stack(steps).sum()


def _twice(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda prior, kernels, path: f(prior, kernels, path) + prior[path[-1]].log()


@agreement(
    "likelihood-by-reweighting",
    T1,
    because="finite sums over all paths against products of matrices",
    breaks=[
        Break("the prior counted twice, as printed", sys.modules[__name__], "log_model", _twice),
        Break(
            "the mean of logarithms",
            paths,
            "log_mean_exp",
            lambda f: lambda logs, weights=None: (logs * weights.exp()).sum(0),
        ),
    ],
)
def paths_of_a_finite_chain(case: Case) -> Iterator[Compare]:
    """log p_φ(x_0) is log E[p_φ(x_{0:T})/q(x_{1:T}|x_0)] over all paths of a noising chain on a finite alphabet, for one, two and
    three steps, and whatever the noising chain."""
    random = case.random("chains")
    for steps, size in ((1, 5), (2, 4), (3, 3)):
        noising, model = (tables.random((steps, size, size), random) for _ in range(2))
        noising, model = (m / m.sum(-1, keepdim=True) for m in (noising, model))
        prior = tables.random((size,), random)
        want = prior
        for kernel in model.flip(0):
            want = want @ kernel
        for x0 in range(size):
            every = [(x0, *rest) for rest in itertools.product(range(size), repeat=steps)]
            weights = torch.stack(
                [torch.stack([q[p[k], p[k + 1]].log() for k, q in enumerate(noising)]).sum() for p in every]
            )
            logs = torch.stack([log_model(prior, model, p) for p in every]) - weights
            yield Compare(paths.log_mean_exp(logs, weights), want[x0].log(), 1.0, at=f"{steps} steps, from {x0}")


# -------------------------------------------------------------------- Gaussians, exact steps
@agreement(
    "gaussian-score",
    T1,
    because="a closed form against a linear solve, and automatic differentiation of torch's density",
    bound=1e-9,
    applies=spread,
    breaks=[
        Break("the sign", marginal.Marginal, "score", lambda f: scaled(f, -1.0)),
        Break("the covariance 1 % off", marginal.Marginal, "score", lambda f: scaled(f, 1.01)),
    ],
)
def score_of_a_gaussian(case: Case) -> Iterator[Compare]:
    """The score of the Gaussian with the target's moments, noised, is -Σ⁻¹(x - μ), and the gradient of its log-density."""
    one = case.gaussian()
    for t in one.times():
        x, moments = one.sample(t, 4), noised(one.as_gaussian, *one.level(t))
        got = one.at(t).score(x)
        by_solve = -torch.linalg.solve(moments.covariance, (x - moments.mean).mT).mT
        size = norm(got).unsqueeze(-1) + norm(x - moments.mean).unsqueeze(-1) * torch.linalg.matrix_norm(
            torch.linalg.inv(moments.covariance), 2
        )
        yield Compare(got, by_solve, size, at=f"t = {t:.4g}, by a solve")
        leaf = x.detach().requires_grad_()
        law = MultivariateNormal(moments.mean, moments.covariance, validate_args=False)
        (gradient,) = torch.autograd.grad(law.log_prob(leaf).sum(), leaf)
        yield Compare(got, gradient, size, at=f"t = {t:.4g}, by differentiation")


@agreement(
    "exact-step-is-centred",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break("a denoiser 1 % off", marginal.View, "head", lambda f: lambda self, kind: 1.01 * f(self, kind)),
    ],
)
def true_point_and_exact_step(case: Case) -> Iterator[Compare]:
    """E[(x_s - x̂)·h(x_t)] = 0 over pairs (x_0, ε), x̂ the exact DDIM step from x_t to s, for arbitrary fields h: the first-order
    term of any expansion about x̂ vanishes."""
    case = case.reduced()
    t = case.time(0.5)
    alpha, sigma = case.level(t)
    weights, x0, noise = case.pairs(t)
    x = alpha * x0 + sigma * noise
    data = case.at(t).x0(x)
    predicted = (x - alpha * data) / sigma
    for index, lam in enumerate((0.9, 2.0)):
        a, s = case.level(case.time(lam))
        off = a * (x0 - data) + s * (noise - predicted)
        field = case.wrong("x0", index)(x, f64(t)).value
        size = ((a * x0).abs() + (s * noise).abs()) * field.abs()
        yield Compare(mean(weights, (off * field).sum(-1)), f64(0.0), mean(weights, size.sum(-1)), at=f"λ = {lam}")
