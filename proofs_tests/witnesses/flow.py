"""Witnesses of flow matching: conditional and marginal velocities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.flow import FlowMatching, GaussianPath, lipman, swirled
from concordant.proofs_tests.bridge.fields import Setting, cube
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.witnesses.common import (
    PLANE_LEVEL,
    Factory,
    Lean,
    clean_points,
    functions,
    here,
    kinds,
    mean,
    noise_points,
    plane,
    pointwise,
    times,
)


def swirl(s: Setting) -> Witness:
    """w/p is what the implementation's `swirled` adds to the velocity; in D = 1, where that is nothing, w moves with t only."""
    velocity, score = mean(s, "velocity"), mean(s, "score")
    turn = torch.triu(torch.full((s.dimension, s.dimension), 0.8, dtype=torch.float64), 1)
    density = s.marginal.log

    def w(x: Tensor, t: Tensor) -> Tensor:
        if s.dimension == 1:
            return 0 * x + (0.3 * torch.cos(f64(t)))[..., None]
        flux: Tensor = density(x, t).exp()[..., None] * (swirled(velocity, score, turn)(x, t) - velocity(x, t))
        return flux

    def other(x: Tensor, t: Tensor) -> Tensor:
        made: Tensor = velocity(x, t) + w(x, t) / density(x, t).exp()[..., None]
        return made

    fields: dict[str, Any] = {"p": s.marginal, "v": velocity, "w": w, "u": other}
    return Witness(s.boxes, fields, at=here(s), kinds=kinds("p", "v w u"), name=str(s.case))


def turning(s: Setting) -> Witness:
    """The same in two dimensions or more: on a line all fields without divergence are the same everywhere."""
    return swirl(s if s.dimension > 1 else Lean(plane().under(s.case.schedule), PLANE_LEVEL))


def mixture(s: Setting) -> Witness:
    """z is the data point: the conditional velocity is the one-sided one, the marginal one the exact velocity."""
    flow = FlowMatching(s.case.schedule)

    def conditional(x: Tensor, z: Tensor, t: Any = s.t) -> Tensor:
        return flow.one_sided(x, z, f64(t))

    fields: dict[str, Any] = {"q": s.kernel, "π0": s.clean, "u": conditional, "p": s.marginal}
    fields |= {"v": mean(s, "velocity"), "h": s.arbitrary("h")}
    boxes = {"z": s.boxes["x0"], "": s.boxes[""]}
    at = here(s, z=clean_points(s))
    return Witness(boxes, fields, at=at, kinds=kinds("q π0 p", "u v h"), name=str(s.case))


def gaussian(s: Setting) -> Witness:
    """A moving Gaussian of the implementation: its map from a time before, its velocity and its density."""
    slope = torch.linspace(0.5, -0.9, s.dimension, dtype=torch.float64)

    def mu(t: Tensor) -> Tensor:
        return torch.sin(f64(t))[..., None] + slope * f64(t)[..., None] ** 2

    def sigma(t: Tensor) -> Tensor:
        return 0.6 + 0.3 * torch.cos(2 * f64(t))

    path, start = GaussianPath(mu, sigma), f64(0.2)

    def each(of: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """Over a batch of points, each with a time of its own."""

        def field(x: Tensor, t: Tensor) -> Tensor:
            t = f64(t).expand(x.shape[:-1])
            rows = [of(a, b) for a, b in zip(x.reshape(-1, s.dimension), t.reshape(-1), strict=True)]
            made = torch.stack(rows)
            return made.reshape(*x.shape[:-1], *made.shape[1:])

        return field

    fields: dict[str, Any] = {
        "μ": mu,
        "μ0": lambda: mu(start),
        "Ψ": each(lambda x, t: path.map(x, start, t)),
        "q": Logged(each(path.log_prob)),
    }
    at = {"x": noise_points(s), "t": f64([0.3, 0.45, 0.6, 0.8])}
    box = {"": cube(s.dimension, 1.0, 0.5)}
    numbers = {"σ0": float(sigma(start))}
    return Witness(box, fields, numbers, {"σ": sigma}, at=at, kinds=kinds("q", "μ Ψ"), name="a moving Gaussian")


def path_points(s: Setting) -> Witness:
    """One path of the schedule: a data point and a noise."""
    at = {"x0": clean_points(s), "ε": noise_points(s), "t": times(s)}
    return Witness({"": cube(s.dimension, 1.0, 0.5)}, {}, {}, functions(s), at=at, name=str(s.case))


def clocks(s: Setting) -> Witness:
    """Both velocities are the implementation's; the noise's clock runs backwards."""
    velocity, end = mean(s, "velocity"), s.case.schedule.T
    fields: dict[str, Any] = {"q": s.kernel, "π0": s.clean, "p": s.marginal}
    fields |= {"v": velocity, "u": lipman(velocity, end)}
    boxes = {"z": s.boxes["x0"], "": s.boxes[""]}
    at = here(s, τ=end - times(s))
    declared = kinds("q π0 p", "u v")
    return Witness(boxes, fields, {"T": end}, functions(s), at=at, kinds=declared, name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "velocity-is-not-unique": (pointwise(swirl), pointwise(turning, plane=False)),
    "flow-matching-loss": (Factory(mixture),),
    "continuity-equation": (Factory(mixture),),
    "gaussian-path-velocity": (pointwise(gaussian),) * 3,
    "regression-targets": (Factory(mixture),),
    "conditional-velocities": (pointwise(path_points),),
    "flow-matching-clock": (Factory(clocks), Factory(clocks)),
}
