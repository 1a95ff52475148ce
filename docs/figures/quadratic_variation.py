"""Brownian paths, and the sums of their squared increments, which tend to time.

Run `python docs/figures/quadratic_variation.py`; it writes docs/assets/quadratic_variation.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

STEPS, PATHS = 10000, 5


def main() -> None:
    random = torch.Generator().manual_seed(3)
    times = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    steps = torch.randn(STEPS, PATHS, generator=random, dtype=torch.float64) / STEPS**0.5
    paths = torch.cat([torch.zeros(1, PATHS, dtype=torch.float64), steps.cumsum(0)])
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.0))
    left.plot(times[::10], paths[::10], color=style.COLOURS[0], lw=0.7, alpha=0.8)
    for sign in (-1, 1):
        left.plot(times[::50], sign * times[::50].sqrt(), color=style.INK, ls=":", lw=1.2)
    left.set(xlabel="t", title="Five paths, and ±√t")
    for every, colour in zip((1000, 100, 1), style.COLOURS[1:], strict=True):
        squares = paths[::every, 0].diff().square().cumsum(0)
        thin = max(1, len(squares) // 500)
        right.step(
            times[::every][1::thin],
            squares[::thin],
            where="post",
            color=colour,
            lw=1.3,
            label=f"{STEPS // every} steps",
        )
    right.plot([0, 1], [0, 1], color=style.INK, ls=":", lw=1.2)
    right.set(xlabel="t", title="Sum of squared increments")
    right.legend(loc="upper left", fontsize=9)
    figure.tight_layout(w_pad=2)
    style.save(figure, "quadratic_variation")


if __name__ == "__main__":
    main()
