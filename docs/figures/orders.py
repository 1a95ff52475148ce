"""Errors of three deterministic methods on the probability flow, against the number of calls of the model.

Run `python docs/figures/orders.py`; it writes docs/assets/orders.svg.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

from concordant.impl.schedules import schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import GaussianMixture
from concordant.impl.variational import DDPM

TARGET = GaussianMixture([0.35, 0.4, 0.25], [[-2.2], [0.2], [2.0]], [0.05, 0.12, 0.08])
CLOCK = schedule("vp-linear")
END = 0.01
CALLS = [8, 16, 32, 64, 128, 256, 512]


def main() -> None:
    model, process = TARGET.predictor(CLOCK, "x0"), LinearSDE(CLOCK)
    x = TARGET.at(CLOCK, 1.0).sample(2000, seed=0)
    exact = process.flow(model, x, 1.0, END)

    def error(got: torch.Tensor) -> float:
        return float((got - exact).abs().median())

    rows: dict[str, list[float]] = {"Euler in t": [], "DDIM": [], "Heun in t": []}
    for calls in CALLS:
        rows["Euler in t"].append(error(process.flow(model, x, 1.0, END, "euler", calls)))
        rows["Heun in t"].append(error(process.flow(model, x, 1.0, END, "heun", calls // 2)))
        ddpm = DDPM.from_schedule(CLOCK, torch.linspace(END, 1.0, calls + 1, dtype=torch.float64))
        y = x
        for i in range(calls + 1, 1, -1):
            y = ddpm.ddim_step(model, y, i, i - 1)
        rows["DDIM"].append(error(y))
    figure, axes = plt.subplots(figsize=(5.4, 3.5))
    for (name, errors), colour in zip(rows.items(), style.COLOURS, strict=False):
        axes.plot(CALLS, errors, "o-", ms=4, color=colour, label=name)
        print(name, [f"{e:.2e}" for e in errors])
    for power, start in ((1, 0.06), (2, 0.0045)):
        axes.plot(
            CALLS[2:], [start * (CALLS[2] / n) ** power for n in CALLS[2:]], color=style.INK, lw=0.9, ls=(0, (2, 3))
        )
    axes.set(xscale="log", yscale="log", xlabel="calls of the model", ylabel="median error")
    axes.set_xticks(CALLS, [str(n) for n in CALLS])
    axes.minorticks_off()
    axes.legend(fontsize=10)
    style.save(figure, "orders")


if __name__ == "__main__":
    main()
