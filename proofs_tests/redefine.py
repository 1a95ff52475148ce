"""Altering definitions: the bodies of `p := ∫ q p0` and `log q := …` in every small way, as statements are.

What decides is the witness:

    p is the implementation's    "p(x) = ∫ q p0" is a statement of its own, about the implementation, and altered as one
    dx is a differential         the implementation's density must obey the Fokker-Planck equation of the altered one
    neither                      the theorem is evaluated under the altered definition

So an altered definition that is refuted is false of the implementation, or makes the theorem false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from concordant.proofs_tests.bridge.check import with_values
from concordant.proofs_tests.bridge.classify import APART, Verdict, verdicts
from concordant.proofs_tests.bridge.law import NoDifferential, fokker_planck, with_density
from concordant.proofs_tests.bridge.values import Unevaluable
from concordant.proofs_tests.bridge.witness import Hypothesis, Said, Witness
from concordant.proofs_tests.mutants import Mutant, mutants
from concordant.theory.kernel.rules import Reason, Theorem, algebra, difference, line
from concordant.theory.kernel.terms import ZERO, Add, Expr, Field, Log, Refused, names


@dataclass(frozen=True)
class Definition:
    """A definition among a theorem's hypotheses."""

    theorem: Theorem
    hypothesis: Hypothesis

    @property
    def name(self) -> str:
        name: str = self.hypothesis[1]
        return name

    @property
    def body(self) -> Expr:
        body: Expr = self.hypothesis[4]
        return body

    @property
    def field(self) -> Expr:
        """What is defined: p(x), or log p(x)."""
        kind, name, args, comps, _ = self.hypothesis
        return Field(name, args, comps) if kind == "where" else Log(Field(name, args))

    def said(self) -> Theorem:
        """The definition as a theorem."""
        return line(self.field, self.body, Reason(f"definition of {self.name}", (self.hypothesis,)))

    def with_body(self, body: Expr) -> frozenset[Hypothesis]:
        """The theorem's hypotheses with another body in this definition."""
        return (self.theorem.hyps - {self.hypothesis}) | {(*self.hypothesis[:4], body)}

    @property
    def idle(self) -> bool:
        """Whether nothing else in the theorem mentions it: it was an abbreviation on the way."""
        others = self.theorem.hyps - {self.hypothesis}
        return not any(_mentions(e, self.name) for e in (self.theorem.lhs, self.theorem.rhs, *others))

    def mutants(self) -> list[Mutant]:
        """Every alteration of the body."""
        label = f"{self.name} := "
        every = mutants(ZERO, "=", self.body)
        return [Mutant(label + m.label.removeprefix("right: "), self.field, m.rhs) for m in every]


def definitions(th: Theorem) -> list[Definition]:
    """All definitions of a theorem, in the order of their names."""
    found = (h for h in th.hyps if h[0] in ("where", "where log"))
    return [Definition(th, h) for h in sorted(found, key=lambda h: str(h[1]))]


def _mentions(e: Any, name: str) -> bool:
    if isinstance(e, Expr):
        return name in names(e)
    return any(_mentions(a, name) for a in e) if isinstance(e, tuple) else bool(e == name)


Settle = Callable[[Theorem], tuple[Any, Any, Callable[[Verdict], Verdict]]]


def redefined(
    d: Definition, witnesses: Iterable[Witness], chosen: Sequence[Mutant], judge: Settle
) -> Iterator[Verdict]:
    """The verdicts on alterations of a definition; `judge` says how the kernel judges what looks like a theorem."""
    every = list(witnesses)
    own = [with_values(w, d.theorem, Add((d.field, d.body))) for w in every if d.name in w.fields]
    laws = [h for h in d.theorem.hyps if h[0] == "law" and h[4] == d.name]
    if own:
        said = d.said()
        provable, equal, settle = judge(said)
        statement = Said(said.lhs, said.rel, said.rhs, d.theorem.hyps)
        yield from map(settle, verdicts(statement, own, provable, equal, altered=chosen))
    elif d.idle:
        yield from (Verdict(m, "equivalent", "nothing else in the statement mentions it") for m in chosen)
    elif laws:
        yield from _of_a_law(d, laws[0], every, chosen)
    else:
        yield from (_of_the_theorem(d, every, m) for m in chosen)


