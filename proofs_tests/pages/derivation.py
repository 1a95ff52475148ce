"""What a page needs to know of a derivation, and how it is laid out.

The kernel is plugged in at one place: `derivation_of`.  Nothing else here knows about it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from concordant.proofs_tests.pages import maths


@dataclass(frozen=True)
class Hypothesis:
    """What is assumed, as text with formulas between dollars; the numbers of the lines that use it; what breaks without it."""

    text: str
    used_in: Sequence[int] = ()
    without: str = ""


@dataclass(frozen=True)
class Line:
    """One line of the chain: the relation to the line before ("=", "≤"), its TeX, and the reason as a sentence."""

    relation: str
    latex: str
    reason: str


@dataclass(frozen=True)
class Certificate:
    """What the kernel's certificate says: its hash, whether it was replayed, the rules and axioms, the dimensions expanded."""

    sha256: str
    replayed: bool
    rules: Sequence[str] = ()
    axioms: Sequence[str] = ()
    dimensions: Sequence[int] = ()


@dataclass(frozen=True)
class DerivationPage:
    """A derivation, as data.  `statement` is TeX of the formula shown; `script` is plain sympy for D = 1."""

    title: str
    statement: str
    hypotheses: Sequence[Hypothesis]
    lines: Sequence[Line]
    certificate: Certificate
    script: str = ""


def derivation_of(slug: str) -> DerivationPage | None:
    """The derivation of that claim, or None while there is none.  The kernel is plugged in here."""
    return None


RELATIONS = {"≤": r"\le", "≥": r"\ge", "≈": r"\approx", "≠": r"\ne", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow"}


def chain(lines: Sequence[Line]) -> str:
    """The lines as HTML: formula, its number, and beneath it the reason."""
    parts = ['<ol class="derivation">']
    for number, line in enumerate(lines, 1):
        relation = RELATIONS.get(line.relation, line.relation)
        tex = rf"{{}}{relation} {line.latex}" if relation else line.latex
        parts.append(
            f'<li id="line-{number}"><div class="step">{maths.placeholder(tex, display=True)}'
            f'<a class="number" href="#line-{number}" aria-label="line {number}">{number}</a></div>'
            f'<p class="reason">{maths.text(line.reason)}</p></li>'
        )
    return "".join([*parts, "</ol>"])


def hypotheses(items: Sequence[Hypothesis]) -> str:
    """The hypotheses as HTML, each with the lines that use it."""
    rows = []
    for item in items:
        where = ", ".join(f'<a href="#line-{n}">{n}</a>' for n in item.used_in)
        notes = [f"used in line{'s' * (len(item.used_in) > 1)} {where}"] if where else []
        notes += [f"without it: {maths.text(item.without)}"] if item.without else []
        rows.append(f"<li>{maths.text(item.text)}" + "".join(f'<span class="note">{n}</span>' for n in notes) + "</li>")
    return f'<ul class="hypotheses">{"".join(rows)}</ul>'


def certificate(found: Certificate) -> str:
    """The facts of the certificate as a list of terms."""
    facts = [("Certificate", f"<code>{found.sha256[:16]}</code>")]
    facts.append(("Replayed", "yes, by the second program, in a process of its own" if found.replayed else "no"))
    for name, values in (("Rules", found.rules), ("Axioms", found.axioms)):
        if values:
            facts.append((name, ", ".join(html.escape(v) for v in values)))
    if found.dimensions:
        facts.append(("Expanded in coordinates", "D = " + ", ".join(map(str, found.dimensions))))
    return '<dl class="facts">' + "".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in facts) + "</dl>"
