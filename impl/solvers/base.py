"""What a solver is: a rule for one step along falling times, and what it promises.

A solver works on one kind of prediction (`kind`), converted from whatever the model predicts, and on a `Grid`: times with their
(α, σ, λ), computed once.  Its promises are data, and one test asserts them for all solvers (`proofs_tests/tests/test_solvers.py`):

    order    the error at a positive last noise level falls like (length of the steps)^order
    calls    evaluations of the model in a step
    exact    the degree of the polynomials, in `clock`, for which a step is exact where the prediction depends on time alone
             (None: for none, not even constants); one degree more is not exact
    memory   how many earlier predictions a step uses: with fewer, at the start, it takes what is there (a warm start)

The step to σ = 0 is x_T = α x̂_0, the model's own clean data, for every solver: λ is infinite there, and no formula of higher
order has a limit.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.batch import generator, normal_like
from concordant.impl.predictions import Kind, Predictor
from concordant.impl.schedules import Level, Schedule

Clock = Literal["t", "lam", "rho"]


class Node(NamedTuple):
    """A time with its noise level: α, σ and λ = log(α/σ)."""

    t: Tensor
    alpha: Tensor
    sigma: Tensor
    lam: Tensor

    @property
    def rho(self) -> Tensor:
        """σ/α, the noise level at the scale where the data stay."""
        return self.sigma / self.alpha


class Grid:
    """Falling times (n + 1,) on a schedule's clock, their levels computed in one pass.

    Raises `BadInput` where the times do not fall, or leave the clock, or the noise vanishes before the last.
    """

    def __init__(self, schedule: Schedule, times: Tensor) -> None:
        times = schedule.check(times)
        if times.ndim != 1 or len(times) < 2:
            raise BadInput(f"times must have shape (steps + 1,), at least two: it has {tuple(times.shape)}")
        if not bool((times.diff() < 0).all()):
            raise BadInput("times must fall from noise to data: each smaller than the one before")
        self.schedule, self.times = schedule, times
        self.alpha, self.sigma = schedule.alpha(times), schedule.sigma(times)
        if not bool((self.sigma[:-1] > 0).all() and (self.alpha > 0).all()):
            raise BadInput("times must have alpha > 0, and sigma > 0 before the last: start a little before alpha = 0")
        self.lam = schedule.lam(times)

    @property
    def steps(self) -> int:
        return len(self.times) - 1

    def __getitem__(self, i: int) -> Node:
        return Node(self.times[i], self.alpha[i], self.sigma[i], self.lam[i])

    def at_lam(self, lam: Tensor) -> Node:
        """The node with that λ, between two of the grid's."""
        return self.at_time(self.schedule.t_of_lam(lam))

    def at_time(self, t: Tensor) -> Node:
        """The node of that time."""
        return Node(t, self.schedule.alpha(t), self.schedule.sigma(t), self.schedule.lam(t))


class Known(NamedTuple):
    """A prediction that was made at a node."""

    node: Node
    value: Tensor


@dataclass
class Run:
    """One run of a solver: the grid, the model, and what was predicted so far (`past`, the latest last)."""

    grid: Grid
    model: Predictor
    kind: Kind
    random: torch.Generator
    past: list[Known] = field(default_factory=list)
    before: Tensor | None = None  # the corrected point at the node before
    last_noise: Tensor | None = None  # the noise of the last step, which a corrector uses again
    calls: int = 0

    def ask(self, x: Tensor, node: Node, kind: Kind | None = None) -> Tensor:
        """The model's prediction at a point, as the solver's kind (or the one given)."""
        self.calls += 1
        prediction = self.model(x, node.t.to(x))
        kind = kind or self.kind
        if prediction.kind == kind:
            return prediction.value
        if kind in ("x0", "epsilon", "score") and prediction.kind in ("x0", "epsilon", "score", "v"):
            none = torch.zeros_like(node.alpha)  # these kinds do without derivatives, so they are not computed
            level = Level(node.alpha, node.sigma, none, none, none)
        else:
            level = self.grid.schedule.at(node.t)
        return prediction.to(kind, x, level).value

    def noise(self, x: Tensor) -> Tensor:
        """Standard normal numbers of the shape of x."""
        return normal_like(x, self.random)


class Solver(ABC):
    """A rule for one step, with its promises; see the module's text."""

    name: str
    kind: Kind
    order: int
    calls: int = 1
    exact: int | None = 0
    clock: Clock = "lam"
    memory: int = 0
    stochastic: bool = False
    source: ClassVar[str]

    @abstractmethod
    def step(self, run: Run, i: int, x: Tensor) -> Tensor:
        """x at node i + 1 from x at node i."""

    @torch.no_grad()
    def sample(
        self,
        model: Predictor,
        schedule: Schedule,
        x: Tensor,
        times: Tensor,
        past: Sequence[tuple[float, Tensor]] = (),
        seed: int | torch.Generator | None = None,
        callback: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """x at the last of the falling `times`, from x (..., D) at the first.

        `past` are times before the first (further from data), the earliest first, with the predictions there, of the
        solver's kind: what a multistep method starts from.  `callback` is called after each step with its number and x.
        Raises `BadInput` for times that do not fall, in `past` and on, and `ArithmeticError` where the result is not finite.

        >>> from concordant.impl.schedules import schedule
        >>> from concordant.impl.targets import target
        >>> from concordant.impl.solvers import SOLVERS
        >>> clock, ring = schedule("vp-linear"), target("ring")
        >>> x = ring.at(clock, 1.0).sample(5, torch.Generator().manual_seed(0))
        >>> SOLVERS["dpm-solver++(2m)"].sample(ring.predictor(clock, "v"), clock, x, torch.linspace(1, 0.01, 21)).shape
        torch.Size([5, 2])
        """
        run = self.run(model, Grid(schedule, times), x, seed)
        line = [*(float(t) for t, _ in past), float(times[0])]
        if not all(earlier > later for earlier, later in itertools.pairwise(line)):
            raise BadInput(f"past must hold falling times before the first: they are {line[:-1]}, then {line[-1]:g}")
        run.past += [Known(run.grid.at_time(torch.as_tensor(t, dtype=times.dtype)), value) for t, value in past]
        for i in range(run.grid.steps):
            if float(run.grid.sigma[i + 1]) == 0:
                x = run.grid.alpha[i + 1].to(x) * run.ask(x, run.grid[i], "x0")
            else:
                x = self.step(run, i, x)
            if callback is not None:
                callback(i + 1, x)
        if not bool(x.isfinite().all()):
            raise ArithmeticError(f"{self.name}: the result is not finite")
        return x

    def run(self, model: Predictor, grid: Grid, x: Tensor, seed: int | torch.Generator | None = None) -> Run:
        """A run that has not begun."""
        return Run(grid, model, self.kind, generator(seed, x.device))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, order={self.order}, calls={self.calls})"
