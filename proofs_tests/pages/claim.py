"""The page of a claim: what it says, what it needs, why it holds, how it was checked, where it is in code, how to cite it."""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from concordant.proofs_tests.pages import assumptions, code, derivation, graph, maths, notation, plot, topics, unicode
from concordant.proofs_tests.pages.assumptions import Hypothesis
from concordant.proofs_tests.pages.book import MEANINGS, Book, Entry
from concordant.proofs_tests.pages.later import later
from concordant.theory import registry
from concordant.theory.registry import Claim

PAPERS = Path(__file__).with_name("papers.toml")


def page(book: Book, claim: Claim) -> str:
    """The Markdown of `/t/CD-0006/`."""
    entry, found = book.entry(claim.slug), book.derivation(claim.slug)
    title = f"{claim.tag} {claim.title}"
    head = [
        "---",
        f"title: {json.dumps(title, ensure_ascii=False)}",
        f"description: {json.dumps(claim.slogan or claim.statement, ensure_ascii=False)}",
        "hide: [navigation]",
        "---",
        kicker(claim),
        f'# <span class="cd-tag">{claim.tag}</span> {html.escape(claim.title, quote=False)} {{ #top }}',
        f'<p class="slogan">{unicode.words(claim.slogan)}</p>' if claim.slogan else "",
        statement_card(book, claim),
        f'<p class="status-line">{status_line(book, claim, entry)}</p>',
        symbols(statement_tex(book, claim)),
    ]
    parts = [*head, needs(claim, found), why(found, entry), checks(book, claim, entry), in_code(book, claim, entry)]
    parts += [surroundings(book, claim), sources(claim), cite(book, claim, entry), neighbours(book, claim)]
    return "\n\n".join(part for part in parts if part) + "\n"


def kicker(claim: Claim) -> str:
    """The line above the title: the chapter and the section of the monograph."""
    chapter = topics.CHAPTERS[claim.topic]
    name = f'<a href="../../topics/{claim.topic}/">{chapter.name}</a>' if chapter.page else chapter.name
    return f'<p class="kicker">{name}<span>monograph, section {html.escape(claim.section)}</span></p>'


def words_tex(claim: Claim) -> str:
    """The statement in words, with formulas between dollars."""
    return claim.latex or unicode.dollars(claim.statement)


def statement_tex(book: Book, claim: Claim) -> str:
    """The statement in words, with formulas between dollars; and, where it is derived, as the kernel has it."""
    found, said = book.derivation(claim.slug), words_tex(claim)
    return f"{said}\n\n$${found.statement}$$" if found else said


def badge(status: str) -> str:
    """A status as a small label with its colour."""
    return f'<span class="badge {graph.css_name(status)}">{status}</span>'


def statement_card(book: Book, claim: Claim, link: str = "") -> str:
    """The statement in its frame, and as the kernel has it; with a link it is a quotation from another page, in words only."""
    status = book.status(claim.slug)
    said = maths.text(words_tex(claim))
    if link:
        head = f'<a href="{link}"><b>{claim.tag}</b> {html.escape(claim.title)}</a>{badge(status)}'
        return f'<div class="statement {graph.css_name(status)}"><div class="card-head">{head}</div><div class="says">{said}</div></div>'
    found = book.derivation(claim.slug)
    formal = (
        f'<div class="says formal"><span class="of-kernel">as derived</span>{maths.text(f"$${found.statement}$$")}</div>'
        if found
        else ""
    )
    return (
        f'<div class="statement {graph.css_name(status)}"><div class="says">{said}</div>{formal}'
        f"{maths.search_only(claim.statement)}</div>"
    )


def status_line(book: Book, claim: Claim, entry: Entry) -> str:
    """The status, with the reason for it in figures of the ledger."""
    status = book.status(claim.slug)
    said = [badge(status), MEANINGS[status]]
    if claim.reason:
        said.append(f"{unicode.words(unicode.whole(claim.reason))}")
    cells, wrong = entry["agreements"], entry["wrong_formulas"]
    if facts := entry.get("derivation"):
        said.append(f"<b>{facts['lines']}</b> line{'s' * (facts['lines'] != 1)}.")
    if cells:
        targets, schedules = ({c[k] for c in cells} for k in ("target", "schedule"))
        held = sum(c["ok"] for c in cells)
        refuted = sum(w["refuted"] for w in wrong)
        said.append(
            f"<b>{held} of {len(cells)}</b> cells held, on {len(targets)} targets under {len(schedules)} schedules; "
            f"<b>{refuted} of {len(wrong)}</b> wrong formulas noticed."
        )
    if entry.get("earned", status) != entry["status"]:
        said.append(f"By itself it is {entry['earned']}; a claim is never better than the weakest that it uses.")
    return " ".join(said)


