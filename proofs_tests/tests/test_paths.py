"""Paths and methods against other libraries: torchsde on one Brownian path, torchdiffeq and scipy; and what is refused."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl import calculus, paths
from concordant.impl.schedules import schedule

torchsde = pytest.importorskip("torchsde")
torchdiffeq = pytest.importorskip("torchdiffeq")


def bent(x: Tensor, t: Tensor) -> Tensor:
    return torch.sin(2 * x + t) - x / 2


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# -------------------------------------------------------------------- stochastic
class Multiplicative(torch.nn.Module):
    """dx = (sin(2x + t) - x/2) dt + (0.5 + 0.4 sin 3x) dw, in the form that torchsde asks for."""

    noise_type, sde_type = "diagonal", "ito"

    def f(self, t: Tensor, y: Tensor) -> Tensor:
        return bent(y, t)

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        return 0.5 + 0.4 * torch.sin(3 * y)


class Known:
    """A Brownian motion of torchsde's kind that returns the increments of a path of ours."""

    def __init__(self, times: Tensor, w: Tensor) -> None:
        self.times, self.w = times, w
        self.shape, self.dtype, self.device = w.shape[1:], w.dtype, w.device
        self.levy_area_approximation = "none"

    def __call__(self, ta: Tensor, tb: Tensor | None = None, return_U: bool = False, return_A: bool = False) -> Tensor:
        first, last = (int((self.times - t.detach()).abs().argmin()) for t in (ta, ta if tb is None else tb))
        return self.w[last] - self.w[first]


def test_euler_maruyama_is_torchsdes_on_the_same_path() -> None:
    times = torch.linspace(0, 1, 17, dtype=torch.float64)
    w = paths.sample(times, (5, 3), random())
    x = torch.linspace(-1, 1, 15, dtype=torch.float64).reshape(5, 3)
    sde = Multiplicative()
    ours = paths.euler_maruyama(bent, lambda y, t: sde.g(t, y), x, times, w)
    theirs = torchsde.sdeint(sde, x, times, bm=Known(times, w), method="euler", dt=1 / 16)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


def test_the_finest_of_nested_grids_is_nearest_to_torchsdes_milstein() -> None:
    times = torch.linspace(0, 1, 9, dtype=torch.float64)
    w, noise, ends = paths.sample(times, (400, 1), random(1)), random(2), []
    x, sde = torch.zeros(400, 1, dtype=torch.float64), Multiplicative()
    for _ in range(6):
        ends.append(paths.euler_maruyama(bent, lambda y, t: sde.g(t, y), x, times, w)[-1])
        w = paths.refined(times, w, torch.randn(w[1:].shape, generator=noise, dtype=w.dtype))
        times = paths.midpoints(times)
    exact = torchsde.sdeint(sde, x, times[[0, -1]], bm=Known(times, w), method="milstein", dt=float(times[1]))[
        -1
    ].detach()
    errors = [float((end - exact).square().mean().sqrt()) for end in ends]
    assert all(later < 0.85 * error for error, later in itertools.pairwise(errors)), errors
    slope = math.log2(errors[0] / errors[-1]) / (len(errors) - 1)
    assert 0.35 < slope < 0.75, errors


def test_heun_is_of_strong_order_one_and_better_than_euler_maruyama_for_additive_noise() -> None:
    times = torch.linspace(0, 1, 9, dtype=torch.float64)
    w, noise = paths.sample(times, (400, 1), random(3)), random(4)
    x = torch.zeros(400, 1, dtype=torch.float64)
    ends: list[tuple[Tensor, Tensor]] = []
    for _ in range(7):
        plain = paths.euler_maruyama(bent, lambda _, t: 0.5 + t, x, times, w)[-1]
        ends.append((plain, paths.heun(bent, lambda t: 0.5 + t, x, times, w)[-1]))
        w = paths.refined(times, w, torch.randn(w[1:].shape, generator=noise, dtype=w.dtype))
        times = paths.midpoints(times)
    exact = ends[-1][1]
    errors = [[float((end - exact).square().mean().sqrt()) for end in pair] for pair in ends[:4]]
    for k in range(2):
        assert 0.8 < math.log2(errors[0][k] / errors[3][k]) / 3 < 1.3, errors
    assert all(heun < plain for plain, heun in errors)


def test_one_generator_makes_one_path_and_noise_is_normal() -> None:
    times = torch.linspace(0, 2, 5, dtype=torch.float64)
    one, other = (paths.sample(times, (20_000, 1), random(5)) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, paths.sample(times, (20_000, 1), random(6)))
    z = one.diff(dim=0) / 0.5**0.5
    assert abs(float(z.mean())) < 4 / math.sqrt(z.numel())
    assert abs(float(z.square().mean()) - 1) < 4 * math.sqrt(2 / z.numel())
    assert abs(float((z.square()).square().mean()) - 3) < 4 * math.sqrt(96 / z.numel())


