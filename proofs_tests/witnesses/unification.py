"""Witnesses of the unification: predictions, their conversions, and flows."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from concordant.impl.predictions import Kind, Prediction
from concordant.proofs_tests.bridge.fields import Setting
from concordant.proofs_tests.bridge.values import Callback
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import (
    Factory,
    clean_points,
    functions,
    here,
    kinds,
    mean,
    noise_points,
    pointwise,
)


def predictions(s: Setting) -> Witness:
    """The exact predictions of the implementation."""
    fields: dict[str, Any] = {"p": s.marginal, "q": s.kernel, "p0": s.clean}
    fields |= {"x̂": mean(s, "x0"), "ε̂": mean(s, "epsilon")}
    declared = kinds("p q p0", "x̂ ε̂")
    return Witness(s.boxes, fields, {}, functions(s), at=here(s), kinds=declared, name=str(s.case))


def conjugate(s: Setting) -> Witness:
    """The same, and one path."""
    w = predictions(s)
    at = here(s, x0=clean_points(s), ε=noise_points(s))
    return Witness(w.boxes, w.fields, {}, functions(s), at=at, kinds=w.kinds, name=w.name)


#: The letters of the derivation and the implementation's kinds.
LETTERS: dict[str, Kind] = {"s": "score", "x": "x0", "v": "v", "u": "velocity"}


def two_predictions(s: Setting) -> Witness:
    """Two arbitrary predictions of the noise; the implementation turns them into the other kinds."""
    fields: dict[str, Callback] = {}
    for mark in ("\u0302", "\u0303"):
        noise = s.arbitrary(f"noise{mark}")

        def other(x: Tensor, t: Any, kind: Kind, noise: Callback = noise) -> Tensor:
            return Prediction("epsilon", noise(x)).to(kind, x, s.case.schedule.at(t)).value

        fields["ε" + mark] = lambda x, t, noise=noise: noise(x)
        for letter, kind in LETTERS.items():
            fields[letter + mark] = lambda x, t, kind=kind, other=other: other(x, t, kind)
    declared = kinds("", " ".join(fields))
    return Witness(s.boxes, fields, {}, functions(s), at=here(s), kinds=declared, name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "optimal-predictions": (Factory(predictions),) * 3,
    "probability-flow-in-four-parametrisations": (Factory(predictions),) * 3,
    "conjugate-flows": (pointwise(conjugate),) * 3,
    "loss-weights": (pointwise(two_predictions),) * 4,
}
