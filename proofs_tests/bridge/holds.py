"""A statement as an agreement: its two sides are evaluated on the cells of the covering design and compared.

    statement_holds("denoising-score-matching", theorem, witness, because="trapezoid rule, 1e-12 here", bound=1e-9)

`theorem` is a theorem, or a function that makes one (derivations then run when they are needed); `witness` turns a case into
a `Witness`, or several.  The hypotheses are checked at each (`check.problems`): a statement whose hypotheses fail has not been
tried.  Every such agreement is broken once by a right side that is off by 1 % of the scale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor

from concordant.proofs_tests.agreement import T2, Agreement, AtMost, Break, Compare, Comparison, Tolerance, agreement
from concordant.proofs_tests.bridge import check
from concordant.proofs_tests.bridge.witness import Sides, Statement, Witness
from concordant.proofs_tests.case import Case, few_on_a_line

Witnesses = Callable[[Case], Witness | Iterable[Witness]]


class HypothesisFails(ValueError):
    """The witness is none: a hypothesis does not hold there."""


def settle(sides: Sides) -> Tensor:
    """The right side as it is compared: here so that a wrong formula can be put in its place."""
    return sides.right


def compare(statement: Statement, w: Witness) -> Comparison:
    """Left and right at a witness."""
    sides = w.sides(statement)
    right = settle(sides)
    if statement.rel == ">=":
        return AtMost(right, sides.left, sides.scale, at=w.name)
    return Compare(sides.left, right, sides.scale, at=w.name)


def _off(_: Callable[[Sides], Tensor]) -> Callable[[Sides], Tensor]:
    return lambda sides: sides.left + 0.01 * sides.scale


def statement_holds(
    slug: str,
    theorem: Statement | Callable[[], Statement],
    witness: Witnesses,
    *,
    because: str = "the same statement evaluated on both sides; trapezoid rule",
    tolerance: Tolerance = T2,
    bound: float | None = None,
    applies: Callable[[Case], bool] = few_on_a_line,
    check_hypotheses: bool = True,
    title: str = "",
    name: str = "",
) -> Agreement:
    """Register the agreement that a derived statement holds in numbers."""

    def body(case: Case) -> Iterator[Comparison]:
        statement: Any = theorem() if callable(theorem) else theorem
        made = witness(case)
        for w in [made] if isinstance(made, Witness) else made:
            if check_hypotheses and (found := check.problems(w, statement)):
                raise HypothesisFails(f"at {w.name or case}: {'; '.join(found)}")
            yield compare(statement, w)

    body.__name__ = (name or f"{slug}-statement").replace("-", "_")
    body.__module__ = getattr(witness, "__module__", body.__module__)
    body.__doc__ = title or "The derived statement, its two sides evaluated as they stand."
    return agreement(
        slug,
        tolerance,
        because=because,
        applies=applies,
        bound=bound,
        breaks=[Break("the right side off by 1 % of its terms", sys.modules[__name__], "settle", _off)],
    )(body)
