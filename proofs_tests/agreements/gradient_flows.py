"""Agreements of gradient flows: first variations, how fast energies fall, and one step of a generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, gradient_flows
from concordant.impl.batch import f64, norm
from concordant.impl.gradient_flows import ENERGIES, Energy
from concordant.impl.schedules import Level
from concordant.impl.targets import Gaussian, GaussianMixture, Marginal
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.agreement import T1, T2, T4, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.agreements.rectified import size, straight
from concordant.proofs_tests.case import Case, few_on_a_line, spread
from concordant.proofs_tests.quadrature import mean, panels
from concordant.proofs_tests.reference import Reference


def on_a_line(case: Case) -> bool:
    return straight(case) and few_on_a_line(case) and spread(case)


def laws(case: Case) -> tuple[Marginal, Marginal, float]:
    """On a line: the law of x_t half-way to noise, a mixture; its Gaussian, somewhat wider; and the noise."""
    line = case.line()
    sigma = 0.7 * size(line.target)
    p = line.target.at_level(0.8, sigma)
    spread_ = float(line.target.covariance) * 0.64 + sigma**2
    q = Gaussian(0.8 * line.target.mean + 0.2 * size(line.target), 1.4 * spread_).at_level(1.0, 0.0)
    return p, q, sigma


def nodes(case: Case, parts: int = 48, order: int = 10) -> tuple[Tensor, Tensor]:
    """Lebesgue weights (N,) and nodes (N, 1) that hold all laws of `laws`."""
    line = case.line().target
    wide = math.sqrt(1.4 * (0.64 + 0.49)) * size(line)
    low, high = 0.8 * float(line.means.min()), 0.8 * float(line.means.max())
    x, w = panels(torch.linspace(low - 8 * wide, high + 8 * wide, parts + 1, dtype=torch.float64), order)
    return w, x[:, None]


def _other(change: float) -> Energy:
    """The reverse divergence with a first variation that is a little off."""
    right = ENERGIES["reverse-kl"]
    return Energy(right.density, lambda r: (1 + change) * r + 1, right.rate)


# -------------------------------------------------------------------- first variations
@agreement(
    "first-variation",
    T4,
    because="remainders by quadrature, at halved steps",
    applies=on_a_line,
    breaks=[
        Break(
            "the variation of the other divergence",
            gradient_flows,
            "energy",
            lambda f: (
                lambda name: Energy(
                    f(name).density, f("chi-squared" if "kl" in name else "forward-kl").variation, f(name).rate
                )
            ),
        ),
        Break(
            "log-ratios doubled",
            gradient_flows,
            "energy",
            lambda f: lambda name: _other(1.0) if name == "reverse-kl" else f(name),
        ),
    ],
)
def remainders_are_of_second_order(case: Case) -> Iterator[Order]:
    """D(p + ε h) - D(p) - ε ∫ E h falls like ε², for the two divergences and the χ² energy, D by quadrature as it is defined."""
    p, q, sigma = laws(case)
    w, x = nodes(case)
    log_p, log_q = p.log_prob(x), q.log_prob(x)
    h = case.line().target.at_level(0.8, 0.9 * sigma).log_prob(x).exp() - log_p.exp()
    divergences: dict[str, Callable[[Tensor], Tensor]] = {
        "reverse-kl": lambda r: (r * (r.log() - log_q)).nan_to_num(),
        "forward-kl": lambda r: log_q.exp() * (log_q - r.log()),
        "chi-squared": lambda r: r**2 / log_q.exp(),
    }
    steps = [8, 16, 32, 64, 128]
    for name, body in divergences.items():
        energy = gradient_flows.energy(name)
        slope = w @ (energy.variation(log_p - log_q) * h)
        errors = [float((w @ (body(log_p.exp() + h / n) - body(log_p.exp())) - slope / n).abs()) for n in steps]
        yield Order(steps, errors, 2.0, at=name)


# -------------------------------------------------------------------- how fast energies fall
@agreement(
    "energy-dissipation",
    T2,
    because="quadrature; the derivative along the flow by automatic differentiation",
    bound=1e-8,
    applies=on_a_line,
    breaks=[
        Break("up the slope", gradient_flows, "velocity", lambda f: scaled(f, -1.0)),
        Break(
            "the reverse divergence's velocity for every energy",
            gradient_flows,
            "velocity",
            lambda f: lambda n, r, a, b: b - a,
        ),
    ],
)
def energies_fall_by_the_squared_speed(case: Case) -> Iterator[Compare]:
    """Points y = x + h w carry p to p(x)/|dy/dx|: the energy of that law by quadrature over x, differentiated at h = 0, is
    -∫ p |w|² for w = -∇E, for three energies."""
    mixture, wide, _ = laws(case)
    w, x = nodes(case)
    for name in ENERGIES:
        p, q = (wide, mixture) if name == "forward-kl" else (mixture, wide)  # so that the energy is finite
        log_p = p.log_prob(x)

        def velocity(y: Tensor, t: Tensor, name: str = name, p: Marginal = p, q: Marginal = q) -> Tensor:
            return gradient_flows.velocity(name, p.log_prob(y) - q.log_prob(y), p.score(y), q.score(y))

        h = f64(0.0).requires_grad_()
        y, log_det = calculus.pushed(velocity, x, f64(0.0), h)
        ratio = log_p - log_det - q.log_prob(y)
        # ∫ q f(p_h/q) dy = ∫ q(y) f(e^ratio) |dy/dx| dx
        lost = q.log_prob(y).exp() * ENERGIES[name].density(ratio) * log_det.exp()
        (slope,) = torch.autograd.grad(w @ lost, h)
        fall = w @ (log_p.exp() * velocity(x, f64(0.0)).square().sum(-1))
        yield Compare(slope, -fall, fall, at=name)


def _near(case: Case) -> tuple[Marginal, Marginal, Reference, Reference, Tensor]:
    """In all dimensions: a noised mixture, its Gaussian at another level, both a textbook's way too, and points."""
    target, sigma = case.target, 0.7 * size(case.target)
    other = Gaussian(target.mean + 0.1 * size(target), (1.3 * size(target)) ** 2)
    p, q = target.at_level(0.8, sigma), other.at_level(0.8, sigma)
    x = p.sample(3, case.random("near"))
    return p, q, Reference(target, 0.8, sigma), Reference(other, 0.8, sigma), x


