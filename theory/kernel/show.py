"""A derivation in print: statement, lines with their reasons, and what is assumed, all made from the checked theorem.

Sentences come in two styles, `tex` (words, with formulas between dollar signs) and `plain` (unicode).  A theorem's tree is
told as numbered steps: what is cited comes before what cites it, and the theorem itself is the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy.core.function import AppliedUndef

from concordant.theory.kernel import sentences
from concordant.theory.kernel.formula import plain, tex
from concordant.theory.kernel.hypotheses import Hypothesis as Raw
from concordant.theory.kernel.notation import PLAIN, TEX, Notation
from concordant.theory.kernel.rules import Theorem
from concordant.theory.kernel.sentences import DEFINITIONS, INFERENCES, KINDS, RULES, Speaker, is_clause
from concordant.theory.kernel.terms import DIM, Bind, Const, Expr, Field, Num, Point, walk

Place = tuple[int, int]


@dataclass(frozen=True)
class Statement:
    """What a theorem says; `note` is a remark that belongs to it."""

    tex: str
    plain: str
    note_tex: str = ""
    note: str = ""


@dataclass(frozen=True)
class Hypothesis:
    """What is assumed or defined, as a sentence; `used_at` are the lines (step, number) that need it by themselves."""

    kind: str
    tex: str
    plain: str
    used_at: tuple[Place, ...] = ()

    @property
    def is_definition(self) -> bool:
        return self.kind in DEFINITIONS


@dataclass(frozen=True)
class Line:
    """A line of a step: relation ("" for the expression that a step starts from), formula, reason, the steps that it cites,
    and what is needed here for the first time."""

    step: int
    number: int
    relation: str
    tex: str
    plain: str
    reason_tex: str = ""
    reason: str = ""
    cites: tuple[int, ...] = ()
    needs: tuple[Hypothesis, ...] = ()


def through(th: Theorem) -> Theorem:
    """The theorem under congruences and remarks: what was shown, without the context in which it was used."""
    while th.rule in ("congruence", "independent"):
        th = th.premises[0]
    return th


def same(th: Theorem, premise: Theorem) -> bool:
    """Whether a line says no more than what it cites."""
    return (th.lhs, th.rel, th.rhs) == (premise.lhs, premise.rel, premise.rhs)


class Story:
    """The steps of a theorem, and their texts."""

    def __init__(self, theorem: Theorem, notation: Notation | None = None) -> None:
        self.theorem, self.notation = theorem, notation or {}
        self.steps: list[Theorem] = []
        self.numbers: dict[int, int] = {}
        self._sentences: dict[Raw, tuple[str, str]] = {}
        self._known: dict[tuple[Any, ...], int] = {}
        self._visit(through(theorem))

    # ------------------------------------------------------------------------------------------------ steps
    def _lines(self, step: Theorem) -> tuple[Theorem, ...]:
        return step.premises if step.rule == "chain" else (step,)

    def cited(self, line: Theorem) -> tuple[Theorem, ...]:
        """What a line cites: the premises, or those of an inference of which it is a mere repetition."""
        if line.rule == "line" and len(line.premises) == 1 and same(line, line.premises[0]):
            inner = line.premises[0]
            if inner.rule in INFERENCES:
                return tuple(map(through, inner.premises))
        return tuple(map(through, line.premises))

    def own(self, line: Theorem) -> set[Raw]:
        """Hypotheses that a line does not have from the steps that it cites; what is said of every test function is old."""
        old = set[Raw]().union(*(p.hyps for p in self.cited(line) if id(p) in self.numbers))
        return {h for h in line.hyps - old if h[0] != "for every test function" or h[2] not in old}

    def _visit(self, th: Theorem) -> None:
        """Number th after all that it cites; axioms get no number, and equal steps one."""
        if th.rule not in INFERENCES and th.rule not in ("chain", "line"):
            return
        if id(th) in self.numbers:
            return
        for line in self._lines(th):
            for premise in self.cited(line):
                self._visit(premise)
        key = (th.rule, *self._told(th))
        if key not in self._known:
            self.steps.append(th)
            self._known[key] = len(self.steps)
        self.numbers[id(th)] = self._known[key]

    def _told(self, th: Theorem) -> Iterator[str]:
        """A step as it is told: two that differ only in the names of free indices are one."""
        speaker = self.speakers[1]
        lines = self._lines(th)
        sides = [lines[0].lhs, *(line.rhs for line in lines)]
        yield from (speaker.side(e, sides) for e in sides)
        yield from (self._reason(line, speaker) for line in lines)

    # ------------------------------------------------------------------------------------------------ texts
    @cached_property
    def speakers(self) -> tuple[Speaker, Speaker]:
        known = [e for th in _all(self.theorem) for e in (th.lhs, th.rhs)]
        return Speaker(TEX, self.notation, known), Speaker(PLAIN, self.notation, known)

    def both(self, say: Callable[[Speaker], str]) -> tuple[str, str]:
        tex_, plain_ = map(say, self.speakers)
        return tex_, plain_

    def side(self, e: Expr, of: list[Expr]) -> tuple[str, str]:
        return self.both(lambda s: s.side(e, of))

    def sentence(self, h: Raw) -> tuple[str, str]:
        if h not in self._sentences:
            self._sentences[h] = self.both(lambda s: s.hypothesis(h))
        return self._sentences[h]

    def reason(self, line: Theorem) -> tuple[str, str]:
        return self.both(lambda s: self._reason(line, s))

    def statement(self) -> Statement:
        th = self.theorem
        if th.rule == "independent":
            name = (th.params or {})["name"]
            note = self.both(lambda s: f"the right side does not depend on {s.math(s.symbol(name))}")
        else:
            note = ("", "")
        return Statement(*self.both(lambda s: s.equation(th.lhs, th.rel, th.rhs)), *note)

    def lines(self) -> list[Line]:
        out: list[Line] = []
        seen: set[str] = set()
        for number, step in enumerate(self.steps, 1):
            chain = self._lines(step)
            start = chain[0].lhs
            sides = [start, *(line.rhs for line in chain)]
            out.append(Line(number, 0, "", *self.side(start, sides)))
            for n, line in enumerate(chain, 1):
                needs = [h for h in self._hypotheses(self.own(line)) if h.plain not in seen]
                seen |= {h.plain for h in needs}
                cites = [self.numbers[id(p)] for p in self.cited(line) if id(p) in self.numbers]
                relation = PLAIN.signs[line.rel]
                out.append(
                    Line(
                        number,
                        n,
                        relation,
                        *self.side(line.rhs, sides),
                        *self.reason(line),
                        tuple(dict.fromkeys(cites)),
                        tuple(needs),
                    )
                )
        return out

    def hypotheses(self) -> list[Hypothesis]:
        """Definitions first, then assumptions kind by kind, each once."""
        places: dict[str, list[Place]] = {}
        for number, step in enumerate(self.steps, 1):
            for n, line in enumerate(self._lines(step), 1):
                for h in self._hypotheses({*(own := self.own(line)), *_declared(line, own)}):
                    places.setdefault(_inner(h.plain), []).append((number, n))
        found = self._hypotheses({*self.theorem.hyps, *_declared(self.theorem, self.theorem.hyps)})
        made = [Hypothesis(h.kind, h.tex, h.plain, tuple(places.get(_inner(h.plain), ()))) for h in found]
        short = zip(*(s.abbreviations_in_words() for s in self.speakers), strict=True)
        text = " ".join([h.tex for h in made] + [self.side(e, [e])[0] for th in self.steps for e in (th.lhs, th.rhs)])
        said: list[Hypothesis] = []
        for (name, t), (_, p) in reversed(list(short)):
            if name in text:
                said.insert(0, Hypothesis("abbreviation", t, p))
                text += t
        return said + self._in_order(made)

    def _hypotheses(self, raw: Iterable[Raw]) -> list[Hypothesis]:
        found = sentences.reduced(raw)
        made = [Hypothesis(sentences.kind_of(h), *self.sentence(h)) for h in found]
        unique = {h.plain: h for h in made}
        return sorted(unique.values(), key=lambda h: (KINDS.index(h.kind), len(h.plain), h.plain))

    def _in_order(self, made: list[Hypothesis]) -> list[Hypothesis]:
        """Kind by kind, in the order of their first use."""
        return sorted(made, key=lambda h: (KINDS.index(h.kind), h.used_at[:1] or ((len(self.steps), 0),)))

    # ------------------------------------------------------------------------------------------------ reasons
    def _cite(self, th: Theorem, s: Speaker) -> str:
        """A theorem as a thing that is cited: its step, or the axiom that it is."""
        th = through(th)
        return f"step {self.numbers[id(th)]}" if id(th) in self.numbers else s.axiom(th)

    def _reason(self, line: Theorem, s: Speaker) -> str:
        if line.rule != "line":
            return self._inference(line, s)
        if len(line.premises) == 1 and same(line, line.premises[0]) and line.premises[0].rule in INFERENCES:
            return self._inference(line.premises[0], s)
        params = line.params or {}
        parts = []
        if names := list(dict.fromkeys(d[1] for d in params["definitions"])):
            parts.append(f"the definition{'s' * (len(names) > 1)} of {_list([s.math(s.symbol(n)) for n in names])}")
        if params["ito"]:
            parts.append("Itô's table")
        if params["under_integral"]:
            over = _integrated(line)
            where = f" over {_list([s.math(s.point(x)) for x in over])}" if over else ""
            parts.append(f"differentiation under the integral{where}")
        if params["normalised"]:
            parts.append(f"the normalisation of {_list([s.math(s.symbol(n)) for n in params['normalised']])}")
        if line.premises:
            parts.append(self._cited_in_words(line, s))
        if not parts:
            return {"algebra": "by algebra"}.get(params["reason"], "by linearity and Fubini's theorem")
        clauses = [p for p in parts if p.startswith("since ")]
        things = [p for p in parts if not p.startswith("since ")]
        return ", and ".join([*(["by " + _list(things)] if things else []), *clauses])

    def _cited_in_words(self, line: Theorem, s: Speaker) -> str:
        """The author's words where there are some, with the steps; else the steps and axioms."""
        words = [w for w in (line.params or {})["reason"].split("; ") if not _standard(w, line)]
        cites = list(dict.fromkeys(self._cite(p, s) for p in line.premises))
        steps = [c for c in cites if c.startswith("step ")]
        if not words or words == ["as above"]:
            return _list(cites)
        said = "; ".join(words)
        if is_clause(said):
            said = f"since {said}"
        return f"{said} ({', '.join(steps)})" if steps else said

    def _inference(self, th: Theorem, s: Speaker) -> str:
        cites = [self._cite(p, s) for p in th.premises]
        return s.inference(th, cites)


