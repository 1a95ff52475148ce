"""What proving a claim came to.  (Apart from `prove`, so that who only reads it needs no sympy.)"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Proof:
    """What came of proving a claim.  `error` says what went wrong, if anything did.

    `dimensions` is the n such that each line was compared with its components in every dimension from 1 to n (see `components`).
    `mutants` counts altered statements by class; `survivors` are those that nothing explains, `examples` some that were refuted.
    `witness` says of the claim's first witness what is wrong with it ("problems"), which analytic hypotheses do not hold there
    by form alone ("untame"), and on which numbers have nothing to say ("unchecked").
    """

    slug: str
    statements: tuple[str, ...] = ()
    lines: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    axioms: tuple[str, ...] = ()
    sha256: str = ""
    statement_sha256: str = ""
    replayed: bool = False
    instance: bool = False
    dimensions: int = 0
    mutants: dict[str, int] = field(default_factory=dict)
    survivors: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    witness: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the claim is derived: replayed, with no altered statement unexplained, and with a witness that is one."""
        return not self.error and self.replayed and not self.survivors and not self.witness.get("problems")
