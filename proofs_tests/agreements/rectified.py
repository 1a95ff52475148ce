"""Agreements of rectified flow, on its own clock (t = 0 the source, t = 1 the target): what it keeps, and where it is straight."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from scipy.optimize import brentq
from scipy.stats import norm as normal
from torch import Tensor

from concordant.impl import calculus, rectified
from concordant.impl.batch import f64, norm
from concordant.impl.rectified import GaussianCoupling, IndependentCoupling
from concordant.impl.targets import Gaussian, GaussianMixture
from concordant.proofs_tests.agreement import T1, T2, AtMost, Break, Compare, Comparison, agreement, scaled
from concordant.proofs_tests.case import Case, few_on_a_line, has_density, spread
from concordant.proofs_tests.reference import Reference

TIMES = (0.2, 0.5, 0.85)


def straight(case: Case) -> bool:
    """Of all schedules that of straight lines: nothing here depends on another."""
    return case.schedule.name == "flow-matching"


def on_a_line(case: Case) -> bool:
    return straight(case) and few_on_a_line(case) and has_density(case)


def size(target: GaussianMixture) -> float:
    """The deviation of a coordinate, about."""
    return math.sqrt(float(target.covariance.diagonal().mean()))


def source_of(target: GaussianMixture, components: int = 1) -> GaussianMixture:
    """A source as wide as the target, about, which is not centred: one isotropic Gaussian, or two of different widths."""
    width, ones = size(target), torch.ones(target.dimension, dtype=torch.float64)
    if components == 1:
        return Gaussian(target.mean + 0.4 * width * ones, (0.8 * width) ** 2)
    means = torch.stack([target.mean - 0.9 * width * ones, target.mean + 0.7 * width * ones])
    return GaussianMixture([0.35, 0.65], means, f64([0.2, 0.5]) * width**2)


def coupled(case: Case, components: int = 1) -> IndependentCoupling:
    return IndependentCoupling(source_of(case.target, components), case.target)


def distribution(law: IndependentCoupling, x: Tensor, t: float) -> Tensor:
    """P(x_t ≤ x) on a line, from normal distribution functions of all pairs of components."""
    means = (1 - t) * law.source.means[:, None, 0] + t * law.target.means[None, :, 0]
    spread_ = ((1 - t) ** 2 * law.source.spectrum[:, None, 0] + t**2 * law.target.spectrum[None, :, 0]).sqrt()
    weights = law.source.weights[:, None] * law.target.weights
    each = torch.from_numpy(normal.cdf(x.numpy()[:, None, :], means.numpy(), spread_.numpy()[None]))
    return (weights * each).sum((1, 2))


def monotone(law: IndependentCoupling, x: Tensor) -> Tensor:
    """F_1⁻¹(F_0(x)) on a line, by bisection and scipy's normal distribution functions."""
    target = law.target
    reach = 12 * float(target.spectrum.max()) ** 0.5
    low, high = float(target.means.min()) - reach, float(target.means.max()) + reach

    def at(share: float) -> float:
        root: float = brentq(
            lambda y: float(distribution(law, f64([[y]]), 1.0)) - share, low, high, xtol=1e-13, rtol=1e-14
        )
        return root

    return f64([[at(share)] for share in distribution(law, x, 0.0).tolist()])


# -------------------------------------------------------------------- closed forms
@agreement(
    "canonical-path-bends",
    T2,
    because="an ODE solved to 1e-10 against a closed form",
    bound=1e-8,
    applies=lambda case: straight(case) and spread(case),
    breaks=[
        Break(
            "a straight line from z_0 to its end",
            rectified,
            "bent",
            lambda f: lambda z, a, b, t: (1 - t) * z + t * f(z, a, b, 1.0),
        ),
        Break("V for √V", rectified, "bent", lambda f: lambda z, a, b, t: f(f(z, a, b, t), a, b, t)),
    ],
)
def path_between_gaussians(case: Case) -> Iterator[Compare]:
    """The trajectory of the exact velocity between N(0, σ_0² I) and N(0, σ_1² I) is z_0 √((1-t)² + t² σ_1²/σ_0²); for equal widths
    it is at z_0/√2 half-way."""
    d, wide = case.target.dimension, size(case.target)
    zero = torch.zeros(d, dtype=torch.float64)
    z = torch.randn(3, d, generator=case.random("z"), dtype=torch.float64)
    for s0, s1 in ((1.0, 1.0 + wide), (2.0, 0.7), (1.3, 1.3)):
        law = IndependentCoupling(Gaussian(zero, s0**2), Gaussian(zero, s1**2))
        path = rectified.trajectory(law.velocity, s0 * z, TIMES)
        for t, got in zip(TIMES, path, strict=True):
            want = rectified.bent(s0 * z, s0, s1, t)
            yield Compare(got, want, norm(s0 * z).unsqueeze(-1) + norm(want).unsqueeze(-1), at=f"t = {t}, {s0} to {s1}")
    yield Compare(rectified.bent(z, 1.3, 1.3, 0.5), z / math.sqrt(2), norm(z).unsqueeze(-1), at="equal widths")


