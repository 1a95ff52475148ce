"""Finite tables, schedules from SDEs, Gaussian paths: what agreements do not look at."""

from __future__ import annotations

import math

import pytest
import torch

from concordant.errors import BadInput
from concordant.impl import calculus, tables
from concordant.impl.schedules import FromSDE, schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.tables import Chain, Latent
from concordant.proofs_tests.tests.strategies import tensor


def test_divergences_where_something_is_impossible() -> None:
    half = tensor([0.5, 0.5])
    assert float(tables.kl(tensor([1.0, 0.0]), half)) == pytest.approx(math.log(2))
    assert float(tables.kl(half, tensor([1.0, 0.0]))) == math.inf
    assert float(tables.kl(half, half)) == 0


def test_information_of_known_tables() -> None:
    independent = torch.einsum("a,b,c->abc", tensor([0.2, 0.8]), tensor([0.5, 0.5]), tensor([0.3, 0.7]))
    assert float(tables.conditional_information(independent)) == pytest.approx(0, abs=1e-15)
    copied = torch.diag_embed(tensor([0.25, 0.75])).unsqueeze(-1) * tensor([0.3, 0.7])
    entropy = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert float(tables.conditional_information(copied)) == pytest.approx(entropy)


def test_kernels_of_a_chain_are_probabilities() -> None:
    random = torch.Generator().manual_seed(0)
    chain = Chain(tables.random((4,), random), tables.random((3, 4, 4), random, kernel=True))
    for i in (1, 2, 3):
        for kernel in (chain.kernel(i), chain.reverse(i), chain.posterior(i)):
            torch.testing.assert_close(kernel.sum(-1), torch.ones_like(kernel[..., 0]))
        torch.testing.assert_close(chain.triple(i).sum((0, 1)), chain.marginal(i))
    assert chain.kernel(0).equal(torch.eye(4).double())


def test_a_latent_model_of_a_wrong_shape_is_refused() -> None:
    with pytest.raises(BadInput, match=r"decoder must have shape \(Z, X\) and prior \(Z,\)"):
        Latent(tensor([0.5, 0.5]), torch.ones(3, 2).double() / 2)


def test_a_schedule_from_its_coefficients_works_like_any_other() -> None:
    known = schedule("vp-linear")
    made = FromSDE(known.f, known.g2, name="again")
    t = tensor([0.1, 0.4, 0.9])
    for name in ("alpha", "sigma", "d_alpha", "d_sigma2", "lam", "snr", "f", "g2", "d_lam"):
        torch.testing.assert_close(getattr(made, name)(t), getattr(known, name)(t), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(made.t_of_lam(tensor(0.5)), known.t_of_lam(tensor(0.5)))
    assert float(made.alpha(0.0)) == 1
    assert float(made.sigma(0.0)) == 0


def test_kernels_between_two_times_take_batches_of_times() -> None:
    process = LinearSDE(schedule("flow-matching"))
    s, t = tensor([0.1, 0.2]), tensor([0.5, 0.9])
    x, x0 = torch.ones(2, 3).double(), torch.zeros(2, 3).double()
    mean, variance = process.posterior(x, x0, s, t)
    assert mean.shape == (2, 3)
    for row in range(2):
        one = process.posterior(x[row], x0[row], s[row], t[row])
        torch.testing.assert_close(mean[row], one[0])
        torch.testing.assert_close(variance[row].squeeze(), one[1].squeeze())


def test_slopes_and_small_steps_of_constants() -> None:
    t = tensor(0.5)
    assert calculus.slope(lambda u: tensor([1.0, 2.0]), t).equal(tensor([0.0, 0.0]))
    y, log_det = calculus.pushed(lambda x, u: torch.ones_like(x), tensor([[1.0, 2.0]]), t, tensor(0.1))
    assert y.equal(tensor([[1.1, 2.1]]))
    assert float(log_det) == 0
