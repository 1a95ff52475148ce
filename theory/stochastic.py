"""Derivations about Brownian motion and linear SDEs: increments, Itô's isometry and product rule, solutions, covariances."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import HALF, differential, fokker_planck, gaussian, i, j, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    fundamental_theorem,
    given,
    ito_form,
    ito_table,
    log_density,
    normalised,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    DIM,
    DT,
    DW,
    Bind,
    D,
    Expr,
    Field,
    Index,
    Point,
    Vec,
    const,
    contract,
    coords,
    d_dt,
    delta,
    div,
    dot,
    function,
    grad,
    integral,
    lap,
    lift,
    log,
    norm2,
    over_time,
    scalar,
    substitute,
    vector,
)
from concordant.theory.sde import TRANSITION, Kernels

h = const("η", positive=True)
q = scalar("q")
y, z = Point("y"), Point("z")
NOTHING = Vec(lambda _: lift(0))


# ------------------------------------------------------------------------------------------------ Brownian increments
def by_parts(density: Expr, law: Reason, at: Point, mean: Vec, variance: Expr, field: Vec) -> Theorem:
    """∫ q (y - m)·F dy = v ∫ q ∇·F dy for the Gaussian q of mean m and variance v: Stein's identity."""
    whole = divergence_theorem(variance * density * field, at)
    return (
        derive(integral(density * dot(coords(at) - mean, field), at))
        .to(-integral(variance * dot(grad(density, at), field), at), by=law)
        .to(variance * integral(density * div(field, at), at), by=using(whole.inside(lambda e: -e)))
    ).qed()


def in_one_coordinate(density: Expr, law: Reason, at: Point, mean: Vec, variance: Expr, of: Any) -> Theorem:
    """∫ q (y - m)_i F dy = v ∫ q ∂_i F dy: the same for the field F e_i, in coordinate i."""
    e = lift(of)
    whole = divergence_theorem(Vec(lambda k: variance * density * e * delta(k, i)), at)
    return (
        derive(integral(density * (coords(at) - mean).at(i) * e, at))
        .to(-integral(variance * D(density, at, i) * e, at), by=law)
        .to(variance * integral(density * D(e, at, i), at), by=using(whole.inside(lambda u: -u)))
    ).qed()


@derivation("brownian-increments", notation={"q": "q_η"})
def brownian_increments() -> tuple[Theorem, ...]:
    """Stein's identity for the increment's density: for constant fields, for linear ones, and for y |y|²."""
    dens, law = q(y), log_density("q", (y,), gaussian(coords(y), NOTHING, h))
    eta, square = lift(h), norm2(coords(y))

    def stein(field: Vec) -> Theorem:
        return by_parts(dens, law, y, NOTHING, eta, field)

    first, both = (in_one_coordinate(dens, law, y, NOTHING, eta, of) for of in (1, coords(y).at(j)))
    mean = derive(integral(dens * coords(y).at(i), y)).to(0, by=first).qed()
    covariance = (
        derive(integral(dens * coords(y).at(i) * coords(y).at(j), y))
        .to(eta * delta(i, j) * integral(dens, y), by=both)
        .to(eta * delta(i, j), by=normalised("q"))
    ).qed()
    size = (
        derive(integral(dens * square, y))
        .to(eta * lift(DIM) * integral(dens, y), by=stein(coords(y)))
        .to(lift(DIM * h), by=normalised("q"))
    ).qed()
    spread = (
        derive(integral(dens * (square - lift(DIM * h)) ** 2, y))
        .to(
            integral(dens * square * square, y)
            - 2 * lift(DIM * h) * integral(dens * square, y)
            + lift(DIM * h) ** 2 * integral(dens, y),
            by=algebra,
        )
        .to(
            (lift(h * (DIM + 2)) - 2 * lift(DIM * h)) * integral(dens * square, y)
            + lift(DIM * h) ** 2 * integral(dens, y),
            by=stein(square * coords(y)),
        )
        .to(
            lift(2 * h * DIM * h),
            by=using(
                size.inside(lambda e: (lift(h * (DIM + 2)) - 2 * lift(DIM * h)) * e), text="the mean of the square"
            )
            & normalised("q"),
        )
    ).qed()
    other = q(z) * norm2(coords(z))
    again = using(
        size.inside(lambda e: e * integral(other, z)),
        size.inside(lambda e: lift(DIM * h) * e),
        text="the mean of each square",
    )
    uncorrelated = derive(integral(dens * square * other, y, z)).to(lift(DIM * h) ** 2, by=again)
    return mean, covariance, size, spread, uncorrelated.qed()


