"""Deterministic expectations over x_t and over pairs (x_0, ε), exact to quadrature error in any dimension.

The law of x_t is a mixture.  Where it splits, after a rotation, into a core y of at most two dimensions and an independent
Gaussian rest z (`Product`), expectations of functions that are at most quadratic in z reduce to

- a composite Gauss-Legendre rule over the core, with breakpoints at every component's centre and at multiples of its width
  (Gauss-Hermite is some percent off where widths differ), and
- a two-level orthogonal array over the rest: points in {-1, +1}^M, rows of a Hadamard matrix, whose mean is 0 and whose
  covariance is exactly I, so that quadratic functions are integrated exactly.

For pairs (x_0, ε), given the component, x_t and one orthogonal combination w of x_0 and ε are independent; losses are quadratic
in w, which therefore joins the rest.  The points (x_0, ε) are real pairs: each loss is evaluated on them as its paper states
it, and nothing here knows a posterior.

Where a target does not split, its projection to one dimension is taken instead (noise stays isotropic), and cases say so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import hadamard
from torch import Tensor

from concordant.impl.batch import f64
from concordant.impl.targets import GaussianMixture, Product

#: How far panels go from a component's centre, in its widths.
REACH = 8.5


class Rule(NamedTuple):
    """Where panels end, in widths from a component's centre, and the order of the rule on each."""

    ticks: Tensor
    order: int


FINE = Rule(f64([*(n / 2 for n in range(9)), 5.0, 6.5, REACH]), 12)
#: For two dimensions, and where each node of the core meets many of the rest: good to 1e-9.
COARSE = Rule(f64([0.0, 1.0, 2.0, 3.0, 4.0, 5.5, REACH]), 7)


class Pairs(NamedTuple):
    """Weights (N,) that sum to 1, with clean points and noises (N, D)."""

    weights: Tensor
    x0: Tensor
    noise: Tensor


class Points(NamedTuple):
    """Weights (N,) that sum to 1, with points (N, D)."""

    weights: Tensor
    x: Tensor


def product(target: GaussianMixture) -> Product | None:
    """How the target splits, or None: given, or trivially for one component (no core) and in one and two dimensions."""
    if target.product is not None:
        return target.product
    eye = torch.eye(target.dimension).to(target.means)
    if target.components == 1:
        basis = eye if target.basis is None else target.basis[0]
        nothing = GaussianMixture([1.0], torch.zeros(1, 1), 0.0)  # a core of no dimensions: never looked at
        rest = target.means[0] @ basis, target.spectrum[0].expand(target.dimension)
        return Product(nothing, eye[:, :0], basis, *rest)
    if target.dimension <= 2:
        empty = target.means.new_zeros(0)
        return Product(target, eye, eye[:, :0], empty, empty)
    return None


def signs(dimension: int) -> Tensor:
    """Points of {-1, +1}^dimension, (N, dimension), with mean 0 and covariance I, N the next power of 2 above it.

    >>> signs(3).T @ signs(3) / 4
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)
    """
    size = 1 << dimension.bit_length()
    return torch.tensor(hadamard(size)[:, 1 : dimension + 1].copy(), dtype=torch.float64)


def breakpoints(centres: Tensor, widths: Tensor, reach: Tensor, ticks: Tensor) -> Tensor:
    """Ends of panels on a line, rising: `widths` set how fine they are around each centre, `reach` how far they go.

    Points closer to their left neighbour than half the least width are left out.
    """
    steps = torch.cat([-ticks.flip(0), ticks])
    every = [centres[:, None] + widths[:, None] * steps, centres[:, None] + reach[:, None] * steps]
    far = torch.stack([(centres - REACH * reach).min(), (centres + REACH * reach).max()])
    grain = float(widths.min()) / 2
    kept: list[float] = []
    for point in sorted(torch.cat([*(e.flatten() for e in every), far]).tolist()):
        if not kept or point - kept[-1] >= grain:
            kept.append(point)
    return f64(kept)