def _of_a_law(
    d: Definition, law: Hypothesis, witnesses: Sequence[Witness], chosen: Sequence[Mutant]
) -> Iterator[Verdict]:
    (i,) = d.hypothesis[3]
    law = with_density(law, d.theorem)
    right = fokker_planck(law, d.body, i, d.theorem.hyps)
    places = [with_values(w, d.theorem, Add((right.lhs, right.rhs))) for w in witnesses]
    for m in chosen:
        try:
            wrong = fokker_planck(law, m.rhs, i, d.theorem.hyps)
        except NoDifferential as error:
            yield Verdict(m, "unprovable", f"no differential: {error}")
            continue
        (found,) = verdicts(right, places, _never, _same_sides, altered=[Mutant(m.label, wrong.lhs, wrong.rhs)])
        yield replace(found, mutant=m)


def _never(*_: Any) -> bool:
    """The kernel derives the equation of the differential that is defined, and no other."""
    return False


def _same_sides(lhs: Expr, rhs: Expr, other: Expr, else_: Expr) -> bool:
    try:
        return not difference(rhs, else_, algebra)
    except Refused:
        return False


def _of_the_theorem(d: Definition, witnesses: Sequence[Witness], m: Mutant) -> Verdict:
    """The theorem under an altered definition."""
    th, hyps = d.theorem, d.with_body(m.rhs)
    said, silent = Said(th.lhs, th.rel, th.rhs, hyps), ""
    for w in witnesses:
        if silent and w.dimension > 1:
            continue  # what diverges on a line does so in the plane
        try:
            near = w.sides(said, w.evaluator(hyps))
            gap = (near.right - near.left) if th.rel == ">=" else (near.left - near.right).abs()
            off = torch.nan_to_num(gap / near.scale, nan=0.0, posinf=0.0, neginf=0.0).expand(near.left.shape)
            if bool((off <= APART).all()):
                if not bool(near.left.isfinite().all() & near.right.isfinite().all()):
                    silent = "an integral in it diverges, or has no value"
                continue
            far = w.sides(said, w.evaluator(hyps, wider=1.2))
        except Unevaluable as error:
            silent = str(error)
            continue
        moved = (near.left - far.left).abs() + (near.right - far.right).abs()
        firm = (off > APART) & (moved <= 0.1 * (near.left - near.right).abs())
        if bool(firm.any()):
            return Verdict(m, "refuted", f"off by {float(off[firm].max()):.1g} at {w.name or 'a witness'}")
        silent = "an integral in it diverges, or has no value"
    if not silent and _follows(d, m.rhs):
        return Verdict(m, "equivalent", "the same by the definition")
    if not _derivable(d, m.rhs):
        return Verdict(m, "unprovable", silent or "the kernel refuses it; numbers can't refute it")
    return Verdict(m, "unexplained", silent or "the kernel accepts it under this definition, too")


def _follows(d: Definition, body: Expr) -> bool:
    try:
        return not difference(d.body, body, algebra)
    except Refused:
        return False


def _derivable(d: Definition, body: Expr) -> bool:
    """Whether the theorem is a line by all its definitions, this one altered."""
    found = tuple(sorted((h for h in d.with_body(body) if h[0] in ("where", "where log")), key=lambda h: str(h[1])))
    normal = tuple(sorted(h[1] for h in d.theorem.hyps if h[0] == "normalised"))
    for ito in (False, True):
        try:
            line(d.theorem.lhs, d.theorem.rhs, Reason("the definitions", found, normal, True, ito))
        except Refused:
            continue
        return True
    return False
