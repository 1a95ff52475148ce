"""The built-in targets: small mixtures, each chosen to expose an error that others hide.

A single Gaussian or a standard normal forgives nearly everything: a wrong factor that cancels, a swapped α and σ, a score
that is right on average.  These don't.  Numbers are fixed or drawn from a fixed seed, so that a name always means the
same law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from concordant.errors import unknown
from concordant.impl.targets.dataset import FiniteDataset
from concordant.impl.targets.files import fit
from concordant.impl.targets.mixture import Gaussian, GaussianMixture, Product


@dataclass(frozen=True)
class Named:
    """A built-in target: what makes it, and which error it is there to expose."""

    make: Callable[[], GaussianMixture]
    exposes: str


def _tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(dimension: int, seed: int) -> Tensor:
    """A fixed orthogonal matrix, Haar distributed over seeds."""
    q, r = torch.linalg.qr(_random(dimension, dimension, seed=seed))
    fixed: Tensor = q * r.diagonal().sign()
    return fixed


def rotated_product(core: GaussianMixture, rest_mean: Tensor, rest_variances: Tensor, seed: int) -> GaussianMixture:
    """The law of U y + W z for y ~ core and z ~ N(rest_mean, diag(rest_variances)), [U W] a fixed rotation.

    No coordinate of the result is independent of another, yet expectations reduce to the core's few dimensions.
    """
    d = core.dimension
    q = rotation(d + len(rest_mean), seed)
    u, w = q[:, :d], q[:, d:]
    covariances = u @ core.covariances @ u.T + (w * rest_variances) @ w.T
    covariances = (covariances + covariances.mT) / 2
    mixture = GaussianMixture(core.weights, core.means @ u.T + w @ rest_mean, covariances, core.labels)
    mixture.product = Product(core, u, w, rest_mean, rest_variances)
    return mixture


def _ring(components: int, radius: float, variance: float) -> GaussianMixture:
    angle = torch.arange(components, dtype=torch.float64) * (2 * math.pi / components) + 0.3
    means = radius * torch.stack([angle.cos(), angle.sin()], -1)
    return GaussianMixture(torch.full((components,), 1 / components), means, variance)


def _anisotropic() -> GaussianMixture:
    q = torch.stack([rotation(2, seed) for seed in (1, 2, 3)])
    spectrum = _tensor([[2.0, 0.02], [0.5, 0.1], [0.04, 1.0]])
    covariances = (q * spectrum.unsqueeze(1)) @ q.mT
    means = _tensor([[-1.0, 0.5], [1.5, 1.0], [0.3, -1.7]])
    return GaussianMixture([0.5, 0.3, 0.2], means, (covariances + covariances.mT) / 2)


def _grid() -> GaussianMixture:
    side = _tensor([-2.0, 0.0, 2.0])
    weights = _tensor([4.0, 1.0, 2.0, 3.0, 5.0, 1.0, 2.0, 2.0, 4.0])
    means = torch.cartesian_prod(side, side)
    variances = _tensor([[0.1, 0.3], [0.2, 0.2], [0.3, 0.1]]).repeat(3, 1)
    return GaussianMixture(weights / weights.sum(), means, variances, labels=torch.arange(9) // 3)


def _thin() -> GaussianMixture:
    """Two components of rank 2 and one of rank 5, in five dimensions."""
    factors = _random(3, 5, 2, seed=11)
    covariances = factors @ factors.mT / 2
    covariances[2] += 0.3 * torch.eye(5, dtype=torch.float64)
    return GaussianMixture([0.4, 0.4, 0.2], _random(3, 5, seed=12), covariances, labels=[0, 0, 1])


def _five() -> GaussianMixture:
    core = GaussianMixture(
        [0.45, 0.35, 0.2],
        _tensor([[-1.5, 0.0], [1.0, 1.0], [0.8, -1.6]]),
        _tensor([[0.3, 0.1], [0.15, 0.4], [0.2, 0.2]]),
    )
    return rotated_product(core, _tensor([0.5, -1.0, 0.0]), _tensor([0.2, 1.5, 0.7]), seed=5)


def _sixty_four() -> GaussianMixture:
    core = GaussianMixture([0.2, 0.5, 0.3], _tensor([[-2.0], [0.3], [1.9]]), _tensor([0.15, 0.4, 0.05]))
    return rotated_product(core, _random(63, seed=64) / 4, torch.logspace(0.5, -1.5, 63, dtype=torch.float64), seed=65)


def _crowd() -> GaussianMixture:
    """Forty components in 64 dimensions, none aligned with another: nothing reduces."""
    weights = torch.softmax(1.5 * _random(40, seed=20), 0)
    return GaussianMixture(weights, 0.5 * _random(40, 64, seed=21), 0.05 + _random(40, seed=22) ** 2 / 4)


def _digits_table() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return torch.tensor(digits.data / 8 - 1, dtype=torch.float64), torch.tensor(digits.target)


def _digits_data() -> FiniteDataset:
    points, labels = _digits_table()
    return FiniteDataset(points, labels=labels)


NAMED: dict[str, Named] = {
    "well-separated": Named(
        lambda: GaussianMixture([0.3, 0.45, 0.25], _tensor([[-6.0], [0.5], [5.0]]), _tensor([0.3, 0.1, 0.2])),
        "modes that no sampler may mix; log-sum-exp that underflows",
    ),
    "nearly-equal": Named(
        lambda: GaussianMixture([0.2, 0.3, 0.5], _tensor([[1.0], [1.001], [0.9995]]), _tensor([0.5, 0.5001, 0.4998])),
        "cancellation between components that all but coincide",
    ),
    "unequal": Named(
        lambda: GaussianMixture([0.9, 0.09, 0.01], _tensor([[0.0], [1.5], [-2.5]]), _tensor([1.0, 0.01, 0.2])),
        "weights and widths treated as equal; Gauss-Hermite quadrature",
    ),
    "off-centre": Named(
        lambda: GaussianMixture([0.6, 0.4], _tensor([[40.0, -25.0], [41.5, -24.0]]), _tensor([0.5, 0.8])),
        "a forgotten mean; a prior taken for the marginal; lost digits",
    ),
    "anisotropic": Named(_anisotropic, "covariances taken for isotropic, diagonal or transposed"),
    "ring": Named(lambda: _ring(8, 3.0, 0.08), "a score that is right on average only; symmetric modes"),
    "grid": Named(_grid, "swapped coordinates; unequal weights on equal places; labels"),
    "dirac": Named(lambda: Gaussian(_tensor([1.5, -0.5]), 0.0), "what is infinite at sigma = 0; exactness of one step"),
    "thin": Named(_thin, "singular covariances: no density at sigma = 0, and factorisations that fail"),
    "gaussian-5": Named(
        lambda: Gaussian(_random(5, seed=31), _random(5, 7, seed=32) @ _random(5, 7, seed=32).T / 7),
        "flow maps and moments, all closed, in coordinates that all depend on each other",
    ),
    "five": Named(_five, "formulas true in one dimension only, or up to three"),
    "sixty-four": Named(_sixty_four, "a wrong power of the dimension; a trace taken for a mean"),
    "crowd-64": Named(_crowd, "everything at once: many components, many dimensions, unequal widths and weights"),
    "digits": Named(
        lambda: fit(_digits_table()[0], 10, name="digits"), "real data: a mixture fitted to 1797 images of 8 x 8 pixels"
    ),
    "digits-data": Named(_digits_data, "real data: the images themselves, a softmax over 1797 Diracs"),
}


@cache
def target(name: str) -> GaussianMixture:
    """The built-in target of that name.

    >>> target("ring")
    GaussianMixture(components=8, dimension=2, covariance='isotropic')
    """
    if name not in NAMED:
        raise unknown("target", name, NAMED)
    return NAMED[name].make()
