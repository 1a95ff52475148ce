"""Schedules side by side: how much of the data and how much noise there is, and the signal-to-noise ratio.

Run `python docs/figures/schedules.py`; it writes docs/assets/schedules.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

from concordant.impl.schedules import VE, FlowMatching, Schedule, SubVP, VPCosine, VPLinear

NAMES: dict[str, Schedule] = {
    "VP": VPLinear(),
    "sub-VP": SubVP(),
    "cosine": VPCosine(),
    "straight": FlowMatching(),
    "VE": VE(),
}
COLOURS = (*style.COLOURS, style.INK)


def main() -> None:
    figure, panels = plt.subplots(1, 3, figsize=(9, 3.0))
    for (name, one), colour in zip(NAMES.items(), COLOURS, strict=True):
        part = torch.linspace(0.004, 0.996, 120, dtype=torch.float64)
        levels = [one.at(float(p) * one.T) for p in part]
        alpha, sigma = (
            torch.stack([torch.as_tensor(getattr(level, k)) for level in levels]) for k in ("alpha", "sigma")
        )
        for axes, values in zip(panels, (alpha, sigma, alpha.log() - sigma.log()), strict=True):
            axes.plot(part, values, color=colour, label=name, lw=1.6)
    for axes, title in zip(panels, ("α: how much of the data", "σ: how much noise", "λ = log(α/σ)"), strict=True):
        axes.set(title=title, xlabel="t / T", xticks=[0, 0.5, 1])
    panels[1].set_ylim(0, 2)
    panels[2].set_ylim(-7, 7)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="lower center", ncols=5, fontsize=9, bbox_to_anchor=(0.5, -0.09)
    )
    figure.tight_layout(w_pad=1.5)
    style.save(figure, "schedules")


if __name__ == "__main__":
    main()
