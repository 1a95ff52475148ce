"""Expressions: what statements are made of.

    Num        a scalar: a sympy expression of the whitelist in named constants and functions of time
    Field      a function of points, times and steps, with coordinate indices:  p(x, t),  s_i(x),  x_i,  δ_ij
    Add, Mul, Power, Log
    D          a derivative, in coordinate i of a point or in a time
    Bind       a binder: Σ_{i=1..D} over coordinates, ∫ dx over R^D, Σ and Π over steps, ∫ dt, E over the paths of a chain

An expression is kept as it was written: it is the statement and the text.  A vector is a function from an index to an
expression (`Vec`), so that `dot`, `grad`, `div` are sugar and one machinery serves all.  Variables, constants, functions of
time and fields are of distinct types, so that none can be taken for another of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, overload

import sympy as sp

from concordant.errors import BadInput
from concordant.theory.kernel.names import (  # all of them can be had from here, too
    DIM as DIM,
    Along as Along,
    Arg as Arg,
    At as At,
    Const as Const,
    Index as Index,
    Path as Path,
    Point as Point,
    Refused as Refused,
    Step as Step,
    Time as Time,
    Variable as Variable,
    _Fresh as _Fresh,
    _Named as _Named,
    _plain as _plain,
    const as const,
    function as function,
    step as step,
    time as time,
)


# ------------------------------------------------------------------------------------------------ expressions
class Expr:
    """An expression.  Python's operators build larger ones; numbers and sympy scalars are taken as `Num`."""

    def __add__(self, other: Any) -> Expr:
        return Add(_flat(Add, self) + _flat(Add, lift(other)))

    def __radd__(self, other: Any) -> Expr:
        return lift(other) + self

    def __sub__(self, other: Any) -> Expr:
        return self + -lift(other)

    def __rsub__(self, other: Any) -> Expr:
        return lift(other) + -self

    def __neg__(self) -> Expr:
        return Num(sp.Integer(-1)) * self

    @overload
    def __mul__(self, other: Vec) -> Vec: ...
    @overload
    def __mul__(self, other: Expr | int) -> Expr: ...
    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Vec):
            return other * self
        return Mul(_flat(Mul, self) + _flat(Mul, lift(other)))

    def __rmul__(self, other: Any) -> Expr:
        product: Expr = lift(other) * self
        return product

    def __truediv__(self, other: Any) -> Expr:
        quotient: Expr = self * Power(lift(other), -1)
        return quotient

    def __rtruediv__(self, other: Any) -> Expr:
        return lift(other) / self

    def __pow__(self, n: int) -> Expr:
        return Power(self, n)


@dataclass(frozen=True)
class Num(Expr):
    value: sp.Expr


@dataclass(frozen=True)
class Field(Expr):
    name: str
    args: tuple[Arg, ...] = ()
    comps: tuple[Index, ...] = ()


@dataclass(frozen=True)
class Add(Expr):
    terms: tuple[Expr, ...]


@dataclass(frozen=True)
class Mul(Expr):
    factors: tuple[Expr, ...]


@dataclass(frozen=True)
class Power(Expr):
    base: Expr
    exponent: int


@dataclass(frozen=True)
class Log(Expr):
    of: Expr


@dataclass(frozen=True)
class D(Expr):
    """∂/∂x_i for a point x, or ∂/∂t for a time t (then `index` is None)."""

    body: Expr
    by: Point | Time
    index: Index | None = None


Kind = Literal["con", "int", "sum", "prod", "time", "path"]


@dataclass(frozen=True)
class Bind(Expr):
    """A binder; `low` and `high` are bounds of steps or times, and `law` names the law of a path."""

    kind: Kind
    var: Variable
    body: Expr
    low: sp.Expr | None = None
    high: sp.Expr | None = None
    law: str = ""


COORDINATE, DELTA, DT, DW = "@", "δ", "dt", "dw"
SPECIAL = (COORDINATE, DELTA, DT, DW, "□")
ZERO, ONE = Num(sp.Integer(0)), Num(sp.Integer(1))
HOLE = Field("□")


def lift(e: Any) -> Expr:
    """An expression from an expression, a number or a sympy scalar."""
    if isinstance(e, Expr):
        return e
    value = sp.sympify(e)
    if not isinstance(value, sp.Expr) or value.has(sp.Float):
        raise BadInput(f"a scalar must be exact: not {e!r}")
    for symbol in value.free_symbols:
        if not isinstance(symbol, (_Named, _Fresh)):
            raise BadInput(f"{symbol!r} is no constant, time or step of ours: make it with const(), time() or step()")
    return Num(value)


