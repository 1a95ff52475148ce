"""The picture of the README: four probability flows in their own terms, and the one flow that they are.

Left, each formulation in its own variables on its own clock; right, the same paths at a common scale, x/√(α² + σ²), against
λ = log(α/σ).
Run `python docs/figures/one_flow.py`; it writes docs/assets/one_flow.svg, and one_flow_tall.svg for narrow screens.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.flow import FlowMatching
from concordant.impl.schedules import EDM, Schedule, SubVP, VPLinear
from concordant.impl.schedules import FlowMatching as Linear
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import GaussianMixture

TARGET = GaussianMixture([0.35, 0.4, 0.25], [[-2.2], [0.2], [2.0]], [0.05, 0.12, 0.03])
LAMBDAS = torch.linspace(-2.5, 3.0, 120, dtype=torch.float64)
STARTS = torch.linspace(-1.9, 1.9, 9, dtype=torch.float64)[:, None]  # quantiles, so to speak, of the noise


def ddpm(s: Schedule) -> calculus.Field:
    """dx/dt = -½β (x + s) with s = -ε/σ, for β = -2α'/α."""
    model = TARGET.predictor(s, "epsilon")
    return lambda x, t: s.f(t) * (x - model(x, t).value / s.sigma(t))


def ncsn(s: Schedule) -> calculus.Field:
    """dx/dσ = -σ ∇log p_σ."""
    model = TARGET.predictor(s, "score")
    return lambda x, t: -t * model(x, t).value


def score_sde(s: Schedule) -> calculus.Field:
    model, process = TARGET.predictor(s, "score"), LinearSDE(s)
    return lambda x, t: process.ode_drift(model, x, t)


def flow_matching(s: Schedule) -> calculus.Field:
    return FlowMatching(s).field(TARGET.predictor(s, "velocity"))


FORMULATIONS = [
    ("DDPM", VPLinear(), ddpm, "-"),
    ("NCSN", EDM(), ncsn, (0, (7, 3))),
    ("score SDE (sub-VP)", SubVP(), score_sde, (0, (4, 4))),
    ("flow matching", Linear(), flow_matching, (0, (1.2, 2.4))),
]


def path(s: Schedule, field: calculus.Field) -> tuple[Tensor, Tensor]:
    """Times and states (times, starts) from the noisiest λ to the cleanest, from a common point at a common λ."""
    times = s.t_of_lam(LAMBDAS)
    sigma0, alpha0 = s.sigma(times[0]), s.alpha(times[0])
    x = STARTS * (alpha0**2 + sigma0**2).sqrt()
    states = [x]
    for t, u in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        x = calculus.solve(field, x, t, u)
        states.append(x)
    return times, torch.stack(states)[..., 0]


def draw(name: str, rows: int, columns: int, size: tuple[float, float]) -> float:
    """Draw both panels; the largest relative distance between the four."""
    figure, (own, common) = plt.subplots(rows, columns, figsize=size)
    worst, first = 0.0, None
    for (label, s, make, dashes), colour in zip(FORMULATIONS, style.COLOURS, strict=True):
        times, x = path(s, make(s))
        own.plot(times / times[0], x, color=colour, lw=1.2, alpha=0.9)
        scaled = x / (s.alpha(times) ** 2 + s.sigma(times) ** 2).sqrt()[:, None]
        lines = common.plot(LAMBDAS, scaled, color=colour, ls=dashes)
        lines[0].set_label(label)
        first = scaled if first is None else first
        worst = max(worst, float((scaled - first).abs().max() / scaled.abs().max()))
    own.set(title="in their own variables, on their own clocks", xlabel="t / T", ylabel="x", ylim=(-6, 6))
    common.set(
        title="at a common scale, against λ = log(α/σ)",
        xlabel="λ   (noise → data)",
        ylabel="x / √(α² + σ²)",
        ylim=(-2.9, 3.6),
    )
    common.legend(loc="upper left", ncols=2, fontsize=10)
    figure.tight_layout(w_pad=2.5, h_pad=2.0)
    style.save(figure, name)
    return worst


def main() -> None:
    worst = draw("one_flow", 1, 2, (10.5, 4.2))
    draw("one_flow_tall", 2, 1, (4.8, 7.4))  # for narrow screens
    print(f"largest distance between the four, relative: {worst:.1e}")


if __name__ == "__main__":
    main()
