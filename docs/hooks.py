"""What mkdocs calls: refuse a stale ledger, add the pages of claims, typeset the formulas.

All of it is done by `concordant.proofs_tests.pages`; here is only the wire.  While writing, CONCORDANT_STALE_LEDGER=1 builds
from a stale ledger with a warning; no target of the Makefile and no workflow sets it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from concordant.errors import BadInput
from concordant.proofs_tests import ledger
from concordant.proofs_tests.pages import book as books
from concordant.proofs_tests.pages import expand, later, maths, site
from concordant.proofs_tests.pages.katex import Typesetter

BUILD = Path(__file__).resolve().parents[1] / "build"
log = logging.getLogger("mkdocs.hooks.concordant")


class _Site:
    book: books.Book
    typesetter: Typesetter


def on_config(config: Any) -> Any:
    """Read the committed ledger; stop if it is missing, or not of these sources."""
    try:
        found = ledger.read(Path(config.docs_dir) / "ledger.json")
        _Site.typesetter = Typesetter(BUILD / "npm", BUILD / "katex.sqlite")
    except BadInput as error:
        raise PluginError(str(error)) from None
    if ledger.stale(found):
        said = "docs/ledger.json is stale: the sources have changed since it was made; run `make ledger`"
        if os.environ.get("CONCORDANT_STALE_LEDGER") != "1":
            raise PluginError(said)
        log.info(said)
    _Site.book = books.load(found, config.site_url or "")
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of claims and what all pages are set in."""
    for path, text in site.pages(_Site.book):
        files.append(File.generated(config, path, content=text))
    for path, content in site.assets(BUILD / "npm", _Site.typesetter):
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Link references to claims, and put in what the page asks for."""
    try:
        return expand.expand(markdown, _Site.book, page.file.src_uri)
    except BadInput as error:
        raise PluginError(str(error)) from None


def on_page_content(html: str, **_: Any) -> str:
    """Mark the formulas; the search index reads them as they are now."""
    return maths.mark(html)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Put in what was kept for later and typeset the formulas.  One that KaTeX refuses stops the build."""
    try:
        return maths.typeset(later.restore(output), _Site.typesetter, page.file.src_uri)
    except BadInput as error:
        raise PluginError(str(error)) from None


def on_post_build(**_: Any) -> None:
    """End the typesetter's process."""
    log.info(f"{_Site.typesetter.made} formulas typeset, the others were in the cache")
    _Site.typesetter.close()
