"""Fields that witnesses are made of: exact ones from a `Case`, and arbitrary smooth ones.

`Setting(case, lam)` is a target under a schedule at the time where log(α/σ) = λ.  Its densities are the exact oracle's, so that
a statement evaluated with them is compared with the implementation.  The rest is for what a claim says of *every* field:
`wave` is affine plus a sine of all its arguments, so that it is no gradient, no polynomial, and has no symmetry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64
from concordant.impl.schedules import Level
from concordant.impl.targets import GaussianMixture, Marginal
from concordant.proofs_tests.arbitrary import log_normal, random_numbers, wave
from concordant.proofs_tests.bridge.nodes import Nodes, axes, trapezoid
from concordant.proofs_tests.bridge.values import Callback, Logged, Unevaluable
from concordant.proofs_tests.case import Case


# ------------------------------------------------------------------------------------------------ where to integrate
@dataclass(frozen=True)
class Box:
    """A box in R^D, and the spacing of the trapezoid rule on it that gives twelve digits."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    spacing: float

    def nodes(self, coarser: float = 1.0, wider: float = 1.0) -> Nodes:
        """The rule; `coarser` multiplies the spacing and `wider` the sides."""
        sides = zip(self.low, self.high, strict=True)
        lines = [trapezoid(low, high, coarser * self.spacing, wider) for low, high in sides]
        if (many := math.prod(len(node) for node, _ in lines)) > MOST_NODES:
            raise Unevaluable(f"an integral over R^{len(lines)} would take {many:.0e} nodes")
        return axes(*lines)


def cube(dimension: int, half: float, spacing: float) -> Box:
    """The box [-half, half]^D."""
    return Box((-half,) * dimension, (half,) * dimension, spacing)


#: More nodes than this are a mistake.
MOST_NODES = 100_000
#: Standard deviations from a component's centre to a wall: exp(-8.5²/2) is 2e-16.
REACH = 8.5


def box_around(target: GaussianMixture, alpha: float, sigma: float, fineness: float) -> Box:
    """A box that holds the law of α x_0 + σ ε, for integrands that vary over `fineness` standard deviations or more."""
    variances = alpha**2 * target.covariances.diagonal(dim1=1, dim2=2) + sigma**2
    centres, widths = alpha * target.means, variances.sqrt()
    low, high = (centres - REACH * widths).amin(0), (centres + REACH * widths).amax(0)
    spacing = (0.7 if target.dimension == 1 else 0.75) * fineness  # for a Gaussian, 1e-17 and 1e-15
    return Box(tuple(low.tolist()), tuple(high.tolist()), spacing)


# ------------------------------------------------------------------------------------------------ exact fields
@dataclass(frozen=True)
class Setting:
    """A case at the time where log(α/σ) = λ."""

    case: Case
    lam: float = 0.5

    @cached_property
    def t(self) -> float:
        return self.case.time(self.lam)

    @cached_property
    def alpha(self) -> float:
        return self.case.level(self.t)[0]

    @cached_property
    def sigma(self) -> float:
        return self.case.level(self.t)[1]

    @property
    def dimension(self) -> int:
        return self.case.target.dimension

    @cached_property
    def functions(self) -> dict[str, Callback]:
        """α, σ with their primes, the drift f = α'/α and the diffusion g² = (σ²)' - 2fσ²."""
        s = self.case.schedule

        def g2(t: Tensor) -> Tensor:
            return s.d_sigma2(t) - 2 * s.d_alpha(t) / s.alpha(t) * s.sigma(t) ** 2

        return {
            "alpha": s.alpha,
            "sigma": s.sigma,
            "alpha'": s.d_alpha,
            "sigma'": s.d_sigma,
            "f": lambda t: s.d_alpha(t) / s.alpha(t),
            "g": lambda t: g2(t).sqrt(),
            "g2": g2,
        }

    def at(self, t: Any) -> Marginal:
        """The law of x_t."""
        return self.case.target.at(self.case.schedule, f64(t))

    @property
    def clean(self) -> Logged:
        """p_0(x)."""
        one = f64(1.0)
        law = Marginal(self.case.target, Level(one, 0 * one, 0 * one, 0 * one, 0 * one))
        return Logged(law.log_prob)

    @property
    def marginal(self) -> Logged:
        """p(x) at the setting's time, or p(x, t)."""
        return Logged(lambda x, t=self.t: self.at(t).log_prob(x))

    @property
    def kernel(self) -> Logged:
        """q(x, x_0) = N(x; α x_0, σ² I) at the setting's time, or q(x, x_0, t)."""

        def log(x: Tensor, x0: Tensor, t: Any = self.t) -> Tensor:
            n = self.case.schedule.at(f64(t))
            return log_normal(x, n.alpha[..., None] * x0, n.sigma)

        return Logged(log)

    def mean(self, kind: Any) -> Callback:
        """The exact prediction of a kind, h(x) at the setting's time, or h(x, t): "score", "velocity", "x0", …"""
        return lambda x, t=self.t: self.at(t).mean(x, kind)

    @property
    def drift(self) -> Callback:
        """f(t) x at the setting's time, or (x, t)."""
        return lambda x, t=self.t: self.functions["f"](f64(t))[..., None] * x

    @property
    def width(self) -> float:
        """About the width of p_t, the length over which arbitrary fields vary."""
        e = float(self.case.target.spectrum.max())
        return max(math.sqrt(self.alpha**2 * e + self.sigma**2), 0.5)

    def arbitrary(self, seed: str, rank: int = 1, points: int = 1) -> Callback:
        """An arbitrary field: see `wave`."""
        return wave(seed, self.dimension, rank, points, self.width)

    def test_function(self, seed: str) -> Callback:
        """An arbitrary test function: see `bump`."""
        return bump(seed, self.dimension, self.width)

    def trajectory(self, field: Callback, start: Tensor) -> Callback:
        """The solution z(t) of dz/dt = field(z, t) with z(t) = `start` (D,) at the setting's time."""
        return trajectory(field, start, self.t)

    # ---------------------------------------------------------------- where
    def _finest(self) -> float:
        """The least width of what is integrated: of p_0, of p_t, and of the posterior of x_0."""
        e = float(self.case.target.spectrum.min())
        ratio = self.alpha**2 / self.sigma**2
        return math.sqrt(e / (1 + e * ratio))

    @cached_property
    def boxes(self) -> dict[str, Box]:
        """ "x0" for the clean point, "" for all others."""
        target, e = self.case.target, float(self.case.target.spectrum.min())
        width = min(self.sigma, math.sqrt(self.alpha**2 * e + self.sigma**2))
        return {
            "x0": box_around(target, 1.0, 0.0, self._finest()),
            "": box_around(target, self.alpha, self.sigma, width),
        }

    def points(self, n: int = 4) -> Tensor:
        """n points of p_t."""
        return self.case.sample(self.t, n).double()


