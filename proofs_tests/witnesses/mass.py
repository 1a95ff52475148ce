"""Witnesses of mass conservation: exact densities and their velocity, and densities bent by a flow in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from concordant.impl import normalizing_flows as flows
from concordant.impl.batch import f64
from concordant.impl.flow import lipman
from concordant.proofs_tests.bridge.fields import Setting
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.calculus import transport
from concordant.proofs_tests.witnesses.change_of_variables import Bent
from concordant.proofs_tests.witnesses.common import Factory, finer, here, kinds, level, mean, one_time, pointwise


def forwards(s: Setting) -> Witness:
    """The exact density and its velocity."""
    fields: dict[str, Any] = {"ρ": s.marginal, "v": mean(s, "velocity")}
    return Witness(s.boxes, fields, at=here(s), kinds=kinds("ρ", "v"), name=str(s.case))


def two_densities(s: Setting) -> Witness:
    """Two laws, those of two times, bent by one flow."""
    flow = Bent(s.dimension)

    def bent(at: float) -> Logged:
        start: Callable[[Tensor], Tensor] = s.at(at).log_prob
        return Logged(lambda x, t: start(flow.back(x, t)) - flow.grown(x, t))

    fields: dict[str, Any] = {"p": bent(s.t), "ρ": bent(level(s, -0.5)), "v": flow.velocity}
    curves = {"z": lambda t: flow.map(s.points(1)[0], t)}
    at = {"x": s.points(), "t": f64([0.3, 0.45, 0.6, 0.8])}
    return Witness(s.boxes, fields, {"T": 0.9}, {}, curves, at, kinds("p ρ", "v"), str(s.case))


def tested(s: Setting) -> Witness:
    """The exact density, its velocity and a test function."""
    w = transport(s)
    fields: dict[str, Any] = {"p": s.marginal, "v": mean(s, "velocity"), "φ": s.test_function("φ")}
    box = s.boxes[""]  # made finer: the test function is as narrow as the density
    return replace(w, boxes={"": finer(box, box.spacing)}, fields=fields, at={"t": s.t}, kinds=kinds("p", "v"))


def back_from_noise(s: Setting) -> Witness:
    """ρ is the exact density of a later time T, carried back by the implementation's continuous flow."""
    later = level(s, -0.6)
    velocity = mean(s, "velocity")
    turned = lipman(velocity, later)

    def rho(x: Tensor, tau: Any) -> Tensor:
        flow = flows.ContinuousFlow(turned, 0.0, float(one_time(tau)))
        return flow.log_prob(s.at(later).log_prob, x)

    fields: dict[str, Any] = {"p": s.marginal, "v": velocity, "ρ": Logged(rho)}
    at = {"x": s.points(), "τ": f64(later - s.t), "t": s.t}
    return Witness(s.boxes, fields, {"T": later}, at=at, kinds=kinds("p ρ", "v"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "mass-conservation": (pointwise(forwards), pointwise(two_densities)),
    "weak-continuity-equation": (Factory(tested), Factory(tested)),
    "reverse-pushforward": (Factory(back_from_noise),),
}
