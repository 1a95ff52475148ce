"""What the witnesses of all topics are made of.

In the derivations the data point is x0, constants are named α, σ, β, ā, and functions of time α, σ, f, g, γ.  Wherever the
implementation has a field of a statement, the witness takes it from there: then the statement is about the implementation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.predictions import Kind as Prediction
from concordant.impl.predictions import Predictor, predictor
from concordant.impl.schedules import schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import GaussianMixture
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.bridge.fields import Box, Setting
from concordant.proofs_tests.bridge.tame import Kind
from concordant.proofs_tests.bridge.values import Callback, Logged
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.case import Case

Make = Callable[[Setting], Witness]

#: Noise level λ = log(α/σ) of a witness, and by how much the times in its batch are apart in λ.
LEVEL, APART = 0.5, (-0.09, -0.02, 0.03, 0.1)
#: The same in the plane: the posterior is wider there, and quadratures cheaper.
PLANE_LEVEL = -0.4


@dataclass(frozen=True)
class Lean(Setting):
    """A setting whose boxes reach seven deviations, not 8.5: eleven digits, and four times fewer pairs of nodes in the plane."""

    @cached_property
    def boxes(self) -> dict[str, Box]:
        target = self.case.target
        largest = float(target.spectrum.max())
        widths = {"x0": math.sqrt(largest), "": math.sqrt(self.alpha**2 * largest + self.sigma**2)}
        whole = Setting(self.case, self.lam).boxes
        return {name: _shrunk(box, 1.5 * widths[name]) for name, box in whole.items()}


def _shrunk(box: Box, by: float) -> Box:
    return Box(tuple(a + by for a in box.low), tuple(b - by for b in box.high), box.spacing)


@dataclass(frozen=True)
class Factory:
    """The witnesses of one theorem.

    `most` is the largest dimension in which a case is taken as it is; one of more is projected to a line.  `plane` says
    whether mutants are tried in two dimensions too, `more` which other witnesses there are: where a bound is tight, say.
    """

    make: Make
    most: int = 1
    plane: bool = True
    more: tuple[Callable[[Case], Witness], ...] = ()
    level: float = LEVEL

    def at(self, case: Case) -> Witness:
        """The cheapest witness that a case makes."""
        return self.make(Setting(case if case.target.dimension <= self.most else case.line(), self.level))

    def __call__(self, case: Case) -> Iterator[Witness]:
        """All witnesses at a case, the cheapest first."""
        yield self.make(Setting(case.line(), self.level))
        yield from (make(case) for make in self.more)
        if self.plane:
            yield self.make(Lean(plane().under(case.schedule), PLANE_LEVEL))


def pointwise(make: Make, **options: Any) -> Factory:
    """Witnesses of a statement without integrals over more than one point: cases are taken as they are, up to D = 5."""
    return Factory(make, most=5, **options)


@cache
def plain() -> Case:
    """The case at which mutants are tried: two components on a line, where no constant is a simple function of another."""
    target = GaussianMixture([0.4, 0.6], f64([[-1.0], [0.8]]), f64([0.4, 0.7]))
    return Case("two on a line", target, schedule("sub-vp"))


@cache
def plane() -> Case:
    """The same in the plane."""
    target = GaussianMixture([0.4, 0.6], f64([[-0.6, -0.5], [0.5, 0.2]]), f64([0.6, 0.8]))
    return Case("two in the plane", target, schedule("sub-vp"))


@cache
def narrow() -> Case:
    """A narrow target on a line, whose log-density is positive."""
    target = GaussianMixture([0.4, 0.6], f64([[-0.05], [0.1]]), f64([0.01, 0.02]))
    return Case("narrow", target, schedule("sub-vp"))


# ------------------------------------------------------------------------------------------------ names
def constants(s: Setting) -> dict[str, float]:
    """α and σ at the setting's time."""
    return {"α": s.alpha, "σ": s.sigma}


def functions(s: Setting) -> dict[str, Callback]:
    """α, σ, f and g of the schedule."""
    clock = s.case.schedule
    return {
        "α": clock.alpha,
        "σ": clock.sigma,
        "α'": clock.d_alpha,
        "σ'": clock.d_sigma,
        "f": clock.f,
        "g": LinearSDE(clock).diffusion,
    }


def any_diffusion(t: Tensor) -> Tensor:
    """A diffusion that is no schedule's."""
    return 0.8 + 0.2 * torch.sin(3 * f64(t) + 0.4)


