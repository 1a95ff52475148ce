"""Witnesses of changes of variables: along a flow, layer by layer, by determinants, and of what a neural ODE's gradient is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from concordant.impl import normalizing_flows as flows
from concordant.impl.batch import f64
from concordant.proofs_tests.bridge.fields import Setting, cube
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import Factory, here, kinds, level, pointwise
from concordant.proofs_tests.witnesses.sde import along, whole_way

TIMES = f64([0.3, 0.45, 0.6, 0.8])


@dataclass(frozen=True)
class Bent:
    """The flow of dx/dt = c √(1 + x²), coordinate by coordinate after a rotation: x(t) = sinh(asinh y + c t)."""

    dimension: int

    @cached_property
    def turn(self) -> Tensor:
        random = torch.Generator().manual_seed(self.dimension)
        square = torch.randn(self.dimension, self.dimension, generator=random, dtype=torch.float64)
        turn: Tensor = torch.linalg.qr(square)[0]
        return turn

    @cached_property
    def speed(self) -> Tensor:
        return 0.7 - 0.9 * torch.arange(self.dimension, dtype=torch.float64) / (1 + self.dimension)

    def map(self, y: Tensor, t: Any) -> Tensor:
        """Ψ_t(y)."""
        return torch.sinh(torch.asinh(y @ self.turn) + f64(t)[..., None] * self.speed) @ self.turn.T

    def back(self, x: Tensor, t: Any) -> Tensor:
        """Ψ_t⁻¹(x)."""
        return self.map(x, -f64(t))

    def velocity(self, x: Tensor, t: Any = 0.0) -> Tensor:
        return (self.speed * (1 + (x @ self.turn) ** 2).sqrt()) @ self.turn.T

    def grown(self, x: Tensor, t: Any) -> Tensor:
        """log|det ∂Ψ_t| at the point that comes to x."""
        ends = [(1 + (v @ self.turn) ** 2).log().sum(-1) / 2 for v in (x, self.back(x, t))]
        return ends[0] - ends[1]

    def diagonal(self, of: Tensor) -> Tensor:
        """The matrix that has these entries (..., D) along the axes of the flow."""
        return torch.einsum("ij,...j,kj->...ik", self.turn, of, self.turn)


# ------------------------------------------------------------------------------------------------ along a flow
def bent(s: Setting) -> Witness:
    """The law at the setting's time is bent by a flow; ρ is the implementation's change of variables."""
    flow, start = Bent(s.dimension), s.at(s.t)

    def carried(x: Tensor, t: Any) -> Tensor:
        return flows.change_of_variables(start.log_prob, lambda y: flow.back(y, t), x)

    fields: dict[str, Any] = {
        "v": flow.velocity,
        "h": Logged(lambda x, t: start.log_prob(flow.back(x, t))),
        "c": flow.grown,
        "ρ": Logged(carried),
    }
    at = {"x": s.points(), "t": TIMES}
    return Witness(s.boxes, fields, at=at, kinds=kinds("ρ h", "v c"), name=str(s.case))


def jacobian(s: Setting) -> Witness:
    """A trajectory of the same flow, its derivative J in where it starts, and the inverse K."""
    flow, y = Bent(s.dimension), s.points(1)[0]
    first = (1 + (y @ flow.turn) ** 2).sqrt()

    def stretch(t: Tensor) -> Tensor:
        return (1 + (flow.map(y, t) @ flow.turn) ** 2).sqrt() / first

    fields: dict[str, Any] = {
        "v": flow.velocity,
        "J": lambda t: flow.diagonal(stretch(t)),
        "K": lambda t: flow.diagonal(1 / stretch(t)),
        "ℓ": lambda t: torch.linalg.slogdet(flow.diagonal(stretch(t)))[1],
    }
    curves = {"z": lambda t: flow.map(y, t)}
    at = {"x": s.points(), "t": TIMES}
    return Witness(s.boxes, fields, curves=curves, at=at, kinds=kinds("", "v"), name=str(s.case))


# ------------------------------------------------------------------------------------------------ determinants
def planar(s: Setting) -> Witness:
    """The rank-one change of a planar layer of the implementation, at a point."""
    random = s.case.random("planar")
    u, w = (torch.randn(s.dimension, generator=random, dtype=torch.float64) for _ in range(2))
    u = u * (0.6 / math.sqrt(s.dimension))
    layer = flows.Planar(u if float(u @ w) > 0 else -u, w, 0.3)
    bend = flows.jacobian(layer, s.points(1)[0]) - torch.eye(s.dimension, dtype=torch.float64)
    slope = bend @ w / (w @ w)  # tanh' u

    def determinant(t: Any) -> Tensor:
        eye = torch.eye(s.dimension, dtype=torch.float64)
        value: Tensor = torch.linalg.slogdet(eye + f64(t)[..., None, None] * bend)[1]
        return value

    fields: dict[str, Any] = {"u": lambda: slope, "w": lambda: w, "e": determinant}
    return Witness(
        {"": cube(s.dimension, 1.0, 0.5)}, fields, at={"s": TIMES}, kinds=kinds("", "u w e m"), name=str(s.case)
    )


def residual(s: Setting) -> Witness:
    """A is the derivative of a residual layer at a point."""
    field = s.arbitrary("residual")
    a = 0.5 * flows.jacobian(field, s.points(1)[0])
    eye = torch.eye(s.dimension, dtype=torch.float64)

    def larger(t: Any) -> Tensor:
        return eye + f64(t)[..., None, None] * a

    def primitive(k: Any, t: Any) -> Tensor:
        return -((-f64(t)) ** int(k)) / int(k) if int(k) else 1 + f64(t).log()  # of 1/s, where a bound is off

    fields: dict[str, Any] = {
        "A": lambda: a,
        "M": lambda k: torch.linalg.matrix_power(a, int(k)),
        "c": lambda k, t: (-f64(t)) ** int(k),
        "b": primitive,
        "R": lambda t: torch.linalg.solve(larger(t), a.expand_as(larger(t))),
        "e": lambda t: torch.linalg.slogdet(larger(t))[1],
    }
    at = {"s": TIMES, "n": [1, 2, 4]}
    return Witness(
        {"": cube(s.dimension, 1.0, 0.5)}, fields, at=at, kinds=kinds("", " ".join(fields)), name=str(s.case)
    )


# ------------------------------------------------------------------------------------------------ layers
def layers(s: Setting) -> Witness:
    """Four bent layers; densities are the implementation's, each made from the one before it."""
    flow, start, count = Bent(s.dimension), s.at(s.t), 4
    clocks = [0.3 + 0.2 * k for k in range(count)]

    def log(k: Any, x: Tensor) -> Tensor:
        if int(k) == 0:
            return start.log_prob(x)
        return flows.change_of_variables(lambda y: log(int(k) - 1, y), lambda y: flow.back(y, clocks[int(k) - 1]), x)

    def grown(k: Any, x: Tensor) -> Tensor:
        return flows.log_det(lambda y: flow.map(y, clocks[int(k) - 1]), x)

    path = {0: s.points()}
    for k in range(count):
        path[k + 1] = flow.map(path[k], clocks[k])
    fields: dict[str, Any] = {"p": Logged(log), "c": grown}
    at = {"w": path, "n": [1, 2, 3]}
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, fields, at=at, kinds=kinds("p", "c"), name=str(s.case))


