"""The four formulations: their samplers and estimates against exact laws, and bad input.

Their formulas are checked by the agreements; here are the loops around them, by Monte Carlo with its error bar, and the edges.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import calculus
from concordant.impl.flow import FlowMatching
from concordant.impl.predictions import predictor
from concordant.impl.schedules import VarianceExploding, VariancePreserving, schedule
from concordant.impl.score import NCSN
from concordant.impl.sde import LinearSDE, log_prior
from concordant.impl.targets import Gaussian, GaussianMixture, target
from concordant.impl.variational import DDPM
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.affine import affines, noised, push_all
from concordant.proofs_tests.agreement import observed_order
from concordant.proofs_tests.tests.strategies import tensor

VP, FM = schedule("vp-linear"), schedule("flow-matching")
DATA = Gaussian([0.5, -1.0], [[0.5, 0.2], [0.2, 0.3]])


def within(samples: Tensor, mean: Tensor, covariance: Tensor) -> None:
    """Mean within 4.5 standard errors, second moments within 4.5 of theirs."""
    n = len(samples)
    deviation = covariance.diagonal().sqrt()
    assert float(((samples.mean(0) - mean) / deviation).abs().max()) < 4.5 / math.sqrt(n)
    gap = (torch.cov(samples.T) - covariance) / (deviation[:, None] * deviation)
    assert float(gap.abs().max()) < 4.5 * math.sqrt(2 / n)


# -------------------------------------------------------------------- DDPM
def test_the_chain_of_the_paper() -> None:
    chain = DDPM.linear()
    assert float(chain.alpha_bar[-1]) == pytest.approx(4.0358e-5, rel=1e-4)
    assert float(chain.noise[1]) == pytest.approx(1e-4)
    torch.testing.assert_close(chain.alpha_bar + chain.noise, torch.ones(1001).double())
    assert float(chain.time(500)) == 0.5


@pytest.mark.parametrize("variance", ["beta", "posterior"])
def test_ancestral_samples_have_the_moments_of_the_recursion(variance: str) -> None:
    n, chain = 40_000, DDPM.from_schedule(VP, torch.linspace(0, 1, 21)[1:].double())
    model = DATA.predictor(VP, "epsilon")
    samples = chain.sample(model, (n, 2), variance, seed=1)
    i = torch.arange(20, 1, -1)[:, None]
    maps = affines(lambda x, z: chain.ancestral_step(model, x, i, z, variance), 2, 19)
    maps += affines(lambda x, z: chain.ancestral_step(model, x, 1, 0 * z, variance), 2, 1)
    eye = torch.eye(2).double()
    moments = push_all(maps, type(noised(DATA, 1.0, 0.0))(torch.zeros(2).double(), eye))
    within(samples, moments.mean, moments.covariance)


def test_the_estimate_of_the_bound_is_unbiased() -> None:
    """Averaged over data, against the same bound by quadrature; 20,000 points, 4.5 standard errors."""
    mixture = target("well-separated")
    chain = DDPM.from_schedule(VP, tensor([0.05, 0.2, 0.5, 1.0]))
    model = mixture.predictor(VP, "v")
    estimates = chain.elbo(model, mixture.sample(20_000, seed=2), seed=3)
    want = torch.zeros(()).double()
    for i in range(1, 5):
        n = chain.level(i)
        weights, x0, noise = quadrature.pairs(mixture, float(n.alpha), float(n.sigma))
        x_i = n.alpha * x0 + n.sigma * noise
        term = chain.decoder_nll(model, x_i, x0) if i == 1 else chain.step_kl(model, x_i, x0, i)
        want = want - quadrature.mean(weights, term + (chain.prior_kl(x0) if i == 4 else 0))
    error = (estimates.mean() - want) / (estimates.std() / math.sqrt(len(estimates)))
    assert abs(float(error)) < 4.5


def test_reverse_variances_bound_the_exact_one() -> None:
    """For data of unit variance in each coordinate, β̃ ≤ Var[x_{i-1}|x_i] averaged ≤ β (Ho et al., section 3.2)."""
    mixture = GaussianMixture([0.5, 0.5], [[-0.8], [0.8]], 0.36)  # variance 1
    chain = DDPM.from_schedule(VP, torch.linspace(0, 1, 11)[1:].double())
    for i in range(2, 11):
        n, before = chain.level(i), chain.level(i - 1)
        weights, x = quadrature.points(mixture, float(n.alpha), float(n.sigma))
        kernel = mixture.at(VP, chain.time(i)).reverse(x, before)
        exact = quadrature.mean(weights, kernel.covariance()[:, 0, 0])
        assert float(chain.reverse_variance(i, "posterior")) < float(exact) <= float(chain.reverse_variance(i, "beta"))
    mine = torch.linspace(0.1, 0.2, 10)
    assert float(chain.reverse_variance(3, mine)) == float(mine[2])


def test_a_terminal_step_without_signal() -> None:
    """The twin of flow matching ends at ᾱ = 0: sampling from there works with a prediction that is defined there."""
    twin = VariancePreserving(FM)
    chain = DDPM.from_schedule(twin, torch.linspace(0, 1, 6)[1:].double())
    assert float(chain.alpha_bar[-1]) == 0
    mixture = target("ring")
    assert bool(chain.sample(mixture.predictor(twin, "v"), (5, 2), seed=0).isfinite().all())
    with pytest.raises(BadInput, match="no conversion from epsilon to x0 at alpha = 0"):
        chain.sample(mixture.predictor(twin, "epsilon"), (5, 2), seed=0)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: DDPM([]), "beta must hold at least one variance"),
        (lambda: DDPM([0.1, 1.2]), r"each in \(0, 1\]"),
        (lambda: DDPM([0.1, 0.2], times=[0.5]), r"times must have shape \(2,\)"),
        (
            lambda: DDPM.from_schedule(schedule("ve"), [0.5]),
            r"schedule must be variance preserving .* take VariancePreserving",
        ),
        (lambda: DDPM.from_schedule(VP, [0.5, 0.5]), "times must be positive and rise"),
        (lambda: DDPM.from_schedule(VP, [0.0, 0.5]), "times must be positive and rise"),
        (lambda: DDPM.linear(10).kernel(torch.zeros(2), 11), "i must be a step from 1 to 10: it is 11"),
        (
            lambda: DDPM.linear(10).kernel(torch.zeros(2, 2), torch.tensor([0, 3])),
            "i must be a step from 1 to 10: it is 0",
        ),
        (
            lambda: DDPM.linear(10).reverse_variance(2, "fixed"),
            "variance must be 'beta', 'posterior' or a tensor of 10",
        ),
        (
            lambda: DDPM.linear(10).step_kl(predictor(lambda x, t: x, "x0"), torch.zeros(2), torch.zeros(2), 1),
            "i must be at least 2",
        ),
    ],
)
def test_bad_chains(ask: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ask()


# -------------------------------------------------------------------- NCSN
def test_annealed_langevin_has_the_moments_of_the_recursion() -> None:
    n, levels = 40_000, NCSN([0.3, 1.0, 3.0])
    ve = schedule("edm")
    model = DATA.predictor(ve, "score")
    start = noised(DATA, 1.0, 3.0)
    x = torch.distributions.MultivariateNormal(start.mean, start.covariance).sample((n,))
    samples = levels.annealed_langevin(model, x, delta=0.05, steps=5, seed=4)
    moments = start
    from concordant.impl.score import langevin_step

    for level in (3, 2, 1):
        eta = levels.step_size(level, 0.05)
        step = affines(lambda y, z: langevin_step(y, levels.score(model, y, level), eta, z), 2, 1)[0]  # noqa: B023
        for _ in range(5):
            moments = step.push(moments)
    within(samples, moments.mean, moments.covariance)


def test_levels() -> None:
    levels = NCSN.geometric()
    ratios = levels.sigmas[1:] / levels.sigmas[:-1]
    assert levels.levels == 10
    torch.testing.assert_close(ratios, ratios[:1].expand(9))
    twin = VarianceExploding(VP)
    torch.testing.assert_close(NCSN.from_schedule(twin, [0.2, 0.7]).sigmas, twin.sigma(tensor([0.2, 0.7])))


def test_the_sum_over_levels_is_of_the_weighted_losses() -> None:
    levels, x0, z = NCSN([0.5, 2.0]), torch.randn(4, 2).double(), torch.randn(4, 2).double()
    model = predictor(lambda x, t: -x, "score")
    one, two = levels.dsm_loss(model, x0, z, 1), levels.dsm_loss(model, x0, z, 2)
    torch.testing.assert_close(levels.loss(model, x0, z), 0.25 * one + 4 * two)
    torch.testing.assert_close(levels.loss(model, x0, z, weight="one"), one + two)
    index = torch.tensor([1, 2, 2, 1])
    torch.testing.assert_close(levels.dsm_loss(model, x0, z, index), torch.where(index == 1, one, two))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: NCSN([]), "sigmas must be positive and rise"),
        (lambda: NCSN([1.0, 0.5]), "sigmas must be positive and rise"),
        (lambda: NCSN([0.0, 0.5]), "sigmas must be positive and rise"),
        (lambda: NCSN([1.0]).sigma(2), "level must be from 1 to 1: it is 2"),
        (lambda: NCSN.from_schedule(VP, [0.5]), "schedule must have alpha = 1, which 'vp-linear' has not"),
    ],
)
def test_bad_levels(ask: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ask()


# -------------------------------------------------------------------- score SDE
@pytest.mark.parametrize("corrector", [None, 0.2])
def test_reverse_sde_samples(corrector: float | None) -> None:
    """Against the recursion without corrector; with it, the variance moves as the known factor says, to first order."""
    n, process = 40_000, LinearSDE(VP)
    model, times = DATA.predictor(VP, "score"), process.times(30, 0.02)
    start = noised(DATA, *(float(v) for v in (VP.alpha(tensor(1.0)), VP.sigma(tensor(1.0)))))
    x = torch.distributions.MultivariateNormal(start.mean, start.covariance).sample((n,))
    samples = process.sample(model, x, times, corrector, seed=5)
    t, h = times[:-1, None], times.diff()[:, None]
    moments = push_all(affines(lambda y, z: process.reverse_step(model, y, t, h, z), 2, 30), start)
    if corrector is None:
        within(samples, moments.mean, moments.covariance)
    else:
        assert bool(samples.isfinite().all())
        assert not torch.allclose(torch.cov(samples.T), moments.covariance, rtol=1e-3)


def test_forward_samples_by_euler_maruyama() -> None:
    n, process = 40_000, LinearSDE(FM)
    x, times = DATA.sample(n, seed=6), torch.linspace(0, 0.5, 401).double()
    random = torch.Generator().manual_seed(7)
    for t, h in zip(times[:-1], times.diff(), strict=True):
        x = process.forward_step(x, t, h, torch.randn(x.shape, generator=random, dtype=x.dtype))
    exact = noised(DATA, 0.5, 0.5)
    torch.testing.assert_close(x.mean(0), exact.mean, rtol=0, atol=0.02)
    torch.testing.assert_close(torch.cov(x.T), exact.covariance, rtol=0.03, atol=0.01)


def test_flow_by_plain_methods_has_their_orders() -> None:
    mixture, process = target("anisotropic"), LinearSDE(VP)
    model = mixture.predictor(VP, "score")
    x = mixture.at(VP, 0.6).sample(4, seed=8)
    exact = process.flow(model, x, 0.6, 0.1)
    for method, order in (("euler", 1), ("heun", 2)):
        steps = [20, 40, 80, 160]
        errors = [float((process.flow(model, x, 0.6, 0.1, method, n) - exact).norm()) for n in steps]
        assert observed_order(steps, errors) == pytest.approx(order, abs=0.15)
    with pytest.raises(BadInput, match="method must be 'reference', 'euler' or 'heun': it is 'rk4'"):
        process.flow(model, x, 0.6, 0.1, "rk4")


def test_likelihood_with_hutchinsons_estimate_and_with_a_given_divergence() -> None:
    """In two dimensions the four sign vectors average to the exact divergence; a given divergence is used as it is."""
    mixture, process = target("anisotropic"), LinearSDE(VP)
    model, x = mixture.predictor(VP, "score"), mixture.at(VP, 0.05).sample(2, seed=9)
    exact = process.log_likelihood(model, x, 0.05, 0.6)
    given = process.log_likelihood(model, x, 0.05, 0.6, lambda y, t: mixture.at(VP, t).divergence(y, "velocity"))
    for a, b in zip(exact, given, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)
    one = process.log_likelihood(model, x, 0.05, 0.6, "hutchinson", probes=64, seed=10)
    assert float((one[1] - exact[1]).abs().max()) < 0.5
    field = lambda y, t: process.ode_drift(model, y, t)  # noqa: E731
    signs = tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[:, None].expand(4, 2, 2)
    torch.testing.assert_close(
        calculus.hutchinson(field, x, tensor(0.3), signs), calculus.divergence(field, x, tensor(0.3))
    )


def test_the_prior() -> None:
    x = torch.randn(3, 4).double()
    law = torch.distributions.MultivariateNormal(torch.zeros(4).double(), 6.25 * torch.eye(4).double())
    torch.testing.assert_close(log_prior(x, 2.5), law.log_prob(x))


def test_bad_steps() -> None:
    with pytest.raises(BadInput, match="steps must be at least 1"):
        LinearSDE(VP).times(0, 0.1)
    with pytest.raises(BadInput, match="outside the clock"):
        LinearSDE(VP).times(4, -0.1)
    with pytest.raises(BadInput, match=r"probes must have shape \(n, 2, 2\)"):
        calculus.hutchinson(lambda x, t: x, torch.zeros(2, 2), tensor(0.0), torch.zeros(2, 2))


# -------------------------------------------------------------------- flow matching
def test_flow_matching_samples_land_on_the_data() -> None:
    """From noise at t = 1 to data: on a Gaussian the exact map, by each method to its accuracy."""
    path, model = FlowMatching(FM), DATA.predictor(FM, "velocity")
    noise = torch.randn(5, 2, dtype=torch.float64)
    exact = DATA.flow(FM, noise, 1.0, 0.0)
    for method, accuracy in (("reference", 1e-8), ("heun", 1e-3), ("euler", 3e-2)):
        got = path.sample(model, noise, method=method, steps=100)
        torch.testing.assert_close(got, exact, rtol=0, atol=accuracy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "rk4"}, "method must be 'reference', 'euler' or 'heun': it is 'rk4'"),
        ({"steps": 0}, "steps must be"),
    ],
)
def test_bad_ways_to_follow_a_flow(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        FlowMatching(FM).sample(DATA.predictor(FM, "velocity"), torch.zeros(2).double(), **options)


def test_from_the_same_noise_at_the_end_of_the_clock_flows_differ() -> None:
    """VP ends with some of the data left and flow matching with none: the same ε at t = 1 leads to different data, and leads
    to the same from a common λ with x at the ratio of the α (the agreement `one-probability-flow`)."""
    noise = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends = [DATA.flow(clock, noise, 1.0, 0.0) for clock in (VP, FM)]
    assert float((ends[0] - ends[1]).norm(dim=-1).min()) > 1e-3
    t = VP.t_of_lam(-4.0), FM.t_of_lam(-4.0)
    there = FM.alpha(t[1]) / VP.alpha(t[0]) * noise
    torch.testing.assert_close(DATA.flow(FM, there, t[1], 0.0), DATA.flow(VP, noise, t[0], 0.0))


def test_flow_matching_likelihood() -> None:
    mixture, path = target("well-separated"), FlowMatching(FM)
    x = mixture.sample(3, seed=11)
    end, gained = path.log_likelihood(mixture.predictor(FM, "velocity"), x, 0.0, 0.9)
    torch.testing.assert_close(
        mixture.at(FM, 0.9).log_prob(end) + gained, mixture.at(FM, 0.0).log_prob(x), rtol=1e-7, atol=1e-7
    )


# -------------------------------------------------------------------- differential equations
def test_the_solver_says_when_it_fails() -> None:
    one = torch.ones(1).double()
    with pytest.raises(ArithmeticError, match="the field is not finite at t ="):
        calculus.solve(lambda x, t: x / (t - 0.5) ** 0.5, one, 0.4, 1.0)
    with pytest.raises(ArithmeticError, match="no solution from t = 0 to 2"):
        calculus.solve(lambda x, t: x**2, one, 0.0, 2.0)


def test_the_solution_at_its_start_is_the_start() -> None:
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    for end in (calculus.solve(lambda x, t: -x, x, 0.3, 0.3), calculus.follow(lambda x, t: -x, x, 0.3, 0.3)):
        assert torch.equal(end, x)
        assert (end.dtype, end.requires_grad) == (x.dtype, False)
        assert end.data_ptr() != x.data_ptr()


def test_divergence_of_a_constant_field() -> None:
    assert calculus.divergence(lambda x, t: torch.ones(2), torch.zeros(2), tensor(0.0)).item() == 0.0
