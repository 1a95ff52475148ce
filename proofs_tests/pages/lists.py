"""What many pages show of many claims: the list, the coverage of the inventory, the state of the ledger."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from concordant.errors import BadInput, nearest
from concordant.proofs_tests.pages import topics, unicode
from concordant.proofs_tests.pages.book import MEANINGS, Book
from concordant.proofs_tests.pages.claim import badge
from concordant.theory import registry
from concordant.theory.registry import TOPICS, Claim

CHAPTER = {"A": "Appendix A", "B": "Appendix B", "C": "Appendix C", "D": "Appendix D"}


def claims(book: Book) -> str:
    """All claims by topic."""
    parts = []
    for topic in TOPICS:
        chosen = [c for c in book.claims.values() if c.topic == topic]
        if not chosen:
            continue
        chapter = topics.CHAPTERS[topic]
        read = f'<p class="note"><a href="../topics/{topic}/">Read the chapter</a></p>\n\n' if chapter.page else ""
        parts.append(f"## {chapter.name} {{ #{topic} }}\n\n{read}{listed(book, chosen, '../')}")
    return "\n\n".join(parts)


def listed(book: Book, chosen: Iterable[Claim], root: str) -> str:
    """Claims as a list: tag, title, slogan, status; "" for none."""
    if not (chosen := list(chosen)):
        return ""
    rows = "".join(
        f'<li><a href="{root}t/{c.tag}/"><b>{c.tag}</b> <span>{html.escape(c.title)}<i>{unicode.words(c.slogan)}</i></span></a>'
        f"{badge(book.status(c.slug))}</li>"
        for c in chosen
    )
    return f'<ul class="claims">{rows}</ul>'


def chapter(book: Book, topic: str, root: str) -> str:
    """All claims of a topic, in the order of the monograph's sections: the end of its chapter."""
    if topic not in topics.CHAPTERS:
        raise BadInput(f"no topic {topic!r}: {nearest(topic, topics.CHAPTERS)}")
    chosen = sorted((c for c in book.claims.values() if c.topic == topic), key=lambda c: (_place(c.section), c.tag))
    shown = Counter(book.status(c.slug) for c in chosen)
    count = ", ".join(f"{n} {name}" for name, n in shown.most_common())
    said = f"{len(chosen)} claim{'s' * (len(chosen) != 1)}: {count}. What this page says without a tag is told and not checked here."
    return f'<p class="note">{said}</p>\n\n{listed(book, chosen, root)}'


def _place(section: str) -> list[tuple[int, str]]:
    """A section's number, so that 4.10 comes after 4.9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in section.split(".")]


def state(book: Book) -> str:
    """The state of the ledger as a row of figures."""
    totals, cells = book.ledger["totals"], book.ledger["cells"]
    by = Counter(book.status(slug) for slug in book.claims)
    figures = [(str(len(book.claims)), "claims")]
    figures += [(str(by[name]), name) for name in MEANINGS if by[name]]
    figures.append((f"{totals['cells_held']}", f"of {cells['run']} cells held"))
    figures.append((f"{totals['wrong_formulas_refuted']}", f"of {totals['wrong_formulas']} wrong formulas noticed"))
    if "altered_statements" in totals:
        figures.append(
            (f"{totals['altered_statements_refuted']}", f"of {totals['altered_statements']} altered statements refuted")
        )
    items = "".join(f"<li><b>{number}</b> {html.escape(name)}</li>" for number, name in figures)
    return f'<ul class="figures">{items}</ul>'


def _chapter(row_id: str) -> str:
    head = row_id.split("-")[0]
    if head in CHAPTER:
        return CHAPTER[head]
    return f"Chapter {head[1:]}" if head[:1] == "C" and head[1:].isdigit() else "Beyond the monograph"


def coverage(book: Book) -> str:
    """The rows of the inventory by chapter, each with its claim and status, or that there is none."""
    covered = {row: claim for claim in book.claims.values() for row in claim.rows}
    parts, table = [], []
    for name, group in groupby(registry.rows().values(), key=lambda row: _chapter(row.id)):
        rows = list(group)
        done = sum(row.id in covered for row in rows)
        anchor = name.lower().replace(" ", "-")
        body = []
        for row in rows:
            claim = covered.get(row.id)
            state = (
                f'<a href="../t/{claim.tag}/">{claim.tag}</a> {badge(book.status(claim.slug))}'
                if claim
                else '<span class="none">not yet</span>'
            )
            body.append(
                f'<tr id="{row.id}"><td>{row.id}</td><td>{html.escape(row.name)}</td><td>{html.escape(row.section)}</td>'
                f"<td>{row.priority}</td><td>{state}</td></tr>"
            )
        table.append(
            f'<tr><td><a href="#{anchor}">{name}</a></td><td class="n">{len(rows)}</td><td class="n">{done}</td>'
            f'<td><span class="meter" aria-hidden="true"><i style="width:{100 * done / len(rows):.0f}%"></i></span></td></tr>'
        )
        head = "".join(f'<th scope="col">{h}</th>' for h in ("row", "statement", "place", "priority", "claim"))
        parts.append(
            f'## {name} {{ #{anchor} }}\n\n<p>{done} of {len(rows)} rows have a claim.</p>\n\n<div class="scroll" data-search-exclude>'
            f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
        )
    without = [chapter.name for topic, chapter in topics.CHAPTERS.items() if not chapter.page]
    total = registry.rows()
    have = sum(row in covered for row in total)
    top = (
        f"<p><b>{have} of {len(total)}</b> rows have a claim; {len(total) - have} have none yet, and nothing is said of them here.</p>\n\n"
        f"<p>No chapter is written yet on: {', '.join(without).lower()}.</p>\n\n"
        '<div class="scroll"><table class="cells"><thead><tr><th scope="col">chapter</th><th scope="col" class="n">rows</th>'
        '<th scope="col" class="n">with a claim</th><th scope="col">part</th></tr></thead>'
        f"<tbody>{''.join(table)}</tbody></table></div>"
    )
    return "\n\n".join([top, *parts])


def statuses() -> str:
    """What each status means."""
    rows = "".join(f"<tr><td>{badge(name)}</td><td>{said}</td></tr>" for name, said in MEANINGS.items())
    return f'<div class="scroll"><table class="cells"><thead><tr><th scope="col">status</th><th scope="col">means</th></tr></thead><tbody>{rows}</tbody></table></div>'
