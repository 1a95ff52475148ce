"""Witnesses: all that makes a statement's symbols concrete, and the numbers that its two sides then are.

    s = Setting(case.line())
    w = Witness(s.boxes, fields={"p": s.marginal, "q": s.kernel, "p_0": s.clean, "s": wave("s", 1)},
                constants={"alpha": s.alpha, "sigma": s.sigma}, at={"x": s.points()})
    left, right, scale = w.sides(theorem)

A definition `where p := …` among the hypotheses is used to compute p, unless the witness has a field of that name; then that
field stands in the statement, and `problems` (see `check`) compares it with the definition.  That is the bridge: the exact
oracle's marginal is the p of the statement.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.proofs_tests.bridge.evaluate import Evaluator
from concordant.proofs_tests.bridge.fields import Box
from concordant.proofs_tests.bridge.nodes import Nodes
from concordant.proofs_tests.bridge.tame import Kind
from concordant.proofs_tests.bridge.values import Callback, Chain, Definition, Logged
from concordant.theory.kernel.terms import Expr, Index, Point, Variable

Hypothesis = tuple[Any, ...]


class Statement(Protocol):
    """What a theorem says: lhs = rhs or lhs ≥ rhs, under hypotheses."""

    @property
    def lhs(self) -> Expr: ...
    @property
    def rel(self) -> str: ...
    @property
    def rhs(self) -> Expr: ...
    @property
    def hyps(self) -> frozenset[Hypothesis]: ...


@dataclass(frozen=True)
class Said:
    """A statement made by hand: nothing says that it holds."""

    lhs: Expr
    rel: str
    rhs: Expr
    hyps: frozenset[Hypothesis] = frozenset()


class Sides(NamedTuple):
    """The values of the two sides, for all free indices and steps first, and the scale of their rounding errors."""

    left: Tensor
    right: Tensor
    scale: Tensor


def definitions(hyps: Iterable[Hypothesis]) -> dict[str, Definition]:
    """The definitions among hypotheses."""
    found = (h for h in hyps if h[0] in ("where", "where log"))
    return {h[1]: Definition(tuple(h[2]), tuple(h[3]), h[4], h[0] == "where log") for h in found}


def chains(hyps: Iterable[Hypothesis]) -> dict[str, Chain]:
    """The chains among hypotheses, by law."""
    return {h[1]: Chain(h[2], h[5]) for h in hyps if h[0] == "chain"}


class Rules(Mapping[str, Nodes]):
    """The nodes of boxes, made when they are needed."""

    def __init__(self, boxes: Mapping[str, Box], coarser: float, wider: float) -> None:
        self.boxes, self.coarser, self.wider = boxes, coarser, wider
        self.made: dict[str, Nodes] = {}

    def __getitem__(self, name: str) -> Nodes:
        if name not in self.made:
            self.made[name] = self.boxes[name].nodes(self.coarser, self.wider)
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.boxes)

    def __len__(self) -> int:
        return len(self.boxes)


#: Index values tried for each free index.
MOST_INDICES = 4


@dataclass(frozen=True)
class Witness:
    """Fields, constants, functions of time and curves by name (see `Evaluator`), boxes to integrate over by variable ("" for
    all others), and in `at` the values of free variables by name: points (B, D), times (B,) or a number, steps (a number, or
    several), paths {step: points}.  Points that it doesn't give are drawn.  `kinds` says what the fields are like (see `tame`).
    """

    boxes: Mapping[str, Box]
    fields: Mapping[str, Callback | Logged] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    functions: Mapping[str, Callback] = field(default_factory=dict)
    curves: Mapping[str, Callback] = field(default_factory=dict)
    at: Mapping[str, Any] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    name: str = ""

    @property
    def dimension(self) -> int:
        return len(next(iter(self.boxes.values())).low)

    def evaluator(
        self, hyps: Iterable[Hypothesis] = (), *, coarser: float = 1.0, wider: float = 1.0, without: str = ""
    ) -> Evaluator:
        """An evaluator under these hypotheses' definitions and chains; `without` leaves one field to its definition."""
        hyps = list(hyps)
        return Evaluator(
            self.dimension,
            {name: f for name, f in self.fields.items() if name != without},
            self.constants,
            self.functions,
            definitions(hyps),
            Rules(self.boxes, coarser, wider),
            chains(hyps),
            self.curves,
        )

    # ------------------------------------------------------------------------------------------------ free variables
    @property
    def batch(self) -> int:
        """How many points there are in a batch."""
        tensors = [v for v in self.at.values() if isinstance(v, Tensor)]
        return max([v.shape[0] for v in tensors if v.ndim > 0], default=4)

    def drawn(self, name: str) -> Tensor:
        """A batch of points, the same for a name: normal, about the middle of the box."""
        box = self.boxes.get(name, self.boxes.get("", next(iter(self.boxes.values()))))
        low, high = f64(box.low), f64(box.high)
        random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        return (low + high) / 2 + (high - low) / 12 * torch.randn(
            self.batch, len(low), generator=random, dtype=torch.float64
        )

    def environments(self, variables: Iterable[Variable]) -> Iterator[dict[Variable, Any]]:
        """Values of the variables: one turn for each choice of indices and steps."""
        looped: dict[Variable, list[int]] = {}
        fixed: dict[Variable, Any] = {}
        for v in sorted(variables, key=lambda v: v.name):
            if isinstance(v, Index):
                stride = max(1, self.dimension // MOST_INDICES)
                looped[v] = list(range(0, self.dimension, stride))[:MOST_INDICES]
            elif v.name in self.at:
                value = self.at[v.name]
                if isinstance(value, (list, tuple, range)):
                    looped[v] = list(value)
                else:
                    fixed[v] = value
            elif isinstance(v, Point):
                fixed[v] = self.drawn(v.name)
        for chosen in itertools.product(*looped.values()):
            yield fixed | dict(zip(looped, chosen, strict=True))

    # ------------------------------------------------------------------------------------------------ values
    def values(self, evaluator: Evaluator, *many: Expr, sizes: bool = False) -> list[Tensor]:
        """The values of expressions (or their sizes) at the witness, on one grid of free indices and steps."""
        variables = {v for e in many for v in evaluator.variables(e)}
        of = evaluator.size if sizes else evaluator.value
        rows = [[of(e, env) for e in many] for env in self.environments(variables)]
        grids = [torch.stack(torch.broadcast_tensors(*column)) for column in zip(*rows, strict=True)]
        deepest = max(g.ndim for g in grids)
        # what is the same at all points, δ_ij say, has no axis for them: the axis of the grid stays the first
        return [g.reshape(-1, *[1] * (deepest - 1)) if g.ndim == 1 else g for g in grids]

    def sides(self, statement: Statement, evaluator: Evaluator | None = None) -> Sides:
        """Both sides of a statement and their scale: the sum of the absolute values of all terms."""
        evaluator = evaluator or self.evaluator(statement.hyps)
        left, right = torch.broadcast_tensors(*self.values(evaluator, statement.lhs, statement.rhs))
        scale = sum(self.values(evaluator, statement.lhs, statement.rhs, sizes=True))
        return Sides(left, right, torch.as_tensor(scale))
