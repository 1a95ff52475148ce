"""All agreements, a module a topic (two where one would be long).  Importing this package registers them in `AGREEMENTS`."""

from concordant.proofs_tests.agreement import AGREEMENTS, Agreement
from concordant.proofs_tests.agreements import (
    bounds,
    calculus,
    divergences,
    evidence,
    flow,
    kernels,
    reversal,
    score,
    sde,
    solvers,
    statements,
    unification,
    variational,
    velocities,
)

__all__ = [
    "AGREEMENTS",
    "Agreement",
    "bounds",
    "calculus",
    "divergences",
    "evidence",
    "flow",
    "kernels",
    "reversal",
    "score",
    "sde",
    "solvers",
    "statements",
    "unification",
    "variational",
    "velocities",
]
