"""Gaussian mixtures: the targets on which everything is exactly known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import checks
from concordant.impl.batch import generator, normal_like
from concordant.impl.checks import Array
from concordant.impl.predictions import Kind, Predictor
from concordant.impl.schedules import Level, Schedule
from concordant.impl.targets.marginal import Marginal


@dataclass(frozen=True)
class Product:
    """How a mixture splits, in rotated coordinates, into a core of few dimensions and an independent Gaussian.

    x = U y + W z with [U W] orthogonal, y ~ core (a mixture), z ~ N(rest_mean, diag(rest_variances)).  The split
    survives the noise, which is isotropic, so that quadrature over y is exact in any dimension.
    """

    core: GaussianMixture
    u: Tensor  # (D, d)
    w: Tensor  # (D, D - d)
    rest_mean: Tensor  # (D - d,)
    rest_variances: Tensor  # (D - d,)


class GaussianMixture:
    """p_0 = Σ_k w_k N(m_k, C_k), with isotropic, diagonal or full covariances and optional labels.

    Arguments
    - `weights` (K,): not negative, summing to 1.
    - `means` (K, D).
    - `covariances`: () or (K,) isotropic variances, (K, D) diagonal variances, or (K, D, D) symmetric matrices.
      Semidefinite is allowed: a component without width in some direction is a Dirac there, and what is infinite at
      σ = 0 then raises `BadInput`.  Eigenvalues that rounding alone makes negative (at most 64 D units in the
      last place of the largest) count as zero.
    - `labels` (K,) integers: the class that each component belongs to; several may share one.

    `at(schedule, t)` gives the law of x_t with its density, score, denoiser and all else: see `Marginal`.  Parameters are
    kept in float64 (float32 where given so), eigenvectors computed once.

    >>> import concordant as cd
    >>> mixture = cd.GaussianMixture([0.3, 0.7], [[-2.0], [1.0]], [0.5, 0.1])
    >>> p = mixture.at(cd.schedule("flow-matching"), 0.5)
    >>> p.score(torch.zeros(1, dtype=torch.float64))
    tensor([1.2250], dtype=torch.float64)
    """

    def __init__(self, weights: Array, means: Array, covariances: Array, labels: Array | None = None) -> None:
        means = checks.real("means", means, (None, None))
        if 0 in means.shape:
            raise BadInput(f"means must have shape (K, D) with K, D at least 1: it has {tuple(means.shape)}")
        components, dimension = means.shape
        weights = checks.probabilities("weights", weights, components)
        spectrum, basis = _factor(checks.real("covariances", covariances), components, dimension)
        self._set(weights, means, spectrum, basis, None if labels is None else _labels(labels, components))

    def _set(
        self, weights: Tensor, means: Tensor, spectrum: Tensor, basis: Tensor | None, labels: Tensor | None
    ) -> None:
        """Take parameters that are known to be good: weights (K,), spectrum (K, 1 or D), basis (K, D, D) or None."""
        self.components, self.dimension = means.shape
        self.means, self.weights, self.spectrum = means, weights.to(means), spectrum.to(means)
        self.basis = None if basis is None else basis.to(means)
        self.labels = None if labels is None else labels.to(means.device)
        self.product: Product | None = None
        self._copies: dict[tuple[torch.dtype, torch.device], GaussianMixture] = {}

    @staticmethod
    def _of(*parameters: Any) -> GaussianMixture:
        """A mixture of such parameters, without looking at them again."""
        made = object.__new__(GaussianMixture)
        made._set(*parameters)
        return made

    @cached_property
    def log_weights(self) -> Tensor:
        return self.weights.log()

    @cached_property
    def centre(self) -> Tensor:
        """Σ w_k m_k, the mean (D,)."""
        return self.weights @ self.means

    @property
    def covariance_type(self) -> str:
        if self.basis is not None:
            return "full"
        return "isotropic" if self.spectrum.shape[-1] == 1 else "diagonal"

    @cached_property
    def covariances(self) -> Tensor:
        """C_k as matrices, (K, D, D)."""
        full = self.spectrum.expand(-1, self.dimension)
        return torch.diag_embed(full) if self.basis is None else (self.basis * full.unsqueeze(1)) @ self.basis.mT

    @property
    def mean(self) -> Tensor:
        """E[x_0], (D,)."""
        return self.centre

    @cached_property
    def covariance(self) -> Tensor:
        """Cov[x_0], (D, D)."""
        offsets = self.means - self.centre
        within = torch.einsum("k,kij->ij", self.weights, self.covariances)
        return within + torch.einsum("k,ki,kj->ij", self.weights, offsets, offsets)

    @property
    def has_density(self) -> bool:
        """Whether p_0 has a density: every component of positive weight has width in every direction."""
        return bool((self.spectrum[self.weights > 0] > 0).all())

    def to(self, like: Tensor) -> GaussianMixture:
        """The same mixture in the floating-point type and on the device of `like`."""
        if like.dtype == self.means.dtype and like.device == self.means.device:
            return self
        key = (like.dtype, like.device)
        if key not in self._copies:
            parameters = (self.weights, self.means.to(like), self.spectrum, self.basis, self.labels)
            self._copies[key] = self._of(*parameters)
        return self._copies[key]

    def at(self, schedule: Schedule, t: Tensor | float) -> Marginal:
        """p_t, the law of x_t = α_t x_0 + σ_t ε.  t is one number, or one for each point that will be asked about."""
        return Marginal(self, schedule.at(t))

    def at_level(self, alpha: Array, sigma: Array) -> Marginal:
        """The law of α x_0 + σ ε at a bare noise level, without a schedule; velocities, which need one, are refused."""
        alpha, sigma = checks.real("alpha", alpha), checks.real("sigma", sigma)
        for name, value in (("alpha", alpha), ("sigma", sigma)):
            if bool((value < 0).any()):
                raise BadInput(f"{name} must not be negative: it is {float(value.min()):g}")
        unknown = torch.full_like(alpha, math.nan)
        return Marginal(self, Level(alpha, sigma, unknown, unknown, unknown))

    def predictor(self, schedule: Schedule, kind: Kind = "x0") -> Predictor:
        """The exact prediction of a kind, to put where a network goes."""
        return lambda x, t: self.at(schedule, t).predict(x, kind)

    def log_given(self, label: int | Tensor) -> Tensor:
        """log P(k | label)/w_k: -inf for components without the label, else -log P(label).  Shape (K, 1) or (K, B)."""
        if self.labels is None:
            raise BadInput("label was given, but this target has no labels")
        wanted = torch.as_tensor(label, device=self.labels.device).reshape(1, -1)
        bears = self.labels.unsqueeze(-1) == wanted
        mass = (self.weights.unsqueeze(-1) * bears).sum(0)
        if bool((mass <= 0).any()):
            missing = int(wanted.flatten()[mass <= 0][0])
            raise BadInput(f"label must be one of {sorted(set(self.labels.tolist()))}: it is {missing}")
        return torch.where(bears, -mass.log(), -math.inf)

    def select(self, keep: Sequence[int] | Tensor) -> GaussianMixture:
        """The mixture of some of the components, in that order, weights normalised."""
        index = torch.as_tensor(keep, device=self.means.device)
        weights = self.weights[index]
        rest = (None if v is None else v[index] for v in (self.means, self.spectrum, self.basis, self.labels))
        return self._of(weights / weights.sum(), *rest)

    def only(self, k: int) -> GaussianMixture:
        """Component k alone."""
        return self.select([k])

    def given(self, label: int) -> GaussianMixture:
        """The law of x_0 given its label."""
        self.log_given(label)
        assert self.labels is not None
        return self.select((self.labels == label).nonzero().flatten())

    def project(self, u: Array) -> GaussianMixture:
        """The law of Uᵀ x_0 for U (D, d) with orthonormal columns, again a mixture, with noise again isotropic."""
        u = checks.real("u", u, (self.dimension, None)).to(self.means)
        if not torch.allclose(u.T @ u, torch.eye(u.shape[1]).to(u), atol=1e-6):
            raise BadInput("u must have orthonormal columns")
        if self.covariance_type == "isotropic":
            covariances = self.spectrum[:, 0]
        else:
            covariances = torch.einsum("di,kde,ej->kij", u, self.covariances, u)
            covariances = (covariances + covariances.mT) / 2
            covariances = covariances[:, 0, 0].clamp_min(0) if u.shape[1] == 1 else covariances
        return GaussianMixture(self.weights, self.means @ u, covariances, self.labels)

    def matched(self) -> Gaussian:
        """The Gaussian with the same mean and covariance."""
        return Gaussian(self.mean, self.covariance)

    def sample(self, n: int, seed: int | torch.Generator | None = None) -> Tensor:
        """n independent samples of x_0, of shape (n, D)."""
        return self.sample_with_components(n, seed)[0]

    def sample_with_components(self, n: int, seed: int | torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n independent samples (n, D) with the component that each came from (n,)."""
        if n < 0:
            raise BadInput(f"n must not be negative: it is {n}")
        random = generator(seed, self.means.device)
        k = torch.multinomial(self.weights, n, replacement=True, generator=random) if n else torch.zeros(0).long()
        noise = torch.randn((n, self.dimension), generator=random, dtype=self.means.dtype, device=self.means.device)
        x = self.spectrum[k].sqrt() * noise
        if self.basis is not None:
            for j in range(self.components):
                x[k == j] = x[k == j] @ self.basis[j].T
        return self.means[k] + x, k

    def sample_path(
        self, schedule: Schedule, times: Array, n: int, seed: int | torch.Generator | None = None
    ) -> Tensor:
        """n sample paths of the forward process at rising times, by its exact transitions; shape (times, n, D)."""
        times = schedule.check(checks.real("times", times, (None,)))
        if not len(times) or bool((times.diff() <= 0).any()):
            raise BadInput("times must hold at least one time, and rise")
        random = generator(seed, self.means.device)
        x, alpha = self.sample(n, random), schedule.alpha(times)
        ratio = torch.cat([alpha[:1], alpha[1:] / alpha[:-1]]).to(x)
        added = torch.cat([schedule.sigma(times[:1]) ** 2, schedule.added_variance(times[:-1], times[1:])])
        path = []
        for gain, width in zip(ratio, added.sqrt().to(x), strict=True):
            x = gain * x + width * normal_like(x, random)
            path.append(x)
        return torch.stack(path)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(components={self.components}, dimension={self.dimension}, "
            f"covariance={self.covariance_type!r})"
        )


