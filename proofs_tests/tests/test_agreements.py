"""Agreements: each on mixtures drawn at random, each refuting its wrong formulas; and the machinery around them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concordant.impl.schedules import schedule
from concordant.impl.targets import GaussianMixture, target
from concordant.proofs_tests import agreement as core
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.affine import affine
from concordant.proofs_tests.agreements import AGREEMENTS
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.covering import BREAK_SCHEDULES, BREAK_TARGETS, break_cell
from concordant.proofs_tests.ledger import refuted
from concordant.proofs_tests.run import Setting, Task, run_one
from concordant.proofs_tests.tests.strategies import floats, mixtures, named_schedules, tensor
from concordant.proofs_tests.transfer import Kernels, carry
from concordant.theory import registry

TRIAL = Setting(
    {name: target(name) for name in BREAK_TARGETS},
    {name: schedule(name) for name in BREAK_SCHEDULES},
    seed=0,
    dtype=torch.float64,
)


@pytest.mark.parametrize("name", AGREEMENTS)
def test_holds_on_mixtures_drawn_at_random(name: str) -> None:
    agreement = AGREEMENTS[name]
    slow = agreement.tolerance.name == "T4" or name in ("bound-and-score-error", "one-probability-flow")

    @settings(max_examples=2 if slow else 6)
    @given(mixtures(dimensions=st.integers(1, 3), most_components=3, least_width=0.2, spread=2.0), named_schedules())
    def check(mixture: GaussianMixture, clock: object) -> None:
        case = Case("drawn", mixture, clock)
        if agreement.applies(case):
            outcome = agreement.run(case)
            limit = agreement.limit(torch.float64)
            assert limit is not None
            assert outcome.discrepancy <= limit, outcome

    check()


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, i) for name, one in AGREEMENTS.items() for i in range(len(one.breaks))]
)
def test_notices_its_wrong_formulas(name: str, wrong: int) -> None:
    agreement = AGREEMENTS[name]
    result = run_one(Task(break_cell(agreement, TRIAL.targets, TRIAL.schedules), wrong), TRIAL)
    assert refuted(result), (agreement.breaks[wrong].description, result)


def test_every_claim_has_checks_and_every_check_can_fail() -> None:
    assert {one.claim for one in AGREEMENTS.values()} == set(registry.claims())
    assert not [name for name, one in AGREEMENTS.items() if not one.breaks]


@pytest.mark.parametrize("name", [n for n, a in AGREEMENTS.items() if a.float32])
def test_holds_in_float32(name: str) -> None:
    agreement = AGREEMENTS[name]
    for target_name, clock in (("anisotropic", "vp-linear"), ("ring", "ve"), ("sixty-four", "flow-matching")):
        outcome = agreement.run(Case(target_name, target(target_name), schedule(clock), 0, torch.float32))
        limit = agreement.limit(torch.float32)
        assert limit is not None
        assert outcome.discrepancy <= limit, outcome


# -------------------------------------------------------------------- the machinery
def test_nan_never_passes() -> None:
    nan = tensor([1.0, math.nan])
    assert core.Compare(nan, nan).outcome().discrepancy == math.inf
    assert core.Compare(tensor(math.inf), tensor(1.0)).outcome().discrepancy == math.inf
    assert core.AtMost(nan, 0.0).outcome().discrepancy == math.inf
    assert core.Order([1, 2, 4, 8], [1.0, 0.5, math.nan, 0.1], 1.0).outcome().discrepancy == math.inf
    assert core.Compare(tensor(0.0), tensor(0.0), scale=0.0).outcome().discrepancy == 0
    assert core.Compare(tensor(1e-9), tensor(0.0), scale=0.0).outcome().discrepancy == math.inf


def test_the_worst_entry_is_reported() -> None:
    outcome = core.Compare(
        tensor([1.0, 2.0, 5.0]), tensor([1.0, 2.5, 5.1]), tensor([1.0, 1.0, 10.0]), at="here"
    ).outcome()
    assert outcome == core.Outcome(0.5, 2.0, 2.5, "here")
    below = core.AtMost(tensor([1.0, 3.0]), 2.0).outcome()
    assert (below.discrepancy, below.left, below.right) == (1.0, 3.0, 2.0)


def test_agreements_must_compare_something_and_say_what() -> None:
    empty = core.Agreement("x", "tweedie", core.T1, "", lambda case: [], "", lambda case: True)
    with pytest.raises(ValueError, match="compared nothing"):
        empty.run(Case("ring", target("ring"), schedule("ve")))
    with pytest.raises(ValueError, match="must say in its docstring"):
        core.agreement("tweedie", core.T1, because="")(lambda case: [])
    with pytest.raises(ValueError, match="two agreements are named 'conversions'"):

        @core.agreement("tweedie", core.T1, because="")
        def conversions(case: Case) -> list[core.Comparison]:
            """Something else."""
            return []


def test_an_order_needs_three_halvings() -> None:
    with pytest.raises(ValueError, match="three halvings"):
        core.observed_order([1, 2, 4], [1.0, 0.5, 0.25])


def test_an_agreement_that_raises_has_failed_and_notices_nothing() -> None:
    name = "conversions"
    agreement = AGREEMENTS[name]
    broken = core.Agreement(name, agreement.claim, core.T1, "", lambda case: 1 / 0, "", agreement.applies)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(AGREEMENTS, name, broken)
        result = run_one(Task(break_cell(broken, TRIAL.targets, TRIAL.schedules)), TRIAL)
    assert not result.ok
    assert not refuted(result)
    assert "ZeroDivisionError: division by zero" in result.error


def test_seeds_depend_on_the_case_and_on_nothing_else() -> None:
    case = Case("ring", target("ring"), schedule("ve"), 1)
    assert case.sample(0.5, 3).equal(Case("ring", target("ring"), schedule("ve"), 1).sample(0.5, 3))
    assert not case.sample(0.5, 3).equal(Case("ring", target("ring"), schedule("ve"), 2).sample(0.5, 3))


# -------------------------------------------------------------------- references
@given(st.data(), mixtures(dimensions=st.integers(1, 2)), floats(-2, 2.5))
def test_quadrature_knows_the_moments(data: st.DataObject, mixture: GaussianMixture, lam: float) -> None:
    clock = schedule("vp-cosine")
    alpha, sigma = (float(v) for v in clock.at(clock.t_of_lam(lam))[:2])
    weights, x = quadrature.points(mixture, alpha, sigma)
    eye = torch.eye(mixture.dimension).double()
    assert float(weights.sum()) == pytest.approx(1, abs=1e-9)
    torch.testing.assert_close(quadrature.mean(weights, x), alpha * mixture.mean, rtol=0, atol=1e-8)
    offset = x - alpha * mixture.mean
    covariance = torch.einsum("n,ni,nj->ij", weights, offset, offset)
    torch.testing.assert_close(covariance, alpha**2 * mixture.covariance + sigma**2 * eye, rtol=1e-7, atol=1e-8)
    weights, x0, noise = quadrature.pairs(mixture, alpha, sigma)
    torch.testing.assert_close(quadrature.mean(weights, x0), mixture.mean, rtol=0, atol=1e-8)
    torch.testing.assert_close(torch.einsum("n,ni,nj->ij", weights, noise, noise), eye, rtol=0, atol=1e-8)
    torch.testing.assert_close(
        torch.einsum("n,ni,nj->ij", weights, x0 - mixture.mean, noise), 0 * eye, rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("name", ["five", "sixty-four", "gaussian-5"])
def test_quadrature_in_many_dimensions(name: str) -> None:
    mixture = target(name)
    weights, x0, noise = quadrature.pairs(mixture, 0.8, 0.6)
    offset = x0 - mixture.mean
    torch.testing.assert_close(
        torch.einsum("n,ni,nj->ij", weights, offset, offset), mixture.covariance, rtol=1e-7, atol=1e-8
    )
    weights, x = quadrature.points(mixture, 0.8, 0.6)
    entropy = [quadrature.mean(weights, mixture.at_level(0.8, 0.6).log_prob(x))]
    x_t = 0.8 * x0 + 0.6 * noise
    assert len(x_t) == len(x0)
    assert bool(entropy[0].isfinite())


def test_what_does_not_split_is_refused() -> None:
    for rule in (quadrature.points, quadrature.pairs):
        with pytest.raises(ValueError, match="does not split"):
            rule(target("crowd-64"), 0.8, 0.6)


def test_a_step_that_is_not_affine_is_refused() -> None:
    with pytest.raises(ValueError, match="not affine"):
        affine(lambda x, z: x**2 + z, 2)


def test_transfer_of_what_is_known() -> None:
    """A step x + 0.3 z adds variance; noise that depends on the state, and a grid too short, are refused."""
    p = target("well-separated").at(schedule("edm"), 0.4)
    x, density = carry(p, Kernels(lambda x, z: x + 0.3 * z, 3), -12, 12)
    want = target("well-separated").at(schedule("edm"), math.sqrt(0.4**2 + 3 * 0.3**2)).log_prob(x[:, None]).exp()
    torch.testing.assert_close(density, want, rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="depends on the state"):
        carry(p, Kernels(lambda x, z: x + x.abs() * z, 1), -12, 12)
    with pytest.raises(ValueError, match="mass was lost"):
        carry(p, Kernels(lambda x, z: x + 0.3 * z, 1), -6, 6)
