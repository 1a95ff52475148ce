"""Statements of the theory written by hand, with witnesses: what the bridge is tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp
import torch

from concordant.impl.batch import f64
from concordant.impl.schedules import schedule
from concordant.impl.targets import GaussianMixture
from concordant.proofs_tests.bridge.fields import Setting, conditional, cube, gaussian_chain
from concordant.proofs_tests.bridge.values import Logged
from concordant.proofs_tests.bridge.witness import Said, Witness
from concordant.proofs_tests.case import Case
from concordant.theory.kernel import terms as T
from concordant.theory.kernel.terms import (
    Along,
    At,
    Index,
    Path,
    Point,
    const,
    coords,
    d_dt,
    delta,
    div,
    dot,
    expect,
    function,
    grad,
    integral,
    lap,
    log,
    norm2,
    scalar,
    step,
    total,
    vector,
)

HALF = sp.Rational(1, 2)
x, y, x0 = Point("x"), Point("y"), Point("x0")
i, j = Index("i"), Index("j")
t, k, L = T.time("t"), step("k"), step("L")
p, q, p0, r = scalar("p"), scalar("q"), scalar("p0"), scalar("r")
s, v = vector("s"), vector("v")
alpha, sigma = const("alpha", positive=True), const("sigma", positive=True)
score, kernel_score = grad(log(p(x)), x), grad(log(q(x, x0)), x)
MARGINAL = ("where", "p", (x,), (), integral(q(x, x0) * p0(x0), x0))
KERNEL = (
    "where log",
    "q",
    (x, x0),
    (),
    -HALF / sigma**2 * norm2(coords(x) - alpha * coords(x0)) - T.lift(T.DIM * HALF) * log(2 * sp.pi * sigma**2),
)


@cache
def setting(dimension: int) -> Setting:
    """Two components, of different weights and widths, under the variance-preserving schedule."""
    means = torch.tensor([[-1.0] * dimension, [0.8] + [0.3] * (dimension - 1)], dtype=torch.float64)
    target = GaussianMixture([0.4, 0.6], means, f64([0.4, 0.7]))
    return Setting(Case(f"two in D = {dimension}", target, schedule("vp-linear")), 0.3)


def witness(dimension: int, *implemented: str) -> Witness:
    """The oracle's densities; those `implemented` stand in the statement in place of their definitions."""
    at = setting(dimension)
    fields = {"p": at.marginal, "q": at.kernel, "p0": at.clean, "s": at.arbitrary("s"), "v": at.mean("velocity")}
    fields |= {"f": at.drift, "phi": at.test_function("phi")}
    kept = {name: f for name, f in fields.items() if name in ("p0", "s", "v", "f", "phi", *implemented)}
    return Witness(
        at.boxes,
        kept,
        {"alpha": at.alpha, "sigma": at.sigma},
        at.functions,
        {"z": at.trajectory(at.mean("velocity"), at.points(1)[0])},
        {"x": at.points(), "t": at.t + torch.linspace(-0.05, 0.05, 4, dtype=torch.float64), "k": [2], "L": [3]},
        {"p": "density", "q": "density", "p0": "density", "s": "polynomial", "f": "polynomial", "phi": "test"},
        f"D = {dimension}",
    )


@dataclass(frozen=True)
class Example:
    """A statement, a false one that looks like it, and its witness in D dimensions."""

    right: Said
    wrong: Said
    witness: Callable[[int], Witness]
    dimensions: tuple[int, ...] = (1, 2)
    more: tuple[Callable[[], Witness], ...] = ()

    def witnesses(self) -> list[Witness]:
        """Those for mutants, the cheapest first."""
        first, *rest = self.dimensions
        return [self.witness(first), *(w() for w in self.more), *(self.witness(d) for d in rest)]