# -------------------------------------------------------------------- marginals
VELOCITY_BREAKS = [
    Break("a velocity 1 % too large", IndependentCoupling, "velocity", lambda f: scaled(f, 1.01)),
    Break(
        "the mean displacement at all points",
        IndependentCoupling,
        "velocity",
        lambda f: lambda self, x, t: (self.target.mean - self.source.mean).expand_as(x),
    ),
]


@agreement(
    "rectify-preserves-marginals",
    T1,
    because="closed forms against automatic differentiation of a textbook density",
    bound=1e-9,
    applies=lambda case: (
        straight(case) and case.target.dimension <= 64 and case.target.components <= 100 and spread(case)
    ),
    breaks=VELOCITY_BREAKS,
)
def continuity_of_the_straight_lines(case: Case) -> Iterator[Compare]:
    """∂_t log p + v·∇log p + ∇·v = 0 for the density of (1-t) x_0 + t x_1, in a textbook's form, and the exact v."""
    law = coupled(case)
    deviation, x0, x1 = float(law.source.spectrum[0, 0]) ** 0.5, *law.sample(2, case.random("pairs"))
    for t in TIMES:
        x, at = rectified.interpolate(x0, x1, t), f64(t).requires_grad_()
        log = Reference(law.target, at, (1 - at) * deviation).log_prob(x - (1 - at) * law.source.mean)
        left = torch.stack([torch.autograd.grad(one, at, retain_graph=True)[0] for one in log])
        there = Reference(law.target, t, (1 - t) * deviation)
        score = there.score(x - (1 - t) * law.source.mean)
        v, divergence = law.velocity(x, t), calculus.divergence(law.velocity, x, f64(t))
        terms = norm(v) * norm(score) + divergence.abs() + x.shape[-1] / (1 - t)
        yield Compare(left, -(v * score).sum(-1) - divergence, left.abs() + terms, at=f"t = {t}")


@agreement(
    "rectify-preserves-marginals",
    T2,
    because="an ODE solved to 1e-10, distribution functions of normals by scipy",
    bound=1e-8,
    applies=lambda case: on_a_line(case) and case.target.components <= 8,
    breaks=VELOCITY_BREAKS,
)
def shares_are_kept(case: Case) -> Iterator[Compare]:
    """On a line, between two mixtures: P(x_t ≤ z_t) is the same at all times along a trajectory of the exact velocity."""
    law = coupled(case.line(), 2)
    z = law.source.sample(3, case.random("z"))
    start = distribution(law, z, 0.0)
    for t, here in zip((*TIMES, 1.0), rectified.trajectory(law.velocity, z, (*TIMES, 1.0)), strict=True):
        yield Compare(distribution(law, here, t), start, at=f"t = {t}")


