"""A case: one target under one schedule, with a seed; what an agreement is a function of."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.predictions import Kind, Predictor, predictor
from concordant.impl.schedules import Schedule
from concordant.impl.targets import Gaussian, GaussianMixture, Marginal
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.quadrature import Pairs, Points

#: λ = log(α/σ) at which cases are looked at: mostly data, both, mostly noise.  Every built-in schedule reaches them.
LAMBDAS = (2.5, 0.5, -1.5)

#: Pairs are laid out component by component; beyond this many that costs more than it shows.
MOST_COMPONENTS = 100

#: Recursions of moments need D² numbers a step; in more dimensions the projection to a line stands for the Gaussian.
MOST_DIMENSIONS = 256


@dataclass(frozen=True)
class Case:
    """`name` and `target`, `schedule`, and a seed that with the names fixes every random choice."""

    name: str
    target: GaussianMixture
    schedule: Schedule
    seed: int = 0
    dtype: torch.dtype = torch.float64

    def __str__(self) -> str:
        return f"{self.name} under {self.schedule.name}"

    def random(self, what: str = "") -> torch.Generator:
        """A generator that depends on the case and on `what` it is for, on nothing else."""
        key = f"{self.seed}/{self.name}/{self.schedule.name}/{what}"
        return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big"))

    def time(self, lam: float) -> float:
        """The time at which log(α/σ) = λ."""
        return float(self.schedule.t_of_lam(lam))

    def times(self, lambdas: Sequence[float] = LAMBDAS) -> list[float]:
        """The times of the given λ, from data to noise."""
        return [self.time(lam) for lam in lambdas]

    def grid(self, first: float, last: float, steps: int) -> Tensor:
        """Rising times (steps + 1,) from the time of λ = `first` down to that of `last`, equal in the angle atan(σ/α).

        Errors of samplers reach their asymptotic order sooner on it than on steps equal in t, whatever the schedule.
        """
        angles = torch.linspace(math.atan(math.exp(-first)), math.atan(math.exp(-last)), steps + 1, dtype=torch.float64)
        return self.schedule.t_of_lam(-angles.tan().log())

    def level(self, t: float) -> tuple[float, float]:
        """(α_t, σ_t) as numbers."""
        return float(self.schedule.alpha(f64(t))), float(self.schedule.sigma(f64(t)))

    def at(self, t: float | Tensor) -> Marginal:
        """The exact law of x_t."""
        return self.target.at(self.schedule, t)

    def sample(self, t: float, n: int) -> Tensor:
        """n points of p_t, in the case's floating-point type."""
        return self.at(t).sample(n, self.random(f"points at {t:.12g}")).to(self.dtype)

    def clean_and_noise(self, n: int) -> tuple[Tensor, Tensor]:
        """n pairs (x_0, ε)."""
        random = self.random("pairs")
        x0 = self.target.sample(n, random)
        return x0.to(self.dtype), torch.randn(x0.shape, generator=random, dtype=x0.dtype).to(self.dtype)

    # ---------------------------------------------------------------- smaller cases made from this one
    @cached_property
    def splits(self) -> bool:
        return quadrature.product(self.target) is not None

    def reduced(self) -> Case:
        """This case if expectations over it are exact in all its dimensions, else its projection to one dimension."""
        return self if self.splits else self.line()

    def line(self) -> Case:
        """The projection to one dimension, along the direction of largest variance."""
        if self.target.dimension == 1:
            return self
        direction = torch.linalg.eigh(self.target.covariance)[1][:, -1:]
        return replace(self, name=f"{self.name} (on a line)", target=self.target.project(direction))

    def gaussian(self) -> Case:
        """The Gaussian with the target's mean and covariance; in many dimensions that of its projection to a line."""
        one = self if self.target.dimension <= MOST_DIMENSIONS else self.line()
        return replace(self, name=f"{one.name} (its Gaussian)", target=one.target.matched())

    @property
    def as_gaussian(self) -> Gaussian:
        return self.target if isinstance(self.target, Gaussian) else self.target.matched()

    def under(self, schedule: Schedule) -> Case:
        """The same target under another schedule."""
        return replace(self, schedule=schedule)

    # ---------------------------------------------------------------- expectations
    def points(self, t: float) -> Points:
        """Nodes for expectations over x_t."""
        return quadrature.points(self.target, *self.level(t))

    def pairs(self, t: float) -> Pairs:
        """Nodes for expectations over (x_0, ε) of functions that see the core through x_t only."""
        return quadrature.pairs(self.target, *self.level(t))

    # ---------------------------------------------------------------- deliberately wrong predictions
    def wrong(self, kind: Kind, index: int, scale: float = 1.0) -> Predictor:
        """A prediction that is no one's optimum: affine with a matrix that is no gradient's, plus a wave along the core.

        `index` draws another; the field's size is about `scale` on points of size √D.
        """
        d = self.target.dimension
        random = self.random(f"wrong {kind} {index}")
        a, b, c = (torch.randn(*shape, generator=random, dtype=torch.float64) for shape in ((d, d), (d,), (d,)))
        split = quadrature.product(self.target)
        core = torch.zeros(d, 0, dtype=torch.float64) if split is None else split.u
        wave = core @ torch.randn(core.shape[1], generator=random, dtype=torch.float64)

        def field(x: Tensor, t: Tensor) -> Tensor:
            m, shift, size, w = (v.to(x) for v in (a, b, c, wave))
            return scale * (x @ m.T / math.sqrt(d) / 2 + shift / 2 + size * torch.sin(x @ w).unsqueeze(-1))

        return predictor(field, kind)


def few_components(case: Case) -> bool:
    """Whether pairs can be laid out component by component."""
    return case.target.components <= MOST_COMPONENTS


def few_on_a_line(case: Case) -> bool:
    """Whether the projection to a line is cheap to integrate over: few components, not far apart."""
    line = case.line().target
    return line.components <= MOST_COMPONENTS and float(line.means.max() - line.means.min()) <= 20


def spread(case: Case) -> bool:
    """Whether the data vary at all: a Dirac's Gaussian has no width to be relative to."""
    return float(case.target.covariance.diagonal().sum()) > 0


def has_density(case: Case) -> bool:
    """Whether p_0 has a density, so that log p_0 is finite."""
    return case.target.has_density
