"""Witnesses of rectified flow: two independent laws, all that the implementation knows of their straight lines, and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64
from concordant.impl.rectified import GaussianCoupling, IndependentCoupling, bent, interpolate
from concordant.impl.targets import Gaussian, GaussianMixture
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.bridge.fields import Box, Setting, box_around, cube, trajectory
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import Factory, joined, kinds, noise_points, one_time, pointwise

#: Times of rectified flow's own clock, and when trajectories start.
TIMES, ORIGIN = (0.3, 0.45, 0.6, 0.8), 0.2


def source_of(target: GaussianMixture) -> GaussianMixture:
    """A source that is not centred, and as wide as the target, about."""
    width = math.sqrt(float(target.covariance.diagonal().mean()) + 0.3)
    centre = target.mean + torch.linspace(0.5, -0.3, target.dimension, dtype=torch.float64) * width
    return Gaussian(centre, (0.8 * width) ** 2)


def coupling_of(s: Setting) -> IndependentCoupling:
    return IndependentCoupling(source_of(s.case.target), s.case.target)


def boxes(coupling: IndependentCoupling) -> dict[str, Box]:
    """For the point, the velocity, and the source."""
    target, source = coupling.target, coupling.source
    thin = float(target.spectrum.min()), float(source.spectrum.min())
    fine = math.sqrt(1 / (1 / thin[0] + 1 / thin[1]))
    ends = [box_around(law, 1.0, 0.0, 1.0) for law in (source, target)]
    hull = joined(*ends)
    low = tuple(b - a for a, b in zip(ends[0].high, ends[1].low, strict=True))
    high = tuple(b - a for a, b in zip(ends[0].low, ends[1].high, strict=True))
    return {
        "u": Box(low, high, 0.7 * fine),
        "z": Box(ends[0].low, ends[0].high, 0.7 * math.sqrt(thin[1])),
        "": Box(hull.low, hull.high, 0.7 * fine),
    }


def pairs(s: Setting) -> Witness:
    """ρ is the density of the pair of x_t and x_1 - x_0; p and v are the implementation's."""
    made = coupling_of(s)
    source, target = (Setting(replace(s.case, target=law)).clean.log for law in (made.source, made.target))

    def rho(x: Tensor, u: Tensor, t: Tensor) -> Tensor:
        t = f64(t)[..., None]
        log: Tensor = source(x - t * u) + target(x + (1 - t) * u)
        return log

    fields: dict[str, Any] = {
        "ρ": Logged(rho),
        "p": Logged(made.log_prob),
        "v": made.velocity,
        "r": Logged(lambda x, t: carried(made, x, one_time(t))),
    }
    x0, x1 = made.sample(4, s.case.random("pairs of the witness"))
    at = {"x": interpolate(x0, x1, f64(TIMES)), "t": f64(TIMES)}
    return Witness(boxes(made), fields, at=at, kinds=kinds("p ρ r", "v"), name=str(s.case))


def carried(made: IndependentCoupling, x: Tensor, t: Tensor) -> Tensor:
    """log-density at t of what is the exact law at a later time, carried back by the flow."""
    later = 0.9
    end, change = calculus.log_density_along(
        made.velocity, lambda y, r: calculus.divergence(made.velocity, y, r), x, float(t), later, 1e-11, 1e-13
    )
    return made.log_prob(end, later) + change


def carried_at_one_time(s: Setting) -> Witness:
    w = pairs(s)
    return replace(w, at={**w.at, "t": 0.45})


def along(s: Setting) -> Witness:
    """A trajectory of the exact velocity."""
    made = coupling_of(s)
    curves = {"z": trajectory(made.velocity, made.sample(1, 1)[0][0], ORIGIN)}
    return replace(pairs(s), curves=curves)


# ------------------------------------------------------------------------------------------------ costs
def quartic(u: Tensor) -> Tensor:
    """A convex cost, no square: |u|²/2 + |u|⁴/20."""
    square = u.square().sum(-1)
    return square / 2 + square**2 / 20