def _by_hand(name: str, ratio: Tensor) -> Tensor:
    """First variations as the book prints them."""
    return {"reverse-kl": ratio + 1, "forward-kl": -torch.exp(-ratio)}[name]


def _velocities(case: Case, name: str) -> Iterator[Compare]:
    p, q, one, two, x = _near(case)
    x = x.requires_grad_()
    textbook = one.log_prob(x) - two.log_prob(x)
    shift = textbook.detach()  # the ratio may be e^±100 in 64 dimensions: velocities are compared relative to it
    variation = _by_hand(name, textbook)
    (want,) = torch.autograd.grad(-variation.sum(), x)
    x = x.detach()
    got = gradient_flows.velocity(name, p.log_prob(x) - q.log_prob(x), p.score(x), q.score(x))
    unit = (-shift).exp().unsqueeze(-1) if name == "forward-kl" else torch.ones(len(x), 1, dtype=torch.float64)
    yield Compare(got / unit, want / unit, (norm(p.score(x)) + norm(q.score(x))).unsqueeze(-1), at=name)


@agreement(
    "forward-kl-velocity",
    T1,
    because="closed forms against automatic differentiation of textbook densities",
    bound=1e-9,
    applies=lambda case: straight(case) and spread(case) and case.target.components <= 100,
    breaks=[
        Break("the ratio turned over", gradient_flows, "velocity", lambda f: lambda n, r, a, b: f(n, -r, a, b)),
        Break(
            "the other divergence's", gradient_flows, "velocity", lambda f: lambda n, r, a, b: f("reverse-kl", r, a, b)
        ),
    ],
)
def forward_velocity(case: Case) -> Iterator[Compare]:
    """∇(q/p) by automatic differentiation is (q/p)(∇log q - ∇log p)."""
    yield from _velocities(case, "forward-kl")


