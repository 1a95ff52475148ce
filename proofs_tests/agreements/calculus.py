"""Agreements of the calculus: small steps of flows, Itô's formula, Fokker-Planck, Stein, the best prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, tables
from concordant.impl.batch import f64
from concordant.impl.targets import marginal
from concordant.proofs_tests.agreement import T1, T2, T4, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.case import Case, few_components, few_on_a_line, spread
from concordant.proofs_tests.evolution import pieces, posterior_variance, time_derivative
from concordant.proofs_tests.quadrature import mean, normals

STEPS = [32, 64, 128, 256]


# -------------------------------------------------------------------- small steps of a flow
PUSH_BREAKS = [
    Break(
        "the sign of the determinant's logarithm",
        calculus,
        "pushed",
        lambda f: lambda *a: (f(*a)[0], -f(*a)[1]),
    ),
    Break("half of the divergence", calculus, "pushed", lambda f: lambda *a: (f(*a)[0], f(*a)[1] / 2)),
]


@agreement(
    "continuity-from-flow",
    T1,
    because="a determinant differentiated in h against a closed form",
    bound=1e-9,
    breaks=PUSH_BREAKS,
)
def determinant_of_a_small_step(case: Case) -> Iterator[Compare]:
    """d/dh log det(I + h ∇v) = ∇·v at h = 0, for the flow's velocity and its closed divergence and for a field that is no
    gradient."""
    for t in case.times((1.5, -0.5)):
        x, at, p = case.sample(t, 2), f64(t), case.at(t)
        wrong = case.wrong("velocity", 0)
        fields = {
            "the velocity": (lambda y, u: case.at(u).velocity(y), p.divergence(x, "velocity")),
            "another field": (lambda y, u: wrong(y, u).value, None),
        }
        for name, (field, known) in fields.items():
            h = f64(0.0).requires_grad_()
            log_det = calculus.pushed(field, x, at, h)[1]
            slope = torch.stack([torch.autograd.grad(value, h, retain_graph=True)[0] for value in log_det])
            want = calculus.divergence(field, x, at) if known is None else known
            size = want.abs() + (pieces(case.schedule, p, x, t) if known is not None else x.shape[-1])
            yield Compare(slope, want, size, at=f"t = {t:.4g}, {name}")


@agreement(
    "continuity-from-flow",
    T4,
    because="closed forms; the error of one small step",
    applies=spread,  # the flow of a Dirac may be straight, and one step of it exact
    breaks=PUSH_BREAKS,
)
def density_after_a_small_step(case: Case) -> Iterator[Order]:
    """log p_{t+h}(x + h v) = log p_t(x) - log det(I + h ∇v) + O(h²) for the velocity v that carries p_t."""
    for t in case.times((1.5, -0.5)):
        x, at = case.sample(t, 3), f64(t)
        start = case.at(t).log_prob(x)
        scale = 0.05 / abs(float(case.schedule.d_lam(t)))
        errors = []
        for n in STEPS:
            h = f64(scale / n)
            y, log_det = calculus.pushed(lambda z, u: case.at(u).velocity(z), x, at, h)
            errors.append(float(torch.linalg.vector_norm(case.at(at + h).log_prob(y) - start + log_det)))
        yield Order(STEPS, errors, expected=2.0, at=f"t = {t:.4g}")


# -------------------------------------------------------------------- stochastic steps
ITO_BREAKS = [
    Break(
        "the second-order term forgotten",
        calculus,
        "ito",
        lambda f: (
            lambda h, drift, g, x, t, dt, dw: (f(h, drift, 0 * g, x, t, dt, dw)[0], f(h, drift, g, x, t, dt, dw)[1])
        ),
    ),
    Break(
        "the second-order term without its ½",
        calculus,
        "ito",
        lambda f: (
            lambda h, drift, g, x, t, dt, dw: (
                f(h, drift, 2**0.5 * g, x, t, dt, dw)[0],
                f(h, drift, g, x, t, dt, dw)[1],
            )
        ),
    ),
]


@agreement(
    "ito-formula",
    T4,
    because="expectations over one step by Gauss-Hermite, no sampling",
    breaks=[
        *ITO_BREAKS,
        Break(
            "g² for g before dw",
            calculus,
            "ito",
            lambda f: lambda h, b, g, *a: (f(h, b, g, *a)[0], g * f(h, b, g, *a)[1]),
        ),
    ],
)
def remainder_of_one_step(case: Case) -> Iterator[Order]:
    """What Itô's formula leaves of h(x + f dt + g dw, t + dt) - h(x, t) has mean O(dt²) and mean square O(dt²): over many steps
    it vanishes.  For a wave and a cubic that depend on time."""
    t, random = case.time(0.5), case.random("functions")
    points = case.sample(t, 3)
    d, width = points.shape[-1], float(case.at(t).sample(64, case.random("width")).std())
    w, a = (torch.randn(d, generator=random, dtype=torch.float64) / math.sqrt(d) for _ in range(2))
    drift = torch.randn(d, generator=random, dtype=torch.float64)
    weights, z = normals(torch.stack([w, a], -1))
    at, g, steps = f64(0.3), f64(0.7), [128, 256, 512, 1024]
    centre = points.mean(0)

    def wave(y: Tensor, u: Tensor) -> Tensor:
        value: Tensor = torch.cos((y - centre) / width @ w + 2 * u + 0.5) * (1 + u**2)
        return value

    def cubic(y: Tensor, u: Tensor) -> Tensor:
        off = (y - centre) / width @ a
        return (1 + u) * (off**3 / 6 + off**2)

    means, squares = [], []
    for n in steps:
        dt = f64(1 / n)
        dw, rests = dt.sqrt() * z, []
        for x in points:
            here = x.expand_as(z)
            moved = here + width * (drift * dt + g * dw)
            for h in (wave, cubic):
                along, across = calculus.ito(h, width * drift, width * g, here, at, dt, dw)
                rests.append(h(moved, at + dt) - h(here, at) - along - across)
        rest = torch.stack(rests, -1)
        means.append(float(torch.linalg.vector_norm(mean(weights, rest))))
        squares.append(float(mean(weights, rest.square()).sum()))
    yield Order(steps, means, expected=2.0, at="mean")
    yield Order(steps, squares, expected=2.0, at="mean square")


@agreement(
    "fokker-planck-any-drift",
    T4,
    because="expectations over one step by quadrature, no sampling",
    applies=few_on_a_line,
    breaks=ITO_BREAKS,
)
def expectations_after_one_step(case: Case) -> Iterator[Order]:
    """E h(x + f dt + g dw) = E h(x) + dt E[∇h·f + ½ g² Δh] + O(dt²) for x of law p_t, a drift that is neither linear nor known
    to the oracle, and waves and powers h; in one dimension."""
    line = case.line()
    t = line.time(0.5)
    weights, x = line.points(t)
    centre = mean(weights, x)
    width = mean(weights, (x - centre).square()).sqrt()
    u = (x - centre) / width
    drift, g = width * (torch.sin(1.5 * u) - u / 2 + 0.3), width * 0.8
    share, z = normals(torch.ones(1, 1, dtype=torch.float64))

    def wave(y: Tensor, _: Tensor) -> Tensor:
        return torch.cos(1.3 * (y - centre) / width + 0.4).squeeze(-1)

    def powers(y: Tensor, _: Tensor) -> Tensor:
        return (((y - centre) / width) ** 3 / 6 + ((y - centre) / width) ** 2).squeeze(-1)

    still = f64(0.0)
    for name, h in (("a wave", wave), ("powers", powers)):
        start = mean(weights, h(x, still))
        rate = mean(weights, calculus.ito(h, drift, g, x, still, f64(1.0), torch.zeros_like(x))[0])
        errors = []
        for n in STEPS:
            moved = x + drift / n + g / math.sqrt(n) * z.reshape(-1, 1, 1)
            after = mean(weights, mean(share, h(moved, still)))
            errors.append(abs(float(after - start - rate / n)))
        yield Order(STEPS, errors, expected=2.0, at=name)


@agreement(
    "fokker-planck-any-drift",
    T1,
    because="closed forms against automatic differentiation in time and space",
    bound=1e-9,
    applies=few_components,  # passes over all components for every dimension
    breaks=[
        Break("g² for ½ g²", calculus, "fokker_planck", lambda f: lambda b, s, g2, x, t: f(b, s, 2 * g2, x, t)),
        Break(
            "the drift's divergence forgotten",
            calculus,
            "fokker_planck",
            lambda f: lambda b, s, g2, x, t: f(b, s, g2, x, t) + calculus.divergence(b, x, t),
        ),
    ],
)
def densities_under_a_drift_that_is_not_linear(case: Case) -> Iterator[Compare]:
    """∂_t p = -∇·(f p) + ½ g² Δp for drifts f = v* + ½ g² ∇log p_t of any g, whose processes have the densities p_t: the
    time derivative by differentiating a textbook density."""
    for t in case.times():
        x, at, p = case.sample(t, 2), f64(t), case.at(t)
        left = time_derivative(case.target, case.schedule, x, t)
        for share in (0.3, 2.0):
            g2 = share * case.schedule.g2(t)

            def drift(y: Tensor, u: Tensor, g2: Tensor = g2) -> Tensor:
                law = case.at(u)
                return law.velocity(y) + g2 / 2 * law.score(y)

            right = calculus.fokker_planck(drift, lambda y, u: case.at(u).score(y), g2, x, at)
            size = left.abs() + 4 * pieces(case.schedule, p, x, t)
            yield Compare(left, right, size, at=f"t = {t:.4g}, g² times {share}")


# -------------------------------------------------------------------- Stein
STEIN_BREAKS = [
    Break("half of the divergence", calculus, "divergence", lambda f: scaled(f, 0.5)),
    Break("the sign of the divergence", calculus, "divergence", lambda f: scaled(f, -1.0)),
]


@agreement(
    "stein-identity",
    T1,
    because="Gauss-Hermite quadrature of entire functions against automatic differentiation",
    breaks=STEIN_BREAKS,
)
def stein_around_a_point(case: Case) -> Iterator[Compare]:
    """E[(x̃ - x)·a(x̃) | x] = σ² E[∇·a(x̃) | x] for x̃ = x + σ z around points of the target, a made of a wave and a square;
    and with x = 0, σ = 1 the identity for N(0, I)."""
    random = case.random("field")
    d = case.target.dimension
    w, q, b, c = (torch.randn(d, generator=random, dtype=torch.float64) / math.sqrt(d) for _ in range(4))
    weights, z = normals(torch.stack([w, q], -1))
    x = case.target.sample(1, random)[0].double()
    for sigma, centre in ((1.0, torch.zeros_like(x)), (0.3, x), (1.5, x)):

        def field(y: Tensor, _: Tensor, centre: Tensor = centre) -> Tensor:
            off = y - centre
            return b * torch.sin(off @ w + 0.3).unsqueeze(-1) + c * ((off @ q) ** 2 + off @ q).unsqueeze(-1)

        moved = centre + sigma * z
        left = mean(weights, (sigma * z * field(moved, f64(0.0))).sum(-1))
        terms = calculus.divergence(field, moved, f64(0.0))
        size = sigma**2 * (mean(weights, terms.abs()) + b.norm() * w.norm() + c.norm() * q.norm())
        yield Compare(left, sigma**2 * mean(weights, terms), size, at=f"σ = {sigma}, |x| = {float(centre.norm()):.3g}")


@agreement(
    "stein-identity",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=lambda case: few_components(case) and case.reduced().target.dimension <= 5,  # a backward pass a dimension
    breaks=STEIN_BREAKS,
)
def stein_over_the_data(case: Case) -> Iterator[Compare]:
    """E[σ ε·a(x_t)] over pairs is σ² E[∇·a(x_t)] over x_t, for fields that are no gradients."""
    case = case.reduced()
    for t in case.times((0.5,)):  # pairs are many
        (weights, x0, noise), points = case.pairs(t), case.points(t)
        alpha, sigma = case.level(t)
        for index in range(2):
            model = case.wrong("x0", index)

            def field(y: Tensor, u: Tensor) -> Tensor:
                return model(y, u).value

            products = (sigma * noise * field(alpha * x0 + sigma * noise, f64(t))).sum(-1)
            right = sigma**2 * mean(points.weights, calculus.divergence(field, points.x, f64(t)))
            size = mean(weights, products.abs()) + right.abs()
            yield Compare(mean(weights, products), right, size, at=f"t = {t:.4g}, field {index}")


# -------------------------------------------------------------------- the best prediction
MEAN_BREAKS = [
    Break("weights that are not normalised", tables, "conditional_mean", lambda f: lambda joint, y: joint @ y),
    Break(
        "the mean for the conditional mean",
        tables,
        "conditional_mean",
        lambda f: lambda joint, y: f(joint.sum(0, keepdim=True), y).expand(len(joint), -1),
    ),
]


def _table(case: Case, rows: int, columns: int, dimension: int) -> tuple[Tensor, Tensor, Tensor]:
    """A joint table of (X, Y), the values (B, D) of Y, and the values (A, D) of some function of X."""
    random = case.random(f"table {rows} {columns} {dimension}")
    joint = tables.random((rows, columns), random)
    values, other = (torch.randn(n, dimension, generator=random, dtype=torch.float64) for n in (columns, rows))
    return joint, values, other


def _loss(joint: Tensor, predicted: Tensor, values: Tensor) -> Tensor:
    """E|s(X) - Y|², pair by pair."""
    return (joint * (predicted.unsqueeze(1) - values).square().sum(-1)).sum()


@agreement("pointwise-minimisation", T1, because="finite sums", breaks=MEAN_BREAKS)
def squared_error_on_tables(case: Case) -> Iterator[Compare]:
    """E|s(X) - Y|² = E|s(X) - E[Y|X]|² + E tr Cov[Y|X] on random joint tables."""
    for rows, columns, d in ((2, 5, 1), (6, 4, 3), (1, 7, 2)):
        joint, values, other = _table(case, rows, columns, d)
        share = joint.sum(1)
        miss = share @ (other - tables.conditional_mean(joint, values)).square().sum(-1)
        left = _loss(joint, other, values)
        yield Compare(left, miss + share @ tables.conditional_variance(joint, values), left, at=f"{rows} x {columns}")


@agreement(
    "pointwise-minimisation",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break(
            "the denoiser's shrinkage α² e/v in place of α e/v",
            marginal.View,
            "gain",
            lambda f: lambda self, kind: (f(self, kind)[0], self.level.alpha * f(self, kind)[1]),
        )
    ],
)
def squared_error_of_a_denoiser(case: Case) -> Iterator[Compare]:
    """E|s(x_t) - x_0|² over pairs = E|s(x_t) - E[x_0|x_t]|² + E tr Cov[x_0|x_t] over x_t, for wrong denoisers s."""
    case = case.reduced()
    for t in case.times((0.5,)):  # pairs are many
        (weights, x0, noise), points, p = case.pairs(t), case.points(t), case.at(t)
        alpha, sigma = case.level(t)
        spread = mean(points.weights, posterior_variance(p, points.x))
        for index in range(2):
            model = case.wrong("x0", index)
            guess = model(alpha * x0 + sigma * noise, f64(t)).value
            left = mean(weights, (guess - x0).square().sum(-1))
            miss = mean(points.weights, (model(points.x, f64(t)).value - p.x0(points.x)).square().sum(-1))
            yield Compare(left, miss + spread, left + miss + spread, at=f"t = {t:.4g}, field {index}")


@agreement("l2-projection", T1, because="finite sums; one side by a linear solve", bound=1e-9, breaks=MEAN_BREAKS)
def least_squares_on_tables(case: Case) -> Iterator[Compare]:
    """The least-squares solution over all functions of X, by a weighted linear solve, is E[Y|X]; another function loses
    E|h(X) - E[Y|X]|²."""
    for rows, columns, d in ((3, 5, 1), (6, 4, 3)):
        joint, values, other = _table(case, rows, columns, d)
        weight = joint.flatten().sqrt().unsqueeze(-1)
        design = torch.eye(rows, dtype=torch.float64).repeat_interleave(columns, 0)
        best = torch.linalg.lstsq(weight * design, weight * values.repeat(rows, 1)).solution
        known = tables.conditional_mean(joint, values)
        yield Compare(best, known, values.abs().max(), at=f"{rows} x {columns}, minimiser")
        lost = joint.sum(1) @ (other - known).square().sum(-1)
        left = [_loss(joint, h, values) for h in (other, best)]
        yield Compare(left[0] - left[1], lost, left[0] + left[1], at=f"{rows} x {columns}, excess")


@agreement(
    "l2-projection",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break("a mean 1 % off", marginal.View, "head", lambda f: lambda self, kind: 1.01 * f(self, kind)),
    ],
)
def excess_of_a_denoiser(case: Case) -> Iterator[Compare]:
    """E|h(x_t) - x_0|² - E|E[x_0|x_t] - x_0|² = E|h(x_t) - E[x_0|x_t]|², the left side over pairs, the right over x_t."""
    case = case.reduced()
    for t in case.times((0.5,)):  # pairs are many
        (weights, x0, noise), points, p = case.pairs(t), case.points(t), case.at(t)
        alpha, sigma = case.level(t)
        x = alpha * x0 + sigma * noise
        best = mean(weights, (p.x0(x) - x0).square().sum(-1))
        for index in range(2):
            model = case.wrong("x0", index)
            other = mean(weights, (model(x, f64(t)).value - x0).square().sum(-1))
            lost = mean(points.weights, (model(points.x, f64(t)).value - p.x0(points.x)).square().sum(-1))
            yield Compare(other - best, lost, other + best, at=f"t = {t:.4g}, field {index}")
