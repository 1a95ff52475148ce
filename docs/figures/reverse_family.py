"""Three members of the family of reverse processes: different paths, one law at every time.

Run `python docs/figures/reverse_family.py`; it writes docs/assets/reverse_family.svg.
"""

from __future__ import annotations

from itertools import pairwise

import style
import torch
from matplotlib import pyplot as plt

from concordant.impl import calculus
from concordant.impl.schedules import schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import GaussianMixture

TARGET = GaussianMixture([0.35, 0.4, 0.25], [[-2.2], [0.2], [2.0]], [0.05, 0.12, 0.08])
CLOCK = schedule("vp-linear")
STEPS, PATHS = 300, 20


def paths(factor: float) -> torch.Tensor:
    """States (steps + 1, paths) of the process with γ = factor · g, from common starts."""
    process, model = LinearSDE(CLOCK), TARGET.predictor(CLOCK, "score")
    times = process.times(STEPS, 1e-3)
    random = torch.Generator().manual_seed(3)
    x = TARGET.at(CLOCK, 1.0).sample(PATHS, seed=5)
    states = [x]
    for t, s in pairwise(times):
        gamma = factor * CLOCK.g2(t).sqrt()
        noise = torch.randn(x.shape, generator=random, dtype=x.dtype)
        x = calculus.euler_maruyama_step(process.reverse_drift(model, x, t, gamma), gamma, x, s - t, noise)
        states.append(x)
    return torch.stack(states)[..., 0]


def main() -> None:
    times = LinearSDE(CLOCK).times(STEPS, 1e-3)
    line = torch.linspace(-3.6, 3.6, 300, dtype=torch.float64)
    figure, panels = plt.subplots(1, 3, figsize=(8.6, 3.2), sharey=True)
    for axes, (factor, name) in zip(
        panels, ((0.0, "γ = 0: the flow"), (1.0, "γ = g: Anderson"), (2.0, "γ = 2g")), strict=True
    ):
        axes.plot(times, paths(factor), color=style.COLOURS[0], lw=0.7, alpha=0.7)
        for t, side in ((1e-3, -1), (1.0, 1)):
            density = TARGET.at(CLOCK, t).log_prob(line[:, None]).exp()
            edge = 1.03 if side > 0 else -0.03
            axes.fill_betweenx(
                line, edge, edge + side * 0.22 * density / density.max(), color=style.COLOURS[1], alpha=0.55, lw=0
            )
        axes.set(title=name, xlabel="t   (data → noise)", xticks=[0, 1], ylim=(-3.6, 3.6))
    panels[0].set_ylabel("x")
    figure.tight_layout(w_pad=1.2)
    style.save(figure, "reverse_family")


if __name__ == "__main__":
    main()
