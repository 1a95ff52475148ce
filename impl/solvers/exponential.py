"""Integrals of polynomials against exponentials: what all exponential integrators are made of.

With u = λ - λ_s on a step of length h = λ_t - λ_s, and the rate c of the weight,

    ∫_0^h e^{c(h-u)} u^k/k! du = h^{k+1} φ_{k+1}(c h),    φ_0(z) = e^z,  φ_{m+1}(z) = (φ_m(z) - 1/m!)/z.

c = 1 for predictions of the noise, c = -1 for predictions of the data (book, (9.4.9), (9.4.10) and section 9.5.3).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from concordant.errors import BadInput

#: Below this |z| the power series has the digits, above it the closed form.
_SERIES_BELOW = 1.0
_TERMS = 22


def phi(m: int, z: Tensor) -> Tensor:
    """φ_m(z) = ∫_0^1 e^{(1-θ)z} θ^{m-1}/(m-1)! dθ (e^z for m = 0), of the shape of z, to the last digits for all z.

    >>> phi(1, torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.7183])
    """
    if m < 0:
        raise BadInput(f"m must not be negative: it is {m}")
    small = z.abs() < _SERIES_BELOW
    series, power = torch.zeros_like(z), torch.ones_like(z)
    near = torch.where(small, z, torch.zeros_like(z))
    for j in range(_TERMS):
        series = series + power / float(math.factorial(j + m))
        power = power * near
    far = torch.where(small, torch.ones_like(z), z)
    closed = far.exp()
    for j in range(m):
        closed = (closed - 1 / math.factorial(j)) / far
    return torch.where(small, series, closed)


def moments(count: int, h: Tensor, rate: float) -> Tensor:
    """∫_0^h e^{c(h-u)} u^k/k! du for k = 0 … count-1, of shape (count,); c is the rate."""
    return torch.stack([h ** (k + 1) * phi(k + 1, rate * h) for k in range(count)])


def weights(distances: Tensor, h: Tensor, rate: float) -> Tensor:
    """The w_j, of the shape of `distances` (n,), with Σ_j w_j q(d_j) = ∫_0^h e^{c(h-u)} q(u) du for all polynomials q of degree < n.

    `distances` are the d_j = λ_j - λ_s of the nodes, all different.

    >>> h = torch.tensor(0.5, dtype=torch.float64)
    >>> w = weights(torch.tensor([0.0, -0.5], dtype=torch.float64), h, -1.0)
    >>> torch.allclose(w.sum(), 1 - torch.exp(-h))
    True
    """
    count = len(distances)
    scaled = distances / h  # of size one, so that the system is well conditioned
    powers = torch.stack([scaled**k / math.factorial(k) for k in range(count)])
    wanted = torch.stack([h * phi(k + 1, rate * h) for k in range(count)])
    result: Tensor = torch.linalg.solve(powers, wanted)
    return result
