"""Agreements of chains and single steps: what they tend to, at which rate, and what a step does to a density."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from concordant.impl import calculus, chains, one_step
from concordant.impl.batch import f64, norm, normal_like
from concordant.impl.chains import Steps
from concordant.impl.one_step import Stepped
from concordant.impl.schedules import Schedule, VarianceExploding, VariancePreserving
from concordant.impl.sde import LinearSDE
from concordant.impl.variational import DDPM
from concordant.proofs_tests.agreement import T1, T2, T4, Break, Compare, Order, agreement, scaled
from concordant.proofs_tests.arbitrary import log_normal
from concordant.proofs_tests.case import Case, few_on_a_line
from concordant.proofs_tests.quadrature import time_panels

#: λ of the ends of panels in time.
ENDS = (2.5, 2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -1.5)
HALVINGS = [16, 32, 64, 128]


def _between(case: Case, first: int, last: int) -> list[tuple[float, float]]:
    """Nodes and weights in time between two of the ends."""
    return time_panels(case.times(ENDS)[first : last + 1])


# -------------------------------------------------------------------- chains
@agreement(
    "ncsn-increments",
    T2,
    because="composite Gauss-Legendre quadrature in time, 1e-11 here",
    bound=1e-9,
    breaks=[
        Break(
            "the increment of σ, squared, for that of σ²",
            chains,
            "ncsn",
            lambda f: lambda schedule, times: Steps(f(schedule, times).scale, schedule.sigma(times).diff().square()),
        ),
        Break("g² 1 % too large", Schedule, "g2", lambda f: scaled(f, 1.01)),
    ],
)
def increments_add_up(case: Case) -> Iterator[Compare]:
    """At NCSN's scale the increments between levels, added up over any grid, are ∫ g² dt and the SDE's own transition."""
    clock = VarianceExploding(case.schedule)
    ends, process = case.times(ENDS), LinearSDE(clock)
    for first, last in ((0, 4), (3, 8)):
        grid = torch.linspace(ends[first], ends[last], 6, dtype=torch.float64)
        scale, variance = chains.ncsn(clock, grid).kernel()
        integral = torch.stack([w * clock.g2(f64(t)) for t, w in _between(case, first, last)]).sum()
        ratio, added = process.transition(f64(ends[first]), f64(ends[last]))
        where = f"from {ends[first]:.4g} to {ends[last]:.4g}"
        yield Compare(variance, integral, variance, at=f"{where}, integral")
        yield Compare(variance, added, variance, at=f"{where}, transition")
        yield Compare(scale, ratio, 1.0, at=f"{where}, factor")


@agreement(
    "ddpm-steps",
    T2,
    because="composite Gauss-Legendre quadrature in time, 1e-11 here",
    bound=1e-9,
    breaks=[
        Break("β = -(log α)'", Schedule, "f", lambda f: scaled(f, 0.5)),
        Break(
            "-log(1 - ½ β_i) for β_i",
            DDPM,
            "__init__",
            lambda f: lambda self, b, t=None: f(self, -torch.log1p(-b / 2), t),
        ),
    ],
)
def steps_between_times(case: Case) -> Iterator[Compare]:
    """log(1 - β_i) = -∫ β dt for DDPM's chain on a variance-preserving schedule, and √(1-β) = 1 - β/2 - β²/(2(1+√(1-β))²)."""
    clock = VariancePreserving(case.schedule)
    times = f64(case.times(ENDS))
    chain = DDPM.from_schedule(clock, times)
    for i in (2, 4, 8):
        integral = torch.stack([w * -2 * clock.f(f64(t)) for t, w in _between(case, i - 1, i)]).sum()
        x = torch.ones(1, dtype=torch.float64)
        factor, beta = chain.transition(x, i + 1)
        size = integral.abs() + 1e-3
        yield Compare(torch.log1p(-beta), -integral, size, at=f"i = {i}")
        root = (1 - beta).sqrt()
        yield Compare(factor, 1 - beta / 2 - beta**2 / (2 * (1 + root) ** 2), 1.0, at=f"i = {i}, root")


