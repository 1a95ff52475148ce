"""Mutants: a statement altered in every small way that a slip of the pen might, one at a time, in a fixed order.

    sign, ×2, ×½        of a side, and of each term of each sum
    drop                each term of a sum, each factor of a product, each derivative, each logarithm
    power ± 1           each exponent, of expressions and inside scalars
    swap, replace       arguments of a field with each other, or with another variable in scope; components likewise
    shift               steps that a field is looked at, bounds of sums; bounds of times exchanged
    field               another field of the statement of the same shape
    scalar              each constant or function for another of the statement, each factor left out, each sign
    turned round        an inequality

None equals the original, no two are equal.  Which of them are false, and how one knows, `bridge.classify` finds out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from concordant.theory.kernel.terms import (
    COORDINATE,
    DELTA,
    Add,
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
    Point,
    Power,
    Step,
    Time,
    children,
    free,
    walk,
)

Made = tuple[str, Expr]
HALF, ONE = sp.Rational(1, 2), sp.Integer(1)


@dataclass(frozen=True)
class Mutant:
    """An altered statement; the relation is the original's."""

    label: str
    lhs: Expr
    rhs: Expr


def mutants(lhs: Expr, rel: str, rhs: Expr) -> Iterator[Mutant]:
    """Every mutant of lhs = rhs or lhs ≥ rhs.

    >>> from concordant.theory.kernel.terms import scalar
    >>> p, x = scalar("p"), Point("x")
    >>> [m.label for m in mutants(p(x), "=", 2 * p(x))]
    ['right: sign', 'right: ×2', 'right: ×½', 'right: drop factor p']
    """
    seen = {(lhs, rhs)}
    make = _Maker([lhs, rhs])
    sides = [
        *((f"left: {label}", e, rhs) for label, e in make.alter(lhs, root=rel != "=")),
        *((f"right: {label}", lhs, e) for label, e in make.alter(rhs, root=True)),
        *([("turned round", rhs, lhs)] if rel == ">=" else []),
    ]
    for label, left, right in sides:
        if (left, right) not in seen:
            seen.add((left, right))
            yield Mutant(label, left, right)


def _times(c: sp.Expr, e: Expr) -> Expr:
    """c·e, the number put into the product's own."""
    match e:
        case Num(a):
            return Num(c * a)
        case Mul((Num(a), *rest)):
            return _product((Num(c * a), *rest))
        case Mul(factors):
            return Mul((Num(c), *factors))
    return Mul((Num(c), e))


def _product(factors: tuple[Expr, ...]) -> Expr:
    kept = tuple(a for a in factors if a != Num(ONE))
    return Num(ONE) if not kept else kept[0] if len(kept) == 1 else Mul(kept)


def _sum(terms: tuple[Expr, ...]) -> Expr:
    return Num(sp.Integer(0)) if not terms else terms[0] if len(terms) == 1 else Add(terms)


def _said(e: Any) -> str:
    match e:
        case Field(name):
            return name
        case Num(c):
            return str(c)
        case Log(of):
            return f"log {_said(of)}"
        case D(body, by):
            return f"∂{by.name} {_said(body)}"
        case Bind(kind, var):
            return f"{kind} {var.name}"
        case Power(base, n):
            return f"{_said(base)}^{n}"
    return type(e).__name__.lower()