class Gaussian(GaussianMixture):
    """N(m, C): one component, where even the flow map is closed.

    `covariance` is a variance, a vector (D,) of variances or a matrix (D, D).
    """

    def __init__(self, mean: Array, covariance: Array) -> None:
        mean = checks.real("mean", mean, (None,))
        covariance = checks.real("covariance", covariance)
        if covariance.ndim > 2:
            raise BadInput(f"covariance must have shape (), (D,) or (D, D): it has {tuple(covariance.shape)}")
        super().__init__([1.0], mean.unsqueeze(0), covariance.unsqueeze(0))

    def flow(self, schedule: Schedule, x: Tensor, s: Tensor | float, t: Tensor | float) -> Tensor:
        """The probability flow's map from time s to t:  Ψ(x) = α_t m + Q √(v_t/v_s) Qᵀ (x - α_s m).

        Raises `BadInput` where V_s is singular.
        """
        checks.points(x, self.dimension)
        at_s, at_t = schedule.at(s).to(x), schedule.at(t).to(x)
        here = self.to(x)
        v_s, v_t = (n.alpha**2 * here.spectrum[0] + n.sigma**2 for n in (at_s, at_t))
        if bool((v_s <= 0).any()):
            raise BadInput("s must have sigma > 0: at sigma = 0 this Gaussian has directions without width")
        d = x - at_s.alpha * here.means[0]
        q = None if here.basis is None else here.basis[0]
        d = (v_t / v_s).sqrt() * (d if q is None else d @ q)
        return at_t.alpha * here.means[0] + (d if q is None else d @ q.T)


