"""What mkdocs calls: refuse a stale ledger, and put its figures where pages ask for them.

The step from the ledger to Markdown is `concordant.proofs_tests.pages`; here is only the wire.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

from concordant.errors import BadInput
from concordant.proofs_tests import ledger, pages

_ledger: ledger.Ledger = {}


def on_config(config: Any) -> Any:
    """Read the committed ledger; stop if it is missing, or not of these sources."""
    try:
        found = ledger.read(Path(config.docs_dir) / "ledger.json")
    except BadInput as error:
        raise PluginError(str(error)) from None
    if ledger.stale(found):
        raise PluginError("docs/ledger.json is stale: the sources have changed since it was made; run `make ledger`")
    _ledger.update(found)
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in {{ ledger.summary }} and {{ ledger.claims }}."""
    markdown = markdown.replace("{{ ledger.summary }}", pages.summary(_ledger))
    return markdown.replace("{{ ledger.claims }}", pages.claims(_ledger))
