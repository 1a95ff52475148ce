"""The oracle: properties that hold for every mixture, and bad input."""

from __future__ import annotations

import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from concordant.errors import BadInput
from concordant.impl.predictions import KINDS
from concordant.impl.schedules import Schedule, schedule
from concordant.impl.targets import NAMED, FiniteDataset, Gaussian, GaussianMixture, target
from concordant.impl.targets import marginal as marginal_module
from concordant.impl.targets import separation as separation_module
from concordant.proofs_tests import quadrature
from concordant.proofs_tests.reference import Reference
from concordant.proofs_tests.tests.strategies import floats, mixtures, points, schedules, tensor, times

CLOCK = schedule("vp-linear")


def gradient(fn: object, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(fn(x).sum(), x)[0]


@given(st.data(), mixtures(dimensions=st.integers(1, 2)), schedules())
def test_densities_integrate_to_one(data: st.DataObject, mixture: GaussianMixture, clock: Schedule) -> None:
    """By a uniform grid, which for analytic densities is exact to rounding, and shares nothing with our quadrature."""
    t = data.draw(times(clock))
    n, p = clock.at(t), mixture.at(clock, t)
    widths = (n.alpha**2 * mixture.spectrum + n.sigma**2).sqrt()
    reach, step = float((n.alpha * mixture.means).abs().max() + 9 * widths.max()), float(widths.min()) / 1.6
    if (2 * reach / step) ** mixture.dimension > 4e6:
        return
    axis = torch.arange(-reach, reach, step, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * mixture.dimension).reshape(-1, mixture.dimension)
    assert float(p.log_prob(grid).exp().sum()) * step**mixture.dimension == pytest.approx(1, abs=1e-9)


@given(st.data(), mixtures(), schedules())
def test_score_is_the_gradient_and_jacobians_are_derivatives(
    data: st.DataObject, mixture: GaussianMixture, clock: Schedule
) -> None:
    t = data.draw(times(clock))
    x, p = points(mixture, clock, t), mixture.at(clock, t)
    score = p.score(x)
    size = float(score.abs().max())
    torch.testing.assert_close(gradient(p.log_prob, x), score, rtol=1e-9, atol=1e-11 * size)
    for kind in KINDS:
        jacobian = p.jacobian(x, kind)
        rows = [gradient(lambda y, i=i, kind=kind: p.mean(y, kind)[..., i], x) for i in range(mixture.dimension)]
        scale = float(jacobian.abs().max()) + 1
        torch.testing.assert_close(torch.stack(rows, -2), jacobian, rtol=1e-8, atol=1e-9 * scale)
        trace = jacobian.diagonal(dim1=-2, dim2=-1).sum(-1)
        torch.testing.assert_close(p.divergence(x, kind), trace, rtol=1e-8, atol=1e-9 * scale)


@given(st.data(), mixtures(), schedules())
def test_law_of_total_variance(data: st.DataObject, mixture: GaussianMixture, clock: Schedule) -> None:
    """E Cov[x_0|x_t] + Cov E[x_0|x_t] = Cov x_0, along a direction, by quadrature."""
    t = data.draw(times(clock))
    direction = torch.linalg.eigh(mixture.covariance)[1][:, -1:]
    line = mixture.project(direction)
    n = clock.at(t)
    weights, x = quadrature.points(line, float(n.alpha), float(n.sigma))
    p = line.at(clock, t)
    mean = p.x0(x)
    within = quadrature.mean(weights, p.covariance(x)[:, 0, 0])
    between = quadrature.mean(weights, (mean - line.mean).square()[:, 0])
    assert float(within + between) == pytest.approx(float(line.covariance), rel=1e-7)
    assert float(quadrature.mean(weights, mean)) == pytest.approx(float(line.mean), abs=1e-7)


@given(st.data(), mixtures(), schedules(), floats(-5, 5), floats(0.2, 3), st.integers(0, 50))
def test_shift_scale_and_rotation(
    data: st.DataObject, mixture: GaussianMixture, clock: Schedule, shift: float, factor: float, seed: int
) -> None:
    """Data moved to c R x_0 + b: the law of x_t at noise cσ moves along."""
    from concordant.impl.targets.named import rotation

    t = data.draw(times(clock))
    n = clock.at(t)
    x, p = points(mixture, clock, t), mixture.at(clock, t)
    r = rotation(mixture.dimension, seed)
    moved = GaussianMixture(
        mixture.weights,
        factor * mixture.means @ r.T + shift,
        factor**2 * (r @ mixture.covariances @ r.T + (r @ mixture.covariances @ r.T).mT) / 2,
    )
    q = moved.at_level(n.alpha, factor * n.sigma)
    y = factor * x @ r.T + n.alpha * shift
    torch.testing.assert_close(
        q.log_prob(y) + mixture.dimension * math.log(factor), p.log_prob(x), rtol=1e-8, atol=1e-7
    )
    scale = float(p.score(x).abs().max()) + 1
    torch.testing.assert_close(q.score(y), p.score(x) @ r.T / factor, rtol=1e-7, atol=1e-8 * scale)
    torch.testing.assert_close(q.x0(y), factor * p.x0(x) @ r.T + shift, rtol=1e-7, atol=1e-7)


@given(st.data(), mixtures(), schedules())
def test_order_and_empty_components_change_nothing(
    data: st.DataObject, mixture: GaussianMixture, clock: Schedule
) -> None:
    t = data.draw(times(clock))
    x = points(mixture, clock, t)
    order = torch.randperm(mixture.components, generator=torch.Generator().manual_seed(3))
    ones = {"reversed": mixture.select(order)}
    extra = torch.cat([mixture.covariances, torch.eye(mixture.dimension)[None].double()])
    means = torch.cat([mixture.means, torch.full((1, mixture.dimension), 0.7).double()])
    ones["one more of weight 0"] = GaussianMixture(torch.cat([mixture.weights, tensor([0.0])]), means, extra)
    p = mixture.at(clock, t)
    for other in ones.values():
        q = other.at(clock, t)
        torch.testing.assert_close(q.log_prob(x), p.log_prob(x), rtol=1e-10, atol=1e-10)
        for kind in KINDS:
            scale = float(p.mean(x, kind).abs().max()) + 1
            torch.testing.assert_close(q.mean(x, kind), p.mean(x, kind), rtol=1e-8, atol=1e-9 * scale)
        torch.testing.assert_close(q.covariance(x), p.covariance(x), rtol=1e-8, atol=1e-9)


@given(st.data(), mixtures(kinds=("isotropic", "diagonal")), schedules())
def test_the_three_kinds_of_covariance_agree(data: st.DataObject, mixture: GaussianMixture, clock: Schedule) -> None:
    t = data.draw(times(clock))
    x = points(mixture, clock, t)
    full = GaussianMixture(mixture.weights, mixture.means, mixture.covariances)
    assert full.covariance_type == "full"
    p, q = mixture.at(clock, t), full.at(clock, t)
    torch.testing.assert_close(p.log_prob(x), q.log_prob(x))
    torch.testing.assert_close(p.covariance(x), q.covariance(x), rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(p.jacobian(x), q.jacobian(x), rtol=1e-7, atol=1e-8 * float(q.jacobian(x).abs().max()))


@given(st.data(), mixtures(), schedules())
def test_one_time_a_point(data: st.DataObject, mixture: GaussianMixture, clock: Schedule) -> None:
    """A batch of times gives what each time gives alone: every quantity, every kind of covariance."""
    many = [data.draw(times(clock)) for _ in range(3)]
    x = points(mixture, clock, many[0], n=3)
    together = mixture.at(clock, tensor(many))
    asks = [
        lambda p, y: p.log_prob(y),
        lambda p, y: p.covariance(y),
        lambda p, y: p.responsibilities(y),
        lambda p, y: p.reverse(y).mean(),
        lambda p, y: p.reverse(y).covariance(),
        *(lambda p, y, k=k: p.mean(y, k) for k in KINDS),
        *(lambda p, y, k=k: p.jacobian(y, k) for k in KINDS),
        *(lambda p, y, k=k: p.divergence(y, k) for k in KINDS),
    ]
    for ask in asks:
        alone = torch.stack([ask(mixture.at(clock, t), x[i]) for i, t in enumerate(many)])
        scale = float(alone.abs().max()) + 1
        torch.testing.assert_close(ask(together, x), alone, rtol=1e-7, atol=1e-9 * scale)


@given(st.data(), mixtures(), schedules())
def test_expanded_and_direct_differences_agree(data: st.DataObject, mixture: GaussianMixture, clock: Schedule) -> None:
    """The two ways to sums over x - αm, each forced; and blocks of one component."""
    t = data.draw(times(clock))
    x, p = points(mixture, clock, t), mixture.at(clock, t)
    asks = [p.log_prob, p.score, p.divergence, lambda y: p.divergence(y, "velocity"), p.x0]
    results = []
    for gate, block in ((0.0, 1), (0.0, 1 << 20), (math.inf, 1 << 20)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(separation_module, "GATE", gate)
            patch.setattr(separation_module, "BLOCK", block)
            results.append([ask(x) for ask in asks])
    for one in results[1:]:
        for a, b in zip(results[0], one, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8 * (float(a.abs().max()) + 1))


def test_passes_of_bounded_size_give_the_same() -> None:
    mixture = target("ring")
    p = mixture.at(CLOCK, 0.3)
    x = p.sample(50, seed=0).reshape(5, 10, 2)
    whole = p.score(x), p.covariance(x), p.log_prob(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marginal_module, "ROWS", 24)
        parts = p.score(x), p.covariance(x), p.log_prob(x)
    for a, b in zip(whole, parts, strict=True):
        assert a.shape[:2] == (5, 10)
        torch.testing.assert_close(a, b)


@given(st.data(), mixtures(), schedules())
def test_labels(data: st.DataObject, mixture: GaussianMixture, clock: Schedule) -> None:
    """The law given a label is that of the components that bear it; labels may differ from point to point."""
    t = data.draw(times(clock))
    x, p = points(mixture, clock, t), mixture.at(clock, t)
    assert mixture.labels is not None
    present = sorted(set(mixture.labels.tolist()))
    for label in present:
        part = mixture.given(label).at(clock, t)
        torch.testing.assert_close(p.log_prob(x, label), part.log_prob(x), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(p.score(x, label), part.score(x), rtol=1e-8, atol=1e-8)
    mixed = tensor([present[i % len(present)] for i in range(len(x))]).long()
    got = p.x0(x, mixed)
    for i, label in enumerate(mixed.tolist()):
        torch.testing.assert_close(got[i], p.x0(x[i], label), rtol=1e-9, atol=1e-9)


@given(st.data(), mixtures(), schedules())
def test_reverse_kernel_is_bayes(data: st.DataObject, mixture: GaussianMixture, clock: Schedule) -> None:
    """log p(x_s|x_t) = log p(x_t|x_s) + log p_s(x_s) - log p_t(x_t), with the forward transition written out."""
    t, s = sorted((data.draw(times(clock)), data.draw(times(clock))), reverse=True)
    n_t, n_s = clock.at(t), clock.at(s)
    ratio = n_t.alpha / n_s.alpha
    tau2 = n_t.sigma**2 - (ratio * n_s.sigma) ** 2
    if float(tau2) < 1e-3 * float(n_t.sigma) ** 2:
        return
    x_t, x_s = mixture.at(clock, t).sample(5, 1), mixture.at(clock, s).sample(5, 2)
    forward = torch.distributions.Normal(ratio * x_s, tau2.sqrt()).log_prob(x_t).sum(-1)
    want = forward + mixture.at(clock, s).log_prob(x_s) - mixture.at(clock, t).log_prob(x_t)
    got = mixture.at(clock, t).reverse(x_t, n_s).log_prob(x_s)
    scale = float(forward.abs().max()) + 10
    torch.testing.assert_close(got, want, rtol=1e-8, atol=1e-9 * scale)


def test_reverse_kernel_where_a_component_all_but_vanishes() -> None:
    """At points where P(k | x_t) is less than the least number of the type, component k may still decide p(x_s|x_t)."""
    mixture = GaussianMixture([0.5, 0.5], [[-30.0], [30.0]], [0.01, 0.01])
    n_t, n_s = CLOCK.at(0.2), CLOCK.at(0.1)
    x_t, x_s = n_t.alpha * tensor([-29.0]), n_s.alpha * tensor([29.0])
    kernel = mixture.at(CLOCK, 0.2).reverse(x_t, n_s)
    assert float(kernel.weights[1]) == 0
    ratio = n_t.alpha / n_s.alpha
    forward = torch.distributions.Normal(ratio * x_s, (n_t.sigma**2 - (ratio * n_s.sigma) ** 2).sqrt())
    want = forward.log_prob(x_t)[0] + mixture.at(CLOCK, 0.1).log_prob(x_s) - mixture.at(CLOCK, 0.2).log_prob(x_t)
    torch.testing.assert_close(kernel.log_prob(x_s), want, rtol=1e-12, atol=0)


def test_samples_of_the_reverse_kernel_and_of_the_posterior() -> None:
    """Monte Carlo, 40,000 samples a point: means within 4.5 standard errors, which sees an error of 2 % of a deviation."""
    mixture, n = target("anisotropic"), 40_000
    p = mixture.at(CLOCK, 0.3)
    x = p.sample(3, seed=4)
    for kernel in (p.reverse(x), p.reverse(x, CLOCK.at(0.1))):
        samples = kernel.sample(n, seed=5)
        assert samples.shape == (n, 3, 2)
        deviation = kernel.covariance().diagonal(dim1=-2, dim2=-1).sqrt()
        assert float(((samples.mean(0) - kernel.mean()) / deviation).abs().max()) < 4.5 / math.sqrt(n)
        offsets = samples - kernel.mean()
        covariance = torch.einsum("nbi,nbj->bij", offsets, offsets) / n
        torch.testing.assert_close(covariance, kernel.covariance(), rtol=0.05, atol=0.02)
        assert kernel.weights.shape == (3, 3)


def test_samples_of_the_marginals_and_of_paths() -> None:
    """Monte Carlo, 100,000 samples: moments within 4.5 standard errors; paths have the right covariance between times."""
    n, mixture, clock = 100_000, target("grid"), schedule("flow-matching")
    times_ = [0.2, 0.5, 0.9]
    path = mixture.sample_path(clock, times_, n, seed=6)
    for x, t in zip(path, times_, strict=True):
        for y in (x, mixture.at(clock, t).sample(n, seed=7)):
            level = clock.at(t)
            covariance = level.alpha**2 * mixture.covariance + level.sigma**2 * torch.eye(2)
            error = (y.mean(0) - level.alpha * mixture.mean) / covariance.diagonal().sqrt()
            assert float(error.abs().max()) < 4.5 / math.sqrt(n)
            torch.testing.assert_close(torch.cov(y.T), covariance, rtol=0.03, atol=0.02)
    across = ((path[0] - path[0].mean(0)).T @ (path[2] - path[2].mean(0))) / n
    # Cov(x_s, x_t) = (α_t/α_s) Cov(x_s)
    first = 0.8**2 * mixture.covariance + 0.2**2 * torch.eye(2)
    torch.testing.assert_close(across, 0.1 / 0.8 * first, rtol=0.1, atol=0.01)
    assert mixture.sample(0).shape == (0, 2)


def test_the_same_seed_gives_the_same_samples() -> None:
    mixture = target("five")
    assert torch.equal(mixture.sample(9, 1), mixture.sample(9, 1))
    assert not torch.equal(mixture.sample(9, 1), mixture.sample(9, 2))
    assert mixture.sample(4).shape == (4, 5)


@given(mixtures(dimensions=st.integers(2, 5)), st.integers(0, 20))
def test_projections(mixture: GaussianMixture, seed: int) -> None:
    """The score of the projected law at Uᵀx, averaged over what was projected out, against moments of the whole."""
    from concordant.impl.targets.named import rotation

    u = rotation(mixture.dimension, seed)[:, :2]
    plane = mixture.project(u)
    torch.testing.assert_close(plane.mean, mixture.mean @ u)
    torch.testing.assert_close(plane.covariance, u.T @ mixture.covariance @ u)
    assert plane.project(torch.eye(2).double()[:, :1]).dimension == 1
    with pytest.raises(BadInput, match="u must have orthonormal columns"):
        mixture.project(2 * u)


@settings(max_examples=10)
@given(mixtures())
def test_gaussians_flow_and_matching(mixture: GaussianMixture) -> None:
    """The flow map of a Gaussian is a semigroup and carries its moments; the matched Gaussian has the mixture's."""
    gaussian = mixture.matched()
    torch.testing.assert_close(gaussian.mean, mixture.mean)
    torch.testing.assert_close(gaussian.covariance, mixture.covariance, rtol=1e-9, atol=1e-9)
    x = gaussian.at(CLOCK, 0.8).sample(4, 0)
    there = gaussian.flow(CLOCK, x, 0.8, 0.1)
    torch.testing.assert_close(gaussian.flow(CLOCK, gaussian.flow(CLOCK, x, 0.8, 0.4), 0.4, 0.1), there)
    torch.testing.assert_close(gaussian.flow(CLOCK, there, 0.1, 0.8), x, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["ring", "grid", "five", "thin"])
def test_types_and_gradients(name: str, dtype: torch.dtype) -> None:
    mixture = target(name)
    t = torch.tensor(0.4, dtype=dtype, requires_grad=True)
    p = mixture.at(CLOCK, t)
    x = p.sample(3, seed=0).detach().to(dtype).requires_grad_()
    for value in (p.log_prob(x), p.score(x), p.velocity(x), p.covariance(x), p.divergence(x)):
        assert value.dtype == dtype
        by_x, by_t = torch.autograd.grad(value.sum(), (x, t), retain_graph=True)
        assert bool(by_x.isfinite().all())
        assert bool(by_t.isfinite())
    assert p.reverse(x.detach()).sample(2, seed=1).dtype == dtype


def test_gradient_through_time_is_the_time_derivative() -> None:
    mixture = target("anisotropic")
    t = tensor(0.4).requires_grad_()
    x = mixture.at(CLOCK, 0.4).sample(1, seed=0)
    (got,) = torch.autograd.grad(mixture.at(CLOCK, t).log_prob(x).sum(), t)
    h = 1e-5
    want = (mixture.at(CLOCK, 0.4 + h).log_prob(x) - mixture.at(CLOCK, 0.4 - h).log_prob(x)).sum() / (2 * h)
    assert float(got) == pytest.approx(float(want), rel=1e-6)


# -------------------------------------------------------------------- the ends of the clock, and singular targets
def test_where_there_is_no_noise() -> None:
    smooth, point = target("ring"), target("dirac")
    x = smooth.sample(4, seed=0)
    p = smooth.at(CLOCK, 0.0)
    torch.testing.assert_close(p.x0(x), x)
    torch.testing.assert_close(p.score(x), Reference(smooth, 1.0, 0.0).score(x))
    assert bool(p.velocity(x).isfinite().all())
    with pytest.raises(BadInput, match="t must have sigma > 0 for this target"):
        point.at(CLOCK, 0.0).score(x)
    with pytest.raises(BadInput, match="t must have sigma > 0"):
        target("thin").at(CLOCK, 0.0).log_prob(torch.zeros(1, 5).double())


def test_where_there_is_no_data() -> None:
    mixture, clock = target("grid"), schedule("flow-matching")
    p = mixture.at(clock, 1.0)
    x = p.sample(5, seed=0)
    torch.testing.assert_close(p.x0(x), mixture.mean.expand(5, 2))
    torch.testing.assert_close(p.score(x), -x)
    torch.testing.assert_close(p.velocity(x), x - mixture.mean)
    torch.testing.assert_close(p.covariance(x), mixture.covariance.expand(5, 2, 2))


def test_a_finite_data_set_is_a_softmax() -> None:
    data = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one, clock = FiniteDataset(data), schedule("vp-cosine")
    n, x = clock.at(0.4), torch.randn(6, 3, dtype=torch.float64)
    weights = torch.softmax(-(torch.cdist(x, n.alpha * data) ** 2) / (2 * n.sigma**2), -1)
    torch.testing.assert_close(one.at(clock, 0.4).x0(x), weights @ data)
    assert not one.has_density
    assert FiniteDataset(data, weights=torch.full((50,), 0.02), labels=torch.arange(50) % 2).given(1).components == 25


@pytest.mark.parametrize("name", [n for n in NAMED if n != "digits"])
def test_named_targets(name: str) -> None:
    mixture = target(name)
    assert abs(float(mixture.weights.sum()) - 1) < 1e-12
    assert target(name) is mixture  # made once
    assert pickle.loads(pickle.dumps(mixture)).sample(2, 0).equal(mixture.sample(2, 0))
    if mixture.product is not None:
        split = mixture.product
        q = torch.cat([split.u, split.w], 1)
        torch.testing.assert_close(q.T @ q, torch.eye(mixture.dimension).double(), rtol=0, atol=1e-12)
        torch.testing.assert_close(mixture.project(split.u).covariance, split.core.covariance, rtol=1e-9, atol=1e-12)


# -------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("weights", "means", "covariances", "message"),
    [
        ([0.5, 0.6], [[0.0], [1.0]], 1.0, r"weights must sum to 1: they sum to 1.1"),
        ([-0.5, 1.5], [[0.0], [1.0]], 1.0, r"weights must not be negative: the smallest is -0.5"),
        ([1.0], [[0.0], [1.0]], 1.0, r"weights must have shape \(2,\): it has \(1,\)"),
        ([1.0], [0.0], 1.0, r"means must have shape \(any, any\): it has \(1,\)"),
        ([1.0], [[math.nan]], 1.0, r"means must be finite: it holds nan at index \(0, 0\)"),
        ([1.0], torch.zeros(1, 0), 1.0, r"means must have shape \(K, D\) with K, D at least 1"),
        ([1.0], [["a"]], 1.0, r"^means must be an array of numbers, its rows of one length$"),
        ([1.0], [[0.0], [1.0, 2.0]], 1.0, r"^means must be an array of numbers, its rows of one length$"),
        (None, [[0.0]], 1.0, r"^weights must be an array of numbers, its rows of one length$"),
        (
            [1.0],
            [[0.0, 0.0]],
            [[[1.0, 2.0], [2.0, 1.0]]],
            r"covariances must be positive semidefinite: one has the eigenvalue -1",
        ),
        ([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.2, 1.0]]], r"covariances must be symmetric"),
        ([1.0], [[0.0, 0.0]], [-1.0], r"covariances must be positive semidefinite"),
        ([1.0], [[0.0, 0.0]], [1.0, 2.0, 3.0], r"covariances must have shape \(\), \(1,\), \(1, 2\) or \(1, 2, 2\)"),
        ([1.0], [[True]], 1.0, r"means must hold real numbers"),
    ],
)
def test_bad_mixtures(weights: object, means: object, covariances: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        GaussianMixture(weights, means, covariances)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: target("ring").at(CLOCK, 0.5).score(torch.zeros(3)), r"x must have shape \(..., 2\): it has \(3,\)"),
        (lambda: target("ring").at(CLOCK, 0.5).score([0.0, 0.0]), "x must be a floating-point tensor"),
        (
            lambda: target("ring").at(CLOCK, 0.5).score(torch.zeros(2).half()),
            "x must be float32 or float64: it is float16",
        ),
        (lambda: target("ring").at(CLOCK, 0.5).score(torch.full((2,), math.inf)), "x must be finite"),
        (
            lambda: target("ring").at(CLOCK, torch.rand(4)).score(torch.zeros(3, 2)),
            "t must be one number, or broadcast",
        ),
        (lambda: target("ring").at(CLOCK, 1.5), "outside the clock"),
        (
            lambda: target("ring").at(CLOCK, 0.5).score(torch.zeros(2), 1),
            "label was given, but this target has no labels",
        ),
        (lambda: target("grid").at(CLOCK, 0.5).score(torch.zeros(2), 7), r"label must be one of \[0, 1, 2\]: it is 7"),
        (
            lambda: target("ring").at_level(0.5, 0.5).velocity(torch.zeros(2)),
            "velocity needs the schedule's derivatives",
        ),
        (lambda: target("ring").at(CLOCK, 0.5).reverse(torch.zeros(2), CLOCK.at(0.6)), "s must come before t"),
        (
            lambda: target("dirac").at(CLOCK, 0.5).reverse(torch.zeros(2)).log_prob(torch.zeros(2)),
            "x_s has no density here",
        ),
        (lambda: target("ring").sample(-1), "n must not be negative"),
        (lambda: target("ring").sample_path(CLOCK, [0.5, 0.2], 3), "times must hold at least one time, and rise"),
        (lambda: target("ring").sample_path(CLOCK, [], 3), "times must hold at least one time, and rise"),
        (lambda: target("ring").at_level(1.0, -0.5), "sigma must not be negative: it is -0.5"),
        (lambda: target("ring").at_level(-1.0, 0.5), "alpha must not be negative: it is -1"),
        (lambda: target("dirac").flow(CLOCK, torch.zeros(2), 0.0, 0.5), "s must have sigma > 0"),  # type: ignore[attr-defined]
        (lambda: Gaussian([0.0], torch.zeros(1, 1, 1)), r"covariance must have shape \(\), \(D,\) or \(D, D\)"),
        (lambda: GaussianMixture([1.0], [[0.0]], 1.0, labels=[0.5]), "labels must be integers"),
        (lambda: target("rings"), "unknown target 'rings': did you mean 'ring'"),
    ],
)
def test_bad_questions(ask: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ask()