def level(s: Setting, by: float) -> float:
    """The time at which λ is higher by so much than at the setting's: before it for positive numbers."""
    return s.case.time(s.lam + by)


def times(s: Setting) -> Tensor:
    """Four times about the setting's."""
    return f64([level(s, -by) for by in APART])


def here(s: Setting, **more: Any) -> dict[str, Any]:
    """Four points of p_t, and the times."""
    return {"x": s.points(), "t": times(s), **more}


def clean_points(s: Setting, n: int = 4) -> Tensor:
    """n points of p_0."""
    return s.case.target.sample(n, s.case.random("clean"))


def noise_points(s: Setting, what: str = "noise", n: int = 4) -> Tensor:
    """n standard normal points."""
    return torch.randn(n, s.dimension, generator=s.case.random(what), dtype=torch.float64)


def kinds(density: str = "", polynomial: str = "") -> Mapping[str, Kind]:
    """What fields are like: their names, separated by spaces.  φ is a test function in all derivations."""
    out: dict[str, Kind] = dict.fromkeys(density.split(), "density")
    return out | dict.fromkeys(polynomial.split(), "polynomial") | {"φ": "test"}


# ------------------------------------------------------------------------------------------------ fields
def mean(s: Setting, kind: Prediction) -> Callback:
    """The implementation's exact prediction, h(x) at the setting's time or h(x, t)."""

    def field(x: Tensor, t: Any = s.t) -> Tensor:
        law = s.at(t)
        direct: Callback = getattr(law, kind)
        out: Tensor = direct(x)
        return out

    return field


def exact(s: Setting) -> Predictor:
    """The exact oracle as a predictor."""
    return predictor(lambda x, t: s.at(t).x0(x), "x0")


def one_time(t: Any) -> Tensor:
    """The time of a batch that is all at one time."""
    return f64(t).flatten()[0]


def level_kernel(s: Setting, t: float) -> Logged:
    """q(x, x0) at another time."""
    return Setting(s.case, s.lam).kernel if t == s.t else Logged(lambda x, x0: s.kernel.log(x, x0, t))


def reverse_kernel(s: Setting, before: float | None) -> Logged:
    """The implementation's p(x_s | x_t): r(y, x) for x at the setting's time; None for the posterior of x_0."""
    to = None if before is None else s.case.schedule.at(f64(before))
    return Logged(lambda y, x: s.at(s.t).reverse(x, to).log_prob(y))


def bayes(s: Setting, before: float) -> Logged:
    """The implementation's q(x_s | x_t, x_0): r(y, x, x0)."""
    sde = LinearSDE(s.case.schedule)

    def log(y: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        centre, variance = sde.posterior(x, x0, f64(before), f64(s.t))
        return log_normal(y, centre, variance.flatten()[0].sqrt())

    return Logged(log)


def transition(s: Setting, before: float) -> Logged:
    """The implementation's q(x_t | x_s): k(x, y)."""
    sde = LinearSDE(s.case.schedule)

    def log(x: Tensor, y: Tensor) -> Tensor:
        ratio, variance = sde.transition(f64(before), f64(s.t))
        return log_normal(x, ratio * y, variance.sqrt())

    return Logged(log)


def encoder(s: Setting) -> Logged:
    """A density of z given x that is not the posterior: it takes x for the noisier point that it would be at another time."""
    law, by = s.at(level(s, -0.7)), 0.9
    return Logged(lambda z, x: law.reverse(by * x).log_prob(z))


# ------------------------------------------------------------------------------------------------ boxes
def joined(*boxes: Box) -> Box:
    """The least box that holds all, as fine as the finest."""
    low = tuple(min(column) for column in zip(*(b.low for b in boxes), strict=True))
    high = tuple(max(column) for column in zip(*(b.high for b in boxes), strict=True))
    return Box(low, high, min(b.spacing for b in boxes))


def finer(box: Box, width: float) -> Box:
    """A box for integrands that vary over that width."""
    return Box(box.low, box.high, min(box.spacing, 0.7 * width))


def about(points: Tensor, width: float, reach: float = 9.0) -> Box:
    """A box about points for Gaussians of that width about them."""
    low, high = points.amin(0) - reach * width, points.amax(0) + reach * width
    return Box(tuple(low.tolist()), tuple(high.tolist()), 0.7 * width)
