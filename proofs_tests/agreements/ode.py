"""Agreements about ordinary differential equations: solutions, orders of one-step methods, and what flows out of a box."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from concordant.impl import calculus
from concordant.impl.batch import f64, norm
from concordant.impl.targets import marginal
from concordant.proofs_tests.agreement import (
    T1,
    T2,
    T4,
    T5,
    AtMost,
    Break,
    Compare,
    Comparison,
    Order,
    agreement,
    scaled,
)
from concordant.proofs_tests.case import Case, few_components, spread

#: Digits of the reference solutions.
SHARP = (3e-14, 1e-15)


class Bent:
    """x Aᵀ + b sin(w·x + c t): a symmetric A > 0 and a wave; Lipschitz in x with the constant |A| + |b| |w|."""

    def __init__(self, case: Case, strength: float = 1.0) -> None:
        d, random = case.target.dimension, case.random("a bent field")
        root, self.b, self.w = (torch.randn(n, generator=random, dtype=torch.float64) for n in ((d, d), (d,), (d,)))
        square = root @ root.T + torch.eye(d)
        self.a = strength * square / torch.linalg.matrix_norm(square, 2)
        self.b, self.w = 0.3 * strength * self.b / self.b.norm(), self.w / self.w.norm()
        self.start = torch.randn(3, d, generator=random, dtype=torch.float64)

    def __call__(self, x: Tensor, t: Tensor, pace: float = 0.0) -> Tensor:
        made: Tensor = x @ self.a + self.b * torch.sin(x @ self.w + pace * t).unsqueeze(-1)
        return made

    def moving(self, x: Tensor, t: Tensor) -> Tensor:
        """The same, changing with time."""
        return self(x, t, 2.0)

    @property
    def lipschitz(self) -> float:
        return float(torch.linalg.matrix_norm(self.a, 2)) + float(self.b.norm() * self.w.norm())


# -------------------------------------------------------------------- existence, uniqueness, Picard's iterates
@agreement(
    "flow-exists",
    T2,
    because="Picard's iterates on Chebyshev nodes against a reference solution, 1e-11 here",
    bound=1e-9,
    breaks=[
        Break("half of the integral", calculus, "picard", lambda f: lambda v, *a: f(lambda x, t: v(x, t) / 2, *a)),
        Break(
            "one start for all points",
            calculus,
            "picard",
            lambda f: lambda v, x, *a: f(v, x.mean(0, keepdim=True).expand_as(x), *a),
        ),
    ],
)
def limit_of_the_iterates(case: Case) -> Iterator[Compare]:
    """Picard's iterates of a field that is not linear and changes with time tend to its solution; and from the solution's end
    the way back leads to its start, along the same points."""
    field = Bent(case)
    times, iterates = calculus.picard(field.moving, field.start, 0.0, 1.0, 24)
    size = 1 + norm(iterates[-1]).unsqueeze(-1)
    ends = calculus.solve(field.moving, field.start, 0.0, 1.0, *SHARP)
    yield Compare(iterates[-1, -1], ends, size[-1], at="the last time")
    middle = len(times) // 2
    back = calculus.solve(field.moving, iterates[-1, -1], 1.0, float(times[middle]), *SHARP)
    yield Compare(iterates[-1, middle], back, size[middle], at="half way back")


@agreement(
    "picard-iteration",
    T5,
    because="an inequality; iterates on Chebyshev nodes to eleven digits",
    breaks=[
        Break("the integral doubled", calculus, "picard", lambda f: lambda v, *a: f(lambda x, t: 2 * v(x, t), *a)),
        Break("k + 2 for k + 1, in the power and in the factorial", sys.modules[__name__], "bound", lambda f: _late(f)),
    ],
)
def changes_of_the_iterates(case: Case) -> Iterator[AtMost]:
    """|x⁽ᵏ⁺¹⁾(t) - x⁽ᵏ⁾(t)| ≤ M Lᵏ tᵏ⁺¹/(k+1)! at every node, for a field whose Lipschitz constant is known."""
    field = Bent(case)
    times, iterates = calculus.picard(field, field.start, 0.0, 1.5, 9, 48)
    speed = norm(field(field.start, f64(0.0)))
    for k, change in enumerate(norm(iterates.diff(dim=0))):
        most = bound(field.lipschitz, k, times).unsqueeze(-1) * speed
        yield AtMost(change, most + 1e-11 * (1 + norm(iterates[k])), most, at=f"k = {k}")


def bound(lipschitz: float, k: int, t: Tensor) -> Tensor:
    """Lᵏ tᵏ⁺¹/(k+1)!."""
    return lipschitz**k * t ** (k + 1) / math.factorial(k + 1)


def _late(_: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda lipschitz, k, t: lipschitz**k * t ** (k + 2) / math.factorial(k + 2)


@agreement(
    "picard-iteration",
    T1,
    because="polynomials on Chebyshev nodes against sums of powers of a matrix",
    breaks=[
        Break("half of the integral", calculus, "picard", lambda f: lambda v, *a: f(lambda x, t: v(x, t) / 2, *a)),
    ],
)
def iterates_of_a_linear_field(case: Case) -> Iterator[Compare]:
    """For v = A x the k-th iterate is Σ_{j ≤ k} (tA)ʲ x_0/j!, for a matrix that is not symmetric; for v = x on a line the bound
    is an equality."""
    field = Bent(case)
    matrix = field.a + torch.outer(field.b, field.w)
    times, iterates = calculus.picard(lambda x, t: x @ matrix.T, field.start, 0.0, 1.5, 6)
    sums, term = field.start.expand(len(times), -1, -1), field.start.expand(len(times), -1, -1)
    for k in range(1, 7):
        term = term @ matrix.T * times[:, None, None] / k
        sums = sums + term
        yield Compare(iterates[k], sums, 1 + norm(sums).unsqueeze(-1), at=f"k = {k}")
    times, iterates = calculus.picard(lambda x, t: x, field.start[:, :1], 0.0, 1.5, 6)
    for k, change in enumerate(iterates.diff(dim=0).abs().squeeze(-1)):
        most = bound(1.0, k, times).unsqueeze(-1) * field.start[:, 0].abs()
        yield Compare(change, most, 1 + iterates[k].abs().squeeze(-1), at=f"x' = x, k = {k}")


@agreement(
    "trajectories-do-not-meet",
    T2,
    because="reference solutions, and closed forms",
    breaks=[
        Break(
            "another field than is bounded", calculus, "solve", lambda f: lambda v, *a: f(lambda x, t: 2 * v(x, t), *a)
        ),
        Break("half of every slope", calculus, "slope", lambda f: scaled(f, 0.5)),
    ],
)
def distances_of_trajectories(case: Case) -> Iterator[Comparison]:
    """e^{-Lt} ≤ |x(t) - y(t)|/|x_0 - y_0| ≤ e^{Lt}, the first with equality for v = -L x.  And where v = 2√|x| is not Lipschitz,
    the constant 0 and t² both solve dx/dt = v from 0, so that they meet."""
    field = Bent(case)
    rate, x, y = field.lipschitz, field.start[0], field.start[1]
    for sign in (1, -1):
        ends = calculus.solve(lambda p, t, sign=sign: sign * field.moving(p, t), torch.stack([x, y]), 0.0, 1.0, *SHARP)  # type: ignore[misc]
        ratio = (ends[0] - ends[1]).norm() / (x - y).norm()
        yield AtMost(ratio, math.exp(rate), math.exp(rate), at=f"sign {sign}, above")
        yield AtMost(math.exp(-rate), ratio, math.exp(-rate), at=f"sign {sign}, below")
    fastest = calculus.solve(lambda p, t: -rate * p, torch.stack([x, y]), 0.0, 1.0, *SHARP)
    yield Compare((fastest[0] - fastest[1]).norm(), math.exp(-rate) * (x - y).norm(), (x - y).norm(), at="-L x")
    curves: dict[str, Callable[[Tensor], Tensor]] = {"0": lambda u: 0 * u, "t²": lambda u: u**2}
    for t in f64([0.1, 1.0, 3.0]):
        for name, curve in curves.items():
            yield Compare(calculus.slope(curve, t), 2 * curve(t).abs().sqrt(), 1.0, at=f"{name} at {float(t):.1f}")


# -------------------------------------------------------------------- the linear part solved exactly
@agreement(
    "variation-of-constants",
    T2,
    because="Gauss-Legendre along a reference solution",
    applies=few_components,  # a reference solution to every node
    breaks=[
        Break(
            "the source does not grow on",
            calculus,
            "variation_of_constants",
            lambda f: lambda alpha, rest, x, s, e, n: f(alpha, lambda t: rest(t) * alpha(t) / alpha(e), x, s, e, n),
        ),
        Break(
            "the factor turned round",
            calculus,
            "variation_of_constants",
            lambda f: lambda alpha, *a: f(lambda t: 1 / alpha(t), *a),
        ),
    ],
)
def probability_flow_by_its_linear_part(case: Case) -> Iterator[Compare]:
    """The probability flow is dx/dt = (α'/α) x - ½ g² ∇log p_t: its end is that of the linear part, and what the score adds at
    each time, grown on; forwards and backwards."""
    clock, start, end = case.schedule, case.time(0.6), case.time(0.2)
    x = case.sample(start, 2)
    for one, other in ((start, end), (end, start)):
        known: dict[float, Tensor] = {one: x}

        def at(t: float, known: dict[float, Tensor] = known) -> Tensor:
            near = min(known, key=lambda u: abs(u - t))
            known[t] = calculus.solve(lambda y, u: case.at(u).velocity(y), known[near], near, t, 1e-11, 1e-13)
            return known[t]

        def rest(t: Tensor) -> Tensor:
            return -clock.g2(t) / 2 * case.at(t).score(at(float(t)))

        got = calculus.variation_of_constants(clock.alpha, rest, x, f64(one), f64(other), 12)
        want = at(other)
        yield Compare(got, want, norm(x).unsqueeze(-1) + norm(want).unsqueeze(-1), at=f"to t = {other:.4g}")


# -------------------------------------------------------------------- orders
ORDERS: dict[str, tuple[str, float]] = {"euler": ("Euler", 1.0), "heun": ("Heun", 2.0), "rk4": ("Runge-Kutta", 4.0)}


@agreement(
    "orders-of-one-step-methods",
    T4,
    because="against reference solutions; no sampling",
    applies=spread,  # the flow of a Dirac may be straight, and one step of it exact
    breaks=[
        Break("Euler's method for Heun's", calculus, "heun", lambda f: calculus.euler),
        Break(
            "the weights (1, 1, 1, 1)/4 for (1, 2, 2, 1)/6",
            calculus,
            "rk4",
            lambda f: lambda v, x, times: _flat(v, x, times),
        ),
        Break(
            "slopes a thousandth of a step late",
            calculus,
            "rk4",
            lambda f: lambda v, x, times: f(lambda y, t: v(y, t + 1e-3 * times.diff()[0]), x, times),
        ),
    ],
)
def errors_of_one_step_methods(case: Case) -> Iterator[Order]:
    """Local errors of order 2, 3, 5 and global ones of order 1, 2, 4, for a field that is neither linear nor autonomous; and
    global ones for the probability flow of the Gaussian with the target's moments."""
    field, counts = Bent(case), [8, 16, 32, 64]
    exact = calculus.solve(field.moving, field.start, 0.0, 1.0, *SHARP)
    one = case.gaussian()
    first, last = one.time(1.0), one.time(0.0)
    x = one.sample(first, 2)

    def velocity(y: Tensor, t: Tensor) -> Tensor:
        return one.at(t).velocity(y)

    there = calculus.solve(velocity, x, first, last, *SHARP)
    local = [(0.8 / n, calculus.solve(field.moving, field.start, 0.3, 0.3 + 0.8 / n, *SHARP)) for n in counts]
    for name, (who, order) in ORDERS.items():
        method = getattr(calculus, name)
        errors = [
            float((method(field.moving, field.start, torch.linspace(0, 1, n + 1).double()) - exact).norm())
            for n in counts
        ]
        yield Order(counts, errors, order, at=f"{who}, globally")
        errors = [float((method(field.moving, field.start, f64([0.3, 0.3 + h])) - end).norm()) for h, end in local]
        yield Order(counts, errors, order + 1, at=f"{who}, one step")
        errors = [float((method(velocity, x, one.grid(1.0, 0.0, n)) - there).norm()) for n in counts]
        yield Order(counts, errors, order, at=f"{who}, the probability flow")


def _flat(field: calculus.Field, x: Tensor, times: Tensor) -> Tensor:
    for t, h in zip(times[:-1], times.diff(), strict=True):
        first = field(x, t)
        second = field(x + h / 2 * first, t + h / 2)
        third = field(x + h / 2 * second, t + h / 2)
        x = x + h * (first + second + third + field(x + h * third, t + h)) / 4
    return x


# -------------------------------------------------------------------- densities and fluxes
@agreement(
    "log-density-after-a-step",
    T4,
    because="closed forms along a reference solution",
    applies=lambda case: few_components(case) and spread(case),
    breaks=[
        Break(
            "half of the divergence",
            marginal.Marginal,
            "divergence",
            lambda f: lambda self, x, kind="score": f(self, x, kind) / 2,
        ),
        Break(
            "a velocity 1 % off",
            marginal.Marginal,
            "velocity",
            lambda f: lambda self, x: 1.01 * f(self, x),
        ),
    ],
)
def log_density_after_a_step(case: Case) -> Iterator[Order]:
    """log p_{t+h}(x_{t+h}) - log p_t(x_t) + h ∇·v(x_t, t) is O(h²) along the exact flow."""
    for t in case.times((1.5, -0.5)):
        x, p = case.sample(t, 3), case.at(t)
        scale, counts = 0.2 / abs(float(case.schedule.d_lam(f64(t)))), [8, 16, 32, 64]
        start, trace, errors = p.log_prob(x), p.divergence(x, "velocity"), []
        for n in counts:
            h = scale / n
            end = calculus.solve(lambda y, u: case.at(u).velocity(y), x, t, t + h, *SHARP)
            errors.append(float((case.at(t + h).log_prob(end) - start + h * trace).norm()))
        yield Order(counts, errors, 2.0, at=f"t = {t:.4g}")


OUTFLOW_BREAKS = [
    Break(
        "one face of each pair forgotten",
        calculus,
        "outflow",
        lambda f: lambda flux, x, t, side, *a: f(flux, x, t, side, *a) / 2 + flux(x, t).sum(-1) / (2 * side),
    ),
    Break(
        "a wall of another size than its volume",
        calculus,
        "outflow",
        lambda f: lambda v, x, t, s, *a: f(v, x, t, 2 * s, *a) * 2,
    ),
]


@agreement(
    "flux-out-of-a-box",
    T4,
    because="smooth fluxes on small cubes, faces by Gauss-Legendre",
    applies=lambda case: few_components(case),
    breaks=OUTFLOW_BREAKS,
)
def outflow_of_a_small_cube(case: Case) -> Iterator[Order]:
    """The outflow per volume is ∇·(p v) + O(side²): relative to p, for the exact velocity; in up to five dimensions."""
    one = case if case.target.dimension <= 5 else case.line()
    for t in one.times((1.0, -0.5)):
        p = one.at(t)
        x = one.sample(t, 2)
        alpha, sigma = one.level(t)
        width = math.sqrt(alpha**2 * float(one.target.spectrum.min()) + sigma**2)
        here = p.log_prob(x).unsqueeze(-1)

        def flux(y: Tensor, _: Tensor, t: float = t, here: Tensor = here) -> Tensor:
            law = one.at(t)
            level = here if y.ndim == 2 else here.unsqueeze(1)
            return (law.log_prob(y).unsqueeze(-1) - level).exp() * law.velocity(y)

        want = p.divergence(x, "velocity") + (p.velocity(x) * p.score(x)).sum(-1)
        counts = [4, 8, 16, 32]
        got = (calculus.outflow(flux, x, f64(t), f64(width / n)) for n in counts)
        errors = [float((outflow - want).norm()) for outflow in got]
        yield Order(counts, errors, 2.0, at=f"t = {t:.4g}")


@agreement(
    "flux-out-of-a-box",
    T1,
    because="error functions differentiated in time against the flux at two ends",
    bound=1e-9,
    applies=few_components,
    breaks=OUTFLOW_BREAKS,
)
def mass_of_an_interval(case: Case) -> Iterator[Compare]:
    """d/dt P(a ≤ x_t ≤ b) = p v (a) - p v (b) on a line, the probability by error functions of the components."""
    line = case.line()
    for t in line.times((1.0, -0.5)):
        a, b = (v for v in line.sample(t, 2).flatten().sort().values)
        at = f64(t).requires_grad_()
        alpha, sigma = line.schedule.alpha(at), line.schedule.sigma(at)
        widths = (alpha**2 * line.target.spectrum[:, 0] + sigma**2).sqrt()
        low, high = ((v - alpha * line.target.means[:, 0]) / widths for v in (a, b))
        mass = (line.target.weights * (torch.special.ndtr(high) - torch.special.ndtr(low))).sum()
        (rate,) = torch.autograd.grad(mass, at)
        p = line.at(t)

        def flux(y: Tensor, _: Tensor, p: marginal.Marginal = p) -> Tensor:
            return p.log_prob(y).exp().unsqueeze(-1) * p.velocity(y)

        side = b - a
        left = -side * calculus.outflow(flux, ((a + b) / 2).reshape(1), f64(t), side)
        ends = sum(flux(v.reshape(1, 1), f64(t)).abs().sum() for v in (a, b))
        size = ends + line.schedule.f(f64(t)).abs() + line.schedule.g2(f64(t))
        yield Compare(left, rate, size, at=f"t = {t:.4g}")
