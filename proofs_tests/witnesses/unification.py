"""Witnesses of the unification: predictions, their conversions, and flows."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.predictions import Kind, Prediction
from concordant.impl.schedules import Level, VariancePreserving
from concordant.impl.targets import Marginal
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.bridge.fields import Setting
from concordant.proofs_tests.bridge.values import Callback, Logged
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
    fields |= {"x̂": mean(s, "x0"), "ε̂": mean(s, "epsilon"), "v": mean(s, "v"), "u": mean(s, "velocity")}
    declared = kinds("p q p0", "x̂ ε̂ v u")
    return Witness(s.boxes, fields, {}, functions(s), at=here(s), kinds=declared, name=str(s.case))


def conjugate(s: Setting) -> Witness:
    """The same, and one path."""
    w = predictions(s)
    at = here(s, x0=clean_points(s), ε=noise_points(s))
    return Witness(w.boxes, w.fields, {}, functions(s), at=at, kinds=w.kinds, name=w.name)


def two_processes(s: Setting) -> Witness:
    """One process at the setting's time, and its variance-preserving twin, whose kernel, density and noise are taken at c x."""
    twin = float(VariancePreserving(s.case.schedule).alpha(f64(s.t)))
    numbers = {"α₁": s.alpha, "σ₁": s.sigma, "α₂": twin if abs(twin - s.alpha) > 0.01 else 1.0}
    at = {"x": s.points(), "x0": clean_points(s), "ε": noise_points(s)}
    c, d = f64(numbers["α₂"] / s.alpha), s.dimension
    sigma = f64(s.sigma) * c
    zero = f64(0.0)
    other = Marginal(s.case.target, Level(f64(numbers["α₂"]), sigma, zero, zero, zero))
    fields: dict[str, Any] = {"q1": s.kernel, "p0": s.clean, "p1": s.marginal, "e1": mean(s, "epsilon")}
    fields["q2"] = Logged(lambda x, x0: log_normal(c * x, numbers["α₂"] * x0, sigma))
    fields |= {"p2": Logged(lambda x: other.log_prob(c * x)), "e2": lambda x: other.epsilon(c * x)}
    fields["k"] = Logged(lambda: d * c.log())
    return Witness(s.boxes, fields, numbers, at=at, kinds=kinds("q1 q2 p0 p1 p2", "e1 e2"), name=str(s.case))


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
    "optimal-predictions": (Factory(predictions),) * 7,
    "probability-flow-in-four-parametrisations": (Factory(predictions),) * 4,
    "conjugate-flows": (pointwise(conjugate),) * 4,
    "common-marginals": (*(pointwise(two_processes),) * 2, *(Factory(two_processes),) * 2),
    "loss-weights": (pointwise(two_predictions),) * 4,
}
