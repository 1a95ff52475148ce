"""The figures that texts quote from the ledger, so that they can say no more than was checked."""

from __future__ import annotations

import re

from concordant.proofs_tests import report
from concordant.proofs_tests.ledger import Ledger

BLOCK = re.compile(r"(<!-- ledger -->\n).*?(<!-- /ledger -->)", re.DOTALL)


def summary(ledger: Ledger) -> str:
    """One sentence: how much was run, and how it went."""
    return f"{report.summary(ledger)} (version {ledger['version']}, {ledger['created'][:10]}, seed {ledger['run']['seed']})."


def readme(text: str, ledger: Ledger) -> str:
    """The README with its block of figures written anew."""
    return BLOCK.sub(lambda m: f"{m[1]}{summary(ledger)}\n{m[2]}", text)
