"""Derivations about ordinary differential equations: exact solutions, and what one step of a method misses."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import HALF, i, t
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    fundamental_theorem,
    given,
    reversed_time,
    using,
)
from concordant.theory.kernel.terms import (
    Along,
    D,
    Expr,
    Field,
    Index,
    Point,
    Time,
    Vec,
    const,
    contract,
    coords,
    d_dt,
    dot,
    function,
    lift,
    log,
    norm2,
    over_time,
    scalar,
    substitute,
    time,
    vector,
)
from concordant.theory.sde import FLOW, along_the_flow

s, h = const("t0"), const("η", positive=True)
z = Along("z", t)
v, alpha = vector("v"), function("α", positive=True)
#: dz/dt = v(z, t), along the curve z.
solves = given("z solves dz/dt = v(z, t)", d_dt(coords(z).at(i), t), v(z, t).at(i))


def at(e: Expr, when: Any) -> Expr:
    """e at another time."""
    return substitute(e, {t: sp.sympify(when)})


def backwards(of: Expr, when: Time, low: Any, high: Any) -> Theorem:
    """F(high) - F(low) = ∫ ∂_t F dt, with the sign that a line needs that turns the left side into the right."""
    return fundamental_theorem(of, when, low, high).inside(lambda e: -e)


def remainder(of: Expr, slope: Expr, by: Theorem) -> Theorem:
    """F(s + h) - F(s) - h F'(s) = ∫ (s + h - t) F''(t) dt over the step, from F' = `slope`: integrate by parts."""
    end = s + h
    left = lift(end) - lift(t)
    step = lift(h) * at(slope, s)
    return (
        derive(at(of, end) - at(of, s) - step)
        .to(
            over_time(d_dt(of, t), t, s, end) - step,
            by=using(backwards(of, t, s, end), text="the fundamental theorem of calculus"),
        )
        .to(
            over_time(slope, t, s, end) - step, by=using(by.inside(lambda e: over_time(e, t, s, end)), text="the slope")
        )
        .to(
            over_time(left * d_dt(slope, t), t, s, end),
            by=using(backwards(left * slope, t, s, end), text="integration by parts"),
        )
    ).qed()


# ------------------------------------------------------------------------------------------------ exact solutions
@derivation("trajectories-do-not-meet")
def do_not_meet() -> Theorem:
    """The squared distance falls at no more than the rate 2 α'/α, so that times α² it does not fall."""
    y = Along("y", t)
    apart, pull = coords(z) - coords(y), v(z, t) - v(y, t)
    other = given("y solves dy/dt = v(y, t)", d_dt(coords(y).at(i), t), v(y, t).at(i))
    rate = 2 * d_dt(log(alpha(t)), t) * norm2(apart)
    bound = given("v contracts no faster than α'/α", 2 * dot(apart, pull), -rate, ">=")
    return (
        derive(d_dt(lift(alpha(t) ** 2) * norm2(apart), t) / lift(alpha(t) ** 2))
        .to(d_dt(norm2(apart), t) + rate, by=algebra)
        .to(
            2 * dot(apart, pull) + rate,
            by=using(
                solves.inside(lambda e: contract(lambda k: 2 * apart.at(k) * e)),
                other.inside(lambda e: contract(lambda k: -2 * apart.at(k) * e)),
                text="both solve the equation",
            ),
        )
        .to(0, by=using(bound, text="the bound on the field"))
    ).qed()


# the linear part is (α'/α) x, so that its factor from s to t is E(s → t) = exp ∫ α'/α dt = α(t)/α(s)
rest = vector("N")
semilinear = given(
    "z solves dz/dt = (α'/α) z + N(z, t)",
    d_dt(coords(z).at(i), t),
    (d_dt(log(alpha(t)), t) * coords(z) + rest(z, t)).at(i),
)


def factor(first: Any, last: Any) -> Expr:
    """E(first → last)."""
    return lift(alpha(last) / alpha(first))


