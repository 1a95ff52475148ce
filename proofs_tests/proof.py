"""What proving a claim came to.  (Apart from `prove`, so that who only reads it needs no sympy.)"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Proof:
    """What came of proving a claim.  `error` says what went wrong, if anything did."""

    slug: str
    statements: tuple[str, ...] = ()
    lines: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    axioms: tuple[str, ...] = ()
    sha256: str = ""
    statement_sha256: str = ""
    replayed: bool = False
    instance: bool = False
    mutants: dict[str, int] = field(default_factory=dict)
    survivors: tuple[str, ...] = ()
    error: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the claim is derived: replayed, with no altered statement unexplained."""
        return not self.error and self.replayed and not self.survivors
