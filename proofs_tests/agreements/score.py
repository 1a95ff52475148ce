"""Agreements of the score-based view: Tweedie, score matching and its constants, Langevin's bias."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, score
from concordant.impl.batch import norm
from concordant.impl.schedules import VarianceExploding
from concordant.impl.score import NCSN
from concordant.impl.targets import marginal
from concordant.proofs_tests.affine import Affine, affine
from concordant.proofs_tests.agreement import T1, T2, T4, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.case import Case, few_components, spread
from concordant.proofs_tests.evolution import posterior_variance
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference


@agreement(
    "tweedie",
    T1,
    because="a closed form against automatic differentiation",
    float32=True,
    breaks=[
        Break(
            "the shrinkage α² e/v in place of α e/v",
            marginal.View,
            "gain",
            lambda f: lambda self, kind: (f(self, kind)[0], self.level.alpha * f(self, kind)[1]),
        ),
    ],
)
def posterior_mean_from_the_score(case: Case) -> Iterator[Compare]:
    """α E[x_0|x_t] = x_t + σ² ∇log p_t, the mean by the oracle and the score by differentiating a textbook density."""
    for t in case.times():
        x, (alpha, sigma) = case.sample(t, 4), case.level(t)
        left = alpha * case.at(t).x0(x)
        step = sigma**2 * Reference(case.target, alpha, sigma).score(x)
        yield Compare(left, x + step, (norm(x) + norm(step)).unsqueeze(-1), at=f"t = {t:.4g}")


@agreement(
    "tweedie-second-order",
    T1,
    because="a closed form against automatic differentiation, twice",
    float32=True,
    breaks=[
        Break("the spread between components forgotten", marginal.View, "between", lambda f: scaled(f, 0.0)),
    ],
)
def posterior_covariance_from_the_hessian(case: Case) -> Iterator[Compare]:
    """α² Cov[x_0|x_t] = σ² I + σ⁴ ∇² log p_t, the covariance by the oracle and the Hessian by differentiating twice."""
    for t in case.times():
        x, (alpha, sigma) = case.sample(t, 2), case.level(t)
        left = alpha**2 * case.at(t).covariance(x)
        bend = sigma**4 * Reference(case.target, alpha, sigma).hessian(x)
        eye = sigma**2 * torch.eye(x.shape[-1], dtype=torch.float64)
        size = sigma**2 + torch.linalg.matrix_norm(bend, 2)
        yield Compare(left, eye + bend, size[:, None, None], at=f"t = {t:.4g}")


def _at_one_level(case: Case, t: float) -> tuple[Case, NCSN]:
    """The case at the scale of NCSN, and NCSN with that one level."""
    twin = case.under(VarianceExploding(case.schedule))
    return twin, NCSN.from_schedule(twin.schedule, [t])


@agreement(
    "denoising-score-matching",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break(
            "the sign of the target",
            NCSN,
            "dsm_loss",
            lambda f: (
                lambda self, m, x0, z, level: (
                    f(self, m, x0, z, level)
                    - 2 * (self.score(m, self.perturb(x0, z, level), level) * z / self.sigma(level)).sum(-1)
                )
            ),
        ),
        Break(
            "σ² in place of σ in the target",
            NCSN,
            "dsm_loss",
            lambda f: (
                lambda self, m, x0, z, level: (
                    (self.score(m, self.perturb(x0, z, level), level) + z / self.sigma(level) ** 2).square().sum(-1) / 2
                )
            ),
        ),
    ],
)
def explicit_and_denoising_losses(case: Case) -> Iterator[Compare]:
    """E[explicit loss] - E[denoising loss] = -½ E tr Cov[∇log q(x̃|x_0) | x̃] = -½ E tr Cov[x_0 | x̃]/σ⁴, the same for every
    field."""
    case = case.reduced()
    for t in case.times((1.5, -0.5)):
        twin, ncsn = _at_one_level(case, t)
        sigma, points, pairs = float(ncsn.sigmas[0]), twin.points(t), twin.pairs(t)
        p = twin.at(t)
        spread = mean(points.weights, posterior_variance(p, points.x))
        true = p.score(points.x)
        for index in range(3):
            model = twin.wrong("score", index, scale=1 / sigma)
            esm = mean(points.weights, ncsn.esm_loss(model, points.x, true, 1))
            dsm = mean(pairs.weights, ncsn.dsm_loss(model, pairs.x0, pairs.noise, 1))
            yield Compare(esm - dsm, -spread / (2 * sigma**4), esm + dsm, at=f"t = {t:.4g}, field {index}")


@agreement(
    "implicit-score-matching",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=lambda case: case.reduced().target.dimension <= 5,  # a backward pass a dimension
    breaks=[
        Break("a ½ before the divergence", calculus, "divergence", lambda f: scaled(f, 0.5)),
        Break("the sign of the divergence", calculus, "divergence", lambda f: scaled(f, -1.0)),
    ],
)
def explicit_and_implicit_losses(case: Case) -> Iterator[Compare]:
    """E[explicit loss] - E[∇·s + ½|s|²] = ½ E|∇log p|², the same for every field."""
    case = case.reduced()
    for t in case.times((1.5, -0.5)):
        twin, ncsn = _at_one_level(case, t)
        weights, x = twin.points(t)
        true = twin.at(t).score(x)
        want = mean(weights, true.square().sum(-1)) / 2
        for index in range(3):
            model = twin.wrong("score", index, scale=1 / float(ncsn.sigmas[0]))
            esm = mean(weights, ncsn.esm_loss(model, x, true, 1))
            ism = ncsn.ism_loss(model, x, 1)
            yield Compare(
                esm - mean(weights, ism), want, esm + mean(weights, ism.abs()), at=f"t = {t:.4g}, field {index}"
            )


def _langevin(case: Case, eta: float) -> tuple[Affine, Tensor]:
    """The Langevin step at data of isotropic Gaussian law, as the affine map that it is, and the law's variance."""
    gaussian = case.gaussian().target
    variance = gaussian.covariance.diagonal().mean()

    def step(x: Tensor, z: Tensor) -> Tensor:
        return score.langevin_step(x, -(x - gaussian.mean) / variance, eta * float(variance), z)

    return affine(step, gaussian.dimension), variance


@agreement(
    "langevin-bias",
    T1,
    because="the fixed point of an exact affine recursion",
    applies=spread,
    breaks=[
        Break(
            "the noise's √2 forgotten", score, "langevin_step", lambda f: lambda x, s, eta, z: f(x, s, eta, z / 2**0.5)
        ),
    ],
)
def stationary_variance_of_langevin(case: Case) -> Iterator[Compare]:
    """On Gaussian data of variance c² the Langevin recursion with step η settles at the variance c²/(1 - η/(2c²))."""
    for eta in (0.01, 0.3, 1.2):
        step, variance = _langevin(case, eta)
        yield Compare(step.stationary_covariance().diagonal(), variance / (1 - eta / 2), variance, at=f"η = {eta} c²")


@agreement(
    "langevin-bias",
    T4,
    because="exact recursion of moments, no sampling",
    applies=spread,
    breaks=[
        Break("noise 1 % too small", score, "langevin_step", lambda f: lambda x, s, eta, z: f(x, s, eta, 0.99 * z)),
    ],
)
def order_of_langevin(case: Case) -> Iterator[Order]:
    """The stationary variance is off by O(η)."""
    steps = [32, 64, 128, 256]
    errors = []
    for n in steps:
        step, variance = _langevin(case, 1 / n)
        errors.append(float((step.stationary_covariance().diagonal() - variance).abs().max() / variance))
    yield Order(steps, errors, expected=1.0)
