"""Witnesses of solvers."""

from __future__ import annotations

from concordant.proofs_tests.bridge.fields import Setting, trajectory
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import Factory, functions, here, kinds, level, mean, pointwise


def ddim(s: Setting) -> Witness:
    """The exact predictions at the setting's time, a step to a time before it, and a trajectory of the exact velocity."""
    a, sigma = s.case.level(level(s, 0.8))
    fields = {"d": mean(s, "x0"), "e": mean(s, "epsilon")}
    numbers = {"α_s": a, "α_t": s.alpha, "σ_s": sigma, "σ_t": s.sigma}
    curves = {"z": trajectory(mean(s, "velocity"), s.points(1)[0], s.t)}
    return Witness(s.boxes, fields, numbers, functions(s), curves, here(s), kinds("", "d e"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {"ddim-is-euler": (pointwise(ddim), Factory(ddim))}
