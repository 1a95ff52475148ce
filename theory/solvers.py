"""Derivations of chapter 9: the exact solution that all solvers approximate, DDIM in its forms, and its stochastic family."""

from __future__ import annotations

from typing import Any

from concordant.theory.calculus import HALF, gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    exponential,
    fundamental_theorem,
    given,
    log_density,
    normalised,
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
    function,
    integral,
    lift,
    log,
    over_time,
    scalar,
    vector,
)

alpha, sigma = function("α", positive=True), function("σ", positive=True)
a, s = lift(alpha(t)), lift(sigma(t))
z = Along("z", t)
clean, noise = vector("d")(z, t), vector("e")(z, t)
start = const("t₀", positive=True)
HEADS = {"d": "x̂", "e": "ε̂", "c": "ŝ"}


def _slopes() -> tuple[Theorem, Theorem]:
    """(z/α)' = (σ/α)' ε̂ and (z/σ)' = (α/σ)' x̂ along the flow z' = α' x̂ + σ' ε̂."""
    flow = given(
        "z follows the probability flow",
        d_dt(coords(z).at(i), t),
        (d_dt(a, t) * clean + d_dt(s, t) * noise).at(i),
    )
    here = given("x̂ and ε̂ are predictions at z", (a * clean + s * noise).at(i), coords(z).at(i))

    def slope(scale: Expr, ratio: Expr, head: Expr) -> Theorem:
        rate = d_dt(scale, t) / scale**2
        return (
            derive(d_dt(coords(z).at(i) / scale, t))
            .to(
                ((d_dt(a, t) * clean + d_dt(s, t) * noise) / scale).at(i) - rate * coords(z).at(i),
                by=using(flow.inside(lambda u: u / scale), text="dz/dt = α' x̂ + σ' ε̂"),
            )
            .to(d_dt(ratio, t) * head, by=using(here.inside(lambda u: rate * u), text="α x̂ + σ ε̂ = z"))
        ).qed()

    return slope(a, s / a, noise.at(i)), slope(s, a / s, clean.at(i))


@derivation("ddim-is-euler", notation=HEADS)
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
    slope, _ = _slopes()
    return step, slope


@derivation("exact-solution-of-the-flow", notation=HEADS)
def exact_solution() -> tuple[Theorem, Theorem]:
    """Divide by α, or by σ: the linear part is gone, and the fundamental theorem of calculus integrates the rest."""
    end = const("T", positive=True)

    def solution(slope: Theorem, scale: Any, ratio: Expr, head: Expr) -> Theorem:
        before, after = (coords(Along("z", when)).at(i) / lift(scale(when)) for when in (start, end))
        of = coords(z).at(i) / lift(scale(t))
        return (
            derive(after)
            .to(
                before + over_time(d_dt(of, t), t, start, end),
                by=using(
                    fundamental_theorem(of, t, start, end).inside(lambda e: -e),
                    text="the fundamental theorem of calculus",
                ),
            )
            .to(
                before + over_time(d_dt(ratio, t) * head, t, start, end),
                by=using(slope.inside(lambda e: over_time(e, t, start, end)), text="the slope along the flow"),
            )
        ).qed()

    by_noise, by_data = _slopes()
    return solution(by_noise, alpha, s / a, noise.at(i)), solution(by_data, sigma, a / s, clean.at(i))


@derivation("ddim-in-four-heads", notation=HEADS)
def four_heads() -> tuple[Theorem, ...]:
    """Put x̂ = (x - σ ε̂)/α and ŝ = -ε̂/σ into α_t x̂ + σ_t ε̂; with α = 1 and σ = t it is EDM's step."""
    a_s, a_t = const("α_s", positive=True), const("α_t", positive=True)
    s_s, s_t = const("σ_s", positive=True), const("σ_t", positive=True)
    e, d, score = vector("e")(x), vector("d")(x), vector("c")(x)
    X = coords(x)
    data_told = definition("d", (x,), ((X - lift(s_s) * e) / lift(a_s)).at(i), (i,))
    score_told = data_told & definition("c", (x,), (-e / lift(s_s)).at(i), (i,))
    ratio = a_t / a_s - s_t / s_s
    step = (lift(a_t) * d + lift(s_t) * e).at(i)
    forms = (
        (lift(a_t / a_s) * X - lift(a_t * (s_s / a_s - s_t / a_t)) * e, data_told),
        (lift(s_t / s_s) * X + lift(a_s * ratio) * d, data_told),
        (lift(a_t / a_s) * X + lift(s_s**2 * ratio) * score, score_told),
    )
    return tuple(derive(step).to(form.at(i), by=told).qed() for form, told in forms)


