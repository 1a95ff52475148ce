"""Two drawings of what rests on what: a claim among its neighbours, and the map of all claims."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache

from concordant.proofs_tests.pages.book import Book
from concordant.proofs_tests.pages.svg import drawing, label, wrap
from concordant.theory.registry import TOPICS, Claim

Address = Callable[[Claim], str]
BOX, HIGH, GAP = 196.0, 54.0, 12.0


def css_name(status: str) -> str:
    """A status as the name of a CSS class."""
    return "st-" + status.replace(" ", "-")


def node(
    book: Book, claim: Claim, x: float, y: float, w: float, address: str, extra: str = "", anchor: str = ""
) -> str:
    """A box with a claim's tag and title, linked; the bar at its left tells its status."""
    status = book.status(claim.slug)
    whole = " whole" if book.whole(claim.slug) else ""
    body = (
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" height="{HIGH:g}" rx="6"/>'
        f'<path class="bar" d="M{x + 5:g} {y + 7:g}v{HIGH - 14:g}"/>'
        + label(x + 14, y + 16, [claim.tag], 0, "tag")
        + label(x + 14, y + 31, wrap(claim.title, 11.5, w - 22, 2), 14, "title")
    )
    css = f"node {css_name(status)}{whole}{extra}"
    title = f"<title>{html.escape(f'{claim.tag} {claim.title}: {status}')}</title>"
    if not address:
        return f'<g class="{css}">{title}{body}</g>'
    ident = f' id="{anchor}"' if anchor else ""
    return f'<a class="{css}"{ident} href="{address}" data-tag="{claim.tag}">{title}{body}</a>'


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    bend = max(18.0, abs(x2 - x1) / 2)
    return f'<path class="edge" d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"/>'


def neighbours(book: Book, claim: Claim, address: Address) -> str:
    """What the claim uses, itself, and what uses it: a wide drawing, and a narrow one for small screens."""
    uses = [book.claims[s] for s in claim.uses]
    users = [book.claims[s] for s in book.used_by(claim.slug)]
    if not uses and not users:
        return ""
    said = f"{claim.tag} uses {', '.join(c.tag for c in uses) or 'no other claim'}; used by {', '.join(c.tag for c in users) or 'none yet'}."
    wide = _wide(book, claim, uses, users, address, said)
    return wide + _narrow(book, claim, uses, users, address, said)


def _wide(book: Book, claim: Claim, uses: list[Claim], users: list[Claim], address: Address, said: str) -> str:
    columns = [uses, [claim], users]
    columns = [c for c in columns if c]
    deepest = max(len(c) for c in columns)
    high, space = deepest * (HIGH + GAP) - GAP, 52.0
    here = columns.index([claim])
    body: list[str] = []
    middle = high / 2
    for i, column in enumerate(columns):
        x = 1 + i * (BOX + space)
        top = (high - (len(column) * (HIGH + GAP) - GAP)) / 2 + 1
        for j, one in enumerate(column):
            y = top + j * (HIGH + GAP)
            if i < here:
                body.insert(0, _curve(x + BOX, y + HIGH / 2, x + BOX + space, middle + 1))
            elif i > here:
                body.insert(0, _curve(x - space, middle + 1, x, y + HIGH / 2))
            body.append(node(book, one, x, y, BOX, "" if i == here else address(one), " self" if i == here else ""))
    total = len(columns) * (BOX + space) - space + 2
    return drawing(total, high + 2, body, said, "cd-graph wide")


def _narrow(book: Book, claim: Claim, uses: list[Claim], users: list[Claim], address: Address, said: str) -> str:
    w, indent, y = 300.0, 22.0, 1.0
    body: list[str] = []
    rows = [*((c, indent) for c in uses), (claim, 0.0), *((c, indent) for c in users)]
    own = 1 + len(uses) * (HIGH + GAP)
    for one, x in rows:
        if x:
            start = own if y < own else own + HIGH
            body.insert(0, f'<path class="edge" d="M{x:g} {y + HIGH / 2:g}H{indent / 2:g}V{start:g}"/>')
        body.append(node(book, one, x + 1, y, w - x - 2, address(one) if x else "", "" if x else " self"))
        y += HIGH + GAP
    return drawing(w, y - GAP + 1, body, said, "cd-graph narrow")


