"""Derivations of chapter 5: velocities, conditional and marginal."""

from __future__ import annotations

from typing import Any

from concordant.theory.calculus import gaussian, i, projection, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    given,
    independent,
    log_density,
    reversed_time,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    DIM,
    Point,
    Vec,
    const,
    coords,
    d_dt,
    div,
    function,
    integral,
    lift,
    log,
    norm2,
    scalar,
    time,
    vector,
)

z = Point("z")
p, v = scalar("p"), vector("v")


@derivation("velocity-is-not-unique", notation={"p": "_t"})
def not_unique() -> tuple[Theorem, Theorem]:
    """A field without divergence, divided by the density, changes the velocity and not the flux's divergence; and two velocities
    of the same densities differ by nothing else."""
    P, V, w = p(x, t), v(x, t), vector("w")(x, t)
    continuity = given("the continuity equation", d_dt(P, t), -div(P * V, x))
    free = given("w has no divergence", div(w, x), 0)
    other = given("the continuity equation of u", d_dt(P, t), -div(P * vector("u")(x, t), x))
    another = (
        derive(d_dt(P, t))
        .to(-div(P * V, x), by=continuity)
        .to(-div(P * V, x) - div(w, x), by=free)
        .to(-div(P * (V + w / P), x), by=algebra)
    ).qed()
    difference = derive(div(P * (vector("u")(x, t) - V), x)).to(
        0, by=using(other, continuity.inside(lambda e: -e), text="the two continuity equations")
    )
    return another, difference.qed()


def mixture(timed: bool = True) -> tuple[Any, ...]:
    """Conditional densities q(x|z) and velocities u(x|z), π(z); their marginal density p and velocity v."""
    where: tuple[Any, ...] = (x, t) if timed else (x,)
    q, prior, u = scalar("q")(x, z, *where[1:]), scalar("π0")(z), vector("u")(x, z, *where[1:])
    density = definition("p", where, integral(q * prior, z))
    velocity = definition("v", where, integral(u.at(i) * q * prior, z) / p(*where), (i,))
    return q, prior, u, p(*where), v(*where), density, velocity


@derivation("flow-matching-loss", notation={"q": "|", "u": "|"})
def flow_matching_loss() -> Theorem:
    """Orthogonal projection: the marginal velocity is the conditional mean of the conditional one."""
    q, prior, u, P, V, density, velocity = mixture(timed=False)
    field, joint = vector("h")(x), q * prior
    split = projection(field, u, joint, P, V, x, z, density, velocity)
    gap = (
        derive(integral(P * norm2(field - V), x) - integral(joint * norm2(field - u), x, z)).to(
            -integral(joint * norm2(u - V), x, z), by=using(split.inside(lambda e: -e), text="projection, as above")
        )
    ).qed()
    return independent(gap, "h")


@derivation("regression-targets", notation={"q": "|", "u": "|"})
def regression_targets() -> Theorem:
    """Orthogonal projection, for any target that is a function of the noised and the clean point."""
    q, prior, u, P, V, density, velocity = mixture(timed=False)
    return projection(vector("h")(x), u, q * prior, P, V, x, z, density, velocity)


@derivation("continuity-equation", notation={"p": "_t", "q": "q_t|", "u": "|"})
def marginal_continuity() -> Theorem:
    """Average the conditional continuity equations over z; the averaged flux is the marginal velocity's."""
    q, prior, u, P, V, density, velocity = mixture()
    each = given("each conditional path obeys its continuity equation", d_dt(q, t), -div(q * u, x))
    return (
        derive(d_dt(P, t))
        .to(integral(prior * d_dt(q, t), z), by=density & under_integral)
        .to(
            integral(prior * -div(q * u, x), z),
            by=using(
                each.inside(lambda e: integral(prior * e, z)), text="the conditional continuity equations, averaged"
            ),
        )
        .to(-div(Vec(lambda i: integral(u.at(i) * q * prior, z)), x), by=under_integral)
        .to(-div(P * V, x), by=velocity & under_integral)
    ).qed()


