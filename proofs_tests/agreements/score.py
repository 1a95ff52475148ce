"""Agreements of the score-based view: Tweedie, score matching and its constants, Langevin's bias."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, score
from concordant.impl.batch import f64, norm
from concordant.impl.schedules import VarianceExploding
from concordant.impl.score import NCSN
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import marginal
from concordant.proofs_tests import quadrature
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


# -------------------------------------------------------------------- what the score is
@agreement(
    "score-needs-no-normalisation",
    T2,
    because="differences of sixth order against automatic differentiation; the normalisation by quadrature",
    bound=1e-8,
    breaks=[
        Break("the sign of the energy", score, "energy_score", lambda f: scaled(f, -1.0)),
        Break(
            "the energy halved (another temperature)",
            score,
            "energy_score",
            lambda f: lambda energy, x: f(lambda y: energy(y) / 2, x),
        ),
    ],
)
def energy_without_its_constant(case: Case) -> Iterator[Compare]:
    """For p = p̃/Z with p̃ = p_t e^{wave}, a density whose Z is no closed form, differences of log(p̃/Z), with Z by quadrature,
    are -∇E of the energy E = -log p̃; in one dimension, where the score has mean 0 under p̃/Z."""
    line = case.line()
    for t in line.times((1.5, -0.5)):
        p, (alpha, sigma) = line.at(t), line.level(t)
        widths = (alpha**2 * line.target.spectrum[:, 0] + sigma**2).sqrt()
        nodes, lebesgue = quadrature.line(alpha * line.target.means[:, 0], widths)
        nodes, weights = nodes.unsqueeze(-1), lebesgue * p.log_prob(nodes.unsqueeze(-1)).exp()
        centre = mean(weights, nodes)
        width = mean(weights, (nodes - centre).square()).sqrt()

        def energy(y: Tensor) -> Tensor:
            return -p.log_prob(y) - 0.7 * torch.sin(1.7 * (y - centre) / width + 0.4).squeeze(-1)

        z = (lebesgue * (-energy(nodes)).exp()).sum()
        x = line.sample(t, 5)
        h = 1e-2 * float(widths.min())
        weighted = [
            c * (-energy(x + k * h) - z.log() + energy(x - k * h) + z.log())
            for k, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
        ]
        slope = (torch.stack(weighted).sum(0) / h).unsqueeze(-1)
        got = score.energy_score(energy, x)
        yield Compare(got, slope, norm(got).unsqueeze(-1) + 1 / widths.min(), at=f"t = {t:.4g}")
        share = lebesgue * (-energy(nodes)).exp() / z
        slopes = score.energy_score(energy, nodes)
        yield Compare(mean(share, slopes), torch.zeros(1).double(), mean(share, slopes.abs()), at=f"t = {t:.4g}, mean")


@agreement(
    "marginal-score-is-posterior-mean",
    T1,
    because="a closed form against automatic differentiation",
    float32=True,
    breaks=[
        Break(
            "σ for σ² in the conditional score",
            LinearSDE,
            "conditional_score",
            lambda f: lambda self, x, x0, t: f(self, x, x0, t) * self.schedule.sigma(t).to(x),
        ),
        Break(
            "α forgotten in the conditional score",
            LinearSDE,
            "conditional_score",
            lambda f: lambda self, x, x0, t: f(self, x, x0 / self.schedule.alpha(t).to(x) * 1.01, t),
        ),
    ],
)
def average_of_conditional_scores(case: Case) -> Iterator[Compare]:
    """E[∇log p_t(x|x_0) | x_t = x], the conditional score being linear in x_0 and the posterior mean the oracle's reverse
    kernel's, is the derivative of a textbook density."""
    process = LinearSDE(case.schedule)
    for t in case.times():
        x, (alpha, sigma) = case.sample(t, 4), case.level(t)
        x0 = case.at(t).reverse(x).mean()
        left = process.conditional_score(x, x0, f64(t))
        size = (norm(x) + alpha * norm(x0)).unsqueeze(-1) / sigma**2
        yield Compare(left, Reference(case.target, alpha, sigma).score(x), size, at=f"t = {t:.4g}")


