"""Agreements of reverse kernels and of the chain's bound, term by term."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from concordant.impl import tables, variational
from concordant.impl.batch import f64, norm
from concordant.impl.predictions import Predictor
from concordant.impl.tables import Chain
from concordant.impl.variational import DDPM
from concordant.proofs_tests.affine import affine
from concordant.proofs_tests.agreement import T1, T2, AtMost, Break, Compare, agreement, scaled
from concordant.proofs_tests.agreements.evidence import few, log_normal
from concordant.proofs_tests.agreements.variational import chain
from concordant.proofs_tests.case import Case, few_on_a_line
from concordant.proofs_tests.quadrature import mean, normals, panels, signs


# -------------------------------------------------------------------- reverse kernels
def _chain(case: Case, states: int, steps: int) -> tuple[Chain, Tensor, Tensor]:
    """A random chain, a prior for its last state, and models of its reverse steps (steps, S, S)."""
    random = case.random(f"chain {states} {steps}")
    forward = Chain(tables.random((states,), random), tables.random((steps, states, states), random, kernel=True))
    prior = tables.random((states,), random)
    return forward, prior, tables.random((steps, states, states), random, kernel=True)


CHAIN_BREAKS = [
    Break("the reverse divergence", tables, "kl", lambda f: lambda p, q: f(q.expand_as(p), p)),
    Break(
        "the posterior taken for the reverse kernel's mean over x_0",
        Chain,
        "posterior",
        lambda f: lambda self, i: self.reverse(i).expand(len(self.start), -1, -1),
    ),
]


@agreement(
    "marginal-and-conditional-kl",
    T1,
    because="finite sums",
    breaks=[
        *CHAIN_BREAKS,
        Break("the information without conditioning", tables, "conditional_information", lambda f: scaled(f, 1.01)),
    ],
)
def divergences_of_a_chain(case: Case) -> Iterator[Compare]:
    """E KL(q(x_{i-1}|x_i) ‖ p) - E KL(q(x_{i-1}|x_i, x_0) ‖ p) = -I(x_{i-1}; x_0 | x_i) on random chains, for several p."""
    for states in (2, 5):
        forward, _, models = _chain(case, states, 4)
        for i in (1, 2, 4):
            information = tables.conditional_information(forward.triple(i))
            for model in models[:3]:
                left, right = forward.marginal_kl(i, model), forward.start @ forward.conditional_kl(i, model)
                yield Compare(left - right, -information, left + right, at=f"{states} states, i = {i}")


def _step(case: Case, i: int = 5) -> tuple[Case, DDPM, tuple[float, float], Predictor]:
    """The case at the scale of DDPM, a chain of eight steps, the times around step i, and a wrong prediction."""
    twin, ddpm = chain(case, 8, lam=-1.0)
    return twin, ddpm, (float(ddpm.times[i - 2]), float(ddpm.times[i - 1])), twin.wrong("x0", 0)


@agreement(
    "marginal-and-conditional-kl",
    T2,
    because="nested quadrature, 1e-9 here",
    bound=1e-8,
    applies=few,
    breaks=[
        Break(
            "β for β̃ in the posterior",
            DDPM,
            "posterior",
            lambda f: lambda self, x, x0, i: (f(self, x, x0, i)[0], self.beta[i - 1]),
        ),
        Break("twice the divergence", variational, "gaussian_kl", lambda f: scaled(f, 2.0)),
    ],
)
def divergences_on_a_mixture(case: Case) -> Iterator[Compare]:
    """The same for a step of DDPM on a mixture in one dimension, p normal around a wrong mean: the reverse kernel by the
    oracle, and the information as a difference, I(x_{i-1}; x_0) - I(x_i; x_0), of entropies less those of the noise."""
    i = 5
    twin, ddpm, (s, t), model = _step(case.line(), i)
    u, lebesgue = panels(torch.linspace(-8.5, 8.5, 35, dtype=torch.float64), 6)
    share = lebesgue * torch.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    before, x = twin.points(s)
    step, beta = ddpm.transition(x, i)
    after = (step + beta.sqrt() * u).unsqueeze(-1)  # (N, M, 1)
    start = x.unsqueeze(1).expand_as(after)
    reverse = twin.at(t).reverse(after, twin.schedule.at(f64(s))).log_prob(start)
    guess = log_normal(start, ddpm.reverse_mean(model, after, i), ddpm.reverse_variance(i, "beta"))
    left = mean(before, (reverse - guess) @ share)
    pairs = twin.pairs(t)
    centre, variance = ddpm.kernel(pairs.x0, i)
    right = mean(pairs.weights, ddpm.step_kl(model, centre + variance.sqrt() * pairs.noise, pairs.x0, i, "beta"))
    entropies = [-mean(twin.points(r).weights, twin.at(r).log_prob(twin.points(r).x)) for r in (s, t)]
    noises = [(2 * math.pi * math.e * ddpm.noise[j]).log() / 2 for j in (i - 1, i)]
    information = (entropies[0] - noises[0]) - (entropies[1] - noises[1])
    yield Compare(left - right, -information, left.abs() + right + 1)


@agreement(
    "marginal-and-conditional-kl",
    T1,
    because="closed forms for Gaussians; expectations of quadratic functions",
    bound=1e-9,
    breaks=[
        Break(
            "the data's coefficient 1 % too small",
            DDPM,
            "posterior",
            lambda f: lambda self, x, x0, i: (f(self, x, 0.99 * x0, i)[0], f(self, x, x0, i)[1]),
        ),
    ],
)
def divergences_of_a_gaussian(case: Case) -> Iterator[Compare]:
    """The same for Gaussian data in all dimensions, the information from determinants."""
    i = 5
    twin, ddpm, (s, t), model = _step(case.gaussian(), i)
    d, beta = twin.target.dimension, ddpm.reverse_variance(i, "beta")
    weights, x = twin.points(t)
    reverse = twin.at(t).reverse(x, twin.schedule.at(f64(s)))
    spread = reverse.covariance()[0] / beta  # the same at every point
    miss = (reverse.mean() - ddpm.reverse_mean(model, x, i)).square().sum(-1) / beta
    left = (spread.diagonal().sum() - d - torch.logdet(spread) + mean(weights, miss)) / 2
    pairs = twin.pairs(t)
    centre, variance = ddpm.kernel(pairs.x0, i)
    right = mean(pairs.weights, ddpm.step_kl(model, centre + variance.sqrt() * pairs.noise, pairs.x0, i, "beta"))
    eye, data = torch.eye(d, dtype=torch.float64), twin.target.covariance
    snr = [float(twin.schedule.snr(r)) for r in (s, t)]
    information = (torch.logdet(eye + snr[0] * data) - torch.logdet(eye + snr[1] * data)) / 2
    yield Compare(left - right, -information, left + right + d)


@agreement(
    "reverse-kernel-minimiser",
    T1,
    because="finite sums; a gradient by automatic differentiation",
    breaks=[
        CHAIN_BREAKS[0],
        Break(
            "x_0 and x_i exchanged in the posterior",
            Chain,
            "posterior",
            lambda f: lambda self, i: f(self, i).transpose(0, 1),
        ),
    ],
)
def minimiser_on_tables(case: Case) -> Iterator[Compare]:
    """E[q(x_{i-1}|x_i, x_0) | x_i] = q(x_{i-1}|x_i) on random chains; there E KL is least: the gradient over all kernels,
    by automatic differentiation, vanishes, and another kernel p loses E KL(q(x_{i-1}|x_i) ‖ p)."""
    for states in (2, 5):
        forward, _, models = _chain(case, states, 4)
        for i in (2, 4):
            given = (forward.start.unsqueeze(-1) * forward.kernel(i) / forward.marginal(i)).T  # q(x_0|x_i)
            average = torch.einsum("ca,acb->cb", given, forward.posterior(i))
            reverse = forward.reverse(i)
            yield Compare(average, reverse, at=f"{states} states, i = {i}, average")
            least = forward.start @ forward.conditional_kl(i, reverse)
            for model in models[:2]:
                other = forward.start @ forward.conditional_kl(i, model)
                lost = forward.marginal(i) @ tables.kl(reverse, model)
                yield Compare(other - least, lost, other + least, at=f"{states} states, i = {i}, excess")
            logits = reverse.log().requires_grad_()
            loss = forward.start @ forward.conditional_kl(i, torch.softmax(logits, -1))
            (slope,) = torch.autograd.grad(loss, logits)
            yield Compare(slope, torch.zeros_like(slope), least + 1, at=f"{states} states, i = {i}, gradient")


@agreement(
    "reverse-kernel-minimiser",
    T1,
    because="Gauss-Hermite in closed expressions",
    bound=1e-8,
    applies=few_on_a_line,
    breaks=[
        Break(
            "β for β̃ in the posterior",
            DDPM,
            "posterior",
            lambda f: lambda self, x, x0, i: (f(self, x, x0, i)[0], self.beta[i - 1]),
        ),
    ],
)
def average_of_bridges(case: Case) -> Iterator[Compare]:
    """The average over p(x_0|x_i) of the densities q(x_{i-1}|x_i, x_0) is the oracle's reverse kernel, pointwise on a line:
    within each component x_0 is normal given x_i."""
    i = 5
    twin, ddpm, (s, t), _ = _step(case.line(), i)
    alpha, sigma = twin.level(t)
    x, target = twin.sample(t, 3), twin.target
    e, v = target.spectrum[:, 0], alpha**2 * target.spectrum[:, 0] + sigma**2
    responsible = twin.at(t).responsibilities(x)  # (3, K)
    centre = target.means[:, 0] + alpha * e / v * (x - alpha * target.means[:, 0])
    share, z = normals(torch.ones(1, 1, dtype=torch.float64), 40)
    x0 = (centre + (e / v).sqrt() * sigma * z.unsqueeze(-1)).unsqueeze(-1)  # (N, 3, K, 1)
    place, variance = ddpm.posterior(x.unsqueeze(1).expand_as(x0), x0, i)
    reverse = twin.at(t).reverse(x, twin.schedule.at(f64(s)))
    for shift in (-0.7, 0.0, 1.3):
        y = reverse.mean() + shift * reverse.covariance()[..., 0].sqrt()
        densities = log_normal(y.unsqueeze(1), place, variance).exp()
        got = (mean(share, densities) * responsible).sum(-1)
        yield Compare(got, reverse.log_prob(y).exp(), 1 / float(reverse.variance.min().sqrt()), at=f"shift {shift}")


@agreement(
    "reverse-kernel-minimiser",
    T1,
    because="closed forms on both sides",
    bound=1e-9,
    breaks=[
        Break(
            "the data's coefficient without its √",
            DDPM,
            "posterior",
            lambda f: (
                lambda self, x, x0, i: (f(self, x, x0 * self.alpha_bar[i - 1].sqrt(), i)[0], f(self, x, x0, i)[1])
            ),
        ),
    ],
)
def moments_of_the_bridges(case: Case) -> Iterator[Compare]:
    """In all dimensions, mean and covariance of q(x_{i-1}|x_i) are the mean of the posterior means, and β̃ I plus their
    covariance, over p(x_0|x_i)."""
    i = 5
    twin, ddpm, (s, t), _ = _step(case, i)
    x, p = twin.sample(t, 2), twin.at(t)
    reverse = p.reverse(x, twin.schedule.at(f64(s)))
    place, variance = ddpm.posterior(x, p.x0(x), i)
    gain = (ddpm.posterior(0 * x, torch.ones_like(x), i)[0][..., :1]).unsqueeze(-1)
    spread = variance * torch.eye(x.shape[-1], dtype=torch.float64) + gain**2 * p.covariance(x)
    yield Compare(place, reverse.mean(), (norm(x) + norm(place)).unsqueeze(-1), at="mean")
    size = reverse.covariance().diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    yield Compare(spread, reverse.covariance(), size, at="covariance")


@agreement(
    "ddpm-posterior-epsilon-form",
    T1,
    because="pointwise algebra",
    float32=True,
    breaks=[
        Break(
            "√β for β before the noise",
            DDPM,
            "posterior_mean_from_noise",
            lambda f: lambda self, x, e, i: f(self, x, e / self.beta[i - 1].sqrt().to(x), i),
        ),
        Break(
            "the factor 1/√(1-β) forgotten",
            DDPM,
            "posterior_mean_from_noise",
            lambda f: lambda self, x, e, i: f(self, x, e, i) * (1 - self.beta[i - 1]).sqrt().to(x),
        ),
    ],
)
def posterior_mean_from_the_noise(case: Case) -> Iterator[Compare]:
    """For pairs (x_0, ε) and x_i made of them, μ̃_i from x_0 and μ̃_i from ε are equal, at the first step too."""
    twin, ddpm = chain(case, 12)
    x0, noise = twin.clean_and_noise(5)
    for i in (1, 2, 6, 12):
        centre, variance = ddpm.kernel(x0, i)
        x = centre + variance.sqrt() * noise
        size = (norm(x0) + norm(x) + norm(noise)).unsqueeze(-1)
        yield Compare(ddpm.posterior_mean_from_noise(x, noise, i), ddpm.posterior(x, x0, i)[0], size, at=f"i = {i}")


# -------------------------------------------------------------------- the chain's bound
@agreement(
    "ddpm-elbo-terms",
    T1,
    because="sums over all paths of a finite chain",
    breaks=[
        *CHAIN_BREAKS,
        Break(
            "the first step counted among the divergences",
            Chain,
            "bound_terms",
            lambda f: (
                lambda self, prior, models: torch.cat([f(self, prior, models), self.conditional_kl(1, models[0])[None]])
            ),
        ),
    ],
)
def terms_on_tables(case: Case) -> Iterator[Compare | AtMost]:
    """On random chains of 1 to 4 steps, the terms sum to E log [q(x_{1:L}|x_0)/p(x_{0:L})] over all paths, and exceed
    -log p(x_0) by KL(q(x_{1:L}|x_0) ‖ p(x_{1:L}|x_0))."""
    for steps in (1, 2, 4):
        forward, prior, models = _chain(case, 3, steps)
        terms = forward.bound_terms(prior, models)
        flipped = tables.paths(prior, [models[i] for i in reversed(range(steps))])  # p(x_L, ..., x_0)
        joint = flipped.permute(*reversed(range(steps + 1))).flatten(1)  # (x_0, x_{1:L})
        path = tables.paths(torch.ones(3, dtype=torch.float64), list(forward.steps)).flatten(1)  # q(x_{1:L}|x_0)
        ratio = (path * (path.log() - joint.log())).sum(-1)
        size = terms.abs().sum(0)
        yield Compare(terms.sum(0), ratio, size, at=f"{steps} steps, terms")
        evidence = joint.sum(-1)
        posterior = joint / evidence.unsqueeze(-1)
        gap = (path * (path.log() - posterior.log())).sum(-1)
        yield Compare(terms.sum(0) + evidence.log(), gap, size, at=f"{steps} steps, gap")
        yield AtMost(-evidence.log(), terms.sum(0), size, at=f"{steps} steps, bound")


def _linear_chain(ddpm: DDPM, model: Predictor, d: int) -> MultivariateNormal:
    """p(x_0, x_1, …, x_L) of a reverse chain that is affine in its state, from x_L ~ N(0, I), as one Gaussian."""
    steps = ddpm.steps
    m = torch.zeros(steps + 1, d, dtype=torch.float64)
    c = torch.zeros(steps + 1, steps + 1, d, d, dtype=torch.float64)
    c[steps, steps] = torch.eye(d, dtype=torch.float64)
    for i in range(steps, 0, -1):
        step = affine(lambda x, z: ddpm.ancestral_step(model, x, i, z, "beta"), d)
        m[i - 1] = step.a @ m[i] + step.b
        for j in range(i, steps + 1):
            c[i - 1, j] = step.a @ c[i, j]
            c[j, i - 1] = c[i - 1, j].T
        c[i - 1, i - 1] = step.a @ c[i, i] @ step.a.T + step.n @ step.n.T
    whole = c.permute(0, 2, 1, 3).reshape((steps + 1) * d, (steps + 1) * d)
    return MultivariateNormal(m.flatten(), (whole + whole.T) / 2)


@agreement(
    "ddpm-elbo-terms",
    T1,
    because="closed forms for Gaussians; expectations of quadratic functions",
    bound=1e-8,
    breaks=[
        Break("a KL without its ½", variational, "gaussian_kl", lambda f: scaled(f, 2.0)),
        Break(
            "the decoder's normalisation forgotten",
            DDPM,
            "decoder_nll",
            lambda f: lambda self, m, x, x0, variance=None: f(self, m, x, x0, variance) - x0.shape[-1],
        ),
        Break(
            "β for β̃ in the posterior",
            DDPM,
            "posterior",
            lambda f: lambda self, x, x0, i: (f(self, x, x0, i)[0], self.beta[i - 1]),
        ),
    ],
)
def terms_of_a_linear_chain(case: Case) -> Iterator[Compare]:
    """For DDPM with a wrong linear prediction, whose p(x_{0:L}) is one Gaussian in (L+1) D dimensions, the terms at a point
    x_0 exceed -log p(x_0) by KL(q(x_{1:L}|x_0) ‖ p(x_{1:L}|x_0)), for L = 1, 2 and 4."""
    case = case.gaussian()
    d = case.target.dimension
    for steps in (1, 2, 4):
        twin, ddpm = chain(case, steps)
        model = twin.wrong("x0", 0, scale=0.5)
        x0 = twin.target.sample(1, twin.random("x0"))[0]
        joint = _linear_chain(ddpm, model, d)
        m, c = joint.mean, joint.covariance_matrix
        log_p = MultivariateNormal(m[:d], c[:d, :d]).log_prob(x0)
        gain = torch.linalg.solve(c[:d, :d], c[:d, d:]).T
        spread = c[d:, d:] - gain @ c[:d, d:]
        posterior = MultivariateNormal(m[d:] + gain @ (x0 - m[:d]), (spread + spread.T) / 2)
        signal, noise = ddpm.alpha_bar[1:], ddpm.noise[1:]
        # Cov(x_i, x_j | x_0) = √(ᾱ_j/ᾱ_i) (1-ᾱ_i) for i ≤ j
        lower = (
            torch.minimum(noise[:, None], noise[None])
            * (torch.minimum(signal[:, None], signal[None]) / torch.maximum(signal[:, None], signal[None])).sqrt()
        )
        eye = torch.eye(d, dtype=torch.float64)
        path = MultivariateNormal(torch.kron(signal.sqrt(), x0), torch.kron(lower, eye))
        points, total = signs(d), ddpm.prior_kl(x0)
        sizes = total
        for i in range(1, steps + 1):
            centre, variance = ddpm.kernel(x0, i)
            x = centre + variance.sqrt() * points
            here = x0.expand_as(x)
            term = (ddpm.decoder_nll(model, x, here) if i == 1 else ddpm.step_kl(model, x, here, i, "beta")).mean()
            total, sizes = total + term, sizes + term.abs()
        yield Compare(total + log_p, kl_divergence(path, posterior), sizes + log_p.abs() + d, at=f"L = {steps}")
