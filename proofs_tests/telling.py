"""Derivations for reading: on a terminal, in LaTeX, as data; and all that is assumed anywhere.  No torch is needed here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from concordant.theory import registry
from concordant.theory.derivation import Derivation, derive, slugs
from concordant.theory.kernel.show import Hypothesis, Line, Story, axioms
from concordant.theory.registry import Claim

#: What hypotheses of a kind are called in a list of all; `True` for those that are told one by one.
NAMES = {
    "positive": "positive where a logarithm is taken",
    "nonzero": "not zero where it divides",
    "range": "ranges of steps",
    "normalised": "integrates to 1",
    "probability": "is a probability density",
    "converges": "integrals converge absolutely, multiplied out",
    "dominated": "derivatives may be taken under the integral",
    "integrable field": "a field and its divergence are integrable",
    "square integrable": "square integrable over the law and time",
    "test function": "smooth with compact support",
    "continuous": "continuous",
    "law": "a process has a density",
    "chain": "a Markov chain with its marginals and posteriors",
    "unique": "an evolution equation has one solution",
    "given": "an assumption of the claim's own",
}
SMALL = ("positive", "nonzero", "range", "normalised")


def _grouped(lines: list[Line]) -> list[list[Line]]:
    return [list(step) for _, step in groupby(lines, key=lambda line: line.step)]


# ------------------------------------------------------------------------------------------------ data
def data(derivation: Derivation) -> dict[str, Any]:
    """A derivation as plain data."""
    theorems = []
    for theorem in derivation.theorems:
        story = Story(theorem, derivation.notation)
        found = story.hypotheses()
        theorems.append(
            {
                "statement": asdict(story.statement()),
                "definitions": [asdict(h) for h in found if h.is_definition],
                "hypotheses": [asdict(h) for h in found if not h.is_definition],
                "lines": [asdict(line) for line in story.lines()],
                "axioms": axioms(theorem),
            }
        )
    return {"idea": derivation.idea, "theorems": theorems}


# ------------------------------------------------------------------------------------------------ LaTeX
def latex(claim: Claim, derivation: Derivation) -> str:
    """A derivation in LaTeX, with amsmath."""
    out = [f"% {claim.tag}  {claim.title}", f"% {derivation.idea}"]
    for theorem in derivation.theorems:
        story = Story(theorem, derivation.notation)
        said = story.statement()
        out += ["", r"\begin{equation*}", f"  {said.tex}", r"\end{equation*}"]
        out += [f"Here {said.note_tex}."] if said.note_tex else []
        for title, chosen in (("where", True), ("assuming", False)):
            found = [h for h in story.hypotheses() if h.is_definition is chosen]
            if found:
                out += [f"{title}", r"\begin{itemize}", *(rf"  \item {h.tex}" for h in found), r"\end{itemize}"]
        steps = _grouped(story.lines())
        for step in steps:
            out += [rf"\paragraph{{Step {step[0].step}.}}"] if len(steps) > 1 else []
            out += [r"\begin{align*}", rf"  & {step[0].tex} \\"]
            relation = {"=": "=", "≥": r"\ge"}
            rows = [rf"  & \quad {relation[x.relation]} {x.tex} && \text{{{x.reason_tex}}}" for x in step[1:]]
            out += [" \\\\\n".join(rows), r"\end{align*}"]
    return "\n".join(out)


# ------------------------------------------------------------------------------------------------ terminal
def tell(console: Console, derivation: Derivation) -> None:
    """A derivation on a terminal."""
    console.print()
    console.print(Text("derivation  ", style="dim"), Text(derivation.idea), sep="")
    for theorem in derivation.theorems:
        story = Story(theorem, derivation.notation)
        said, found = story.statement(), story.hypotheses()
        console.print()
        _print(console, Text(said.plain, style="bold"), 2)
        if said.note:
            _print(console, Text(f"where {said.note}", style="italic"), 2)
        _tell_hypotheses(console, found)
        steps = _grouped(story.lines())
        for step in steps:
            console.print()
            name = f"step {step[0].step}" if len(steps) > 1 else ""
            _print(console, Text.assemble((f"{name:<8}" if name else "", "dim"), step[0].plain), 2)
            for line in step[1:]:
                _print(console, Text(f"{line.relation} {line.plain}"), 10 if name else 4)
                _print(console, Text(line.reason, style="cyan"), 14 if name else 8)


def _tell_hypotheses(console: Console, found: list[Hypothesis]) -> None:
    """Definitions, then assumptions; short ones on one line."""
    for title, chosen in (("where", True), ("assuming", False)):
        some = [h for h in found if h.is_definition is chosen]
        small = [h.plain for h in some if h.kind in SMALL]
        rows = [h.plain for h in some if h.kind not in SMALL]
        if small:
            rows.insert(0, ", ".join(small))
        for n, row in enumerate(rows):
            _print(console, Text.assemble((f"{title if n == 0 else '':<10}", "dim"), row), 2)


def _print(console: Console, text: Text, indent: int) -> None:
    console.print(Padding(text, (0, 0, 0, indent), expand=False))


# ------------------------------------------------------------------------------------------------ what is assumed
def assumed() -> dict[str, list[dict[str, Any]]]:
    """Axioms and kinds of hypotheses, with the tags of the claims whose derivations use them."""
    used: dict[str, list[str]] = {}
    kinds: dict[str, list[str]] = {}
    for slug in slugs():
        derivation = derive(slug)
        assert derivation is not None
        tag = registry.claims()[slug].tag if slug in registry.claims() else slug
        for theorem in derivation.theorems:
            for axiom in axioms(theorem):
                used.setdefault(axiom, []).append(tag)
            for h in Story(theorem, derivation.notation).hypotheses():
                if h.kind in NAMES:
                    kinds.setdefault(h.kind, []).append(tag)
    return {
        "axioms": [{"axiom": name, "claims": _once(tags)} for name, tags in _ordered(used)],
        "hypotheses": [
            {"kind": kind, "says": NAMES[kind], "number": len(kinds[kind]), "claims": _once(kinds[kind])}
            for kind in NAMES
            if kind in kinds
        ],
    }


def _once(tags: Iterable[str]) -> list[str]:
    return sorted(set(tags))


def _ordered(used: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    """Axioms of all in the order of the rules, then what single claims are given."""
    from concordant.theory.kernel.sentences import RULES

    order = list(RULES.values())
    return sorted(used.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def tell_assumed(console: Console, found: dict[str, list[dict[str, Any]]]) -> None:
    """All that is assumed, on a terminal."""
    console.print(Text("rules and axioms", style="bold"))
    for entry in found["axioms"]:
        _print(console, Text(entry["axiom"]), 2)
        _print(console, Text(", ".join(entry["claims"]), style="dim"), 6)
    console.print()
    console.print(Text("hypotheses", style="bold"))
    for entry in found["hypotheses"]:
        _print(console, Text(f"{entry['says']}: {entry['number']}"), 2)
        _print(console, Text(", ".join(entry["claims"]), style="dim"), 6)
