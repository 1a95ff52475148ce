"""One style for all figures: legible on light and on dark pages, saved as SVG that is the same in every run."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

ASSETS = Path(__file__).resolve().parents[1] / "assets"

#: Mid-tones that keep contrast with white and with dark grey.
COLOURS = ("#3b7dd8", "#e0712c", "#2a9d63", "#b455c8")
INK = "#808a94"

mpl.use("Agg")
plt.rcParams.update(
    {
        "svg.hashsalt": "concordant",
        "svg.fonttype": "path",
        "font.family": "DejaVu Sans",
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlesize": 12,
        "xtick.color": INK,
        "ytick.color": INK,
        "text.color": INK,
        "legend.frameon": False,
        "savefig.transparent": True,
        "lines.linewidth": 1.8,
    }
)


def save(figure: Figure, name: str) -> None:
    """Write the figure into docs/assets."""
    figure.savefig(ASSETS / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
