"""Agreements of transport costs: what Rectify takes off them, how fast it straightens, and straight couplings that are dear."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import calculus, couplings, rectified
from concordant.impl.batch import f64, norm
from concordant.impl.rectified import GaussianCoupling, IndependentCoupling
from concordant.impl.targets import Gaussian
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.agreement import T1, T2, T5, AtMost, Break, Compare, Comparison, agreement, scaled
from concordant.proofs_tests.agreements.rectified import TIMES, VELOCITY_BREAKS, coupled, on_a_line, size, straight
from concordant.proofs_tests.case import Case, spread
from concordant.proofs_tests.quadrature import mean, panels

Cost = Callable[[Tensor], Tensor]

#: Convex functions of the displacement, in units of the target's width.
CONVEX: dict[str, Cost] = {
    "|u|²": lambda u: u.square().sum(-1),
    "|u|": norm,
    "|u|^1.5": lambda u: norm(u) ** 1.5,
    "log cosh": lambda u: torch.log(torch.cosh(u)).sum(-1),
    "max(u, 0)": lambda u: u.clamp_min(0).sum(-1),
}


def source_nodes(law: IndependentCoupling, order: int = 10) -> tuple[Tensor, Tensor]:
    """Nodes (N, 1) and weights (N,) over a Gaussian source on a line."""
    z, w = panels(torch.linspace(-8, 8, 9, dtype=torch.float64), order)
    w = w * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return law.source.mean + float(law.source.spectrum[0, 0]) ** 0.5 * z[:, None], w


def few_and_wide(case: Case) -> bool:
    """On a line, with few components, none of them so narrow that time has to be cut fine."""
    if not on_a_line(case) or case.target.components > 8:
        return False
    line = case.line().target
    return float(line.spectrum.min()) > 0.01 * float(line.covariance)


@agreement(
    "convex-transport-cost",
    T5,
    because="both costs by quadrature over the source and the target, 1e-6 here; the gaps are far larger",
    applies=few_and_wide,
    breaks=[
        Break("three times the velocity", IndependentCoupling, "velocity", lambda f: scaled(f, 3.0)),
        Break(
            "twice the end point, less the mean of the starts",
            rectified,
            "rectify",
            lambda f: lambda v, z, *a: 2 * f(v, z, *a) - z.mean(),
        ),
    ],
)
def no_convex_cost_rises(case: Case) -> Iterator[Comparison]:
    """E c(ẑ_1 - z_0) ≤ E c(x_1 - x_0) for five convex costs, from a Gaussian to a mixture on a line."""
    law = coupled(case.line())
    z, w = source_nodes(law)
    y, v = quadrature.points(law.target, 1.0, 0.0)[::-1]
    moved, drawn, unit = law.rectify(z) - z, y[:, 0] - z, size(law.target)
    for name, cost in CONVEX.items():
        after = mean(w, cost(moved / unit))
        before = mean(w, cost(drawn.unsqueeze(-1) / unit) @ v)
        yield AtMost(after, before, before, at=name)


#: Panels of time, finer where narrow components of the target part.
ENDS = (0.0, 0.4, 0.7, 0.85, 0.93, 0.97, 1.0)


def over_time(order: int, ends: tuple[float, ...] = (0.0, 1.0)) -> tuple[list[float], Tensor]:
    node, weight = panels(f64(ends), order)
    return node.tolist(), weight


def _gaussians(case: Case) -> GaussianCoupling:
    """Correlated pairs, no map, in at most eight dimensions: x_1 = B x_0 + noise, with B far from positive."""
    d, random = min(case.target.dimension, 8), case.random("correlated")
    a, b, c = (torch.randn(d, d, generator=random, dtype=torch.float64) / math.sqrt(d) for _ in range(3))
    eye = torch.eye(d, dtype=torch.float64)
    first, noise = eye + a @ a.mT, 0.3 * eye + c @ c.mT
    joint = torch.cat([torch.cat([first, first @ b.mT], 1), torch.cat([b @ first, b @ first @ b.mT + noise], 1)])
    return GaussianCoupling(torch.zeros(d), torch.linspace(-0.6, 1, d), joint)


SPREAD_BREAKS = [
    Break("what crossed forgotten", GaussianCoupling, "spread", lambda f: scaled(f, 0.0)),
    Break(
        "the mean squared speed for the bend",
        GaussianCoupling,
        "straightness",
        lambda f: lambda self, order=20: self.rectify().cost + f(self, order),
    ),
]


@agreement(
    "quadratic-cost-telescopes",
    T2,
    because="a linear ODE solved to 1e-12, and Gauss-Legendre of order 80 in time",
    bound=1e-9,
    applies=straight,
    breaks=SPREAD_BREAKS,
)
def gaussian_costs_telescope(case: Case) -> Iterator[Compare]:
    """Cost before less cost after is bend plus spread, for correlated Gaussian pairs; and on a line for independent ones
    (σ_0² + σ_1²) - (σ_1 - σ_0)² = 2 σ_0 σ_1 for bend plus spread."""
    law = _gaussians(case)
    times, weights = over_time(80)
    spreads = weights @ torch.stack([law.spread(t) for t in times])
    yield Compare(law.cost - law.rectify().cost, law.straightness(80) + spreads, law.cost, at="correlated")
    for s0, s1 in ((1.0, 1.0), (0.6, 1.5)):
        one = GaussianCoupling.independent(Gaussian([0.2], s0**2), Gaussian([-0.5], s1**2))
        apart = 0.7**2  # the square of what the means are apart
        yield Compare(one.cost, f64(apart + s0**2 + s1**2), one.cost, at=f"{s0} to {s1}, before")
        yield Compare(one.rectify().cost, f64(apart + (s1 - s0) ** 2), one.cost, at=f"{s0} to {s1}, after")
        spreads = weights @ torch.stack([one.spread(t) for t in times])
        yield Compare(one.straightness() + spreads, f64(2 * s0 * s1), one.cost, at=f"{s0} to {s1}")


@agreement(
    "quadratic-cost-telescopes",
    T2,
    because="an ODE solved to 1e-10, quadrature over the target, over x_t, and in time, 3e-11 here",
    bound=1e-8,
    applies=few_and_wide,
    breaks=[
        Break("what crossed forgotten", IndependentCoupling, "spread", lambda f: scaled(f, 0.0)),
        VELOCITY_BREAKS[0],
    ],
)
def mixture_costs_telescope(case: Case) -> Iterator[Compare]:
    """The same from a Gaussian to a mixture on a line: E|x_1 - x_0|² from moments, E|z_1 - z_0|² and the bend over the
    target's nodes, the spread over nodes of x_t."""
    law = coupled(case.line())
    share, end = quadrature.points(law.target, 1.0, 0.0)  # ẑ_1 has the target's law, and z_0 depends smoothly on it
    z = calculus.solve(law.velocity, end, 1.0, 0.0)
    deviation = float(law.source.spectrum[0, 0]) ** 0.5
    after = mean(share, (end - z).square().sum(-1))
    bend = rectified.straightness(law.velocity, z, share, 8, ENDS)
    times, weights = over_time(8, ENDS)
    spreads = []
    for t in times:
        masses, y = quadrature.points(law.target, t, (1 - t) * deviation)
        spreads.append(masses @ law.spread(y + (1 - t) * law.source.mean, t))
    yield Compare(law.cost - after, bend + weights @ torch.stack(spreads), law.cost)


