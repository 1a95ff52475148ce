"""Exact laws of samplers on Gaussian data, where every step is an affine map of the state and the noise.

A step x' = A x + N z + b is read off the sampler's own code by giving it the origin and the unit vectors; mean and covariance
then follow by mean ← A mean + b, cov ← A cov Aᵀ + N Nᵀ, with no sampling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from concordant.impl.targets import Gaussian

Step = Callable[[Tensor, Tensor], Tensor]


class Moments(NamedTuple):
    """Mean (D,) and covariance (D, D)."""

    mean: Tensor
    covariance: Tensor

    def distance(self, other: Moments) -> float:
        """How far two pairs of moments are apart, relative to the second's size."""
        size = torch.linalg.matrix_norm(other.covariance, 2)
        mean = torch.linalg.vector_norm(self.mean - other.mean) / size.sqrt()
        return float(mean + torch.linalg.matrix_norm(self.covariance - other.covariance, 2) / size)


class Affine(NamedTuple):
    """x' = A x + N z + b, or a sequence of such steps along the first axis."""

    a: Tensor
    n: Tensor
    b: Tensor

    def push(self, moments: Moments) -> Moments:
        """The moments of x' from those of x."""
        covariance = self.a @ moments.covariance @ self.a.T + self.n @ self.n.T
        return Moments(self.a @ moments.mean + self.b, covariance)

    def stationary_covariance(self) -> Tensor:
        """The fixed point P = A P Aᵀ + N Nᵀ, by a linear solve."""
        from scipy.linalg import solve_discrete_lyapunov

        return torch.from_numpy(solve_discrete_lyapunov(self.a.numpy(), (self.n @ self.n.T).numpy()))


def affines(step: Step, dimension: int, count: int) -> list[Affine]:
    """The affine maps that `count` steps are.

    `step` gets states and noises (count, points, D), the first axis being the step's number, so that one call reads all
    of them.  Raises `ValueError` if a step is not affine (checked at one more point).
    """
    eye, zero = torch.eye(dimension, dtype=torch.float64), torch.zeros(dimension, dimension, dtype=torch.float64)
    ramp = torch.linspace(-2, 3, dimension, dtype=torch.float64)[None]
    x, z = torch.cat([zero[:1], eye, zero, ramp]), torch.cat([zero[:1], zero, eye, -ramp.flip(1) / 2])
    out = step(x.expand(count, -1, -1), z.expand(count, -1, -1))
    b = out[:, :1]
    a, n = ((out[:, 1 + k * dimension : 1 + (k + 1) * dimension] - b).mT for k in (0, 1))
    want = x[-1] @ a.mT + z[-1] @ n.mT + b[:, 0]
    if not torch.allclose(out[:, -1], want, rtol=1e-8, atol=1e-8 * float(want.abs().max())):
        raise ValueError("the step is not affine in the state and the noise")
    return [Affine(*parts) for parts in zip(a, n, b[:, 0], strict=True)]


def affine(step: Step, dimension: int) -> Affine:
    """The affine map that one step is; it gets states and noises (points, D)."""
    return affines(lambda x, z: step(x[0], z[0])[None], dimension, 1)[0]


def push_all(steps: list[Affine], moments: Moments) -> Moments:
    """The moments after all the steps."""
    for one in steps:
        moments = one.push(moments)
    return moments


def noised(data: Gaussian, alpha: float, sigma: float) -> Moments:
    """The exact moments of α x_0 + σ ε."""
    eye = torch.eye(data.dimension, dtype=torch.float64)
    return Moments(alpha * data.mean, alpha**2 * data.covariance + sigma**2 * eye)
