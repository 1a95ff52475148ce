"""Theorems, reasons, and the one judgment by which a line holds.

A `Theorem` says: under its hypotheses, lhs = rhs (or lhs ≥ rhs).  Only the functions of this file make theorems.  Each
either finds that what it is asked holds, or raises `Refused` with the reason.  What it assumes is in the theorem's
hypotheses, and a certificate of the whole is checked once more by `replay`, which shares no code with this.

Free variables are universal: a theorem holds for all points, indices, times and steps (within its ranges).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from concordant.theory.kernel import hypotheses as h
from concordant.theory.kernel.canonical import normal_form
from concordant.theory.kernel.prenex import Calculus, Definition, Term, ordered
from concordant.theory.kernel.terms import (
    HOLE,
    SPECIAL,
    Bind,
    D,
    Expr,
    Index,
    Num,
    Point,
    Refused,
    Step,
    Time,
    children,
    fill,
    free,
    lift,
    names,
)

Relation = Literal["=", ">="]
_MINE = object()


@dataclass(frozen=True, eq=False)
class Theorem:
    """A statement that has been derived.  It can't be made by hand.

    >>> from concordant.theory.kernel.examples import *
    >>> th = line(p(x) + p(x), 2 * p(x), algebra)
    >>> Theorem(None, th.rule, th.lhs, "=", th.rhs, th.hyps)
    Traceback (most recent call last):
    TypeError: theorems are made by rules
    """

    token: object
    rule: str
    lhs: Expr
    rel: Relation
    rhs: Expr
    hyps: frozenset[h.Hypothesis]
    premises: tuple[Theorem, ...] = ()
    params: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.token is not _MINE:
            raise TypeError("theorems are made by rules")

    def __and__(self, other: Reason | Theorem) -> Reason:
        return using(self) & other

    def inside(self, context: Callable[[Expr], Any]) -> Theorem:
        """Equals in any context.  What the context binds around the hole binds in the sides too: they hold for all values.

        >>> from concordant.theory.kernel.examples import *
        >>> mean = line(integral(p(x), x), 1, normalised("p")).inside(lambda e: q(y) * e)
        >>> mean.rule, mean.lhs == q(y) * integral(p(x), x)
        ('congruence', True)
        """
        if self.rel != "=":
            raise Refused("congruence is for equations")
        around = lift(context(HOLE))
        hyps = _closed(around, self.hyps)
        if hyps is None:
            raise Refused("the context has no hole")
        return make_theorem(
            "congruence", fill(around, self.lhs), "=", fill(around, self.rhs), hyps, (self,), {"context": around}
        )


def make_theorem(
    rule: str,
    lhs: Any,
    rel: Relation,
    rhs: Any,
    hyps: Iterable[h.Hypothesis] = (),
    premises: Iterable[Theorem] = (),
    params: dict[str, Any] | None = None,
) -> Theorem:
    """A theorem; its definitions are one to a name, and closed."""
    found, where = frozenset(hyps), dict[str, h.Hypothesis]()
    for one in found:
        if one[0] in ("where", "where log") and where.setdefault(one[1], one) != one:
            raise Refused(f"two definitions of {one[1]}")
        if one[0] == "chain" and where.setdefault("a chain", one) != one:
            raise Refused("two chains")
    return Theorem(_MINE, rule, lift(lhs), rel, lift(rhs), found, tuple(premises), params or {})


def _closed(context: Expr, hyps: Iterable[h.Hypothesis]) -> set[h.Hypothesis] | None:
    """Hypotheses with their ranges closed over the steps that the context binds around its hole; None without a hole."""
    if context == HOLE:
        return set(hyps)
    found = [c for c in (_closed(child, hyps) for child in children(context)) if c is not None]
    if not found:
        return None
    out = set().union(*found)
    match context:
        case Bind("sum" | "prod", k, _, low, high):
            h.not_shared(out, k, kinds=("chain",))
            out = {g for one in out for g in h.range_at_ends(one, k, low, high)}
        case Bind(_, var) | D(_, var):
            h.not_shared(out, var)
    return out


# ------------------------------------------------------------------------------------------------ reasons and lines
@dataclass(frozen=True)
class Reason:
    """Why a line holds: what may be used in it, and which theorems it cites.  `&` joins reasons.

    >>> from concordant.theory.kernel.examples import *
    >>> (under_integral & normalised("p")).text
    'differentiation under the integral; p integrates to 1'
    >>> swapped = line(d_dt(integral(p(x, t), x), t), integral(d_dt(p(x, t), t), x), under_integral)
    >>> sorted(h[0] for h in swapped.hyps)
    ['converges', 'converges', 'dominated']
    """

    text: str
    definitions: tuple[h.Hypothesis, ...] = ()
    normalised: tuple[str, ...] = ()
    under_integral: bool = False
    ito: bool = False
    cited: tuple[Theorem, ...] = ()

    def __and__(self, other: Reason | Theorem) -> Reason:
        b = _reason(other)
        return Reason(
            f"{self.text}; {b.text}",
            self.definitions + b.definitions,
            self.normalised + b.normalised,
            self.under_integral or b.under_integral,
            self.ito or b.ito,
            self.cited + b.cited,
        )

    @property
    def pointwise(self) -> bool:
        """Whether nothing but algebra is used."""
        return not (self.definitions or self.normalised or self.under_integral or self.ito or self.cited)


algebra = Reason("algebra")
under_integral = Reason("differentiation under the integral", under_integral=True)
ito_table = Reason("Itô's table", ito=True)


def using(*theorems: Theorem, text: str = "") -> Reason:
    """By theorems.

    >>> from concordant.theory.kernel.examples import *
    >>> mass = line(integral(p(x), x), 1, normalised("p"))
    >>> line(integral(p(x), x) ** 2, integral(p(x), x), using(mass.inside(lambda e: e * integral(p(x), x)))).rel
    '='
    """
    return Reason(text or " and ".join(t.rule for t in theorems), cited=theorems)


def normalised(*fields: str) -> Reason:
    """∫ q(x, …) dx = 1 over the first argument.

    >>> from concordant.theory.kernel.examples import *
    >>> line(integral(p(x) * q(y), x), q(y), normalised("p")).rel
    '='
    """
    return Reason(f"{', '.join(fields)} integrates to 1", normalised=fields)


def definition(name: str, args: Iterable[Any], body: Any, comps: Iterable[Index] = ()) -> Reason:
    """name(args)_comps := body.

    >>> from concordant.theory.kernel.examples import *
    >>> line(p(x), 2 * q(x), definition("p", (x,), 2 * q(x))).rel
    '='
    """
    return Reason(f"definition of {name}", (make_definition("where", name, tuple(args), tuple(comps), lift(body)),))


def log_density(name: str, args: Iterable[Any], body: Any) -> Reason:
    """log name(args) := body.  A density given by its logarithm: no exponential is ever written.

    >>> from concordant.theory.kernel.examples import *
    >>> law = log_density("p", (x,), 2 * q(x))
    >>> line(grad(p(x), x).at(i), 2 * p(x) * grad(q(x), x).at(i), law).rel
    '='
    """
    return Reason(f"definition of {name}", (make_definition("where log", name, tuple(args), (), lift(body)),))


def make_definition(kind: str, name: str, args: tuple[Any, ...], comps: tuple[Index, ...], body: Expr) -> h.Hypothesis:
    if len(set(args)) != len(args) or not all(isinstance(a, (Point, Time, Step)) for a in args):
        raise Refused(f"the arguments of {name} must be distinct variables")
    if stray := free(body) - set(args) - set(comps):
        raise Refused(f"the definition of {name} mentions {', '.join(map(str, stray))}, which it does not bind")
    if name in names(body):
        raise Refused(f"{name} is defined by itself")
    if name in SPECIAL:
        raise Refused(f"{name} has a meaning of its own")
    return kind, name, args, comps, body


def _reason(why: Reason | Theorem) -> Reason:
    return why if isinstance(why, Reason) else using(why)


def _calculus(why: Reason) -> Calculus:
    if both := {d[1] for d in why.definitions} & set(why.normalised):
        raise Refused(f"{', '.join(both)} can't be written out and integrated to 1 on one line")
    definitions = [Definition(d[1], d[2], d[3], d[4], d[0] == "where log") for d in dict.fromkeys(why.definitions)]
    ordered(definitions)
    return Calculus(definitions, frozenset(why.normalised), why.under_integral, why.ito)


def difference(lhs: Expr, rhs: Expr, why: Reason, hyps: Iterable[h.Hypothesis] = ()) -> dict[str, Term]:
    """The normal form of lhs - rhs - Σ (cited lhs - cited rhs), under hypotheses that some scalars are positive.

    >>> from concordant.theory.kernel.examples import *
    >>> difference(p(x) * (p(x) + 1), p(x) ** 2 + p(x), algebra)
    {}
    """
    if why.pointwise:
        lhs, rhs = h.strip(lhs, rhs)
    c = _calculus(why)
    positive = tuple(sorted({g[1].value for g in hyps if g[0] == "positive" and isinstance(g[1], Num)}, key=str))
    signed = [(1, lhs), (-1, rhs)] + [(s, e) for t in why.cited for s, e in ((-1, t.lhs), (1, t.rhs))]
    terms = [replace(t, coef=s * t.coef) for s, e in signed for t in c.terms(e, {})]
    return normal_form(c.rewrite(terms), positive)


def line(lhs: Any, rhs: Any, by: Reason | Theorem) -> Theorem:
    """lhs = rhs, or ≥ if a cited theorem is an inequality: the difference less what is cited has the empty normal form.

    >>> from concordant.theory.kernel.examples import *
    >>> sorted(line(grad(log(p(x)), x).at(i), grad(p(x), x).at(i) / p(x), algebra).hyps)
    [('nonzero', 'p'), ('positive', 'p')]
    >>> line(integral(p(x), x) ** 2, integral(p(x) ** 2, x), algebra)
    Traceback (most recent call last):
    concordant.theory.kernel.names.Refused: by algebra there is left over: 1 · p^1 p^1; -1 · p^2
    """
    lhs, rhs, why = lift(lhs), lift(rhs), _reason(by)
    cited = [e for t in why.cited for e in (t.lhs, t.rhs)]
    own = h.of_line(lhs, rhs, cited, why.definitions, why.under_integral, why.pointwise)
    hyps = own.union({("normalised", n) for n in why.normalised}, *(t.hyps for t in why.cited))
    if left := difference(lhs, rhs, why, hyps):
        over = "; ".join(
            f"{t.coef} · {' '.join(f'{f.name}^{n}' for f, n in t.factors)}" for t in list(left.values())[:3]
        )
        raise Refused(f"by {why.text} there is left over: {over}")
    rel: Relation = ">=" if any(t.rel == ">=" for t in why.cited) else "="
    params = {
        "definitions": list(dict.fromkeys(why.definitions)),
        "normalised": sorted(set(why.normalised)),
        "ito": why.ito,
        "under_integral": why.under_integral,
        "reason": _said(lhs, rhs, why),
    }
    return make_theorem("line", lhs, rel, rhs, hyps, why.cited, params)


def _said(lhs: Expr, rhs: Expr, why: Reason) -> str:
    """The reason in words; algebra that needs Fubini says so."""
    if not why.pointwise:
        return why.text
    return "linearity and Fubini" if any(next(h.outermost_integrals(e), None) for e in h.strip(lhs, rhs)) else why.text


class Derivation:
    """A chain of lines, each with its reason.

    >>> from concordant.theory.kernel.examples import *
    >>> made = derive(integral(p(x) * q(y), x)).to(q(y) * integral(p(x), x), by=algebra).to(q(y), by=normalised("p")).qed()
    >>> made.rule, made.lhs == integral(p(x) * q(y), x), made.rhs == q(y)
    ('chain', True, True)
    """

    def __init__(self, start: Any) -> None:
        self.start = lift(start)
        self.lines: list[Theorem] = []

    def to(self, rhs: Any, by: Reason | Theorem) -> Derivation:
        """The next line."""
        try:
            self.lines.append(line(self.lines[-1].rhs if self.lines else self.start, rhs, by))
        except Refused as error:
            raise Refused(f"line {len(self.lines) + 1}: {error}") from None
        return self

    def qed(self) -> Theorem:
        """The theorem: from the first line to the last."""
        rel: Relation = ">=" if any(t.rel == ">=" for t in self.lines) else "="
        hyps = frozenset[h.Hypothesis]().union(*(t.hyps for t in self.lines))
        return make_theorem("chain", self.start, rel, self.lines[-1].rhs, hyps, self.lines)


derive = Derivation
