"""Agreements about the cost of a schedule, and about preconditioning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from concordant.impl import energies, preconditioning, predictions, schedules
from concordant.impl.batch import f64, norm
from concordant.impl.energies import Pace
from concordant.impl.flow import FlowMatching
from concordant.impl.preconditioning import Preconditioning
from concordant.impl.schedules import Custom
from concordant.impl.targets import Gaussian, Marginal
from concordant.proofs_tests.agreement import T1, T2, AtMost, Break, Compare, Comparison, agreement, scaled
from concordant.proofs_tests.case import Case, few_components, few_on_a_line
from concordant.proofs_tests.quadrature import mean, time_panels
from concordant.proofs_tests.reference import Reference


# -------------------------------------------------------------------- norms and curvature
@agreement(
    "constant-target-norm",
    T2,
    because="quadrature over pairs, exact for quadratic functions but for the core",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break("the mean forgotten", energies, "target_norm", lambda f: lambda x: f(x) - x.mean.square().sum()),
        Break("1 for D", energies, "target_norm", lambda f: lambda x: f(x) - x.dimension + 1),
    ],
)
def size_of_the_straight_target(case: Case) -> Iterator[Compare]:
    """E|u_t|² of flow matching's two-sided velocity over pairs (x_0, ε) is D + tr Cov + |mean|², at three times."""
    case = case.reduced()
    flow = FlowMatching(schedules.FlowMatching())
    straight = case.under(schedules.FlowMatching())
    for t in straight.times():
        w, x0, noise = straight.pairs(t)
        got = mean(w, flow.two_sided(x0, noise, f64(t)).square().sum(-1))
        yield Compare(got, energies.target_norm(case.target), got, at=f"t = {t:.4g}")


@agreement(
    "schedule-curvature",
    T2,
    because="differences of fourth order on one side, automatic differentiation on the other",
    breaks=[
        Break(
            "the schedule's curvature left out",
            schedules.VPLinear,
            "d_alpha",
            lambda f: lambda self, t: f(self, t).detach(),
        ),
        Break(
            "the sign of the velocity",
            predictions,
            "_TABLE",
            lambda f: f | {"velocity": lambda n: predictions.Combination(*(-c for c in f["velocity"](n)))},
        ),
    ],
)
def velocity_changes_by_curvature_and_by_data(case: Case) -> Iterator[Compare]:
    """∂_t v* at fixed x, of the oracle by automatic differentiation, is α'' x_0* + σ'' ε* + α' ∂_t x_0* + σ' ∂_t ε* with the
    textbook's predictions and with α' and σ' differenced in t; and α ∂_t x_0* + σ ∂_t ε* = -v*."""
    for t in case.times((1.5, 0.0)):
        x = case.sample(t, 3)
        u = f64(t).requires_grad_()
        left = _rate(case.at(u).velocity(x), u)
        n, clock = case.schedule.at(t), case.schedule

        def at(s: float, x: Tensor = x) -> Tensor:
            law = Reference(case.target, *case.level(s))
            return torch.stack([law.x0(x), law.epsilon(x)])

        def bends(s: float) -> Tensor:
            return torch.stack([clock.d_alpha(f64(s)), clock.d_sigma(f64(s))])

        h = 1e-3 * t
        (d_x0, d_noise), bend = _difference(at, t, h), _difference(bends, t, h)
        x0, noise = at(t)
        terms = [bend[0] * x0, bend[1] * noise, n.d_alpha * d_x0, n.d_sigma * d_noise]
        size = sum((norm(one) for one in terms), norm(n.d_alpha * x0) / t + norm(n.d_sigma * noise) / t)
        yield Compare(left, sum(terms[1:], terms[0]), size.unsqueeze(-1), at=f"t = {t:.4g}")
        moving = n.alpha * d_x0 + n.sigma * d_noise
        yield Compare(moving, -case.at(t).velocity(x), size.unsqueeze(-1) * t, at=f"t = {t:.4g}, x stands still")


