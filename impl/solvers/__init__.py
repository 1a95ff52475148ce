"""The solvers of chapter 9, one method a file, with what each promises (`base`), and the grids of their steps (`grids`).

`SOLVERS` has the methods in use by name; `solver(name)` is one of them.

>>> solver("dpm-solver-3").order
3
>>> solver("dpm-solver-4")
Traceback (most recent call last):
concordant.errors.BadInput: unknown solver 'dpm-solver-4': did you mean 'dpm-solver-3' or 'dpm-solver-2' or 'dpm-solver-1'?
"""

from concordant.errors import unknown
from concordant.impl.solvers.adams import ExponentialAdams, adams_coefficients
from concordant.impl.solvers.base import Grid, Known, Node, Run, Solver
from concordant.impl.solvers.ddim import DDIM
from concordant.impl.solvers.deis import DEIS, deis_coefficients
from concordant.impl.solvers.dpm_solver import DPMSolver2, DPMSolver3
from concordant.impl.solvers.dpm_solver_pp import DPMSolverPP2M, DPMSolverPP2S
from concordant.impl.solvers.edm import EDM
from concordant.impl.solvers.exponential_heun import ExponentialHeun
from concordant.impl.solvers.grids import GRIDS, step_grid
from concordant.impl.solvers.paradigms import Sweeps, paradigms
from concordant.impl.solvers.plain import RungeKutta
from concordant.impl.solvers.unipc import UniPC

SOLVERS: dict[str, Solver] = {
    one.name: one
    for one in (
        RungeKutta("euler", "t"),
        RungeKutta("euler-lam", "lam"),
        RungeKutta("euler-rho", "rho"),
        RungeKutta("heun", "t", stages=2),
        RungeKutta("heun-lam", "lam", stages=2),
        RungeKutta("heun-rho", "rho", stages=2),
        ExponentialHeun(),
        DDIM(),
        DDIM(eta=0.5, name="ddim (η = 1/2)"),
        DDIM(eta=1.0, name="ancestral"),
        EDM(),
        EDM(churn=20.0, name="edm (churn 20)"),
        *(DEIS(degree, f"deis-{degree}") for degree in range(4)),
        ExponentialAdams("epsilon", 0, name="dpm-solver-1"),
        DPMSolver2(),
        DPMSolver2(r=0.5, midpoint=False, name="dpm-solver-2 (taylor)"),
        DPMSolver2(r=1.0, midpoint=False, name="dpm-solver-2 (r = 1)"),
        DPMSolver3(),
        ExponentialAdams("x0", 0, name="dpm-solver++(1)"),
        DPMSolverPP2S(),
        DPMSolverPP2M(),
        ExponentialAdams("x0", 1, name="dpm-solver++(2m, exact)"),
        ExponentialAdams("x0", 2, name="dpm-solver++(3m)"),
        ExponentialAdams("x0", 0, tau=1.0, name="sde-dpm-solver++(1)"),
        DPMSolverPP2M(noise=True, name="sde-dpm-solver++(2m)"),
        ExponentialAdams("x0", 2, tau=1.0, name="sde-dpm-solver++(3m)"),
        *(UniPC(p, name=f"unipc-{p}") for p in (1, 2, 3)),
        UniPC(2, "x0", "bh1", name="unipc-2 (data, bh1)"),
        ExponentialAdams("epsilon", 2, corrector=True, name="unipc-3 (solved in full)"),
        ExponentialAdams("x0", 2, tau=0.5, corrector=True, name="sa-solver (τ = 1/2)"),
        ExponentialAdams("x0", 2, corrector=True, name="sa-solver (τ = 0)"),
    )
}


def solver(name: str) -> Solver:
    """The solver of that name.  Raises `BadInput` for an unknown one."""
    if name not in SOLVERS:
        raise unknown("solver", name, SOLVERS)
    return SOLVERS[name]


__all__ = [
    "DDIM",
    "DEIS",
    "EDM",
    "GRIDS",
    "SOLVERS",
    "DPMSolver2",
    "DPMSolver3",
    "DPMSolverPP2M",
    "DPMSolverPP2S",
    "ExponentialAdams",
    "ExponentialHeun",
    "Grid",
    "Known",
    "Node",
    "Run",
    "RungeKutta",
    "Solver",
    "Sweeps",
    "UniPC",
    "adams_coefficients",
    "deis_coefficients",
    "paradigms",
    "solver",
    "step_grid",
]
