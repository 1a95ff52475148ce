"""What a trap is, and the names that traps use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from concordant.errors import BadInput
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    line,
)
from concordant.theory.kernel.terms import (
    Index,
    Path,
    Point,
    Refused,
    const,
    integral,
    scalar,
    step,
    time,
    vector,
)

HALF = sp.Rational(1, 2)
x, x0, y, z = (Point(name) for name in ("x", "x0", "y", "z"))
t, tau, k, last = time("t"), time("τ"), step("k"), step("L")
i, j = Index("i"), Index("j")
p, q, p0, h = (scalar(name) for name in ("p", "q", "p0", "h"))
s, f = vector("s"), vector("f")
w = Path("w")
sg = const("σ", positive=True)
real = const("u")
marginal = definition("p", (x,), integral(q(x, x0) * p0(x0), x0))


@dataclass(frozen=True)
class Trap:
    """What is tried, and how the kernel must answer: with this message, or (`carries`) with this kind of hypothesis."""

    name: str
    attempt: Callable[[], object]
    says: str = ""
    carries: str = ""

    def sprung(self) -> str:
        """Empty if the kernel answers as it must; else what went wrong, in words."""
        try:
            made = self.attempt()
        except (Refused, BadInput, TypeError) as error:
            if self.carries:
                return f"{self.name}: refused ({error}), though it is true under a hypothesis"
            return "" if re.search(self.says, str(error)) else f"{self.name}: refused for another reason: {error}"
        if self.carries:
            assert isinstance(made, Theorem)
            kinds = {g[0] for g in made.hyps}
            return "" if self.carries in kinds else f"{self.name}: accepted without the hypothesis {self.carries!r}"
        return f"{self.name}: accepted"


TRAPS: list[Trap] = []


def trap(name: str, says: str = "", carries: str = "") -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Register a trap."""

    def register(attempt: Callable[[], object]) -> Callable[[], object]:
        TRAPS.append(Trap(name, attempt, says, carries))
        return attempt

    return register


def refused(name: str, lhs: object, rhs: object, by: object = algebra, says: str = "left over") -> None:
    """A line that must be refused."""
    TRAPS.append(Trap(name, lambda: line(lhs, rhs, by), says))  # type: ignore[arg-type]
