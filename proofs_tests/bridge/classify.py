"""What becomes of a mutant: false, not provable, weaker, the same, or an error.

    refuted      its two sides differ at a witness that satisfies the hypotheses: by more than 1e-6 of the sum of the absolute
                 values of all terms (or the inequality fails by that much).  Where there are integrals, both sides must keep
                 their values, to a tenth of that difference, when boxes grow: an integral that diverges, or a quadrature that
                 fails, refutes nothing.
    equivalent   equal at every witness, and of the same normal form as the original
    weaker       a bound that moves away from the truth, at every witness, by a term that was dropped
    unprovable   the kernel refuses it and numbers can't refute it
    unexplained  none of these: an error

Witnesses come cheapest first.  One in D ≥ 2 belongs among them: in D = 1 wrong contractions and a lost D are invisible.  For a
bound, one where it is tight or nearly so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from concordant.proofs_tests.bridge.evaluate import Evaluator
from concordant.proofs_tests.bridge.values import Unevaluable
from concordant.proofs_tests.bridge.witness import Said, Sides, Statement, Witness
from concordant.proofs_tests.mutants import Mutant, mutants
from concordant.theory.kernel.terms import Bind, Expr, walk

Class = Literal["refuted", "unprovable", "weaker", "equivalent", "unexplained"]
Equal = Callable[[Expr, Expr, Expr, Expr], bool]
Provable = Callable[[Expr, str, Expr], bool]

#: A relative difference that is one.
APART = 1e-6


@dataclass(frozen=True)
class Verdict:
    """The class of a mutant, and how one knows."""

    mutant: Mutant
    kind: Class
    reason: str


class Trial(NamedTuple):
    """One statement at one witness."""

    by: float
    fails: bool
    settled: bool


class _Place:
    """A witness with evaluators that keep the original's values."""

    def __init__(self, statement: Statement, w: Witness, coarser: float) -> None:
        self.statement, self.w = statement, w
        self.near = w.evaluator(statement.hyps, coarser=coarser)
        self.far = w.evaluator(statement.hyps, coarser=coarser, wider=1.2)
        self.original = w.sides(statement, self.near)
        self.prepared = False
        own = float(self.gap(Said(statement.lhs, statement.rel, statement.rhs), self.original).max())
        if not own < APART / 10:
            raise ValueError(f"at {w.name or 'a witness'} the statement itself is off by {own:.1g}")

    def wide(self) -> Evaluator:
        if not self.prepared:
            self.w.sides(self.statement, self.far)
            self.prepared = True
        return self.far

    def sides(self, m: Said, evaluator: Evaluator) -> Sides:
        with evaluator.scope():
            return self.w.sides(m, evaluator)

    def gap(self, m: Said, s: Sides) -> Tensor:
        """How far from true, relative to the scale: NaN nowhere, 0 where nothing can be said."""
        difference = s.right - s.left if m.rel == ">=" else (s.left - s.right).abs()
        return torch.nan_to_num(difference / s.scale, nan=0.0, posinf=0.0, neginf=0.0)

    def tried(self, m: Said) -> Trial:
        """Whether m fails here, by how much, and whether the numbers can be relied on."""
        s = self.sides(m, self.near)
        gap = self.gap(m, s).expand(s.left.shape).flatten()
        worst = int(gap.argmax())
        by = float(gap[worst])
        settled = bool(s.left.isfinite().all() & s.right.isfinite().all())
        if by <= APART:
            return Trial(by, fails=False, settled=settled)
        if any(isinstance(one, Bind) and one.kind in ("int", "path") for e in (m.lhs, m.rhs) for one in walk(e)):
            other = self.sides(m, self.wide())
            pairs = ((s.left, other.left), (s.right, other.right))
            moved = sum(float((a.flatten()[worst] - b.flatten()[worst]).abs()) for a, b in pairs)
            settled = moved <= 0.1 * float((s.left.flatten()[worst] - s.right.flatten()[worst]).abs())
        return Trial(by, fails=settled, settled=settled)

    def lowers(self, m: Said) -> bool:
        """Whether the bound of m is nowhere closer than the original's."""
        s, o = self.sides(m, self.near), self.original
        return bool((s.left >= o.left - APART * o.scale).all() & (s.right <= o.right + APART * o.scale).all())


def verdicts(
    statement: Statement,
    witnesses: Iterable[Witness],
    provable: Provable | None = None,
    equal: Equal | None = None,
    coarser: float = 1.25,
    altered: Sequence[Mutant] | None = None,
) -> Iterator[Verdict]:
    """The class of every mutant of a statement.

    `provable` says whether the kernel accepts a statement for any of the reasons that the derivation used (without it nothing
    is unprovable), `equal(lhs, rhs, lhs', rhs')` whether two statements have the same normal form.  `coarser` multiplies the
    spacing of nodes in two dimensions and more, where six digits do.
    """
    every = list(mutants(statement.lhs, statement.rel, statement.rhs)) if altered is None else altered
    waiting = list(witnesses)
    places: list[_Place] = []
    for mutant in every:
        m = Said(mutant.lhs, statement.rel, mutant.rhs, statement.hyps)
        silent: list[str] = []
        found: Verdict | None = None
        for n in range(len(places) + len(waiting)):
            if n == len(places):
                w = waiting.pop(0)
                places.append(_Place(statement, w, coarser if w.dimension > 1 else 1.0))
            place = places[n]
            if silent and place.w.dimension > 1:
                continue  # what diverges on a line does so in the plane
            try:
                trial = place.tried(m)
            except Unevaluable as error:
                silent.append(str(error))
                continue
            if trial.fails:
                found = Verdict(mutant, "refuted", f"off by {trial.by:.1g} at {place.w.name or f'witness {n + 1}'}")
                break
            if not trial.settled:
                silent.append("an integral in it diverges, or has no value")
        yield found or _survivor(statement, mutant, m, places, silent, provable, equal)


def _survivor(
    statement: Statement,
    mutant: Mutant,
    m: Said,
    places: Sequence[_Place],
    silent: Sequence[str],
    provable: Provable | None,
    equal: Equal | None,
) -> Verdict:
    """The class of a mutant that numbers don't refute."""
    if not silent and equal is not None and equal(statement.lhs, statement.rhs, m.lhs, m.rhs):
        return Verdict(mutant, "equivalent", "the same normal form, and the same numbers")
    if not silent and m.rel == ">=" and "drop term" in mutant.label and all(p.lowers(m) for p in places):
        return Verdict(mutant, "weaker", "a term that is not negative is left out of the bound")
    if provable is not None and not provable(m.lhs, m.rel, m.rhs):
        return Verdict(mutant, "unprovable", silent[0] if silent else "the kernel refuses it; numbers can't refute it")
    return Verdict(mutant, "unexplained", silent[0] if silent else "numbers can't refute it")


def counts(found: Iterable[Verdict]) -> dict[str, int]:
    """How many mutants, in all and by class, as the ledger has it."""
    by: Counter[str] = Counter(v.kind for v in found)
    classes = ("refuted", "unprovable", "weaker", "equivalent", "unexplained")
    return {"total": sum(by.values()), **{kind: by[kind] for kind in classes}}
