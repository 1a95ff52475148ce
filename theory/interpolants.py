"""Derivations of conditional paths: two-sided and one-sided, from a flow, from any source; and the marginal path they make.

On the clock of flow matching: a(t) multiplies the source, b(t) the data z.
"""

from __future__ import annotations

import sympy as sp

from concordant.theory import score as scores
from concordant.theory.calculus import HALF, gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    given,
    log_density,
    normalised,
    using,
)
from concordant.theory.kernel.terms import (
    DIM,
    Along,
    Point,
    Vec,
    const,
    contract,
    coords,
    d_dt,
    div,
    dot,
    function,
    grad,
    integral,
    lift,
    log,
    scalar,
    vector,
)

y, z = Point("y"), Point("z")
X, Y, Z = coords(x), coords(y), coords(z)
a_of, b_of = function("a"), function("b")
a, b = lift(a_of(t)), lift(b_of(t))
da, db = d_dt(a, t), d_dt(b, t)
#: b' z + (a'/a)(x - b z), the velocity at x given the data end z.
one_sided = db * Z + da / a * (X - b * Z)


@derivation("marginal-path", notation={"p": "_t", "q": "_t|", "h": "φ"})
def marginal_path() -> tuple[Theorem, Theorem]:
    """Exchange the two integrals; for a function that is 1 everywhere both densities integrate to 1."""
    q, prior, p, h = scalar("q")(x, z, t), scalar("π")(z), scalar("p")(x, t), scalar("h")(x)
    mixed = definition("p", (x, t), integral(q * prior, z))
    mean = derive(integral(h * p, x)).to(integral(prior * integral(h * q, x), z), by=mixed).qed()
    mass = (
        derive(integral(p, x))
        .to(integral(prior * integral(q, x), z), by=mixed)
        .to(integral(prior, z), by=normalised("q"))
        .to(1, by=normalised("π"))
    ).qed()
    return mean, mass


@derivation("two-sided-path", notation={"h": "∇φ"})
def two_sided_path() -> tuple[Theorem, Theorem]:
    """Differentiate a x0 + b x1 in time; and a function of it, by the chain rule."""
    source, data = coords(Point("x0")), coords(Point("x1"))
    path, curve = a * source + b * data, Along("c", t)
    speed = da * source + db * data
    velocity = derive(d_dt(path.at(i), t)).to(speed.at(i), by=algebra).qed()
    on = given("c is the path from x0 to x1", coords(curve).at(i), path.at(i))
    slope = vector("h")(curve)
    named = definition("h", (x,), grad(scalar("φ")(x), x).at(i), (i,))
    weak = (
        derive(d_dt(scalar("φ")(curve), t))
        .to(contract(lambda k: slope.at(k) * d_dt(coords(curve).at(k), t)), by=named)
        .to(
            contract(lambda k: slope.at(k) * d_dt(path.at(k), t)),
            by=using(on.inside(lambda e: contract(lambda k: slope.at(k) * d_dt(e, t))), text="the path"),
        )
        .to(dot(slope, speed), by=algebra)
    ).qed()
    return velocity, weak


@derivation("interpolant-velocities")
def interpolant_velocities() -> tuple[Theorem, ...]:
    """Differentiate each path; for the trigonometric one the two functions are known by their slopes."""
    source, data = coords(Point("x0")), coords(Point("x1"))
    unit = given("the variance is preserved", a**2 + b**2, lift(1))
    preserving = derive(d_dt((a * source + b * data).at(i), t)).to(
        (db * (data - b / a * source)).at(i),
        by=using(
            unit.inside(lambda e: d_dt(e, t) * source.at(i) / (2 * a)), text="the slope of a² + b² = 1: a a' = -b b'"
        ),
    )
    exploding = derive(d_dt((a * source + data).at(i), t)).to((da * source).at(i), by=algebra)
    linear = derive(d_dt((lift(1 - t) * source + lift(t) * data).at(i), t)).to((data - source).at(i), by=algebra)
    cos, sin, quarter = scalar("c")(t), scalar("s")(t), lift(sp.pi / 2)
    turns = (
        given("the slope of c = cos πt/2", d_dt(cos, t), -quarter * sin),
        given("the slope of s = sin πt/2", d_dt(sin, t), quarter * cos),
    )
    ends = zip(turns, (source, data), strict=True)
    trigonometric = derive(d_dt((cos * source + sin * data).at(i), t)).to(
        (quarter * (cos * data - sin * source)).at(i),
        by=using(*(turn.inside(lambda e, of=of: e * of.at(i)) for turn, of in ends), text="the two slopes"),  # type: ignore[misc]
    )
    return preserving.qed(), exploding.qed(), linear.qed(), trigonometric.qed()


