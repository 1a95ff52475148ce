"""Witnesses of the named SDEs, the ancestral step and the kernel's score."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.schedules import schedule
from concordant.proofs_tests.bridge.fields import Setting
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import (
    Factory,
    clean_points,
    functions,
    here,
    kinds,
    noise_points,
    pointwise,
)
from concordant.proofs_tests.witnesses.sde import kernels, rates

VE = schedule("ve")
STEEPNESS, LOWEST = 8.5, 0.01  # log(σ_max/σ_min) and σ_min of the geometric schedule


def geometric(s: Setting) -> Witness:
    """σ = σ_min e^{κt}, the levels of NCSN."""
    return replace(
        rates(s), functions={"σ": lambda t: LOWEST * (STEEPNESS * t).exp()}, constants={"κ": STEEPNESS}, at={"t": CLOCK}
    )


CLOCK = f64([0.1, 0.4, 0.7, 0.9])


def on_the_clock(s: Setting) -> Witness:
    """Times within (0, 1), and the two ends of β."""
    return replace(rates(s), constants={"β₀": 0.1 + 0.2 * abs(s.lam), "β₁": 20.0}, at={"t": CLOCK})


def whole_way(s: Setting) -> Witness:
    """From the data to the setting's time."""
    return replace(rates(s), constants={"T": s.t}, at={"t": CLOCK * s.t})


def told(s: Setting) -> Witness:
    """The kernels between two times, and the exact predictions at the later one."""
    w = kernels(s)

    def noise(x: Tensor) -> Tensor:
        return s.at(f64(s.t)).mean(x, "epsilon")

    def clean(x: Tensor) -> Tensor:
        return s.at(f64(s.t)).mean(x, "x0")

    return replace(w, fields={**w.fields, "ε": noise, "x̂": clean}, kinds={**w.kinds, **kinds("", "ε x̂")})


def conditional(s: Setting) -> Witness:
    """The kernel, at points that belong to their data and noise."""
    x0, noise = clean_points(s), noise_points(s)
    at = here(s, x0=x0, ε=noise) | {"x": s.alpha * x0 + s.sigma * noise}
    return Witness(s.boxes, {"q": s.kernel}, {}, functions(s), at=at, kinds=kinds("q"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "named-sdes": (
        Factory(rates, plane=False),
        Factory(rates, plane=False),
        Factory(geometric, plane=False),
        Factory(on_the_clock, plane=False),
    ),
    "pure-noise-in-finite-time": (
        Factory(on_the_clock, plane=False),
        Factory(on_the_clock, plane=False),
        Factory(whole_way, plane=False),
    ),
    "ancestral-step": (pointwise(told), Factory(kernels, plane=False)),
    "kernel-score": (pointwise(conditional),) * 2,
}