def symbols(tex: str) -> str:
    """Links to the symbols of the statement."""
    links = [
        f'<a href="../../notation/#{s.id}"><span class="unseen">{html.escape(maths.plain(s.short))}</span>'
        f'<span aria-hidden="true">{maths.placeholder(s.short)}</span></a>'
        for s in notation.found_in(tex)
    ]
    return f'<p class="symbols" data-search-exclude><span>Symbols</span> {" ".join(links)}</p>' if links else ""


def needs(claim: Claim, found: derivation.DerivationPage | None) -> str:
    """The hypotheses in words, each with what breaks without it; then what the lines of the derivation assume."""
    without = claim.without or ("",) * len(claim.hypotheses)
    items = [Hypothesis(text, without=broken) for text, broken in zip(claim.hypotheses, without, strict=True)]
    shown = assumptions.in_words(items) if items else "<p>None beyond the definitions of its symbols.</p>"
    return f"## Hypotheses {{ #hypotheses }}\n\n{shown}\n\n{of_lines(found)}"


def of_lines(found: derivation.DerivationPage | None) -> str:
    """What the lines of the derivation assume, shortened, and the whole list beneath."""
    if found is None or not found.hypotheses:
        return ""
    whole, short = list(found.hypotheses), assumptions.shortened(found.hypotheses)
    told = sum(not h.every for h in short) + any(h.every for h in short)
    count = f"{told} condition{'s' * (told != 1)}"
    shorter, rest = "", ""
    if len(short) < len(whole):
        shorter = (
            f'<p class="note">The certificate carries {len(whole)}, line by line. An integral whose terms, multiplied out, all '
            "stand in others is left out here, and its lines are told there: a sum of absolutely convergent integrals converges.</p>"
        )
        rest = f'<details class="fold"><summary>All {len(whole)}, as the kernel has them</summary>{assumptions.in_full(whole)}</details>'
    body = later(assumptions.of_lines(short) + shorter + rest)
    return (
        '<details class="fold" data-search-exclude><summary>What the lines of the derivation assume: '
        f"{count}, each with the lines that use it</summary>{body}</details>"
    )


def why(found: derivation.DerivationPage | None, entry: Entry) -> str:
    """The derivation, line by line: definitions, what is assumed and where, the chain, the certificate, the script."""
    if found is None:
        return "## Derivation { #derivation }\n\n<p>Not derived here yet. What stands behind this claim are the agreements below.</p>"
    parts = ["## Derivation { #derivation }", f'<p class="idea">{maths.text(found.idea)}</p>']
    if found.definitions:
        where = "".join(f"<li>{maths.text(d)}</li>" for d in found.definitions)
        parts.append(f'<p class="where-head">Here</p><ul class="definitions">{where}</ul>')
    folded = f'<details class="fold" open><summary>{len(found.lines)} lines</summary>{derivation.chain(found.lines)}</details>'
    parts.append(folded)
    if facts := entry.get("derivation"):
        parts.append(derivation.certificate(_certificate(entry, facts)))
    if found.script:
        parts += ["### In one dimension, in plain sympy { #script }", f"```python\n{found.script.strip()}\n```"]
    return "\n\n".join(parts)


def _certificate(entry: Entry, facts: Mapping[str, Any]) -> derivation.Certificate:
    """What the ledger says of the certificate."""
    rules = [f"{rule} ({n})" for rule, n in facts["rules"].items()]
    return derivation.Certificate(
        facts["certificate_sha256"], facts["replayed"], rules, entry.get("axioms", ()), _dimensions(facts)
    )


def _dimensions(facts: Mapping[str, Any]) -> tuple[int, ...]:
    """The dimensions in which statements with indices were expanded, where the ledger tells."""
    found = facts.get("dimensions", ())
    return tuple(range(1, found + 1)) if isinstance(found, int) else tuple(found)


def number(value: float | str) -> str:
    """A discrepancy for reading: two digits."""
    return value if isinstance(value, str) else "0" if value == 0 else f"{value:.1e}"


def checks(book: Book, claim: Claim, entry: Entry) -> str:
    """How it was checked: plot, agreements with their cells, wrong formulas, the command."""
    cells = entry["agreements"]
    if not cells:
        return (
            ""
            if claim.nature != "claim"
            else "## How it was checked { #checks }\n\n<p>The committed ledger has no run of it.</p>"
        )
    parts = [
        "## How it was checked { #checks }",
        f'<figure class="plot">{later(plot.strip(cells))}<figcaption>Each dot is a target under a schedule. The line is the tolerance: '
        "what lies left of it held.</figcaption></figure>",
    ]
    for name, group in groupby(cells, key=lambda c: str(c["name"])):
        parts.append(agreement(book, name, list(group)))
    parts += [wrong_formulas(entry["wrong_formulas"]), altered(entry)]
    run = book.ledger["run"]
    worst = max(cells, key=plot.share)
    parts += [
        "### Run it yourself { #run data-search-exclude }",
        f"<p>All of this claim, and the cell that came nearest to its limit:</p>\n\n```sh\nconcordant verify --claim {claim.tag}\n"
        f"concordant verify --claim {claim.tag} --target {worst['target']} --schedule {worst['schedule']} --seed {run['seed']}\n```",
    ]
    return "\n\n".join(parts)