@derivation("one-sided-path", notation={"q": "_t|"})
def one_sided_path() -> Theorem:
    """Put the velocity into the continuity equation of the moving Gaussian N(b z, a² I)."""
    q = scalar("q")(x, z, t)
    normal = log_density("q", (x, z, t), gaussian(X, b * Z, a_of(t) ** 2))
    return derive(d_dt(q, t)).to(-div(q * one_sided, x), by=normal).qed()


@derivation("velocity-from-a-conditional-flow")
def flow_first() -> tuple[Theorem, Theorem, Theorem]:
    """Differentiate the map in time at a fixed start, and put in the start from which the map comes to x."""
    flow, start = vector("Ψ")(y, z, t), vector("Φ")(x, z, t)
    mapped = definition("Ψ", (y, z, t), (a * Y + b * Z).at(i), (i,))
    undone = definition("Φ", (x, z, t), ((X - b * Z) / a).at(i), (i,))
    inverse = derive((a * start + b * Z).at(i)).to(X.at(i), by=undone).qed()
    at_start = derive((da * start + db * Z).at(i)).to(one_sided.at(i), by=undone).qed()
    along = derive(d_dt(flow.at(i), t)).to((db * Z + da / a * (flow - b * Z)).at(i), by=mapped).qed()
    return inverse, at_start, along


@derivation("any-source", notation={"q": "_t|", "h": "π"})
def any_source() -> Theorem:
    """The source's density is carried along unchanged, and the volume grows by a in every direction: both are in the
    continuity equation."""
    carried, q = scalar("h")(x, z, t), scalar("q")(x, z, t)
    kept = given(
        "the source's density at (x - b z)/a is constant along the conditional flow",
        d_dt(carried, t),
        -dot(one_sided, grad(carried, x)),
    )
    shrunk = log_density("q", (x, z, t), log(carried) - lift(DIM) * log(a))
    return (
        derive(d_dt(q, t))
        .to(q * d_dt(carried, t) / carried - lift(DIM) * da / a * q, by=shrunk)
        .to(
            -q * dot(one_sided, grad(carried, x)) / carried - lift(DIM) * da / a * q,
            by=using(kept.inside(lambda e: q * e / carried), text="the source's density along the flow"),
        )
        .to(-div(q * one_sided, x), by=shrunk)
    ).qed()


@derivation("velocity-from-conditional-scores", notation=scores.CONDITIONAL)
def velocity_from_scores() -> Theorem:
    """The marginal score is the posterior mean of the kernel's score, and f x is its own mean."""
    f, g = const("f", real=True), const("g", real=True)
    made = scores.marginal_score()
    assert isinstance(made, tuple)
    mean = made[0]
    half, drift = lift(HALF * g**2), lift(f) * X
    density, joint = scores.p(x), scores.joint
    mass = derive(density).to(integral(joint, scores.x0), by=scores.marginal).qed()
    inside = Vec(lambda i: (drift.at(i) - half * scores.kernel_score.at(i)) * joint)
    return (
        derive((drift - half * scores.score).at(i))
        .to(
            drift.at(i) - half * integral(joint * scores.kernel_score.at(i), scores.x0) / density,
            by=using(mean.inside(lambda e: -half * e), text="the marginal score is a posterior mean"),
        )
        .to(
            drift.at(i) * integral(joint, scores.x0) / density
            - half * integral(joint * scores.kernel_score.at(i), scores.x0) / density,
            by=using(mass.inside(lambda e: drift.at(i) * e / density), text="p is the integral of the joint density"),
        )
        .to(integral(inside.at(i), scores.x0) / density, by=algebra)
    ).qed()
