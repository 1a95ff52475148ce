"""Schedules: identities that hold for every one of them, at every time, and bad input."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.schedules import (
    EDM,
    SCHEDULES,
    Custom,
    FlowMatching,
    FromSDE,
    Schedule,
    VarianceExploding,
    VariancePreserving,
    VPCosine,
    VPLinear,
    schedule,
)
from concordant.impl.sde import LinearSDE
from concordant.impl.variational import DDPM
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


mp.dps = 60


def exactly(name: str, t: float) -> tuple[Any, Any]:
    """α and σ² of a named schedule by their definitions, in 60 digits."""
    u = mpf(t)
    lost = mp.exp(-(u * mpf(0.1) + u**2 * (mpf(20) - mpf(0.1)) / 2))  # e^{-B}
    angle, start = ((v + mpf(0.008)) / (1 + mpf(0.008)) * mp.pi / 2 for v in (u, 0))
    cosine = mp.cos(angle) / mp.cos(start)
    values: dict[str, tuple[Any, Any]] = {
        "ve": (mpf(1), mpf(0.01) ** 2 * ((mpf(50.0) / mpf(0.01)) ** (2 * u) - 1)),
        "edm": (mpf(1), u**2),
        "vp-linear": (mp.sqrt(lost), 1 - lost),
        "sub-vp": (mp.sqrt(lost), (1 - lost) ** 2),
        "vp-cosine": (cosine, 1 - cosine**2),
        "trigonometric": (mp.cos(mp.pi * u / 2), mp.sin(mp.pi * u / 2) ** 2),
        "flow-matching": (1 - u, u**2),
    }
    return values[name]


@pytest.mark.parametrize("clock", EVERY, ids=lambda s: s.name)
def test_small_times_keep_their_digits(clock: Schedule) -> None:
    _, want = exactly(clock.name, 1e-7)
    assert abs(mpf(float(clock.sigma(tensor(1e-7)))) / mp.sqrt(want) - 1) < 1e-13


#: Steps from s to t: long ones, and short ones at the start, in the middle and at the end of the clock.
STEPS = [(0.0, 0.5), (0.2, 0.7), (1e-5, 1e-5 + 1e-12), (0.3, 0.3 + 1e-10), (0.5, 0.5 + 2e-15), (0.999, 0.999 + 1e-9)]


@pytest.mark.parametrize("clock", EVERY, ids=lambda s: s.name)
@pytest.mark.parametrize(("s", "t"), STEPS)
def test_the_variance_of_a_short_step_keeps_its_digits(clock: Schedule, s: float, t: float) -> None:
    """σ²_{t|s}, of the schedule and its twins, where σ_t² - (α_t/α_s)² σ_s² in floating point has lost up to all digits."""
    (alpha_s, before), (alpha_t, after) = exactly(clock.name, s), exactly(clock.name, t)
    want = after - (alpha_t / alpha_s) ** 2 * before
    for twin, scale2 in (
        (clock, 1),
        (VariancePreserving(clock), 1 / (alpha_t**2 + after)),
        (VarianceExploding(clock), 1 / alpha_t**2),
    ):
        got = twin.added_variance(s, t)
        assert abs(mpf(float(got)) / (want * scale2) - 1) < 1e-13
        ratio, same = LinearSDE(twin).transition(tensor(s), tensor(t))
        assert float(same) == float(got)
        torch.testing.assert_close(ratio, twin.alpha(tensor(t)) / twin.alpha(tensor(s)))


def test_short_steps_of_ones_own_schedule() -> None:
    """From an SDE the variance is an integral over the step; from α and σ it is a difference, and says so."""
    ou = FromSDE(lambda t: -torch.ones_like(t), lambda t: 2 * torch.ones_like(t))
    own = Custom(lambda t: torch.exp(-t), lambda t: torch.sqrt(-torch.expm1(-2 * t)))
    for gap, loses in ((2**-3, 1e-14), (2**-30, 1e-6)):
        want = -math.expm1(-2 * gap)
        assert float(ou.added_variance(0.5, 0.5 + gap)) == pytest.approx(want, rel=1e-13)
        assert float(own.added_variance(0.5, 0.5 + gap)) == pytest.approx(want, rel=loses)
    batch = ou.added_variance(torch.zeros(3, 1).double(), torch.rand(3, 4).double())
    assert batch.shape == (3, 4)


@pytest.mark.parametrize("name", ["vp-linear", "vp-cosine", "flow-matching"])
def test_fine_chains_have_the_schedules_variances(name: str) -> None:
    """β_i = 1 - (α_i/α_{i-1})² of a chain with steps of 1e-9."""
    clock = schedule(name)
    times = 0.4 + 1e-9 * torch.arange(4).double()
    chain = DDPM.from_schedule(VariancePreserving(clock), times)
    for i in (1, 2, 3):
        (a, before), (b, after) = (exactly(name, float(t)) for t in times[i - 1 : i + 1])
        want = 1 - b**2 / (b**2 + after) / (a**2 / (a**2 + before))
        assert abs(mpf(float(chain.beta[i])) / want - 1) < 1e-13


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
