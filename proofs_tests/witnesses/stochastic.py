"""Witnesses of Brownian motion and linear SDEs: increments, stochastic integrals, solutions, covariances."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.paths import log_transition
from concordant.impl.schedules import schedule
from concordant.impl.sde import LinearSDE
from concordant.proofs_tests.bridge.fields import Setting, box_around, cube
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.calculus import ito
from concordant.proofs_tests.witnesses.common import (
    Factory,
    about,
    any_diffusion,
    finer,
    functions,
    kinds,
    level,
    mean,
    pointwise,
    times,
)
from concordant.proofs_tests.witnesses.sde import kernels

STEP = 0.3


# ------------------------------------------------------------------------------------------------ increments
def increments(s: Setting) -> Witness:
    """One step of the implementation without drift."""
    density = Logged(lambda y: log_transition(y, 0 * y, 0 * y, f64(1.0), f64(STEP)))
    width = math.sqrt(STEP)
    box = {"": cube(s.dimension, 9 * width, 0.6 * width)}
    return Witness(box, {"q": density}, {"η": STEP}, kinds=kinds("q"), name=str(s.case))


def step_of_noise(s: Setting) -> Witness:
    """Standard normal noise, and an arbitrary drift."""
    density = Logged(lambda z: log_transition(z, 0 * z, 0 * z, f64(1.0), f64(1.0)))
    fields: dict[str, Any] = {"q": density, "f": s.arbitrary("f")}
    box = {"": cube(s.dimension, 9.0, 0.6)}
    at = {"x": s.points()}
    return Witness(box, fields, {"η": STEP, "γ": 0.8}, at=at, kinds=kinds("q", "f"), name=str(s.case))


# ------------------------------------------------------------------------------------------------ stochastic integrals
def spreading(s: Setting) -> Witness:
    """The exact densities under a schedule without drift."""
    clock = schedule("edm" if s.case.schedule.name == "edm" else "ve")
    still = Setting(s.case.under(clock), s.lam)
    start, widest = still.case.level(still.t / 50)[1], still.sigma
    narrowest = math.sqrt(float(s.case.target.spectrum.min()) + start**2)
    boxes = {"": box_around(s.case.target, 1.0, widest, narrowest)}

    def log(x: Tensor, t: Any) -> Tensor:
        made: Tensor = still.marginal.log(x, f64(t) + still.t / 50)
        return made

    centre = 0.3 + torch.linspace(-0.2, 0.5, s.dimension, dtype=torch.float64)
    given: dict[str, Callback] = {"g": lambda t: LinearSDE(clock).diffusion(f64(t) + still.t / 50)}
    constants = {"T": still.t * 49 / 50}
    fields: dict[str, Any] = {"p": Logged(log), "φ": still.test_function("φ"), "a": lambda: centre}
    at = {"t": still.t / 2}
    return Witness(boxes, fields, constants, given, at=at, kinds=kinds("p"), name=str(still.case))


def two_processes(s: Setting) -> Witness:
    """Two points, two drifts, two diffusions, and one noise."""
    w = ito(s)
    x = w.at["x"]
    fields = {**w.fields, "f": s.arbitrary("f"), "e": s.arbitrary("e")}
    given: dict[str, Callback] = {"b": any_diffusion, "ĉ": lambda t: 0.5 + 0.3 * torch.cos(f64(t))}
    return replace(w, fields=fields, functions=given, at={**w.at, "y": x.flip(-1) * 0.7 + 0.4})


def scaled_process(s: Setting) -> Witness:
    """The schedule's linear SDE."""
    return replace(ito(s), functions=functions(s))


def solved_moments(s: Setting) -> Witness:
    """P is the schedule's variance with that of a spread start, m its mean."""
    clock = s.case.schedule
    given = functions(s) | {
        "M": lambda t: 1.3 * clock.alpha(f64(t)),
        "P": lambda t: clock.sigma(f64(t)) ** 2 + 0.4 * clock.alpha(f64(t)) ** 2,
    }
    constants = {"t0": level(s, 0.6), "T": s.t}
    box = {"": cube(s.dimension, 1.0, 0.5)}
    return Witness(box, {}, constants, given, at={"t": times(s)}, name=str(s.case))


# ------------------------------------------------------------------------------------------------ Gaussians
def two_times(s: Setting) -> Witness:
    """The kernels to two times; boxes about the means of both for the points x0 that there are."""
    w = kernels(s)
    x0, c = w.at["x0"], w.constants
    own, step = c["σ_s"], math.sqrt(c["σ_t"] ** 2 - (c["α_t"] / c["α_s"] * c["σ_s"]) ** 2)
    boxes = {"y": about(c["α_s"] * x0, own), "x": finer(about(c["α_t"] * x0, c["σ_t"]), step)}
    return replace(w, boxes={"": boxes["x"], **boxes})


def gaussian(s: Setting) -> Witness:
    """The exact law of x_t for Gaussian data of full covariance."""
    law, d = s.case.as_gaussian, s.dimension
    one = Setting(s.case.gaussian(), s.lam) if d > 1 or s.case.target.components > 1 else s
    covariance = s.alpha**2 * law.covariance + s.sigma**2 * torch.eye(d, dtype=torch.float64)
    precision, centre = torch.linalg.inv(covariance), s.alpha * law.mean
    precision = (precision + precision.mT) / 2
    constant = -(float(torch.linalg.slogdet(covariance)[1]) + d * math.log(2 * math.pi)) / 2
    fields: dict[str, Any] = {"q": Logged(lambda x: one.marginal.log(x)), "A": lambda: precision, "μ": lambda: centre}
    at = {"x": one.points()}
    return Witness(one.boxes, fields, {"C": constant}, at=at, kinds=kinds("q"), name=str(one.case))


def data_and_solver(s: Setting) -> Witness:
    """The exact DDIM step from the setting's time to an earlier one."""
    a, sigma = s.case.level(level(s, 0.8))
    data, noise = mean(s, "x0"), mean(s, "epsilon")
    fields: dict[str, Any] = {"q": s.kernel, "p0": s.clean, "p": s.marginal, "m": data}
    fields["u"] = lambda x: a * data(x) + sigma * noise(x)
    numbers = {"α_s": a, "α_t": s.alpha, "σ_s": sigma, "σ_t": s.sigma}
    at = {"x": s.points()}
    return Witness(s.boxes, fields, numbers, at=at, kinds=kinds("q p0 p", "m u"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "brownian-increments": (Factory(increments),) * 5,
    "euler-maruyama-step": (Factory(step_of_noise),) * 2,
    "ito-isometry": (Factory(spreading),),
    "square-of-brownian-motion": (Factory(ito),),
    "ito-product-rule": (Factory(two_processes),),
    "linear-sde-solution": (Factory(scaled_process), Factory(solved_moments), Factory(solved_moments)),
    "two-time-covariance": (Factory(two_times),),
    "gaussian-score": (pointwise(gaussian),),
    "exact-step-is-centred": (Factory(data_and_solver),),
}
