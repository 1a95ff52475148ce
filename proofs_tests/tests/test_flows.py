"""Flows: bad input, edges, and Hutchinson's traces by Monte Carlo with their error bar."""

from __future__ import annotations

import math

import pytest
import torch

from concordant.errors import BadInput
from concordant.impl import normalizing_flows as flows
from concordant.impl.interpolants import interpolant


def test_a_planar_layer_that_folds_is_refused() -> None:
    with pytest.raises(BadInput, match=r"u must have u·w ≥ -1.*it is -2"):
        flows.Planar([2.0, 0.0], [-1.0, 3.0], 0.0)
    with pytest.raises(BadInput, match="w must have shape"):
        flows.Planar([2.0, 0.0], [1.0], 0.0)
    with pytest.raises(BadInput, match="z must have shape"):
        flows.Planar([2.0, 0.0], [1.0, 0.0], 0.0)(torch.zeros(3))


def test_what_makes_no_sense_is_refused() -> None:
    x = torch.zeros(1, 2, dtype=torch.float64)
    with pytest.raises(BadInput, match="fn must return points of shape"):
        flows.log_det(lambda y: y[..., :1], x)
    with pytest.raises(BadInput, match="terms must be at least 1"):
        flows.residual_log_det(lambda y: y / 2, x, 0)
    with pytest.raises(BadInput, match="probes must have shape"):
        flows.residual_log_det(lambda y: y / 2, x, 3, torch.zeros(4, 2))
    with pytest.raises(BadInput, match="probes must have shape"):
        flows.residual_log_det(lambda y: y / 2, x, 3, torch.zeros(0, 1, 2))
    with pytest.raises(BadInput, match="steps must be at least 1"):
        flows.residual_inverse(lambda y: y / 2, x, 0)
    with pytest.raises(BadInput, match="v must be a contraction"):
        flows.residual_inverse(lambda y: 3 * y, x + 1, 2000)
    with pytest.raises(BadInput, match="b must be finite"):
        flows.Planar([2.0, 0.0], [1.0, 0.0], math.nan)
    with pytest.raises(BadInput, match="layers must be at least 1"):
        flows.residual_network(lambda y, t: y, x, 0.0, 1.0, 0)
    with pytest.raises(BadInput, match="parameters must be tensors that require gradients"):
        flows.adjoint(lambda y, t: y, x, 0.0, 1.0, lambda y: y.sum(), [torch.ones(1)])
    with pytest.raises(BadInput, match="did you mean 'linear'"):
        interpolant("liner")
    with pytest.raises(BadInput, match="x0 must have the dimension of x1"):
        interpolant("linear").path(torch.zeros(4, 3), x, torch.tensor(0.5))


def test_a_map_that_does_not_move_has_no_volume() -> None:
    x = torch.ones(2, 3, dtype=torch.float64)
    assert flows.log_det(lambda y: torch.ones_like(y), x).tolist() == [-math.inf, -math.inf]
    still = flows.adjoint(lambda y, t: torch.ones_like(y), x, 0.0, 1.0, lambda y: y.sum())
    torch.testing.assert_close(still.start, torch.ones_like(x))
    assert flows.residual_log_det(lambda y: torch.ones_like(y), x, 3, torch.ones(1, 2, 3)).tolist() == [0.0, 0.0]


def test_traces_of_random_probes_are_unbiased() -> None:
    random = torch.Generator().manual_seed(3)
    weight = 0.3 * torch.randn(3, 3, generator=random, dtype=torch.float64)
    x = torch.zeros(1, 3, dtype=torch.float64)
    exact = float(flows.residual_log_det(lambda y: torch.tanh(y @ weight.T), x, 6))
    signs = torch.randint(0, 2, (2000, 1, 3), generator=random).double() * 2 - 1
    each = torch.cat([flows.residual_log_det(lambda y: torch.tanh(y @ weight.T), x, 6, s[None]) for s in signs])
    assert abs(float(each.mean()) - exact) < 4.5 * float(each.std()) / math.sqrt(len(each))


def test_float32_points_stay_float32() -> None:
    x = torch.zeros(4, 2)
    layer = flows.Planar([0.5, 0.1], [1.0, 0.2], 0.1)
    assert layer(x).dtype == layer.log_det(x).dtype == torch.float32
    assert flows.residual_network(lambda y, t: -y, x, 0.0, 1.0, 4).dtype == torch.float32
    path = interpolant("trigonometric")
    assert path.one_sided(x, x, torch.tensor(0.5)).dtype == torch.float32
