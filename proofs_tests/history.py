"""What each claim says may not change in silence.

`theory/registry/statements.csv` keeps, for every tag, the hash of its statement when it was first published: of its words, and
of the formal statement where it is derived.  A statement with another hash needs a new tag, or an entry in `errata.toml`.

    python -m concordant.proofs_tests.history    # appends the tags that are new; never changes a line
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from concordant.proofs_tests.ledger import statement_sha256
from concordant.theory import registry

Hashes = dict[str, tuple[str, str]]
FILE = "statements.csv"


def committed() -> Hashes:
    """Tag → (hash of the words, hash of the formal statement or ""), as first published."""
    text = files("concordant.theory.registry").joinpath(FILE).read_text(encoding="utf-8")
    return {row["tag"]: (row["words"], row["formal"]) for row in csv.DictReader(io.StringIO(text))}


def current() -> Hashes:
    """The same, of the statements as they are now."""
    from concordant.proofs_tests.prove import formal_sha256  # loads sympy

    return {c.tag: (statement_sha256(c)[:16], formal_sha256(c.slug)[:16]) for c in registry.claims().values()}


def errata() -> list[dict[str, Any]]:
    """The entries of the errata."""
    text = files("concordant.theory.registry").joinpath("errata.toml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = tomllib.loads(text).get("erratum", [])
    return entries


def unexplained(
    was: Mapping[str, tuple[str, str]], now: Mapping[str, tuple[str, str]], said: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Tags that are gone, and statements that have changed without a word in the errata.

    >>> unexplained({"CD-0001": ("a", "b")}, {"CD-0001": ("a", "c")}, [])
    ['CD-0001 says something else than when it was published, with the hash c: a new tag, or an entry in errata.toml']
    >>> unexplained({"CD-0001": ("a", "b")}, {"CD-0001": ("a", "c")}, [{"tag": "CD-0001", "now": "c"}])
    []
    >>> unexplained({"CD-0001": ("a", "")}, {"CD-0001": ("a", "c")}, [])  # derived since
    []
    """
    explained = {(e["tag"], e["now"]) for e in said}
    found = [f"{tag} is gone: tags are never deleted" for tag in was if tag not in now]
    for tag in (t for t in was if t in now):
        changed = [n for w, n in zip(was[tag], now[tag], strict=True) if w and n != w and (tag, n) not in explained]
        found += [
            f"{tag} says something else than when it was published, with the hash {n}: a new tag, or an entry in errata.toml"
            for n in changed
        ]
    return found


def main() -> None:
    """Append the tags that are new, and the formal statements of claims that are derived for the first time."""
    path = Path("theory/registry") / FILE
    was, now = committed(), current()
    lines = ["tag,words,formal"]
    for tag, (words, formal) in now.items():
        old = was.get(tag, (words, formal))
        lines.append(f"{tag},{old[0]},{old[1] or formal}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
