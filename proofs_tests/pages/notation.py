"""The page of symbols, and which of them a formula uses."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from concordant.proofs_tests.pages import maths

DATA = Path(__file__).with_name("notation.toml")


@dataclass(frozen=True)
class Symbol:
    """A symbol; `match` finds it in the TeX of a statement."""

    group: str
    id: str
    tex: str
    meaning: str
    match: str
    note: str = ""
    code: str = ""

    @property
    def short(self) -> str:
        """The symbol alone, without its definition."""
        return re.split(r"=|,\\ ", self.tex)[0]


@cache
def symbols() -> tuple[Symbol, ...]:
    """All symbols, in the order of the page."""
    return tuple(Symbol(**entry) for entry in tomllib.loads(DATA.read_text(encoding="utf-8"))["symbol"])


def found_in(tex: str) -> list[Symbol]:
    """The symbols that a statement uses.

    >>> [s.id for s in found_in(r"$\\\\lambda=\\\\log(\\\\alpha/\\\\sigma)$")]
    ['alpha', 'sigma', 'lambda']
    """
    formulas = " ".join(a or b for a, b in maths.DOLLARS.findall(tex))
    return [symbol for symbol in symbols() if re.search(symbol.match, formulas)]


def table() -> str:
    """The page's tables, a group of symbols each."""
    parts = []
    for group, members in groupby(symbols(), key=lambda s: s.group):
        rows = "".join(
            f'<tr id="{s.id}"><td class="symbol">{maths.placeholder(s.tex)}</td><td>{maths.text(s.meaning)}'
            f"{f'<span class=note>{maths.text(s.note)}</span>' if s.note else ''}</td>"
            f"<td>{f'<code>{s.code}</code>' if s.code else ''}</td></tr>"
            for s in members
        )
        head = '<thead><tr><th scope="col">symbol</th><th scope="col">meaning</th><th scope="col">in code</th></tr></thead>'
        parts.append(
            f'## {group}\n\n<div class="scroll"><table class="notation">{head}<tbody>{rows}</tbody></table></div>'
        )
    return "\n\n".join(parts)