def _flat(kind: type, e: Expr) -> tuple[Expr, ...]:
    if isinstance(e, kind):
        return e.terms if isinstance(e, Add) else e.factors if isinstance(e, Mul) else (e,)
    return (e,)


class Vec:
    """A vector: a function from a coordinate index to an expression."""

    def __init__(self, at: Callable[[Index], Expr]) -> None:
        self.at = at

    def __add__(self, other: Vec) -> Vec:
        return Vec(lambda i: self.at(i) + other.at(i))

    def __sub__(self, other: Vec) -> Vec:
        return Vec(lambda i: self.at(i) - other.at(i))

    def __mul__(self, c: Any) -> Vec:
        return Vec(lambda i: lift(c) * self.at(i))

    __rmul__ = __mul__

    def __neg__(self) -> Vec:
        return Vec(lambda i: -self.at(i))

    def __truediv__(self, c: Any) -> Vec:
        return Vec(lambda i: self.at(i) / lift(c))


# ------------------------------------------------------------------------------------------------ sugar
def _args(args: tuple[Any, ...]) -> tuple[Arg, ...]:
    return tuple(a if isinstance(a, (Point, At, Along)) else lift(a).value for a in args)  # type: ignore[attr-defined]


def scalar(name: str) -> Callable[..., Expr]:
    """A scalar field:  scalar("p")(x, t)."""
    _plain(name)
    return lambda *args: Field(name, _args(args))


def vector(name: str) -> Callable[..., Vec]:
    """A vector field:  vector("s")(x).at(i)."""
    _plain(name)
    return lambda *args: Vec(lambda i: Field(name, _args(args), (i,)))


def coords(x: Point | At | Along) -> Vec:
    """The coordinates of a point, as a vector."""
    return Vec(lambda i: Field(COORDINATE, (x,), (i,)))


def delta(i: Index, j: Index) -> Expr:
    """Kronecker's δ_ij."""
    return Field(DELTA, (), (i, j))


def log(e: Any) -> Expr:
    """The logarithm of a product of positive things."""
    return Log(lift(e))


def contract(f: Callable[[Index], Expr]) -> Expr:
    """Σ_{i=1..D} f(i), the index being the first letter that f does not use."""
    used = indices(f(Index("?")))
    i = next(Index(c) for c in "ijklmnabcdeuvw" if Index(c) not in used)
    return Bind("con", i, f(i))


def dot(a: Vec, b: Vec) -> Expr:
    """a · b."""
    return contract(lambda i: a.at(i) * b.at(i))


def norm2(a: Vec) -> Expr:
    """|a|²."""
    return dot(a, a)


def grad(e: Any, x: Point) -> Vec:
    """∇e."""
    return Vec(lambda i: D(lift(e), x, i))


def div(v: Vec, x: Point) -> Expr:
    """∇·v."""
    return contract(lambda i: D(v.at(i), x, i))


def lap(e: Any, x: Point) -> Expr:
    """Δe."""
    return div(grad(e, x), x)


def d_dt(e: Any, t: Time) -> Expr:
    """∂e/∂t."""
    return D(lift(e), t)


def integral(e: Any, *points: Point) -> Expr:
    """∫ … ∫ e dx_1 … dx_n over R^D each."""
    out = lift(e)
    for x in reversed(points):
        out = Bind("int", x, out)
    return out


def total(e: Any, k: Step, low: Any, high: Any) -> Expr:
    """Σ_{k=low..high} e."""
    return Bind("sum", k, lift(e), sp.sympify(low), sp.sympify(high))


def product(e: Any, k: Step, low: Any, high: Any) -> Expr:
    """Π_{k=low..high} e; it may stand only under a logarithm."""
    return Bind("prod", k, lift(e), sp.sympify(low), sp.sympify(high))


def over_time(e: Any, t: Time, low: Any, high: Any) -> Expr:
    """∫_low^high e dt."""
    return Bind("time", t, lift(e), sp.sympify(low), sp.sympify(high))


def expect(e: Any, w: Path, law: str) -> Expr:
    """E[e] over the paths w of a chain."""
    return Bind("path", w, lift(e), law=law)


