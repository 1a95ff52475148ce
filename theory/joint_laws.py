"""Derivations of sections 4.1 to 4.3 about whole processes: what marginals leave open, and what a wrong prior costs."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import HALF, fokker_planck, i, j, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    derive,
    divergence_theorem,
    fundamental_theorem,
    given,
    log_density,
    normalised,
    reversed_time,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    Along,
    Expr,
    Point,
    Vec,
    const,
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
    time,
    vector,
)

TIMED = {"p": "_t", "q": "_t", "ρ": "_t", "r": "_t|"}
y = Point("y")
X = coords(x)
alpha, sigma, g = function("α", positive=True), function("σ", positive=True), function("g")
tau, T = time("τ"), const("T", positive=True)
back = T - tau
p, f = scalar("p"), vector("f")


# ------------------------------------------------------------------------------------------------ flow maps
@derivation("flow-maps-compose", notation={"z": "x"})
def flow_maps() -> tuple[Theorem, ...]:
    """The fundamental theorem of calculus along the trajectory, on each leg: forwards or backwards in time."""
    r, s, u = time("r"), time("s"), time("u")
    v = vector("v")

    def at(when: Any) -> Expr:
        return coords(Along("z", when)).at(i)

    def leg(start: Any, end: Any) -> Expr:
        return over_time(v(Along("z", r), r).at(i), r, start, end)

    path = given("the trajectory solves dx/dt = v(x, t)", d_dt(at(r), r), v(Along("z", r), r).at(i))

    def gone(start: Any, end: Any) -> Theorem:
        """x_end - x_start = ∫ v."""
        return (
            derive(at(end) - at(start))
            .to(
                over_time(d_dt(at(r), r), r, start, end),
                by=using(fundamental_theorem(at(r), r, start, end).inside(lambda e: -e)),
            )
            .to(leg(start, end), by=using(path.inside(lambda e: over_time(e, r, start, end)), text="dx/dt = v"))
        ).qed()

    one = derive(at(t)).to(at(s) + leg(s, t), by=using(gone(s, t), text="one leg"))
    two = derive(at(u)).to(
        at(s) + leg(s, t) + leg(t, u), by=using(gone(s, t), gone(t, u), text="two legs, in any order of the times")
    )
    return one.qed(), two.qed()


# ------------------------------------------------------------------------------------------------ clocks, Langevin
@derivation("reverse-drift-on-two-clocks", notation=TIMED)
def two_clocks() -> tuple[Theorem, ...]:
    """Turn time round in the Fokker-Planck equation; on either clock ∇·(p ∇log p) = Δp turns the sign of the diffusion."""
    forward = fokker_planck()
    P, there = p(x, t), p(x, back)
    score, there_score = grad(log(P), x), grad(log(there), x)
    half = lift(HALF * g(t) ** 2)
    drift = f(x, t) - lift(g(t) ** 2) * score
    turned = lift(g(back) ** 2) * there_score - f(x, back)
    reversed_ = derive(d_dt(there, tau)).to(
        -div(there * turned, x) + lift(HALF * g(back) ** 2) * lap(there, x),
        by=using(reversed_time(forward, t, tau, T).inside(lambda e: -e), text="the Fokker-Planck equation at T - τ"),
    )
    same = derive(d_dt(P, t)).to(
        -div(P * drift, x) - half * lap(P, x), by=using(forward, text="the Fokker-Planck equation")
    )
    wrong = derive(-div(P * -drift, x) - half * lap(P, x) - d_dt(P, t)).to(
        2 * div(P * drift, x), by=using(forward.inside(lambda e: -e), text="the Fokker-Planck equation")
    )
    return reversed_.qed(), same.qed(), wrong.qed()


@derivation("reverse-step-and-langevin", notation={"ς": "g", "s": "s"})
def step_and_langevin() -> tuple[Theorem, ...]:
    """The step has the drift of a Langevin step of size η = g² h and the noise of one of half the size: write it as the latter and
    what is left, which is a step of the flow.  Drift ½ g² ∇log p and noise g keep p in place."""
    c, h = const("ς", positive=True), const("h", positive=True)
    s, z = vector("s")(x), coords(Point("z"))
    eta, small = c**2 * h, c**2 * h / 2
    step = X + lift(eta) * s + lift(c * sp.sqrt(h)) * z
    whole = derive(step.at(i)).to((X + lift(eta) * s + lift(sp.sqrt(2 * eta) / sp.sqrt(2)) * z).at(i), by=algebra)
    halves = derive(step.at(i)).to(
        ((X + lift(small) * s + lift(sp.sqrt(2 * small)) * z) + lift(HALF * c**2 * h) * s).at(i), by=algebra
    )
    density = p(x)
    kept = derive(
        -div(density * lift(HALF * c**2) * grad(log(density), x), x) + lift(HALF * c**2) * lap(density, x)
    ).to(0, by=algebra)
    return whole.qed(), halves.qed(), kept.qed()


# ------------------------------------------------------------------------------------------------ joint laws
@derivation("one-marginal-family-many-joint-laws", notation={**TIMED, "=V(t)": "α(t)**2*c**2 + σ(t)**2"})
def joint_laws() -> tuple[Theorem, ...]:
    """Integrate the Fokker-Planck equation of the reverse process against both ends: the covariance with the start decays by the
    drift's slope.  Then put the closed form into that equation."""
    kappa, c = const("κ"), const("c", positive=True)
    a, v = const("α_t", positive=True), const("V_t", positive=True)

    def spread(at: Any) -> Any:
        return alpha(at) ** 2 * c**2 + sigma(at) ** 2

    # on the clock τ = T - t, for f and g of any linear SDE
    rate, mean = function("f"), vector("m")()
    pull = HALF * (1 + kappa**2) * g(back) ** 2 / spread(back)
    slope = lift(-rate(back) - pull)
    drift = slope * X + lift(pull * alpha(back)) * mean
    density = fokker_planck("r", drift, kappa * g(back), x, tau, start=(y,))
    r, start = scalar("r")(x, y, tau), scalar("π0")(y)
    centred = coords(y) - vector("μ")()
    at_start = given("μ is the mean of π", integral(start * centred.at(j), y), 0)
    weight = start * centred.at(j)
    half = lift(HALF * kappa**2 * g(back) ** 2)
    covariance = integral(weight * integral(X.at(i) * r, x), y)
    unit = Vec(lambda k: delta(i, k))
    decay = (
        derive(d_dt(covariance, tau))
        .to(integral(weight * integral(X.at(i) * d_dt(r, tau), x), y), by=under_integral)
        .to(
            integral(weight * integral(X.at(i) * (-div(r * drift, x) + half * lap(r, x)), x), y),
            by=using(
                density.inside(lambda e: integral(weight * integral(X.at(i) * e, x), y)),
                text="the Fokker-Planck equation of the reverse process",
            ),
        )
        .to(
            integral(weight * integral(r * drift.at(i) - half * dot(grad(r, x), unit), x), y),
            by=using(
                divergence_theorem(half * X.at(i) * grad(r, x) - X.at(i) * r * drift, x).inside(
                    lambda e: integral(weight * e, y)
                )
            ),
        )
        .to(
            integral(weight * integral(r * drift.at(i), x), y),
            by=using(divergence_theorem(-half * r * unit, x).inside(lambda e: integral(weight * e, y))),
        )
        .to(
            slope * covariance + lift(pull * alpha(back)) * mean.at(i) * integral(weight, y),
            by=normalised("r"),
        )
        .to(
            slope * covariance,
            by=using(at_start.inside(lambda e: lift(pull * alpha(back)) * mean.at(i) * e), text="y is centred"),
        )
    ).qed()

    d_log = d_dt(log(alpha(t)), t)
    g2 = d_dt(sigma(t) ** 2, t) - 2 * d_log * lift(sigma(t) ** 2)
    k2, up, down = lift(kappa**2), lift(HALF * (1 + kappa**2)), lift(HALF * (1 - kappa**2))
    closed = k2 * (log(a) - log(alpha(t))) + up * log(lift(spread(t))) + down * log(v)
    C = scalar("C")(t)
    solves = (derive(d_dt(C, t)).to(C * (d_log + up * g2 / lift(spread(t))), by=log_density("C", (t,), closed))).qed()
    return decay, solves


