"""Derivations of chapter 5: rectified flow, on its own clock, t = 0 the source and t = 1 the target.

A pair (x_0, x_1) moves in a straight line, x_t = (1 - t) x_0 + t x_1, at the velocity u = x_1 - x_0.  ρ(x, u, t) is the joint
density of x_t and u, so that p = ∫ ρ du is the density of x_t and v = ∫ u ρ du / p the mean velocity at a point.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import fokker_planck, i, j, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    fundamental_theorem,
    given,
    under_integral,
    uniqueness,
    using,
)
from concordant.theory.kernel.terms import (
    Along,
    Bind,
    D,
    Expr,
    Field,
    Index,
    Point,
    Vec,
    contract,
    coords,
    d_dt,
    div,
    dot,
    grad,
    integral,
    norm2,
    over_time,
    scalar,
    step,
    total,
    vector,
)
from concordant.theory.variational import telescoping

PAIRS = {"p": "_t", "ρ": "_t"}
u, z = Point("u"), Point("z")
p, v, psi = scalar("p"), vector("v"), vector("Ψ")
P, V, RHO, U = p(x, t), v(x, t), scalar("ρ")(x, u, t), coords(u)
density = definition("p", (x, t), integral(RHO, u))
velocity = definition("v", (x, t), integral(U.at(i) * RHO, u) / P, (i,))
straight = given("each pair keeps its velocity", d_dt(RHO, t), -dot(U, grad(RHO, x)))


# ------------------------------------------------------------------------------------------------ marginals
def marginal_continuity() -> Theorem:
    """∂_t p = -∇·(p v)."""
    return (
        derive(d_dt(P, t))
        .to(integral(d_dt(RHO, t), u), by=density & under_integral)
        .to(
            -integral(dot(U, grad(RHO, x)), u),
            by=using(straight.inside(lambda e: integral(e, u)), text="each pair keeps its velocity"),
        )
        .to(-div(Vec(lambda k: integral(U.at(k) * RHO, u)), x), by=under_integral)
        .to(-div(P * V, x), by=velocity & under_integral)
    ).qed()


@derivation("rectify-preserves-marginals", notation={**PAIRS, "r": "q_t"})
def marginals() -> tuple[Theorem, Theorem]:
    """Average over the velocities at a point: the mean velocity carries the marginals; and the continuity equation has only one
    solution."""
    carried = marginal_continuity()
    return carried, uniqueness(fokker_planck("r", V, 0), carried, "r", (x, t), P)


k_ = Index("k")


def matrix(name: str) -> Any:
    """A field of matrices: name(x, t, i, k)."""
    return lambda at, when, row, column: Field(name, (at, when), (row, column))


def mean(k: Index) -> Theorem:
    """∫ u_k ρ du = p v_k."""
    return derive(integral(U.at(k) * RHO, u)).to(P * V.at(k), by=velocity).qed()


@derivation("straight-coupling", notation=PAIRS)
def acceleration() -> tuple[Theorem, Theorem]:
    """Differentiate the momentum p v: what the continuity equation does not take off is the divergence of the spread of
    velocities; and along a trajectory the mean velocity changes by just that."""

    def spread(k: Index) -> Expr:
        return integral((U.at(i) - V.at(i)) * (U.at(k) - V.at(k)) * RHO, u)

    pressure = -contract(lambda k: D(spread(k), x, k))
    along = d_dt(V.at(i), t) + contract(lambda k: V.at(k) * D(V.at(i), x, k))
    momentum = (
        derive(d_dt(P * V.at(i), t))
        .to(d_dt(integral(U.at(i) * RHO, u), t), by=velocity & under_integral)
        .to(integral(U.at(i) * d_dt(RHO, t), u), by=under_integral)
        .to(
            -integral(U.at(i) * dot(U, grad(RHO, x)), u),
            by=using(straight.inside(lambda e: integral(U.at(i) * e, u)), text="each pair keeps its velocity"),
        )
        .to(-contract(lambda k: D(integral(U.at(i) * U.at(k) * RHO, u), x, k)), by=under_integral)
    ).qed()
    second = (
        derive(spread(j))
        .to(
            integral(U.at(i) * U.at(j) * RHO, u)
            - V.at(i) * integral(U.at(j) * RHO, u)
            - V.at(j) * integral(U.at(i) * RHO, u)
            + V.at(i) * V.at(j) * integral(RHO, u),
            by=algebra,
        )
        .to(
            integral(U.at(i) * U.at(j) * RHO, u)
            - V.at(i) * integral(U.at(j) * RHO, u)
            - V.at(j) * integral(U.at(i) * RHO, u)
            + V.at(i) * V.at(j) * P,
            by=density,
        )
        .to(
            integral(U.at(i) * U.at(j) * RHO, u) - P * V.at(i) * V.at(j),
            by=using(
                mean(i).inside(lambda e: -V.at(j) * e), mean(j).inside(lambda e: -V.at(i) * e), text="the mean velocity"
            ),
        )
    ).qed()
    one = (
        derive(P * along)
        .to(
            d_dt(P * V.at(i), t) - V.at(i) * d_dt(P, t) + contract(lambda k: P * V.at(k) * D(V.at(i), x, k)), by=algebra
        )
        .to(
            -contract(lambda k: D(integral(U.at(i) * U.at(k) * RHO, u), x, k))
            + V.at(i) * div(P * V, x)
            + contract(lambda k: P * V.at(k) * D(V.at(i), x, k)),
            by=using(
                momentum,
                marginal_continuity().inside(lambda e: -V.at(i) * e),
                text="the change of the momentum, and the continuity equation",
            )
            & under_integral,
        )
        .to(
            -contract(lambda k: D(integral(U.at(i) * U.at(k) * RHO, u) - P * V.at(i) * V.at(k), x, k)),
            by=under_integral,
        )
        .to(
            pressure,
            by=using(second.inside(lambda e: Bind("con", j, D(e, x, j))), text="the spread of velocities")
            & under_integral,
        )
    ).qed()
    # along a trajectory of v: its acceleration a is that of the statement above, divided by p
    curve = Along("z", t)
    a, slope = vector("a"), matrix("h")
    here = definition("a", (x, t), along, (i,)) & definition("h", (x, t), D(V.at(i), x, k_), (i, k_))
    path = given("z solves dz/dt = v(z, t)", d_dt(coords(curve).at(k_), t), v(curve, t).at(k_))
    two = (
        derive(d_dt(v(curve, t).at(i), t)).to(
            a(curve, t).at(i),
            by=using(
                path.inside(lambda e: Bind("con", k_, slope(curve, t, i, k_) * e)),
                text="dz/dt = v",
            )
            & here,
        )
    ).qed()
    return one, two


# ------------------------------------------------------------------------------------------------ costs
E0, E1 = sp.Integer(0), sp.Integer(1)
pair_law, start = scalar("r")(u), scalar("π0")(z)
path_speed = Vec(lambda k: d_dt(psi(z, t).at(k), t))
displacement = Vec(lambda k: psi(z, E1).at(k) - psi(z, E0).at(k))
keeps = given("x_1 - x_0 has one law at all times", integral(RHO, x), pair_law)


def law_of_the_path(on_path: Expr, at_point: Expr) -> Theorem:
    """E h(dz_t/dt) = E h(v(x_t, t)): z_t has the law of x_t."""
    return given(
        "z_t has the law of x_t, and moves at the velocity v", integral(start * on_path, z), integral(P * at_point, x)
    )


def two_gaps(cost: Expr, at_mean: Expr, slope: Vec, on_path: Expr, at_end: Expr, end_slope: Vec) -> Theorem:
    """E c(x_1 - x_0) - E c(z_1 - z_0) is the mean gap between c and its tangents, at the mean velocity and at the displacement.

    The cost at u, at v(x, t), at dΨ(z, t)/dt and at Ψ(z, 1) - Ψ(z, 0), with its slopes at the second and at the last.
    """
    of_pairs = integral(RHO * (cost - at_mean - dot(slope, U - V)), x, u)
    of_paths = integral(start * (on_path - at_end - dot(end_slope, path_speed - displacement)), z)
    pairs = (
        derive(of_pairs)
        .to(
            integral(RHO * cost, x, u)
            - integral(at_mean * integral(RHO, u), x)
            - integral(
                dot(slope, Vec(lambda k: integral(U.at(k) * RHO, u)) - Vec(lambda k: V.at(k) * integral(RHO, u))), x
            ),
            by=algebra,
        )
        .to(
            integral(RHO * cost, x, u)
            - integral(at_mean * P, x)
            - integral(dot(slope, Vec(lambda k: integral(U.at(k) * RHO, u)) - P * V), x),
            by=density,
        )
        .to(integral(RHO * cost, x, u) - integral(at_mean * P, x), by=velocity)
        .to(
            integral(pair_law * cost, u) - integral(P * at_mean, x),
            by=using(keeps.inside(lambda e: integral(e * cost, u)), text="x_1 - x_0 has one law at all times"),
        )
    ).qed()
    same = law_of_the_path(on_path, at_mean)
    moves = fundamental_theorem(psi(z, t).at(i), t, 0, 1)
    paths = (
        derive(over_time(of_paths, t, 0, 1))
        .to(
            over_time(integral(start * on_path, z), t, 0, 1)
            - integral(start * (at_end - dot(end_slope, displacement)), z) * over_time(d_dt(t, t), t, 0, 1)
            - integral(start * contract(lambda k: end_slope.at(k) * over_time(d_dt(psi(z, t).at(k), t), t, 0, 1)), z),
            by=algebra,
        )
        .to(
            over_time(integral(start * on_path, z), t, 0, 1) - integral(start * at_end, z),
            by=using(
                fundamental_theorem(t, t, 0, 1).inside(
                    lambda e: -integral(start * (at_end - dot(end_slope, displacement)), z) * e
                ),
                moves.inside(lambda e: -integral(start * Bind("con", i, end_slope.at(i) * e), z)),
                text="the fundamental theorem of calculus",
            ),
        )
        .to(
            over_time(integral(P * at_mean, x), t, 0, 1) - integral(start * at_end, z),
            by=using(same.inside(lambda e: over_time(e, t, 0, 1)), text="z_t has the law of x_t"),
        )
    ).qed()
    whole = integral(pair_law * cost, u)
    return (
        derive(whole - integral(start * at_end, z))
        .to(
            whole * over_time(d_dt(t, t), t, 0, 1) - integral(start * at_end, z),
            by=using(fundamental_theorem(t, t, 0, 1).inside(lambda e: -whole * e), text="∫_0^1 dt = 1"),
        )
        .to(
            over_time(of_pairs, t, 0, 1) + over_time(integral(P * at_mean, x), t, 0, 1) - integral(start * at_end, z),
            by=using(pairs.inside(lambda e: -over_time(e, t, 0, 1)), text="the gap of the pairs"),
        )
        .to(
            over_time(of_pairs, t, 0, 1) + over_time(of_paths, t, 0, 1),
            by=using(paths.inside(lambda e: -e), text="the gap of the paths"),
        )
    ).qed()


@derivation("convex-transport-cost", notation={**PAIRS, "C": "c(v)", "K": "c(Ψ')", "L": "c(Ψ1-Ψ0)"})
def convex_cost() -> tuple[Theorem, Theorem]:
    """Both gaps between a convex function and its tangents are averages of what is never negative: one over the pairs that meet at
    a point, one over the velocities along a path."""
    exact = two_gaps(
        scalar("c")(u), scalar("C")(x, t), vector("s")(x, t), scalar("K")(z, t), scalar("L")(z), vector("m")(z)
    )
    convex = given("c lies above its tangents", exact.rhs, 0, ">=")
    low = integral(start * scalar("L")(z), z)
    bound = (
        derive(integral(pair_law * scalar("c")(u), u))
        .to(exact.rhs + low, by=using(exact, text="the two gaps"))
        .to(low, by=using(convex, text="c lies above its tangents"))
    ).qed()
    return exact, bound


@derivation("quadratic-cost-telescopes", notation=PAIRS)
def quadratic_cost() -> Theorem:
    """For the square the gap between the function and its tangent is a square too."""
    exact = two_gaps(norm2(U), norm2(V), 2 * V, norm2(path_speed), norm2(displacement), 2 * displacement)
    return (
        derive(exact.lhs)
        .to(exact.rhs, by=using(exact, text="the two gaps, for the square"))
        .to(
            over_time(integral(start * norm2(displacement - path_speed), z), t, 0, 1)
            + over_time(integral(RHO * norm2(U - V), x, u), t, 0, 1),
            by=algebra,
        )
    ).qed()


@derivation("straightening-rate", notation={"E": "cost", "V": "spread"})
def straightening() -> tuple[Theorem, Theorem]:
    """Add the identities of all steps: the costs telescope, and what is left over is never negative."""
    k, n = step("k"), step("n")
    cost, curved, spread = scalar("E"), scalar("S"), scalar("V")
    one = given("each step takes its two gaps off the cost", cost(k - 1) - cost(k), curved(k) + spread(k))
    telescopes = telescoping(cost, n, 0)
    whole = (
        derive(cost(0))
        .to(
            cost(n) - total(cost(k) - cost(k - 1), k, 1, n),
            by=using(telescopes, text="the costs telescope"),
        )
        .to(
            cost(n) + total(curved(k), k, 1, n) + total(spread(k), k, 1, n),
            by=using(one.inside(lambda e: total(e, k, 1, n)), text="each step takes its two gaps off the cost"),
        )
    ).qed()
    rest = given("costs and variances are not negative", cost(n) + total(spread(k), k, 1, n), 0, ">=")
    bound = (
        derive(cost(0))
        .to(whole.rhs, by=using(whole, text="as above"))
        .to(total(curved(k), k, 1, n), by=using(rest, text="costs and variances are not negative"))
    ).qed()
    return whole, bound
