"""What the variational bound gives away, for both choices of the reverse variance, against the number of steps.

Run `python docs/figures/elbo_gap.py`; it writes docs/assets/elbo_gap.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

from concordant.impl.schedules import schedule
from concordant.impl.targets import GaussianMixture
from concordant.impl.variational import DDPM

TARGET = GaussianMixture([0.35, 0.4, 0.25], [[-2.2], [0.2], [2.0]], [0.05, 0.12, 0.08])
CLOCK = schedule("vp-linear")
STEPS = [8, 16, 32, 64, 128, 256, 512]
NAMES = {"beta": "reverse variance β", "posterior": "posterior variance"}


def main() -> None:
    x0 = TARGET.sample(100_000, seed=0)
    exact = TARGET.at(CLOCK, 0.0).log_prob(x0)
    model = TARGET.predictor(CLOCK, "x0")
    figure, axes = plt.subplots(figsize=(5.4, 3.5))
    for (choice, name), colour in zip(NAMES.items(), style.COLOURS, strict=False):
        gaps = []
        for steps in STEPS:
            ddpm = DDPM.from_schedule(CLOCK, torch.linspace(0, 1, steps + 1, dtype=torch.float64)[1:])
            gaps.append(float((exact - ddpm.elbo(model, x0, choice, seed=1)).mean()))  # type: ignore[arg-type]
        axes.plot(STEPS, gaps, "o-", ms=4, color=colour, label=name)
        print(choice, [f"{g:.4f}" for g in gaps])
    axes.axhline(0.5 * 0.5772156649, color=style.INK, lw=1, ls=(0, (2, 3)))
    axes.text(STEPS[0], 0.5 * 0.5772156649 * 1.06, "γ/2, its limit", color=style.INK)
    axes.set(xscale="log", yscale="log", xlabel="steps L", ylabel="E[log p₀ − ELBO]  (nats)")
    axes.set_xticks(STEPS, [str(n) for n in STEPS])
    axes.minorticks_off()
    axes.legend(fontsize=10)
    style.save(figure, "elbo_gap")


if __name__ == "__main__":
    main()