def _factor(c: Tensor, components: int, dimension: int) -> tuple[Tensor, Tensor | None]:
    """Covariances of any of the three kinds as (spectrum (K, 1 or D), basis (K, D, D) or None)."""
    basis = None
    if c.ndim == 0:
        spectrum = c.expand(components, 1)
    elif c.shape == (components,):
        spectrum = c.unsqueeze(-1)
    elif c.shape == (components, dimension):
        spectrum = c
    elif c.shape == (components, dimension, dimension):
        scale = c.abs().amax((-1, -2), keepdim=True)
        if bool(((c - c.mT).abs() > 1e-8 * scale).any()):
            raise BadInput(
                "covariances must be symmetric: C and its transpose differ by more than 1e-8 of its largest entry"
            )
        spectrum, basis = torch.linalg.eigh((c.double() + c.double().mT) / 2)
        rounding = 64 * torch.finfo(c.dtype).eps * dimension * spectrum.abs().amax(-1, keepdim=True)
        spectrum = torch.where((spectrum < 0) & (spectrum >= -rounding), 0.0, spectrum)
    else:
        raise BadInput(
            f"covariances must have shape (), ({components},), ({components}, {dimension}) or "
            f"({components}, {dimension}, {dimension}): it has {tuple(c.shape)}"
        )
    if bool((spectrum < 0).any()):
        raise BadInput(f"covariances must be positive semidefinite: one has the eigenvalue {float(spectrum.min()):g}")
    return spectrum, basis


def _labels(labels: Array, components: int) -> Tensor:
    values = checks.real("labels", labels, (components,))
    if bool((values != values.round()).any()):
        raise BadInput("labels must be integers")
    return values.long()
