"""Rectified flow: pairs drawn at random, whose straight lines cross, and pairs of ends of the flow, whose lines do not.

Run `python docs/figures/rectified.py`; it writes docs/assets/rectified.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.flow import FlowMatching
from concordant.impl.schedules import FlowMatching as Linear
from concordant.impl.targets import GaussianMixture

TARGET = GaussianMixture([0.5, 0.5], [[-1.6], [1.6]], [0.06, 0.06])
CLOCK = Linear()
LINES = 36


def carried(noise: Tensor) -> Tensor:
    """The ends of the flow's trajectories at the data."""
    field = FlowMatching(CLOCK).field(TARGET.predictor(CLOCK, "velocity"))
    return calculus.solve(field, noise, 1.0, 0.0, rtol=1e-8)


def main() -> None:
    noise = torch.randn(LINES, 1, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    ends = {"pairs drawn at random": TARGET.sample(LINES, seed=2), "pairs made by the flow": carried(noise)}
    figure, panels = plt.subplots(1, 2, figsize=(6.6, 3.3), sharey=True)
    for axes, (title, data) in zip(panels, ends.items(), strict=True):
        for a, b in zip(data[:, 0].tolist(), noise[:, 0].tolist(), strict=True):
            axes.plot([0, 1], [a, b], color=style.COLOURS[1 if a > 0 else 0], lw=0.8, alpha=0.8)
        axes.set(title=title, xlabel="t   (data → noise)", xticks=[0, 1])
    panels[0].set_ylabel("x")
    figure.tight_layout(w_pad=1.5)
    style.save(figure, "rectified")


if __name__ == "__main__":
    main()
