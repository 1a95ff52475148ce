"""All agreements, a module a topic.  Importing this package registers them in `AGREEMENTS`."""

from concordant.proofs_tests.agreement import AGREEMENTS, Agreement
from concordant.proofs_tests.agreements import flow, score, sde, solvers, unification, variational

__all__ = ["AGREEMENTS", "Agreement", "flow", "score", "sde", "solvers", "unification", "variational"]