def slope(u: Tensor) -> Tensor:
    """Its gradient."""
    return u * (1 + u.square().sum(-1, keepdim=True) / 5)


def costs(s: Setting) -> Witness:
    """Two Gaussians on a line: the flow is closed, and the cost of the caller's."""
    one = Setting(s.case.gaussian(), s.lam)
    made, w = coupling_of(one), pairs(one)
    source, target = made.source, made.target
    widths = math.sqrt(float(source.covariance[0, 0])), math.sqrt(float(target.covariance[0, 0]))

    def flow(z: Tensor, t: Any) -> Tensor:
        t = f64(t)
        return interpolate(source.mean, target.mean, t) + bent(z - source.mean, *widths, t)

    def moved(z: Tensor) -> Tensor:
        return flow(z, 1.0) - flow(z, 0.0)

    fields: dict[str, Callback | Logged] = {
        "Ψ": flow,
        "π0": Logged(source_density(source)),
        "r": Logged(lambda u: log_normal(u, target.mean - source.mean, math.hypot(*widths))),
        "c": quartic,
        "C": lambda x, t: quartic(made.velocity(x, t)),
        "s": lambda x, t: slope(made.velocity(x, t)),
        "K": lambda z, t: quartic(made.velocity(flow(z, t), t)),
        "L": lambda z: quartic(moved(z)),
        "m": lambda z: slope(moved(z)),
    }
    return replace(w, fields={**w.fields, **fields}, at={"t": 0.45}, kinds={**w.kinds, "r": "density", "π0": "density"})


def source_density(law: Gaussian | GaussianMixture) -> Callback:
    return lambda z: log_normal(z, law.means[0], law.spectrum[0, 0].sqrt())


def repeated(s: Setting) -> Witness:
    """Costs, bends and spreads of repeated rectification of correlated Gaussians in the plane, by the implementation."""
    turn = f64([[0.3, -1.0], [0.9, 0.2]])
    eye = torch.eye(2, dtype=torch.float64)
    joint = torch.cat([torch.cat([eye, turn.mT], 1), torch.cat([turn, turn @ turn.mT + 0.5 * eye], 1)])
    chain = [GaussianCoupling([0.0, 0.0], [1.0, 0.5], joint)]
    for _ in range(3):
        chain.append(chain[-1].rectify())
    rule = list(zip(*calculus.gauss(f64(0.0), f64(1.0), 20), strict=True))
    spreads = [sum(float(w * c.spread(t)) for t, w in rule) for c in chain]
    table = [(float(c.cost), float(c.straightness()), spread) for c, spread in zip(chain, spreads, strict=True)]
    return _sequence([row[0] for row in table], [r[1] for r in table], [r[2] for r in table], "Gaussians in the plane")


def made_up(_: Any) -> Witness:
    """Numbers that obey the identity of one step, all different."""
    bends, spreads = [0.7, 0.31, 0.23, 0.05], [0.9, 0.4, 0.17, 0.02]
    cost = [4.1]
    for b, v in zip(bends, spreads, strict=True):
        cost.append(cost[-1] - b - v)
    return _sequence(cost, bends, spreads, "numbers")


def nothing_left(_: Any) -> Witness:
    """The bound is an equation where all of the cost goes into bends."""
    return _sequence([1.0, 0.6, 0.0, 0.0], [0.4, 0.6, 0.0], [0.0, 0.0, 0.0], "all of the cost")


def _sequence(cost: list[float], bends: list[float], spreads: list[float], name: str) -> Witness:
    """cost[k] after k steps; bends and spreads of step k ≥ 1 are those of the coupling before it."""

    def of(values: list[float], first: int) -> Callback:
        def at(k: Any) -> Tensor:
            if not 0 <= int(k) - first < len(values):
                raise LookupError(f"no step {k}")
            return f64(values[int(k) - first])

        return at

    fields: dict[str, Callback | Logged] = {"E": of(cost, 0), "S": of(bends, 1), "V": of(spreads, 1)}
    return Witness({"": cube(1, 1.0, 0.5)}, fields, at={"n": [2], "k": [1, 2]}, name=name)