@dataclass
class _Maker:
    """Alterations of expressions of a statement, whose fields, constants and functions may stand for one another."""

    statement: list[Expr]

    def __post_init__(self) -> None:
        every = [one for e in self.statement for one in walk(e)]
        self.fields = sorted({(f.name, _shape(f)) for f in every if isinstance(f, Field)})
        scalars = [c for one in every if isinstance(one, Num) for c in sp.preorder_traversal(one.value)]
        self.scalars = _Scalars(
            tuple(sorted({c for c in scalars if isinstance(c, Const)}, key=str)),
            tuple(sorted({c.func for c in scalars if isinstance(c, AppliedUndef)}, key=str)),
        )
        self.free = set().union(*(free(e) for e in self.statement))

    def alter(self, e: Expr, root: bool) -> Iterator[Made]:
        """All alterations of a side; `root` says whether of its sign and size too."""
        if root and not isinstance(e, Add) and e != Num(sp.Integer(0)):
            yield from self.scaled(e)
        yield from self.inside(e, self.free)

    def scaled(self, e: Expr) -> Iterator[Made]:
        yield "sign", _times(sp.Integer(-1), e)
        yield "×2", _times(sp.Integer(2), e)
        yield "×½", _times(HALF, e)

    def inside(self, e: Expr, scope: set[Any]) -> Iterator[Made]:
        """Alterations of e itself and of all that is in it; `scope` holds the variables that may be named there."""
        yield from self.here(e, scope)
        inner = scope | {e.var} if isinstance(e, Bind) else scope
        for n, child in enumerate(children(e)):
            for label, made in self.inside(child, inner):
                yield label, _put(e, n, made)

    def here(self, e: Expr, scope: set[Any]) -> Iterator[Made]:
        match e:
            case Add(terms):
                for n, a in enumerate(terms):
                    before, after = terms[:n], terms[n + 1 :]
                    for label, made in self.scaled(a):
                        yield f"{label} of term {n + 1}", _sum((*before, made, *after))
                    yield f"drop term {n + 1}", _sum((*before, *after))
            case Mul(factors):
                for n, a in enumerate(factors):
                    if a != Num(sp.Integer(-1)):  # that is a sign, seen to where the term is
                        yield f"drop factor {_said(a)}", _product((*factors[:n], *factors[n + 1 :]))
            case Power(base, n):
                for m in (n + 1, n - 1):
                    yield f"{_said(base)}^{n} to ^{m}", base if m == 1 else Num(ONE) if m == 0 else Power(base, m)
            case Log(of):
                yield f"no log of {_said(of)}", of
            case D(body, by, i):
                yield f"no ∂{by.name} of {_said(body)}", body
                if i is None:
                    yield f"∂{by.name} twice of {_said(body)}", D(e, by)
                for other in _like(by, scope):
                    yield f"∂{other.name} for ∂{by.name}", D(body, other, i)
                for other in _like(i, scope) if i is not None else ():
                    yield f"∂_{other.name} for ∂_{i.name if i else ''}", D(body, by, other)
            case Bind():
                yield from self.bounds(e)
            case Field():
                yield from self.field(e, scope)
            case Num(c):
                yield from _altered(c, self.scalars)

    def bounds(self, e: Bind) -> Iterator[Made]:
        if e.low is None or e.high is None:
            return
        if e.kind == "time":
            yield "bounds swapped", Bind(e.kind, e.var, e.body, e.high, e.low)
            return
        for by in (1, -1):
            yield f"from {e.low + by}", Bind(e.kind, e.var, e.body, e.low + by, e.high)
            yield f"to {e.high + by}", Bind(e.kind, e.var, e.body, e.low, e.high + by)

    def field(self, e: Field, scope: set[Any]) -> Iterator[Made]:
        args: tuple[Any, ...] = e.args
        comps = e.comps
        for n in range(len(args)):
            for m in range(n):
                if args[n] != args[m] and _sort(args[n]) == _sort(args[m]):
                    swapped = list(args)
                    swapped[n], swapped[m] = args[m], args[n]
                    yield f"arguments of {e.name} swapped", Field(e.name, tuple(swapped), comps)
        for n, a in enumerate(args):
            for label, other in _others(a, scope):
                yield f"{label} in {e.name}", Field(e.name, (*args[:n], other, *args[n + 1 :]), comps)
        for n, i in enumerate(comps):
            for j in _like(i, scope):
                yield f"{e.name}_{j.name} for {e.name}_{i.name}", Field(e.name, args, (*comps[:n], j, *comps[n + 1 :]))
        if e.name not in (COORDINATE, DELTA):
            for name, shape in self.fields:
                if shape == _shape(e) and name not in (e.name, COORDINATE, DELTA):
                    yield f"{name} for {e.name}", Field(name, args, comps)


