"""Agreements of the flow-based view: flow matching and its constant, the continuity equation, maps that carry the law."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from scipy.stats import norm as normal
from torch import Tensor

from concordant.impl import flow as flow_module
from concordant.impl.batch import f64, norm
from concordant.impl.flow import FlowMatching
from concordant.impl.targets import Gaussian, marginal
from concordant.proofs_tests.agreement import T1, T2, Break, Compare, agreement, scaled
from concordant.proofs_tests.case import Case, few_components
from concordant.proofs_tests.evolution import pieces, posterior_variance, time_derivative
from concordant.proofs_tests.quadrature import mean
from concordant.proofs_tests.reference import Reference


@agreement(
    "flow-matching-loss",
    T2,
    because="quadrature with breakpoints at the components, 1e-9 here",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break("the sign of the target", FlowMatching, "two_sided", lambda f: scaled(f, -1.0)),
        Break(
            "σ' forgotten",
            FlowMatching,
            "two_sided",
            lambda f: lambda self, x0, e, t: self.schedule.d_alpha(t) * x0 + e,
        ),
    ],
)
def marginal_and_conditional_losses(case: Case) -> Iterator[Compare]:
    """E[flow-matching loss] - E[conditional flow-matching loss] = -E tr Cov[u_t | x_t], the same for every field."""
    case = case.reduced()
    path = FlowMatching(case.schedule)
    for t in case.times((1.5, -0.5)):
        at, n = f64(t), case.schedule.at(t)
        points, pairs = case.points(t), case.pairs(t)
        p = case.at(t)
        true = p.velocity(points.x)
        # u_t = α' x_0 + σ' ε = (α' - σ' α/σ) x_0 + (σ'/σ) x_t
        rate = n.d_alpha - n.d_sigma * n.alpha / n.sigma
        spread = rate**2 * mean(points.weights, posterior_variance(p, points.x))
        for index in range(3):
            model = case.wrong("velocity", index, scale=float(true.square().mean().sqrt()))
            fm = mean(points.weights, path.fm_loss(model, points.x, true, at))
            cfm = mean(pairs.weights, path.cfm_loss(model, pairs.x0, pairs.noise, at))
            yield Compare(fm - cfm, -spread, fm + cfm, at=f"t = {t:.4g}, field {index}")


@agreement(
    "conditional-velocities",
    T1,
    because="pointwise algebra",
    float32=True,
    breaks=[
        Break(
            "σ' for σ'/σ",
            FlowMatching,
            "one_sided",
            lambda f: lambda self, x, x0, t: f(self, x, x0, t) * self.schedule.sigma(t),
        ),
    ],
)
def one_and_two_sided(case: Case) -> Iterator[Compare]:
    """Along x_t = α x_0 + σ ε the velocity given both ends and the velocity given x_0 and x_t are equal, and both are dx_t/dt
    by automatic differentiation."""
    path = FlowMatching(case.schedule)
    x0, noise = case.clean_and_noise(5)
    for t in case.times():
        at = f64(t)
        two, one = path.two_sided(x0, noise, at), path.one_sided(path.path(x0, noise, at), x0, at)
        moving = at.repeat(x0.numel()).requires_grad_()  # a time for each coordinate: all slopes in one pass
        x = path.path(x0.double().reshape(-1, 1), noise.double().reshape(-1, 1), moving)
        slope = torch.autograd.grad(x.sum(), moving)[0].reshape(x0.shape)
        n = case.schedule.at(t)
        size = (
            n.d_alpha.abs() * norm(x0) + n.d_sigma.abs() * norm(noise) + n.d_sigma.abs() / n.sigma * n.alpha * norm(x0)
        )
        yield Compare(two, slope, size.unsqueeze(-1), at=f"t = {t:.4g}, two-sided")
        yield Compare(one, slope, size.unsqueeze(-1), at=f"t = {t:.4g}, one-sided")


@agreement(
    "continuity-equation",
    T1,
    because="closed forms against automatic differentiation in time",
    float32=True,
    bound=1e-9,
    breaks=[
        Break(
            "the divergence of α' x_0* alone",
            marginal.View,
            "divergence",
            lambda f: lambda self, kind: self.level.d_alpha * f(self, "x0") if kind == "velocity" else f(self, kind),
        ),
        Break("the velocity of the other clock", FlowMatching, "velocity", lambda f: scaled(f, -1.0)),
    ],
)
def continuity(case: Case) -> Iterator[Compare]:
    """∂_t log p_t + v*·∇log p_t + ∇·v* = 0 at points, for flow matching's velocity."""
    path = FlowMatching(case.schedule)
    for t in case.times():
        x, at = case.sample(t, 4), f64(t)
        p = case.at(t)
        model = case.target.predictor(case.schedule, "velocity")
        left = time_derivative(case.target, case.schedule, x, t)
        advection = (path.velocity(model, x, at) * p.score(x)).sum(-1)
        divergence = p.divergence(x, "velocity")
        size = left.abs() + pieces(case.schedule, p, x, t)
        yield Compare(left, -advection - divergence, size, at=f"t = {t:.4g}")


