"""Agreements of the evidence bound, and of what it misses."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from concordant.impl import tables, variational
from concordant.impl.batch import f64
from concordant.impl.sde import LinearSDE
from concordant.impl.tables import Latent
from concordant.impl.targets import Reverse
from concordant.impl.variational import evidence_bound
from concordant.proofs_tests.agreement import T1, T5, AtMost, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case, few_on_a_line
from concordant.proofs_tests.quadrature import mean, panels


def log_normal(x: Tensor, centre: Tensor, variance: Tensor) -> Tensor:
    """log N(x; centre, variance) in one dimension, of shape (...) for x of shape (..., 1)."""
    return (-((x - centre) ** 2) / variance - (2 * math.pi * variance).log()).squeeze(-1) / 2


def few(case: Case) -> bool:
    """Few components on a line, where nested integrals stay cheap."""
    return few_on_a_line(case) and case.target.components <= 12


# -------------------------------------------------------------------- the evidence bound
def _latent(case: Case, states: int, seen: int) -> tuple[Latent, list[Tensor]]:
    """A random model, and encoders: random ones, the exact posterior, and the sharpest (all on the likeliest state)."""
    random = case.random(f"latent {states} {seen}")
    model = Latent(tables.random((states,), random), tables.random((states, seen), random, kernel=True))
    sharp = torch.nn.functional.one_hot(model.decoder.argmax(0), states).double()
    encoders = [tables.random((seen, states), random, kernel=True) for _ in range(3)]
    exact = model.prior.unsqueeze(-1) * model.decoder
    return model, [*encoders, (exact / exact.sum(0)).T, sharp]


@agreement(
    "elbo",
    T5,
    because="finite sums",
    bound=1e-12,
    breaks=[
        Break("the divergence added", tables, "kl", lambda f: scaled(f, -1.0)),
        Break("the divergence forgotten", tables, "kl", lambda f: scaled(f, 0.0)),
    ],
)
def bound_on_tables(case: Case) -> Iterator[AtMost]:
    """E_q log p(x|z) - KL(q(z|x) ‖ p(z)) ≤ log Σ_z p(z) p(x|z) on random tables, for random encoders, the exact posterior
    (where both are equal) and the sharpest encoder."""
    for states, seen in ((2, 3), (5, 4), (9, 6)):
        model, encoders = _latent(case, states, seen)
        evidence = model.evidence().log()
        for encoder in encoders:
            yield AtMost(model.elbo(encoder), evidence, evidence.abs(), at=f"{states} x {seen}")
        exact = model.elbo(encoders[3])
        yield AtMost(evidence, exact, evidence.abs(), at=f"{states} x {seen}, exact posterior")


def _encoded(case: Case) -> Iterator[tuple[str, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """On a line: z = x_s, x = x_t, two normal encoders.  Where, nodes' weights, log-likelihood, log-prior, log-encoder,
    log-posterior (by the oracle's reverse kernel), and log p_t(x)."""
    line = case.line()
    s, t = line.times((1.0, -0.5))
    ratio, added = LinearSDE(line.schedule).transition(f64(s), f64(t))
    x = line.sample(t, 3)
    u, lebesgue = panels(torch.linspace(-8.5, 8.5, 35, dtype=torch.float64), 8)
    before, after = line.at(s), line.at(t)
    reverse = after.reverse(x, line.schedule.at(f64(s)))
    centre, spread = reverse.mean(), reverse.covariance()[..., 0].sqrt()
    weights = lebesgue * torch.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    for shift, stretch in ((0.3, 0.8), (-1.0, 1.5)):
        m, deviation = centre + shift * spread, stretch * spread
        z = m + deviation * u[:, None, None]  # (N, 3, 1)
        log_posterior = torch.stack([reverse.log_prob(nodes) for nodes in z])
        terms = log_normal(x, ratio * z, added), before.log_prob(z), log_normal(z, m, deviation**2)
        yield f"shift {shift}, stretch {stretch}", weights, *terms, log_posterior, after.log_prob(x)


@agreement(
    "elbo",
    T5,
    because="an inequality between quadratures good to 1e-9",
    bound=1e-8,
    applies=few,
    breaks=[
        Break(
            "the divergence forgotten",
            variational,
            "evidence_bound",
            lambda f: lambda w, likelihood, prior, encoder: f(w, likelihood, 0 * prior, 0 * encoder),
        ),
    ],
)
def bound_on_a_mixture(case: Case) -> Iterator[AtMost]:
    """The bound on log p_t(x_t) with x_s as the latent variable, the forward transition as decoder and normal encoders."""
    for where, weights, likelihood, prior, encoder, _, evidence in _encoded(case):
        bound = variational.evidence_bound(weights, likelihood, prior, encoder)
        yield AtMost(bound, evidence, evidence.abs() + 1, at=where)


@agreement(
    "elbo-gap-is-inference-error",
    T1,
    because="finite sums",
    breaks=[
        Break("the reverse divergence", tables, "kl", lambda f: lambda p, q: f(q.expand_as(p), p)),
        Break(
            "the prior forgotten in the posterior",
            Latent,
            "posterior",
            lambda f: lambda self: (self.decoder / self.decoder.sum(0)).T,
        ),
    ],
)
def gap_on_tables(case: Case) -> Iterator[Compare]:
    """log p(x) - ELBO(x) = KL(q(z|x) ‖ p(z|x)) on random tables."""
    for states, seen in ((2, 3), (5, 4), (9, 6)):
        model, encoders = _latent(case, states, seen)
        evidence = model.evidence().log()
        for encoder in encoders[:4]:
            gap = evidence - model.elbo(encoder)
            yield Compare(gap, tables.kl(encoder, model.posterior()), evidence.abs() + 1, at=f"{states} x {seen}")


@agreement(
    "elbo-gap-is-inference-error",
    T1,
    because="both sides over the same nodes, closed forms at each",
    bound=1e-9,
    applies=few,
    breaks=[
        Break(
            "the reverse kernel without its variance's shrinkage",
            Reverse,
            "log_prob",
            lambda f: lambda self, x: f(self, 0.99 * x),
        ),
    ],
)
def gap_on_a_mixture(case: Case) -> Iterator[Compare]:
    """log p_t(x_t) - ELBO = KL(q ‖ p(x_s|x_t)) with x_s as the latent variable, the posterior being the oracle's reverse
    kernel."""
    for where, weights, likelihood, prior, encoder, posterior, evidence in _encoded(case):
        gap = evidence - evidence_bound(weights, likelihood, prior, encoder)
        want = mean(weights, encoder - posterior)
        size = evidence.abs() + mean(weights, encoder.abs() + posterior.abs() + likelihood.abs() + prior.abs())
        yield Compare(gap, want, size, at=where)


@agreement(
    "elbo-gap-is-inference-error",
    T1,
    because="closed forms for Gaussians on both sides",
    bound=1e-9,
    breaks=[
        Break(
            "the posterior's covariance 10 % off",
            Reverse,
            "covariance",
            lambda f: lambda self: 1.1 * f(self),
        ),
    ],
)
def gap_of_a_gaussian(case: Case) -> Iterator[Compare]:
    """The same for Gaussian data in all dimensions, with a normal encoder of correlated coordinates: every expectation in
    closed form."""
    case = case.gaussian()
    s, t = case.times((1.0, -0.5))
    d, data = case.target.dimension, case.as_gaussian
    ratio, added = LinearSDE(case.schedule).transition(f64(s), f64(t))
    (alpha, sigma), eye = case.level(s), torch.eye(d, dtype=torch.float64)
    prior = MultivariateNormal(alpha * data.mean, alpha**2 * data.covariance + sigma**2 * eye)
    reverse = case.at(t).reverse(case.sample(t, 1), case.schedule.at(f64(s)))
    x, centre, covariance = reverse.view.x[0], reverse.mean()[0], reverse.covariance()[0]
    random = case.random("encoder")
    square = torch.randn(d, d, generator=random, dtype=torch.float64) / math.sqrt(d)
    size = covariance.diagonal().mean()
    encoder = MultivariateNormal(centre + size.sqrt() * square[0], 0.5 * covariance + size * square @ square.T / 2)
    off = x - ratio * encoder.mean
    likelihood = -(off @ off + ratio**2 * encoder.covariance_matrix.diagonal().sum()) / added / 2
    likelihood = likelihood - d * (2 * math.pi * added).log() / 2
    bound = likelihood - kl_divergence(encoder, prior)
    evidence, gap = case.at(t).log_prob(x), kl_divergence(encoder, MultivariateNormal(centre, covariance))
    yield Compare(evidence - bound, gap, evidence.abs() + likelihood.abs() + gap + d)
