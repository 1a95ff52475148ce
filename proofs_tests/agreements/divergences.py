"""Agreements of the divergences: least forward divergence, greatest likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from concordant.impl import divergences, tables
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case, few_on_a_line
from concordant.proofs_tests.quadrature import mean


def _moments(case: Case, t: float) -> tuple[Tensor, Tensor]:
    """Mean (D,) and covariance (D, D) of x_t."""
    alpha, sigma = case.level(t)
    eye = torch.eye(case.target.dimension, dtype=torch.float64)
    return alpha * case.target.mean, alpha**2 * case.target.covariance + sigma**2 * eye


#: Gaussians that are compared with p_t: how far their means are off, in deviations, and by what factor their covariances.
OTHERS = ((0.0, 1.0), (0.6, 1.7), (-0.3, 0.9))

LIKELIHOOD_BREAKS = [
    Break(
        "log det c without its ½",
        divergences,
        "expected_log_normal",
        lambda f: lambda mean, cov, m, c: f(mean, cov, m, c) - torch.logdet(c) / 2,
    ),
    Break(
        "the covariance of p forgotten",
        divergences,
        "expected_log_normal",
        lambda f: lambda mean, cov, m, c: f(mean, 0 * cov, m, c),
    ),
]


@agreement(
    "forward-kl-is-maximum-likelihood",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_on_a_line,
    breaks=[
        Break("log(q/p) for log(p/q)", divergences, "kl_generator", lambda f: lambda r: f(-r)),
        *LIKELIHOOD_BREAKS,
    ],
)
def divergence_and_likelihood(case: Case) -> Iterator[Compare]:
    """KL(p_t ‖ N(m, c)), as the average over N(m, c) of φ(p/q) with φ(u) = u log u - u + 1, is E_p[log p] - E_p[log N(m, c)],
    whose second term is known from the moments of p_t; in one dimension, for several m and c."""
    line = case.line()
    for t in line.times((1.5, -0.5)):
        alpha, sigma = line.level(t)
        centre, variance = _moments(line, t)
        weights, x = line.points(t)
        entropy = mean(weights, line.at(t).log_prob(x))
        width = (alpha**2 * line.target.spectrum[:, 0] + sigma**2).sqrt()
        for shift, stretch in OTHERS:
            m, c = centre + shift * variance[0].sqrt(), stretch * variance
            centres, reach = torch.cat([alpha * line.target.means[:, 0], m]), torch.cat([width, c[0].sqrt()])
            nodes, lebesgue = quadrature.line(centres, reach)
            log_q = MultivariateNormal(m, c).log_prob(nodes[:, None])
            log_ratio = line.at(t).log_prob(nodes[:, None]) - log_q
            kl = (lebesgue * log_q.exp() * divergences.kl_generator(log_ratio)).sum()
            likelihood = divergences.expected_log_normal(centre, variance, m, c)
            size = entropy.abs() + likelihood.abs() + 1
            yield Compare(kl, entropy - likelihood, size, at=f"t = {t:.4g}, shift {shift}, stretch {stretch}")


@agreement(
    "forward-kl-is-maximum-likelihood",
    T2,
    because="quadrature in closed expressions, exact for these",
    bound=1e-9,
    breaks=LIKELIHOOD_BREAKS,
)
def best_gaussian(case: Case) -> Iterator[Compare]:
    """Among Gaussians, the expected log-likelihood is greatest, and so the divergence least, at the moments of p_t: another
    one loses KL(N(moments) ‖ N(m, c)) of both."""
    case = case.reduced()
    for t in case.times((1.5, -0.5)):
        weights, x = case.points(t)
        centre, covariance = _moments(case, t)
        best = MultivariateNormal(centre, covariance)
        direction = torch.randn(len(centre), generator=case.random("direction"), dtype=torch.float64)
        for shift, stretch in OTHERS[1:]:
            m = centre + shift * torch.linalg.cholesky(covariance) @ direction / math.sqrt(len(centre))
            c = stretch * covariance + 0.1 * covariance.diagonal().mean() * torch.eye(len(centre)).double()
            other = MultivariateNormal(m, c)
            lost = mean(weights, best.log_prob(x) - other.log_prob(x))
            got = [divergences.expected_log_normal(centre, covariance, *q) for q in ((centre, covariance), (m, c))]
            want = kl_divergence(best, other)
            size = want + got[0].abs() + got[1].abs() + len(centre)
            yield Compare(lost, want, size, at=f"t = {t:.4g}, quadrature")
            yield Compare(got[0] - got[1], want, size, at=f"t = {t:.4g}, closed form")


@agreement(
    "forward-kl-is-maximum-likelihood",
    T1,
    because="finite sums; one side by automatic differentiation",
    breaks=[
        Break("the reverse divergence", tables, "kl", lambda f: lambda p, q: f(q, p)),
        Break("twice the divergence", tables, "kl", lambda f: scaled(f, 2.0)),
    ],
)
def gradients_on_tables(case: Case) -> Iterator[Compare]:
    """For a family p_φ ∝ exp(φ·T) on a finite set, ∇_φ KL(p ‖ p_φ) is -∇_φ E_p[log p_φ] = E_φ[T] - E_p[T]."""
    random = case.random("table")
    for states in (3, 8):
        p = tables.random((states,), random)
        features = torch.randn(4, states, generator=random, dtype=torch.float64)
        phi = torch.randn(4, generator=random, dtype=torch.float64).requires_grad_()
        (slope,) = torch.autograd.grad(tables.kl(p, torch.softmax(phi @ features, 0)), phi)
        model = torch.softmax(phi.detach() @ features, 0)
        yield Compare(slope, features @ model - features @ p, features.abs().sum(1), at=f"{states} states")
