"""What a line assumes, read off the expressions as they were written (FORMAT.md states it exactly).

A hypothesis is data: a tuple (kind, …).  Those of a line depend on nothing but the line, so that the replay, which shares no
code with this, finds the same or refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from concordant.theory.kernel.terms import (
    Along,
    At,
    Bind,
    Const,
    D,
    Expr,
    Field,
    Log,
    Mul,
    Num,
    Power,
    Refused,
    children,
    names,
    walk,
)

Hypothesis = tuple[Any, ...]
ANALYTIC = ("int", "path", "time")


def scalar_factors(c: sp.Expr) -> Iterator[sp.Expr]:
    """The factors of a scalar, powers replaced by their bases."""
    for part in sp.Mul.make_args(c):
        yield from scalar_factors(part.base) if isinstance(part, sp.Pow) else (part,)


def evidently_positive(c: sp.Expr) -> bool:
    """A positive rational, π, e to a power, or declared positive."""
    if isinstance(c, sp.Rational):
        return bool(c > 0)
    if isinstance(c, (Const, AppliedUndef)):
        return bool(c.is_positive)
    return c is sp.pi or isinstance(c, sp.exp)


def _apart(base: Expr, kind: str) -> Iterator[Hypothesis]:
    """What must be positive, or not zero, for the logarithm or the reciprocal of a product."""
    match base:
        case Mul(factors):
            for a in factors:
                yield from _apart(a, kind)
        case Power(inner, _):
            yield from _apart(inner, kind)
        case Bind("prod", _, body) if kind == "positive":
            yield from _apart(body, kind)
        case Field(name, _, ()):
            yield kind, name
        case Num(c):
            for f in scalar_factors(c):
                if isinstance(f, sp.Rational) and (f < 0 if kind == "positive" else f == 0):
                    raise Refused(f"the logarithm of {f}" if kind == "positive" else "division by zero")
                if not evidently_positive(f) and not isinstance(f, sp.Rational):
                    yield kind, Num(f)
        case _:
            what = "logarithm" if kind == "positive" else "reciprocal"
            raise Refused(f"the {what} of a sum, an integral or a component: name it first")


def _scalars(e: Expr) -> Iterator[sp.Expr]:
    for one in walk(e):
        match one:
            case Num(c):
                yield c
            case Field(_, args, _):
                for a in args:
                    yield from (a.step,) if isinstance(a, At) else (a.time,) if isinstance(a, Along) else ()
                    if isinstance(a, sp.Basic):
                        yield a
            case Bind(_, _, _, low, high, _):
                yield from (b for b in (low, high) if b is not None)


def _of_scalar(c: sp.Expr) -> Iterator[Hypothesis]:
    for power in (p for p in sp.preorder_traversal(c) if isinstance(p, sp.Pow)):
        for f in scalar_factors(power.base):
            if evidently_positive(f):
                continue
            if power.exp.is_Rational and power.exp.q == 2:
                yield "positive", Num(f)
            if power.exp.is_negative and not isinstance(f, sp.Rational):
                yield "nonzero", Num(f)


def side_conditions(e: Expr) -> set[Hypothesis]:
    """Positivity under logarithms and roots, and what may not vanish in a denominator."""
    out: set[Hypothesis] = set()
    for one in walk(e):
        match one:
            case Log(of):
                out |= set(_apart(of, "positive"))
            case Power(base, n) if n < 0:
                out |= set(_apart(base, "nonzero"))
    return out.union(*(_of_scalar(c) for c in _scalars(e)))


def outermost_integrals(e: Expr) -> Iterator[Bind]:
    """Integrals, over space, time or paths, that stand in no other."""
    if isinstance(e, Bind) and e.kind in ANALYTIC:
        yield e
        return
    for child in children(e):
        yield from outermost_integrals(child)


def _derivatives_of_integrals(e: Expr, integrals: set[str]) -> Iterator[D]:
    """Outermost derivatives that stand over an integral, or over a field defined by one."""
    if isinstance(e, D):
        over = any(isinstance(one, Bind) and one.kind in ANALYTIC for one in walk(e.body))
        if over or names(e.body) & integrals:
            yield e
        return
    for child in children(e):
        yield from _derivatives_of_integrals(child, integrals)


def strip(lhs: Expr, rhs: Expr) -> tuple[Expr, Expr]:
    """Both sides without the binders that they begin with in common: what is equal pointwise needs no convergence."""
    while isinstance(lhs, Bind) and isinstance(rhs, Bind) and _head(lhs) == _head(rhs):
        lhs, rhs = lhs.body, rhs.body
    return lhs, rhs


def _head(b: Bind) -> tuple[Any, ...]:
    return b.kind, b.var, b.low, b.high, b.law


def of_line(
    lhs: Expr,
    rhs: Expr,
    cited: Iterable[Expr],
    definitions: Iterable[Hypothesis],
    under_integral: bool,
    pointwise: bool,
) -> set[Hypothesis]:
    """The hypotheses of a line itself; those of what it cites come on top."""
    if pointwise:
        lhs, rhs = strip(lhs, rhs)
    sides, definitions = [lhs, rhs, *cited], list(definitions)
    bodies = [d[-1] for d in definitions]
    out: set[Hypothesis] = {("converges", b) for e in sides for b in outermost_integrals(e)}
    if under_integral:
        integrals = {d[1] for d in definitions if next(outermost_integrals(d[-1]), None) is not None}
        out |= {("dominated", d) for e in sides + bodies for d in _derivatives_of_integrals(e, integrals)}
    return out.union(definitions, *(side_conditions(e) for e in sides + bodies))


def evident(low: sp.Expr, high: sp.Expr) -> bool:
    """low ≤ high, since the difference is a number that is not negative."""
    gap = high - low
    return isinstance(gap, sp.Integer) and gap >= 0


def ranges(*pairs: tuple[Any, Any]) -> set[Hypothesis]:
    """The ranges low ≤ high that are not evident."""
    return {("range", a, b) for a, b in ((sp.sympify(a), sp.sympify(b)) for a, b in pairs) if not evident(a, b)}


def range_at_ends(h: Hypothesis, k: sp.Symbol, low: sp.Expr, high: sp.Expr | None) -> set[Hypothesis]:
    """A range that mentions k, for all k from low to high (None: without end), as a range that doesn't."""
    if h[0] != "range" or not any(k in side.free_symbols for side in h[1:]):
        return {h}
    gap = h[2] - h[1]
    slope = gap.xreplace({k: k + 1}) - gap
    if not isinstance(slope, sp.Integer):
        raise Refused(f"a range that is not affine in {k}")
    end = low if slope >= 0 else high
    if end is None:
        raise Refused(f"{h[1]} ≤ {h[2]} fails for large {k}")
    return ranges((h[1].xreplace({k: end}), h[2].xreplace({k: end})))


def not_shared(hyps: Iterable[Hypothesis], *variables: Any, kinds: tuple[str, ...] = ("range", "chain")) -> None:
    """Raise `Refused` if a variable is one that the statement shares with its ranges or its chain: it is not universal."""
    for one in hyps:
        if one[0] not in kinds:
            continue
        symbols = set().union(*(c.free_symbols for c in one[1:] if isinstance(c, sp.Basic)))
        if shared := {v for v in variables if v in symbols or v in one[1:]}:
            raise Refused(f"{', '.join(map(str, shared))} is not free: the {one[0]} among the hypotheses is about it")


def reached(start: Iterable[str], hyps: Iterable[Hypothesis]) -> set[str]:
    """The names of fields, and of those that their definitions mention, all the way down."""
    bodies = {g[1]: names(g[4]) for g in hyps if g[0] in ("where", "where log")}
    found, front = set(start), list(start)
    while front:
        new = bodies.get(front.pop(), set()) - found
        found |= new
        front += new
    return found
