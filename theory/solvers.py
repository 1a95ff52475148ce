"""Derivations of chapter 9: solvers."""

from __future__ import annotations

from concordant.theory.calculus import i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import Theorem, derive, given, using
from concordant.theory.kernel.terms import Along, const, coords, d_dt, function, lift, vector


@derivation("ddim-is-euler", notation={"e": "ε̂", "d": "x̂"})
def ddim_is_euler() -> tuple[Theorem, Theorem]:
    """In the coordinates x/α and σ/α the flow has the slope ε̂, and DDIM's step is along it."""
    a_s, a_t = const("α_s", positive=True), const("α_t", positive=True)
    s_s, s_t = const("σ_s", positive=True), const("σ_t", positive=True)
    data, noise = vector("d")(x), vector("e")(x)
    now = given("x̂ and ε̂ are predictions at x", (lift(a_t) * data + lift(s_t) * noise).at(i), coords(x).at(i))
    step = (
        derive((data + lift(s_s / a_s) * noise).at(i)).to(
            (coords(x) / a_t + lift(s_s / a_s - s_t / a_t) * noise).at(i),
            by=using(now.inside(lambda e: e / a_t), text="α x̂ + σ ε̂ = x"),
        )
    ).qed()
    alpha, sigma = function("α", positive=True), function("σ", positive=True)
    z = Along("z", t)
    d, e = vector("d")(z, t), vector("e")(z, t)
    flow = given(
        "z follows the probability flow",
        d_dt(coords(z).at(i), t),
        (d_dt(alpha(t), t) * d + d_dt(sigma(t), t) * e).at(i),
    )
    here = given("x̂ and ε̂ are predictions at z", (lift(alpha(t)) * d + lift(sigma(t)) * e).at(i), coords(z).at(i))
    rate = d_dt(alpha(t), t) / lift(alpha(t)) ** 2
    slope = (
        derive(d_dt(coords(z).at(i) / lift(alpha(t)), t))
        .to(
            ((d_dt(alpha(t), t) * d + d_dt(sigma(t), t) * e) / lift(alpha(t))).at(i) - rate * coords(z).at(i),
            by=using(flow.inside(lambda u: u / lift(alpha(t))), text="dz/dt = α' x̂ + σ' ε̂"),
        )
        .to(
            (d_dt(lift(sigma(t)) / lift(alpha(t)), t) * e).at(i),
            by=using(here.inside(lambda u: rate * u), text="α x̂ + σ ε̂ = z"),
        )
    ).qed()
    return step, slope
