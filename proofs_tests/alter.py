"""Altering what was derived: every mutant of a claim's statements and of their definitions (see `redefine`), what became of it,
and what the claim's witness is like.

A mutant is put to the kernel too, by every reason that the derivation gave and by the theorem itself.  So four classes become:

    refuted       false at a witness
    equivalent    the same normal form, up to a factor; or each follows from the other, line by line, by the definitions
    weaker        it follows from the theorem, and the theorem not from it; or a bound that is further from the truth
    unprovable    not refuted, and the kernel refuses it for each of the reasons

What the kernel accepts and numbers refute, or what it accepts and doesn't follow from the theorem, survives: an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sympy as sp

from concordant.errors import BadInput
from concordant.proofs_tests.bridge import check
from concordant.proofs_tests.bridge.classify import Verdict, counts, verdicts
from concordant.proofs_tests.bridge.witness import Witness
from concordant.proofs_tests.mutants import Mutant, mutants
from concordant.proofs_tests.redefine import Definition, definitions, redefined
from concordant.proofs_tests.witnesses import WITNESSES, Factory, plain
from concordant.theory.derivation import Derivation as Derived
from concordant.theory.kernel.rules import Reason, Theorem, algebra, difference, given, line, using
from concordant.theory.kernel.terms import Expr, Refused, lift

#: Mutants tried of a claim when there is little time, and refuted ones that are shown.
FEW, SHOWN = 8, 5
WEAKER = "it follows by the definitions; that the theorem follows from it is not shown"
#: Multiples of a whole statement that say the same; negative ones for equations only.
MULTIPLES = (sp.Integer(1), sp.Integer(2), sp.Rational(1, 2), sp.Integer(-1), sp.Integer(-2), sp.Rational(-1, 2))


@dataclass(frozen=True)
class Altered:
    """What came of altering a claim."""

    mutants: dict[str, int]
    survivors: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


@dataclass
class Judge:
    """What the kernel says of statements that look like a theorem."""

    theorem: Theorem
    reasons: list[Reason] = field(init=False)
    known: Reason = field(init=False)
    assumed: list[Theorem] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[Any, Reason] = {}
        for one in everything(self.theorem):
            if one.rule == "line" and one.params:
                why = reason_of(one)
                key = (frozenset(why.definitions), frozenset(why.normalised), why.under_integral, why.ito)
                found.setdefault((*key, frozenset(map(id, why.cited))), why)
        self.known = definitions_of(self.theorem)
        hyps = sorted((h for h in self.theorem.hyps if h[0] == "given" and h[3] == "="), key=lambda h: str(h[1]))
        self.assumed = [given(label, a, b) for _, label, a, _, b in hyps]
        own = using(self.theorem)
        self.reasons = [own, own & self.known, self.known, *found.values()]

    def provable(self, lhs: Expr, rel: str, rhs: Expr) -> bool:
        """Whether the kernel accepts a statement by any reason of the derivation, or by the theorem itself."""
        return any(accepted(lhs, rel, rhs, why) for why in self.reasons)

    def equal(self, lhs: Expr, rhs: Expr, other: Expr, else_: Expr) -> bool:
        """Whether two statements are the same: multiples of each other in normal form, or either follows from the other."""
        return self.multiple(other, else_) or (self.follows(other, else_) and self.implies(other, else_))

    def multiple(self, lhs: Expr, rhs: Expr) -> bool:
        th = self.theorem
        for c in MULTIPLES:
            if c < 0 and th.rel != "=":
                continue
            try:
                if not difference(lift(c) * (th.lhs - th.rhs), lhs - rhs, algebra, th.hyps):
                    return True
            except (Refused, BadInput):
                continue
        return False

    def follows(self, lhs: Expr, rhs: Expr) -> bool:
        """Whether a statement is a line from the theorem, the definitions and what is given."""
        return any(accepted(lhs, self.theorem.rel, rhs, why) for why in self.with_known(using(self.theorem)))

    def implies(self, lhs: Expr, rhs: Expr) -> bool:
        """Whether the theorem is a line from a statement, the definitions and what is given."""
        th = self.theorem
        try:
            assumed = using(given("the altered statement", lhs, rhs, th.rel))
        except (Refused, BadInput):
            return False
        return any(accepted(th.lhs, th.rel, th.rhs, why) for why in self.with_known(assumed))

    def with_known(self, own: Reason) -> Iterator[Reason]:
        """A reason by itself, with the definitions, and with each thing given, or its opposite."""
        yield from (own, own & self.known, self.known)
        for g in self.assumed:
            yield from (own & g, own & g.inside(lambda e: -e), using(g))

    def same(self, m: Mutant) -> bool:
        """Whether the kernel takes what was altered for what it was."""
        th = self.theorem
        if m.rhs == th.rhs:
            return accepted(m.lhs, "=", th.lhs, self.known)
        if m.lhs == th.lhs:
            return accepted(m.rhs, "=", th.rhs, self.known)
        return accepted(m.lhs, th.rel, m.rhs, using(th) & self.known)

    def settle(self, v: Verdict) -> Verdict:
        """A verdict with the kernel's word in it."""
        m = v.mutant
        if v.kind == "refuted" and self.same(m):
            return Verdict(m, "unexplained", f"the kernel accepts it, and it is {v.reason}")
        if v.kind == "equivalent" and not self.multiple(m.lhs, m.rhs):
            return Verdict(m, v.kind, "each follows from the other by the definitions and by what is given")
        if v.kind == "unexplained" and self.follows(m.lhs, m.rhs) and not self.implies(m.lhs, m.rhs):
            return Verdict(m, "weaker", WEAKER)
        return v


