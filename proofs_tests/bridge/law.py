"""What a law is in numbers: the density of a process obeys the Fokker-Planck equation of its differential.

dx_i = b_i dt + g_i dw_i        ∂_t p = -Σ_i ∂_i(b_i p) + ½ Σ_i ∂_i²(g_i² p)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from concordant.proofs_tests.bridge.witness import Hypothesis, Said, Statement
from concordant.theory.kernel.terms import (
    DT,
    DW,
    Add,
    Bind,
    D,
    Expr,
    Field,
    Index,
    Mul,
    Point,
    Time,
    d_dt,
    indices,
    lift,
    names,
    rebuild,
    substitute,
)


class NoDifferential(Exception):
    """Not of the form drift dt + noise dw."""


def split(body: Expr, i: Index) -> tuple[Expr, Expr]:
    """Drift and noise of a differential's coordinate i.

    >>> from concordant.theory.kernel.formula import plain
    >>> from concordant.theory.kernel.terms import vector
    >>> x, i = Point("x"), Index("i")
    >>> b, g = split(vector("b")(x).at(i) * Field(DT) + 2 * Field(DW, (), (i,)), i)
    >>> plain(b), plain(g)
    ('b_i(x)', '2')
    """
    drift, noise = list[Expr](), list[Expr]()
    for term in body.terms if isinstance(body, Add) else (body,):
        factors = term.factors if isinstance(term, Mul) else (term,)
        small = [a for a in factors if isinstance(a, Field) and a.name in (DT, DW)]
        rest = tuple(a for a in factors if a not in small)
        if len(small) != 1 or {DT, DW} & names(Mul(rest)) or small[0].comps not in ((), (i,)):
            raise NoDifferential(f"{len(small)} factors dt or dw in a term")
        (drift if small[0].name == DT else noise).append(Mul(rest))
    return Add(tuple(drift)), Add(tuple(noise))


def fokker_planck(law: Hypothesis, body: Expr, i: Index, hyps: Iterable[Hypothesis]) -> Said:
    """The equation that the density of a law obeys whose differential has this body."""
    _, x, t, p, _ = law
    assert isinstance(x, Point)
    assert isinstance(t, Time)
    drift, noise = split(body, i)
    carried = Bind("con", i, D(Mul((p, drift)), x, i))
    spread = Bind("con", i, D(D(Mul((p, noise, noise)), x, i), x, i))
    return Said(d_dt(p, t), "=", -carried + lift(sp.Rational(1, 2)) * spread, frozenset(hyps))


def with_density(law: Hypothesis, statement: Statement) -> Hypothesis:
    """The law with what the statement says that its density is: a witness may have the density by a solver, of which no
    derivative can be taken, and the statement is checked to hold there."""
    same = law[3] == statement.lhs and statement.rel == "="
    return (*law[:3], statement.rhs, law[4]) if same else law


def solved(e: Expr, name: str, statement: Statement) -> Expr:
    """An expression in which what the statement says the field to be stands for the field, as in `with_density`."""
    match statement.lhs:
        case Field(field, args) if field == name and statement.rel == "=":
            return _put(e, name, args, statement.rhs)
    return e


def _put(e: Expr, name: str, params: tuple[Any, ...], by: Expr) -> Expr:
    if isinstance(e, Field) and e.name == name:
        return substitute(by, dict(zip(params, e.args, strict=True)))
    return rebuild(e, lambda a: _put(a, name, params, by))


def slope(law: Hypothesis, body: Expr, i: Index) -> Expr:
    """∂_j b_i of the drift."""
    j = next(Index(c) for c in "jkl" if Index(c) not in indices(body) | {i})
    return D(split(body, i)[0], law[1], j)


def differential(law: Hypothesis, hyps: Iterable[Hypothesis]) -> Hypothesis | None:
    """The definition of the differential that a law names."""
    return next((h for h in hyps if h[0] == "where" and h[1] == law[4]), None)
