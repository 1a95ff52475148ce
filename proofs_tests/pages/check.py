"""What mkdocs does not check of the built site: every link in HTML, its anchor, and that nothing is asked of another host.

python -m concordant.proofs_tests.pages.check site
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"img": "src", "script": "src", "source": "srcset", "iframe": "src", "link": "href"}
IGNORED = {"404.html"}  # it does not know where it stands, so its links start at the root


@dataclass
class Page(HTMLParser):
    """A page's anchors, the links in it, and what a browser fetches for it."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = dict(attrs)
        if have.get("id"):
            self.anchors.add(str(have["id"]))
        if tag == "a" and have.get("name"):
            self.anchors.add(str(have["name"]))
        if tag == "a" and have.get("href") is not None:
            self.links.append(str(have["href"]))
        if tag in FETCHED and have.get(FETCHED[tag]) and have.get("rel") != "canonical":
            self.fetched.append(str(have[FETCHED[tag]]).split()[0])


def read(site: Path) -> dict[Path, Page]:
    """All pages of the built site."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        if path.name not in IGNORED:
            pages[path] = Page()
            pages[path].feed(path.read_text(encoding="utf-8"))
    return pages


def broken(site: Path) -> Iterator[str]:
    """A sentence for each link that leads nowhere, and for each thing that a page asks of another host."""
    site = site.resolve()
    pages = read(site)
    for path, page in pages.items():
        name = path.relative_to(site)
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.fetched:
                    yield f"{name}: asks another host for {link}"
                continue
            goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if goal.is_dir():
                goal /= "index.html"
            if not goal.is_file():
                yield f"{name}: {link} leads nowhere"
            elif parts.fragment and goal in pages and unquote(parts.fragment) not in pages[goal].anchors:
                yield f"{name}: {link} has no such anchor"


def html_text(path: Path, tag: str, css: str) -> str:
    """The text of the first element of that tag and class."""
    found = re.search(rf"<{tag} class=[\"']{css}[\"'][^>]*>(.*?)</{tag}>", path.read_text(encoding="utf-8"), re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "", found[1])) if found else ""


def main() -> None:
    found = list(broken(Path(sys.argv[1] if len(sys.argv) > 1 else "site")))
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
