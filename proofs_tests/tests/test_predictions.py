"""Predictions: conversions between the five kinds, and where they are singular."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from concordant.errors import BadInput
from concordant.impl.predictions import KINDS, Kind, Prediction, predict, predictor
from concordant.impl.schedules import Schedule, schedule
from concordant.proofs_tests.tests.strategies import schedules, tensor, times

PAIRS = list(itertools.permutations(KINDS, 2))


@given(st.data(), schedules())
def test_round_trips_and_detours(data: st.DataObject, clock: Schedule) -> None:
    """A to B to A gives A back, and A to B to C is A to C, for any values, not only for exact ones."""
    level = clock.at(data.draw(times(clock)))
    x, value = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    a, b, c = (data.draw(st.sampled_from(KINDS)) for _ in range(3))
    direct, detour = (Prediction(a, value).to(c, x, level), Prediction(a, value).to(b, x, level).to(c, x, level))
    scale = float(direct.value.abs().max() + (detour.value - direct.value).abs().max() + 1e3)
    torch.testing.assert_close(detour.value, direct.value, rtol=1e-8, atol=1e-11 * scale)
    assert detour.kind == c


@given(st.data(), schedules())
def test_a_pair_is_recovered(data: st.DataObject, clock: Schedule) -> None:
    """From the target of any kind, made from a pair (x_0, ε), the pair comes back."""
    n = clock.at(data.draw(times(clock)))
    x0, noise = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x = n.alpha * x0 + n.sigma * noise
    made = {
        "x0": x0,
        "epsilon": noise,
        "score": -noise / n.sigma,
        "v": n.alpha * noise - n.sigma * x0,
        "velocity": n.d_alpha * x0 + n.d_sigma * noise,
    }
    for kind in KINDS:
        got = Prediction(kind, made[kind])
        torch.testing.assert_close(got.to("x0", x, n).value, x0, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(got.to("epsilon", x, n).value, noise, rtol=1e-7, atol=1e-9)


def test_one_level_a_point() -> None:
    clock, t = schedule("vp-linear"), tensor([0.1, 0.5, 0.9])
    x, value = torch.randn(2, 3, 2, dtype=torch.float64)
    together = Prediction("epsilon", value).to("velocity", x, clock.at(t)).value
    for i in range(3):
        alone = Prediction("epsilon", value[i]).to("velocity", x[i], clock.at(t[i])).value
        torch.testing.assert_close(together[i], alone)


@pytest.mark.parametrize(
    ("kind", "to", "clock", "t"),
    [
        ("x0", "epsilon", "flow-matching", 0.0),
        ("epsilon", "x0", "flow-matching", 1.0),
        ("score", "x0", "flow-matching", 1.0),
        ("v", "score", "flow-matching", 0.0),
        ("v", "velocity", "vp-linear", 0.0),
    ],
)
def test_singular_conversions_say_so(kind: Kind, to: Kind, clock: str, t: float) -> None:
    with pytest.raises(BadInput, match=f"no conversion from {kind} to {to} at alpha = .*, sigma = .*: "):
        Prediction(kind, torch.ones(2).double()).to(to, torch.ones(2).double(), schedule(clock).at(t))


@pytest.mark.parametrize(
    ("kind", "to"), [("v", "x0"), ("velocity", "x0"), ("epsilon", "x0"), ("v", "epsilon"), ("velocity", "v")]
)
def test_conversions_that_are_not_singular_at_the_ends(kind: Kind, to: Kind) -> None:
    for t in (0.0, 1.0):
        if (kind, t) != ("epsilon", 1.0):
            got = Prediction(kind, torch.ones(2).double()).to(
                to, torch.ones(2).double(), schedule("flow-matching").at(t)
            )
            assert bool(got.value.isfinite().all())


def test_unknown_kinds() -> None:
    with pytest.raises(BadInput, match="unknown kind of prediction 'noise'"):
        Prediction("noise", torch.ones(1))
    with pytest.raises(BadInput, match="unknown kind of prediction 'eps'"):
        Prediction("x0", torch.ones(1)).to("eps", torch.ones(1), schedule("edm").at(1.0))


def test_predict_takes_a_number_for_a_time() -> None:
    model = predictor(lambda x, t: x * t, "x0")
    got = predict(model, schedule("edm"), torch.ones(3, 2), 2.0, "epsilon")
    torch.testing.assert_close(got, torch.full((3, 2), -0.5))
