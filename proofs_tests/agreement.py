"""Agreements: two quantities, computed in two independent ways, compared on exactly solvable targets.

An agreement is written once, as a function of a `Case` (a target, a schedule, a seed) that yields comparisons; the command
line, the test suite and the site all run that function.

    @agreement("tweedie", T1, because="both sides are closed forms", breaks=[...])
    def posterior_mean_from_the_score(case):
        '''α E[x_0|x_t] = x_t + σ² ∇log p_t.'''
        for t in case.times():
            yield Compare(left, right, scale, at=t)

Discrepancies are relative: |left - right| ≤ tolerance · scale, the scale being the sum of the absolute values of the terms
unless the agreement says otherwise.  `breaks` are wrong formulas: replacements of a function of ours under which the
agreement must fail.  They are run too, so that a check that can't fail is noticed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import Tensor

if TYPE_CHECKING:
    from concordant.proofs_tests.case import Case


@dataclass(frozen=True)
class Tolerance:
    """A class of tolerance: its name, its bound in float64, and in float32 where that makes sense."""

    name: str
    meaning: str
    float64: float
    float32: float | None = None

    def of(self, dtype: torch.dtype) -> float | None:
        return self.float64 if dtype == torch.float64 else self.float32


T0 = Tolerance("T0", "exact", 0.0, 0.0)
T1 = Tolerance("T1", "closed forms on both sides", 1e-10, 1e-4)
T2 = Tolerance("T2", "quadrature, or a reference solution of a differential equation", 1e-7)
T3 = Tolerance("T3", "Monte Carlo: standard errors from the expected value", 4.0)
T4 = Tolerance("T4", "order of convergence: slope against the expected one", 0.15)
T5 = Tolerance("T5", "an inequality, or a sign", 0.0)


@dataclass(frozen=True)
class Outcome:
    """What one comparison came to: the worst discrepancy, where, and the two values there."""

    discrepancy: float
    left: float
    right: float
    at: str


@dataclass(frozen=True)
class Compare:
    """left = right, entry by entry, relative to `scale` (broadcast; 1 where it is an absolute comparison)."""

    left: Tensor
    right: Tensor
    scale: Tensor | float = 1.0
    at: str = ""

    def outcome(self) -> Outcome:
        left, right = torch.broadcast_tensors(self.left.detach().double(), self.right.detach().double())
        scale = torch.as_tensor(self.scale).detach().double().expand_as(left)
        gap = (left - right).abs()
        relative = torch.where(gap == 0, 0.0, gap / scale).flatten()
        relative = torch.where(relative.isfinite(), relative, math.inf)  # NaN is the worst of all
        worst = int(relative.argmax())
        return Outcome(float(relative[worst]), float(left.flatten()[worst]), float(right.flatten()[worst]), self.at)


@dataclass(frozen=True)
class Order:
    """Errors fall like (step size)^expected, seen over at least three halvings."""

    steps: list[int]
    errors: list[float]
    expected: float
    at: str = ""

    def outcome(self) -> Outcome:
        slope = observed_order(self.steps, self.errors)
        gap = abs(slope - self.expected)
        return Outcome(gap if math.isfinite(gap) else math.inf, slope, self.expected, self.at)


def observed_order(steps: list[int], errors: list[float]) -> float:
    """The order p that errors c h^p + O(h^{p+1}) at h = 1/steps tend to, NaN unless all are positive and finite.

    The slope over one halving is p + O(h), so that twice the last slope less the one before it is p + O(h²).

    >>> observed_order([8, 16, 32, 64], [1 / n + 1 / n**2 for n in (8, 16, 32, 64)])
    1.0009838907681117
    """
    if len(steps) < 4 or len(steps) != len(errors):
        raise ValueError("an order needs at least three halvings")
    if not all(0 < e < math.inf for e in errors):
        return math.nan
    last, before = (math.log(errors[i - 1] / errors[i]) / math.log(steps[i] / steps[i - 1]) for i in (-1, -2))
    return 2 * last - before


@dataclass(frozen=True)
class AtMost:
    """left ≤ right, by at least `margin`·scale where a margin is known."""

    left: Tensor | float
    right: Tensor | float
    scale: Tensor | float = 1.0
    margin: float = 0.0
    at: str = ""

    def outcome(self) -> Outcome:
        left, right, scale = (torch.as_tensor(v).detach().double() for v in (self.left, self.right, self.scale))
        excess = torch.atleast_1d((left - right) / scale + self.margin)
        excess = torch.where(excess.isnan(), math.inf, excess).clamp_min(0).flatten()
        worst = int(excess.argmax())
        pick = [
            float(v.expand(torch.broadcast_shapes(left.shape, right.shape)).flatten()[worst]) for v in (left, right)
        ]
        return Outcome(float(excess[worst]), pick[0], pick[1], self.at)


Comparison = Compare | Order | AtMost


@dataclass(frozen=True)
class Break:
    """A wrong formula: `owner.name` replaced by what `make` turns the original into."""

    description: str
    owner: Any
    name: str
    make: Callable[[Any], Any]

    @contextmanager
    def applied(self) -> Iterator[None]:
        original = self.owner.__dict__[self.name] if isinstance(self.owner, type) else getattr(self.owner, self.name)
        with mock.patch.object(self.owner, self.name, self.make(original)):
            yield


Body = Callable[["Case"], Iterable[Comparison]]


@dataclass(frozen=True)
class Agreement:
    """A registered agreement.  `claim` is the slug of the claim that it is evidence for."""

    name: str
    claim: str
    tolerance: Tolerance
    because: str
    body: Body
    statement: str
    applies: Callable[[Case], bool]
    breaks: tuple[Break, ...] = ()
    float32: bool = False
    bound: float | None = None  # tighter than the class's

    def limit(self, dtype: torch.dtype) -> float | None:
        """The tolerance in force, None where this agreement makes no sense in that type."""
        if dtype == torch.float64:
            return self.tolerance.float64 if self.bound is None else self.bound
        return self.tolerance.float32 if self.float32 else None

    def run(self, case: Case) -> Outcome:
        """The worst of all its comparisons on one case.  It is an error to make none."""
        outcomes = [comparison.outcome() for comparison in self.body(case)]
        if not outcomes:
            raise ValueError(f"agreement {self.name!r} compared nothing on {case}")
        return max(outcomes, key=lambda outcome: outcome.discrepancy)


#: Every agreement by name, in the order of definition.  Filled when the modules of `agreements` are imported.
AGREEMENTS: dict[str, Agreement] = {}


def agreement(
    claim: str,
    tolerance: Tolerance,
    *,
    because: str,
    applies: Callable[[Case], bool] = lambda case: True,
    breaks: Iterable[Break] = (),
    float32: bool = False,
    bound: float | None = None,
) -> Callable[[Body], Agreement]:
    """Register a function of a case as an agreement (see the module's docstring)."""

    def register(body: Body) -> Agreement:
        name = body.__name__.replace("_", "-")
        if name in AGREEMENTS and AGREEMENTS[name].body.__module__ != body.__module__:
            raise ValueError(f"two agreements are named {name!r}")
        if not body.__doc__:
            raise ValueError(f"agreement {name!r} must say in its docstring what it compares")
        statement = " ".join(body.__doc__.split())
        made = Agreement(name, claim, tolerance, because, body, statement, applies, tuple(breaks), float32, bound)
        AGREEMENTS[name] = made
        return made

    return register


def scaled(original: Callable[..., Any], factor: float) -> Callable[..., Any]:
    """A wrong formula: the right one times a factor."""
    return lambda *args, **kwargs: factor * original(*args, **kwargs)


__all__ = [
    "AGREEMENTS",
    "T0",
    "T1",
    "T2",
    "T3",
    "T4",
    "T5",
    "Agreement",
    "AtMost",
    "Break",
    "Compare",
    "Order",
    "Outcome",
    "Tolerance",
    "agreement",
    "observed_order",
    "scaled",
]