def without_the_linear_part(first: Any) -> Theorem:
    """d/dt [E(t → first) z] = E(t → first) N(z, t)."""
    back = factor(t, first)
    return (
        derive(d_dt(back * coords(z).at(i), t)).to(
            back * rest(z, t).at(i), by=using(semilinear.inside(lambda e: back * e), text="z's equation")
        )
    ).qed()


@derivation("integrating-factor")
def integrating_factor() -> tuple[Theorem, Theorem, Theorem]:
    """The factor's derivative takes the linear part away; factors multiply since what is between cancels."""
    u, now = time("u"), time("s")
    E = scalar("E")
    named = definition("E", (now, t), factor(now, t))
    grows = derive(d_dt(E(now, t), t)).to(d_dt(log(alpha(t)), t) * E(now, t), by=named).qed()
    composed = derive(E(now, u) * E(u, t)).to(E(now, t), by=named).qed()
    return without_the_linear_part(s), grows, composed


@derivation("variation-of-constants")
def variation_of_constants() -> Theorem:
    """Integrate what the integrating factor leaves, from s to s + h."""
    end = s + h
    back = factor(t, end)
    moved = back * coords(z).at(i)
    start = at(moved, s)
    return (
        derive(coords(Along("z", end)).at(i))
        .to(
            start + over_time(d_dt(moved, t), t, s, end),
            by=using(backwards(moved, t, s, end), text="the fundamental theorem of calculus"),
        )
        .to(
            start + over_time(back * rest(z, t).at(i), t, s, end),
            by=using(
                without_the_linear_part(end).inside(lambda e: over_time(e, t, s, end)), text="the integrating factor"
            ),
        )
    ).qed()


@derivation("backward-integration")
def backward_integration() -> Theorem:
    """The clock turned round: a derivative by t is minus one by τ."""
    tau, end = time("τ"), const("T", positive=True)
    turned = reversed_time(solves, t, tau, end)
    y = Along("z", end - tau)
    return (
        derive(d_dt(coords(y).at(i), tau)).to(
            -v(y, end - tau).at(i), by=using(turned.inside(lambda e: -e), text="the equation at T - τ")
        )
    ).qed()


# ------------------------------------------------------------------------------------------------ one step of a method
@derivation("euler-local-error")
def euler_local_error() -> Theorem:
    """Taylor's formula with its remainder, for the solution's own slope."""
    return remainder(coords(z).at(i), v(z, t).at(i), solves)


@derivation("heun-local-error")
def heun_local_error() -> Theorem:
    """The trapezoid rule's error by two integrations by parts, and what the second slope is off for being taken at Euler's
    point."""
    end = s + h
    first, slope = v(Along("z", s), s), v(z, t).at(i)
    guess = Along("y", end)
    step = HALF * lift(h) * (first.at(i) + v(guess, end).at(i))
    gap = HALF * lift(h) * (v(Along("z", end), end) - v(guess, end)).at(i)
    after, before = lift(end) - lift(t), lift(t) - lift(s)
    rate = vector("w")(t).at(i)
    named = definition("w", (t,), d_dt(slope, t), (i,))
    parts = HALF * before * after * rate - HALF * (after - before) * slope
    return (
        derive(coords(Along("z", end)).at(i) - coords(Along("z", s)).at(i) - step)
        .to(
            over_time(d_dt(coords(z).at(i), t), t, s, end) - step,
            by=using(backwards(coords(z).at(i), t, s, end), text="the fundamental theorem of calculus"),
        )
        .to(
            over_time(slope, t, s, end) - step,
            by=using(solves.inside(lambda e: over_time(e, t, s, end)), text="z's equation"),
        )
        .to(
            gap - HALF * over_time(before * after * d_dt(d_dt(slope, t), t), t, s, end),
            by=using(fundamental_theorem(parts, t, s, end), text="integration by parts, twice") & named,
        )
    ).qed()


