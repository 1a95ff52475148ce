"""Derivations of appendix B.3: divergences as energies, the flows down their slopes, and one step of a generator.

A divergence of densities has a first variation E, δD = ∫ E δp.  The density that moves at the velocity w = -∇E loses D at the
rate ∫ p |∇E|².  For the two Kullback-Leibler divergences E is log(p/q) + 1 and -q/p.
"""

from __future__ import annotations

import sympy as sp

from concordant.theory.calculus import HALF, fokker_planck, i, x
from concordant.theory.derivation import derivation
from concordant.theory.divergences import kl
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    given,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    Bind,
    D,
    Expr,
    Point,
    Vec,
    const,
    contract,
    d_dt,
    div,
    dot,
    grad,
    integral,
    lap,
    lift,
    log,
    norm2,
    scalar,
    step,
    time,
    total,
    vector,
)

TIMED = {"p": "_τ"}
tau = time("τ")
P, Q = scalar("p")(x, tau), scalar("q")(x)
ratio = log(P) - log(Q)


# ------------------------------------------------------------------------------------------------ first variations
@derivation("first-variation", notation={"r": "p_ε"})
def first_variation() -> tuple[Theorem, ...]:
    """Differentiate under the integral along p + ε h: ∂_ε log p_ε = h/p_ε."""
    eps = time("ε")
    p, h, r = scalar("p")(x), scalar("h")(x), scalar("r")(x, eps)
    line = definition("r", (x, eps), p + lift(eps) * h)

    def along(energy: Expr, body: Expr) -> Theorem:
        return derive(d_dt(energy, eps)).to(integral(body * h, x), by=line & under_integral).qed()

    energy = scalar("V")(x)
    return (
        along(kl(r, Q, x), log(r) - log(Q) + 1),
        along(kl(Q, r, x), -Q / r),
        along(integral(energy * r, x), energy),
        along(integral(r**2 / Q, x), 2 * r / Q),
    )


# ------------------------------------------------------------------------------------------------ dissipation
def dissipation(rate: Theorem, variation: Expr, why: Reason) -> Theorem:
    """dD/dτ = -∫ p |∇E|², from dD/dτ = ∫ E ∂_τ p and ∂_τ p = ∇·(p ∇E)."""
    slope = grad(variation, x)
    flow = given("p moves at the velocity -∇E", d_dt(P, tau), div(P * slope, x))
    return (
        derive(rate.lhs)
        .to(integral(variation * d_dt(P, tau), x), by=why)
        .to(
            integral(variation * div(P * slope, x), x),
            by=using(flow.inside(lambda e: integral(variation * e, x)), text="p moves at the velocity -∇E"),
        )
        .to(-integral(P * norm2(slope), x), by=using(divergence_theorem(variation * P * slope, x)))
    ).qed()


@derivation("energy-dissipation", notation=TIMED)
def energy_dissipation() -> Theorem:
    """The chain rule gives ∫ E ∂_τ p; put the continuity equation in, and integrate by parts."""
    energy, variation = scalar("F")(tau), scalar("E")(x, tau)
    rate = given("E is the first variation of F", d_dt(energy, tau), integral(variation * d_dt(P, tau), x))
    return dissipation(rate, variation, using(rate, text="the first variation"))


def rate_of(energy: Expr, variation: Expr) -> Theorem:
    """d/dτ of a divergence along p."""
    return derive(d_dt(energy, tau)).to(integral(variation * d_dt(P, tau), x), by=under_integral).qed()


@derivation("forward-kl-velocity", notation=TIMED)
def forward_kl() -> tuple[Theorem, Theorem]:
    """-∇E is ∇(q/p), which is q/p times the difference of the scores; and the divergence falls by its square."""
    variation = -Q / P
    velocity = (derive(-D(variation, x, i)).to((Q / P * grad(log(Q) - log(P), x)).at(i), by=algebra)).qed()
    return velocity, dissipation(rate_of(kl(Q, P, x), variation), variation, under_integral)


