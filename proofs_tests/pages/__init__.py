"""The site's pages, from the registry and the ledger: plain functions, so that pages can say no more than was checked.

`docs/hooks.py` is the wire to mkdocs; no logic is in the theme.
"""

from concordant.proofs_tests.pages.figures import readme, summary

__all__ = ["readme", "summary"]
