"""Derivations of the calculus: Itô to Fokker-Planck, flows to continuity, Stein's identity, projection in L²."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    dynkin,
    for_every_test_function,
    ito_expansion,
    ito_form,
    ito_table,
    log_density,
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
    Mul,
    Point,
    Time,
    Vec,
    const,
    coords,
    d_dt,
    div,
    dot,
    function,
    grad,
    integral,
    lap,
    lift,
    log,
    norm2,
    scalar,
    time,
    vector,
)

HALF = sp.Rational(1, 2)
x, t = Point("x"), time("t")
i, j = Index("i"), Index("j")


def gaussian(at: Vec, mean: Vec, variance: Any) -> Expr:
    """log N(at; mean, variance I) = -|at - mean|²/(2 variance) - (D/2) log(2π variance)."""
    v = sp.sympify(variance)
    return lift(-1 / (2 * v)) * norm2(at - mean) - lift(DIM / 2) * log(lift(2 * sp.pi) * lift(v))


def differential(b: Vec, g: Any, at: Point, when: Time, dx: str) -> Reason:
    """dx := b dt + g dw."""
    body = b.at(i) * Field(DT) + lift(g) * Field(DW, (), (i,)) if g != 0 else b.at(i) * Field(DT)
    return definition(dx, (at, when), body, (i,))


def expansion(b: Vec, g: Any, at: Point, when: Time, phi: str = "φ", name: str = "dx") -> Theorem:
    """Itô's formula: dφ = (b·∇φ + ½ g² Δφ) dt + g ∇φ·dw."""
    f = scalar(phi)(at)
    dx = vector(name)(at, when)
    drift = dot(b, grad(f, at)) + lift(HALF * sp.sympify(g) ** 2) * lap(f, at) if g != 0 else dot(b, grad(f, at))
    noise = lift(g) * grad(f, at)
    by = differential(b, g, at, when, name) & ito_table
    return derive(ito_expansion(phi, at, dx)).to(ito_form(drift, noise), by=by).qed()


def mean_of_a_test_function(p: Expr, b: Vec, g: Any, at: Point, when: Time, dx: str) -> Theorem:
    """d/dt E φ(x_t) = E[b·∇φ + ½ g² Δφ] for the density p of dx = b dt + g dw."""
    phi = scalar("φ")(at)
    drift = dot(b, grad(phi, at))
    if g != 0:
        drift = drift + lift(HALF * sp.sympify(g) ** 2) * lap(phi, at)
    return dynkin(expansion(b, g, at, when, name=dx), "φ", at, when, p, drift, lift(g) * grad(phi, at), dx)


def fokker_planck(
    p: str = "p", b: Vec | None = None, g: Any = None, at: Point = x, when: Time = t, start: tuple[Point, ...] = ()
) -> Theorem:
    """∂_t p = -∇·(p b) + ½ g² Δp for the density p of dx = b dt + g dw; with g = 0 the continuity equation of a flow.

    `start` are points that the density depends on too.
    """
    b = vector("f")(at, when) if b is None else b
    g = function("g")(when) if g is None else sp.sympify(g)
    density, phi = scalar(p)(at, *start, when), scalar("φ")(at)
    dx = "dx" if p == "p" else f"d{p}"  # each process has a differential of its own
    law = mean_of_a_test_function(density, b, g, at, when, dx)
    half, flux = lift(HALF * g**2), -div(density * b, at)
    means = (
        derive(integral(phi * d_dt(density, when), at))
        .to(d_dt(integral(phi * density, at), when), by=under_integral)
        .to(law.rhs, by=law & under_integral)
    )
    if g == 0:
        weak = means.to(integral(Mul((phi, flux)), at), by=divergence_theorem(phi * density * b, at))
        return for_every_test_function(weak.qed(), "φ", at, d_dt(density, when), flux)
    right = flux + half * lap(density, at)
    weak = means.to(
        integral(phi * flux - half * dot(grad(density, at), grad(phi, at)), at),
        by=divergence_theorem(phi * density * b + half * density * grad(phi, at), at),
    ).to(integral(phi * right, at), by=divergence_theorem(-half * phi * grad(density, at), at))
    return for_every_test_function(weak.qed(), "φ", at, d_dt(density, when), right)


@derivation("ito-formula")
def ito_formula() -> Theorem:
    """Expand dh to second order, put in dx = f dt + g dw, and reduce by Itô's table: dw_i dw_j = δ_ij dt, all else 0."""
    h, b, g = scalar("h")(x, t), vector("f")(x, t), function("g")(t)
    dx = vector("dx")(x, t)
    second = Bind("con", i, Bind("con", j, D(D(h, x, i), x, j) * dx.at(i) * dx.at(j)))
    drift = d_dt(h, t) + dot(b, grad(h, x)) + lift(HALF * g**2) * lap(h, x)
    return (
        derive(d_dt(h, t) * Field(DT) + dot(grad(h, x), dx) + lift(HALF) * second).to(
            ito_form(drift, lift(g) * grad(h, x)), by=differential(b, g, x, t, "dx") & ito_table
        )
    ).qed()