@derivation("gaussian-path-velocity", notation={"q": "_t"})
def gaussian_path() -> tuple[Theorem, ...]:
    """Differentiate the map; compare the densities before and after it; and put the velocity into the continuity equation of the
    moving Gaussian."""
    sigma, mu = function("σ", positive=True), vector("μ")
    at0, s0 = vector("μ0")(), const("σ0", positive=True)
    slope = d_dt(sigma(t), t) / lift(sigma(t))
    moving = Vec(lambda i: d_dt(mu(t).at(i), t))

    def velocity(at: Vec) -> Vec:
        return moving + slope * (at - mu(t))

    image = mu(t) + lift(sigma(t) / s0) * (coords(x) - at0)
    flow = vector("Ψ")(x, t)
    moved = definition("Ψ", (x, t), image.at(i), (i,))
    one = derive(d_dt(flow.at(i), t)).to(velocity(flow).at(i), by=moved).qed()
    normal = log_density("q", (x, t), gaussian(coords(x), mu(t), sigma(t) ** 2))
    density = scalar("q")(x, t)
    two = derive(d_dt(density, t)).to(-div(density * velocity(coords(x)), x), by=normal).qed()
    before, after = gaussian(coords(x), at0, s0**2), gaussian(image, mu(t), sigma(t) ** 2)
    pushed = derive(after + lift(DIM) * log(lift(sigma(t)) / lift(s0))).to(before, by=algebra).qed()
    return one, two, pushed


# ------------------------------------------------------------------------------------------------ Gaussian paths
alpha, sigma = function("α", positive=True), function("σ", positive=True)


@derivation("conditional-velocities")
def conditional_velocities() -> Theorem:
    """Solve x_t = α x_0 + σ ε for the noise."""
    x0, noise = coords(Point("x0")), coords(Point("ε"))
    at = lift(alpha(t)) * x0 + lift(sigma(t)) * noise
    d_alpha, d_sigma = d_dt(alpha(t), t), d_dt(sigma(t), t)
    one_sided = d_alpha * x0 + d_sigma / lift(sigma(t)) * (at - lift(alpha(t)) * x0)
    return (
        derive(one_sided.at(i)).to((d_alpha * x0 + d_sigma * noise).at(i), by=algebra).to(d_dt(at.at(i), t), by=algebra)
    ).qed()


def conditional_mean(name: str, of: Any, when: Any, clock: Any) -> Reason:
    """name(x, clock) := E[of | x_t = x] at the time `when`, for x_t = α x_0 + σ ε with density p."""
    kernel, prior = scalar("q")(x, z, when), scalar("π0")(z)
    return definition(name, (x, clock), integral(of * kernel * prior, z) / p(x, when), (i,))


@derivation("flow-matching-clock", notation={"p": "_t", "q": "q_t|", "z": "x0"})
def clock() -> tuple[Theorem, Theorem]:
    """On τ = T - t the coefficients are α(T - τ) and σ(T - τ), whose derivatives change sign; the rest is the same mean."""
    tau, end = time("τ"), const("T", positive=True)
    theirs, ours = vector("u"), vector("v")

    def target(a: Any, s: Any, by: Any) -> Any:
        noise = (coords(x) - lift(a) * coords(z)) / lift(s)
        return (d_dt(a, by) * coords(z) + d_dt(s, by) * noise).at(i)

    definition_of_ours = conditional_mean("v", target(alpha(t), sigma(t), t), t, t)
    back = end - tau
    their_kernel = scalar("q")(x, z, back)
    body = integral(target(alpha(back), sigma(back), tau) * their_kernel * scalar("π0")(z), z) / p(x, back)
    definition_of_theirs = definition("u", (x, tau), body, (i,))
    turned = derive(theirs(x, tau).at(i)).to(-ours(x, back).at(i), by=definition_of_theirs & definition_of_ours).qed()
    here, there = p(x, t), p(x, back)
    forwards = reversed_time(given("v carries p", d_dt(here, t), -div(here * ours(x, t), x)), t, tau, end)
    carried = (
        derive(d_dt(there, tau))
        .to(div(there * ours(x, back), x), by=using(forwards.inside(lambda e: -e), text="the equation of p at T - τ"))
        .to(
            -div(there * theirs(x, tau), x),
            by=using(turned.inside(lambda e: div(there * Vec(lambda _: e), x)), text="the velocity on the other clock"),
        )
    ).qed()
    return turned, carried