# ------------------------------------------------------------------------------------------------ neural ODEs
def other_clock(s: Setting) -> Witness:
    """The exact velocity and the implementation's divergence, at the times T - τ."""
    w, later = along(s), level(s, -0.6)
    return replace(w, constants={"T": later}, at=here(s, τ=later - w.at["t"]))


def sensitivities(s: Setting) -> Witness:
    """The bent flow with its speed as parameter φ: δ = ∂x/∂φ, an adjoint, and b = ∂v/∂φ, at a trajectory."""
    flow, y = Bent(s.dimension), s.points(1)[0]
    final = torch.linspace(1.0, -0.6, s.dimension, dtype=torch.float64)

    def root(t: Any) -> Tensor:
        return (1 + (flow.map(y, t) @ flow.turn) ** 2).sqrt()

    def turned(of: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
        return lambda t: of(t) @ flow.turn.T

    fields: dict[str, Any] = {
        "d": turned(lambda t: (0.2 + f64(t)[..., None]) * flow.speed * root(t)),
        "a": turned(lambda t: final / root(t)),
        "b": turned(lambda t: flow.speed * root(t)),
        "J": lambda t: flow.diagonal(flow.speed * (flow.map(y, t) @ flow.turn) / root(t)),
    }
    at = {"t": TIMES}
    return Witness(
        {"": cube(s.dimension, 1.0, 0.5)}, fields, {"T": 0.9}, at=at, kinds=kinds("", "d a b J"), name=str(s.case)
    )


def layer(s: Setting) -> Witness:
    """One layer of a residual network with the exact velocity, between two times."""
    w = along(s)
    return replace(w, constants={"a₁": level(s, 0.3), "b₁": level(s, -0.3)}, at={"t": w.at["t"]})


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "change-of-variables-along-a-flow": (pointwise(bent), pointwise(bent), pointwise(jacobian)),
    "planar-determinant": (pointwise(planar),) * 3,
    "trace-series-with-remainder": (pointwise(residual),) * 2,
    "composed-layers": (pointwise(layers),),
    "node-likelihood": (Factory(whole_way, plane=False), pointwise(other_clock)),
    "adjoint-sensitivity": (pointwise(sensitivities),) * 2,
    "residual-layer-is-an-euler-step": (Factory(layer),),
}