@dataclass(frozen=True)
class _Scalars:
    """Alterations of scalars in which these constants and functions may stand for one another."""

    constants: tuple[Const, ...]
    functions: tuple[Any, ...]

    def parts(self, c: sp.Expr) -> Iterator[sp.Expr]:
        if isinstance(c, Const):
            yield from (other for other in self.constants if other != c and c.name != "D" != other.name)
            yield ONE
        elif isinstance(c, AppliedUndef):
            yield from (f(*c.args) for f in self.functions if f != c.func)
            yield ONE
        elif isinstance(c, sp.Pow) and c.exp.is_Rational:
            yield from (c.base ** (c.exp + by) for by in (1, -1))
            yield from (made**c.exp for made in self.parts(c.base) if made != 0)
        elif isinstance(c, (sp.Add, sp.Mul)):
            for n, a in enumerate(c.args):
                rest = [*c.args[:n], *c.args[n + 1 :]]
                if isinstance(c, sp.Add):
                    yield c.func(*rest)
                    yield c.func(*rest, -a)
                    yield c.func(*rest, 2 * a)
                elif not isinstance(a, sp.Rational):
                    yield c.func(*rest)
                yield from (c.func(*rest, made) for made in self.parts(a))
        elif c.args:
            for n, a in enumerate(c.args):
                yield from (c.func(*c.args[:n], made, *c.args[n + 1 :]) for made in self.parts(a))


@lru_cache(maxsize=1 << 12)
def _altered(c: sp.Expr, others: _Scalars) -> tuple[Made, ...]:
    """Alterations of a scalar that are no mere factor of it.  Kept, since the same scalars stand in many places."""
    if isinstance(c, sp.Rational):
        return ()
    kept = (made for made in others.parts(c) if not (made / c).is_Rational and made not in (sp.nan, sp.zoo, sp.oo, c))
    return tuple((f"{c} to {made}", Num(made)) for made in kept)


def _put(e: Expr, n: int, child: Expr) -> Expr:
    """e with its n-th child replaced."""
    match e:
        case Add(terms):
            return _sum((*terms[:n], child, *terms[n + 1 :]))
        case Mul(factors):
            return _product((*factors[:n], child, *factors[n + 1 :]))
        case Power(_, k):
            return Power(child, k)
        case Log():
            return Log(child)
        case D(_, by, i):
            return D(child, by, i)
        case Bind(kind, var, _, low, high, law):
            return Bind(kind, var, child, low, high, law)
    raise TypeError(f"{e!r} has no children")


def _sort(a: Any) -> str:
    """What kind of thing an argument is: those of one kind may be exchanged."""
    return "point" if isinstance(a, (Point, At, Along)) else "step" if a.atoms(Step) else "time"


def _shape(f: Field) -> str:
    return f"{[_sort(a) for a in f.args]} {len(f.comps)}"


def _like(v: Any, scope: set[Any]) -> list[Any]:
    """Other variables in scope of the same kind."""
    return sorted((w for w in scope if type(w) is type(v) and w != v), key=lambda w: str(w.name))


def _others(a: Any, scope: set[Any]) -> Iterator[tuple[str, Any]]:
    """Other arguments for a: another variable, a neighbouring step."""
    match a:
        case Point():
            yield from ((f"{b.name} for {a.name}", b) for b in _like(a, scope))
        case At(path, k):
            yield from ((f"step {k + by} for {k}", At(path, k + by)) for by in (1, -1))
        case Along():
            return
        case Time():
            yield from ((f"{b.name} for {a.name}", b) for b in _like(a, scope))
        case _ if a.atoms(Step):
            yield from ((f"step {a + by} for {a}", a + by) for by in (1, -1))