def test_what_is_not_a_path_is_refused() -> None:
    times, w = torch.tensor([0.0, 1.0, 2.0]), torch.zeros(3, 1)
    with pytest.raises(BadInput, match="times must rise"):
        paths.brownian(torch.tensor([0.0, 0.0]), w[:1])
    with pytest.raises(BadInput, match="times must be a row of two or more"):
        paths.midpoints(torch.tensor([0.0]))
    with pytest.raises(BadInput, match=r"noise must have shape \(2, ..., D\)"):
        paths.brownian(times, w)
    with pytest.raises(BadInput, match="w and noise must have 3 and 2 rows"):
        paths.refined(times, w, w)
    with pytest.raises(BadInput, match="values must have 2 rows"):
        paths.ito_sum(w, w)
    with pytest.raises(BadInput, match="noise must have shape"):
        paths.linear(schedule("ve"), w[0], times / 4, w, w)
    with pytest.raises(BadInput, match="w must have 3 rows: it has 2"):
        paths.euler_maruyama(bent, lambda x, t: x, w[0], times, w[1:])
    with pytest.raises(BadInput, match="w must have 3 rows: it has 2"):
        paths.heun(bent, lambda t: t, w[0], times, w[1:])
    with pytest.raises(BadInput, match="x must have 3 rows, drifts and others one less"):
        paths.girsanov(w[1:], w[1:], torch.tensor(1.0), times, w[1:])


# -------------------------------------------------------------------- ordinary
def test_functions_that_are_linear_or_constant_in_the_point() -> None:
    x, t = torch.tensor([[1.0, 2.0]]), torch.tensor(0.5)
    along, across = calculus.ito(lambda y, u: y.sum(-1) + u, 3 * x, torch.tensor(2.0), x, t, torch.tensor(0.1), x)
    torch.testing.assert_close(along, torch.tensor([0.1 * (1 + 9)]))
    torch.testing.assert_close(across, torch.tensor([6.0]))
    along, across = calculus.ito(lambda y, u: u**2, x, torch.tensor(2.0), x, t, torch.tensor(0.1), x)
    torch.testing.assert_close(along, torch.tensor([0.1]))
    torch.testing.assert_close(across, torch.tensor([0.0]))
    assert float(calculus.hutchinson(lambda y, u: torch.ones_like(y), x, t, torch.ones(3, 1, 2))) == 0


@pytest.mark.parametrize(("name", "theirs"), [("euler", "euler"), ("rk4", "rk4")])
def test_methods_are_torchdiffeqs(name: str, theirs: str) -> None:
    times = torch.linspace(0, 2, 11, dtype=torch.float64)
    x = torch.linspace(-2, 2, 6, dtype=torch.float64)
    options = {"step_size": 0.2}
    want = torchdiffeq.odeint(lambda t, y: bent(y, t), x, times, method=theirs, options=options)[-1]
    got = getattr(calculus, name)(bent, x, times)
    # torchdiffeq's "rk4" is Kutta's 3/8 rule: another method of the same order
    torch.testing.assert_close(
        got, want, rtol=2e-4 if name == "rk4" else 1e-12, atol=1e-13 if name == "euler" else 1e-4
    )


def test_references_agree_to_twelve_digits() -> None:
    x = torch.linspace(-2, 2, 6, dtype=torch.float64)
    ours = calculus.solve(bent, x, 0.0, 2.0, 3e-14, 1e-14)
    times = torch.tensor([0.0, 2.0], dtype=torch.float64)
    grid = {"step_t": times[1:]}  # a step ends there: between steps it interpolates, to fewer digits
    theirs = torchdiffeq.odeint(
        lambda t, y: bent(y, t), x, times, method="dopri8", rtol=1e-13, atol=1e-13, options=grid
    )[-1]
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    radau = solve_ivp(
        lambda t, y: bent(torch.from_numpy(y), torch.tensor(t)).numpy(),
        (0, 2),
        x.numpy(),
        "Radau",
        rtol=1e-12,
        atol=1e-12,
    )
    torch.testing.assert_close(ours, torch.from_numpy(radau.y[:, -1]), rtol=1e-9, atol=1e-9)
    fine = calculus.rk4(bent, x, torch.linspace(0, 2, 2001, dtype=torch.float64))
    torch.testing.assert_close(ours, fine, rtol=1e-11, atol=1e-11)


def test_picard_refuses_too_little() -> None:
    x = torch.ones(1, dtype=torch.float64)
    with pytest.raises(BadInput, match="nodes must be at least 2"):
        calculus.picard(bent, x, 0.0, 1.0, 3, 1)
    with pytest.raises(BadInput, match="iterations must be at least 1"):
        calculus.picard(bent, x, 0.0, 1.0, 0)