LANE_LABEL, COLUMN, MOST = 30.0, BOX + 48.0, 8


def levels(book: Book) -> dict[str, int]:
    """How deep each claim lies: 0 for what uses nothing, else one more than the deepest that it uses."""

    @cache
    def level(slug: str) -> int:
        return 1 + max((level(u) for u in book.claims[slug].uses), default=-1)

    return {claim.slug: level(claim.slug) for claim in book.claims.values()}


def _columns(claims: Sequence[Claim], depth: dict[str, int]) -> dict[int, list[Claim]]:
    found: defaultdict[int, list[Claim]] = defaultdict(list)
    for claim in claims:
        found[depth[claim.slug]].append(claim)
    return found


def _ordered(book: Book, column: Sequence[Claim], middle: dict[str, float]) -> list[Claim]:
    """A column by the mean height of what its claims use, so that edges cross less; what uses nothing comes by tag, last."""

    def height(claim: Claim) -> tuple[float, str]:
        known = [middle[s] for s in claim.uses if s in middle]
        return (sum(known) / len(known) if known else float("inf"), claim.tag)

    return sorted(column, key=height)


def whole_map(book: Book, address: Address, topic_name: Callable[[str], str]) -> str:
    """The map: a lane a topic, a column a depth, so that every edge goes from left to right; long columns are folded."""
    depth = levels(book)
    lanes = [(t, _columns([c for c in book.claims.values() if c.topic == t], depth)) for t in TOPICS]
    lanes = [(t, columns) for t, columns in lanes if columns]
    depths = range(max(depth.values(), default=0) + 1)
    # how many boxes stand side by side at each depth, over all lanes
    folds = {d: max(-(-len(columns.get(d, ())) // MOST) for _, columns in lanes) for d in depths}
    starts, x = {}, 12.0
    for d, n in folds.items():
        starts[d] = x
        x += max(n, 1) * (BOX + GAP) - GAP + COLUMN - BOX
    total, y = x - (COLUMN - BOX) + 12, 0.0
    tops: dict[str, float] = {}
    bands = []
    for index, (topic, columns) in enumerate(lanes):
        tallest = max(-(-len(c) // -(-len(c) // MOST)) for c in columns.values())
        high = LANE_LABEL + tallest * (HIGH + GAP) + 6
        odd = " odd" if index % 2 else ""
        bands.append(
            f'<rect class="lane{odd}" id="lane-{topic}" x="0" y="{y:g}" width="{total:g}" height="{high:g}"/>'
            + label(14, y + 20, [topic_name(topic)], 0, "lane-name")
        )
        tops[topic] = y + LANE_LABEL
        y += high
    place: dict[str, tuple[float, float]] = {}
    middle: dict[str, float] = {}
    for d in depths:
        for topic, columns in lanes:
            for i, claim in enumerate(_ordered(book, columns.get(d, ()), middle)):
                # a folded column is filled row by row, so that it keeps its order from top to bottom
                wide = -(-len(columns[d]) // MOST)
                left, top = starts[d] + (i % wide) * (BOX + GAP), tops[topic] + (i // wide) * (HIGH + GAP)
                place[claim.slug], middle[claim.slug] = (left, top), top
    boxes = [node(book, c, *place[c.slug], BOX, address(c), anchor=c.tag) for c in book.claims.values()]
    edges = []
    for claim in book.claims.values():
        for slug in claim.uses:
            (x1, y1), (x2, y2) = place[slug], place[claim.slug]
            curve = _curve(x1 + BOX, y1 + HIGH / 2, x2, y2 + HIGH / 2)
            edges.append(
                curve.replace("<path ", f'<path data-from="{book.claims[slug].tag}" data-to="{claim.tag}" ', 1)
            )
    said = f"Map of {len(book.claims)} claims by topic; an edge goes from a claim to one that uses it."
    body = [*bands, '<g class="edges">', *edges, "</g>", *boxes]
    return drawing(total, y, body, said, "cd-map")
