"""The small plot of how closely agreements held: discrepancy over tolerance on a logarithmic axis, a row an agreement."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from concordant.proofs_tests.pages.svg import drawing, label, wrap

WIDTH, LEFT, RIGHT, ROW, TOP = 440.0, 14.0, 20.0, 46.0, 10.0
ZERO = 26.0  # room on the left for discrepancies that are exactly 0


def share(entry: Mapping[str, Any]) -> float:
    """The discrepancy as a part of its tolerance; infinite for what is no number."""
    gap, limit = float(entry["discrepancy"]), float(entry["tolerance"])
    if math.isnan(gap):
        return math.inf
    return gap / limit if limit else (0.0 if gap == 0 else math.inf)


def strip(entries: Sequence[Mapping[str, Any]]) -> str:
    """The plot of these entries of the ledger; "" for none."""
    if not entries:
        return ""
    shares = [share(e) for e in entries]
    positive = [math.log10(s) for s in shares if 0 < s < math.inf]
    low = min(-2.0, math.floor(min(positive, default=-2.0)))
    high = max(0.5, math.ceil(max(positive, default=0.0) + 0.01) if max(positive, default=0.0) > 0 else 0.5)
    start = LEFT + (ZERO if 0.0 in shares else 0.0)

    def at(value: float) -> float:
        if value == 0:
            return LEFT
        return (
            start + (min(math.log10(value), high) - low) / (high - low) * (WIDTH - RIGHT - start)
            if value < math.inf
            else WIDTH - 6
        )

    rows = [(name, list(group)) for name, group in groupby(entries, key=lambda e: e["name"])]
    base = TOP + ROW * len(rows)
    body = [f'<rect class="inside" x="{start:g}" y="{TOP:g}" width="{at(1.0) - start:g}" height="{base - TOP:g}"/>']
    step = next(s for s in (1, 2, 3, 4, 5, 10) if -low / s <= 6)
    for power in range(0, int(low) - 1, -step):
        x = at(10.0**power)
        body.append(
            f'<line class="{"limit" if power == 0 else "grid"}" x1="{x:g}" x2="{x:g}" y1="{TOP:g}" y2="{base:g}"/>'
        )
        if power:
            body.append(
                f'<text class="tick" x="{x:g}" y="{base + 17:g}" text-anchor="middle">10'
                f'<tspan dy="-5" font-size="9">{str(power).replace("-", "−")}</tspan></text>'
            )
        else:
            body.append(f'<text class="tick" x="{x:g}" y="{base + 17:g}" text-anchor="middle">1</text>')
    if 0.0 in shares:
        body.append(f'<text class="tick" x="{LEFT:g}" y="{base + 17:g}" text-anchor="middle">0</text>')
    for index, (name, group) in enumerate(rows):
        y = TOP + ROW * index + 31
        body.append(
            label(
                start + 6, TOP + ROW * index + 15, wrap(name.replace("-", " "), 11.5, WIDTH - start - 40, 1), 0, "name"
            )
        )
        for entry in group:
            said = f"{entry['target']} under {entry['schedule']}: {float(entry['discrepancy']):.2g} against {float(entry['tolerance']):.2g}"
            css = "dot" if entry["ok"] else "dot bad"
            body.append(
                f'<circle class="{css}" cx="{at(share(entry)):.1f}" cy="{y:g}" r="4"><title>{html.escape(said)}</title></circle>'
            )
    body.append(label(WIDTH / 2, base + 35, ["discrepancy ÷ tolerance"], 0, "axis", "middle"))
    worst = max(shares)
    said = f"Discrepancy over tolerance of {len(entries)} comparisons in {len(rows)} rows; the largest is {worst:.2g}, where 1 is the limit."
    return drawing(WIDTH, base + 42, body, said, "cd-plot")