@derivation("fokker-planck-any-drift", notation={"p": "_t"})
def fokker_planck_equation() -> tuple[Theorem, Theorem]:
    """Itô's formula gives the mean of any test function; integrate by parts until no derivative is left on it."""
    density, b, g = scalar("p")(x, t), vector("f")(x, t), function("g")(t)
    return fokker_planck(), mean_of_a_test_function(density, b, g, x, t, "dx")


@derivation("fokker-planck", notation={"p": "_t"})
def linear_fokker_planck() -> Theorem:
    """The general equation for the linear drift f(t) x."""
    return fokker_planck(b=lift(function("f")(t)) * coords(x))


@derivation("continuity-from-flow", notation={"p": "_t"})
def continuity_from_flow() -> Theorem:
    """The same for dx = f dt without noise: the mean of a test function along the flow, integrated by parts."""
    return fokker_planck(g=0)


@derivation("stein-identity", notation={"k": "q|", "y": "x̃"})
def stein() -> tuple[Theorem, Theorem]:
    """The score of a Gaussian is linear, so the divergence theorem for q u turns a divergence into a product."""
    y, z = Point("y"), Point("z")
    u, a, s = vector("u"), vector("a"), const("σ", positive=True)
    q, k = scalar("q"), scalar("k")
    standard = log_density("q", (z,), gaussian(coords(z), Vec(lambda i: lift(0)), 1))
    one = (
        derive(integral(q(z) * div(u(z), z), z))
        .to(-integral(dot(u(z), grad(q(z), z)), z), by=divergence_theorem(q(z) * u(z), z))
        .to(integral(q(z) * dot(coords(z), u(z)), z), by=standard)
    ).qed()
    noised = log_density("k", (y, x), gaussian(coords(y), coords(x), s**2))
    two = (
        derive(lift(s**2) * integral(k(y, x) * div(a(y), y), y))
        .to(
            -lift(s**2) * integral(dot(a(y), grad(k(y, x), y)), y),
            by=using(divergence_theorem(lift(s**2) * k(y, x) * a(y), y)),
        )
        .to(integral(k(y, x) * dot(coords(y) - coords(x), a(y)), y), by=noised)
    ).qed()
    return one, two


def projection(
    h: Vec, target: Vec, joint: Expr, p: Expr, mean: Vec, at: Point, other: Point, density: Reason, average: Reason
) -> Theorem:
    """E|h - Y|² = E|h - m|² + E|Y - m|² for h of x alone, p := ∫ joint dy and m := ∫ Y joint dy / p."""
    rest = (
        derive(integral(joint * dot(h - mean, mean - target), at, other))
        .to(
            integral(p * dot(h, mean), at)
            - integral(joint * dot(h, target), at, other)
            - integral(p * norm2(mean), at)
            + integral(joint * dot(mean, target), at, other),
            by=density,
        )
        .to(0, by=average)
    ).qed()
    two = (
        derive(integral(joint * norm2(h - target), at, other))
        .to(
            integral(joint * norm2(h - mean), at, other) + integral(joint * norm2(target - mean), at, other),
            by=using(rest.inside(lambda e: 2 * e), text="the product of the two errors has mean zero"),
        )
        .to(integral(p * norm2(h - mean), at) + integral(joint * norm2(target - mean), at, other), by=density)
    )
    return two.qed()


def joint_of_two() -> tuple[Any, ...]:
    """A joint density j(x, y), the density p of x, and the conditional mean m of y given x."""
    y = Point("y")
    j, p, m = scalar("j"), scalar("p"), vector("m")
    density = definition("p", (x,), integral(j(x, y), y))
    mean = definition("m", (x,), integral(coords(y).at(i) * j(x, y), y) / p(x), (i,))
    return y, j(x, y), p(x), m(x), density, mean


@derivation("l2-projection", notation={"j": "p"})
def l2_projection() -> Theorem:
    """Write h - Y = (h - m) + (m - Y): the product of the two has mean zero, since m is the conditional mean."""
    y, j, p, m, density, mean = joint_of_two()
    return projection(vector("h")(x), coords(y), j, p, m, x, y, density, mean)


@derivation("pointwise-minimisation", notation={"j": "p"})
def pointwise_minimisation() -> Theorem:
    """For one x: ∫ |c - y|² j dy is p |c - m|² + ∫ |y - m|² j dy, so that c = m is best at every point by itself."""
    y, j, p, m, density, mean = joint_of_two()
    c, spread = vector("c")(x), coords(y) - m
    return (
        derive(integral(j * norm2(c - coords(y)), y))
        .to(
            norm2(c - m) * integral(j, y)
            - 2 * dot(c - m, Vec(lambda i: integral(j * coords(y).at(i), y) - m.at(i) * integral(j, y)))
            + integral(j * norm2(spread), y),
            by=algebra,
        )
        .to(
            p * norm2(c - m)
            - 2 * dot(c - m, Vec(lambda i: integral(j * coords(y).at(i), y) - m.at(i) * p))
            + integral(j * norm2(spread), y),
            by=density,
        )
        .to(p * norm2(c - m) + integral(j * norm2(spread), y), by=mean)
    ).qed()
