"""Hypotheses, axioms and inferences in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sympy as sp

from concordant.theory.kernel.formula import Formula, NotAVector, take_apart
from concordant.theory.kernel.hypotheses import Hypothesis
from concordant.theory.kernel.notation import Notation, Style, split
from concordant.theory.kernel.rules import Theorem
from concordant.theory.kernel.terms import (
    Add,
    Arg,
    At,
    Bind,
    Expr,
    Field,
    Index,
    Num,
    Path,
    Point,
    Time,
    free,
    step,
    walk,
)

#: Kinds of hypotheses in the order in which they are told.
KINDS = (
    "abbreviation",
    "where",
    "where log",
    "chain",
    "law",
    "given",
    "equal at one time",
    "unique",
    "positive",
    "nonzero",
    "range",
    "normalised",
    "probability",
    "converges",
    "dominated",
    "integrable field",
    "square integrable",
    "test function",
    "continuous",
)
DEFINITIONS = ("abbreviation", "where", "where log")

#: What an inference, or an axiom, says.  The order is that of `axioms`.
RULES = {
    "line": "algebra: linearity, the product and chain rules, log of a product, contraction of indices",
    "Fubini": "Fubini's theorem, where integrals converge absolutely",
    "under_integral": "differentiation under the integral, where dominated",
    "normalised": "densities integrate to 1",
    "divergence theorem": "the divergence theorem: ∫ ∇·F dx = 0 for F and ∇·F integrable",
    "ito": "Itô's table: dw_i dw_j = δ_ij dt, all else 0",
    "Dynkin": "Dynkin's formula: the integral against dw of what is square integrable has mean zero",
    "fundamental lemma": "the fundamental lemma: continuous functions with the same integrals against all test functions are equal",
    "uniqueness": "uniqueness of the solution of an evolution equation",
    "Jensen": "Jensen's inequality for the logarithm",
    "average": "an inequality may be integrated against what is positive",
    "path marginal": "the mean along a chain of a function of x_k is its integral against the marginal",
    "path posterior": "the tower property of a chain, given x_k and x_0",
    "chain start": "the first marginal of a chain is its first kernel",
    "chain Bayes": "Bayes' rule for the posterior of a chain",
    "first term": "a sum is its first term and the rest",
    "last term": "a sum is its last term and the rest",
    "empty sum": "an empty sum is 0",
    "induction": "induction on the number of steps",
    "fundamental theorem": "the fundamental theorem of calculus",
    "exponential": "the logarithm is one to one",
    "instance": "what holds for all points holds at one",
    "time reversal": "the substitution t = T − τ",
}
INFERENCES = (
    "induction",
    "exponential",
    "average",
    "Jensen",
    "fundamental lemma",
    "uniqueness",
    "Dynkin",
    "time reversal",
    "instance",
)


def kind_of(h: Hypothesis) -> str:
    """The kind of a hypothesis; of what holds for every test function, the kind of that."""
    kind: str = h[2][0] if h[0] == "for every test function" else h[0]
    return kind


def reduced(raw: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Hypotheses without those that others say already: what is positive is not zero."""
    all_ = list(raw)
    positive = {h[1] for h in all_ if h[0] == "positive"}
    positive |= {Num(bare(h[1].value)) for h in all_ if h[0] == "positive" and isinstance(h[1], Num)}
    out = []
    for h in all_:
        if h[0] == "nonzero" and (h[1] in positive or (isinstance(h[1], Num) and Num(bare(h[1].value)) in positive)):
            continue
        if not _void(h):
            out.append(h)
    return out


def bare(c: sp.Expr) -> sp.Expr:
    """A scalar without the number before it."""
    _, powers = split([c])
    return sp.Mul(*(b**e for b, e in powers.items()))