# ------------------------------------------------------------------------------------------------ walking about
def children(e: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside e."""
    match e:
        case Add(terms):
            return terms
        case Mul(factors):
            return factors
        case Power(base, _):
            return (base,)
        case Log(of):
            return (of,)
        case D(body, _, _) | Bind(_, _, body):
            return (body,)
    return ()


def walk(e: Expr) -> Iterator[Expr]:
    """e and all that is inside it."""
    yield e
    for child in children(e):
        yield from walk(child)


def rebuild(e: Expr, f: Callable[[Expr], Expr]) -> Expr:
    """e with f applied to what is directly inside it."""
    match e:
        case Add(terms):
            return Add(tuple(f(a) for a in terms))
        case Mul(factors):
            return Mul(tuple(f(a) for a in factors))
        case Power(base, n):
            return Power(f(base), n)
        case Log(of):
            return Log(f(of))
        case D(body, by, i):
            return D(f(body), by, i)
        case Bind(kind, var, body, low, high, law):
            return Bind(kind, var, f(body), low, high, law)
    return e


def indices(e: Expr) -> set[Index]:
    """All indices in e, free or bound."""
    out: set[Index] = set()
    for one in walk(e):
        match one:
            case Field(_, _, comps):
                out |= set(comps)
            case D(_, _, i) if i is not None:
                out.add(i)
            case Bind(_, Index() as i, _):
                out.add(i)
    return out


def names(e: Expr) -> set[str]:
    """The names of all fields in e."""
    return {one.name for one in walk(e) if isinstance(one, Field)}


def arg_variables(a: Arg) -> set[Variable]:
    """The variables in an argument."""
    match a:
        case Point():
            return {a}
        case At(path, k):
            return {path, *scalar_variables(k)}
        case Along(_, t):
            return scalar_variables(t)
    return scalar_variables(a)


def scalar_variables(c: sp.Expr) -> set[Variable]:
    """The times and steps in a scalar."""
    return {s for s in c.free_symbols if isinstance(s, (Time, Step))}


def free(e: Expr) -> set[Variable]:
    """The free variables of e; constants are not variables."""
    match e:
        case Num(c):
            return scalar_variables(c)
        case Field(_, args, comps):
            return {v for a in args for v in arg_variables(a)} | set(comps)
        case D(body, by, i):
            return free(body) | {by} | ({i} if i is not None else set())
        case Bind(_, var, body, low, high, _):
            bounds = {v for b in (low, high) if b is not None for v in scalar_variables(b)}
            return free(body) - {var} | bounds
    return {v for child in children(e) for v in free(child)}


def substitute(e: Expr, m: dict[Any, Any]) -> Expr:
    """e with free variables replaced.  Raises `Refused` rather than let a variable be captured."""
    if not m:
        return e
    match e:
        case Num(c):
            return Num(put_scalar(c, m))
        case Field(name, args, comps):
            return Field(name, tuple(put_arg(a, m) for a in args), tuple(m.get(i, i) for i in comps))
        case D(body, by, i):
            to = m.get(by, by)
            if not isinstance(to, (Point, Time)):
                raise Refused(f"can't put {to} for {by}: a derivative is taken by it")
            coming = {v for k, value in m.items() if k != by and k in free(body) for v in _variables_of(value)}
            if to in coming or (to != by and to in free(body)):
                raise Refused(f"{to} would be captured by the derivative")
            return D(substitute(body, m), to, m.get(i, i))
        case Bind(kind, var, body, low, high, law):
            low, high = (None if b is None else put_scalar(b, m) for b in (low, high))
            inner = {k: v for k, v in m.items() if k != var and k in free(body)}
            coming = {v for value in inner.values() for v in _variables_of(value)}
            if var in coming:
                raise Refused(f"{var} would be captured")
            return Bind(kind, var, substitute(body, inner), low, high, law)
    return rebuild(e, lambda a: substitute(a, m))


def _variables_of(value: Any) -> set[Variable]:
    return {value} if isinstance(value, (Index, Path)) else arg_variables(value)


def put_scalar(c: sp.Expr, m: dict[Any, Any]) -> sp.Expr:
    """A scalar with times and steps replaced."""
    out: sp.Expr = c.xreplace({k: v for k, v in m.items() if isinstance(k, sp.Symbol)})
    return out


def put_arg(a: Arg, m: dict[Any, Any]) -> Arg:
    """An argument with variables replaced."""
    match a:
        case Point():
            to: Arg = m.get(a, a)
            return to
        case At(path, k):
            return At(m.get(path, path), put_scalar(k, m))
        case Along(curve, t):
            return Along(curve, put_scalar(t, m))
    return put_scalar(a, m)


def fill(context: Expr, by: Expr) -> Expr:
    """The context with its hole filled.  What is bound around the hole binds in `by` too: that is what it is for."""
    return by if context == HOLE else rebuild(context, lambda a: fill(a, by))