def _standard(words: str, line: Theorem) -> bool:
    """Whether words of a reason are the kernel's own."""
    if words.startswith("definition of ") or words.endswith(" integrates to 1"):
        return True
    rules = {p.rule for p in line.premises}
    return words in ("differentiation under the integral", "Itô's table") or set(words.split(" and ")) <= rules


def _declared(th: Theorem, hyps: Iterable[Raw]) -> Iterator[Raw]:
    """What the scalars in a statement and in its hypotheses are declared to be: positive."""
    told = [th.lhs, th.rhs, *(part for h in hyps for part in h[1:] if isinstance(part, Expr))]
    for inner in (one for e in told for one in walk(e) if isinstance(one, Num)):
        for scalar in inner.value.atoms(Const, AppliedUndef) - {DIM}:
            if scalar.is_positive:
                yield "positive", Num(scalar)


def _inner(sentence: str) -> str:
    """A sentence without "for every test function φ"."""
    return sentence.partition(": ")[2] if sentence.startswith("for every test function") else sentence


def _integrated(line: Theorem) -> list[Point]:
    """The points over which integrals are taken that stand, or stand by definition, under derivatives of the line."""
    bodies = {d[1]: d[-1] for d in (line.params or {})["definitions"]}
    found: dict[Point, None] = {}

    def look(e: Expr) -> None:
        for one in walk(e):
            if isinstance(one, Bind) and isinstance(one.var, Point):
                found[one.var] = None
            if isinstance(one, Field) and one.name in bodies:
                look(bodies[one.name])

    for h in line.hyps:
        if h[0] == "dominated" and any(h[1] in walk(e) for e in (line.lhs, line.rhs, *bodies.values())):
            look(h[1])
    return list(found)


