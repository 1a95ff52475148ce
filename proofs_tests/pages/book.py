"""All that pages are made from, in one object: the registry, the ledger, the agreements, the derivations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from concordant.proofs_tests.agreement import AGREEMENTS, Agreement
from concordant.proofs_tests.ledger import Ledger
from concordant.proofs_tests.pages.derivation import DerivationPage, derivation_of
from concordant.theory import registry
from concordant.theory.registry import Claim

Entry = Mapping[str, Any]

#: What each status means, from best to worst, in the words of every page.
MEANINGS = {
    "derived": "Derived by the kernel in the generality stated, and replayed by a second program.",
    "instance": "Derived by the kernel for the case that the title names, and replayed by a second program.",
    "probable": "Rests on a randomised test of identity alone.",
    "evaluated": "Every agreement held on every cell that was run, and every wrong formula put in its place was noticed. "
    "That is evidence, not proof.",
    "assumed": "Needed by other claims, and not shown here.",
    "failed": "An agreement did not hold, a wrong formula was not noticed, or a claim that it uses failed.",
    "not run": "The committed ledger has no run of it.",
    "rule": "An axiom or rule of the kernel itself.",
    "definition": "A definition: there is nothing to show.",
    "not checkable": "Not the kind of statement that can be checked.",
}

NOTHING: Entry = {
    "status": "not run",
    "earned": "not run",
    "agreements": [],
    "wrong_formulas": [],
    "statement_sha256": "",
}


@dataclass(frozen=True)
class Book:
    """`address` is where the site will stand ("" when it is not known)."""

    claims: Mapping[str, Claim]
    ledger: Ledger
    agreements: Mapping[str, Agreement]
    derivation: Callable[[str], DerivationPage | None] = derivation_of
    address: str = ""

    @cached_property
    def entries(self) -> dict[str, Entry]:
        return {entry["slug"]: entry for entry in self.ledger["claims"]}

    @cached_property
    def by_tag(self) -> dict[str, Claim]:
        return {claim.tag: claim for claim in self.claims.values()}

    @cached_property
    def _used_by(self) -> dict[str, list[str]]:
        users: defaultdict[str, list[str]] = defaultdict(list)
        for claim in self.claims.values():
            for slug in claim.uses:
                users[slug].append(claim.slug)
        return dict(users)

    def entry(self, slug: str) -> Entry:
        """What the ledger says of a claim; of one that it does not know, that it was not run."""
        return self.entries.get(slug, NOTHING)

    def status(self, slug: str) -> str:
        """The status that a page shows."""
        claim = self.claims[slug]
        return claim.nature if claim.nature != "claim" else str(self.entry(slug)["status"])

    def used_by(self, slug: str) -> list[str]:
        """The claims that rest directly on this one."""
        return self._used_by.get(slug, [])

    def beneath(self, slug: str) -> list[str]:
        """All claims that this one rests on, directly or not, in the order of tags."""
        seen: set[str] = set()
        front = list(self.claims[slug].uses)
        while front:
            if (one := front.pop()) not in seen:
                seen.add(one)
                front += self.claims[one].uses
        return sorted(seen, key=lambda s: self.claims[s].tag)

    def whole(self, slug: str) -> bool:
        """Whether the claim is derived, and all beneath it too."""
        shown = {"derived", "rule", "definition"}
        return all(self.status(s) in shown for s in [slug, *self.beneath(slug)])


def load(ledger: Ledger, address: str = "") -> Book:
    """The book of the committed sources."""
    import concordant.proofs_tests.agreements  # noqa: F401  (fills AGREEMENTS)

    return Book(registry.claims(), ledger, AGREEMENTS, address=address)
