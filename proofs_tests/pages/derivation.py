"""What a page needs to know of a derivation, and how it is laid out.

The kernel is plugged in at one place: `derivation_of`.  Nothing else here knows about it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from concordant.proofs_tests.pages import assumptions, maths
from concordant.proofs_tests.pages.assumptions import Hypothesis


@dataclass(frozen=True)
class Line:
    """One line of the chain: the relation to the line before ("=", "≤"), its TeX, the reason as a sentence, and a heading where a
    step begins."""

    relation: str
    latex: str
    reason: str
    heading: str = ""


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
    certificate: Certificate | None = None
    script: str = ""
    idea: str = ""
    definitions: Sequence[str] = ()


def derivation_of(slug: str) -> DerivationPage | None:
    """The derivation of that claim, or None while there is none.  The kernel is plugged in here."""
    from concordant.theory.derivation import derive  # loads sympy
    from concordant.theory.instances import script
    from concordant.theory.kernel.show import Story

    made = derive(slug)
    if made is None:
        return None
    lines: list[Line] = []
    where: dict[str, list[int]] = {}
    raws: dict[str, tuple[Any, ...]] = {}
    kinds: dict[str, str] = {}
    definitions: list[str] = []
    statements: list[str] = []
    for part, theorem in enumerate(made.theorems, 1):
        story, place = Story(theorem, made.notation), {}
        said = story.statement()
        statements.append(_broken(story) if len(said.plain) > LONG else said.tex)
        for line in story.lines():
            heading = "" if line.number else (f"Step {line.step}" if len(story.steps) > 1 else "")
            if not line.number and len(made.theorems) > 1:
                heading = f"Statement {part}" + (f", step {line.step}" if len(story.steps) > 1 else "")
            lines.append(Line(line.relation, line.tex, _sentence(line.reason_tex), heading))
            place[line.step, line.number] = len(lines)
        for h in story.hypotheses():
            if h.is_definition:
                definitions += [h.tex] if h.tex not in definitions else []
            else:
                where.setdefault(h.tex, []).extend(place[at] for at in h.used_at if at in place)
                kinds[h.tex] = h.kind
        raws |= {story.sentence(raw)[0]: raw for raw in theorem.hyps}
        if said.note_tex:
            definitions.append(said.note_tex)
    several = r"\begin{gathered}" + r"\\[0.6em] ".join(statements) + r"\end{gathered}"
    return DerivationPage(
        title=slug,
        statement=several if len(statements) > 1 else statements[0],
        hypotheses=[_hypothesis(text, used, kinds[text], raws.get(text, ())) for text, used in where.items()],
        lines=lines,
        script=script(slug) or "",
        idea=made.idea,
        definitions=definitions,
    )


def _hypothesis(text: str, used: Sequence[int], kind: str, raw: tuple[Any, ...]) -> Hypothesis:
    """What the kernel assumes, as a page tells it; `raw` is empty for what is declared of a symbol."""
    every = raw[:1] == ("for every test function",)
    terms = assumptions.terms_of(raw)
    return Hypothesis(_sentence(text), tuple(sorted(set(used))), kind=kind, terms=terms, every=every)


#: Statements of more characters than this are broken before their relation.
LONG = 80


def _broken(story: Any) -> str:
    """A long statement on two lines."""
    th = story.theorem
    sides = [th.lhs, th.rhs]
    left, right = (story.side(e, sides)[0] for e in sides)
    relation = {"=": "=", ">=": r"\ge"}[th.rel]
    return rf"\begin{{aligned}}&{left}\\&\qquad{relation} {right}\end{{aligned}}"


def _sentence(words: str) -> str:
    """With a capital and a full stop."""
    if not words:
        return ""
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


RELATIONS = {"≤": r"\le", "≥": r"\ge", "≈": r"\approx", "≠": r"\ne", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow"}


def chain(lines: Sequence[Line]) -> str:
    """The lines as HTML: formula, its number, and beneath it the reason."""
    parts = ['<ol class="derivation">']
    for number, line in enumerate(lines, 1):
        relation = RELATIONS.get(line.relation, line.relation)
        tex = rf"{{}}{relation} {line.latex}" if relation else line.latex
        if line.heading:
            parts.append(f'<li class="heading">{line.heading}</li>')
        parts.append(
            f'<li id="line-{number}"><div class="step">{maths.placeholder(tex, display=True)}'
            f'<a class="number" href="#line-{number}" aria-label="line {number}">{number}</a></div>'
            + (f'<p class="reason">{maths.text(line.reason)}</p>' if line.reason else "")
            + "</li>"
        )
    return "".join([*parts, "</ol>"])


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