def runge_kutta_four(slope: Any, x: Vec, when: Any) -> Vec:
    """One step of the classical Runge-Kutta method of order 4, as it is written in textbooks."""
    half = lift(HALF * h)
    k1 = slope(x, when)
    k2 = slope(x + half * k1, when + h / 2)
    k3 = slope(x + half * k2, when + h / 2)
    k4 = slope(x + lift(h) * k3, when + h)
    stepped: Vec = x + lift(h / 6) * (k1 + 2 * k2 + 2 * k3 + k4)
    return stepped


def matrix(x: Vec) -> Vec:
    """A x."""
    return Vec(lambda k: contract(lambda m: Field("A", (), (k, m)) * x.at(m)))


@derivation("runge-kutta-four")
def order_four() -> tuple[Theorem, Theorem, Theorem]:
    """Put the slopes into each other; and four integrations by parts of Simpson's rule, on each half of the step."""
    x = coords(Point("x"))
    powers = [x]
    for _ in range(4):
        powers.append(matrix(powers[-1]))
    series = x
    for n in range(1, 5):
        series = series + lift(h**n / sp.factorial(n)) * powers[n]
    linear = derive(runge_kutta_four(lambda y, _: matrix(y), x, t).at(i)).to(series.at(i), by=algebra).qed()

    u, middle, end = vector("u"), s + h / 2, s + h
    slope = u(t).at(i)
    step = lift(h / 6) * (u(s) + 4 * u(middle) + u(end)).at(i)
    simpson = derive((runge_kutta_four(lambda _, when: u(when), x, s) - x).at(i)).to(step, by=algebra).qed()
    derivatives = [u, *(vector(f"u{n}") for n in range(1, 5))]
    named = [definition(f"u{n}", (t,), d_dt(derivatives[n - 1](t).at(i), t), (i,)) for n in range(1, 5)]

    def weight(r: Any) -> Any:
        return r**3 * (3 * r - 2 * h) / 72

    halves = []
    for of, low, high in ((t - s, s, middle), (end - t, middle, end)):
        kernel = weight(of)
        parts: Any = lift(0)
        for n in range(4):
            parts = parts + lift((-1) ** n * sp.diff(kernel, t, n)) * derivatives[3 - n](t).at(i)
        halves.append((backwards(parts, t, low, high), over_time(lift(kernel) * derivatives[4](t).at(i), t, low, high)))
    both = over_time(slope, t, s, middle) + over_time(slope, t, middle, end)
    error = (
        derive(both - step).to(
            halves[0][1] + halves[1][1],
            by=using(*(theorem for theorem, _ in halves), text="integration by parts, four times on each half")
            & named[0]
            & named[1]
            & named[2]
            & named[3],
        )
    ).qed()
    return linear, simpson, error


# ------------------------------------------------------------------------------------------------ along a flow
@derivation("log-density-after-a-step", notation=FLOW)
def log_density_after_a_step() -> Theorem:
    """Taylor's formula for the log-density along the flow, whose slope is -∇·v."""
    inside, _ = along_the_flow()
    return remainder(log(scalar("p")(z, t)), -scalar("u")(z, t), inside)


@derivation("field-after-a-step-of-the-flow")
def field_after_a_step() -> tuple[Theorem, Theorem]:
    """Taylor's formula for a field along the flow, whose total derivative is ∂_t f + (v·∇) f."""
    field, total, x, j = vector("f"), vector("k"), Point("x"), Index("j")
    slopes = definition("J", (x, t), D(field(x, t).at(j), x, i), (j, i))
    along = contract(lambda k: v(x, t).at(k) * D(field(x, t).at(j), x, k))
    named = definition("k", (x, t), d_dt(field(x, t).at(j), t) + along, (j,))
    change = (
        derive(d_dt(field(z, t).at(j), t)).to(
            total(z, t).at(j),
            by=using(solves.inside(lambda e: contract(lambda k: Field("J", (z, t), (j, k)) * e)), text="z's equation")
            & named
            & slopes,
        )
    ).qed()
    return change, remainder(field(z, t).at(j), total(z, t).at(j), change)
