"""What published losses weigh: ω(λ) of the noise loss, for each entry of `concordant.impl.weights.WEIGHTINGS`, on one axis.

All are scaled to 1 at λ = 0; solid and dotted lines never rise, so that their losses are means of variational bounds.
Run `python docs/figures/loss_weights.py`; it writes docs/assets/loss_weights.svg and prints the table.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

from concordant.impl.weights import WEIGHTINGS, Weighting

LAMBDAS = torch.linspace(-4.0, 4.0, 401, dtype=torch.float64)
LABELS = {
    "vlb": "variational bound",
    "simple": "DDPM simple, linear β",
    "simple-cosine": "DDPM simple, cosine",
    "v-cosine": "v-prediction, cosine",
    "edm": "EDM",
    "flow-matching": "flow matching, uniform t",
    "flow-cosine": "flow matching, cosine λ",
    "flow-logit-normal": "flow matching, logit-normal t",
    "min-snr": "min-SNR, γ = 5",
    "p2": "P2, k = γ = 1",
    "sigmoid": "sigmoid, b = 2",
}
#: Of those that fall, and of the others; a second one where there are more than colours.
DASHES = {True: ("-", (0, (1.2, 1.8))), False: ((0, (6, 2)), (0, (6, 1.5, 1.2, 1.5)))}


def falls(one: Weighting) -> bool:
    return one.monotone(float(LAMBDAS[0]), float(LAMBDAS[-1]))


def main() -> None:
    figure, axes = plt.subplots(figsize=(8.6, 4.6))
    order = sorted(WEIGHTINGS.values(), key=lambda one: not falls(one))  # those that fall come first
    drawn = {True: 0, False: 0}
    for one in order:
        monotone = falls(one)
        number, drawn[monotone] = drawn[monotone], drawn[monotone] + 1
        omega = one.omega(LAMBDAS) / one.omega(0.0)
        axes.plot(
            LAMBDAS,
            torch.where(omega > 0, omega, torch.nan),
            color=style.COLOURS[number % len(style.COLOURS)],
            ls=DASHES[monotone][number // len(style.COLOURS)],
            lw=4.0 if one.name == "v-cosine" else 1.6,  # flow matching lies on it
            alpha=0.45 if one.name == "v-cosine" else 1.0,
            label=LABELS[one.name],
        )
        kind = "falls" if monotone else "peaks"
        print(f"{one.name:18s} {kind} {one.says:22s} {one.times:26s} {one.source}")
    axes.set(
        yscale="log",
        ylim=(3e-3, 60),
        xlim=(-4, 4),
        xlabel="λ = log(α/σ)   (noise → data)",
        ylabel="weight of the noise loss, 1 at λ = 0",
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    figure.tight_layout()
    style.save(figure, "loss_weights")


if __name__ == "__main__":
    main()
