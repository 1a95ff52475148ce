"""Schedules: identities that hold for every one of them, at every time, and bad input."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.schedules import (
    EDM,
    SCHEDULES,
    Custom,
    FlowMatching,
    Schedule,
    VarianceExploding,
    VariancePreserving,
    VPCosine,
    VPLinear,
    schedule,
)
from concordant.proofs_tests.tests.strategies import floats, schedules, tensor, times

EVERY = [schedule(name) for name in SCHEDULES]


def slope(fn: object, t: float) -> Tensor:
    u = tensor(t).requires_grad_()
    value = fn(u)
    return torch.autograd.grad(value, u)[0] if value.requires_grad else torch.zeros(()).double()


@given(st.data(), schedules())
def test_derivatives_are_those_of_automatic_differentiation(data: st.DataObject, clock: Schedule) -> None:
    t = data.draw(times(clock))
    at = clock.at(t)
    torch.testing.assert_close(at.d_alpha, slope(clock.alpha, t), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(at.d_sigma, slope(clock.sigma, t), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(at.d_sigma2, slope(lambda u: clock.sigma(u) ** 2, t), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(clock.d_lam(t), slope(clock.lam, t), rtol=1e-9, atol=1e-12)


@given(st.data(), schedules())
def test_drift_and_diffusion(data: st.DataObject, clock: Schedule) -> None:
    t = data.draw(times(clock))
    sigma2 = clock.sigma(tensor(t)) ** 2
    torch.testing.assert_close(clock.f(t), slope(lambda u: clock.alpha(u).log(), t), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(clock.g2(t), -2 * sigma2 * clock.d_lam(t), rtol=1e-9, atol=1e-12)
    assert float(clock.g2(t)) > 0
    torch.testing.assert_close(clock.snr(t), (2 * clock.lam(t)).exp())


@given(schedules(), floats(-3, 3))
def test_time_of_lambda_is_the_inverse(clock: Schedule, lam: float) -> None:
    at = tensor(lam).requires_grad_()
    t = clock.t_of_lam(at)
    torch.testing.assert_close(clock.lam(t).detach(), at.detach(), rtol=1e-9, atol=1e-9)
    (gradient,) = torch.autograd.grad(t, at)
    torch.testing.assert_close(gradient, 1 / clock.d_lam(t).detach(), rtol=1e-6, atol=1e-12)


@given(st.data(), schedules())
def test_twins_have_the_same_signal_to_noise_ratio(data: st.DataObject, clock: Schedule) -> None:
    t = data.draw(times(clock))
    for twin in (VariancePreserving(clock), VarianceExploding(clock)):
        torch.testing.assert_close(twin.lam(t), clock.lam(t))
        torch.testing.assert_close(twin.t_of_lam(clock.lam(t)), tensor(t), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(twin.at(t).d_alpha, slope(twin.alpha, t), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(
            twin.at(t).d_sigma2, slope(lambda u, s=twin: s.sigma(u) ** 2, t), rtol=1e-9, atol=1e-12
        )
    vp, ve = VariancePreserving(clock).at(t), VarianceExploding(clock).at(t)
    torch.testing.assert_close(vp.alpha**2 + vp.sigma**2, tensor(1.0))
    torch.testing.assert_close(ve.alpha, tensor(1.0))


@pytest.mark.parametrize("clock", EVERY, ids=lambda s: s.name)
def test_at_the_ends_of_the_clock(clock: Schedule) -> None:
    start, end = clock.at(0.0), clock.at(clock.T)
    assert float(start.alpha) == pytest.approx(1, abs=1e-15)
    assert float(start.sigma) == 0
    assert float(clock.lam(0.0)) == math.inf
    for level in (start, end):
        assert not any(value.isnan().any() for value in level)
        assert all(value.isfinite().all() for value in (level.alpha, level.sigma, level.d_alpha, level.d_sigma2))


@pytest.mark.parametrize("clock", EVERY, ids=lambda s: s.name)
def test_small_times_keep_their_digits(clock: Schedule) -> None:
    """σ² by its definition in 50 digits."""
    from mpmath import mp, mpf

    mp.dps = 50
    t = mpf(1e-7)
    want = {
        "ve": lambda: mpf(0.01) * mp.sqrt((mpf(50.0) / mpf(0.01)) ** (2 * t) - 1),
        "edm": lambda: t,
        "vp-linear": lambda: mp.sqrt(1 - mp.exp(-(t * mpf(0.1) + t**2 * (mpf(20) - mpf(0.1)) / 2))),
        "sub-vp": lambda: 1 - mp.exp(-(t * mpf(0.1) + t**2 * (mpf(20) - mpf(0.1)) / 2)),
        "vp-cosine": lambda: mp.sqrt(
            1
            - (
                mp.cos((t + mpf(0.008)) / (1 + mpf(0.008)) * mp.pi / 2)
                / mp.cos(mpf(0.008) / (1 + mpf(0.008)) * mp.pi / 2)
            )
            ** 2
        ),
        "trigonometric": lambda: mp.sin(mp.pi * t / 2),
        "flow-matching": lambda: t,
    }[clock.name]()
    assert abs(mpf(float(clock.sigma(tensor(1e-7)))) / want - 1) < 1e-13


def test_times_may_be_a_batch() -> None:
    t = torch.rand(3, 4, dtype=torch.float64)
    level = VPLinear().at(t)
    assert all(value.shape == (3, 4) for value in level)


@pytest.mark.parametrize("t", [-1e-9, 1.0001, [0.5, 2.0], float("nan")])
def test_a_time_off_the_clock_is_refused(t: object) -> None:
    with pytest.raises(BadInput, match=r"outside the clock of schedule 'vp-linear': t must lie in \[0, 1\]"):
        VPLinear().at(tensor(t))


def test_a_lambda_that_is_not_reached_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"lambda = -9 is not reached by schedule 'edm': lambda must lie in \[-4\.382, inf\]"
    ):
        EDM().t_of_lam(-9.0)


def test_unknown_schedule() -> None:
    with pytest.raises(BadInput, match="unknown schedule 'vp-cosin': did you mean 'vp-cosine'"):
        schedule("vp-cosin")


@pytest.mark.parametrize(
    ("alpha", "sigma", "message"),
    [
        (lambda t: 1 - t, lambda t: t.sum(), "sigma_fn must be elementwise"),
        (lambda t: 1 - 2 * t, lambda t: t, "alpha_fn must be finite and not negative"),
        (lambda t: 1 - t, lambda t: t / (1 - t), "sigma_fn must be finite"),
        (lambda t: 1 + 0 * t, lambda t: torch.sin(4 * t), "sigma_fn must be finite and not negative"),
        (lambda t: 1 + 5 * t**2, lambda t: t, "must fall in t"),
    ],
)
def test_bad_schedules_of_the_users_are_refused(alpha: object, sigma: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Custom(alpha, sigma)


def test_a_constant_of_the_users_has_no_slope() -> None:
    clock = Custom(lambda t: torch.ones_like(t), lambda t: t, name="mine")
    assert float(clock.f(0.3)) == 0
    assert float(clock.g2(0.3)) == pytest.approx(0.6)


def test_second_derivatives_of_the_users_schedule() -> None:
    clock, t = Custom(lambda t: 1 - t**3, lambda t: t**2), tensor(0.5).requires_grad_()
    (bend,) = torch.autograd.grad(clock.d_alpha(t), t)
    assert float(bend) == pytest.approx(-3.0)


def test_float32_times_stay_float32() -> None:
    for clock in EVERY:
        assert all(value.dtype == torch.float32 for value in clock.at(torch.tensor(0.5)))


def test_known_values() -> None:
    assert float(FlowMatching().g2(0.5)) == pytest.approx(2.0)  # 2t/(1-t)
    assert float(EDM().g2(3.0)) == pytest.approx(6.0)  # 2t
    assert float(VPLinear().g2(0.5)) == pytest.approx(0.1 + 0.5 * 19.9)  # β(t)
    cosine = VPCosine(offset=0.0)
    assert float(cosine.alpha(tensor(0.5))) == pytest.approx(math.sqrt(0.5))
    assert "VPLinear('vp-linear', T=1)" in repr(VPLinear())
