"""Derivations of chapter 5: straight and bent paths in closed form, on rectified flow's clock (t = 0 source, t = 1 target)."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import gaussian, i, j, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    given,
    log_density,
    normalised,
    using,
)
from concordant.theory.kernel.terms import (
    DIM,
    Bind,
    Field,
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
    integral,
    lift,
    norm2,
    scalar,
    vector,
)

z = Point("z")
P, V = scalar("p")(x, t), vector("v")(x, t)


@derivation("reflow-interpolation")
def interpolation() -> tuple[Theorem, Theorem]:
    """Differentiate both lines in time."""
    z0, z1 = coords(Point("z0")), coords(Point("ẑ1"))

    def ours(s: Any) -> Vec:
        return lift(1 - s) * z0 + lift(s) * z1

    def theirs(s: Any) -> Vec:
        return lift(s) * z0 + lift(1 - s) * z1

    return (
        derive(d_dt(ours(t).at(i), t)).to((z1 - z0).at(i), by=algebra).qed(),
        derive(d_dt(theirs(t).at(i), t)).to(-(z1 - z0).at(i), by=algebra).qed(),
    )


@derivation("canonical-path-bends", notation={"p": "_t", "q": "q_t|"})
def canonical_path() -> tuple[Theorem, ...]:
    """The mean of x_0 at a point, by parts for two Gaussians, gives the velocity; √V solves its equation, and the second derivative
    of √V is never zero."""
    s0, s1 = (const(name, positive=True) for name in ("σ0", "σ1"))
    variance, name = (1 - t) ** 2 * s0**2 + t**2 * s1**2, function("V", positive=True)(t)
    W = lift(name)
    named = given("V is the variance of a coordinate of x_t", W, variance)
    slopes = named.inside(lambda e: d_dt(e, t))
    bend = slopes.inside(lambda e: d_dt(e, t))
    f, df = lift(variance), d_dt(variance, t)
    q, prior, X, Z = scalar("q")(x, z, t), scalar("π0")(z), coords(x), coords(z)
    kernel = log_density("q", (x, z, t), gaussian(X, lift(1 - t) * Z, t**2 * s1**2))
    source = log_density("π0", (z,), gaussian(Z, Vec(lambda _: lift(0)), s0**2))
    law = definition("p", (x, t), integral(q * prior, z))
    target = (X - Z) / lift(t)  # x_1 - x_0, for x = (1 - t) x_0 + t x_1 and z = x_0
    field = definition("v", (x, t), integral(target.at(i) * q * prior, z) / P, (i,))
    weight = lift(t**2 * s0**2 * s1**2 / variance)
    mass = derive(integral(q * prior, z)).to(P, by=law).qed()
    mean_start = (
        derive(integral(Z.at(i) * q * prior, z))
        .to(
            integral(Z.at(i) * q * prior, z) + weight * integral(div(Vec(lambda k: q * prior * delta(i, k)), z), z),
            by=using(divergence_theorem(Vec(lambda k: q * prior * delta(i, k)), z).inside(lambda e: -weight * e)),
        )
        .to(lift((1 - t) * s0**2 / variance) * X.at(i) * integral(q * prior, z), by=kernel & source)
        .to(lift((1 - t) * s0**2 / variance) * X.at(i) * P, by=law)
    ).qed()
    mean_velocity = (
        derive(V.at(i))
        .to(integral(target.at(i) * q * prior, z) / P, by=field)
        .to(
            (X.at(i) * integral(q * prior, z) - integral(Z.at(i) * q * prior, z)) / (lift(t) * P),
            by=algebra,
        )
        .to(
            (X.at(i) * P - integral(Z.at(i) * q * prior, z)) / (lift(t) * P),
            by=mass.inside(lambda e: X.at(i) * e / (lift(t) * P)),
        )
        .to(
            (X.at(i) * P - lift((1 - t) * s0**2 / variance) * X.at(i) * P) / (lift(t) * P),
            by=using(mean_start.inside(lambda e: -e / (lift(t) * P)), text="the mean of x_0, by parts"),
        )
        .to(df / lift(2 * variance) * X.at(i), by=algebra)
        .to(
            d_dt(W, t) / (2 * W) * X.at(i),
            by=using(
                named.inside(lambda e: e * df / (2 * f * W) * X.at(i)),
                slopes.inside(lambda e: -e / (2 * W) * X.at(i)),
                text="the name V",
            ),
        )
    ).qed()
    path = lift(sp.sqrt(name) / s0) * coords(Point("z0"))
    moves = derive(d_dt(path.at(i), t)).to((d_dt(W, t) / (2 * W) * path).at(i), by=algebra).qed()
    by = 1 / (4 * W**2)
    bends = (
        derive(d_dt(d_dt(path.at(i), t), t))
        .to((by * (2 * W * d_dt(d_dt(W, t), t) - d_dt(W, t) * d_dt(W, t)) * path).at(i), by=algebra)
        .to(
            (by * (2 * f * d_dt(df, t) - df * df) * path).at(i),
            by=using(
                bend.inside(lambda e: by * 2 * W * e * path.at(i)),
                named.inside(lambda e: by * 2 * d_dt(df, t) * e * path.at(i)),
                slopes.inside(lambda e: -by * d_dt(W, t) * e * path.at(i)),
                slopes.inside(lambda e: -by * df * e * path.at(i)),
                text="V and its derivatives",
            ),
        )
        .to((lift(s0**2 * s1**2) / W**2 * path).at(i), by=algebra)
    ).qed()
    return mean_velocity, moves, bends


@derivation("straight-coupling-not-optimal")
def rotation() -> tuple[Theorem, Theorem]:
    """The second moments of a standard normal are those of the identity; and two lines of the coupling meet where
    (1 - t) w + t A w = 0 for their difference w, whose square is a sum of two squares."""
    A, X = matrix_of("A"), coords(x)
    w = coords(Point("w"))
    q = scalar("q")(x)
    standard = log_density("q", (x,), gaussian(X, Vec(lambda _: lift(0)), 1))
    orthogonal = given("A is orthogonal", contract(lambda k: A(k, i) * A(k, j)), delta(i, j))

    def image(of: Vec) -> Vec:
        return Vec(lambda k: contract(lambda m: A(k, m) * of.at(m)))

    moment = (
        derive(integral(q * X.at(i) * X.at(j), x))
        .to(
            integral(q * X.at(i) * X.at(j), x) + integral(div(Vec(lambda k: q * X.at(i) * delta(k, j)), x), x),
            by=using(divergence_theorem(Vec(lambda k: q * X.at(i) * delta(k, j)), x).inside(lambda e: -e)),
        )
        .to(delta(i, j) * integral(q, x), by=standard)
        .to(delta(i, j), by=normalised("q"))
    ).qed()
    trace = contract(lambda k: A(k, k))

    def length(of: Vec) -> Theorem:
        """|A w|² = |w|²."""
        return (
            derive(norm2(image(of)))
            .to(Bind("con", i, Bind("con", j, contract(lambda k: A(k, i) * A(k, j)) * of.at(i) * of.at(j))), by=algebra)
            .to(
                norm2(of),
                by=using(
                    orthogonal.inside(lambda e: Bind("con", i, Bind("con", j, e * of.at(i) * of.at(j)))),
                    text="A is orthogonal",
                ),
            )
        ).qed()

    cost = (
        derive(integral(q * norm2(X - image(X)), x))
        .to(
            integral(q * norm2(X), x) - 2 * integral(q * dot(X, image(X)), x) + integral(q * norm2(image(X)), x),
            by=algebra,
        )
        .to(
            2 * integral(q * norm2(X), x) - 2 * integral(q * dot(X, image(X)), x),
            by=using(length(X).inside(lambda e: integral(q * e, x)), text="A keeps lengths"),
        )
        .to(
            lift(2) * Bind("con", i, Bind("con", j, delta(i, j) * integral(q * X.at(i) * X.at(j), x)))
            - 2 * Bind("con", i, Bind("con", j, A(i, j) * integral(q * X.at(i) * X.at(j), x))),
            by=algebra,
        )
        .to(
            lift(2) * Bind("con", i, Bind("con", j, delta(i, j) * delta(i, j)))
            - 2 * Bind("con", i, Bind("con", j, A(i, j) * delta(i, j))),
            by=using(
                moment.inside(lambda e: lift(2) * Bind("con", i, Bind("con", j, delta(i, j) * e))),
                moment.inside(lambda e: -2 * Bind("con", i, Bind("con", j, A(i, j) * e))),
                text="second moments of a standard normal",
            ),
        )
        .to(lift(2) * (lift(DIM) - trace), by=algebra)
    ).qed()
    line = Vec(lambda k: lift(1 - t) * w.at(k) + lift(t) * image(w).at(k))
    apart = (
        derive(norm2(line))
        .to(
            lift((1 - 2 * t) ** 2) * norm2(w)
            + lift(t * (1 - t)) * norm2(w + image(w))
            + lift(t**2 - t * (1 - t)) * (norm2(image(w)) - norm2(w)),
            by=algebra,
        )
        .to(
            lift((1 - 2 * t) ** 2) * norm2(w) + lift(t * (1 - t)) * norm2(w + image(w)),
            by=using(length(w).inside(lambda e: lift(t**2 - t * (1 - t)) * e), text="A keeps lengths"),
        )
    ).qed()
    return cost, apart


def matrix_of(name: str) -> Any:
    """A matrix of constants."""
    return lambda row, column: Field(name, (), (row, column))
