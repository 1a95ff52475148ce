"""From the ledger to Markdown: plain functions, so that pages can say no more than was checked."""

from __future__ import annotations

import re
from pathlib import Path

from concordant.proofs_tests import report
from concordant.proofs_tests.ledger import Ledger
from concordant.theory import registry

BLOCK = re.compile(r"(<!-- ledger -->\n).*?(<!-- /ledger -->)", re.DOTALL)


def summary(ledger: Ledger) -> str:
    """One sentence: how much was run, and how it went."""
    return f"{report.summary(ledger)} (version {ledger['version']}, {ledger['created'][:10]}, seed {ledger['run']['seed']})."


def claims(ledger: Ledger) -> str:
    """A section a claim: what it says, what it needs, how it was checked."""
    parts = []
    for entry in ledger["claims"]:
        claim, agreements = registry.claim(entry["slug"]), entry["agreements"]
        lines = [f"## {entry['tag']} {claim.title} {{ #{entry['tag']} }}", claim.statement]
        lines += ["Needs: " + "; ".join(claim.hypotheses) + "."] if claim.hypotheses else []
        if claim.uses:
            links = (f"[{registry.claim(slug).tag}](#{registry.claim(slug).tag})" for slug in claim.uses)
            lines.append(f"Uses: {', '.join(links)}.")
        mutants = entry["mutants"]
        lines.append(
            f"**{entry['status']}**: {len(agreements)} cells on {len({a['target'] for a in agreements})} targets, worst "
            f"discrepancy and its tolerance {report.worst(agreements)}; {mutants['refuted']} of {mutants['total']} wrong "
            f"formulas noticed. `concordant verify --claim {entry['tag']}`"
        )
        parts.append("\n\n".join(lines))
    return "\n\n".join(parts)


def readme(text: str, ledger: Ledger) -> str:
    """The README with its block of figures written anew."""
    return BLOCK.sub(lambda m: f"{m[1]}{summary(ledger)}\n{m[2]}", text)


def main() -> None:
    """Write the README's figures from the committed ledger (`make ledger`)."""
    from concordant.proofs_tests.ledger import read

    path = Path("README.md")
    path.write_text(readme(path.read_text(encoding="utf-8"), read(Path("docs/ledger.json"))), encoding="utf-8")


if __name__ == "__main__":
    main()
