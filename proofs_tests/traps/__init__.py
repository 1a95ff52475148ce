"""False statements that the kernel must refuse, each for its own reason.

A trap is a step that one is tempted to take.  The first kind must be refused, with a message that names what is wrong; the
second kind is true only under a hypothesis, which the theorem must then carry where the reader sees it.
"""

from concordant.proofs_tests.traps import algebra, inference
from concordant.proofs_tests.traps.base import TRAPS, Trap

__all__ = ["TRAPS", "Trap", "algebra", "inference"]
