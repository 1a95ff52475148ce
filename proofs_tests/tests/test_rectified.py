"""Rectified flow, minibatch couplings and gradient flows: edges, bad input, floating-point types, and another library."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from concordant.errors import BadInput
from concordant.impl import couplings, gradient_flows, rectified
from concordant.impl.batch import f64
from concordant.impl.rectified import GaussianCoupling, IndependentCoupling
from concordant.impl.targets import Gaussian, GaussianMixture, target

SOURCE = GaussianMixture([0.3, 0.7], [[-1.0, 0.0], [2.0, 1.0]], [0.3, 0.8])
RING = target("ring")
LAW = IndependentCoupling(SOURCE, RING)
POINTS = torch.zeros(3, 2, dtype=torch.float64)


def test_the_exact_velocity_is_the_mean_of_pairs_nearby() -> None:
    """By Monte Carlo: pairs whose middle lies near a point, within 4.5 standard errors."""
    t, centre = 0.4, f64([0.5, 0.3])
    x0, x1 = LAW.sample(400_000, 3)
    near = (rectified.interpolate(x0, x1, t) - centre).norm(dim=-1) < 0.1
    moves = (x1 - x0)[near]
    got = LAW.velocity(centre.unsqueeze(0), t)[0]
    error = moves.std(0) / math.sqrt(len(moves))
    assert bool(((moves.mean(0) - got).abs() < 4.5 * error + 0.02).all())
    assert float(moves.var(0).sum()) == pytest.approx(float(LAW.spread(centre.unsqueeze(0), t)), rel=0.1)


def test_ends_of_the_clock() -> None:
    x = SOURCE.sample(3, 0)
    assert torch.allclose(LAW.velocity(x, 0.0), RING.mean - x)
    y = RING.sample(3, 0)
    assert torch.allclose(LAW.velocity(y, 1.0), y - SOURCE.mean)
    assert torch.allclose(LAW.log_prob(y, 1.0), RING.at_level(1.0, 0.0).log_prob(y))


def test_one_time_a_point_and_float32() -> None:
    x, t = SOURCE.sample(4, 1), f64([0.1, 0.4, 0.6, 0.9])
    together = LAW.velocity(x, t)
    for row, (point, when) in enumerate(zip(x, t, strict=True)):
        assert torch.allclose(LAW.velocity(point, when), together[row])
    single = LAW.velocity(x.float(), t)
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), together, rtol=1e-4, atol=1e-4)


def test_plain_methods_tend_to_the_reference() -> None:
    z = SOURCE.sample(3, 2)
    want = LAW.rectify(z)
    errors = [float((LAW.rectify(z, "heun", n) - want).abs().max()) for n in (50, 100, 200)]
    assert errors[2] < errors[1] < errors[0] < 0.3


def test_an_assignment_costs_what_optimal_transport_does() -> None:
    """The same cost as POT's linear programme, for equal weights."""
    ot = pytest.importorskip("ot")
    for seed in range(3):
        x, y = SOURCE.sample(40, seed), RING.sample(40, seed + 10)
        costs = couplings.squared_distances(x, y)
        first, paired = couplings.minibatch(x, y)
        share = [1 / 40] * 40
        assert float((first - paired).square().sum()) / 40 == pytest.approx(
            float(ot.emd2(share, share, costs.numpy())), rel=1e-9
        )
        assert sorted(map(tuple, paired.tolist())) == sorted(map(tuple, y.tolist()))


def test_squared_distances_far_from_the_origin() -> None:
    x = f64([[1e6, 0.0], [1e6, 1.0]])
    assert torch.allclose(couplings.squared_distances(x, x), f64([[0.0, 1.0], [1.0, 0.0]]))


def test_pairs_of_least_cost_are_straighter() -> None:
    """In the sense that they lose less: fewer pairs that cross leave less that no velocity can explain."""
    x, y = SOURCE.sample(256, 0), RING.sample(256, 1)
    _, paired = couplings.minibatch(x, y)
    t = f64(0.5)
    drawn = rectified.loss(LAW.velocity, x, y, t).mean()
    near = rectified.loss(lambda at, _: paired - x, x, paired, t).mean()
    assert float(near) == 0.0 < float(drawn)


def test_the_gradient_of_another_generator() -> None:
    """A shift of samples from N(0, 1) towards N(2, 1): KL is (a - 2)²/2, its gradient a - 2."""
    a = f64(0.5).requires_grad_()
    z = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = z + a
    loss = gradient_flows.reverse_kl_surrogate(x, -(x - a).detach(), -(x - 2).detach())
    (got,) = torch.autograd.grad(loss, a)
    assert float(got) == pytest.approx(0.5 - 2, abs=1e-12)


def test_a_field_that_is_not_finite_has_no_trajectory() -> None:
    with pytest.raises(ArithmeticError, match="the field is not finite"):
        rectified.trajectory(lambda z, t: z / 0, POINTS, [0.5])


LINE = GaussianCoupling([0.0], [1.0], [[1.0, 0.2], [0.2, 1.0]])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: IndependentCoupling(target("anisotropic"), RING), "source must have isotropic components"),
        (lambda: IndependentCoupling(Gaussian([0.0], 1.0), RING), "target must have the source's dimension 1"),
        (lambda: LAW.velocity(POINTS, 1.2), "t must lie between 0"),
        (lambda: LAW.spread(POINTS, 0.0), "t must be above 0"),
        (lambda: LAW.velocity(POINTS[:, :1], 0.5), r"x must have shape \(..., 2\)"),
        (lambda: LAW.rectify(POINTS, "midpoint"), "method must be"),
        (lambda: rectified.trajectory(LAW.velocity, POINTS, [0.5, 0.2]), "times must rise"),
        (lambda: rectified.trajectory(LAW.velocity, POINTS, [0.5, 1.5]), "times must rise"),
        (lambda: rectified.straightness(LAW.velocity, POINTS[0]), "z0 must have shape"),
        (lambda: GaussianCoupling([0.0], [0.0], [[1.0, 0.5], [0.2, 1.0]]), "covariance must be symmetric"),
        (lambda: GaussianCoupling([0.0], [0.0], [[1.0]]), "covariance must have shape"),
        (lambda: GaussianCoupling.linear(Gaussian([0.0], 1.0), [[-1.0]], [0.0]).slope(0.5), "leave x_t a density"),
        (lambda: LINE.velocity(POINTS, 0.5), "x must have shape"),
        (lambda: rectified.bent(POINTS, 0.0, 1.0, 0.5), "s0 and s1 must be positive"),
        (lambda: couplings.assignment(torch.zeros(2, 3)), "costs must be square"),
        (lambda: couplings.minibatch(POINTS, POINTS[:2]), r"x1 must have shape \(3, 2\)"),
        (lambda: gradient_flows.energy("reverse-kll"), "unknown energy"),
        (lambda: gradient_flows.velocity("reverse-kl", POINTS, POINTS, POINTS), r"log_ratio must have shape \(3,\)"),
        (lambda: gradient_flows.held_regression(POINTS, POINTS[:, 0]), r"w must have shape \(3, 2\)"),
        (lambda: gradient_flows.reverse_kl_surrogate(POINTS, POINTS, POINTS[:, :1]), "score_q must have shape"),
        (lambda: gradient_flows.gauss_newton(torch.eye(2), torch.zeros(3)), r"w must have shape \(2,\)"),
    ],
)
def test_bad_input(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        call()
