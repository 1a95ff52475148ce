"""Write the README's figures from the committed ledger (`make ledger`)."""

from __future__ import annotations

from pathlib import Path

from concordant.proofs_tests.ledger import read
from concordant.proofs_tests.pages.figures import readme


def main() -> None:
    path = Path("README.md")
    path.write_text(readme(path.read_text(encoding="utf-8"), read(Path("docs/ledger.json"))), encoding="utf-8")


if __name__ == "__main__":
    main()