@derivation("reverse-kl-velocity", notation=TIMED)
def reverse_kl() -> tuple[Theorem, ...]:
    """-∇E is the difference of the scores; Langevin dynamics has a density that moves at this velocity, since its diffusion is
    transport by the score; and the divergence falls by the relative Fisher information."""
    variation = ratio + 1
    slope = grad(ratio, x)
    velocity = derive(-D(variation, x, i)).to(grad(log(Q) - log(P), x).at(i), by=algebra).qed()
    langevin = fokker_planck("p", grad(log(Q), x), sp.sqrt(2), x, tau)
    carried = (
        derive(d_dt(P, tau))
        .to(
            -div(P * grad(log(Q), x), x) + lap(P, x),
            by=using(langevin, text="the Fokker-Planck equation of dx = ∇log q dτ + √2 dw"),
        )
        .to(-div(P * -slope, x), by=algebra)
    ).qed()
    rate = rate_of(kl(P, Q, x), variation)
    falls = (
        derive(rate.lhs)
        .to(integral(variation * d_dt(P, tau), x), by=under_integral)
        .to(
            -integral(variation * div(P * -slope, x), x),
            by=using(carried.inside(lambda e: integral(variation * e, x)), text="Langevin dynamics, as above"),
        )
        .to(-integral(P * norm2(slope), x), by=using(divergence_theorem(variation * P * slope, x)))
    ).qed()
    return velocity, carried, falls


# ------------------------------------------------------------------------------------------------ generators
@derivation("reverse-kl-gradient", notation={"p": "_θ", "ρ": "_θ", "θ": "θ"})
def reverse_kl_gradient() -> Theorem:
    """The density of samples changes by the flux of the samples' own motion; integrate by parts."""
    theta, z = time("θ"), Point("z")
    p, rho, u = scalar("p")(x, theta), scalar("ρ")(x, z, theta), vector("u")(x, z, theta)
    density = definition("p", (x, theta), integral(rho, z))
    moves = given("each sample moves at ∂x̂/∂θ = u", d_dt(rho, theta), -div(rho * u, x))
    score = grad(log(p) - log(Q), x)
    flux = Vec(lambda k: integral(rho * u.at(k), z))
    variation = log(p) - log(Q) + 1
    change = (
        derive(d_dt(p, theta))
        .to(integral(d_dt(rho, theta), z), by=density & under_integral)
        .to(
            -integral(div(rho * u, x), z),
            by=using(moves.inside(lambda e: integral(e, z)), text="each sample moves at u"),
        )
        .to(-div(flux, x), by=under_integral)
    ).qed()
    return (
        derive(d_dt(kl(p, Q, x), theta))
        .to(integral(variation * d_dt(p, theta), x), by=under_integral)
        .to(
            -integral(variation * div(flux, x), x),
            by=using(change.inside(lambda e: integral(variation * e, x)), text="the samples' flux") & under_integral,
        )
        .to(
            integral(dot(flux, score), x),
            by=using(divergence_theorem(variation * flux, x).inside(lambda e: -e)) & under_integral,
        )
        .to(integral(rho * dot(u, score), x, z), by=algebra)
    ).qed()


@derivation("parameter-update", notation={"θ": "φ"})
def parameter_update() -> tuple[Theorem, Theorem]:
    """Expand the square about the solution of the normal equations; and differentiate the regression whose target is held."""
    k, n, eta = step("k"), step("n"), const("η", positive=True)
    theta = Point("θ")
    w, d, e = scalar("w")(k), vector("d")(), vector("e")()
    J = vector("J")(k)

    def loss(at: Vec) -> Expr:
        return total((dot(J, at) - lift(eta) * w) ** 2, k, 1, n)

    normal = given("d solves the normal equations", total(J.at(i) * (dot(J, d) - lift(eta) * w), k, 1, n), 0)
    best = (
        derive(loss(e) - loss(d))
        .to(
            total(dot(J, e - d) ** 2, k, 1, n)
            + 2 * contract(lambda a: (e - d).at(a) * total(J.at(a) * (dot(J, d) - lift(eta) * w), k, 1, n)),
            by=algebra,
        )
        .to(
            total(dot(J, e - d) ** 2, k, 1, n),
            by=using(normal.inside(lambda h: 2 * Bind("con", i, (e - d).at(i) * h)), text="the normal equations"),
        )
    ).qed()
    G, held = scalar("G")(theta, k), scalar("y")(k)
    pull = scalar("w")(theta, k)
    wanted = definition("w", (theta, k), (held - G) / lift(eta))
    regression = HALF * total((G - held) ** 2, k, 1, n)
    step_ = (
        derive(D(regression, theta, i))
        .to(total((G - held) * D(G, theta, i), k, 1, n), by=algebra)
        .to(-lift(eta) * total(pull * D(G, theta, i), k, 1, n), by=wanted)
    ).qed()
    return best, step_
