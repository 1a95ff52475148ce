"""Rectified flow: straight lines between two laws, the mean velocity of all that pass through a point, and the flow along it.

In the terms of Liu, Gong and Liu 2023 ("Flow straight and fast"), and on their clock: t = 0 is the source, t = 1 the target
(`concordant.impl.flow` has data at 0; `lipman` there turns the clock).  A coupling is a law of pairs (x_0, x_1), and

    x_t = (1 - t) x_0 + t x_1                     the straight line of a pair
    v(x, t) = E[x_1 - x_0 | x_t = x]              the mean velocity
    Rectify: z_0 = x_0, dz/dt = v(z, t), ẑ_1 = z(1)     gives a new coupling (z_0, ẑ_1) of the same two laws

`IndependentCoupling` has v in closed form for two mixtures, `GaussianCoupling` all of it for jointly Gaussian pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import calculus, checks
from concordant.impl.batch import column, f64, generator
from concordant.impl.calculus import Field
from concordant.impl.checks import Array
from concordant.impl.schedules import Level
from concordant.impl.targets import Gaussian, GaussianMixture, Marginal


def interpolate(x0: Tensor, x1: Tensor, t: Tensor | float) -> Tensor:
    """x_t = (1 - t) x_0 + t x_1, whose slope is x_1 - x_0; t is one number, or one a point.

    >>> interpolate(torch.tensor([0.0]), torch.tensor([4.0]), 0.25)
    tensor([1.])
    """
    t = column(f64(t).to(x0))
    return (1 - t) * x0 + t * x1


def loss(field: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    """|v(x_t, t) - (x_1 - x_0)|², of shape (...): what v is fitted by, for a first coupling and for a reflow alike.

    Source: Liu et al. 2023, equation 1.
    """
    return (field(interpolate(x0, x1, t), t) - (x1 - x0)).square().sum(-1)


def rectify(field: Field, z0: Tensor, method: str = "reference", steps: int = 50) -> Tensor:
    """ẑ_1 = z(1) for dz/dt = field(z, t), z(0) = z_0: the partner of each z_0 (..., D) in the rectified coupling.

    `method` is "reference", "euler" or "heun".  Raises `BadInput` for another.

    >>> rectify(lambda z, t: 3 * z, torch.ones(2, dtype=torch.float64))
    tensor([20.0855, 20.0855], dtype=torch.float64)
    """
    return calculus.follow(field, z0, 0.0, 1.0, method, steps)


def trajectory(field: Field, z0: Tensor, times: Sequence[float], rtol: float = 1e-10) -> Tensor:
    """z at rising times in (0, 1], (times, ..., D), for dz/dt = field(z, t), z(0) = z_0.

    Raises `BadInput` for times that don't rise, or lie outside.
    """
    if not times or not all(a < b for a, b in zip([0.0, *times], times, strict=False)) or times[-1] > 1:
        raise BadInput("times must rise, and lie above 0 and at most at 1")
    return calculus.solve_at(field, z0.double(), 0.0, times, rtol, 1e-2 * rtol).to(z0)


def straightness(
    field: Field, z0: Tensor, weights: Tensor | None = None, order: int = 20, ends: Sequence[float] = (0.0, 1.0)
) -> Tensor:
    """S(Z) = ∫_0^1 E|z_1 - z_0 - dz_t/dt|² dt over trajectories from z_0 (n, D) with those weights (n,), equal ones by default.

    Zero if and only if (nearly) all trajectories are straight lines at constant speed, so that one step of Euler's method is
    exact.  Gauss-Legendre in time, of that order between the given ends of panels.  Source: Liu et al. 2023, section 2.2.

    >>> straightness(lambda z, t: 2 * t * torch.ones_like(z), torch.zeros(1, 1, dtype=torch.float64))
    tensor(0.3333, dtype=torch.float64)
    """
    checks.real("z0", z0, (None, None))
    node, weight = _panels(order, ends)
    path = trajectory(field, z0, [*node.tolist(), 1.0])
    share = z0.new_full((len(z0),), 1 / len(z0)) if weights is None else weights
    moved = path[-1] - z0
    bends = [share @ (moved - field(z, t)).square().sum(-1) for z, t in zip(path[:-1], node, strict=True)]
    return weight.to(z0) @ torch.stack(bends)


def _panels(order: int, ends: Sequence[float] = (0.0, 1.0)) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the composite Gauss-Legendre rule between those ends."""
    low, high = f64(ends)[:-1, None], f64(ends)[1:, None]
    node, weight = calculus.gauss(low, high, order)
    return node.flatten(), weight.flatten()