@agreement(
    "rectify-preserves-marginals",
    T2,
    because="an ODE solved to 1e-10 against a closed form",
    bound=1e-8,
    applies=lambda case: straight(case) and spread(case) and case.target.dimension <= 64,
    breaks=[
        *VELOCITY_BREAKS[:1],
        Break("K for K C⁻¹", GaussianCoupling, "slope", lambda f: lambda self, t: self._at(t)[1]),
    ],
)
def gaussians_are_carried_to_gaussians(case: Case) -> Iterator[Compare]:
    """From N(m_0, s² I) to N(m_1, C) Rectify is z ↦ m_1 + C^½ (z - m_0)/s: by the mixture's velocity, and by the recursion for
    jointly Gaussian pairs, whose covariance is then that of source and target."""
    target = case.gaussian().as_gaussian
    if float(target.spectrum.min()) <= 1e-4 * size(target) ** 2:  # directions of (nearly) no width
        target = Gaussian(target.mean, target.covariance + 0.1 * size(target) ** 2 * torch.eye(target.dimension))
    source = Gaussian(target.mean + 0.4 * size(target), (0.8 * size(target)) ** 2)
    values, vectors = torch.linalg.eigh(target.covariance)
    deviation = float(source.spectrum[0, 0]) ** 0.5
    matrix = (vectors * (values.sqrt() / deviation)) @ vectors.mT
    z = source.sample(3, case.random("z"))
    want = target.mean + (z - source.mean) @ matrix.mT
    scale = (norm(want - target.mean) + norm(z - source.mean)).unsqueeze(-1)
    yield Compare(IndependentCoupling(source, target).rectify(z), want, scale + norm(target.mean), at="velocity")
    made = GaussianCoupling.independent(source, target).rectify()
    joint = GaussianCoupling.linear(source, matrix, target.mean - matrix @ source.mean)
    total = joint.covariance.diagonal()
    yield Compare(made.mean1, target.mean, size(target) + norm(target.mean), at="recursion, mean")
    yield Compare(made.covariance, joint.covariance, (total[:, None] * total).sqrt(), at="recursion")


# -------------------------------------------------------------------- straight or not
def _maps(case: Case) -> tuple[Gaussian, Tensor, Tensor]:
    """A Gaussian source, a symmetric positive matrix and an offset."""
    d, random = min(case.target.dimension, 8), case.random("map")
    a = torch.randn(d, d, generator=random, dtype=torch.float64) / math.sqrt(d)
    covariance = torch.eye(d, dtype=torch.float64) + a @ a.mT
    b = torch.randn(d, d, generator=random, dtype=torch.float64) / math.sqrt(d)
    return (
        Gaussian(torch.ones(d, dtype=torch.float64), covariance),
        0.2 * torch.eye(d) + b @ b.mT,
        torch.linspace(-1, 1, d).double(),
    )


@agreement(
    "straight-coupling",
    T1,
    because="linear algebra; the rectified coupling by an ODE solved to 1e-12",
    bound=1e-9,
    applies=straight,
    breaks=[
        Break(
            "x_1 for x_1 - x_0", GaussianCoupling, "velocity", lambda f: lambda self, x, t: (1 - t) * f(self, x, t) + x
        ),
        Break(
            "the spread without what x_t explains",
            GaussianCoupling,
            "spread",
            lambda f: lambda self, t: self._at(t)[2].trace(),
        ),
    ],
)
def one_step_where_nothing_spreads(case: Case) -> Iterator[Compare]:
    """For x_1 = A x_0 + b with A positive: no spread, v(x_t, t) = x_1 - x_0 all along the line, x_0 + v(x_0, 0) = x_1 in one step of
    Euler's method, no bend, and Rectify changes nothing.  For independent pairs v(x_0, 0) = E x_1 - x_0, and the spread is that of
    their conditional law."""
    source, matrix, offset = _maps(case)
    law = GaussianCoupling.linear(source, matrix, offset)
    x0 = source.sample(3, case.random("x0"))
    x1 = x0 @ matrix.mT + offset
    scale, cost = (norm(x0) + norm(x1)).unsqueeze(-1), law.cost
    for t in (0.0, *TIMES, 1.0):
        yield Compare(law.velocity(rectified.interpolate(x0, x1, t), t), x1 - x0, scale, at=f"t = {t}")
        yield Compare(law.spread(t), f64(0.0), cost, at=f"t = {t}, spread")
    yield Compare(rectified.rectify(law.velocity, x0, "euler", 1), x1, scale, at="one step")
    yield Compare(law.straightness().sqrt(), f64(0.0), cost.sqrt(), at="bend")
    again = law.rectify().covariance
    yield Compare(again, law.covariance, law.covariance.diagonal().max(), at="again")
    target = Gaussian(offset, matrix @ source.covariance @ matrix.mT)
    apart = GaussianCoupling.independent(source, target)
    yield Compare(apart.velocity(x0, 0.0), offset - x0, scale, at="independent")
    for t in TIMES:
        given = torch.linalg.inv(target.covariance) + (t / (1 - t)) ** 2 * torch.linalg.inv(source.covariance)
        spread_ = torch.linalg.inv(given).trace() / (1 - t) ** 2  # x_1 - x_0 is (x_1 - x_t)/(1 - t)
        yield Compare(apart.spread(t), spread_, apart.cost, at=f"t = {t}, independent")