def _list(parts: list[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""


def _all(th: Theorem) -> Iterator[Theorem]:
    seen: set[int] = set()

    def go(one: Theorem) -> Iterator[Theorem]:
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            for p in one.premises:
                yield from go(p)

    return go(th)


# ------------------------------------------------------------------------------------------------ what others call
def statement(theorem: Theorem, notation: Notation | None = None) -> Statement:
    """What the theorem says."""
    return Story(theorem, notation).statement()


def hypothesis_text(h: Raw, notation: Notation | None = None, known: Iterable[Expr] = ()) -> tuple[str, str]:
    """A hypothesis as a sentence, in TeX and plain; `known` are expressions in which its fields occur with arguments."""
    of = list(known)
    return Speaker(TEX, notation or {}, of).hypothesis(h), Speaker(PLAIN, notation or {}, of).hypothesis(h)


def axioms(theorem: Theorem) -> list[str]:
    """The rules and axioms that the derivation rests on, as sentences, in a fixed order."""
    used: set[str] = set()
    given: dict[str, None] = {}
    for th in _all(theorem):
        params: Mapping[str, Any] = th.params or {}
        if th.rule in RULES:
            used.add(th.rule)
        if th.rule == "line":
            used |= {flag for flag in ("ito", "under_integral", "normalised") if params[flag]}
            used |= {"Fubini"} if any(h[0] == "converges" for h in th.hyps) else set()
        if th.rule == "given":
            given[params["label"]] = None
        for h in th.hyps:
            if h[0] == "given":
                given[h[1]] = None
    return [text for rule, text in RULES.items() if rule in used] + [f"given: {label}" for label in sorted(given)]


__all__ = [
    "Hypothesis",
    "Line",
    "Statement",
    "axioms",
    "hypothesis_text",
    "plain",
    "statement",
    "tex",
]