class IndependentCoupling:
    """x_0 and x_1 drawn independently, x_0 from a mixture of isotropic Gaussians, x_1 from any mixture.

    Given the component k of x_0, N(m_k, s_k² I), the point x_t - (1 - t) m_k = t x_1 + (1 - t) s_k ε is a noised target, and so
    everything is known (`Marginal`).  `t` is one number in [0, 1], or one for each point.

    Raises `BadInput` for a source that is not isotropic, and for laws of different dimensions.

    >>> import concordant as cd
    >>> coupling = IndependentCoupling(cd.Gaussian([0.0], 1.0), cd.Gaussian([2.0], 1.0))
    >>> coupling.velocity(torch.tensor([[1.0]]), 0.5)
    tensor([[2.]])
    """

    def __init__(self, source: GaussianMixture, target: GaussianMixture) -> None:
        if source.covariance_type == "full" or bool((source.spectrum != source.spectrum[:, :1]).any()):
            raise BadInput("source must have isotropic components: give it one variance for each")
        if source.dimension != target.dimension:
            raise BadInput(f"target must have the source's dimension {source.dimension}: it has {target.dimension}")
        self.source, self.target = source, target

    def sample(self, n: int, seed: int | torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n pairs (x_0, x_1), each (n, D)."""
        random = generator(seed, self.source.means.device)
        return self.source.sample(n, random), self.target.sample(n, random)

    def _parts(self, x: Tensor, t: Tensor | float) -> list[tuple[Tensor, Marginal, Tensor]]:
        """For each component of the source: its mean, the law of the shifted point, and the point."""
        checks.points(x, self.source.dimension)
        t = f64(t).to(x)
        if bool(((t < 0) | (t > 1)).any()):
            raise BadInput("t must lie between 0, the source, and 1, the target")
        parts = []
        for mean, variance in zip(self.source.means, self.source.spectrum[:, 0], strict=True):
            s = variance.sqrt().to(x)
            one = torch.ones_like(t)
            level = Level(t, (1 - t) * s, one, -s * one, -2 * (1 - t) * s**2)
            parts.append((mean.to(x), Marginal(self.target, level), x - column(1 - t) * mean.to(x)))
        return parts

    def _shares(self, parts: list[tuple[Tensor, Marginal, Tensor]]) -> Tensor:
        """log of w_k times the density of x_t given the component, (K, ...)."""
        logs = [law.log_prob(y) for _, law, y in parts]
        return torch.stack([w.log().to(v) + v for w, v in zip(self.source.weights, logs, strict=True)])

    def log_prob(self, x: Tensor, t: Tensor | float) -> Tensor:
        """log p_t(x), of shape (...), for the law of x_t."""
        return self._shares(self._parts(x, t)).logsumexp(0)

    def velocity(self, x: Tensor, t: Tensor | float) -> Tensor:
        """v(x, t) = E[x_1 - x_0 | x_t = x], of shape (..., D)."""
        parts = self._parts(x, t)
        each = [law.velocity(y) - mean for mean, law, y in parts]
        if len(each) == 1:
            return each[0]
        return (self._shares(parts).softmax(0).unsqueeze(-1) * torch.stack(each)).sum(0)

    def spread(self, x: Tensor, t: Tensor | float) -> Tensor:
        """tr Cov[x_1 - x_0 | x_t = x], of shape (...), for 0 < t ≤ 1; zero everywhere if and only if the coupling is straight.

        Given the source's component it is s² ∇·E[x_1|x_t]/t, by the second-order form of Tweedie's formula.
        """
        parts = self._parts(x, t)
        t = f64(t).to(x)
        if bool((t <= 0).any()):
            raise BadInput("t must be above 0: at t = 0 the covariance is the target's own")
        variances = self.source.spectrum[:, 0].to(x)
        within = torch.stack(
            [s2 * law.divergence(y, "x0") / t for s2, (_, law, y) in zip(variances, parts, strict=True)]
        )
        each = torch.stack([law.velocity(y) - mean for mean, law, y in parts])
        r = self._shares(parts).softmax(0)
        mean = (r.unsqueeze(-1) * each).sum(0)
        return (r * (within + (each - mean).square().sum(-1))).sum(0)

    def rectify(self, z0: Tensor, method: str = "reference", steps: int = 50) -> Tensor:
        """ẑ_1 for each z_0, along the exact velocity."""
        return rectify(self.velocity, z0, method, steps)

    @property
    def cost(self) -> Tensor:
        """E|x_1 - x_0|²."""
        offset = self.target.mean - self.source.mean
        spread = self.target.covariance.diagonal().sum() + self.source.covariance.diagonal().sum()
        return offset.square().sum() + spread


class GaussianCoupling:
    """Jointly Gaussian pairs: means m_0, m_1 (D,), and the covariance (2D, 2D) of (x_0, x_1).

    With C_t = Cov[x_t] and K_t = Cov[x_1 - x_0, x_t], the mean velocity is affine, v = m_1 - m_0 + K_t C_t⁻¹ (x - m_t), and so is
    the flow.  Raises `BadInput` for a covariance that is not symmetric, and where C_t is singular.
    """

    def __init__(self, mean0: Array, mean1: Array, covariance: Array) -> None:
        self.mean0 = checks.real("mean0", mean0, (None,)).double()
        d = len(self.mean0)
        self.mean1 = checks.real("mean1", mean1, (d,)).double()
        joint = checks.real("covariance", covariance, (2 * d, 2 * d)).double()
        if bool(((joint - joint.mT).abs() > 1e-8 * joint.abs().max()).any()):
            raise BadInput("covariance must be symmetric")
        self.dimension, self.covariance = d, joint

    @staticmethod
    def independent(source: Gaussian, target: Gaussian) -> GaussianCoupling:
        """x_0 and x_1 independent."""
        return GaussianCoupling(source.mean, target.mean, torch.block_diag(source.covariance, target.covariance))

    @staticmethod
    def linear(source: Gaussian, matrix: Array, offset: Array) -> GaussianCoupling:
        """x_1 = A x_0 + b."""
        a, c = checks.real("matrix", matrix, (source.dimension, source.dimension)).double(), source.covariance.double()
        joint = torch.cat([torch.cat([c, c @ a.mT], 1), torch.cat([a @ c, a @ c @ a.mT], 1)])
        mean = source.mean.double()
        return GaussianCoupling(mean, a @ mean + checks.real("offset", offset, (source.dimension,)).double(), joint)

    def _at(self, t: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
        """(C_t, K_t, Cov[x_1 - x_0])."""
        eye, t = torch.eye(self.dimension, dtype=torch.float64), f64(t)
        point, move = torch.cat([(1 - t) * eye, t * eye], 1), torch.cat([-eye, eye], 1)
        joint = self.covariance
        return point @ joint @ point.mT, move @ joint @ point.mT, move @ joint @ move.mT

    def slope(self, t: Tensor | float) -> Tensor:
        """K_t C_t⁻¹, the Jacobian of v at that time, (D, D)."""
        c, k, _ = self._at(t)
        factor, failed = torch.linalg.cholesky_ex(c)
        if bool(failed):
            raise BadInput(f"covariance must leave x_t a density: at t = {float(t):g} it has none (lines cross there)")
        return torch.cholesky_solve(k.mT, factor).mT

    def velocity(self, x: Tensor, t: Tensor | float) -> Tensor:
        """v(x, t) = E[x_1 - x_0 | x_t = x], of shape (..., D)."""
        checks.points(x, self.dimension)
        at = interpolate(self.mean0, self.mean1, t)
        made: Tensor = (self.mean1 - self.mean0 + (x.double() - at) @ self.slope(t).mT).to(x)
        return made

    def spread(self, t: Tensor | float) -> Tensor:
        """tr Cov[x_1 - x_0 | x_t], the same at all points."""
        _, k, move = self._at(t)
        return (move - self.slope(t) @ k.mT).diagonal().sum()

    @property
    def cost(self) -> Tensor:
        """E|x_1 - x_0|²."""
        return (self.mean1 - self.mean0).square().sum() + self._at(0.0)[2].diagonal().sum()

    def flow(self, times: Sequence[float]) -> Tensor:
        """The matrices M_t, (times, D, D), of the rectified flow z_t - m_t = M_t (z_0 - m_0), M' = K C⁻¹ M."""
        eye = torch.eye(self.dimension, dtype=torch.float64)
        return trajectory(lambda m, t: self.slope(t) @ m, eye, times, 1e-12)

    def rectify(self) -> GaussianCoupling:
        """The rectified coupling (z_0, ẑ_1): ẑ_1 = m_1 + M_1 (z_0 - m_0)."""
        source = Gaussian(self.mean0, self.covariance[: self.dimension, : self.dimension])
        m = self.flow([1.0])[0]
        return GaussianCoupling.linear(source, m, self.mean1 - m @ self.mean0)

    def straightness(self, order: int = 20) -> Tensor:
        """S(Z) = ∫_0^1 E|ẑ_1 - z_0 - dz_t/dt|² dt of the rectified flow, by Gauss-Legendre."""
        node, weight = _panels(order)
        times = node.tolist()
        *path, last = self.flow([*times, 1.0])
        source = self.covariance[: self.dimension, : self.dimension]
        moved = last - torch.eye(self.dimension, dtype=torch.float64)
        bends = [moved - self.slope(t) @ m for t, m in zip(times, path, strict=True)]
        return weight @ torch.stack([(b @ source @ b.mT).diagonal().sum() for b in bends])


def bent(z0: Tensor, s0: float, s1: float, t: Tensor | float) -> Tensor:
    """z_t = z_0 √((1 - t)² + t² σ_1²/σ_0²): the rectified flow of independent N(0, σ_0² I) and N(0, σ_1² I), no straight line.

    Its acceleration is z_t σ_0² σ_1²/V², V = (1 - t)² σ_0² + t² σ_1².  Raises `BadInput` unless σ_0 and σ_1 are positive.

    >>> bent(torch.tensor([1.0]), 2.0, 2.0, 0.5)
    tensor([0.7071])
    """
    if not (s0 > 0 and s1 > 0 and math.isfinite(s0) and math.isfinite(s1)):
        raise BadInput("s0 and s1 must be positive")
    t = column(f64(t).to(z0))
    return z0 * ((1 - t) ** 2 + (t * s1 / s0) ** 2).sqrt()
