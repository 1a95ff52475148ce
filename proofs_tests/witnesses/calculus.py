"""Witnesses of the calculus: Itô and Fokker-Planck, flows, Stein's identity, projection in L²; and of divergences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.sde import LinearSDE, log_prior
from concordant.proofs_tests.bridge.evaluate import Evaluator
from concordant.proofs_tests.bridge.fields import Setting, cube
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Sides, Statement, Witness
from concordant.proofs_tests.witnesses.common import (
    Factory,
    about,
    any_diffusion,
    functions,
    here,
    joined,
    kinds,
    mean,
    one_time,
    pointwise,
)

#: Powers of √dt up to this one are told apart: sides are polynomials in it.
DEGREE = 10


# ------------------------------------------------------------------------------------------------ Itô
@dataclass(frozen=True)
class Differential(Witness):
    """A witness of an equation between differentials, in dt = s² and dw = s ξ with ξ in {-1, 1}^D and s any number.

    Both sides are polynomials in s.  Itô's table says that they are equal if their parts of order s⁰ and s¹ are, for every ξ,
    and the mean over ξ of their parts of order s²: the mean of ξ_i ξ_j is δ_ij.  What is smaller than dt is nothing.
    """

    points: int = 0

    def parts(self, side: Tensor, size: bool) -> Tensor:
        """The coefficients that count, of a side (n, points · 2^D · (DEGREE + 1))."""
        nodes = _nodes()
        table = side.reshape(len(side), self.points, 2**self.dimension, len(nodes))
        if size:
            return table.amax((2, 3)).repeat(1, 2**self.dimension * 2 + 1)
        inverse = torch.linalg.inv(torch.linalg.vander(nodes, N=len(nodes)))
        coefficients = table @ inverse.T
        first, second = coefficients[..., :2], coefficients[..., 2].mean(2, keepdim=True)
        return torch.cat([*first.unbind(-1), second], 2).transpose(1, 2).reshape(len(side), -1)

    def sides(self, statement: Statement, evaluator: Evaluator | None = None) -> Sides:
        left, right, scale = super().sides(statement, evaluator)
        wide = torch.broadcast_shapes(left.shape, (1, self.points * 2**self.dimension * len(_nodes())))
        left, right, scale = (side.expand(wide) for side in (left, right, scale))
        return Sides(self.parts(left, False), self.parts(right, False), self.parts(scale, True))


def _nodes() -> Tensor:
    return torch.cos(torch.linspace(0.03, 3.1, DEGREE + 1, dtype=torch.float64))


def ito(s: Setting) -> Witness:
    """x and t over points, each with all signs and all sizes of the increments."""
    x, t = s.points(3), f64(s.t)
    signs = torch.cartesian_prod(*[f64([-1.0, 1.0])] * s.dimension).reshape(-1, s.dimension)
    nodes = _nodes()
    shape = (len(x), len(signs), len(nodes))
    dw = (nodes[:, None] * signs[:, None]).expand(*shape, s.dimension).reshape(-1, s.dimension)
    dt = nodes.square().expand(shape).flatten()
    fields: dict[str, Callback] = {
        "h": s.arbitrary("h", 0),
        "f": lambda x, t: LinearSDE(s.case.schedule).drift(x, one_time(t)),
        "dt": lambda: dt,
        "dw": lambda: dw,
    }
    every = x[:, None, None].expand(*shape, s.dimension).reshape(-1, s.dimension)
    box, at = {"": cube(s.dimension, 1.0, 0.5)}, {"x": every, "t": t}
    return Differential(box, fields, {}, {"g": any_diffusion}, at=at, name=str(s.case), points=len(x))


# ------------------------------------------------------------------------------------------------ densities in time
def evolution(s: Setting) -> Witness:
    """The exact p; the drift f = v + ½ g² ∇log p with any g, so that p has that velocity."""
    velocity, score = mean(s, "velocity"), mean(s, "score")

    def drift(x: Tensor, t: Tensor) -> Tensor:
        made: Tensor = velocity(x, t) + any_diffusion(t).square()[..., None] / 2 * score(x, t)
        return made

    fields: dict[str, Any] = {"p": s.marginal, "f": drift}
    declared = kinds("p", "f")
    return Witness(s.boxes, fields, {}, {"g": any_diffusion}, at=here(s), kinds=declared, name=str(s.case))


def against_a_test_function(s: Setting) -> Witness:
    """The same, and a test function."""
    w = evolution(s)
    fields = {**w.fields, "φ": s.test_function("φ")}
    return replace(w, fields=fields, at={"t": s.t})


def linear(s: Setting) -> Witness:
    """The exact p under the schedule's own f and g."""
    return Witness(s.boxes, {"p": s.marginal}, {}, functions(s), at=here(s), kinds=kinds("p"), name=str(s.case))


def transport(s: Setting) -> Witness:
    """The exact p and its velocity."""
    fields: dict[str, Any] = {"p": s.marginal, "f": mean(s, "velocity")}
    return Witness(s.boxes, fields, at=here(s), kinds=kinds("p", "f"), name=str(s.case))


# ------------------------------------------------------------------------------------------------ Gaussians and L²
def standard(s: Setting) -> Witness:
    """The standard normal prior of samplers."""
    fields: dict[str, Any] = {"q": Logged(lambda z: log_prior(z, 1.0)), "u": s.arbitrary("u")}
    box = cube(s.dimension, 9.0, 0.6)
    return Witness({"": box}, fields, kinds=kinds("q", "u"), name=str(s.case))


def noised(s: Setting) -> Witness:
    """Points noised to the setting's σ."""
    x = s.points()
    fields: dict[str, Any] = {"k": Logged(lambda y, x: log_prior(y - x, s.sigma)), "a": s.arbitrary("a")}
    box = {"": about(x, s.sigma)}
    return Witness(box, fields, {"σ": s.sigma}, at={"x": x}, kinds=kinds("k", "a"), name=str(s.case))


def joint(s: Setting) -> Witness:
    """y is the data and x what became of it; their conditional mean is the denoiser."""
    kernel, clean = s.kernel.log, s.clean.log
    fields: dict[str, Any] = {"j": Logged(lambda x, y: kernel(x, y) + clean(y)), "p": s.marginal, "m": mean(s, "x0")}
    fields |= {"h": s.arbitrary("h"), "c": s.arbitrary("c")}
    boxes = {"y": s.boxes["x0"], "": s.boxes[""]}
    return Witness(boxes, fields, at=here(s), kinds=kinds("p", "m h c"), name=str(s.case))


def two_laws(s: Setting) -> Witness:
    """p is the law of x_t, q the matched Gaussian's at another time, with other moments."""
    other = Setting(s.case.gaussian(), s.lam - 0.3)
    fields = {"p": s.marginal, "q": other.marginal}
    boxes = {"": joined(s.boxes[""], other.boxes[""])}
    return Witness(boxes, fields, kinds=kinds("p q"), name=str(s.case))


WITNESSES: dict[str, tuple[Factory, ...]] = {
    "ito-formula": (Factory(ito),),
    "fokker-planck-any-drift": (pointwise(evolution), Factory(against_a_test_function)),
    "fokker-planck": (pointwise(linear),),
    "continuity-from-flow": (pointwise(transport),),
    "stein-identity": (Factory(standard), Factory(noised)),
    "l2-projection": (Factory(joint),),
    "pointwise-minimisation": (Factory(joint),),
    "forward-kl-is-maximum-likelihood": (Factory(two_laws, plane=False),),
}