def _rate(values: Tensor, u: Tensor) -> Tensor:
    """The derivative of each value by u."""
    rows = [torch.autograd.grad(one, u, retain_graph=True, allow_unused=True)[0] for one in values.flatten()]
    return torch.stack([torch.zeros_like(u) if row is None else row for row in rows]).reshape(values.shape)


def _difference(fn: Callable[[float], Tensor], t: float, h: float) -> Tensor:
    """The derivative by the central difference of fourth order."""
    return (8 * (fn(t + h) - fn(t - h)) - (fn(t + 2 * h) - fn(t - 2 * h))) / (12 * h)


# -------------------------------------------------------------------- energies
PATHS: dict[str, Callable[[Tensor], Tensor]] = {
    "t": lambda t: t,
    "t²": lambda t: t**2,
    "sin² of a quarter turn": lambda t: torch.sin(torch.pi / 2 * t) ** 2,
    "(t + t³)/2": lambda t: (t + t**3) / 2,
}


def _rest(rho: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    return 1 - rho(t)


@agreement(
    "conditional-energy",
    T2,
    because="Gauss-Legendre in t of polynomials and sines",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break("the mean forgotten", energies, "target_norm", lambda f: lambda x: f(x) - x.mean.square().sum()),
        Break(
            "each component of the velocity squared",
            FlowMatching,
            "two_sided",
            lambda f: lambda self, x, e, t: f(self, x, e, t) ** 2,
        ),
    ],
)
def energies_of_paces(case: Case) -> Iterator[Comparison]:
    """∫ E|u_t|² dt over pairs, for four paces ρ of the straight path as schedules of their own, is E|ε - x_0|² ∫ρ'² dt, with the
    integral in closed form, and not less than for ρ = t."""
    case = case.reduced()
    w, x0, noise = case.under(schedules.FlowMatching()).pairs(0.5)
    norm2, closed = energies.target_norm(case.target), (1.0, 4 / 3, torch.pi**2 / 8, 1.2)
    for (name, rho), want in zip(PATHS.items(), closed, strict=True):
        flow = FlowMatching(Custom(partial(_rest, rho), rho, name=name))
        energy = f64(0.0)
        for t, weight in time_panels([0.0, 1.0], 10):
            energy = energy + weight * mean(w, flow.two_sided(x0, noise, f64(t)).square().sum(-1))
        yield Compare(energy, want * norm2, energy, at=name)
        yield AtMost(norm2, energy, energy, margin=-1e-12, at=name)


def has_gentle_kappa(case: Case) -> bool:
    """Whether κ is smooth enough in ρ for a spline: on the line no component is narrow."""
    line = case.line().target if few_on_a_line(case) else None
    return line is not None and line.components <= 10 and float(line.spectrum.min()) > 0.03