def _example(
    lhs: Any, rhs: Any, wrong: Any, hyps: Any, *implemented: str, rel: str = "=", dimensions: Any = (1, 2)
) -> Example:
    hyps = frozenset(hyps)
    lhs, rhs, wrong = T.lift(lhs), T.lift(rhs), T.lift(wrong)
    return Example(
        Said(lhs, rel, rhs, hyps),
        Said(lhs, rel, wrong, hyps),
        lambda dimension: witness(dimension, *implemented),
        dimensions,
    )


def _chain_witness(dimension: int) -> Witness:
    chain = gaussian_chain([0.3, 0.5, 0.7, 0.6])
    made = conditional("model", dimension, steps_first=True)
    fields = {**chain, "p": made, "pi": conditional("prior", dimension, points=1)}
    at = {"x0": f64([[0.3], [-0.9]]), "L": [2, 3]}
    return Witness(
        {"": cube(1, 7.5, 0.32)}, fields, at=at, kinds=dict.fromkeys(fields, "density"), name="a chain in D = 1"
    )


def _elbo() -> Example:
    w, pi, m = Path("w"), scalar("pi"), scalar("m")
    kl = expect(integral(r(k, y, At(w, k), x0) * (log(r(k, y, At(w, k), x0)) - log(p(k, y, At(w, k)))), y), w, "Q")
    rhs = (
        expect(log(p(1, x0, At(w, sp.Integer(1)))), w, "Q")
        - integral(m(L, y, x0) * (log(m(L, y, x0)) - log(pi(y))), y)
        - total(kl, k, 2, L)
    )
    steps = pi(At(w, L)) * p(1, x0, At(w, sp.Integer(1))) / q(1, At(w, sp.Integer(1)), x0)
    ratio = T.product(p(k, At(w, k - 1), At(w, k)) / q(k, At(w, k), At(w, k - 1)), k, 2, L)
    path = expect(log(steps * ratio), w, "Q")
    hyps = [("chain", "Q", "q", "m", "r", x0, sp.Integer(3)), ("positive", "p"), ("range", sp.Integer(1), L)]
    hyps += [("converges", kl), ("converges", path)]
    wrong = expect(log(p(1, x0, At(w, sp.Integer(1)))), w, "Q") - total(kl, k, 1, L)
    return Example(Said(path, "=", rhs, frozenset(hyps)), Said(path, "=", wrong, frozenset(hyps)), _chain_witness, (1,))


def _jensen() -> Example:
    """Gibbs' inequality with a joint density: log ∫ q p ≥ ∫ r (log q p - log r)."""
    latent = integral(r(x0, x) * (log(q(x, x0)) + log(p0(x0)) - log(r(x0, x))), x0)
    hyps = frozenset([MARGINAL, ("probability", r(x0, x), x0), ("positive", "p")])

    def made(dimension: int) -> Witness:
        w = witness(dimension, "q", "p")
        return Witness(w.boxes, {**w.fields, "r": conditional("r", dimension)}, at=w.at, name=w.name)

    def tight(at: Setting) -> Witness:
        """Where r is the posterior, so that both sides are equal; log p has one sign for a narrow target."""
        fields = {"p": at.marginal, "q": at.kernel, "p0": at.clean}
        log_r = lambda z, u: at.kernel.log(u, z) + at.clean.log(z) - at.marginal.log(u)  # noqa: E731
        return Witness(
            at.boxes, {**fields, "r": Logged(log_r)}, at={"x": at.points()}, name=f"the posterior, {at.case}"
        )

    narrow = GaussianMixture([0.4, 0.6], f64([[-0.05], [0.1]]), f64([0.01, 0.02]))
    more = (lambda: tight(setting(1)), lambda: tight(Setting(Case("narrow", narrow, schedule("vp-linear")), 2.5)))
    wrong = integral(r(x0, x) * (log(q(x, x0)) + log(p0(x0)) + 9 - log(r(x0, x))), x0)
    return Example(Said(log(p(x)), ">=", latent, hyps), Said(log(p(x)), ">=", wrong, hyps), made, more=more)


posterior = q(x, x0) * p0(x0) / p(x)
a, sg = function("alpha", positive=True), function("sigma", positive=True)
velocity = vector("f")(x, t) - HALF * function("g")(t) ** 2 * grad(log(p(x, t)), x)