@agreement(
    "straightening-rate",
    T5,
    because="linear ODEs solved to 1e-12; the bound is not tight",
    applies=straight,
    breaks=SPREAD_BREAKS[1:],
)
def bends_add_up_to_less_than_the_cost(case: Case) -> Iterator[Comparison]:
    """Three reflow steps of correlated Gaussian pairs: Σ_{k≤K} S ≤ E|x_1 - x_0|² - E|z_1 - z_0|², so the least is at most
    E|x_1 - x_0|²/K; and the cost never rises."""
    chain, bends = [_gaussians(case)], []
    for count in (1, 2, 3):
        bends.append(chain[-1].straightness())
        chain.append(chain[-1].rectify())
        first, rounding = chain[0].cost, 1e-10 * chain[0].cost
        yield AtMost(torch.stack(bends).sum(), first - chain[-1].cost + rounding, first, at=f"{count} steps")
        yield AtMost(torch.stack(bends).min(), first / count, first, at=f"{count} steps, least")
        yield AtMost(chain[-1].cost, chain[-2].cost + rounding, first, at=f"{count} steps, cost")


# -------------------------------------------------------------------- straight and dear
def turn(case: Case) -> Tensor:
    """An orthogonal matrix of determinant 1, without the eigenvalue -1 (which random ones do not have)."""
    d = max(2, min(case.target.dimension, 64))
    q: Tensor = torch.linalg.qr(torch.randn(d, d, generator=case.random("turn"), dtype=torch.float64))[0]
    if torch.linalg.det(q) < 0:
        q = torch.cat([-q[:, :1], q[:, 1:]], 1)
    return q


