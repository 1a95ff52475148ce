"""A density carried by a flow: trajectories with a tenth of the mass between neighbours, and the log-density along some.

Run `python docs/figures/carried_mass.py`; it writes docs/assets/carried_mass.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from concordant.impl.schedules import FlowMatching
from concordant.impl.targets import GaussianMixture

TARGET = GaussianMixture([0.35, 0.4, 0.25], [[-2.2], [0.2], [2.0]], [0.06, 0.14, 0.1])
CLOCK = FlowMatching()
TIMES = torch.linspace(0.004, 0.996, 497, dtype=torch.float64)


def quantiles(shares: Tensor) -> Tensor:
    """The points of the line below which the shares of the mass lie at the first time, by bisection in its density."""
    line = torch.linspace(-5, 5, 40001, dtype=torch.float64)
    mass = TARGET.at(CLOCK, float(TIMES[0])).log_prob(line[:, None]).exp().cumsum(0)
    return line[torch.searchsorted(mass / mass[-1], shares)]


def carried(start: Tensor) -> tuple[Tensor, Tensor]:
    """Trajectories (times, points) of the flow by Heun's method, and the divergences added up along them."""
    x, gained, h = start[:, None], torch.zeros(len(start), dtype=torch.float64), float(TIMES[1] - TIMES[0])
    states, sums = [x], [gained]

    def field(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        law = TARGET.at(CLOCK, t)
        return law.velocity(x), law.divergence(x, "velocity")

    for t in TIMES[:-1].tolist():
        v, div = field(t, x)
        w, end = field(t + h, x + h * v)
        x, gained = x + h * (v + w) / 2, gained + h * (div + end) / 2
        states.append(x)
        sums.append(gained)
    return torch.stack(states)[..., 0], torch.stack(sums)


def main() -> None:
    shares = torch.arange(0.1, 0.95, 0.1, dtype=torch.float64)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2))
    lines, _ = carried(quantiles(shares))
    for n in range(0, len(shares) - 1, 2):
        left.fill_between(TIMES[::4], lines[::4, n], lines[::4, n + 1], color=style.COLOURS[0], alpha=0.18, lw=0)
    left.plot(TIMES[::4], lines[::4], color=style.COLOURS[0], lw=1)
    left.set(xlabel="t   (data → noise)", ylabel="x", title="A tenth of the mass in each band")
    chosen = quantiles(torch.tensor([0.2, 0.37, 0.62], dtype=torch.float64))
    states, sums = carried(chosen)
    for n, colour in zip(range(len(chosen)), (style.COLOURS[0], style.COLOURS[1], style.COLOURS[2]), strict=True):
        log_p = torch.stack(
            [TARGET.at(CLOCK, float(t)).log_prob(x[n, None]) for t, x in zip(TIMES, states, strict=True)]
        )
        right.plot(TIMES[::4], (log_p[0] - sums[:, n])[::4], color=colour)
        right.plot(TIMES[::31], log_p[::31], ls="", marker="o", ms=4, color=colour)
    right.set(xlabel="t   (data → noise)", title="log-density along three lines")
    figure.tight_layout(w_pad=2)
    style.save(figure, "carried_mass")


if __name__ == "__main__":
    main()