@agreement(
    "chains-tend-to-the-sde",
    T4,
    because="exact recursion of factors and variances, no sampling",
    breaks=[
        Break(
            "1 - β for √(1 - β)",
            chains,
            "ddpm",
            lambda f: lambda schedule, times: Steps(f(schedule, times).scale ** 2, f(schedule, times).variance),
        ),
        Break("g² 1 % too large", Schedule, "g2", lambda f: scaled(f, 1.01)),
    ],
)
def chains_and_kernels(case: Case) -> Iterator[Order]:
    """Factor and variance of L steps of DDPM with β_i = β(t_i) h, and of Euler-Maruyama, are off those of the SDE's transition by
    O(1/L); after a single step of length h by O(h²)."""
    preserving = VariancePreserving(case.schedule)
    start, end = case.times((1.5, -1.0))
    for name, make, clock in (
        ("DDPM", chains.ddpm, preserving),
        ("Euler-Maruyama", chains.euler_maruyama, case.schedule),
    ):
        errors, single = [], []
        for n in HALVINGS:
            grid = case.grid(1.5, -1.0, 4 * n)
            errors.append(_off(clock, make(clock, grid), grid))
            pair = f64([start, start + (end - start) / (4 * n)])
            single.append(_off(clock, make(clock, pair), pair))
        yield Order(HALVINGS, errors, 1.0, at=f"{name}, all steps")
        yield Order(HALVINGS, single, 2.0, at=f"{name}, one step")


def _off(clock: Schedule, made: Steps, grid: Tensor) -> float:
    """How far the chain's factor and variance are from the transition's."""
    got, want = made.kernel(), LinearSDE(clock).transition(grid[0], grid[-1])
    return float((got[0] - want[0]).abs() + (got[1] - want[1]).abs() / clock.sigma(grid[-1]) ** 2)


# -------------------------------------------------------------------- one step
@agreement(
    "one-step-gaussian-kernel",
    T1,
    because="automatic differentiation in the step, closed forms in space",
    breaks=[
        Break("h for √h", calculus, "euler_maruyama_step", lambda f: lambda b, g, x, h, z: f(b, g, x, h, h.sqrt() * z)),
        Break(
            "no drift in the step",
            calculus,
            "euler_maruyama_step",
            lambda f: lambda b, g, x, h, z: f(0 * b, g, x, h, z),
        ),
    ],
)
def step_with_frozen_coefficients(case: Case) -> Iterator[Compare]:
    """∂_h log k = [-f(y)·∇k + ½ g² Δk]/k for the density k of a step from y, whose mean and deviation are read off the step."""
    t = case.time(0.5)
    at, y = f64(t), case.sample(t, 3)
    g = case.schedule.g2(at).sqrt()
    drift = case.at(t).velocity(y) + 0.3 * case.at(t).score(y)
    z = normal_like(y, case.random("z"))
    none, unit = torch.zeros_like(y), torch.ones_like(y)
    for share in (0.01, 0.1):
        h0 = share / abs(float(case.schedule.d_lam(t)))
        x = y + h0 * drift + g * h0**0.5 * z

        def log_k(h: Tensor, x: Tensor = x) -> Tensor:
            centre = calculus.euler_maruyama_step(drift, g, y, h, none)
            deviation = (calculus.euler_maruyama_step(drift, g, y, h, unit) - centre)[0, 0]
            return log_normal(x, centre, deviation)

        left = calculus.slope(log_k, f64(h0))

        def score(x: Tensor, t: Tensor, h0: float = h0) -> Tensor:
            return -(x - y - h0 * drift) / (h0 * g**2)

        right = calculus.fokker_planck(lambda x, t: drift, score, g**2, x, at)
        size = left.abs() + norm(drift) * norm(score(x, at)) + y.shape[-1] / h0
        yield Compare(left, right, size, at=f"h = {h0:.3g}")