@agreement(
    "marginal-energy",
    T2,
    because="κ by quadrature and a spline; paces of 20000 straight pieces",
    bound=1e-6,
    applies=has_gentle_kappa,
    breaks=[
        Break(
            "ρ' ∝ 1/κ, as printed, for the best",
            Pace,
            "__init__",
            lambda f: lambda self, r, k, power=-0.5: f(self, r, k, -1.0),
        ),
        Break("ρ' ∝ √κ", Pace, "__init__", lambda f: lambda self, r, k, power=-0.5: f(self, r, k, -power)),
    ],
)
def least_marginal_energy(case: Case) -> Iterator[Comparison]:
    """On a line, κ = E|v*|² of flow matching is E|ε - x_0|² - E tr Cov[x_0|x_ρ]/ρ². The pace ρ' ∝ κ^{-1/2} has the energy
    (∫√κ dρ)²; the printed ρ' ∝ 1/κ has that of the linear one, ∫κ dρ, and both have more.  (Where κ nearly vanishes, κ only.)"""
    line = case.line().under(schedules.FlowMatching())
    rho = (1 - torch.cos(torch.linspace(0, torch.pi, 41, dtype=torch.float64))) / 2
    inner = rho[1:-1]
    values = []
    for r in inner:
        w, x = line.points(float(r))
        values.append(mean(w, line.at(float(r)).velocity(x).square().sum(-1)))
    for k in (5, 20, 33):
        r = float(inner[k])
        w, x = line.points(r)
        spread = mean(w, line.at(r).covariance(x).diagonal(dim1=-2, dim2=-1).sum(-1)) / r**2
        want = energies.target_norm(line.target) - spread
        yield Compare(values[k], want, want + spread, at=f"κ at ρ = {r:.3g}")
    # both ends are known: nothing of the noise is told at ρ = 0, nothing of the data at ρ = 1
    square, centre = line.target.covariance.sum() + line.target.mean.square().sum(), line.target.mean.square().sum()
    spline = CubicSpline(rho.numpy(), torch.stack([square, *values, 1 + centre]).numpy())

    def kappa(r: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(spline(r.numpy())))

    grid = torch.linspace(0, 1, 20001, dtype=torch.float64)
    if float(kappa(grid).min()) < 0.002 * float(kappa(grid).max()):
        return  # of one normal with mean 0 κ vanishes at ρ = e/(1 + e), and √κ has a kink that no grid of ours sees
    nodes, weight = (f64(v) for v in zip(*time_panels([0.0, *rho[1:-1].tolist(), 1.0], 4), strict=True))
    mean_kappa, least = (weight * kappa(nodes)).sum(), (weight * kappa(nodes).sqrt()).sum() ** 2
    best, printed = Pace(grid, kappa(grid)), Pace(grid, kappa(grid), power=-1.0)
    yield Compare(best.energy(kappa), least, least, at="ρ' ∝ κ^{-1/2}")
    yield Compare(energies.marginal_energy(best, kappa, 20000), least, least, at="the same, along t")
    yield Compare(energies.marginal_energy(lambda t: t, kappa, 20000), mean_kappa, mean_kappa, at="ρ = t")
    yield Compare(printed.energy(kappa), mean_kappa, mean_kappa, at="ρ' ∝ 1/κ")
    yield AtMost(least, mean_kappa, mean_kappa, at="least")


# -------------------------------------------------------------------- preconditioning
def _skip_of_edm(self: Preconditioning, t: Tensor) -> Tensor:
    return self.sigma_data**2 / (self.sigma_data**2 + self.schedule.sigma(t) ** 2)


@agreement(
    "edm-preconditioning",
    T2,
    because="quadrature over pairs, exact for quadratic functions but for the core",
    bound=1e-8,
    applies=few_components,
    breaks=[
        Break(
            "R without the data's variance",
            Preconditioning,
            "scales",
            lambda f: lambda self, t: f(self, t)._replace(c_in=1 / self.schedule.sigma(t)),
        ),
        Break(
            "c_skip of EDM on every schedule",
            Preconditioning,
            "scales",
            lambda f: lambda self, t: f(self, t)._replace(c_skip=_skip_of_edm(self, t)),
        ),
        Break(
            "c_out² for c_out",
            Preconditioning,
            "scales",
            lambda f: lambda self, t: f(self, t)._replace(c_out=f(self, t).c_out ** 2),
        ),
    ],
)
def preconditioned_variances(case: Case) -> Iterator[Comparison]:
    """Over pairs, with σ_d the root mean square of a coordinate: E|c_in x|² = D, E|target|² = D, the residual of c x is
    D (c_out² + R (c - c_skip)²), least at E[x_0·x]/E|x|²; and for α = 1, σ = t the scales are EDM's, from hardly any noise to
    the most."""
    case = case.reduced()
    d, target = case.target.dimension, case.target
    spread = float(((target.covariance.diagonal().sum() + target.mean.square().sum()) / d).sqrt())
    scales = Preconditioning(case.schedule, spread)
    for t in case.times():
        w, x0, noise = case.pairs(t)
        alpha, sigma = case.level(t)
        x, c = alpha * x0 + sigma * noise, scales.scales(f64(t))
        yield Compare(mean(w, (c.c_in * x).square().sum(-1)), f64(d), d, at=f"t = {t:.4g}, input")
        goal = scales.target(x, x0, f64(t)).square().sum(-1)
        size = mean(w, ((x0.square() + (c.c_skip * x).square()).sum(-1))) / c.c_out**2
        yield Compare(mean(w, goal), f64(d), d + size, at=f"t = {t:.4g}, target")
        power = mean(w, x.square().sum(-1))
        best = mean(w, (x0 * x).sum(-1)) / power
        yield Compare(c.c_skip, best, best.abs() + 1e-3, at=f"t = {t:.4g}, skip")
        for other in (0.0, 1.0):
            rest = mean(w, (x0 - other * x).square().sum(-1))
            want = d * (c.c_out**2 + (c.c_skip - other) ** 2 / c.c_in**2)
            yield Compare(rest, want, rest + other * power, at=f"t = {t:.4g}, c = {other}")
    edm = Preconditioning(schedules.EDM(), spread)
    for sigma in (1e-9 * spread, spread, 80.0):
        c, total = edm.scales(f64(sigma)), spread**2 + sigma**2
        for got, value in zip(c, (total**-0.5, spread**2 / total, sigma * spread / total**0.5), strict=True):
            yield Compare(got, f64(value), abs(value), at=f"EDM, σ = {sigma:.3g}")