@agreement(
    "flow-matching-clock",
    T1,
    because="closed forms, and derivatives of the coefficients by automatic differentiation",
    float32=True,
    breaks=[
        Break(
            "the clock turned, the sign kept",
            flow_module,
            "lipman",
            lambda f: lambda field, T: lambda x, tau: -f(field, T)(x, tau),
        ),
    ],
)
def velocity_on_the_other_clock(case: Case) -> Iterator[Compare]:
    """With b(τ) = α(T-τ) for data and a(τ) = σ(T-τ) for noise, E[b' x_0 + a' ε | x] by linear solves is our velocity turned."""
    end = case.schedule.T
    ours = FlowMatching(case.schedule).field(case.target.predictor(case.schedule, "x0"))
    for t in case.times():
        x, tau = case.sample(t, 4), f64(end - t).requires_grad_()  # a leaf, for the slopes
        b, a = case.schedule.alpha(end - tau), case.schedule.sigma(end - tau)
        slopes = [torch.autograd.grad(c, tau)[0] if c.requires_grad else f64(0.0) for c in (b, a)]
        law = Reference(case.target, *case.level(t))
        data, noise = slopes[0] * law.x0(x), slopes[1] * law.epsilon(x)
        size = (norm(data) + norm(noise) + slopes[1].abs() / case.level(t)[1] * norm(x)).unsqueeze(-1)
        yield Compare(flow_module.lipman(ours, end)(x, tau.detach()), data + noise, size, at=f"τ = {end - t:.4g}")


@agreement(
    "flow-map",
    T2,
    because="an ODE solved to 1e-10 against a closed form",
    bound=1e-8,
    breaks=[
        Break(
            "V_t/V_s without its root",
            Gaussian,
            "flow",
            lambda f: (
                lambda self, s, x, a, b: f(
                    self,
                    s,
                    f(self, s, x, a, b) - f(self, s, s.alpha(a) * self.mean, a, b) + s.alpha(a) * self.mean,
                    a,
                    b,
                )
            ),
        ),
    ],
)
def gaussian_flow_map(case: Case) -> Iterator[Compare]:
    """On Gaussian data the probability flow solved numerically is Ψ(x) = α_t m + √(V_t V_s⁻¹)(x - α_s m)."""
    case = case.gaussian()
    start, end = case.times((-1.5, 2.0))
    x = case.sample(start, 3)
    model = case.target.predictor(case.schedule, "velocity")
    got = FlowMatching(case.schedule).sample(model, x, start, end, method="reference")
    want = case.as_gaussian.flow(case.schedule, x, start, end)
    yield Compare(got, want, norm(want).unsqueeze(-1) + norm(x).unsqueeze(-1))


@agreement(
    "flow-carries-the-law",
    T2,
    because="an ODE solved to 1e-10, distribution functions of normals by scipy",
    bound=1e-8,
    breaks=[
        Break("a velocity 1 % too large", flow_module, "predict", lambda f: scaled(f, 1.01)),
    ],
)
def distribution_function_is_kept(case: Case) -> Iterator[Compare]:
    """In one dimension the flow keeps the value of the distribution function: F_t(x_t) = F_s(x_s)."""
    line = case.line()
    start, end = line.times((-1.5, 2.0))
    x = line.sample(start, 5)
    model = line.target.predictor(line.schedule, "score")
    moved = FlowMatching(line.schedule).sample(model, x, start, end, method="reference")

    def share(y: Tensor, t: float) -> Tensor:
        alpha, sigma = line.level(t)
        target = line.target
        deviation = (alpha**2 * target.spectrum[:, 0] + sigma**2).sqrt()
        return (
            torch.from_numpy(normal.cdf(y.numpy(), alpha * target.means[:, 0].numpy(), deviation.numpy()))
            @ target.weights
        )

    yield Compare(share(moved, end), share(x, start))
