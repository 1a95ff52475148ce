"""Is a scalar identically zero?  Two tests that share no code must say the same.

Test A (`normal_form`) is exact; test B (`signature`) evaluates in finite fields.  "Zero" is a proof by A, confirmed by B.
"Not zero" is no refutation: both may miss an identity between, say, sines of sums.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from concordant.theory.kernel.normal_form import is_zero_a
from concordant.theory.kernel.scalars import check
from concordant.theory.kernel.signature import is_zero_b


class Disagreement(AssertionError):
    """The two tests differ: one of them is wrong, or can't see what the other sees."""


@lru_cache(maxsize=1 << 16)
def is_zero(expr: sp.Expr, positive: tuple[sp.Expr, ...] = ()) -> bool:
    """Whether `expr` vanishes wherever it is defined and all of `positive` are positive.

    >>> x = sp.Symbol("x")
    >>> is_zero((x + 1) ** 2 - x**2 - 2 * x - 1), is_zero(sp.exp(x) - x)
    (True, False)
    >>> v = 1 - x
    >>> is_zero(sp.sqrt(v**2) - v, positive=(v,))
    True
    """
    check(expr)
    if expr.is_Rational:
        return bool(expr == 0)
    exact, modular = is_zero_a(expr, positive), is_zero_b(expr, positive)
    if exact != modular:
        raise Disagreement(f"{expr}: the normal form says {_word(exact)}, the modular signature {_word(modular)}")
    return exact


def _word(zero: bool) -> str:
    return "zero" if zero else "not zero"
