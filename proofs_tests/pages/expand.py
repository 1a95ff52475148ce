"""What hand-written pages may ask for: `[CD-0006]` or `[@tweedie]` is a link to a claim, and `{{ … }}` something made from the objects.

{{ claim CD-0006 }}    (or its slug) the statement in its frame, so that it stands in one place only
{{ claimed a b }}      those of the claims with these slugs that are there;  {{ listed a b }}, as a list
{{ chapter sde }}      the list of all claims of a topic
{{ ledger }}           the state of the ledger in figures;  {{ summary }} in a sentence;  {{ version }}, its version
{{ claims }}, {{ map }}, {{ notation }}, {{ coverage }}, {{ statuses }}, {{ run }}, {{ cite }}, {{ axioms }}, {{ traps }}, {{ trusted }}
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from concordant.errors import BadInput, nearest
from concordant.proofs_tests import trusted
from concordant.proofs_tests.pages import claim, figures, graph, lists, notation, topics
from concordant.proofs_tests.pages.book import Book
from concordant.proofs_tests.pages.later import later
from concordant.theory.registry import TOPICS, Claim

REFERENCE = re.compile(r"\[(?:(CD-\d{4})|@([a-z0-9-]+))\](?!\()")
ASKED = re.compile(r"\{\{ *([a-z]+)(?: +([^}]*?))? *\}\}")


def expand(markdown: str, book: Book, where: str) -> str:
    """The page with its references linked and its requests met.  `where` is its path in docs/."""
    up = "../" * where.count("/")
    root = up if where.rsplit("/", 1)[-1] == "index.md" else up + "../"

    def known(name: str) -> Claim:
        if name in book.claims:
            return book.claims[name]
        if name not in book.by_tag:
            raise BadInput(f"{where}: no claim {name!r}: {nearest(name, [*book.by_tag, *book.claims])}")
        return book.by_tag[name]

    def asked(found: re.Match[str]) -> str:
        name, rest = found[1], found[2] or ""
        if name in ("claimed", "listed"):
            there = [book.claims[slug] for slug in rest.split() if slug in book.claims]
            if name == "listed":
                return lists.listed(book, there, root)
            return "\n\n".join(claim.statement_card(book, one, f"{root}t/{one.tag}/") for one in there)
        if name == "claim":
            one = known(rest)
            return claim.statement_card(book, one, f"{root}t/{one.tag}/")
        if name == "chapter":
            return lists.chapter(book, rest, root)
        if name not in MADE:
            raise BadInput(
                f"{where}: nothing is called {name!r}: {nearest(name, [*MADE, 'claim', 'claimed', 'listed', 'chapter'])}"
            )
        return MADE[name](book)

    def reference(found: re.Match[str]) -> str:
        one = known(found[1] or found[2])
        title = html.escape(one.title).replace('"', "&quot;")
        return f'<a class="ref" href="{root}t/{one.tag}/" title="{title}">{one.tag}</a>'

    return REFERENCE.sub(reference, ASKED.sub(asked, markdown))


def whole_map(book: Book) -> str:
    """The map with what serves it: a field to search, buttons that the script shows, the colours' meaning."""
    drawn = graph.whole_map(book, lambda c: f"../t/{c.tag}/", topics.name)
    present = dict.fromkeys(book.status(s) for s in book.claims)
    legend = "".join(f'<li class="{graph.css_name(s)}"><i></i>{s}</li>' for s in present)
    lanes = "".join(
        f'<li><a href="#lane-{t}">{topics.name(t)}</a></li>'
        for t in TOPICS
        if any(c.topic == t for c in book.claims.values())
    )
    tools = (
        '<div class="map-tools" hidden><input type="search" placeholder="Find a claim" aria-label="Find a claim on the map">'
        '<button type="button" data-zoom="out" aria-label="Smaller">−</button>'
        '<button type="button" data-zoom="in" aria-label="Larger">+</button>'
        '<button type="button" data-zoom="fit">Whole map</button><output aria-live="polite"></output></div>'
    )
    return f'<div class="map">{tools}<ul class="legend">{legend}</ul><ul class="lanes">{lanes}</ul><div class="map-view" tabindex="0" role="group" aria-label="Map of all claims">{later(drawn)}</div></div>'


def run(book: Book) -> str:
    """How the committed ledger was made."""
    one, made = book.ledger["run"], book.ledger["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in made.items())
    cells = book.ledger["cells"]
    return (
        f"The committed ledger is of version {book.ledger['version']}, made on {book.ledger['created'][:10]} with the {one['design']} design "
        f"at seed {one['seed']} in {one['dtype']}: {cells['run']} of {cells['possible']} possible cells, on {len(one['targets'])} targets "
        f"({', '.join(one['targets'])}) under {len(one['schedules'])} schedules ({', '.join(one['schedules'])}). "
        f"Its machine had {versions}. The hash of its sources begins with `{book.ledger['sources_sha256'][:16]}`."
    )


def axioms(_: Book) -> str:
    """Rules and axioms of all derivations, with the claims that use them."""
    from concordant.proofs_tests.telling import assumed

    rows = "".join(
        f"<li>{html.escape(entry['axiom'])}<span class='note'>{len(entry['claims'])} claims: "
        f"{', '.join(f'<a href=../t/{tag}/>{tag}</a>' for tag in entry['claims'])}</span></li>"
        for entry in assumed()["axioms"]
    )
    return later(f'<ul class="hypotheses">{rows}</ul>')


def traps(_: Book) -> str:
    """The traps by name."""
    from concordant.proofs_tests.traps import TRAPS

    refused = "".join(f"<li>{html.escape(one.name)}</li>" for one in TRAPS if not one.carries)
    carried = "".join(
        f"<li>{html.escape(one.name)} (the theorem carries: {one.carries})</li>" for one in TRAPS if one.carries
    )
    return later(f'<ul class="traps">{refused}{carried}</ul>')


def how_long(_: Book) -> str:
    """The length of what has to be trusted."""
    lines, code = trusted.replay()
    return f"{lines} lines, {code} of them code and the others blank, comments and docstrings"


def cite(book: Book) -> str:
    """BibTeX for the whole."""
    url = f"  url = {{{book.address}}},\n" if book.address else ""
    entry = (
        "@software{concordant,\n  author = {{The Concordant developers}},\n"
        "  title = {Concordant: a checked reference for the mathematics of diffusion models},\n"
        f"  version = {{{book.ledger['version']}}},\n  year = {{{book.ledger['created'][:4]}}},\n{url}}}"
    )
    button = claim.copy("Copy BibTeX", entry)
    return (
        f"<pre class='bibtex'><code>{html.escape(entry, quote=False)}</code></pre>\n\n<p class=\"buttons\">{button}</p>"
    )


MADE: dict[str, Callable[[Book], str]] = {
    "ledger": lists.state,
    "version": lambda book: (
        f"version {book.ledger['version']}, {book.ledger['created'][:10]}, seed {book.ledger['run']['seed']}"
    ),
    "summary": lambda book: figures.summary(book.ledger),
    "claims": lists.claims,
    "map": whole_map,
    "notation": lambda book: notation.table(),
    "coverage": lists.coverage,
    "statuses": lambda book: lists.statuses(),
    "run": run,
    "cite": cite,
    "axioms": axioms,
    "traps": traps,
    "trusted": how_long,
}
