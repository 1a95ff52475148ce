"""Witnesses about loss weights, times, and the energies of schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.predictions import Prediction
from concordant.impl.schedules import EDM, FlowMatching, Schedule, Trigonometric
from concordant.proofs_tests.bridge.fields import Setting, conditional, cube
from concordant.proofs_tests.bridge.values import Callback
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.quadrature import time_panels
from concordant.proofs_tests.witnesses.common import (
    Factory,
    clean_points,
    functions,
    here,
    joined,
    kinds,
    noise_points,
    pointwise,
    times,
)
from concordant.proofs_tests.witnesses.conjugacy import standard
from concordant.proofs_tests.witnesses.unification import predictions

#: Times on a clock of length 1.
TIMES = f64([0.15, 0.4, 0.6, 0.85])


def alone(s: Setting, numbers: dict[str, float], given: dict[str, Callback], **at: Any) -> Witness:
    """Functions of time and constants only."""
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, {}, numbers, given, at=at, name="functions of time")


# ------------------------------------------------------------------------------------------------ times and λ
def densities(s: Setting) -> Witness:
    """A weight w, a root mean square r, and a density π of times on [0, T]."""
    end = 1.3
    given: dict[str, Callback] = {
        "w": lambda t: 1 + 0.6 * torch.sin(2 * t),
        "m": lambda t: 0.5 + t**2,
        "r": lambda t: 1.2 + torch.cos(t),
        "π": lambda t: (1 + 0.5 * torch.cos(2 * math.pi * t / end)) / end,
    }
    total = sum(w * float(given["w"](f64(t)) * given["r"](f64(t))) for t, w in time_panels([0.0, end / 2, end], 24))
    return alone(s, {"T": end, "I": total}, given)


def in_lambda(s: Setting) -> Witness:
    """A falling λ, and an antiderivative W of the integrand."""
    given: dict[str, Callback] = {
        "λ": lambda t: 2.1 - 3 * t - 0.4 * torch.sin(2 * t),
        "W": lambda u: torch.sin(0.9 * u) + 0.3 * u**2 + 0.7 * u,
    }
    return alone(s, {"T": 1.2}, given)


def costs(s: Setting) -> Witness:
    """A weight that falls with λ, and any cost L."""
    given: dict[str, Callback] = {
        "λ": lambda t: 2.1 - 3 * t - 0.4 * torch.sin(2 * t),
        "w": lambda u: 1.5 - torch.tanh(u / 2),
        "L": lambda t: 2 - t + 0.3 * torch.cos(3 * t),
    }
    return alone(s, {}, given)


def chains(s: Setting) -> Witness:
    """Two laws of x and two of y given x."""
    other = Setting(s.case.gaussian(), s.lam - 0.3)
    fields = {"q": s.marginal, "p": other.marginal}
    fields |= {"r": conditional("r", s.dimension), "h": conditional("h", s.dimension)}
    boxes = {"y": cube(s.dimension, 40.0, 0.45), "": joined(s.boxes[""], other.boxes[""])}
    return Witness(boxes, fields, kinds=kinds("q p r h"), name=str(s.case))


def one_error(s: Setting) -> Witness:
    """A data point, a noise and a guess at it."""
    at = {"x0": clean_points(s), "ε": noise_points(s), "ε̂": noise_points(s, "guess"), "t": times(s)}
    numbers = {"α_t": s.alpha, "σ_t": s.sigma, "SNR_s": (s.alpha / s.sigma) ** 2 * 2.3}
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, {}, numbers, functions(s), at=at, name=str(s.case))


# ------------------------------------------------------------------------------------------------ published methods
def two_heads(clock: Schedule, numbers: dict[str, float]) -> Callable[[Setting], Witness]:
    """Two predictions of the noise, in the implementation's other kinds, on a schedule of the paper's."""

    def make(s: Setting) -> Witness:
        fields: dict[str, Callback] = {}
        for mark in ("\u0302", "\u0303"):
            noise = s.arbitrary(f"noise{mark}")

            def other(x: Tensor, t: Any, kind: Any, noise: Callback = noise) -> Tensor:
                return Prediction("epsilon", noise(x)).to(kind, x, clock.at(f64(t))).value

            fields["ε" + mark] = lambda x, t, noise=noise: noise(x)
            fields["x" + mark] = lambda x, t, other=other: other(x, t, "x0")
            fields["v" + mark] = lambda x, t, other=other: other(x, t, "v")
            fields["u" + mark] = lambda x, t, noise=noise, other=other: noise(x) - other(x, t, "x0")
        given: dict[str, Callback] = {"σ": clock.sigma, "C": clock.alpha, "S": clock.sigma}
        given["θ"] = lambda t: math.pi / 2 * t
        box = {"": cube(s.dimension, 1.0, 0.5)}
        declared = kinds("", " ".join(fields))
        return Witness(box, fields, numbers, given, at={"x": s.points(), "t": TIMES}, kinds=declared, name=clock.name)

    return make


def shift(s: Setting) -> Witness:
    return alone(s, {"ς": 3.0}, {}, t=TIMES)


def terminal(s: Setting) -> Witness:
    return alone(s, {"a_1": 0.99, "a_j": 0.7, "a_k": 0.4, "a_L": 0.06}, {})


# ------------------------------------------------------------------------------------------------ energies
def target_norm(s: Setting) -> Witness:
    fields, boxes = standard(s)
    fields["m"] = lambda: s.case.target.mean
    return Witness(boxes, fields, kinds=kinds("n p0", "m"), name=str(s.case))


def curvature(s: Setting) -> Witness:
    """The exact predictions, on the schedule's clock."""
    w = predictions(s)
    return Witness(w.boxes, w.fields, {}, functions(s), at=here(s), kinds=w.kinds, name=str(s.case))