@agreement(
    "marginal-score-is-posterior-mean",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break("the sign of the conditional score", LinearSDE, "conditional_score", lambda f: scaled(f, -1.0)),
        Break(
            "a score 1 % off",
            marginal.View,
            "head",
            lambda f: lambda self, kind: (1.01 if kind == "score" else 1) * f(self, kind),
        ),
    ],
)
def products_with_a_field(case: Case) -> Iterator[Compare]:
    """E[s(x_t)·∇log p_t(x_t)] over x_t is E[s(x_t)·∇log p_t(x_t|x_0)] over pairs, for fields that are no gradients."""
    case = case.reduced()
    process = LinearSDE(case.schedule)
    for t in case.times((1.5, -0.5)):
        points, (weights, x0, noise), at = case.points(t), case.pairs(t), f64(t)
        alpha, sigma = case.level(t)
        x = alpha * x0 + sigma * noise
        for index in range(2):
            model = case.wrong("score", index, scale=1 / sigma)
            left = mean(points.weights, (model(points.x, at).value * case.at(t).score(points.x)).sum(-1))
            terms = (model(x, at).value * process.conditional_score(x, x0, at)).sum(-1)
            yield Compare(left, mean(weights, terms), mean(weights, terms.abs()), at=f"t = {t:.4g}, field {index}")


# -------------------------------------------------------------------- what Langevin dynamics leaves in place
@agreement(
    "langevin-stationarity",
    T1,
    because="closed forms against automatic differentiation, twice",
    bound=1e-9,
    applies=few_components,  # passes over all components for every dimension
    breaks=[
        Break("g² for ½ g²", calculus, "fokker_planck", lambda f: lambda b, s, g2, x, t: f(b, s, 2 * g2, x, t)),
        Break(
            "the Laplacian of log p for that of p",
            calculus,
            "fokker_planck",
            lambda f: lambda b, s, g2, x, t: f(b, s, g2, x, t) - g2 / 2 * s(x, t).square().sum(-1),
        ),
    ],
)
def one_strength_of_noise(case: Case) -> Iterator[Compare]:
    """For the drift ∇log p_t at a fixed t and noise of strength c, the right side of the Fokker-Planck equation at p_t is
    (c²/2 - 1) Δp_t, the Laplacian by differentiating a textbook density twice: zero for c² = 2 and for no other c."""
    for t in case.times():
        x, p, law = case.sample(t, 2), case.at(t), Reference(case.target, *case.level(t))
        slope, bend = law.score(x), law.hessian(x).diagonal(dim1=-2, dim2=-1)
        laplacian = bend.sum(-1) + slope.square().sum(-1)  # Δp/p
        for c2 in (1.0, 2.0, 3.0):

            def drift(y: Tensor, _: Tensor) -> Tensor:
                return p.score(y)

            got = calculus.fokker_planck(drift, drift, f64(c2), x, f64(t))
            size = bend.abs().sum(-1) + slope.square().sum(-1)
            yield Compare(got, (c2 / 2 - 1) * laplacian, size, at=f"t = {t:.4g}, c² = {c2}")


@agreement(
    "langevin-stationarity",
    T1,
    because="a continuous Lyapunov equation by a linear solve",
    bound=1e-9,
    applies=spread,
    breaks=[
        Break(
            "the noise's √2 forgotten", score, "langevin_step", lambda f: lambda x, s, eta, z: f(x, s, eta, z / 2**0.5)
        ),
        Break("a drift twice as strong", score, "langevin_step", lambda f: lambda x, s, eta, z: f(x, 2 * s, eta, z)),
    ],
)
def stationary_covariance_of_the_sde(case: Case) -> Iterator[Compare]:
    """The drift and the noise that the Langevin step has per unit of time, read off the code, keep the covariance of Gaussian
    data: A P + P Aᵀ + N Nᵀ = 0 has the solution P = V."""
    from scipy.linalg import solve_continuous_lyapunov

    case = case.gaussian()
    t, d = case.time(0.5), case.target.dimension
    p, eta = case.at(t), 1e-3
    step = affine(lambda x, z: score.langevin_step(x, p.score(x), eta, z), d)
    pull = (step.a - torch.eye(d, dtype=torch.float64)) / eta
    got = torch.from_numpy(solve_continuous_lyapunov(pull.numpy(), -(step.n @ step.n.T / eta).numpy()))
    alpha, sigma = case.level(t)
    want = alpha**2 * case.target.covariance + sigma**2 * torch.eye(d, dtype=torch.float64)
    yield Compare(got, want, want.diagonal().max() * (1 + want.diagonal().max() / want.diagonal().min() / 1e3))
