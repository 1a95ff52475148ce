"""What two divergences see: a Gaussian fitted to two modes in both directions, and the weights of modes that move apart.

Run `python docs/figures/two_divergences.py`; it writes docs/assets/two_divergences.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from concordant.impl.schedules import schedule
from concordant.impl.targets import GaussianMixture
from concordant.impl.targets.marginal import Marginal

LINE = torch.linspace(-14, 14, 8001, dtype=torch.float64)
STEP = float(LINE[1] - LINE[0])


def law(weights: list[float], means: list[float], variances: list[float]) -> Marginal:
    """The mixture itself, as a law on the line: no noise is added."""
    return GaussianMixture(weights, [[m] for m in means], variances).at(schedule("vp-linear"), 1e-9)


def log_density(one: Marginal) -> Tensor:
    return one.log_prob(LINE[:, None])


def kl(a: Tensor, b: Tensor) -> float:
    return float((a.exp() * (a - b)).sum() * STEP)


def fits() -> tuple[Tensor, Tensor, Tensor]:
    """The two modes, and the Gaussians that are nearest in the forward and in the reverse direction."""
    two = log_density(law([0.6, 0.4], [-1.8, 1.8], [0.35, 0.35]))
    p = two.exp()
    mean = (p * LINE).sum() * STEP
    moments = torch.distributions.Normal(mean, ((p * (LINE - mean) ** 2).sum() * STEP).sqrt())
    best = min(
        (
            torch.distributions.Normal(float(m), float(s))
            for m in torch.linspace(-3, 3, 61)
            for s in torch.linspace(0.3, 2.4, 43)
        ),
        key=lambda q: kl(q.log_prob(LINE), two),
    )
    return p, moments.log_prob(LINE).exp(), best.log_prob(LINE).exp()


def against_distance() -> tuple[Tensor, list[float], list[float]]:
    """Divergence and Fisher divergence of two weightings of the same modes, against their distance in widths."""
    distances = torch.linspace(0.5, 9, 35, dtype=torch.float64)
    divergence, fisher = [], []
    for d in distances.tolist():
        p, q = (law(weights, [-d / 2, d / 2], [1.0, 1.0]) for weights in ([0.5, 0.5], [0.8, 0.2]))
        divergence.append(kl(log_density(p), log_density(q)))
        gap = p.score(LINE[:, None]) - q.score(LINE[:, None])
        fisher.append(float((log_density(p).exp() * gap.square().sum(-1)).sum() * STEP))
    return distances, divergence, fisher


def main() -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.0))
    data, forward, reverse = fits()
    left.fill_between(LINE[::20], data[::20], color=style.INK, alpha=0.25, lw=0)
    left.plot(LINE[::20], forward[::20], color=style.COLOURS[0], label="forward")
    left.plot(LINE[::20], reverse[::20], color=style.COLOURS[1], label="reverse")
    left.set(xlim=(-5, 5), ylim=(0, None), yticks=[], xlabel="x", title="A Gaussian fitted to two modes")
    left.legend(loc="upper right", fontsize=9)
    distances, divergence, fisher = against_distance()
    right.plot(distances, divergence, color=style.COLOURS[0], label="KL")
    right.plot(distances, fisher, color=style.COLOURS[1], label="Fisher")
    right.set(xlabel="distance of the modes, in widths", ylim=(0, None), title="Wrong weights, right modes")
    right.legend(loc="center right", fontsize=9)
    figure.tight_layout(w_pad=2)
    style.save(figure, "two_divergences")


if __name__ == "__main__":
    main()
