"""Random scalars, random rewritings that keep their value, random errors, and interval arithmetic to tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from hypothesis import strategies as st
from mpmath import iv, mp
from sympy.core.function import AppliedUndef

iv.prec = 300

x, y, t = sp.symbols("x y t")
a, b = sp.symbols("a b", positive=True)
alpha = sp.Function("alpha", positive=True)
Draw = Callable[[st.SearchStrategy[Any]], Any]
Rule = Callable[[sp.Expr, Draw], sp.Expr]

# what the atoms are at some points; α(u) is 1/(2 + u²), a positive function
POINTS: list[dict[sp.Expr, sp.Rational]] = [
    {x: sp.Rational(3, 7), y: sp.Rational(-5, 11), t: sp.Rational(1, 3), a: sp.Rational(13, 8), b: sp.Rational(2, 9)},
    {x: sp.Rational(-8, 13), y: sp.Rational(-2, 17), t: sp.Rational(6, 5), a: sp.Rational(1, 6), b: sp.Rational(9, 4)},
    {x: sp.Rational(10, 9), y: sp.Rational(3, 19), t: sp.Rational(-1, 7), a: sp.Rational(7, 10), b: sp.Rational(5, 3)},
]


def ball(expr: sp.Expr, point: dict[sp.Expr, sp.Rational]) -> Any:
    """An interval that contains the value of an expression at a point."""
    if expr.is_Symbol:
        return ball(point[expr], point)
    if expr.is_Rational:
        return iv.mpf(int(expr.p)) / int(expr.q)
    if expr is sp.pi:
        return +iv.pi
    if expr is sp.E:
        return +iv.e
    args = [ball(arg, point) for arg in expr.args]
    if expr.is_Add:
        return sum(args, iv.mpf(0))
    if expr.is_Mul:
        result = iv.mpf(1)
        for arg in args:
            result *= arg
        return result
    if expr.is_Pow:
        power = int(expr.exp.p)
        base = args[0] if expr.exp.q == 1 else iv.sqrt(args[0])
        return base**power if power > 0 else 1 / base**-power
    if isinstance(expr, AppliedUndef):
        return 1 / (2 + args[0] ** 2)
    return getattr(iv, type(expr).__name__)(*args)


# ----------------------------------------------------------------------- random scalars
_numbers = st.sampled_from([sp.Integer(n) for n in (-2, -1, 1, 2, 3)] + [sp.Rational(1, 2), sp.Rational(-2, 3)])
_angles = st.sampled_from([x, y, x + y, x - y, x * y])


def positives() -> st.SearchStrategy[sp.Expr]:
    """Scalars that are positive by their form, and that stay so when they are multiplied out."""
    atoms = st.sampled_from([a, b, alpha(t), sp.Integer(2), sp.Integer(3), sp.Rational(1, 2), sp.pi, 1 + x**2])

    def larger(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map(lambda p: p[0] + p[1]),
            pairs.map(lambda p: p[0] * p[1]),
            inner.map(lambda e: 1 / e),
            inner.map(lambda e: e**2),
        )

    return st.recursive(atoms, larger, max_leaves=3)


def scalars() -> st.SearchStrategy[sp.Expr]:
    atoms = st.one_of(
        st.sampled_from([x, y, t, a, b, alpha(t)]),
        _numbers,
        positives().map(sp.sqrt),
        positives().map(sp.log),
        _angles.map(sp.cos),
        _angles.map(sp.sin),
        st.tuples(_angles, positives(), _numbers).map(lambda p: sp.exp(p[2] * p[0] / p[1])),
        _angles.map(lambda angle: sp.exp(-sp.exp(angle))),
    )

    def larger(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map(lambda p: p[0] + p[1]),
            pairs.map(lambda p: p[0] * p[1]),
            st.tuples(inner, positives()).map(lambda p: p[0] / p[1]),
            st.tuples(inner, st.sampled_from([2, 3])).map(lambda p: p[0] ** p[1]),
        )

    return st.recursive(atoms, larger, max_leaves=6)


# ------------------------------------------------------------ roots of unknown sign
SIGNS = [
    (sx * i * mp.mpf(1) / 10, sy * j * mp.mpf(1) / 7) for sx in (1, -1) for sy in (1, -1) for i, j in ((3, 12), (17, 2))
]


def principal(expr: sp.Expr, at: dict[sp.Expr, Any]) -> Any:
    """The value of an algebraic expression, with principal roots of negative numbers."""
    if expr.is_Symbol:
        return mp.mpc(at[expr])
    if expr.is_Rational:
        return mp.mpf(int(expr.p)) / int(expr.q)
    args = [principal(arg, at) for arg in expr.args]
    if expr.is_Pow:
        return (mp.sqrt(args[0]) if expr.exp.q == 2 else args[0]) ** int(expr.exp.p)
    return mp.fsum(args) if expr.is_Add else mp.fprod(args)


@st.composite
def root_relations(draw: Draw) -> sp.Expr:
    """m √u √v ± √(u v m²), whether it is zero or not."""
    radicands = st.sampled_from(
        [x, y, -x, a, x * y, x + 1, 1 - x, x - y, a + b, x * a, x**2 + 1, -y * a, a - b, x**2 - 1]
    )
    u, v, m = draw(radicands), draw(radicands), draw(st.sampled_from([sp.S.One, x, y, a, 1 - x, a + b, sp.sqrt(a)]))
    inside = _times(_times(u, v), m**2) if draw(st.booleans()) else u * v * m**2
    return m * sp.sqrt(u) * sp.sqrt(v) - draw(st.sampled_from([1, -1])) * sp.sqrt(inside)


# --------------------------------------------------------------------------- rewritings
def _times(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """left right, multiplied out by hand."""
    return sp.Add(*(u * v for u in sp.Add.make_args(left) for v in sp.Add.make_args(right)))


def _multiply_out(expr: sp.Expr, draw: Draw) -> sp.Expr:
    if expr.is_Pow and expr.base.is_Add and expr.exp.is_Integer and expr.exp > 0:
        result = sp.S.One
        for _ in range(int(expr.exp)):
            result = _times(result, expr.base)
        return result
    sums = [arg for arg in sp.Mul.make_args(expr) if arg.is_Add]
    return _times(sums[0], expr / sums[0]) if sums else expr


def _widen(expr: sp.Expr, draw: Draw) -> sp.Expr:
    """Numerator and denominator times the same."""
    factor = 1 + draw(positives())
    return _times(expr, factor) / factor


def _add_and_subtract(expr: sp.Expr, draw: Draw) -> sp.Expr:
    extra, factor = draw(st.sampled_from([x, y, a])), 1 + draw(positives())
    return expr + extra * factor - _times(extra, factor)


def _circle(expr: sp.Expr, draw: Draw) -> sp.Expr:
    angle = draw(_angles)
    return expr * sp.cos(angle) ** 2 + expr * sp.sin(angle) ** 2


def _split_exponential(expr: sp.Expr, draw: Draw) -> sp.Expr:
    """e^u in its factors, one of them in a sum so that sympy doesn't put them together again."""
    part = draw(_angles) / draw(positives())
    return sp.exp(part) * (sp.exp(expr.args[0] - part) + x) - x * sp.exp(part)


