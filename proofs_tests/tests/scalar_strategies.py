"""Random scalars, random rewritings that keep their value, random errors, and points to look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from hypothesis import strategies as st

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


def points() -> st.SearchStrategy[dict[sp.Expr, sp.Rational]]:
    """A point of one's own: rationals for the atoms, positive ones where they must be."""
    rationals = st.fractions(-3, 3, max_denominator=40).map(lambda f: sp.Rational(f.numerator, f.denominator))
    above = st.fractions(sp.Rational(1, 20), 3, max_denominator=40).map(
        lambda f: sp.Rational(f.numerator, f.denominator)
    )
    return st.fixed_dictionaries({x: rationals, y: rationals, t: rationals, a: above, b: above})


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
#: Points in all quadrants, and some where a and b change places: the signs of the radicands take all their values.
SIGNS: list[dict[sp.Expr, sp.Rational]] = [
    {x: sx * u, y: sy * v, t: u, a: large, b: small}
    for sx in (1, -1)
    for sy in (1, -1)
    for u, v in ((sp.Rational(3, 10), sp.Rational(12, 7)), (sp.Rational(17, 10), sp.Rational(2, 7)))
    for large, small in ((sp.Rational(7, 10), sp.Rational(19, 10)), (sp.Rational(19, 10), sp.Rational(7, 10)))
]
_radicands = st.sampled_from([x, y, -x, a, x * y, x + 1, 1 - x, x - y, a + b, x * a, x**2 + 1, -y * a, a - b, x**2 - 1])


@st.composite
def root_relations(draw: Draw) -> tuple[sp.Expr, tuple[sp.Expr, ...]]:
    """m √u √v ± √(u v m²), whether it is zero or not, and which of u, v, m are said to be positive."""
    u, v, m = draw(_radicands), draw(_radicands), draw(st.sampled_from([sp.S.One, x, y, a, 1 - x, a + b, sp.sqrt(a)]))
    inside = _times(_times(u, v), m**2) if draw(st.booleans()) else u * v * m**2
    expr = m * sp.sqrt(u) * sp.sqrt(v) - draw(st.sampled_from([1, -1])) * sp.sqrt(inside)
    return expr, tuple(part for part in (u, v, m) if draw(st.booleans()))


@st.composite
def exponential_relations(draw: Draw) -> tuple[sp.Expr, tuple[sp.Expr, ...]]:
    """e^(u/v + u/w) - e^(u/v) e^(u/w'), where w' may be w, or w multiplied out, or another."""
    u, v, w, other = draw(_angles), draw(positives()), draw(positives()), draw(positives())
    last = draw(st.sampled_from([w, w, other, _times(w, 1 + other) - w * other]))
    return sp.exp(u / v + u / w) - (sp.exp(u / v) + 1) * sp.exp(u / last) + sp.exp(u / last), ()


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
