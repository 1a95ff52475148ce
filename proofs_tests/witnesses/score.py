"""Witnesses of the score: its losses, its posterior means, and Tweedie's formula."""

from __future__ import annotations

import math
from typing import Any

from concordant.proofs_tests.bridge.fields import Setting
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import Factory, constants, here, kinds, mean, pointwise


def scores(s: Setting) -> Witness:
    """The exact p, q, p0 and ∇log p (that is g), and an arbitrary field s."""
    fields: dict[str, Any] = {"p": s.marginal, "q": s.kernel, "p0": s.clean, "g": mean(s, "score")}
    fields["s"] = s.arbitrary("s")
    declared = kinds("p q p0", "s g")
    return Witness(s.boxes, fields, constants(s), at=here(s), kinds=declared, name=str(s.case))


def unnormalised(s: Setting) -> Witness:
    """A density times a number."""
    scale = 2.7
    log = s.marginal.log
    fields = {"h": Logged(lambda x: log(x) + math.log(scale))}
    return Witness(s.boxes, fields, {"Z": scale}, at=here(s), name=str(s.case))


def stationary(s: Setting) -> Witness:
    """Any size of the noise but the right one."""
    return Witness(s.boxes, {"p": s.marginal}, {"ς": 1.3}, at=here(s), name=str(s.case))


def right_noise(s: Setting) -> Witness:
    """The noise that Langevin's steps have."""
    return Witness(s.boxes, {"p": s.marginal}, {"ς": 2**0.5}, at=here(s), name=f"{s.case}, ς² = 2")


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "score-needs-no-normalisation": (pointwise(unnormalised),),
    "langevin-stationarity": (pointwise(stationary, more=(lambda case: right_noise(Setting(case.line())),)),),
    "implicit-score-matching": (Factory(scores),),
    "denoising-score-matching": (Factory(scores),),
    "marginal-score-is-posterior-mean": (Factory(scores), Factory(scores)),
    "dsm-minimiser": (Factory(scores),),
    "tweedie": (Factory(scores),),
    "tweedie-second-order": (Factory(scores),),
}
