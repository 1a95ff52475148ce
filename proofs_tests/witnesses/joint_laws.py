"""Witnesses of whole processes: two clocks, steps without drift, joint laws of the reverse family, a wrong prior."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl import joint_laws
from concordant.impl.batch import f64
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import Gaussian, GaussianMixture
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.bridge.fields import Setting, box_around, trajectory
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.calculus import evolution
from concordant.proofs_tests.witnesses.common import (
    Factory,
    finer,
    functions,
    kinds,
    level,
    mean,
    noise_points,
    one_time,
    pointwise,
    times,
)

KAPPA, WIDTH = 0.7, 0.8


def legs(s: Setting) -> Witness:
    """A trajectory of the exact velocity, at three times after one another."""
    velocity = mean(s, "velocity")
    curves = {"z": trajectory(velocity, s.points(1)[0], s.t)}
    at = {name: f64([s.case.time(s.lam + by)]) for name, by in (("s", 0.3), ("t", 0.0), ("u", -0.3))}
    return Witness(s.boxes, {"v": velocity}, curves=curves, at=at, kinds=kinds("", "v"), name=str(s.case))


def clocks(s: Setting) -> Witness:
    """The exact p under a drift that is not linear, on both clocks."""
    w, end = evolution(s), s.case.schedule.T
    return replace(w, constants={"T": end}, at={**w.at, "τ": end - times(s)})


def step(s: Setting) -> Witness:
    """A step of the implementation's reverse SDE, without drift: the exact score at points of p_t, and a noise."""
    fields: dict[str, Any] = {"p": Logged(lambda x: s.at(s.t).log_prob(x)), "s": lambda x: mean(s, "score")(x)}
    at = {"x": s.points(), "z": noise_points(s)}
    return Witness(s.boxes, fields, {"h": 0.2, "ς": 0.9}, at=at, kinds=kinds("p", "s"), name=str(s.case))


def reverse(s: Setting) -> Witness:
    """Gaussian data of one width; r is the implementation's transition of the reverse process with γ = κ g, from y at a later
    time, and C its covariance."""
    clock, start = s.case.schedule, level(s, -0.6)
    centre = torch.linspace(0.3, -0.8, s.dimension, dtype=torch.float64)
    alpha, sigma = s.case.level(start)
    spread = alpha**2 * WIDTH**2 + sigma**2
    mu = alpha * centre + 0.2  # any law of y will do

    def log(x: Tensor, y: Tensor, tau: Any) -> Tensor:
        when = clock.T - f64(tau)
        middle, left = joint_laws.transition(clock, centre, WIDTH**2, y, when, start, KAPPA)
        return log_normal(x, middle, left.sqrt())

    def kept(t: Tensor) -> Tensor:
        return joint_laws.covariance(clock, WIDTH**2, f64(t), f64(start), KAPPA).log()

    fields: dict[str, Any] = {
        "r": Logged(log),
        "π0": Logged(lambda y: log_normal(y, mu, spread**0.5)),
        "C": Logged(kept),
    }
    fields |= {"m": lambda: centre, "μ": lambda: mu}
    now = s.case.level(s.t)
    data = Gaussian(centre, WIDTH**2)
    narrow = float(joint_laws.transition(clock, centre, WIDTH**2, centre, s.t, start, KAPPA)[1].sqrt())
    width = (now[0] ** 2 * WIDTH**2 + now[1] ** 2) ** 0.5
    boxes = {
        "x": box_around(data, *now, min(narrow, width)),
        "": box_around(data, alpha, (sigma**2 + 0.1) ** 0.5, 0.5 * narrow),
    }
    numbers = {"κ": KAPPA, "c": WIDTH, "T": clock.T, "α_t": alpha, "V_t": spread}
    at = {"τ": f64(clock.T - s.t), "t": times(s)}
    return Witness(
        boxes, fields, numbers, functions(s), at=at, kinds=kinds("r π0", "m μ"), name=str(s.case.schedule.name)
    )


def two_laws(s: Setting) -> Witness:
    """Two laws of one forward process: the case's, and that of other data."""
    process = LinearSDE(s.case.schedule)
    other = Setting(replace(s.case, target=_other(s.case.target)), s.lam)
    fields: dict[str, Any] = {"p": s.marginal, "q": other.marginal}
    fields["f"] = lambda x, t: process.drift(x, one_time(t))
    box = finer(box_around(s.case.target, s.alpha, s.sigma, min(s.sigma, 1.0)), 0.5 * s.sigma)
    at = {"τ": f64(s.t)}
    rates = {"γ": functions(s)["g"]}
    return Witness({"": box}, fields, {}, rates, at=at, kinds=kinds("p q", "f"), name=str(s.case))


def _other(target: GaussianMixture) -> GaussianMixture:
    """Fewer components, all wider, moved a little."""
    keep = target.select([0])
    return GaussianMixture(
        [1.0], 0.7 * keep.means + 0.2, keep.covariances + 0.5 * torch.eye(target.dimension, dtype=torch.float64)
    )


def two_flows(s: Setting) -> Witness:
    """Two laws carried by one flow, x_i ↦ sinh(arsinh x_i + τ): its velocity √(1 + x_i²) has no constant divergence."""

    def moved(target: GaussianMixture) -> Logged:
        law = target.at_level(f64(s.alpha), f64(s.sigma))

        def log(x: Tensor, tau: Any) -> Tensor:
            before = torch.asinh(x) - f64(tau)[..., None]
            stretch = before.cosh().log() - (1 + x**2).log() / 2
            return law.log_prob(before.sinh()) + stretch.sum(-1)

        return Logged(log)

    fields: dict[str, Any] = {"p": moved(s.case.target), "q": moved(_other(s.case.target))}
    fields["f"] = lambda x, tau: (1 + x**2).sqrt()
    box = finer(box_around(s.case.target, 1.3 * s.alpha, 1.3 * s.sigma, min(s.sigma, 1.0)), 0.5 * s.sigma)
    return Witness({"": box}, fields, at={"τ": f64(0.2)}, kinds=kinds("p q", "f"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "flow-maps-compose": (pointwise(legs),) * 2,
    "reverse-drift-on-two-clocks": (pointwise(clocks),) * 3,
    "reverse-step-and-langevin": (pointwise(step),) * 3,
    "one-marginal-family-many-joint-laws": (Factory(reverse, plane=False), Factory(reverse, plane=False)),
    "prior-mismatch": (Factory(two_laws), Factory(two_flows)),
}