@agreement(
    "reverse-kl-velocity",
    T1,
    because="closed forms against automatic differentiation of textbook densities",
    bound=1e-9,
    applies=lambda case: straight(case) and spread(case) and case.target.components <= 100,
    breaks=[Break("up the slope", gradient_flows, "velocity", lambda f: scaled(f, -1.0))],
)
def reverse_velocity(case: Case) -> Iterator[Compare]:
    """-∇(log p - log q + 1) by automatic differentiation is ∇log q - ∇log p."""
    yield from _velocities(case, "reverse-kl")


def langevin(target: GaussianMixture, tau: Tensor) -> Marginal:
    """The law at τ of dx = -x dτ + √2 dw from the target: x_τ = e^-τ x_0 + √(1 - e^-2τ) ε."""
    alpha, sigma = (-tau).exp(), (-torch.expm1(-2 * tau)).sqrt()
    unknown = torch.full_like(alpha, math.nan)
    return Marginal(target, Level(alpha, sigma, unknown, unknown, unknown))


@agreement(
    "reverse-kl-velocity",
    T2,
    because="quadrature exact for the split part; differences of fourth order in τ",
    bound=1e-6,
    applies=lambda case: straight(case) and case.reduced().target.components <= 100 and case.target.components <= 100,
    breaks=[
        Break("the Fisher information halved", gradient_flows, "velocity", lambda f: scaled(f, math.sqrt(0.5))),
        Break("∇log q alone, without -∇log p", gradient_flows, "velocity", lambda f: lambda n, r, a, b: b),
    ],
)
def langevin_loses_fisher_information(case: Case) -> Iterator[Compare]:
    """d/dτ KL(p_τ ‖ N(0, I)) = -E|w|² along Langevin dynamics to the standard normal, by differences in τ; w is the velocity of the
    reverse divergence."""
    case = case.reduced()
    target = case.target

    def points(tau: float) -> tuple[Tensor, Tensor, Marginal]:
        law = langevin(target, f64(tau))
        weights, x = quadrature.points(target, float(law.level.alpha), float(law.level.sigma))
        return weights, x, law

    def divergence(tau: float) -> Tensor:
        weights, x, law = points(tau)
        log_q = -x.square().sum(-1) / 2 - x.shape[-1] * math.log(2 * math.pi) / 2
        return mean(weights, law.log_prob(x) - log_q)

    h = 0.01
    for tau in (0.5,):
        differences = ((1, 2 / 3), (2, -1 / 12))
        slope = sum((c / h * (divergence(tau + k * h) - divergence(tau - k * h)) for k, c in differences), f64(0.0))
        weights, x, law = points(tau)
        log_ratio = law.log_prob(x) + x.square().sum(-1) / 2 + x.shape[-1] * math.log(2 * math.pi) / 2
        w = gradient_flows.velocity("reverse-kl", log_ratio, law.score(x), -x)
        fall = mean(weights, w.square().sum(-1))
        terms = mean(weights, x.square().sum(-1) + law.score(x).square().sum(-1))
        yield Compare(slope, -fall, terms, at=f"τ = {tau}")