@agreement(
    "fokker-planck-from-steps",
    T1,
    because="automatic differentiation in the step against the same in space",
    breaks=[
        Break(
            "the drift of one starting point for all",
            Stepped,
            "drift",
            lambda f: lambda self, x: 0 * x + self.slopes[0],
        ),
        Break("half of the diffusion", Stepped, "score", lambda f: scaled(f, 0.5)),
    ],
)
def equation_of_a_step(case: Case) -> Iterator[Compare]:
    """∂_h log p̃ = [-∇·(f̃ p̃) + ½ g² Δp̃]/p̃ for the density p̃ after a step from six points, with f̃(x) = E[f(y)|x]."""
    t = case.time(0.5)
    at, y = f64(t), case.sample(t, 6)
    y = y[:1] + 0.5 * (y - y[:1]) / (1 + norm(y - y[:1]).unsqueeze(-1))  # close enough to share what is between them
    g2 = case.schedule.g2(at)
    drift = case.at(t).velocity(y) + torch.sin(3 * y) * g2.sqrt()
    weights = torch.linspace(1, 2, 6, dtype=torch.float64)
    weights = weights / weights.sum()
    h0 = f64(0.3 / float(g2))
    x = (y + h0 * drift)[[0, 2, 4]]
    x = x + 0.3 * normal_like(x, case.random("z"))

    def log_p(h: Tensor) -> Tensor:
        return torch.logsumexp(
            weights.log() + torch.stack([log_normal(x, y[n] + h * drift[n], (h * g2).sqrt()) for n in range(6)], -1), -1
        )

    law = Stepped(y, weights, drift, g2, h0)
    left = calculus.slope(log_p, h0)
    right = calculus.fokker_planck(lambda u, t: law.drift(u), lambda u, t: law.score(u), g2, x, at)
    size = left.abs() + y.shape[-1] / h0 + g2 * law.score(x).square().sum(-1)
    yield Compare(left, right, size, at=f"t = {t:.4g}")


@agreement(
    "density-after-one-step",
    T4,
    because="the trapezoidal rule on a line, exact to rounding there",
    applies=few_on_a_line,
    breaks=[
        Break(
            "half of the diffusion", calculus, "fokker_planck", lambda f: lambda b, s, g2, x, t: f(b, s, g2 / 2, x, t)
        ),
        Break("the drift's divergence forgotten", calculus, "divergence", lambda f: scaled(f, 0.0)),
    ],
)
def density_to_first_order(case: Case) -> Iterator[Order]:
    """On a line, the density after a step of length h from p_t, with a drift that is not linear, is
    p_t + h [-∇·(f p_t) + ½ g² Δp_t] + O(h²)."""
    line = case.line()
    t = line.time(-0.5)
    at, law = f64(t), line.at(t)
    alpha, sigma = line.level(t)
    width = float((alpha**2 * line.target.spectrum.max() + sigma**2).sqrt())
    narrow = float((alpha**2 * line.target.spectrum.min() + sigma**2).sqrt())
    g2 = f64(narrow**2)  # so that h is in units of the narrowest component

    def drift(x: Tensor, t: Tensor) -> Tensor:
        return narrow * torch.sin(x / narrow + 0.4)

    x = line.sample(t, 6)
    rate = calculus.fokker_planck(drift, lambda y, u: law.score(y), g2, x, at)
    p = law.log_prob(x).exp()
    counts, errors = [64, 128, 256, 512], []
    for n in counts:
        h = f64(1.0 / n)
        spacing = narrow * float(h.sqrt()) / 1.5
        low, high = float(x.min()) - 9 * narrow * float(h.sqrt()), float(x.max()) + 9 * narrow * float(h.sqrt())
        y = torch.arange(low - 2 * narrow / n, high + 2 * narrow / n, spacing, dtype=torch.float64)[:, None]
        after = one_step.Stepped(y, law.log_prob(y).exp() * spacing, drift(y, at), g2, h).log_prob(x).exp()
        errors.append(float(norm(after - p * (1 + h * rate)) * width))
    yield Order(counts, errors, 2.0)