@derivation("ddim-family", notation={"k": "q|", "m": "q|", "n": "q|", "r": "q|", "x": "x_t", "y": "x_s"})
def ddim_family() -> tuple[Theorem, ...]:
    """Complete the square: the product of the step and the kernel is the new kernel times a Gaussian in x_s; the coefficients
    solve two equations."""
    on_data, on_x, spread = const("a"), const("b", positive=True), const("c", positive=True)
    a_s, s_s = const("α_s", positive=True), const("σ_s", positive=True)
    now, later, data = Point("y"), Point("x"), Point("x0")
    y, xs, x0 = map(coords, (now, later, data))
    whole = spread**2 + on_x**2 * s_s**2
    width = spread**2 * s_s**2 / whole
    centre = lift(on_x * s_s**2 / whole) * (xs - lift(on_data) * x0) + lift(a_s * spread**2 / whole) * x0
    laws = (
        log_density("k", (later, now, data), gaussian(xs, lift(on_data) * x0 + lift(on_x) * y, spread**2))
        & log_density("m", (now, data), gaussian(y, lift(a_s) * x0, s_s**2))
        & log_density("n", (later, data), gaussian(xs, lift(on_data + on_x * a_s) * x0, whole))
        & log_density("r", (now, later, data), gaussian(y, centre, width))
    )
    k, m = scalar("k")(later, now, data), scalar("m")(now, data)
    n, r = scalar("n")(later, data), scalar("r")(now, later, data)
    product = exponential(derive(log(k * m)).to(log(n * r), by=laws).qed())
    carried = (
        derive(integral(k * m, now))
        .to(integral(n * r, now), by=using(product.inside(lambda e: integral(e, now)), text="completing the square"))
        .to(n, by=normalised("r"))
    ).qed()
    # the ancestral step is one of them: b = α_{s|t} σ_t²/σ_s² has b² σ_s² + c² = σ_t² for the posterior's c²
    a_t, s_t = const("α_t", positive=True), const("σ_t", positive=True)
    added = s_s**2 - (a_s / a_t) ** 2 * s_t**2
    b, variance = a_s / a_t * s_t**2 / s_s**2, added * s_t**2 / s_s**2
    keeps = derive(lift(b**2 * s_s**2 + variance)).to(lift(s_t**2), by=algebra).qed()
    on_clean = derive(lift(a_t - a_s * b)).to(lift(a_t * added / s_s**2), by=algebra).qed()
    return carried, keeps, on_clean


@derivation("ddim-conditional-flow")
def conditional_flow() -> tuple[Theorem, ...]:
    """Ψ_{s→t}(x) = α_t x_0 + (σ_t/σ_s)(x - α_s x_0): put one into another, differentiate, and put the kernel's point in."""
    a_s, s_s = const("α_s", positive=True), const("σ_s", positive=True)
    a_u, s_u = const("α_m", positive=True), const("σ_m", positive=True)
    data, eps = Point("x0"), Point("ε")
    X, X0, E = coords(x), coords(data), coords(eps)

    def moved(point: Vec, a1: Any, s1: Any, a2: Any, s2: Any) -> Vec:
        return lift(a2) * X0 + (lift(s2) / lift(s1)) * (point - lift(a1) * X0)

    across = moved(X, a_s, s_s, alpha(t), sigma(t))
    semigroup = derive(moved(moved(X, a_s, s_s, a_u, s_u), a_u, s_u, alpha(t), sigma(t)).at(i)).to(
        across.at(i),
        by=algebra,
    )
    lands = derive(moved(lift(a_s) * X0 + lift(s_s) * E, a_s, s_s, alpha(t), sigma(t)).at(i)).to(
        (a * X0 + s * E).at(i), by=algebra
    )
    rate = d_dt(s, t) / s
    velocity = derive(d_dt(across.at(i), t)).to(
        (d_dt(a, t) * X0 + rate * (across - a * X0)).at(i),
        by=algebra,
    )
    return semigroup.qed(), lands.qed(), velocity.qed()


@derivation("half-log-snr-time")
def half_log_snr() -> tuple[Theorem, ...]:
    """λ' = -g²/(2σ²), so that λ falls where there is noise; for the linear path and for EDM by itself."""
    g2 = d_dt(s**2, t) - 2 * d_dt(log(a), t) * s**2
    falls = derive(d_dt(log(a / s), t)).to(-g2 / (2 * s**2), by=algebra)
    left = lift(1 - t)
    linear = derive(d_dt(log(left / lift(t)), t)).to(-1 / (lift(t) * left), by=algebra)
    edm = derive(d_dt(log(1 / lift(t)), t)).to(-1 / lift(t), by=algebra)
    own = log(a) - HALF * log(lift(1 - alpha(t) ** 2))  # λ where σ² = 1 - α²
    preserving = derive(d_dt(log(a), t)).to((1 - a**2) * d_dt(own, t), by=algebra)
    return falls.qed(), linear.qed(), edm.qed(), preserving.qed()


@derivation("euler-on-the-velocity")
def euler_on_the_velocity() -> tuple[Theorem, ...]:
    """α and σ that are affine in t move by t - s times their slopes."""
    data, eps = Point("x0"), Point("ε")
    X0, E = coords(data), coords(eps)
    first, last = const("s₁"), const("s₂")
    now = lift(1 - first) * X0 + lift(first) * E
    linear = derive((now + lift(last - first) * (E - X0)).at(i)).to(
        (lift(1 - last) * X0 + lift(last) * E).at(i), by=algebra
    )
    edm = derive((X0 + lift(first) * E + lift(last - first) * E).at(i)).to((X0 + lift(last) * E).at(i), by=algebra)
    return linear.qed(), edm.qed()
