"""Small helpers for drawings in SVG: text that is wrapped by an estimate of its width, and links."""

from __future__ import annotations

import html
from collections.abc import Sequence

NARROW, WIDE = set("iljtfr.,:;'|!()[] I"), set("mwMWO@—")


def width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif face of that size."""
    return size * sum(0.35 if c in NARROW else 0.95 if c in WIDE else 0.72 if c.isupper() else 0.61 for c in text)


def wrap(text: str, size: float, room: float, lines: int) -> list[str]:
    """The text in at most so many lines, the last with an ellipsis where words were left out.

    >>> wrap("Denoising score matching is score matching, up to a constant", 12, 150, 2)
    ['Denoising score', 'matching is score…']
    """
    made: list[str] = [""]
    words = text.split()
    for index, word in enumerate(words):
        longer = f"{made[-1]} {word}".strip()
        if width(longer, size) <= room or not made[-1]:
            made[-1] = longer
        elif len(made) < lines:
            made.append(word)
        else:
            return [*made[:-1], _cut(made[-1], size, room)] if words[index:] else made
    return made


def _cut(line: str, size: float, room: float) -> str:
    while width(line + "…", size) > room and " " in line:
        line = line.rsplit(" ", 1)[0]
    return line.rstrip(",;:") + "…"


def label(x: float, y: float, lines: Sequence[str], step: float, css: str, anchor: str = "start") -> str:
    """A text of several lines, the first with its baseline at y."""
    spans = "".join(
        f'<tspan x="{x:g}" y="{y + i * step:g}">{html.escape(line)}</tspan>' for i, line in enumerate(lines)
    )
    return f'<text class="{css}" text-anchor="{anchor}">{spans}</text>'


def drawing(w: float, h: float, body: Sequence[str], title: str, css: str) -> str:
    """An SVG of that size with an accessible name."""
    role = "group" if any("<a " in part for part in body) else "img"  # an image hides the links in it
    size = f'viewBox="0 0 {w:g} {h:g}" width="{w:g}" height="{h:g}"'
    head = f'<svg class="{css}" {size} role="{role}" aria-label="{html.escape(title)}">'
    return head + "".join(body) + "</svg>"
