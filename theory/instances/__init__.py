"""Plain sympy instances: for a claim, a short script that a reader can copy, run alone, and see hold.

Each states the claim in one dimension on something concrete, a mixture with symbolic parameters or abstract functions, and
ends with assertions.  The scripts are for reading; nothing rests on them, and they use what the kernel may not (`subs`,
`integrate`).  They are named after the claim's slug, with underscores.
"""

from __future__ import annotations

from importlib.resources import files


def script(slug: str) -> str | None:
    """The text of the claim's script, or None where it has none.  Reads a file; needs neither sympy nor torch.

    >>> print((script("tweedie") or "").splitlines()[0])
    # Tweedie's formula, on data of two points.
    >>> script("no-such-claim") is None
    True
    """
    path = files(__package__).joinpath(slug.replace("-", "_") + ".py")
    return path.read_text(encoding="utf-8") if slug != "__init__" and path.is_file() else None
