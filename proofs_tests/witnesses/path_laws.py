"""Witnesses of laws of paths: Euler-Maruyama chains of arbitrary drifts, and pairs of conditional densities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.paths import log_transition
from concordant.proofs_tests.bridge.fields import Setting, conditional, cube
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.witnesses.common import Factory, about, joined, kinds, noise_points

STEP, DIFFUSION = 0.2, 0.9


def one_step(drift: Callback) -> Logged:
    """The implementation's density of a step from y to x, in the k-th step."""

    def log(x: Tensor, y: Tensor, k: Any) -> Tensor:
        return log_transition(x, y, drift(y, k), f64(DIFFUSION), f64(STEP))

    return Logged(log)


def two_chains(s: Setting) -> Witness:
    """Paths of three steps that are neither chain's, the drifts of both arbitrary and different in every step."""
    first, second = s.arbitrary("f"), s.arbitrary("e")
    path = {k: noise_points(s, f"step {k}") for k in range(4)}
    fields: dict[str, Any] = {"f": first, "e": second, "q": one_step(first), "r": one_step(second)}
    at = {"w": path, "n": [1, 3], "y": path[0], "k": [1, 2]}
    width = DIFFUSION * STEP**0.5
    centres = torch.cat([path[0] + STEP * drift(path[0], f64(k)) for drift in (first, second) for k in (1, 2)])
    constants = {"η": STEP, "γ": DIFFUSION}
    box = {"": about(centres, width)}
    return Witness(box, fields, constants, at=at, kinds=kinds("q r", "f e"), name=str(s.case))


def two_scores(s: Setting) -> Witness:
    """One step of two reverse processes, from two densities: those of x_t and of the matched Gaussian at another time."""
    drift, score, model = (s.arbitrary(name) for name in "bsd")

    def with_score(field: Callback) -> Callback:
        return lambda y, k: drift(y, k) + DIFFUSION**2 * field(y, k)

    other = Setting(s.case.gaussian(), s.lam - 0.3)
    fields: dict[str, Any] = {"b": drift, "s": score, "d": model, "m": s.marginal, "l": other.marginal}
    fields |= {"q": one_step(with_score(score)), "r": one_step(with_score(model))}
    y = s.points()
    centres = torch.cat([y + STEP * with_score(field)(y, f64(1)) for field in (score, model)])
    box = {"": about(centres, DIFFUSION * STEP**0.5)}
    constants = {"η": STEP, "γ": DIFFUSION}
    return Witness(box, fields, constants, at={"y": y, "k": [1]}, kinds=kinds("m l q r", "b s d"), name=str(s.case))


def joint_with_scores(s: Setting) -> Witness:
    """The same over all y."""
    w = two_scores(s)
    other = Setting(s.case.gaussian(), s.lam - 0.3)
    starts = joined(s.boxes[""], other.boxes[""])
    edges = f64([starts.low, starts.high])
    reach = torch.cat([edges, 4 * edges])
    return replace(w, boxes={"y": starts, "": joined(about(reach, DIFFUSION * STEP**0.5), w.boxes[""])}, at={"k": [1]})


def two_joints(s: Setting) -> Witness:
    """Two densities of y, and two of x given y."""
    other = Setting(s.case.gaussian(), s.lam - 0.3)
    fields = {
        "p": s.marginal,
        "l": other.marginal,
        "q": conditional("q", s.dimension),
        "r": conditional("r", s.dimension),
    }
    boxes = {"y": joined(s.boxes[""], other.boxes[""]), "": cube(s.dimension, 16.0, 0.45)}
    return Witness(boxes, fields, kinds=kinds("p l q r"), name=str(s.case))


def equal_conditionals(case: Case) -> Witness:
    """Where the bound is tight: one and the same density of x given y."""
    w = two_joints(Setting(case.line()))
    return replace(w, fields={**w.fields, "r": w.fields["q"]}, name=f"{w.name}, tight")


def two_step_model(s: Setting) -> Witness:
    """A noising chain and a model, all arbitrary."""
    names = ("q", "r", "b", "c")
    fields: dict[str, Any] = {name: conditional(name, s.dimension) for name in names}
    fields["m"] = conditional("m", s.dimension, points=1)
    box = {"": cube(s.dimension, 9.0, 0.4)}
    return Witness(box, fields, at={"x0": s.points()}, kinds=kinds("q r b c m"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "girsanov": (Factory(two_chains, most=5), Factory(two_chains, most=5), Factory(two_chains)),
    "path-divergence": (Factory(two_scores), Factory(joint_with_scores, plane=False)),
    "paths-and-marginals": (Factory(two_joints, plane=False, more=(equal_conditionals,)),),
    "likelihood-by-reweighting": (Factory(two_step_model, plane=False),),
}
