"""The score of a mixture at three noise levels: it points to single modes late, and to their mean early.

Run `python docs/figures/noise_levels.py`; it writes docs/assets/noise_levels.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

from concordant.impl.schedules import schedule
from concordant.impl.targets import target

TARGET, CLOCK = target("ring"), schedule("edm")


def main() -> None:
    radius = float(TARGET.means.norm(dim=-1).max())
    figure, panels = plt.subplots(1, 3, figsize=(8.4, 3.1))
    for axes, part in zip(panels, (0.12, 0.45, 1.2), strict=True):
        sigma = part * radius
        law, reach = TARGET.at(CLOCK, sigma), radius * 1.35 + 1.3 * sigma
        line = torch.linspace(-reach, reach, 70, dtype=torch.float64)
        points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
        density = law.log_prob(points).exp()
        axes.contour(line, line, density, levels=6, colors=style.COLOURS[0], linewidths=0.9, alpha=0.8)
        coarse = torch.linspace(-reach, reach, 15, dtype=torch.float64)
        grid = torch.stack(torch.meshgrid(coarse, coarse, indexing="xy"), -1)
        score = law.score(grid)
        score = score / (
            score.norm(dim=-1, keepdim=True) + 0.15 / sigma
        )  # directions, shorter where the score is small
        axes.quiver(
            grid[..., 0], grid[..., 1], score[..., 0], score[..., 1], color=style.COLOURS[1], width=0.006, scale=22
        )
        axes.set(title=f"σ = {part:g} of the radius", xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
    figure.tight_layout(w_pad=1.5)
    style.save(figure, "noise_levels")


if __name__ == "__main__":
    main()