def panels(ends: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the composite Gauss-Legendre rule on the panels between `ends`."""
    node, weight = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(order))
    half, middle = ends.diff() / 2, (ends[1:] + ends[:-1]) / 2
    return (middle[:, None] + half[:, None] * node).flatten(), (half[:, None] * weight).flatten()


def line(centres: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes (N,) and Lebesgue weights (N,) on a line, for functions as fine as `widths` (K,) around `centres` (K,)."""
    return panels(breakpoints(centres, widths.min().expand_as(widths), widths, FINE.ticks), FINE.order)


def _core(split: Product, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    """Nodes (N, d) and Lebesgue weights (N,) over the core's noised law."""
    core, d = split.core, split.core.dimension
    rule = FINE if d == 1 and len(split.rest_mean) <= 8 else COARSE
    variances = alpha**2 * core.covariances.diagonal(dim1=1, dim2=2) + sigma**2  # (K, d)
    least = (alpha**2 * core.spectrum.amin(-1) + sigma**2).sqrt()
    axes = [
        panels(breakpoints(alpha * core.means[:, j], least, variances[:, j].sqrt(), rule.ticks), rule.order)
        for j in range(d)
    ]
    nodes = torch.cartesian_prod(*(node for node, _ in axes)).reshape(-1, d)
    weights = axes[0][1]
    for _, more in axes[1:]:
        weights = (weights[:, None] * more).flatten()
    return nodes, weights


def _log_normal(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    factor = torch.linalg.cholesky(covariance)
    z = torch.linalg.solve_triangular(factor, (x - mean).T, upper=False)
    log_norm = factor.diagonal().log().sum() + x.shape[-1] * math.log(2 * math.pi) / 2
    log_density: Tensor = -z.square().sum(0) / 2 - log_norm
    return log_density


def points(target: GaussianMixture, alpha: float, sigma: float, negligible: float = 1e-14) -> Points:
    """Points and weights with Σ w φ(x) = E φ(x_t), for φ at most quadratic in the rest."""
    split = product(target)
    if split is None:
        raise ValueError(f"{target} does not split: project it first")
    rest = signs(len(split.rest_mean))
    z = alpha * split.rest_mean + (alpha**2 * split.rest_variances + sigma**2).sqrt() * rest
    if not split.u.shape[1]:
        return Points(torch.full((len(z),), 1 / len(z), dtype=torch.float64), z @ split.w.T)
    y, weights = _core(split, alpha, sigma)
    d, core = split.u.shape[1], split.core
    covariances = alpha**2 * core.covariances + sigma**2 * torch.eye(d).to(y)
    density = sum(
        (w * _log_normal(y, alpha * m, c).exp() for w, m, c in zip(core.weights, core.means, covariances, strict=True)),
        torch.zeros(len(y), dtype=torch.float64),
    )
    mass = weights * density
    kept = mass > negligible
    return _outer(y[kept] @ split.u.T, mass[kept], z @ split.w.T)


def _outer(core: Tensor, mass: Tensor, rest: Tensor) -> Points:
    """Every point of the core with every point of the rest."""
    if not len(rest):
        return Points(mass, core)
    x = (core[:, None] + rest).reshape(-1, core.shape[-1])
    return Points((mass[:, None] / len(rest)).expand(-1, len(rest)).flatten(), x)


def pairs(target: GaussianMixture, alpha: float, sigma: float, negligible: float = 1e-14) -> Pairs:
    """Pairs and weights with Σ w φ(x_0, ε) = E φ(x_0, ε), for φ(x_0, ε) = ψ(x_t, x_0, ε) at most quadratic in all but the
    core of x_t."""
    split = product(target)
    if split is None:
        raise ValueError(f"{target} does not split: project it first")
    d, n = split.u.shape[1], len(split.rest_mean)
    noise = signs(d + 2 * n)
    w, rest0, rest_noise = noise[:, :d], noise[:, d : d + n], noise[:, d + n :]
    z0 = (split.rest_mean + split.rest_variances.sqrt() * rest0) @ split.w.T
    z_noise = rest_noise @ split.w.T
    if not d:
        return Pairs(torch.full((len(z0),), 1 / len(z0), dtype=torch.float64), z0, z_noise)
    core = split.core
    y, weights = _core(split, alpha, sigma)
    parts: list[Pairs] = []
    for k in range(core.components):
        e = core.spectrum[k].expand(d)
        basis = torch.eye(d).to(y) if core.basis is None else core.basis[k]
        v = alpha**2 * e + sigma**2
        u = (y - alpha * core.means[k]) @ basis / v.sqrt()  # x_t in the component's own unit coordinates
        mass = (
            core.weights[k] * weights * torch.exp(-(u**2).sum(-1) / 2 - (v.log().sum() + d * math.log(2 * math.pi)) / 2)
        )
        kept = mass > negligible
        u, mass = u[kept], mass[kept]
        # x_0 = m + Q√e (cos·u - sin·w), ε = Q (sin·u + cos·w), cos = α√(e/v), sin = σ/√v:  then α x_0 + σ ε = αm + Q√v u
        cos, sin = alpha * (e / v).sqrt(), sigma / v.sqrt()
        y0 = core.means[k] + (e.sqrt() * (cos * u[:, None] - sin * w)) @ basis.T
        y_noise = (sin * u[:, None] + cos * w) @ basis.T
        x0 = (y0 @ split.u.T + z0).reshape(-1, z0.shape[-1])
        full_noise = (y_noise @ split.u.T + z_noise).reshape(-1, z0.shape[-1])
        share = (mass[:, None] / len(w)).expand(-1, len(w)).flatten()
        parts.append(Pairs(share, x0, full_noise))
    return Pairs(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def normals(directions: Tensor, order: int = 24) -> Points:
    """Nodes and weights for E φ(z), z ~ N(0, I_D), where φ sees z through its products with the few columns of `directions`
    (D, k) and is otherwise at most linear, by a product Gauss-Hermite rule on their span (good for entire functions φ)."""
    basis = torch.linalg.qr(directions)[0]
    node, weight = (torch.from_numpy(v) for v in np.polynomial.hermite_e.hermegauss(order))
    weight = weight / weight.sum()
    k = basis.shape[1]
    nodes = torch.cartesian_prod(*[node] * k).reshape(-1, k)
    weights = torch.cartesian_prod(*[weight] * k).reshape(-1, k).prod(-1)
    return Points(weights, nodes @ basis.T)


def mean(weights: Tensor, values: Tensor) -> Tensor:
    """Σ w·values over the first axis."""
    result: Tensor = torch.tensordot(weights, values, dims=1)
    return result


def time_panels(ends: list[float], order: int = 8) -> list[tuple[float, float]]:
    """(t, weight) of the composite Gauss-Legendre rule between the given times."""
    nodes, weights = panels(torch.tensor(sorted(ends), dtype=torch.float64), order)
    return list(zip(nodes.tolist(), weights.tolist(), strict=True))


__all__ = ["Pairs", "Points", "line", "mean", "normals", "pairs", "panels", "points", "product", "signs", "time_panels"]
