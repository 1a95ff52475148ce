"""Weights, paces, preconditioning and conjugate schedules: what they refuse, and what a table must say of itself."""

from __future__ import annotations

import math

import pytest
import torch

from concordant.errors import BadInput
from concordant.impl import weights
from concordant.impl.conjugate import Conjugacy, polar
from concordant.impl.energies import Pace
from concordant.impl.preconditioning import Preconditioning
from concordant.impl.predictions import predictor
from concordant.impl.schedules import EDM, SCHEDULES, FlowMatching, VPLinear, schedule
from concordant.impl.schedules.discrete import cosine_betas, zero_terminal_snr
from concordant.impl.weights import WEIGHTINGS, weighting
from concordant.proofs_tests.tests.strategies import tensor


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_the_table_says_what_it_is(name: str) -> None:
    one = weighting(name)
    assert one.name == name
    assert one.source
    assert one.says
    assert one.times
    omega = one.omega(torch.linspace(-4, 4, 9, dtype=torch.float64))
    assert omega.dtype == torch.float64
    assert bool((omega > 0).all())


@pytest.mark.parametrize("name", [n for n, one in WEIGHTINGS.items() if one.density is not None])
def test_densities_of_lambda_have_mass_one(name: str) -> None:
    density = WEIGHTINGS[name].density
    assert density is not None
    lam = torch.linspace(-12, 14, 200001, dtype=torch.float64)
    assert float(torch.trapezoid(density(lam), lam)) == pytest.approx(1, abs=1e-4)


def test_what_falls_is_a_mean_of_bounds() -> None:
    assert {name for name, one in WEIGHTINGS.items() if one.monotone(-4, 4)} == {
        "vlb", "v-cosine", "flow-matching", "flow-cosine", "sigmoid",
    }  # fmt: skip
    with pytest.raises(BadInput, match="omega must fall with lambda"):
        weights.bound_mixture(WEIGHTINGS["edm"].omega, -4.0, 4.0)


def test_bad_input() -> None:
    with pytest.raises(BadInput, match="weighting"):
        weighting("snr")
    with pytest.raises(BadInput, match="low must be less than high"):
        weights.bound_mixture(WEIGHTINGS["vlb"].omega, 1.0, 1.0)
    with pytest.raises(BadInput, match="std must be positive"):
        weights.logit_normal(tensor(0.5), 0.0, 0.0)
    with pytest.raises(BadInput, match="shift must be positive"):
        weights.shifted_density(weights.cosine_map, -1.0)
    with pytest.raises(BadInput, match="weight and rms must be positive"):
        weights.best_times(torch.zeros_like, torch.ones_like)
    with pytest.raises(BadInput, match="sigma_data must be positive"):
        Preconditioning(EDM(), 0.0)
    with pytest.raises(BadInput, match="steps must be at least 1"):
        cosine_betas(0)
    with pytest.raises(BadInput, match="most must be in"):
        cosine_betas(10, most=1.5)
    with pytest.raises(BadInput, match="alpha_bar must hold at least two numbers"):
        zero_terminal_snr([0.5, 0.7])
    with pytest.raises(BadInput, match="alpha_bar must hold at least two numbers"):
        zero_terminal_snr([0.5, -0.7])
    rho = torch.linspace(0, 1, 5, dtype=torch.float64)
    with pytest.raises(BadInput, match=r"kappa must have shape \(5,\)"):
        Pace(rho, rho[:3])
    with pytest.raises(BadInput, match="rho must rise"):
        Pace(rho.flip(0), 1 + rho)
    with pytest.raises(BadInput, match="rho must go from 0 to 1, and kappa be positive"):
        Pace(rho, rho)


def test_nan_never_passes_for_a_result() -> None:
    def broken(u: torch.Tensor) -> torch.Tensor:
        return u * math.nan

    with pytest.raises(BadInput, match="omega must fall"):
        weights.bound_mixture(broken, -1.0, 1.0)
    with pytest.raises(BadInput, match="omega must fall"):
        weights.bound_mixture(torch.zeros_like, -1.0, 1.0)
    with pytest.raises(BadInput, match="weight and rms must be positive"):
        weights.best_times(broken, torch.ones_like)
    with pytest.raises(BadInput, match="weight and rms must be positive"):
        weights.best_times(lambda t: t - 0.1, torch.ones_like)
    one = tensor([[1.0]])
    with pytest.raises(BadInput, match="density must be positive"):
        weights.disentangled_loss(
            predictor(lambda x, t: x, "x0"), FlowMatching(), "x0", one, one, tensor(1.0), density=weights.logit_normal
        )
    assert weights.logit_normal(tensor([0.0, 1.0])).tolist() == [0.0, 0.0]
    assert math.isnan(float(weights.logit_normal(tensor(math.nan))))
    with pytest.raises(BadInput, match="kappa must be finite"):
        Pace(tensor([0.0, 0.5, 1.0]), tensor([1.0, math.nan, 1.0]))
    for asked in (
        lambda p: p.weight(tensor(0.0)),
        lambda p: p.target(one, one, tensor(0.0)),
        lambda p: p.loss(lambda x, t: x, one, one, tensor(0.0)),
    ):
        with pytest.raises(BadInput, match="t must have sigma > 0"):
            asked(Preconditioning(EDM()))
    with pytest.raises(BadInput, match="sigma_data must be positive and finite"):
        Preconditioning(EDM(), math.inf)
    with pytest.raises(BadInput, match="offset must be in"):
        cosine_betas(10, offset=math.nan)
    with pytest.raises(BadInput, match="alpha_bar must hold at least two numbers"):
        zero_terminal_snr([1.5, 0.7])


@pytest.mark.parametrize("name", SCHEDULES)
def test_both_ends_of_a_clock_have_polar_coordinates(name: str) -> None:
    clock = schedule(name)
    ends = torch.tensor([0.0, clock.T], dtype=torch.float64)
    radius, angle = polar(clock, ends)[:2]
    assert bool(radius.isfinite().all())
    assert float(angle[0]) == pytest.approx(0, abs=1e-8)
    assert 1.4 < float(angle[1]) <= math.pi / 2


def test_a_schedule_is_conjugate_to_pure_noise_too() -> None:
    """At t = 1 of flow matching α is 0; the trigonometric schedule has the same angle there, and the scale is that of σ."""
    carried = Conjugacy(schedule("trigonometric"), FlowMatching())
    assert float(carried.scale(tensor(1.0))) == pytest.approx(1)
    x = torch.randn(3, 2, dtype=torch.float64)
    torch.testing.assert_close(carried.back(carried.there(x, tensor(0.3)), tensor(0.3)), x)
    with pytest.raises(BadInput, match="is not reached"):
        Conjugacy(VPLinear(), FlowMatching()).time(tensor(1.0))