class _Moved(torch.autograd.Function):
    """The solution of a differential equation at given times: its derivative is the field."""

    @staticmethod
    def forward(ctx: Any, t: Tensor, solve: Callback, field: Callback) -> Tensor:
        z: Tensor = solve(t)
        ctx.save_for_backward(t, z)
        ctx.field = field
        return z

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        t, z = ctx.saved_tensors
        return (grads[0] * ctx.field(z, t)).sum(-1), None, None


def trajectory(field: Callback, start: Tensor, origin: float) -> Callback:
    """z(t) for dz/dt = field(z, t), z(origin) = start (D,): solved to 1e-12, and differentiable any number of times.

    >>> z = trajectory(lambda x, t: -x, torch.ones(1, dtype=torch.float64), 0.0)
    >>> t = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    >>> (slope,) = torch.autograd.grad(z(t).sum(), t, create_graph=True)
    >>> [round(v.item(), 9) for v in (z(t), slope, *torch.autograd.grad(slope, t))]
    [0.367879441, -0.367879441, 0.367879441]
    """

    known = {origin: start}

    def at(s: float) -> Tensor:
        """From the nearest time that is known."""
        if s not in known:
            near = min(known, key=lambda u: abs(u - s))
            known[s] = calculus.solve(field, known[near], near, s, 1e-12, 1e-13)
        return known[s]

    def solve(t: Tensor) -> Tensor:
        wanted = t.detach().reshape(-1).tolist()
        for s in sorted(set(wanted), key=lambda s: abs(s - origin)):
            at(s)
        return torch.stack([at(s) for s in wanted]).reshape(*t.shape, -1)

    return lambda t: _Moved.apply(t, solve, field)  # type: ignore[no-untyped-call]


# ------------------------------------------------------------------------------------------------ arbitrary fields
def bump(seed: str, dimension: int, scale: float = 1.0) -> Callback:
    """A test function of a point: smooth, and nothing outside the box as far as numbers can say."""
    f = wave(seed, dimension, rank=0, scale=scale)
    centre = scale * random_numbers(f"{seed}/centre", dimension) / 3
    return lambda x: (1 + f(x)) * torch.exp(-((x - centre) ** 2).sum(-1) / (2 * scale**2))


def conditional(seed: str, dimension: int, points: int = 2, steps_first: bool = False) -> Logged:
    """A density of its first point given the others (and steps or times): Gaussian about a wave of them, not linear.

    With `steps_first` the step comes before the points, as in a chain's kernel.
    """
    f = wave(seed, dimension, rank=1, points=max(points - 1, 1))

    def log(*args: Any) -> Tensor:
        step, rest = (args[:1], args[1:]) if steps_first else ((), args)
        x, others, scalars = rest[0], rest[1:points], (*rest[points:], *step)
        mean = 0.6 * f(*(others or (torch.zeros_like(x),)), *scalars)
        width = 0.8 + 0.1 * torch.sin(sum((f64(c) for c in scalars), f64(0.3)))
        return log_normal(x, mean, width)

    return Logged(log)


def gaussian_chain(betas: Sequence[float]) -> Mapping[str, Logged]:
    """The chain of kernels q(k; x, y) = N(√(1-β_k) y, β_k): also its marginals m(k; x, x0) and posteriors r(k; y, x, x0).

    A chain says nothing of m at step 0 and of r at step 1, so they are something else there: N(x0, I) both.
    """
    kept = [1.0]
    for b in betas:
        kept.append(kept[-1] * (1 - b))

    def q(k: int, x: Tensor, y: Tensor) -> Tensor:
        if not 1 <= k <= len(betas):
            raise LookupError(f"no step {k}")
        return log_normal(x, math.sqrt(1 - betas[k - 1]) * y, math.sqrt(betas[k - 1]))

    def m(k: int, x: Tensor, x0: Tensor) -> Tensor:
        if not 0 <= k <= len(betas):
            raise LookupError(f"no step {k}")
        return log_normal(x, math.sqrt(kept[k]) * x0, math.sqrt(1 - kept[k]) if k else 1.0)

    def r(k: int, y: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        if k == 1:
            return log_normal(y, x0, 1.0) + 0 * x.sum(-1)
        return q(k, x, y) + m(k - 1, y, x0) - m(k, x, x0)

    return {"q": Logged(q), "m": Logged(m), "r": Logged(r)}