def _split_root(expr: sp.Expr, draw: Draw) -> sp.Expr:
    factor = 1 + draw(positives())
    return sp.sqrt(_times(expr.base, factor)) ** (2 * expr.exp) / sp.sqrt(factor) ** (2 * expr.exp)


def _split_log(expr: sp.Expr, draw: Draw) -> sp.Expr:
    factor = 1 + draw(positives())
    return sp.log(_times(expr.args[0], factor)) - sp.log(factor)


def _rules(expr: sp.Expr) -> list[Rule]:
    rules: list[Rule] = [_multiply_out, _widen, _add_and_subtract, _circle]
    if isinstance(expr, sp.exp):
        rules.append(_split_exponential)
    if isinstance(expr, sp.log):
        rules.append(_split_log)
    if expr.is_Pow and expr.exp.q == 2:
        rules.append(_split_root)
    return rules


def rewritten(expr: sp.Expr, draw: Draw) -> sp.Expr:
    """The same value, written otherwise: one rule used at one place."""
    if expr.args and not expr.is_Pow and not isinstance(expr, sp.log) and draw(st.booleans()):
        place = draw(st.integers(0, len(expr.args) - 1))
        args = [rewritten(arg, draw) if i == place else arg for i, arg in enumerate(expr.args)]
        return expr.func(*args)
    return draw(st.sampled_from(_rules(expr)))(expr, draw)


@st.composite
def identities(draw: Draw) -> tuple[sp.Expr, sp.Expr]:
    """Two expressions with the same value."""
    left = right = draw(scalars())
    for _ in range(draw(st.integers(1, 3))):
        right = rewritten(right, draw)
    return left, right


def perturbed(expr: sp.Expr, draw: Draw) -> sp.Expr:
    """One number, sign, exponent or function changed, somewhere."""
    if expr.args and draw(st.booleans()):
        place = draw(st.integers(0, len(expr.args) - 1))
        if expr.is_Pow and place == 1:
            return expr.base ** (expr.exp + draw(st.sampled_from([-2, 2])))
        args = [perturbed(arg, draw) if i == place else arg for i, arg in enumerate(expr.args)]
        if not (expr.is_Pow and expr.exp.q == 2) and not isinstance(expr, sp.log):
            return expr.func(*args)
    changes = [
        expr + 1,
        expr + a,
        2 * expr,
        sp.Rational(999, 1000) * expr,
        expr * (1 + a),
        expr + sp.Rational(1, 10**6),
    ]
    return draw(st.sampled_from([-expr, *changes]))