EXAMPLES: dict[str, Example] = {
    "denoising score matching": _example(
        integral(HALF * p(x) * norm2(s(x) - score), x)
        - integral(HALF * q(x, x0) * p0(x0) * norm2(s(x) - kernel_score), x, x0),
        integral(HALF * p(x) * norm2(score), x) - integral(HALF * q(x, x0) * p0(x0) * norm2(kernel_score), x, x0),
        integral(HALF * p(x) * norm2(score), x) + integral(HALF * q(x, x0) * p0(x0) * norm2(kernel_score), x, x0),
        [MARGINAL, ("positive", "p"), ("positive", "q"), ("converges", integral(p(x) * norm2(s(x)), x))],
        "p",
        "q",
    ),
    "implicit score matching": _example(
        HALF * integral(p(x) * norm2(s(x) - score), x) - integral(p(x) * (div(s(x), x) + HALF * norm2(s(x))), x),
        HALF * integral(p(x) * norm2(score), x),
        integral(p(x) * norm2(score), x),
        [MARGINAL, KERNEL, ("integrable field", p(x) * s(x).at(i), i, x)],
        "p",
    ),
    "Tweedie": _example(
        coords(x).at(i) + sigma**2 * score.at(i),
        alpha * integral(coords(x0).at(i) * posterior, x0),
        integral(coords(x0).at(i) * posterior, x0),
        [MARGINAL, KERNEL, ("positive", "p")],
        "p",
    ),
    "second-order Tweedie": _example(
        alpha**2
        * (
            integral(coords(x0).at(i) * coords(x0).at(j) * posterior, x0)
            - integral(coords(x0).at(i) * posterior, x0) * integral(coords(x0).at(j) * posterior, x0)
        ),
        sigma**2 * delta(i, j) + sigma**4 * T.D(score.at(i), x, j),
        sigma**2 + sigma**4 * T.D(score.at(i), x, j),
        [MARGINAL, KERNEL],
    ),
    "marginal score": _example(
        score.at(i), integral(kernel_score.at(i) * posterior, x0), integral(score.at(i) * q(x, x0), x0), [MARGINAL], "q"
    ),
    "Fokker-Planck": _example(
        d_dt(p(x, t), t),
        -div(p(x, t) * vector("f")(x, t), x) + HALF * function("g")(t) ** 2 * lap(p(x, t), x),
        -div(p(x, t) * vector("f")(x, t), x) + function("g")(t) ** 2 * lap(p(x, t), x),
        [],
        "p",
    ),
    "Fokker-Planck as a continuity equation": _example(
        d_dt(p(x, t), t), -div(p(x, t) * velocity, x), div(p(x, t) * velocity, x), [], "p"
    ),
    "along a trajectory": _example(
        d_dt(log(p(Along("z", t), t)), t),
        -scalar("w")(Along("z", t), t),
        scalar("w")(Along("z", t), t),
        [
            ("where", "w", (x, t), (), div(v(x, t), x)),
            ("given", "continuity", d_dt(p(x, t), t), "=", -div(p(x, t) * v(x, t), x)),
        ],
        "p",
    ),
    "Gaussian by its logarithm": _example(
        integral(q(x, x0) * norm2(coords(x) - alpha * coords(x0)), x),
        T.DIM * sigma**2,
        sigma**2,
        [KERNEL, ("normalised", "q")],
    ),
    "weak Fokker-Planck": _example(
        d_dt(integral(scalar("phi")(x) * p(x, t), x), t),
        integral(
            p(x, t)
            * (dot(vector("f")(x, t), grad(scalar("phi")(x), x)) + HALF * function("g2")(t) * lap(scalar("phi")(x), x)),
            x,
        ),
        integral(p(x, t) * dot(vector("f")(x, t), grad(scalar("phi")(x), x)), x),
        [],
        "p",
    ),
    "Gibbs": _jensen(),
    "evidence bound of a chain": _elbo(),
}