@derivation("euler-maruyama-step")
def euler_maruyama_step() -> tuple[Theorem, Theorem]:
    """The noise has mean zero and covariance I: the step's mean is the drift's alone, its spread the noise's alone."""
    dens, law = q(z), log_density("q", (z,), gaussian(coords(z), NOTHING, 1))
    root, g = lift(sp.sqrt(h)), lift(const("γ", positive=True))
    step = lift(h) * vector("f")(x) + root * g * coords(z)
    noise = root * g * coords(z)

    def stein(of: Any) -> Theorem:
        return in_one_coordinate(dens, law, z, NOTHING, lift(1), of)

    still = derive(integral(dens * noise.at(i), z)).to(0, by=stein(root * g)).qed()
    mean = (
        derive(integral(dens * step.at(i), z))
        .to(lift(h) * vector("f")(x).at(i) * integral(dens, z) + integral(dens * noise.at(i), z), by=algebra)
        .to(lift(h) * vector("f")(x).at(i), by=still & normalised("q"))
    ).qed()
    spread = (
        derive(integral(dens * noise.at(i) * noise.at(j), z))
        .to(lift(h) * g * g * delta(i, j) * integral(dens, z), by=stein(lift(h) * g * g * coords(z).at(j)))
        .to(lift(h) * g * g * delta(i, j), by=normalised("q"))
    ).qed()
    return mean, spread


# ------------------------------------------------------------------------------------------------ stochastic integrals
@derivation("ito-isometry", notation={"p": "_t"})
def ito_isometry() -> Theorem:
    """The integral's density obeys ∂_t p = ½ g² Δp; integrate (x - a)_i (x - a)_j against it, by parts, and over
    time."""
    g, end = function("g"), const("T", positive=True)
    p, half = scalar("p")(x, t), lift(HALF * g(t) ** 2)
    heat = fokker_planck(b=NOTHING)

    off = coords(x) - vector("a")()
    of, rate = off.at(i) * off.at(j), lift(g(t) ** 2) * delta(i, j)
    slope, total = grad(of, x), integral(of * p, x)
    grows = (
        derive(d_dt(total, t))
        .to(integral(of * d_dt(p, t), x), by=under_integral)
        .to(integral(of * half * lap(p, x), x), by=using(heat.inside(lambda e: integral(of * e, x))))
        .to(-integral(half * dot(grad(p, x), slope), x), by=divergence_theorem(half * of * grad(p, x), x))
        .to(integral(half * p * div(slope, x), x), by=using(divergence_theorem(-half * p * slope, x)))
        .to(rate, by=normalised("p"))
    ).qed()
    by = using(fundamental_theorem(total, t, 0, end).inside(lambda e: -e), text="the fundamental theorem of calculus")
    return (
        derive(substitute(total, {t: end}) - substitute(total, {t: sp.Integer(0)}))
        .to(over_time(d_dt(total, t), t, 0, end), by=by & under_integral)
        .to(
            over_time(rate, t, 0, end),
            by=using(grows.inside(lambda e: over_time(e, t, 0, end)), text="the rate") & under_integral,
        )
    ).qed()


@derivation("square-of-brownian-motion", notation={"p": "_t", "dx": "dw"})
def square_of_brownian_motion() -> Theorem:
    """Itô's expansion of |w|² to second order: the square of dw is not small beside dt."""
    dx = vector("dx")(x, t)
    named = definition("dx", (x, t), Field(DW, (), (i,)), (i,))
    square = norm2(coords(x))
    second = Bind("con", i, Bind("con", j, D(D(square, x, i), x, j) * dx.at(i) * dx.at(j)))
    return (
        derive(dot(grad(square, x), dx) + lift(HALF) * second).to(
            ito_form(lift(DIM), 2 * coords(x)), by=named & ito_table
        )
    ).qed()


@derivation("ito-product-rule")
def ito_product_rule() -> Theorem:
    """Multiply out; the product of the two differentials is D b c dt by Itô's table."""
    dx, dy = vector("dx")(x, t), vector("dy")(y, t)
    b, c = function("b"), function("ĉ")
    here, there = vector("f")(x, t), vector("e")(y, t)
    processes = differential(here, b(t), x, t, "dx") & differential(there, c(t), y, t, "dy")
    drift = dot(here, coords(y)) + dot(coords(x), there) + lift(DIM * b(t) * c(t))
    return (
        derive(dot(coords(x) + dx, coords(y) + dy) - dot(coords(x), coords(y)))
        .to(dot(dx, coords(y)) + dot(coords(x), dy) + dot(dx, dy), by=algebra)
        .to(ito_form(drift, lift(b(t)) * coords(y) + lift(c(t)) * coords(x)), by=processes & ito_table)
    ).qed()


