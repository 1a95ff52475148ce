"""Witnesses of conditional paths: the schedules' own, on the clock of flow matching, from any source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.interpolants import Interpolant, interpolant
from concordant.impl.sde import LinearSDE, log_prior
from concordant.proofs_tests.bridge.fields import Setting, cube
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import (
    Factory,
    clean_points,
    kinds,
    noise_points,
    pointwise,
    times,
)


def mixed(s: Setting) -> Witness:
    """z is the data point."""
    fields: dict[str, Any] = {"q": s.kernel, "π": s.clean, "p": s.marginal, "h": s.arbitrary("h", 0)}
    boxes = {"z": s.boxes["x0"], "": s.boxes[""]}
    return Witness(boxes, fields, at={"t": s.t}, kinds=kinds("q π p", "h"), name=str(s.case))


def coefficients(path: Interpolant) -> dict[str, Callback]:
    return {"a": path.a, "b": path.b}


def clock(s: Setting) -> Tensor:
    """The setting's times on the clock of flow matching."""
    return 1 - times(s) / s.case.schedule.T


def ends(s: Setting) -> Witness:
    """A path between a noise and a data point."""
    path = Interpolant.of(s.case.schedule)
    x0, x1 = noise_points(s, n=1)[0], clean_points(s, 1)[0]
    curves = {"c": lambda t: path.path(x0, x1, t)}
    fields: dict[str, Any] = {"φ": s.test_function("φ")}
    at = {"x0": x0.expand(4, -1), "x1": x1.expand(4, -1), "t": clock(s), "x": s.points()}
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, fields, {}, coefficients(path), curves, at, name=str(s.case))


def table(s: Setting) -> Witness:
    """The trigonometric interpolant for the coefficients of all four."""
    path = interpolant("trigonometric")
    at = {"x0": noise_points(s), "x1": clean_points(s), "t": f64([0.2, 0.35, 0.6, 0.75])}
    fields: dict[str, Any] = {"c": path.a, "s": path.b}
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, fields, {}, coefficients(path), at=at, name=path.name)


def from_source(log_source: Callable[[Setting], Callable[[Tensor], Tensor]]) -> Callable[[Setting], Witness]:
    """The conditional path from a source, its density the implementation's."""

    def make(s: Setting) -> Witness:
        path, source = Interpolant.of(s.case.schedule), log_source(s)

        def carried(x: Tensor, z: Tensor, t: Tensor) -> Tensor:
            return source(path.unflow(x, z, f64(t)))

        def density(x: Tensor, z: Tensor, t: Tensor) -> Tensor:
            return path.log_prob(source, x, z, f64(t))

        fields: dict[str, Any] = {
            "q": Logged(density),
            "h": Logged(carried),
            "Ψ": lambda y, z, t: path.flow(y, z, f64(t)),
            "Φ": lambda x, z, t: path.unflow(x, z, f64(t)),
        }
        at = {"x": s.points(), "z": clean_points(s), "y": noise_points(s), "t": clock(s)}
        return Witness(s.boxes, fields, {}, coefficients(path), at=at, kinds=kinds("q h", "Ψ Φ"), name=str(s.case))

    return make


def normal(s: Setting) -> Callable[[Tensor], Tensor]:
    return lambda y: log_prior(y, 1.0)


def another(s: Setting) -> Callable[[Tensor], Tensor]:
    """A source that is no Gaussian: the law at the setting's time."""
    return s.at(s.t).log_prob


def scores(s: Setting) -> Witness:
    """One time of the linear SDE."""
    process = LinearSDE(s.case.schedule)
    f, g = float(s.case.schedule.f(f64(s.t))), float(process.diffusion(f64(s.t)))
    fields: dict[str, Any] = {"q": s.kernel, "p0": s.clean, "p": s.marginal}
    boxes = {"x0": s.boxes["x0"], "": s.boxes[""]}
    numbers = {"f": f or 0.4, "g": g}
    return Witness(boxes, fields, numbers, at={"x": s.points()}, kinds=kinds("q p0 p"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "marginal-path": (Factory(mixed), Factory(mixed)),
    "two-sided-path": (pointwise(ends), pointwise(ends)),
    "interpolant-velocities": (pointwise(table),) * 4,
    "one-sided-path": (pointwise(from_source(normal)),),
    "velocity-from-a-conditional-flow": (pointwise(from_source(normal)),) * 3,
    "any-source": (pointwise(from_source(another)),),
    "velocity-from-conditional-scores": (Factory(scores),),
}