# ------------------------------------------------------------------------------------------------ closed forms
def ends(s: Setting) -> Witness:
    """Two points, and times between."""
    at = {"z0": noise_points(s, "z0"), "ẑ1": noise_points(s, "z1"), "t": f64(TIMES)}
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, {}, at=at, name=str(s.case))


def two_gaussians(s: Setting) -> Witness:
    """Two centred Gaussians, as wide as the noise and the data of the setting; p and v are the implementation's."""
    widths = 0.7 + s.sigma, 0.4 + s.alpha
    zero = torch.zeros(s.dimension, dtype=torch.float64)
    made = IndependentCoupling(Gaussian(zero, widths[0] ** 2), Gaussian(zero, widths[1] ** 2))
    fields: dict[str, Any] = {
        "q": Logged(lambda x, z, t: log_normal(x, (1 - f64(t))[..., None] * z, f64(t) * widths[1])),
        "π0": Logged(lambda z: log_normal(z, 0 * z, widths[0])),
        "p": Logged(made.log_prob),
        "v": made.velocity,
    }
    x0, x1 = made.sample(4, s.case.random("pairs of the witness"))
    at = {"x": interpolate(x0, x1, f64(TIMES)), "t": f64(TIMES), "z0": x0}
    box = (
        {"": cube(s.dimension, 9 * widths[0], 0.15)}
        if s.dimension == 1
        else {"": cube(s.dimension, 7 * widths[0], 0.25)}
    )
    numbers = {"σ0": widths[0], "σ1": widths[1]}
    a, b = widths[0] ** 2, widths[1] ** 2
    functions: dict[str, Callback] = {
        "V": lambda t: (1 - t) ** 2 * a + t**2 * b,
        "V'": lambda t: 2 * t * b - 2 * (1 - t) * a,
        "V''": lambda t: 2 * (a + b) + 0 * t,
    }
    return Witness(box, fields, numbers, functions, at=at, kinds=kinds("p q π0", "v"), name=str(s.case))


def turned(angle: float) -> Callable[[Setting], Witness]:
    """A rotation of the plane."""

    def make(s: Setting) -> Witness:
        c, d = math.cos(angle), math.sin(angle)
        matrix = f64([[c, -d], [d, c]])
        two = torch.randn(4, 2, generator=s.case.random("lines"), dtype=torch.float64)
        fields: dict[str, Any] = {"A": lambda: matrix, "q": Logged(lambda x: log_normal(x, 0 * x, 1.0))}
        at = {"w": two, "t": f64(TIMES)}
        return Witness({"": cube(2, 8.5, 0.6)}, fields, at=at, kinds=kinds("q"), name=f"a turn by {angle:g}")

    return make


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "rectify-preserves-marginals": (Factory(pairs, plane=False), Factory(carried_at_one_time, plane=False)),
    "straight-coupling": (Factory(pairs, plane=False), Factory(along, plane=False)),
    "convex-transport-cost": (Factory(costs, plane=False),) * 2,
    "quadratic-cost-telescopes": (Factory(costs, plane=False),),
    "straightening-rate": (
        Factory(repeated, plane=False, more=(made_up,)),
        Factory(repeated, plane=False, more=(made_up, nothing_left)),
    ),
    "reflow-interpolation": (pointwise(ends), pointwise(ends)),
    "canonical-path-bends": (Factory(two_gaussians), pointwise(two_gaussians), pointwise(two_gaussians)),
    "straight-coupling-not-optimal": (Factory(turned(2.1), plane=False), Factory(turned(2.1), plane=False)),
}