# ------------------------------------------------------------------------------------------------ a wrong prior
@derivation("prior-mismatch", notation={"p": "_t", "q": "_t"})
def prior_mismatch() -> tuple[Theorem, ...]:
    """Differentiate the divergence under the integral; the fluxes are a divergence, and the diffusion leaves the relative Fisher
    information."""
    P, Q, F = p(x, tau), scalar("q")(x, tau), f(x, tau)
    gamma = function("γ")(tau)
    ratio = log(P) - log(Q)
    apart = grad(ratio, x)

    def rate(c: Any) -> Theorem:
        half = lift(HALF * sp.sympify(c) ** 2)

        def equation(name: str) -> Theorem:
            return fokker_planck(name, F, c, x, tau)

        def right(density: Expr) -> Expr:
            return -div(density * F, x) if c == 0 else -div(density * F, x) + half * lap(density, x)

        flux = (
            -P * ratio * F
            if c == 0
            else -P * ratio * F + half * (ratio * grad(P, x) + grad(P, x) - P * grad(log(Q), x))
        )
        end = lift(0) if c == 0 else -half * integral(P * norm2(apart), x)
        return (
            derive(d_dt(integral(P * ratio, x), tau))
            .to(
                integral((ratio + 1) * d_dt(P, tau) - P / Q * d_dt(Q, tau), x),
                by=under_integral,
            )
            .to(
                integral((ratio + 1) * right(P) - P / Q * right(Q), x),
                by=using(
                    equation("p").inside(lambda e: integral((ratio + 1) * e, x)),
                    equation("q").inside(lambda e: -integral(P / Q * e, x)),
                    text="both laws obey one equation",
                ),
            )
            .to(end, by=using(divergence_theorem(flux, x)))
        ).qed()

    kept = derive(d_dt(integral(P * log(P), x), tau)).to(
        d_dt(integral(P * log(Q), x), tau), by=using(rate(0), text="without noise, as above") & under_integral
    )
    return rate(gamma), kept.qed()
