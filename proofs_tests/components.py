"""In how many dimensions a derivation is compared with its components.

The kernel decides lines with abstract indices, for all D at once.  The replay, which shares no code with it, writes each line
out in coordinates and compares values in every dimension from 1 up to the number of contracted pairs in it, and one more:
what holds for small D only, as antisymmetrising n pairs does below D = n, doesn't get through.  Here that number is taken from
the kernel's terms; that the replay goes so far, for each line, a test observes.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from concordant.theory.kernel import lines
from concordant.theory.kernel.prenex import Term
from concordant.theory.kernel.rules import Reason, Theorem
from concordant.theory.kernel.terms import DIM

#: The replay tries no fewer dimensions than these.
LEAST = 3


def pairs(th: Theorem) -> int:
    """The most contracted pairs of indices, and factors D, in a product of a line, definitions written in."""
    if th.rule != "line":
        return 0
    p = th.params or {}
    why = Reason("", tuple(p["definitions"]), tuple(p["normalised"]), p["under_integral"], p["ito"], th.premises)
    calculus = lines._calculus(why)
    sides = (e for one in (th, *th.premises) for e in (one.lhs, one.rhs))
    return max((_contracted(t) for e in sides for t in calculus.unfold(calculus.terms(e, {}))), default=0)


def _contracted(t: Term) -> int:
    degree = int(sp.degree(t.coef, DIM)) if t.coef.is_polynomial(DIM) and t.coef.has(DIM) else int(t.coef.has(DIM))
    return sum(b.kind == "con" for b in t.binders) + degree


def dimensions(theorems: Iterable[Theorem]) -> int:
    """The n such that each line among the theorems is compared with its components in every dimension from 1 to n."""
    return max(LEAST, 1 + max(map(pairs, theorems), default=0))
