"""The one kind of error that bad input gets: a sentence that names the argument and says what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BadInput(ValueError):
    """Input that no computation can be right for.  The command line prints it and exits with status 2."""


def nearest(name: str, options: Iterable[str]) -> str:
    """The options most like `name`, for an error message; all of them when none is like it.

    >>> nearest("trigonometrc", ["ve", "vp-linear", "trigonometric"])
    "did you mean 'trigonometric'?"
    >>> nearest("xyz", ["ve", "edm"])
    'one of: edm, ve'
    """
    options = sorted(options)
    close = difflib.get_close_matches(name, options, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(option) for option in close) + "?"
    return "one of: " + ", ".join(options)


def unknown(what: str, name: str, options: Iterable[str]) -> BadInput:
    """The error for a name that is not among `options`.

    >>> print(unknown("schedule", "vpp-linear", ["ve", "vp-linear"]))
    unknown schedule 'vpp-linear': did you mean 'vp-linear'?
    """
    return BadInput(f"unknown {what} {name!r}: {nearest(name, options)}")
