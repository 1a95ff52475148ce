"""Errors of the deterministic solvers against calls of the model, each with the best of the step grids.

Run `python docs/figures/solvers.py`; it writes docs/assets/solvers.svg and prints the table.
"""

from __future__ import annotations

import style
import torch
from matplotlib import pyplot as plt

from concordant.errors import BadInput
from concordant.impl.schedules import schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.solvers import GRIDS, solver, step_grid
from concordant.impl.targets import target

CLOCK = schedule("vp-linear")
CALLS = [6, 12, 24, 48, 96]
POINTS = 200
SHOWN = {
    "ddim": (0, "-"),
    "heun-rho": (1, "-"),
    "dpm-solver-2": (2, "-"),
    "dpm-solver-3": (3, "-"),
    "deis-2": (0, "--"),
    "dpm-solver++(2m)": (1, "--"),
    "dpm-solver++(3m)": (2, "--"),
    "unipc-2": (3, "--"),
}
PANELS = {"ring": "eight modes on a ring", "digits": "a mixture fitted to digits, D = 64"}


def errors(name: str) -> dict[str, list[tuple[float, str]]]:
    """Median distance to the reference at each number of calls, and the grid that it is had with."""
    mixture = target(name)
    first, last = (float(CLOCK.t_of_lam(lam)) for lam in (-4.0, 3.0))
    model = mixture.predictor(CLOCK, "x0")
    x = mixture.at(CLOCK, first).sample(POINTS, seed=0)
    exact = LinearSDE(CLOCK).flow(model, x, first, last)
    found: dict[str, list[tuple[float, str]]] = {}
    for solver_name in SHOWN:
        one, row = solver(solver_name), []
        for calls in CALLS:
            tried = []
            for grid in GRIDS:
                try:
                    times = step_grid(grid, CLOCK, calls // one.calls, last, first)
                except BadInput:
                    continue
                got = one.sample(model, CLOCK, x, times)
                tried.append((float((got - exact).norm(dim=-1).median()), grid))
            row.append(min(tried))
        found[solver_name] = row
    return found


def main() -> None:
    torch.set_num_threads(1)
    figure, panels = plt.subplots(1, len(PANELS), figsize=(9.2, 3.9))
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        for solver_name, row in errors(name).items():
            colour, line = SHOWN[solver_name]
            axes.plot(
                CALLS, [e for e, _ in row], line, marker="o", ms=3.5, color=style.COLOURS[colour], label=solver_name
            )
            print(f"{name:8s}{solver_name:18s}", "  ".join(f"{e:.1e} {grid}" for e, grid in row))
        axes.set(xscale="log", yscale="log", xlabel="calls of the model", title=title)
        axes.set_xticks(CALLS, [str(n) for n in CALLS])
        axes.minorticks_off()
    panels[0].set_ylabel("median error, best step grid")
    panels[1].legend(fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    style.save(figure, "solvers")


if __name__ == "__main__":
    main()