# -------------------------------------------------------------------- generators
@agreement(
    "parameter-update",
    T1,
    because="linear algebra, and automatic differentiation of a small network",
    bound=1e-9,
    applies=straight,
    breaks=[
        Break(
            "the gradient's direction for Gauss and Newton's",
            gradient_flows,
            "gauss_newton",
            lambda f: lambda j, w, eta=1.0: eta * j.mT @ w,
        ),
        Break(
            "gradients through the target too",
            gradient_flows,
            "held_regression",
            lambda f: lambda g, w, eta=1.0: (g - (g + eta * w)).square().sum() / 2,
        ),
        Break("the sign of w", gradient_flows, "held_regression", lambda f: lambda g, w, eta=1.0: f(g, w, -eta)),
    ],
)
def following_a_velocity(case: Case) -> Iterator[Compare]:
    """The best change of parameters solves the normal equations; any other loses |J(e - d)|² more; and the held regression's gradient
    by automatic differentiation is -η Jᵀ w, J by automatic differentiation of every output."""
    d, random, eta = min(case.target.dimension, 8), case.random("network"), 0.3
    first, inside, shift = (torch.randn(*s, generator=random, dtype=torch.float64) for s in ((4, d), (6, d), (6,)))
    velocity = torch.randn(6 * d, generator=random, dtype=torch.float64)
    theta = first.flatten().requires_grad_()

    def outputs(at: Tensor) -> Tensor:
        hidden = torch.tanh(inside @ at.reshape(4, d).mT + shift[:, None])  # six samples, four hidden units
        return (hidden @ at.reshape(4, d) + hidden.sum(-1, keepdim=True) ** 2 / 9).flatten()

    jacobian = torch.autograd.functional.jacobian(outputs, theta.detach())
    best = gradient_flows.gauss_newton(jacobian, velocity, eta)
    scale = norm(jacobian.flatten()) * norm(velocity)
    normal = jacobian.mT @ (jacobian @ best - eta * velocity)
    yield Compare(normal, torch.zeros_like(normal), scale, at="normal equations")
    other = best + torch.linspace(-0.5, 0.7, len(best)).double()
    lost = [(jacobian @ e - eta * velocity).square().sum() for e in (other, best)]
    more = (jacobian @ (other - best)).square().sum()
    yield Compare(lost[0] - lost[1], more, lost[0] + lost[1], at="another change")
    loss = gradient_flows.held_regression(outputs(theta), velocity, eta)
    (gradient,) = torch.autograd.grad(loss, theta)
    yield Compare(gradient, -eta * jacobian.mT @ velocity, scale, at="held regression")


@agreement(
    "reverse-kl-gradient",
    T2,
    because="quadrature on both sides: over the density, and over latents and noise",
    bound=1e-9,
    applies=on_a_line,
    breaks=[
        Break(
            "the data's score alone",
            gradient_flows,
            "reverse_kl_surrogate",
            lambda f: lambda x, a, b, w=None: f(x, 0 * a, b, w),
        ),
        Break("the sign", gradient_flows, "reverse_kl_surrogate", lambda f: scaled(f, -1.0)),
    ],
)
def gradient_at_the_samples(case: Case) -> Iterator[Compare]:
    """For samples a z + b, noised: d/d(a, b) KL(p ‖ q) by differentiating the Gaussian's density under the integral, against the
    gradient of E[sg(∇log p - ∇log q)·x̂] over latents and noise; q a noised mixture."""
    q, _, sigma = laws(case)
    line = case.line().target
    weights, x = nodes(case)
    scale = size(line)
    parameters = f64([0.6 * scale, 0.8 * float(line.mean) + 0.3 * scale]).requires_grad_()
    a, b = parameters
    deviation = (a**2 + sigma**2).sqrt()
    log_p = -(((x[:, 0] - b) / deviation) ** 2) / 2 - deviation.log() - math.log(2 * math.pi) / 2
    (want,) = torch.autograd.grad(weights @ (log_p.exp() * (log_p - q.log_prob(x))), parameters)
    # x̂ = a z + b + σ ε, by the sum y = (a z + σ ε)/deviation, whose normal nodes are fine, and z = (a y + σ v)/deviation
    y, w = panels(torch.linspace(-8, 8, 33, dtype=torch.float64), 10)
    w = w * torch.exp(-(y**2) / 2) / math.sqrt(2 * math.pi)
    v = f64([-1.0, 1.0])  # what is averaged is linear in the rest
    with torch.no_grad():
        z = (a * y[:, None] + sigma * v) / deviation
        noise = (sigma * y[:, None] - a * v) / deviation
    samples = (a * z + b + sigma * noise).reshape(-1, 1)
    share = (w[:, None] / 2).expand(-1, 2).reshape(-1)
    here = samples.detach()
    score = -(here - b.detach()) / deviation.detach() ** 2
    loss = gradient_flows.reverse_kl_surrogate(samples, score, q.score(here), share)
    (got,) = torch.autograd.grad(loss, parameters)
    yield Compare(got, want, share @ norm(q.score(here)) + 1 / scale)
