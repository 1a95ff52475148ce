"""The scalars that the kernel knows, as a whitelist of sympy expressions, and their derivatives.

A scalar is built from

    rational numbers, π, e            never a float
    symbols                           real numbers; `positive=True` is the only assumption that is used
    alpha(t)                          an undefined function applied to one scalar, `positive=True` or not
    a + b,  a b,  a^n,  a^(n/2)       n an integer
    exp a,  log a,  cos a,  sin a

and nothing else.  The derivative of a function of time is another undefined function whose name carries a prime,
α'(t) = Function("alpha'")(t), so that sympy's Derivative, with its deferred evaluation, is not needed:

    d/dt α(T - t) = -α'(T - t).

Conventions.  Where a statement is made, exponents and angles are real and a logarithm's argument is positive.  A square root is the principal one, also
where its argument is negative: √(x²) = x and √x √y = √(xy) need a sign.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp
from sympy.core.function import AppliedUndef

_NUMBERS = (sp.pi, sp.E)
_FUNCTIONS = (sp.exp, sp.log, sp.cos, sp.sin)


class Unsupported(ValueError):
    """An expression outside the whitelist, or one that a zero test can't decide."""


def check(expr: sp.Expr) -> None:
    """Raise `Unsupported` unless `expr` is a scalar, naming the part that is not.

    >>> x = sp.Symbol("x")
    >>> check(sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi))
    >>> check(x + 0.5)
    Traceback (most recent call last):
    concordant.theory.kernel.scalars.Unsupported: 0.500000000000000: a float is not exact; write a Rational
    """
    if not isinstance(expr, sp.Expr):
        raise Unsupported(f"{expr!r}: not a sympy expression; use sympify for a Python number")
    _check(expr)


@lru_cache(maxsize=1 << 16)
def _check(expr: sp.Expr) -> None:
    if expr.is_Rational or expr.is_Symbol or expr in _NUMBERS:
        return
    problem = _problem(expr)
    if problem:
        raise Unsupported(f"{expr}: {problem}")
    for arg in (expr.base,) if expr.is_Pow else expr.args:
        _check(arg)


def _problem(expr: sp.Expr) -> str:
    """What is wrong with the node at the top of `expr`; empty if nothing is."""
    if expr.is_Float:
        return "a float is not exact; write a Rational"
    if expr.is_Pow:
        power = expr.exp
        if power.is_Rational and power.q in (1, 2):
            return ""
        return "the exponent must be an integer or half an integer; write exp(b*log(a)) with a name for log(a)"
    if isinstance(expr, AppliedUndef):
        return "" if len(expr.args) == 1 else "a function must have one argument; the kernel's fields have more"
    if expr.is_Add or expr.is_Mul or isinstance(expr, _FUNCTIONS):
        return ""
    if isinstance(expr, sp.Derivative):
        return "write the derivative as a function with a prime, as `derivative` does"
    return f"{type(expr).__name__} is not a scalar; use +, *, integer and half-integer powers, exp, log, cos, sin"


def prime(function: AppliedUndef) -> sp.Expr:
    """The derivative of an applied function as a function: α(u) to α'(u).  Of its sign nothing is known.

    >>> t = sp.Symbol("t")
    >>> prime(sp.Function("alpha", positive=True)(t))
    alpha'(t)
    """
    return sp.Function(function.func.__name__ + "'", real=True)(*function.args)


def derivative(expr: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """The derivative of a scalar in a symbol.

    >>> t, T = sp.symbols("t T")
    >>> derivative(sp.Function("alpha")(T - t) * sp.exp(t**2), t)
    2*t*alpha(T - t)*exp(t**2) - alpha'(T - t)*exp(t**2)
    """
    check(expr)
    if not isinstance(symbol, sp.Symbol):
        raise Unsupported(f"{symbol!r}: differentiate in a symbol")
    return _derivative(expr, symbol)


@lru_cache(maxsize=1 << 16)
def _derivative(expr: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    if expr == symbol:
        return sp.S.One
    if expr.is_Atom:
        return sp.S.Zero
    args = expr.args
    if expr.is_Add:
        return sp.Add(*(_derivative(arg, symbol) for arg in args))
    if expr.is_Mul:
        return sp.Add(*(sp.Mul(*args[:i], _derivative(arg, symbol), *args[i + 1 :]) for i, arg in enumerate(args)))
    inner = _derivative(args[0], symbol)
    return sp.S.Zero if inner == 0 else _outer(expr) * inner


def _outer(expr: sp.Expr) -> sp.Expr:
    """The derivative of a power or a function in its argument."""
    argument = expr.args[0]
    if expr.is_Pow:
        return expr.exp * argument ** (expr.exp - 1)
    if isinstance(expr, sp.exp):
        return expr
    if isinstance(expr, sp.log):
        return 1 / argument
    if isinstance(expr, sp.sin):
        return sp.cos(argument)
    if isinstance(expr, sp.cos):
        return -sp.sin(argument)
    return prime(expr)
