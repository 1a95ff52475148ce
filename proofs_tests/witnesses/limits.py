"""Witnesses of single steps and of chains: their kernels, the density after a step, and the step back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.schedules import Schedule, VarianceExploding, VariancePreserving
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import Gaussian
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.bridge.fields import Setting, cube
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import (
    Factory,
    Make,
    clean_points,
    finer,
    kinds,
    level,
    mean,
    noise_points,
    pointwise,
    times,
)


# ------------------------------------------------------------------------------------------------ chains
def between(twin: type[VarianceExploding] | type[VariancePreserving]) -> Make:
    """The implementation's transitions of the schedule's twin, at whose scale the chain is."""

    def make(s: Setting) -> Witness:
        clock = twin(s.case.schedule)
        process = LinearSDE(clock)

        def log(x: Tensor, y: Tensor, before: Tensor, after: Tensor) -> Tensor:
            ratio, added = process.transition(f64(before), f64(after))
            return log_normal(x, ratio[..., None] * y, added.sqrt())

        early = f64([level(s, by) for by in (0.9, 0.8, 0.7, 0.6)])
        y = clean_points(s)
        at = {"x": y + noise_points(s), "y": y, "s": early, "t": times(s)}
        box = {"": cube(s.dimension, 1.0, 0.5)}
        fields = {"k": Logged(log)}
        return Witness(box, fields, {"β": 0.3}, _rates(clock), at=at, kinds=kinds("k"), name=f"{clock.name}")

    return make


def _rates(clock: Schedule) -> dict[str, Callback]:
    return {
        "α": clock.alpha,
        "σ": clock.sigma,
        "α'": clock.d_alpha,
        "σ'": clock.d_sigma,
        "g": lambda t: clock.g2(t).sqrt(),
        "B": lambda t: -2 * clock.f(t),
    }


# ------------------------------------------------------------------------------------------------ one step
NOISE = 0.8


def euler_step(s: Setting) -> Witness:
    """The kernel of a step of the implementation's from p_t, with a drift that is not linear; what follows is as defined."""
    drift = s.arbitrary("f")

    def log(x: Tensor, y: Tensor, h: Tensor) -> Tensor:
        h = f64(h)
        return log_normal(x, y + h[..., None] * drift(y), h.sqrt() * NOISE)

    y = s.points()
    at = {"x": y + 0.4 * noise_points(s), "y": y, "h": f64([0.2, 0.3, 0.4, 0.5])}
    boxes = {"": finer(s.boxes[""], 0.3)}
    fields: dict[str, Any] = {"k": Logged(log), "f": drift, "p": Logged(lambda x: s.at(s.t).log_prob(x))}
    return Witness(boxes, fields, {"ς": NOISE}, at=at, kinds=kinds("k p m", "f u"), name=str(s.case))


def step_back(s: Setting) -> Witness:
    """The implementation's drift and score at x_{t+h}."""
    process, score = LinearSDE(s.case.schedule), mean(s, "score")
    fields: dict[str, Any] = {"f": lambda y: process.drift(y, f64(s.t)) + 0.3, "s": lambda y: score(y)}
    y = s.points()
    at = {"x": y + 0.3 * noise_points(s), "y": y}
    return Witness(s.boxes, fields, {"h": 0.2, "ς": NOISE}, at=at, kinds=kinds("", "f s"), name=str(s.case))


def gaussian_step(s: Setting) -> Witness:
    """Gaussian data as they are at time t; the step's scale and noise are a bare noise level, and r the oracle's posterior."""
    c, f, h = 0.7, -0.6, 0.25
    centre = torch.linspace(0.4, -0.9, s.dimension, dtype=torch.float64)
    a, deviation = f64(1 + f * h), f64(NOISE * h**0.5)
    data = Gaussian(centre, c**2)
    later = data.at_level(a, deviation)
    x = centre + c * noise_points(s, "x")
    y = a * x + deviation * noise_points(s, "y")
    fields: dict[str, Any] = {
        "m": lambda: centre,
        "n": Logged(lambda x: log_normal(x, centre, c)),
        "k": Logged(lambda y, x: log_normal(y, a * x, deviation)),
        "o": Logged(later.log_prob),
        "r": Logged(lambda x, y: later.reverse(y).log_prob(x)),
    }
    numbers = {"c": c, "ϑ": f, "h": h, "ς": NOISE}
    box = {"": cube(s.dimension, 8.0, 0.2)}
    return Witness(box, fields, numbers, at={"x": x, "y": y}, kinds=kinds("n k o r", "m"), name="a Gaussian")


def ddpm_step(s: Setting) -> Witness:
    """A point and a noise; β and ᾱ of no schedule."""
    at = {"x": s.points(), "ε": noise_points(s)}
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, {}, {"β": 0.3, "ā": 0.6}, at=at, name=str(s.case))


EXPLODING, PRESERVING = between(VarianceExploding), between(VariancePreserving)

WITNESSES: dict[str, tuple[Factory, ...]] = {
    "ncsn-increments": (Factory(EXPLODING, plane=False), pointwise(EXPLODING)),
    "ddpm-steps": (Factory(PRESERVING, plane=False), pointwise(PRESERVING), Factory(PRESERVING, plane=False)),
    "one-step-gaussian-kernel": (pointwise(euler_step),),
    "fokker-planck-from-steps": (Factory(euler_step),),
    "reverse-kernel-by-bayes": (pointwise(step_back),),
    "gaussian-reverse-kernel": (
        pointwise(gaussian_step),
        Factory(gaussian_step, plane=False),
        pointwise(gaussian_step),
    ),
    "ddpm-and-euler-maruyama": (pointwise(ddpm_step), Factory(ddpm_step, plane=False)),
}
