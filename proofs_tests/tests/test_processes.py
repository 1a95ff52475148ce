"""Chains, single steps, joint laws, probes and the loss over all times: bad input, and what they are at their ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from concordant.errors import BadInput
from concordant.impl import chains, joint_laws, probes, sde
from concordant.impl.one_step import Stepped
from concordant.impl.predictions import predictor
from concordant.impl.schedules import schedule
from concordant.impl.sde import LinearSDE

ONE, TWO = torch.ones(1), torch.ones(2, 2)
VP, VE = schedule("vp-linear"), schedule("ve")

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "one time": (lambda: chains.ncsn(VE, [0.1]), "times must hold at least two times"),
    "falling times": (lambda: chains.ddpm(VP, [0.5, 0.1]), "times must hold at least two times, and rise"),
    "variance that is not preserved": (lambda: chains.ddpm(VE, [0.1, 0.5]), "take VariancePreserving"),
    "off the clock": (lambda: chains.euler_maruyama(VP, [0.5, 1.5]), "outside the clock"),
    "α that moves": (lambda: chains.ncsn(VP, [0.1, 0.5]), "alpha = 1"),
    "β h above 1": (lambda: chains.ddpm(VP, [0.1, 0.5, 0.9]), "times must be closer"),
    "no variance": (lambda: joint_laws.covariance(VP, 0.0, 0.1, 0.5), "variance must be positive"),
    "negative κ": (
        lambda: joint_laws.covariance(VP, 1.0, 0.1, 0.5, -1.0),
        "kappa must be finite, and not negative",
    ),
    "s after t": (lambda: joint_laws.transition(VP, TWO, 1.0, TWO, 0.5, 0.1), "s must not be after t"),
    "unknown law": (lambda: probes.variance(TWO, "uniform"), "law must be"),  # type: ignore[arg-type]
    "unknown law of probes": (lambda: probes.draw("uniform", 2, TWO), "law must be"),  # type: ignore[arg-type]
    "no probes": (lambda: probes.draw("signs", 0, TWO), "n must be at least 1"),
    "not square": (lambda: probes.variance(torch.ones(2, 3)), "jacobian must have shape"),
    "drift of another shape": (lambda: Stepped(TWO, torch.ones(2), ONE, ONE[0], ONE[0]), "points and drift"),
    "a weight below 0": (lambda: Stepped(TWO, -torch.ones(2), TWO, ONE[0], ONE[0]), "weights must not be negative"),
    "no noise": (lambda: Stepped(TWO, torch.ones(2), TWO, 0 * ONE[0], ONE[0]), "g2 must be positive"),
    "no step": (lambda: Stepped(TWO, torch.ones(2), TWO, ONE[0], 0 * ONE[0]), "h must be positive"),
    "negative weight": (
        lambda: sde.continuous_dsm(
            LinearSDE(VP), predictor(lambda x, t: x, "score"), TWO, TWO, torch.tensor(0.5), lambda t: -t
        ),
        "omega must not be negative",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_says_what_is_wrong(name: str) -> None:
    call, said = WRONG[name]
    with pytest.raises(BadInput, match=said):
        call()


def test_probes_have_their_law() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.zeros(3, 4, dtype=torch.float64)
    signs, normal = probes.draw("signs", 2000, x, random), probes.draw("normal", 2000, x, random)
    assert signs.shape == normal.shape == (2000, 3, 4)
    assert bool((signs.abs() == 1).all())
    for z in (signs, normal):
        assert bool((z.mean(0).abs() < 0.15).all())
        assert bool(((z**2).mean(0) - 1).abs().max() < 0.2)


def test_signs_are_exact_where_the_jacobian_is_diagonal() -> None:
    assert float(probes.variance(torch.diag(torch.tensor([1.0, -3.0, 2.0])))) == 0


def test_the_flow_leaves_nothing_to_chance() -> None:
    x = torch.tensor([[0.3, -1.0]], dtype=torch.float64)
    for kappa, left in ((0.0, True), (0.5, False), (1.0, False)):
        _, variance = joint_laws.transition(VP, torch.zeros(2), 0.7, x, 0.2, 0.6, kappa)
        assert (float(variance) == 0) is left


def test_what_is_left_to_chance_keeps_its_digits() -> None:
    s, t = 0.3, 0.3 + 2**-40
    x = torch.zeros(1, 2, dtype=torch.float64)
    _, variance = joint_laws.transition(VP, torch.zeros(2), 0.7, x, s, t, kappa=2.0)
    assert float(variance) == pytest.approx(4 * float(VP.g2(s)) * 2**-40, rel=1e-9)


def test_steps_compose() -> None:
    times = torch.linspace(0.1, 0.5, 9, dtype=torch.float64)
    whole = chains.euler_maruyama(VP, times)
    first, second = chains.euler_maruyama(VP, times[:5]), chains.euler_maruyama(VP, times[4:])
    for got, want in zip(second.kernel(*first.kernel()), whole.kernel(), strict=True):
        assert float((got - want).abs()) < 1e-14
