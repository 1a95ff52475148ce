"""Witnesses of differential equations: the flow of the exact velocity, and steps along it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64
from concordant.proofs_tests.arbitrary import wave
from concordant.proofs_tests.bridge.fields import Setting, cube, trajectory
from concordant.proofs_tests.bridge.values import Callback
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.witnesses.common import Factory, functions, kinds, level, mean, plane, times
from concordant.proofs_tests.witnesses.sde import along


def one_step(s: Setting) -> dict[str, float]:
    """A step from the setting's time on."""
    return {"t0": s.t, "η": level(s, -0.3) - s.t}


def flow(s: Setting) -> Witness:
    """A trajectory of the exact velocity; y is Euler's step from its start."""
    velocity, start = mean(s, "velocity"), s.points(1)[0]

    def euler(t: Tensor) -> Tensor:
        ends = [calculus.euler(velocity, start, f64([s.t, float(u)])) for u in t.reshape(-1)]
        return torch.stack(ends).reshape(*t.shape, -1)

    curves: dict[str, Callback] = {"z": trajectory(velocity, start, s.t), "y": euler}
    at = {"t": times(s)}
    return Witness(s.boxes, {"v": velocity}, one_step(s), functions(s), curves, at, kinds("", "v"), name=str(s.case))


def backwards(s: Setting) -> Witness:
    """The same on the other clock."""
    end = s.case.schedule.T
    w = flow(s)
    return replace(w, constants={"T": end}, at={"τ": end - times(s), "t": times(s)})


def semilinear(s: Setting) -> Witness:
    """The probability flow: its linear part is the schedule's α'/α, the rest N = -½ g² ∇log p."""
    clock, score = s.case.schedule, mean(s, "score")

    def rest(x: Tensor, t: Any) -> Tensor:
        made: Tensor = -clock.g2(f64(t))[..., None] / 2 * score(x, t)
        return made

    def factor(start: Tensor, end: Tensor) -> Tensor:
        """exp ∫ f from `start` to `end`, by quadrature."""
        nodes, weights = calculus.gauss(f64(0.0), f64(1.0))
        length = (f64(end) - f64(start))[..., None]
        made: Tensor = torch.exp((length * weights * clock.f(f64(start)[..., None] + length * nodes)).sum(-1))
        return made

    at = {"t": times(s), "u": f64(level(s, -0.2)), "s": f64(s.t)}
    return replace(flow(s), fields={"N": rest, "E": factor}, at=at)


def two_trajectories(s: Setting, tight: bool = False) -> Witness:
    """Two trajectories of a field, and α = exp ∫ L for an L that is enough for them (`tight`: for v = -L x, just enough)."""
    points = s.points(2)
    arbitrary, rate = wave("v", s.dimension), 0.71 if tight else 6.0

    def field(x: Tensor, t: Any) -> Tensor:
        made: Tensor = -0.7 * x if tight else arbitrary(x)
        return made

    curves = {name: trajectory(field, point, s.t) for name, point in zip("zy", points, strict=True)}
    given = {"α": lambda t: torch.exp(rate * f64(t))}
    at = {"t": times(s)}
    return Witness(s.boxes, {"v": field}, {}, given, curves, at, kinds("", "v"), name=str(s.case))


def tightly(case: Case) -> Witness:
    return two_trajectories(Setting(case.line()), tight=True)


def tightly_in_the_plane(case: Case) -> Witness:
    return two_trajectories(Setting(plane().under(case.schedule)), tight=True)


def linear_field(s: Setting) -> Witness:
    """A matrix that is not symmetric, and a source that depends on time alone."""
    matrix = wave("A", s.dimension, rank=2)(torch.ones(1, s.dimension, dtype=torch.float64))[0]
    phase = torch.linspace(0.3, 1.2, s.dimension, dtype=torch.float64)

    def source(t: Any) -> Tensor:
        u = f64(t)[..., None]
        return torch.sin(2 * u + phase) + phase * u**3

    box = {"": cube(s.dimension, 1.0, 0.5)}
    at = {"x": s.points(), "t": times(s)}
    fields: dict[str, Callback] = {"A": lambda: matrix, "u": source}
    return Witness(box, fields, {"t0": 0.2, "η": 0.7}, at=at, name=str(s.case))


def density_along(s: Setting) -> Witness:
    """The exact density along the flow."""
    return replace(along(s), constants=one_step(s), at={"x": s.points(), "t": times(s)})


def field_along(s: Setting) -> Witness:
    """An arbitrary field along the flow."""
    w, field = flow(s), s.arbitrary("f")
    return replace(w, fields={**w.fields, "f": field}, kinds=kinds("", "v f k"))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "trajectories-do-not-meet": (Factory(two_trajectories, more=(tightly, tightly_in_the_plane)),),
    "integrating-factor": (Factory(semilinear),) * 3,
    "variation-of-constants": (Factory(semilinear),),
    "backward-integration": (Factory(backwards),),
    "euler-local-error": (Factory(flow),),
    "heun-local-error": (Factory(flow),),
    "runge-kutta-four": (Factory(linear_field, most=5), Factory(linear_field, most=5), Factory(linear_field)),
    "log-density-after-a-step": (Factory(density_along),),
    "field-after-a-step-of-the-flow": (Factory(field_along), Factory(field_along)),
}