def rising(t: Tensor) -> Tensor:
    """log(1 + (e - 1) t), from 0 to 1."""
    return torch.log1p((math.e - 1) * t)


def steady(t: Tensor) -> Tensor:
    """log(1.2 + 2.1 t): the derivative of e^ρ is constant along it.  (From 0 to 1 would make more statements true.)"""
    return torch.log(1.2 + 2.1 * t)


def path_energy(s: Setting) -> Witness:
    fields, boxes = standard(s)
    return Witness(boxes, fields, {}, {"ρ": rising}, at={"t": TIMES[:1]}, kinds=kinds("n p0"), name=str(s.case))


def flow_energy(s: Setting) -> Witness:
    w = predictions(s)
    given: dict[str, Callback] = {"ρ": steady, "K": lambda r: torch.sin(0.8 * r) + r, "M": torch.exp}
    fields = {"p": s.marginal, "x̂": w.fields["x̂"], "ε̂": w.fields["ε̂"]}
    at = {"t": f64(s.t)}
    return Witness(s.boxes, fields, {"C": 2.1}, given, at=at, kinds=w.kinds, name=str(s.case))


PLAIN = Factory(shift, plane=False)
WITNESSES: dict[str, tuple[Factory, ...]] = {
    "time-sampling-is-importance-weighting": (Factory(densities, plane=False),) * 2,
    "weighted-loss-in-lambda": (Factory(in_lambda, plane=False),),
    "partial-cost-rate": (Factory(chains, plane=False), pointwise(one_error), pointwise(one_error)),
    "weighting-by-parts": (Factory(costs, plane=False),) * 2,
    "published-weights": (
        pointwise(two_heads(FlowMatching(), {})),
        pointwise(two_heads(Trigonometric(), {"ν": math.pi / 2})),
        pointwise(two_heads(EDM(), {"σ_d": 0.5})),
    ),
    "logit-normal-times": (PLAIN,) * 3,
    "zero-terminal-snr": (Factory(terminal, plane=False),) * 3,
    "constant-target-norm": (Factory(target_norm),) * 2,
    "schedule-curvature": (pointwise(curvature),) * 3,
    "conditional-energy": (Factory(path_energy), Factory(path_energy, plane=False)),
    "marginal-energy": (Factory(flow_energy), *(Factory(flow_energy, plane=False),) * 3),
}