def everything(th: Theorem, seen: set[int] | None = None) -> Iterator[Theorem]:
    """A theorem and all under it, each once."""
    seen = set() if seen is None else seen
    if id(th) not in seen:
        seen.add(id(th))
        for premise in th.premises:
            yield from everything(premise, seen)
        yield th


def reason_of(one: Theorem) -> Reason:
    """The reason of a line."""
    p = one.params or {}
    flags = p["under_integral"], p["ito"]
    return Reason(p["reason"], tuple(p["definitions"]), tuple(p["normalised"]), *flags, one.premises)


def definitions_of(th: Theorem) -> Reason:
    """All that a theorem's hypotheses define, as one reason."""
    found = tuple(sorted((h for h in th.hyps if h[0] in ("where", "where log")), key=lambda h: str(h[1])))
    normal = tuple(sorted(h[1] for h in th.hyps if h[0] == "normalised"))
    ito = any(one.rule == "line" and (one.params or {})["ito"] for one in everything(th))
    return Reason("the definitions", found, normal, bool(found), ito)


def accepted(lhs: Expr, rel: str, rhs: Expr, why: Reason) -> bool:
    """Whether the kernel accepts a line."""
    try:
        made = line(lhs, rhs, why)
    except (Refused, BadInput):
        return False
    return made.rel == rel or rel == ">="


# ------------------------------------------------------------------------------------------------ a claim
def sample(many: Sequence[Any], n: int) -> list[Any]:
    """At most n, evenly spread."""
    if len(many) <= n:
        return list(many)
    return [many[k * len(many) // n] for k in range(n)]


def alter(made: Derived, thorough: bool = True) -> Altered:
    """Every mutant of a claim's statements; or a few of each at the cheapest witness."""
    factories, found, known = WITNESSES[made.slug], list[Verdict](), set[Any]()
    for th, factory in zip(made.theorems, factories, strict=True):
        found += list(settled(th, factory, None if thorough else max(1, FEW // len(factories)), known))
    by = counts(found)
    alive = tuple(f"{v.mutant.label}: {v.reason}" for v in found if v.kind == "unexplained")
    refuted = [v for v in found if v.kind == "refuted"]
    shown = [refuted[k * len(refuted) // SHOWN] for k in range(SHOWN)] if len(refuted) > SHOWN else refuted
    total = {kind: n for kind, n in by.items() if kind != "unexplained"}
    return Altered(total, alive, tuple(f"{v.mutant.label}: {v.reason}" for v in shown), tuple(found))


@cache
def cheapest(factory: Factory) -> Witness:
    """A factory's cheapest witness, made once: it keeps the solutions that it has found."""
    return factory.at(plain())


def settled(th: Theorem, factory: Factory, few: int | None, known: set[Any] | None = None) -> Iterator[Verdict]:
    """The verdicts on one theorem's mutants, and on those of its definitions that are not `known` from another."""
    judge, known = Judge(th), set() if known is None else known
    new = [d for d in definitions(th) if d.hypothesis not in known]
    known |= {d.hypothesis for d in new}
    parts: list[Definition | None] = [None, *new]
    every = [(n, m) for n, d in enumerate(parts) for m in (d.mutants() if d else mutants(th.lhs, th.rel, th.rhs))]
    chosen = every if few is None else sample(every, few)
    witnesses: list[Witness] = list(factory(plain())) if few is None else [cheapest(factory)]
    for n, d in enumerate(parts):
        altered = [m for part, m in chosen if part == n]
        if d is None:
            found = verdicts(th, witnesses, judge.provable, judge.equal, altered=altered)
            yield from map(judge.settle, found)
        else:
            yield from redefined(d, witnesses, altered, _judged)


def _judged(th: Theorem) -> tuple[Any, Any, Any]:
    judge = Judge(th)
    return judge.provable, judge.equal, judge.settle


def witnessed(made: Derived) -> dict[str, list[str]]:
    """Of the claim's first witnesses: what is wrong, which analytic hypotheses do not hold by form, what nothing speaks of."""
    problems, untame, unchecked = list[str](), dict[str, None](), dict[str, None]()
    for th, factory in zip(made.theorems, WITNESSES[made.slug], strict=True):
        w = cheapest(factory)
        problems += check.problems(w, th)
        untame |= dict.fromkeys(check.untame(w, th))
        rest = (h[0] for h in map(check.inner, th.hyps) if h[0] in check.UNSPOKEN and h[0] not in check.TAME)
        unchecked |= dict.fromkeys(sorted(rest))
    return {"problems": problems, "untame": list(untame), "unchecked": list(unchecked)}
