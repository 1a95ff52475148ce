"""What published losses weigh: the weight of the noise prediction's squared error against the noise level.

Every loss is rewritten as ∫ w(λ) E|ε̂ - ε|² dλ: its own weight in time, times the factor that turns its error into that of ε,
times the density of the times that it draws, seen in λ.  Run `python docs/figures/weights.py`; it writes docs/assets/weights.svg.
"""

from __future__ import annotations

import math

import style
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from concordant.impl.schedules import FlowMatching, Schedule, VPCosine, VPLinear


def of_schedule(one: Schedule, factor: str) -> tuple[Tensor, Tensor]:
    """λ and w(λ) for times drawn evenly on the schedule's clock; `factor` is the kind of error that is weighed evenly."""
    t = torch.linspace(0.001, 0.999, 1500, dtype=torch.float64)
    alpha, sigma = (torch.stack([torch.as_tensor(getattr(one.at(float(s)), k)) for s in t]) for k in ("alpha", "sigma"))
    lam = alpha.log() - sigma.log()
    density = 1 / -torch.gradient(lam, spacing=(t,))[0]
    keep = slice(3, -3)  # differences are one-sided at the ends
    weight = density * {"epsilon": torch.ones_like(t), "velocity": alpha**-2}[factor]  # straight path: |Δu|² = |Δε|²/α²
    return lam[keep], weight[keep]


def of_edm(data: float = 0.5, mean: float = -1.2, spread: float = 1.2) -> tuple[Tensor, Tensor]:
    """EDM: log σ is normal, the loss is (σ² + σ_d²)/(σ σ_d)² |Δx_0|², and |Δx_0|² = σ² |Δε|²."""
    lam = torch.linspace(-7, 7, 500, dtype=torch.float64)
    sigma = (-lam).exp()
    drawn = (-((-lam - mean) ** 2) / (2 * spread**2)).exp() / (spread * math.sqrt(2 * math.pi))
    return lam, drawn * (sigma**2 + data**2) / data**2


def main() -> None:
    curves = {
        "DDPM, noise, VP": of_schedule(VPLinear(), "epsilon"),
        "DDPM, noise, cosine": of_schedule(VPCosine(), "epsilon"),
        "flow matching, velocity": of_schedule(FlowMatching(), "velocity"),
        "EDM": of_edm(),
    }
    figure, axes = plt.subplots(figsize=(6.6, 3.2))
    for (name, (lam, weight)), colour in zip(curves.items(), style.COLOURS, strict=True):
        inside = (lam > -7) & (lam < 7)
        middle = weight[lam.abs().argmin()]
        axes.semilogy(lam[inside], weight[inside] / middle, color=colour, label=name)
    axes.axhline(1, color=style.INK, ls=":", lw=1.4, label="likelihood")
    axes.set(
        xlabel="λ = log(α/σ)   (noise → data)", ylabel="weight of |Δε|², 1 at λ = 0", xlim=(-7, 7), ylim=(1e-3, 1e3)
    )
    axes.legend(fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.save(figure, "weights")


if __name__ == "__main__":
    main()
