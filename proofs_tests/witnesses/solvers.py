"""Witnesses of the exact solution, of DDIM in its forms, of its stochastic family and of λ as a clock."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.schedules import VariancePreserving
from concordant.impl.solvers import DDIM, Grid
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.bridge.fields import Setting, trajectory
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import (
    Factory,
    clean_points,
    finer,
    functions,
    here,
    kinds,
    level,
    level_kernel,
    mean,
    noise_points,
    pointwise,
)
from concordant.proofs_tests.witnesses.named_sdes import CLOCK
from concordant.proofs_tests.witnesses.sde import rates


def along(s: Setting) -> Witness:
    """A trajectory of the exact velocity from the setting's time to an earlier one."""
    curves = {"z": trajectory(mean(s, "velocity"), s.points(1)[0], s.t)}
    fields = {"d": mean(s, "x0"), "e": mean(s, "epsilon")}
    at = {"t": f64([level(s, 0.1), level(s, 0.3)])}
    numbers = {"t₀": s.t, "T": level(s, 0.4)}
    return Witness(s.boxes, fields, numbers, functions(s), curves, at, kinds("", "d e"), name=str(s.case))


def numbers(s: Setting) -> dict[str, float]:
    """α and σ of the setting's time s, and of a time t nearer to the data."""
    a, sigma = s.case.level(level(s, 0.8))
    return {"α_s": s.alpha, "σ_s": s.sigma, "α_t": a, "σ_t": sigma}


def heads(s: Setting) -> Witness:
    """The exact predictions at the time that the step leaves."""
    fields = {"d": mean(s, "x0"), "e": mean(s, "epsilon"), "c": mean(s, "score")}
    timed = {name: lambda x, f=f: f(x, f64(s.t)) for name, f in fields.items()}
    return Witness(s.boxes, timed, numbers(s), functions(s), at=here(s), kinds=kinds("", "d e c"), name=str(s.case))


def family(s: Setting) -> Witness:
    """DDIM with η = 0.6, from the setting's time to one nearer to the data: x is x_t, y is x_s."""
    before, known = level(s, 0.8), numbers(s)
    grid = Grid(s.case.schedule, f64([s.t, before]))
    c = float(DDIM(eta=0.6).spread(grid[0], grid[1]))
    b = (known["σ_t"] ** 2 - c**2) ** 0.5 / s.sigma
    a = known["α_t"] - s.alpha * b

    def step(x: Tensor, y: Tensor, x0: Tensor) -> Tensor:
        return log_normal(x, a * x0 + b * y, f64(c))

    x0 = clean_points(s)
    at = {
        "x0": x0,
        "y": s.alpha * x0 + s.sigma * noise_points(s),
        "x": known["α_t"] * x0 + known["σ_t"] * noise_points(s, "before"),
    }
    fields = {"k": Logged(step), "m": level_kernel(s, s.t), "n": level_kernel(s, before)}
    boxes = {"": finer(s.boxes[""], min(c, s.sigma))}
    return Witness(boxes, fields, known | {"a": a, "b": b, "c": c}, at=at, kinds=kinds("k m n"), name=str(s.case))


def conditional(s: Setting) -> Witness:
    """Three times, and points that belong to their data and noise."""
    a, sigma = s.case.level(level(s, 0.3))
    at = {"x": s.points(), "x0": clean_points(s), "ε": noise_points(s), "t": f64(level(s, 0.7))}
    return Witness(s.boxes, {}, numbers(s) | {"α_m": a, "σ_m": sigma}, functions(s), at=at, name=str(s.case))


def preserving(s: Setting) -> Witness:
    """A schedule with α² + σ² = 1."""
    twin = VariancePreserving(s.case.schedule)
    return replace(rates(s), functions={"α": twin.alpha, "σ": twin.sigma})


def on_the_clock(s: Setting) -> Witness:
    """Times within (0, 1)."""
    return replace(rates(s), at={"t": CLOCK})


def pairs(s: Setting) -> Witness:
    """Data, noise, and two times."""
    at = {"x0": clean_points(s), "ε": noise_points(s)}
    return Witness(s.boxes, {}, {"s₁": 0.6, "s₂": 0.35}, at=at, name=str(s.case))


def ddim(s: Setting) -> Witness:
    """The exact predictions at the setting's time, a step to a time before it, and a trajectory of the exact velocity."""
    a, sigma = s.case.level(level(s, 0.8))
    fields = {"d": mean(s, "x0"), "e": mean(s, "epsilon")}
    numbers = {"α_s": a, "α_t": s.alpha, "σ_s": sigma, "σ_t": s.sigma}
    curves = {"z": trajectory(mean(s, "velocity"), s.points(1)[0], s.t)}
    return Witness(s.boxes, fields, numbers, functions(s), curves, here(s), kinds("", "d e"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "ddim-is-euler": (pointwise(ddim), Factory(ddim)),
    "exact-solution-of-the-flow": (pointwise(along),) * 2,
    "ddim-in-four-heads": (pointwise(heads),) * 3,
    "ddim-family": (Factory(family), Factory(family, plane=False), Factory(family, plane=False)),
    "ddim-conditional-flow": (pointwise(conditional),) * 3,
    "half-log-snr-time": (
        Factory(rates, plane=False),
        Factory(on_the_clock, plane=False),
        Factory(on_the_clock, plane=False),
        Factory(preserving, plane=False),
    ),
    "euler-on-the-velocity": (pointwise(pairs),) * 2,
}
