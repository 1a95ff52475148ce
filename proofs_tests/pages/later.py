"""Drawings and long tables that are ready, kept out of the way of Markdown and of the search index until the page is whole.

Both would read every tag of them and change nothing: with 500 claims that is a third of the time of a build.
"""

from __future__ import annotations

import hashlib
import re

MARK = re.compile(r'<div data-later="([0-9a-f]{32})"></div>')
_kept: dict[str, str] = {}


def later(ready: str) -> str:
    """A mark for this HTML; `restore` puts the HTML in its place.

    >>> restore(later("<svg></svg>"))
    '<svg></svg>'
    """
    key = hashlib.sha256(ready.encode()).hexdigest()[:32]
    _kept[key] = ready
    return f'<div data-later="{key}"></div>'


def restore(page: str) -> str:
    """The page with the HTML where its marks were."""
    return MARK.sub(lambda found: _kept[found[1]], page)
