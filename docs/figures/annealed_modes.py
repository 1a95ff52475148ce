"""Measured, not claimed: the weights that annealed Langevin dynamics gives to separated modes.

The law of the samples is carried exactly by the transfer operator, so nothing here is sampling error.
Run `python docs/figures/annealed_modes.py`; it writes docs/assets/annealed_modes.svg.
"""

from __future__ import annotations

from itertools import pairwise

import style
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from concordant.impl.schedules import schedule
from concordant.impl.score import NCSN, langevin_step
from concordant.impl.targets import target
from concordant.proofs_tests.transfer import Kernels, carry

TARGET, CLOCK = target("well-separated"), schedule("edm")
LEVELS = NCSN(torch.logspace(-0.5, 0.9, 8, dtype=torch.float64))
EDGES = (-3.0, 2.8)  # between the modes
RELATIVE_STEP = 0.1  # η_l / σ_l²


def weights(x: Tensor, density: Tensor) -> list[float]:
    """The mass between the edges."""
    ends = [-float("inf"), *EDGES, float("inf")]
    spacing = x[1] - x[0]
    return [float(density[(x > a) & (x <= b)].sum() * spacing) for a, b in pairwise(ends)]


def annealed(steps: int) -> list[float]:
    """The weights after `steps` Langevin steps at each level, from the exact law at the largest."""
    level = torch.arange(LEVELS.levels, 0, -1).repeat_interleave(steps)[:, None]
    eta = LEVELS.step_size(level, RELATIVE_STEP * float(LEVELS.sigmas[0]) ** 2)
    model = TARGET.predictor(CLOCK, "score")
    kernels = Kernels(lambda x, z: langevin_step(x, LEVELS.score(model, x, level), eta, z), len(level))
    return weights(*carry(TARGET.at(CLOCK, LEVELS.sigmas[-1]), kernels, -80.0, 80.0))


def main() -> None:
    counts = [1, 2, 4, 8, 16, 32, 64]
    x = torch.arange(-80, 80, 0.01, dtype=torch.float64)
    exact = weights(x, TARGET.at(CLOCK, LEVELS.sigmas[0]).log_prob(x[:, None]).exp())
    got = [annealed(n) for n in counts]
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    for mode, colour in zip(range(3), style.COLOURS, strict=False):
        axes.plot(
            counts, [row[mode] for row in got], "o-", color=colour, ms=4, label=f"mode at {float(TARGET.means[mode]):g}"
        )
        axes.axhline(exact[mode], color=colour, lw=1, ls=(0, (2, 3)))
    axes.set(xscale="log", xlabel="Langevin steps at each of 8 levels", ylabel="weight of the mode")
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.minorticks_off()
    axes.legend(fontsize=10)
    style.save(figure, "annealed_modes")
    for n, row in zip(counts, got, strict=True):
        print(n, [f"{v:.4f}" for v in row], "exact", [f"{v:.4f}" for v in exact])


if __name__ == "__main__":
    main()
