"""Witnesses of the derived claims: what their symbols are, so that a statement becomes numbers.

`WITNESSES[slug]` has one factory for each theorem of the claim, in their order.  A factory's `at(case)` is the cheapest witness
that the case makes; calling it gives all.  Fields are the implementation's wherever it has them.
"""

from concordant.proofs_tests.witnesses import calculus, flow, score, sde, solvers, unification, variational
from concordant.proofs_tests.witnesses.common import Factory, plain

WITNESSES: dict[str, tuple[Factory, ...]] = {
    slug: factories
    for module in (calculus, variational, score, sde, flow, unification, solvers)
    for slug, factories in module.WITNESSES.items()
}

__all__ = ["WITNESSES", "Factory", "plain"]
