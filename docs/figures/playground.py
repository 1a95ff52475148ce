"""The playground's still picture, for readers without JavaScript: density, paths and velocity of one mixture.

Left, the density of x/√(α² + σ²) from noise to data under the linear schedule, with paths of the probability flow; right, the
density and the velocity at one time, beside the samples that the paths have become.
Run `python docs/figures/playground.py`; it writes docs/assets/playground.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgba

from concordant.impl.flow import FlowMatching
from concordant.impl.schedules import FlowMatching as Linear
from concordant.impl.targets import GaussianMixture

TARGET = GaussianMixture([0.35, 0.4, 0.25], [[-2.2], [0.2], [2.0]], [0.05, 0.12, 0.03])
SCHEDULE, FIRST, LAST, NOW, LIMIT = Linear(), 0.982, 0.018, 0.4, 3.4
BLUE, ORANGE, GREEN, _ = style.COLOURS


def size(t: torch.Tensor) -> torch.Tensor:
    return (SCHEDULE.alpha(t) ** 2 + SCHEDULE.sigma(t) ** 2).sqrt()


def density(t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The density of y = x/√(α² + σ²) at time t."""
    return TARGET.at(SCHEDULE, t).log_prob((y * size(t)).unsqueeze(-1)).exp() * size(t)


def main() -> None:
    figure, (way, slice_, field) = plt.subplots(
        1, 3, figsize=(10.5, 4.4), sharey=True, width_ratios=[5, 1, 1], layout="constrained"
    )
    y = torch.linspace(-LIMIT, LIMIT, 240, dtype=torch.float64)
    times = torch.linspace(FIRST, LAST, 161, dtype=torch.float64)
    picture = torch.stack([1 - torch.exp(-1.5 * density(t, y)) for t in times], -1)
    blues = LinearSegmentedColormap.from_list("blues", [to_rgba(BLUE, 0), to_rgba(BLUE, 0.8)])
    way.imshow(
        picture,
        extent=(FIRST, LAST, -LIMIT, LIMIT),
        origin="lower",
        aspect="auto",
        cmap=blues,
        interpolation="bilinear",
    )

    noise = torch.randn(300, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    states, flow = [SCHEDULE.sigma(times[0]) * noise], FlowMatching(SCHEDULE)
    model = TARGET.predictor(SCHEDULE, "velocity")
    for t, s in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        states.append(flow.sample(model, states[-1], t, s, steps=1))
    paths = torch.stack([x / size(t) for x, t in zip(states, times, strict=True)])[..., 0]
    way.plot(times, paths[:, :26], color=style.INK, lw=0.9)
    way.axvline(NOW, color=ORANGE, lw=1.6)
    way.set(xlabel="noise  ←  time t  →  data", ylabel="x / √(α² + σ²)", xlim=(FIRST, LAST), ylim=(-LIMIT, LIMIT))

    now = torch.tensor(NOW, dtype=torch.float64)
    at = int((times - NOW).abs().argmin())
    slice_.hist(
        paths[at], bins=34, range=(-LIMIT, LIMIT), density=True, orientation="horizontal", color=GREEN, alpha=0.4
    )
    slice_.plot(density(now, y), y, color=BLUE)
    slice_.set_title("density", color=BLUE)
    slice_.set_xlabel("samples", color=GREEN)
    field.plot(TARGET.at(SCHEDULE, NOW).velocity((y * size(now)).unsqueeze(-1))[:, 0], y, color=ORANGE)
    field.set_title("velocity", color=ORANGE)
    style.save(figure, "playground")


if __name__ == "__main__":
    main()