def _void(h: Hypothesis) -> bool:
    """Whether it says only that zero is square integrable, or that its integral converges."""
    inner = h[2] if h[0] == "for every test function" else h
    if inner[0] == "converges":
        return bool(isinstance(inner[1], Bind) and take_apart(inner[1].body).number == 0)
    return bool(inner[0] == "square integrable" and take_apart(inner[1]).number == 0)


class Speaker:
    """Says things in one style."""

    def __init__(self, style: Style, notation: Notation, known: Iterable[Expr] = ()) -> None:
        self.style = style
        self.formula, self.plainly = Formula(style, notation), Formula(style, notation, kl=False)
        self._shown: dict[tuple[Any, ...], str] = {}
        #: each field at its most general arguments
        self.fields: dict[str, Field] = {}
        parts = [one for e in known for one in walk(e)]
        ends = {one.high for one in parts if isinstance(one, Bind) and one.kind in ("sum", "prod")}
        for one in parts:
            if isinstance(one, Field):
                before = self.fields.get(one.name)
                if before is None or _generality(one, ends) > _generality(before, ends):
                    self.fields[one.name] = one

    # ------------------------------------------------------------------------------------------------ formulas
    def math(self, text: str) -> str:
        return f"${text}$" if self.style.tex else text

    def shown(self, e: Expr, hide: Index | None = None, kl: bool = True) -> str:
        key = (e, hide, kl, self.formula.clock)
        if key not in self._shown:
            self._shown[key] = (self.formula if kl else self.plainly).show(e, hide).text
        return self._shown[key]

    def side(self, e: Expr, of: list[Expr], kl: bool = True) -> str:
        """One of several expressions that are compared: vectors, if one index is free in all and each is a vector."""
        self._set_clock(of)
        indices = [{v for v in free(a) if isinstance(v, Index)} for a in of if a != Num(sp.Integer(0))]
        if indices and all(len(s) == 1 and s == indices[0] for s in indices):
            (hide,) = indices[0]
            try:
                for a in of:
                    self.shown(a, hide, kl)
                return self.shown(e, hide, kl)
            except NotAVector:
                pass
        return self.shown(e, None, kl)

    def _set_clock(self, of: Iterable[Expr]) -> None:
        """dt is dτ where τ is the only time."""
        times = {v.name for e in of for v in free(e) if isinstance(v, Time)}
        clock = self.formula.name(times.pop()).text if len(times) == 1 else "t"
        self.formula.clock = self.plainly.clock = clock

    def equation(self, lhs: Expr, rel: str, rhs: Expr) -> str:
        both = [lhs, rhs]
        return f"{self.side(lhs, both)} {self.style.signs[rel]} {self.side(rhs, both)}"

    def one(self, e: Expr) -> str:
        return self.math(self.side(e, [e], kl=False))

    def scalar(self, c: sp.Expr) -> str:
        return self.formula.scalar(c).text

    def point(self, x: Arg) -> str:
        return self.formula.arg(x).text

    def symbol(self, name: str) -> str:
        """A field by its name alone, or with its arguments where the name alone would not tell it from others."""
        field = self.fields.get(name, Field(name))
        said = self.formula.field(name).name
        others = [n for n in self.fields if n != name and self.formula.field(n).name == said]
        if others:
            return self.at_large(name)
        bold = field.comps[0] if field.comps else None
        if name.startswith("d") and len(name) > 1:
            return self.formula.show(field, bold).text
        return self.formula.name(said, bold is not None).text

    def at_large(self, name: str) -> str:
        """A field with its arguments."""
        field = self.fields.get(name, Field(name))
        return self.shown(field, field.comps[0] if field.comps else None)

    def abbreviations_in_words(self) -> list[tuple[str, str]]:
        """Each abbreviation: its name, and what it stands for, in terms of those before it."""
        out, all_ = [], self.formula.abbreviations
        for n, (symbol, what) in enumerate(all_):
            self.formula.abbreviations = all_[:n]
            name = self.scalar(symbol)
            out.append((name, self.math(f"{name} {self.style.signs[':=']} {self.scalar(what)}")))
        self.formula.abbreviations = all_
        return out

    # ------------------------------------------------------------------------------------------------ hypotheses
    def hypothesis(self, h: Hypothesis) -> str:
        """A hypothesis as a sentence, without a full stop."""
        signs = self.style.signs
        match h:
            case ("for every test function", phi, inner):
                return f"for every test function {self.math(self.symbol(phi))}: {self.hypothesis(inner)}"
            case ("converges", e):
                out = ", multiplied out," if any(isinstance(one, Add) for one in walk(e)) else ""
                shown = self.side(e, [e], kl=False).removeprefix(signs["minus"])
                return f"{self.math(shown)} converges absolutely{out}".rstrip(",")
            case ("dominated", e):
                return f"the derivative {self.one(e)} may be taken under the integral"
            case ("positive", Num(c)):
                return self.math(f"{self.scalar(c)} > 0")
            case ("nonzero", Num(c)):
                return self.math(f"{self.scalar(c)} {signs['!=']} 0")
            case ("positive", name):
                return self.math(f"{self.at_large(name)} > 0")
            case ("nonzero", name):
                return self.math(f"{self.at_large(name)} {signs['!=']} 0")
            case ("where" | "where log" as kind, name, args, comps, body):
                return self.math(self.definition(kind, Field(name, args, comps), body))
            case ("normalised", name):
                points = [a for a in self.fields.get(name, Field(name)).args if isinstance(a, Point)]
                over = signs["measure"] + self.point(points[0]) if points else ""
                return self.math(f"{signs['int']} {self.at_large(name)}{over} = 1")
            case ("probability", e, x):
                return f"{self.one(e)} is a probability density in {self.math(self.point(x))}"
            case ("integrable field", f, i, x):
                field = self._vector(f, i)
                return f"the field {field} and its divergence are integrable over {self.math(self.point(x))}"
            case ("square integrable", f, i):
                return f"{self._vector(f, i)} is square integrable over the law and time"
            case ("range", low, high):
                return self.math(f"{self.scalar(low)} {signs['<=']} {self.scalar(high)}")
            case ("law", x, t, p, dx):
                process = self.math(self.shown(Field(dx, (x, t), (Index("i"),)), Index("i")))
                return f"the process with the differential {process} has the density {self.one(p)} at the time {self.math(self.scalar(t))}"
            case ("equal at one time", lhs, rhs):
                return f"{self.math(self.equation(lhs, '=', rhs))} at one time"
            case ("given", label, lhs, rel, rhs):
                return f"{label}: {self.math(self.equation(lhs, rel, rhs))}"
            case ("unique", lhs, rhs, name):
                equation = self.math(self.equation(lhs, "=", rhs))
                of = self.math(self.symbol(name))
                return f"{equation} has one solution {of} with given values at that time"
            case ("test function", phi):
                return f"{self.math(self.symbol(phi))} is smooth with compact support"
            case ("continuous", e):
                return f"{self.one(e)} is continuous"
            case ("chain", law, q, m, r, x0, last):
                return self.chain(law, q, m, r, x0, last)
        raise TypeError(h)

    def _vector(self, f: Expr, i: Index) -> str:
        try:
            return self.math(self.shown(f, i))
        except NotAVector:
            return self.one(f)

    def definition(self, kind: str, field: Field, body: Expr) -> str:
        """name(args) := body; a density whose logarithm is a Gaussian's as that Gaussian."""
        hide = field.comps[0] if field.comps else None
        self._set_clock([field])
        try:
            left, right = self.shown(field, hide), self.shown(body, hide, kl=False)
        except NotAVector:
            left, right = self.shown(field), self.shown(body, kl=False)
        log, means = self.style.signs["log"], self.style.signs[":="]
        if kind == "where log":
            if right.startswith(log + self.style.signs["normal"]):
                return f"{left} {means} {right.removeprefix(log)}"
            left = log + left
        return f"{left} {means} {right}"

    def chain(self, law: str, q: str, m: str, r: str, x0: Point, last: Any) -> str:
        """What a chain is."""
        k, w = step("k"), Path("w")
        here, before = At(w, k), At(w, k - 1)

        def say(name: str, *args: Arg) -> str:
            return self.math(self.shown(Field(name, (k, *args))))

        law_ = self.math(self.formula.name(self.formula.display(law)).text)
        x, x_, last_ = (
            self.math(self.point(here)),
            self.math(self.point(before)),
            self.math(f"k = 1, …, {self.scalar(last)}"),
        )
        return (
            f"under {law_}, the points {x} are a Markov chain from {self.math(self.point(x0))} with the kernels "
            f"{say(q, here, before)}, {last_}; {say(m, here, x0)} is the law of {x}, and {say(r, before, here, x0)} "
            f"that of {x_} given {x}"
        )

    # ------------------------------------------------------------------------------------------------ axioms, inferences
    def axiom(self, th: Theorem) -> str:
        """An axiom as a thing that is cited."""
        p = th.params or {}
        match th.rule:
            case "given":
                return f"the assumption that {p['label']}" if is_clause(p["label"]) else p["label"]
            case "definition":
                return f"the definition of {self.math(self.symbol(p['definition'][1]))}"
            case "divergence theorem":
                return f"the divergence theorem for {self._vector(p['field'], p['index'])}"
            case "first term" | "last term":
                return f"splitting off the {th.rule}"
            case "empty sum":
                return "the sum being empty"
            case "chain start":
                return "the start of the chain"
            case "chain Bayes":
                return "Bayes' rule for the chain"
            case "path marginal":
                return "the marginal of the chain"
            case "path posterior":
                return "the tower property of the chain"
        return f"the {th.rule}"

    def inference(self, th: Theorem, cites: list[str]) -> str:
        """Why an inference holds."""
        p, first = th.params or {}, cites[0] if cites else ""
        match th.rule:
            case "induction":
                return f"by induction on {self.math(self.scalar(p['n']))}, from {first} with {cites[1]}"
            case "exponential":
                return f"by {first}, without the logarithms"
            case "average":
                return f"by {first}, integrated against {self.one(p['weight'])}"
            case "Jensen":
                return f"by Jensen's inequality and {first}"
            case "fundamental lemma":
                return f"by {first}, for every test function {self.math(self.symbol(p['phi']))}"
            case "uniqueness":
                return f"since both solve the same equation ({', '.join(cites)}) and are equal at one time"
            case "Dynkin":
                return f"by taking the mean of {first}, where the noise has mean zero"
            case "time reversal":
                equation = f"{self.scalar(p['t'])} = {self.scalar(p['end'] - p['tau'])}"
                return f"by {first} at {self.math(equation)}"
            case "instance":
                return f"by {first} at {self.math(self.point(p['x']) + ' = ' + self.point(p['by']))}"
        raise TypeError(f"{th.rule!r} is no inference")


def is_clause(words: str) -> bool:
    """Whether words have a verb (or an equals sign)."""
    return re.search(r"\b(is|are|has|solves|obeys|telescopes)\b|=", words) is not None


def _generality(f: Field, ends: set[Any]) -> tuple[int, int, int]:
    """A variable for a step is more general than a number or the last step; then points at steps, then points."""
    at, steps = 0, list[sp.Expr]()
    for a in f.args:
        match a:
            case At(_, k):
                at += 1
                steps.append(k)
            case sp.Basic():
                steps.append(a)
    special = sum(s in ends or not s.free_symbols or bool(s.free_symbols & ends) for s in steps)
    return (
        -special,
        at if any(isinstance(a, sp.Symbol) for a in f.args) else -at,
        sum(isinstance(a, Point) for a in f.args),
    )


__all__ = ["DEFINITIONS", "INFERENCES", "KINDS", "RULES", "Speaker", "is_clause", "kind_of", "reduced"]