@agreement(
    "edm-effective-loss",
    T1,
    because="the same pairs on both sides",
    float32=True,
    breaks=[Break("weight 1/c_out", Preconditioning, "weight", lambda f: lambda self, t: f(self, t).sqrt())],
)
def preconditioned_loss(case: Case) -> Iterator[Compare]:
    """(α² σ_d² + σ²)/(σ σ_d)² |D(x_t) - x_0|² of the preconditioned denoiser D is the network's own squared error."""
    x0, noise = case.clean_and_noise(5)
    scales = preconditioning.Preconditioning(case.schedule, 0.6)
    for index, t in enumerate(case.times()):
        at, wrong = f64(t), case.wrong("x0", index)
        alpha, sigma = case.level(t)
        x = alpha * x0 + sigma * noise

        def network(y: Tensor, u: Tensor, wrong: Callable[..., predictions.Prediction] = wrong) -> Tensor:
            return wrong(y, u).value

        total = (alpha * 0.6) ** 2 + sigma**2
        made = network(x / total**0.5, at)
        goal = (x0 - alpha * 0.36 / total * x) * total**0.5 / (0.6 * sigma)
        want = (made - goal).square().sum(-1)
        got = scales.loss(network, x0, noise, at)
        size = (
            made.square().sum(-1) + (x0.square().sum(-1) + noise.square().sum(-1)) * (1 + alpha**2 / sigma**2) * total
        )
        yield Compare(got, want, size + want, at=f"t = {t:.4g}")


@agreement(
    "linear-mmse",
    T1,
    because="closed forms on both sides",
    float32=True,
    breaks=[
        Break(
            "c_skip of EDM on every schedule",
            Preconditioning,
            "scales",
            lambda f: lambda self, t: f(self, t)._replace(c_skip=_skip_of_edm(self, t)),
        ),
        Break("the denoiser a little off", Marginal, "x0", lambda f: scaled(f, 1.01)),
    ],
)
def skip_is_the_denoiser_of_normal_data(case: Case) -> Iterator[Compare]:
    """On data N(0, σ_d² I) the oracle's E[x_0 | x_t] is c_skip x, so that a network that says
    nothing is the oracle: its prediction of the noise is E[ε | x_t]."""
    spread, d = 0.8, case.target.dimension
    normal = Gaussian(torch.zeros(d, dtype=torch.float64), spread**2)
    scales = Preconditioning(case.schedule, spread)
    for t in case.times():
        x, at = case.sample(t, 4), f64(t)
        c_skip = scales.scales(at).c_skip.to(x)
        law = normal.at(case.schedule, t)
        yield Compare(law.x0(x), c_skip * x, norm(x).unsqueeze(-1) * (1 + c_skip), at=f"t = {t:.4g}")
        nothing = scales.denoiser(lambda y, u: torch.zeros_like(y))(x, at)
        want = law.epsilon(x)
        got = nothing.to("epsilon", x, case.schedule.at(t)).value
        size = norm(x) * (1 + case.level(t)[0] / case.level(t)[1]) + norm(want)
        yield Compare(got, want, size.unsqueeze(-1), at=f"t = {t:.4g}, noise")
