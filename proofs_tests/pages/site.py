"""Everything on the site that is not a file of docs/: pages of claims, their JSON, and what the pages are set in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from concordant.proofs_tests.pages import claim
from concordant.proofs_tests.pages.book import Book
from concordant.proofs_tests.pages.katex import Typesetter

FONT = "source-serif-4"
FACES = [(script, style) for script in ("latin", "latin-ext", "greek") for style in ("normal", "italic")]


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """Paths in docs/ and the content that is to be there: each claim's page and its JSON."""
    for one in book.claims.values():
        yield f"t/{one.tag}.md", claim.page(book, one)
        yield f"t/{one.tag}/claim.json", claim.as_json(book, one)


def assets(npm: Path, typesetter: Typesetter) -> Iterator[tuple[str, bytes]]:
    """KaTeX's style and fonts, and the text face, so that no page asks another host for anything."""
    for name, content in typesetter.assets().items():
        yield f"assets/katex/{name}", content
    folder = npm / "node_modules" / "@fontsource-variable" / FONT
    for script, style in FACES:
        name = f"{FONT}-{script}-wght-{style}.woff2"
        yield f"assets/fonts/{name}", (folder / "files" / name).read_bytes()
    yield "assets/fonts/LICENSE", (folder / "LICENSE").read_bytes()