@agreement(
    "straight-coupling",
    T2,
    because="an ODE solved to 1e-12 and differences of sixth order, 3e-10 here, against closed forms",
    bound=1e-8,
    applies=lambda case: on_a_line(case) and size(case.target) < 10,
    breaks=[
        Break(
            "the spread of x_1 alone",
            IndependentCoupling,
            "spread",
            lambda f: lambda self, x, t: f(self, x, t) * (1 - t) ** 2,
        ),
        VELOCITY_BREAKS[0],
    ],
)
def bends_where_velocities_spread(case: Case) -> Iterator[Compare]:
    """On a line, between two mixtures: p d²z/dt² = -d/dx (p Var[x_1 - x_0 | x_t = x]) along trajectories, the acceleration by
    differences of v along them."""
    law, h = coupled(case.line(), 2), 2e-3
    for t in TIMES[:2]:
        x0, x1 = law.sample(3, case.random(f"pairs {t}"))
        x = rectified.interpolate(x0, x1, t)
        bend = torch.zeros_like(x)
        for k, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1, -1):
                there = t + sign * k * h
                moved = calculus.solve(law.velocity, x, t, there, 1e-12, 1e-14)
                bend = bend + sign * c / h * law.velocity(moved, there)
        y = x.clone().requires_grad_()
        pressure = law.log_prob(y, t).exp() * law.spread(y, t)
        (slope,) = torch.autograd.grad(pressure.sum(), y)
        p = law.log_prob(x, t).exp().unsqueeze(-1)
        scale = bend.abs() + slope.abs() / p + law.spread(x, t).unsqueeze(-1) / size(law.target)
        yield Compare(bend, -slope / p, scale, at=f"t = {t}")


@agreement(
    "reflow-interpolation",
    T1,
    because="automatic differentiation, and closed forms",
    bound=1e-9,
    applies=straight,
    breaks=[
        Break("t z_0 + (1 - t) ẑ_1, as printed", rectified, "interpolate", lambda f: lambda a, b, t: f(b, a, t)),
    ],
)
def reflow_fits_the_line_from_source_to_target(case: Case) -> Iterator[Compare]:
    """The slope of the interpolation is ẑ_1 - z_0, it starts at z_0, and the exact field of the rectified pairs has no loss on it."""
    source, matrix, offset = _maps(case)
    z0 = source.sample(3, case.random("z0"))
    z1 = z0 @ matrix.mT + offset
    law, scale = GaussianCoupling.linear(source, matrix, offset), (norm(z0) + norm(z1)).unsqueeze(-1)
    yield Compare(rectified.interpolate(z0, z1, 0.0), z0, scale, at="start")
    for t in TIMES:
        slope = calculus.slope(lambda u: rectified.interpolate(z0, z1, u), f64(t))
        yield Compare(slope, z1 - z0, scale, at=f"t = {t}")
        lost = rectified.loss(law.velocity, z0, z1, f64(t))
        yield Compare(lost.sqrt(), torch.zeros_like(lost), scale.squeeze(-1), at=f"t = {t}, loss")


# -------------------------------------------------------------------- on a line
@agreement(
    "rectify-is-monotone-on-a-line",
    T2,
    because="an ODE solved to 1e-10, distribution functions of normals inverted to 1e-13",
    bound=1e-8,
    applies=lambda case: on_a_line(case) and case.target.components <= 8,
    breaks=VELOCITY_BREAKS,
)
def rectify_is_the_increasing_map(case: Case) -> Iterator[Comparison]:
    """ẑ_1 = F_1⁻¹(F_0(z_0)) from a Gaussian to a mixture on a line; and the lines of the new pairs do not cross."""
    law = coupled(case.line())
    z = law.source.sample(4, case.random("z")).sort(0).values
    got, want = law.rectify(z), monotone(law, z)
    # a share of 1e-16 is a distance of 1e-16 over the density
    density = law.log_prob(want, 1.0).exp().unsqueeze(-1)
    yield Compare(got, want, want.abs() + size(law.target) + 1e-6 / density)
    for t in TIMES:
        yield AtMost(0.0, rectified.interpolate(z, got, t).diff(dim=0), at=f"t = {t}")