def agreement(book: Book, name: str, cells: list[Mapping[str, Any]]) -> str:
    """One agreement: what it compares, its tolerance with the reason, its cells folded."""
    found, first, worst = book.agreements.get(name), cells[0], max(cells, key=plot.share)
    said = unicode.words(found.statement) if found else ""
    limit = f"Tolerance {first['tolerance']:g}"
    if found:
        limit += (
            f" (class {first['tolerance_class']}: {found.tolerance.meaning}), because: {unicode.words(found.because)}"
        )
    rows = "".join(
        f"<tr><td>{html.escape(c['target'])}</td><td>{html.escape(c['schedule'])}</td><td class='n'>{number(c['discrepancy'])}</td>"
        f"<td class='n'>{c['tolerance']:g}</td><td>{'held' if c['ok'] else '<b>failed</b>'}</td></tr>"
        for c in cells
    )
    table = (
        '<div class="scroll"><table class="cells"><thead><tr><th scope="col">target</th><th scope="col">schedule</th><th scope="col" class="n">discrepancy</th>'
        f'<th scope="col" class="n">tolerance</th><th scope="col"></th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
    return (
        f'<div class="agreement"><h3 id="{name}">{name[:1].upper()}{name[1:].replace("-", " ")}</h3><p>{said}</p>'
        f'<p class="note">{limit}.</p><details class="fold" data-search-exclude><summary>{len(cells)} cells, the worst discrepancy '
        f"{number(worst['discrepancy'])} on {html.escape(worst['target'])} under {html.escape(worst['schedule'])}</summary>{later(table)}</details></div>"
    )


def wrong_formulas(wrong: Iterable[Mapping[str, Any]]) -> str:
    """The wrong formulas that were put in the place of the right one, and how far off they were."""
    rows = "".join(
        f"<tr><td>{unicode.words(w['formula'])}</td><td class='n'>{number(w['discrepancy'])}</td>"
        f"<td class='n'>{w['tolerance']:g}</td><td>{'noticed' if w['refuted'] else '<b>not noticed</b>'}</td></tr>"
        for w in wrong
    )
    if not rows:
        return ""
    return (
        "### Wrong formulas { #wrong data-search-exclude }\n\n<p>Each was put in the place of the right one, and the agreement had to fail.</p>\n\n"
        '<div class="scroll"><table class="cells"><thead><tr><th scope="col">in place of the right formula</th><th scope="col" class="n">discrepancy</th>'
        f'<th scope="col" class="n">tolerance</th><th scope="col"></th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def altered(entry: Entry) -> str:
    """What became of the statement's alterations, with some that were refuted and where."""
    counts = entry.get("mutants") or {}
    if not counts.get("total"):
        return ""
    others = [f"{counts[k]} {k}" for k in ("unprovable", "weaker", "equivalent") if counts.get(k)]
    said = f"<b>{counts['refuted']} of {counts['total']}</b> refuted" + (
        f"; the others: {', '.join(others)}" if others else ""
    )
    examples = (entry.get("derivation") or {}).get("refuted", ())
    rows = "".join(f"<li>{unicode.words(text)}</li>" for text in examples)
    shown = f'<details class="fold"><summary>{len(examples)} of those that were refuted</summary>{later(f"<ul>{rows}</ul>")}</details>'
    return (
        "### Altered statements { #altered data-search-exclude }\n\n"
        "<p>Signs, factors, exponents, terms, arguments and derivatives of the statement, altered one at a time: "
        f'{said}. <a href="../../checking/#derivations">What the words mean</a>.</p>{shown if examples else ""}'
    )


def in_code(book: Book, claim: Claim, entry: Entry) -> str:
    """The functions that the claim is about, with their source."""
    names = dict.fromkeys(str(c["name"]) for c in entry["agreements"])
    found = code.of_claim(claim.slug, [book.agreements[n] for n in names if n in book.agreements])
    if not found:
        return ""
    parts, hidden = ["## In code { #code }"], '<div data-search-exclude markdown="1">'
    parts += [
        f"<p class='where'><code>{source.name}</code></p>\n\n{hidden}\n\n```python\n{source.text}\n```\n\n</div>"
        for source in found
    ]
    return "\n\n".join(parts)


def surroundings(book: Book, claim: Claim) -> str:
    """What it uses and what uses it, drawn."""
    drawn = graph.neighbours(book, claim, lambda other: f"../{other.tag}/")
    if not drawn:
        return "## What rests on what { #uses data-search-exclude }\n\n<p>It uses no other claim, and none uses it yet.</p>"
    beneath = book.beneath(claim.slug)
    count = (
        f"It rests on {len(beneath)} claim{'s' * (len(beneath) != 1)} in all. "
        if beneath
        else "It rests on no other claim. "
    )
    return (
        f'## What rests on what {{ #uses data-search-exclude }}\n\n<figure class="graph">{later(drawn)}</figure>\n\n'
        f'<p class="note">{count}<a href="../../map/#{claim.tag}">See it on the map</a>.</p>'
    )


@cache
def _papers() -> dict[str, Any]:
    return tomllib.loads(PAPERS.read_text(encoding="utf-8"))


def sources(claim: Claim) -> str:
    """The monograph's section and rows, and the original papers."""
    known = registry.rows()
    rows = [f'<a href="../../coverage/#{r}">{r}</a> {html.escape(known[r].name)}' for r in claim.rows if r in known]
    items = [
        'The Principles of Diffusion Models (Lai, Song, Kim, Mitsufuji, Ermon), <a href="https://arxiv.org/abs/2510.21890">arXiv 2510.21890</a>, '
        f"section {html.escape(claim.section)}" + (f": {'; '.join(rows)}" if rows else "")
    ]
    for key in _papers()["claims"].get(claim.slug, ()):
        paper = _papers()["paper"][key]
        cited = html.escape(paper["cite"], quote=False)
        items.append(f'<a href="{paper["url"]}">{cited}</a>' if "url" in paper else cited)
    return (
        "## Sources { #sources data-search-exclude }\n\n<ul>" + "".join(f"<li>{item}.</li>" for item in items) + "</ul>"
    )


def bibtex(book: Book, claim: Claim, entry: Entry) -> str:
    """A BibTeX entry that names the tag, the version and the hash of the statement."""
    fields = {
        "author": "{The Concordant developers}",
        "title": f"{{{claim.title}}}",
        "howpublished": "Concordant: a checked reference for the mathematics of diffusion models",
        "version": str(book.ledger["version"]),
        "year": str(book.ledger["created"])[:4],
        "note": f"Tag {claim.tag}, version {book.ledger['version']}, statement sha256:{entry['statement_sha256'][:16]}",
    }
    if book.address:
        fields["url"] = f"{book.address.rstrip('/')}/t/{claim.tag}/"
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@misc{{concordant-{claim.tag},\n{body}}}"


def copy(label: str, text: str = "", source: str = "") -> str:
    """A button that copies a text, or a file beside the page; hidden until the script is there to serve it."""
    what = f'data-copy-from="{source}"' if source else f'data-copy="{html.escape(text).replace(chr(10), "&#10;")}"'
    return f'<button type="button" class="copy" hidden {what}>{label}</button>'


def cite(book: Book, claim: Claim, entry: Entry) -> str:
    """The cite box with its buttons."""
    tex = re.sub(r"\s+", " ", statement_tex(book, claim))
    buttons = [
        copy("Copy BibTeX", bibtex(book, claim, entry)),
        copy("Copy TeX", tex),
        copy("Copy JSON", source="claim.json"),
    ]
    found = book.derivation(claim.slug)
    if found and found.script:
        buttons.append(copy("Copy sympy", found.script))
    return (
        f"## Cite {{ #cite data-search-exclude }}\n\n<pre class='bibtex'><code>{html.escape(bibtex(book, claim, entry), quote=False)}</code></pre>\n\n"
        f'<p class="buttons">{"".join(buttons)} <a href="claim.json">claim.json</a></p>'
    )


def neighbours(book: Book, claim: Claim) -> str:
    """The claims before and after it, by tag."""
    ordered = list(book.claims.values())
    index = ordered.index(claim)
    before = ordered[index - 1] if index else None
    after = ordered[index + 1] if index + 1 < len(ordered) else None
    links = [f'<a class="before" href="../{before.tag}/">← {before.tag}</a>' if before else "<span></span>"]
    links.append(f'<a class="after" href="../{after.tag}/">{after.tag} →</a>' if after else "<span></span>")
    return f'<nav class="turn" aria-label="Claims before and after">{"".join(links)}</nav>'


def as_json(book: Book, claim: Claim) -> str:
    """What the registry and the ledger say of the claim, for machines."""
    entry = dict(book.entry(claim.slug))
    return (
        json.dumps({**asdict(claim), **entry, "version": book.ledger["version"]}, indent=1, ensure_ascii=False) + "\n"
    )