# ------------------------------------------------------------------------------------------------ linear SDEs
@derivation("linear-sde-solution")
def linear_sde_solution() -> tuple[Theorem, Theorem, Theorem]:
    """Divide by α: what is left is a stochastic integral; and the variance over α² grows by g²/α²."""
    alpha, g = function("α", positive=True), function("g")
    rate = d_dt(log(alpha(t)), t)
    dx, process = vector("dx")(x, t), differential(rate * coords(x), g(t), x, t, "dx")
    inverse = lift(1 / alpha(t))
    divided = derive(d_dt(inverse, t) * coords(x).at(i) * Field(DT) + inverse * dx.at(i)).to(
        lift(g(t) / alpha(t)) * Field(DW, (), (i,)), by=process
    )
    s, end = const("t0"), const("T", positive=True)

    def grown(name: str, power: int, more: Expr) -> Theorem:
        of, source = function(name), lift(alpha(end) ** power / alpha(t) ** power) * more
        slope = power * rate * lift(of(t)) + more
        law = given(f"{name} obeys its equation", d_dt(of(t), t), slope)
        part = lift(alpha(end) ** power * of(t) / alpha(t) ** power)
        start = substitute(part, {t: s})
        whole = using(
            fundamental_theorem(part, t, s, end).inside(lambda e: -e), text="the fundamental theorem of calculus"
        )
        scaled = law.inside(lambda e: over_time(lift(alpha(end) ** power / alpha(t) ** power) * e, t, s, end))
        solved = derive(of(end)).to(start + over_time(d_dt(part, t), t, s, end), by=whole)
        if more == lift(0):
            return solved.to(start, by=using(scaled, text="the moment's equation")).qed()
        return solved.to(start + over_time(source, t, s, end), by=using(scaled, text="the moment's equation")).qed()

    return divided.qed(), grown("M", 1, lift(0)), grown("P", 2, lift(g(t) ** 2))


@derivation("two-time-covariance", notation=TRANSITION)
def two_time_covariance() -> Theorem:
    """Given x_s the mean of x_t is (α_t/α_s) x_s: average over x_t first, then over x_s."""
    c = Kernels()
    now, later, start = map(coords, (c.now, c.later, c.data))
    off, before = lift(c.ratio) * now, lift(c.a_s) * start
    law_later = log_density("k", (c.later, c.now), gaussian(later, off, c.step))
    law_now = log_density("m", (c.now, c.data), gaussian(now, before, c.s_s**2))
    stein = in_one_coordinate(c.forward, law_later, c.later, off, lift(c.step), 1)
    inner = derive(integral(c.forward * (later - off).at(i), c.later)).to(0, by=stein).qed()
    at_start, others = (now - before).at(i), (now - before).at(j)
    outer = in_one_coordinate(c.here, law_now, c.now, before, lift(c.s_s**2), others)
    square = integral(c.here * at_start * others, c.now)
    spread = (
        derive(square)
        .to(lift(c.s_s**2) * delta(i, j) * integral(c.here, c.now), by=outer)
        .to(lift(c.s_s**2) * delta(i, j), by=normalised("m"))
    ).qed()
    whole = later - lift(c.a_t) * start
    return (
        derive(integral(c.forward * c.here * whole.at(i) * others, c.later, c.now))
        .to(
            integral(c.here * others * integral(c.forward * (later - off).at(i), c.later), c.now)
            + lift(c.ratio) * integral(integral(c.forward, c.later) * c.here * at_start * others, c.now),
            by=algebra,
        )
        .to(
            lift(c.ratio) * square,
            by=using(
                inner.inside(lambda e: integral(c.here * others * e, c.now)),
                text="x_t is centred at its mean given x_s",
            )
            & normalised("k"),
        )
        .to(
            lift(c.ratio * c.s_s**2) * delta(i, j),
            by=using(spread.inside(lambda e: lift(c.ratio) * e), text="the covariance of x_s"),
        )
    ).qed()


@derivation("gaussian-score", notation={"A": "Σ⁻¹"})
def gaussian_score() -> Theorem:
    """The logarithm is a quadratic form, whose gradient is twice its symmetric matrix times x - μ."""

    def precision(a: Index, b: Index) -> Expr:
        return Field("A", (), (a, b))

    off = coords(x) - vector("μ")()
    form = contract(lambda a: contract(lambda b: precision(a, b) * off.at(a) * off.at(b)))
    law = log_density("q", (x,), -lift(HALF) * form + lift(const("C")))
    symmetric = given("Σ⁻¹ is symmetric", precision(i, j), precision(j, i))
    turned = symmetric.inside(lambda e: -lift(HALF) * contract(lambda b: off.at(b) * e))
    return (
        derive(grad(log(q(x)), x).at(j)).to(
            -contract(lambda b: precision(j, b) * off.at(b)), by=using(turned, text="Σ⁻¹ is symmetric") & law
        )
    ).qed()
