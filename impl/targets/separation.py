"""How far points lie from the components of a mixture: d_k = x - α m_k, and sums over them.

All that the oracle needs of the d_k are three sums, in the eigenbasis Q_k of component k (Q_k = I unless its
covariance is full), where coefficients w_k and a_k act coordinate by coordinate:

    quadratic(w)      Σ_j w_kj d_kj²                            (K, B)
    bilinear(w)       Σ_j w_kj m_kj d_kj                        (K, B)
    combine(r, β, a)  Σ_k r_k (β m_k + Q_k a_k d_k)             (B, D)

There are two ways to them.  `Expanded` multiplies out and uses matrix products; nothing of size (B, K, D) exists, but
|x|² - 2α x·m + α²|m|² cancels when |x| is large against the component's width.  `Direct` forms the differences
themselves, a few components at a time, with α m_k as an unevaluated sum of two floating-point numbers, so that d_k is
right to the last digits however close x lies to α m_k.  `separation` takes the first where an error bound allows it.

Shapes: x is (B, D); α is () or (B,); coefficients are (K, 1 or B, 1 or D), components first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl.batch import column, norm

#: Floating-point numbers that one block of differences may hold.
BLOCK = 1 << 20

#: The matrix products are used while their rounding error in |d|²/v, relative to its expectation D, stays below this
#: many units in the last place.
GATE = 64.0


class Separation(ABC):
    """The three sums over d_k = x - α m_k (see the module's docstring)."""

    @abstractmethod
    def quadratic(self, w: Tensor) -> Tensor:
        """Σ_j w_kj d_kj², of shape (K, B)."""

    @abstractmethod
    def bilinear(self, w: Tensor) -> Tensor:
        """Σ_j w_kj m_kj d_kj, of shape (K, B)."""

    @abstractmethod
    def combine(self, r: Tensor, beta: Tensor, a: Tensor) -> Tensor:
        """Σ_k r_k (β m_k + Q_k a_k d_k), of shape (B, D), for r of shape (K, B) and β of shape () or (B,)."""


class Expanded(Separation):
    """By matrix products, about the centre c of the means:  d_k = (x - αc) - α(m_k - c).

    Needs Q_k = I, and coefficients that are the same for all coordinates or for all points.
    """

    def __init__(self, x: Tensor, alpha: Tensor, means: Tensor, centre: Tensor) -> None:
        self.means, self.alpha = means, alpha
        self.offsets = means - centre
        self.x = subtract(x, alpha, centre)

    def quadratic(self, w: Tensor) -> Tensor:
        if w.shape[-1] == 1:
            return w[..., 0] * (
                self.x.square().sum(-1)
                - 2 * self.alpha * (self.offsets @ self.x.T)
                + self.alpha**2 * self.offsets.square().sum(-1, keepdim=True)
            )
        w = w[:, 0]
        return (
            w @ self.x.square().T
            - 2 * self.alpha * ((w * self.offsets) @ self.x.T)
            + self.alpha**2 * (w * self.offsets.square()).sum(-1, keepdim=True)
        )

    def bilinear(self, w: Tensor) -> Tensor:
        if w.shape[-1] == 1:
            m_dot_m = (self.means * self.offsets).sum(-1, keepdim=True)
            return w[..., 0] * (self.means @ self.x.T - self.alpha * m_dot_m)
        wm = w[:, 0] * self.means
        return wm @ self.x.T - self.alpha * (wm * self.offsets).sum(-1, keepdim=True)

    def combine(self, r: Tensor, beta: Tensor, a: Tensor) -> Tensor:
        mean = column(beta) * (r.T @ self.means)
        if a.shape[-1] == 1:
            ra = r * a[..., 0]
            return mean + ra.sum(0).unsqueeze(-1) * self.x - column(self.alpha) * (ra.T @ self.offsets)
        a = a[:, 0]
        return mean + (r.T @ a) * self.x - column(self.alpha) * (r.T @ (a * self.offsets))


class Direct(Separation):
    """By the differences themselves, in blocks of components."""

    def __init__(self, x: Tensor, alpha: Tensor, means: Tensor, basis: Tensor | None) -> None:
        self.x, self.alpha, self.means, self.basis = x, alpha, means, basis

    def blocks(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Slices of components with their d_k (c, B, D) and m_k (c, 1, D) in the eigenbasis."""
        size = max(1, BLOCK // self.x.numel()) if self.x.numel() else len(self.means)
        for start in range(0, len(self.means), size):
            part = slice(start, start + size)
            m = self.means[part].unsqueeze(1)
            d = subtract(self.x, self.alpha, m)
            if self.basis is not None:
                d, m = d @ self.basis[part], m @ self.basis[part]
            yield part, d, m

    def quadratic(self, w: Tensor) -> Tensor:
        return torch.cat([(w[part] * d.square()).sum(-1) for part, d, _ in self.blocks()])

    def bilinear(self, w: Tensor) -> Tensor:
        return torch.cat([(w[part] * m * d).sum(-1) for part, d, m in self.blocks()])

    def combine(self, r: Tensor, beta: Tensor, a: Tensor) -> Tensor:
        total = column(beta) * (r.T @ self.means)
        for part, d, _ in self.blocks():
            total = total + self.unrotate(part, r[part].unsqueeze(-1) * a[part] * d).sum(0)
        return total

    def heads(self, beta: Tensor, a: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Slices of components with β m_k + Q_k a_k d_k, each (c, B, D)."""
        for part, d, _ in self.blocks():
            yield part, column(beta) * self.means[part].unsqueeze(1) + self.unrotate(part, a[part] * d)

    def unrotate(self, part: slice, d: Tensor) -> Tensor:
        """Q_k d_k."""
        return d if self.basis is None else d @ self.basis[part].mT


def separation(
    x: Tensor, alpha: Tensor, means: Tensor, basis: Tensor | None, variances: Tensor, centre: Tensor
) -> Separation:
    """The cheaper of the two ways whose error bound allows it.

    Multiplying out loses eps·R²/v in |d|²/v, with R the largest |x - αc| + α|m_k - c| and v the least variance; |d|²/v
    itself is about D.
    """
    own_times_and_widths = variances.shape[1] > 1 and variances.shape[2] > 1
    if basis is None and not own_times_and_widths and len(x):
        expanded = Expanded(x, alpha, means, centre)
        radius = norm(expanded.x).detach().max() + (alpha.detach().abs() * norm(expanded.offsets).max()).max()
        if bool(radius**2 <= GATE * x.shape[-1] * variances.detach().min()):
            return expanded
    return Direct(x, alpha, means, basis)


def subtract(x: Tensor, alpha: Tensor, m: Tensor) -> Tensor:
    """x - α m, with the product exact: α m = high + low, and x - high is exact where it is small."""
    high = column(alpha) * m
    with torch.no_grad():
        (a, b), (c, d) = _split(column(alpha)), _split(m)
        low = ((a * c - high) + a * d + b * c) + b * d
    return (x - high) - low


def _split(value: Tensor) -> tuple[Tensor, Tensor]:
    """Veltkamp's splitting: value = high + low, each with half of the digits, so that products are exact."""
    factor = 2.0**27 + 1 if value.dtype == torch.float64 else 2.0**12 + 1
    c = factor * value
    high = c - (c - value)
    return high, value - high
