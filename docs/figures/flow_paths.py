"""Straight lines from data to noise, which cross, and the marginal flow, which does not.

Run `python docs/figures/flow_paths.py`; it writes docs/assets/flow_paths.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

from concordant.impl import calculus
from concordant.impl.flow import FlowMatching
from concordant.impl.schedules import FlowMatching as Linear
from concordant.impl.targets import GaussianMixture

TARGET = GaussianMixture([0.5, 0.5], [[-1.6], [1.6]], [0.06, 0.06])
CLOCK = Linear()
LINES = 36


def main() -> None:
    flow = FlowMatching(CLOCK)
    field = flow.field(TARGET.predictor(CLOCK, "velocity"))
    x0, noise = (
        TARGET.sample(LINES, seed=2),
        torch.randn(LINES, 1, generator=torch.Generator().manual_seed(4), dtype=torch.float64),
    )
    times = torch.linspace(1.0, 0.0, 101, dtype=torch.float64)
    x, states = noise, [noise]
    for t, s in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        x = calculus.solve(field, x, t, s, rtol=1e-8)
        states.append(x)
    figure, (pairs, marginal) = plt.subplots(1, 2, figsize=(6.6, 3.3), sharey=True)
    for a, b in zip(x0[:, 0].tolist(), noise[:, 0].tolist(), strict=True):
        pairs.plot([0, 1], [a, b], color=style.COLOURS[1 if a > 0 else 0], lw=0.8, alpha=0.8)
    for path in torch.stack(states)[..., 0].T:
        marginal.plot(times, path, color=style.COLOURS[1 if path[-1] > 0 else 0], lw=0.8, alpha=0.8)
    pairs.set(title="conditional paths", xlabel="t   (data → noise)", ylabel="x", xticks=[0, 1])
    marginal.set(title="the marginal flow", xlabel="t   (data → noise)", xticks=[0, 1])
    figure.tight_layout(w_pad=1.5)
    style.save(figure, "flow_paths")


if __name__ == "__main__":
    main()
