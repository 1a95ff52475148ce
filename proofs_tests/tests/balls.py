"""Values of scalars in ball arithmetic (Arb): a ball that excludes zero is a proof that a scalar is not zero.

Nothing of the zero tests is in here; sympy's expressions are only walked.  Balls are complex, so that the principal root of a
negative number has a value.  α(u) is 1/(2 + u²), a positive function, and every other undefined function is 1/(3 + u + u²).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from flint import acb, ctx, fmpq
from sympy.core.function import AppliedUndef

Where = Mapping[sp.Expr, Any]

#: Precisions, in bits, that are tried one after the other until the ball excludes zero.
BITS = (64, 256, 1024)
#: What is no larger at the highest precision is taken for zero.  (Balls can't show that something is zero.)
TINY = 1e-250


def ball(expr: sp.Expr, point: Where) -> Any:
    """A ball, at the working precision, that contains the value of an expression at a point; NaN where it may have none."""
    if expr.is_Symbol:
        return ball(sp.sympify(point[expr]), point)
    if expr.is_Rational:
        return acb(fmpq(int(expr.p), int(expr.q)))
    if expr is sp.pi:
        return acb.pi()
    if expr is sp.E:
        return acb(1).exp()
    args = [ball(arg, point) for arg in expr.args]
    if expr.is_Add:
        return sum(args, acb(0))
    if expr.is_Mul:
        product = acb(1)
        for arg in args:
            product *= arg
        return product
    if expr.is_Pow:
        base = args[0] if expr.exp.q == 1 else args[0].sqrt()
        return base ** int(expr.exp.p)
    (u,) = args
    if isinstance(expr, AppliedUndef):
        return 1 / (u * u + (2 if expr.func.__name__ == "alpha" else 3 + u))
    return getattr(u, type(expr).__name__)()


def apart(expr: sp.Expr, point: Where) -> bool:
    """Whether a ball excludes zero, at some precision."""
    for bits in BITS:
        with ctx.workprec(bits):
            value = ball(expr, point)
            if value.is_finite() and not value.contains(0):
                return True
    return False


def apart_somewhere(expr: sp.Expr, points: Iterable[Where]) -> bool:
    """Whether a ball excludes zero at one of the points."""
    return any(apart(expr, point) for point in points)


def tiny(expr: sp.Expr, point: Where) -> bool:
    """Whether the ball contains zero at each precision, and is as small as can be at the highest."""
    with ctx.workprec(BITS[-1]):
        size = abs(ball(expr, point)).upper()
        return not apart(expr, point) and bool(size < TINY)


def positive(expr: sp.Expr, point: Where) -> bool:
    """Whether a ball is real and to the right of zero."""
    with ctx.workprec(BITS[-1]):
        value = ball(expr, point)
        return bool(value.imag.is_zero() and value.real.is_finite() and value.real > 0)