@agreement(
    "straight-coupling-not-optimal",
    T1,
    because="linear algebra on both sides",
    applies=straight,
    breaks=[
        Break("the turn back", GaussianCoupling, "linear", lambda f: staticmethod(lambda s, a, b: f(s, a.mT, b))),
        Break("half of the cost", GaussianCoupling, "cost", lambda f: property(lambda self: f.fget(self) / 2)),
    ],
)
def a_turn_is_straight_and_dear(case: Case) -> Iterator[Compare]:
    """x ↦ A x keeps N(0, I): it costs Σ |1 - λ|² over A's eigenvalues, which is 2 (D - tr A); |det((1-t) I + t A)| is the product
    of |1 - t + t λ|, zero only for λ = -1 at t = 1/2; and v(x_t, t) = A x - x all along, with no spread."""
    a = turn(case)
    d = len(a)
    eye = torch.eye(d, dtype=torch.float64)
    normal = Gaussian(torch.zeros(d, dtype=torch.float64), 1.0)
    law, values = GaussianCoupling.linear(normal, a, torch.zeros(d)), torch.linalg.eigvals(a)
    yield Compare(law.cost, (1 - values).abs().square().sum(), 4 * d, at="cost, by eigenvalues")
    yield Compare(law.cost, 2 * (d - a.trace()), 4 * d, at="cost, by the trace")
    yield Compare(law.covariance[d:, d:], eye, 1.0, at="the law of A x")
    x = torch.randn(3, d, generator=case.random("x"), dtype=torch.float64)
    for t in (0.0, *TIMES, 1.0):
        middle = (1 - t) * eye + t * a
        sizes = (1 - t + t * values).abs()
        yield Compare(torch.linalg.slogdet(middle)[1], sizes.log().sum(), sizes.log().abs().sum() + 1, at=f"t = {t}")
        worst = float(1 / sizes.min()) ** 2  # the condition of x_t's covariance
        got = law.velocity(x @ middle.mT, t)
        yield Compare(got / worst, (x @ a.mT - x) / worst, norm(x).unsqueeze(-1), at=f"t = {t}, velocity")
        yield Compare(law.spread(t) / worst, f64(0.0), law.cost, at=f"t = {t}, spread")
    turned_over = torch.diag(f64([-1.0] + [1.0] * (d - 1)))
    yield Compare(torch.linalg.det((eye + turned_over) / 2), f64(0.0), at="eigenvalue -1")
    try:
        GaussianCoupling.linear(normal, turned_over, torch.zeros(d)).slope(0.5)
        refused = 0.0
    except BadInput:
        refused = 1.0
    yield Compare(f64(refused), f64(1.0), at="lines that meet are refused")


# -------------------------------------------------------------------- minibatches
def greedy(costs: Tensor) -> Tensor:
    """To each source in turn the nearest target that is left: not the best pairing."""
    left, chosen = list(range(len(costs))), []
    for row in costs:
        best = min(left, key=lambda j: float(row[j]))
        left.remove(best)
        chosen.append(best)
    return torch.tensor(chosen)


@agreement(
    "minibatch-coupling",
    T1,
    because="all permutations of five points; sorting on a line",
    applies=lambda case: straight(case) and spread(case),
    breaks=[
        Break("each takes the nearest that is left", couplings, "assignment", lambda f: greedy),
        Break("pairs as drawn", couplings, "assignment", lambda f: lambda costs: torch.arange(len(costs))),
    ],
)
def pairs_of_least_cost(case: Case) -> Iterator[Comparison]:
    """The least Σ|x_i - y_j|² over all 120 permutations; on a line the sorted pairs; targets are only permuted, and no pairing is
    dearer than as drawn."""
    random, d = case.random("batch"), case.target.dimension
    centre, width = case.target.mean, size(case.target)
    for count in range(4):
        x = centre + width * torch.randn(5, d, generator=random, dtype=torch.float64)
        y = case.target.sample(5, random)
        drawn = (x - y).square().sum()
        distances = (x[:, None] - y).square().sum(-1)
        yield Compare(couplings.squared_distances(x, y), distances, distances.max(), at=f"batch {count}, distances")
        every = torch.tensor(list(itertools.permutations(range(5))))
        best = torch.stack([(x - y[p]).square().sum() for p in every]).min()
        _, paired = couplings.minibatch(x, y)
        yield Compare((x - paired).square().sum(), best, drawn, at=f"batch {count}")
        yield AtMost((x - paired).square().sum(), drawn, drawn, at=f"batch {count}, drawn")
        yield Compare(paired.sum(0), y.sum(0), y.abs().sum(0) + 1, at=f"batch {count}, permuted")
    line = case.line()
    x, y = torch.randn(64, 1, generator=random, dtype=torch.float64), line.target.sample(64, random)
    _, paired = couplings.minibatch(x, y)
    order = x[:, 0].argsort()
    yield Compare(paired[order], y.sort(0).values, y.abs().max() + 1, at="line")
