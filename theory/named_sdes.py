"""Derivations of chapter 4: the SDEs in use as cases of one schedule, the ancestral step, the score of the kernel."""

from __future__ import annotations

from concordant.theory.calculus import gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    fundamental_theorem,
    given,
    log_density,
    using,
)
from concordant.theory.kernel.terms import (
    Expr,
    Point,
    const,
    coords,
    d_dt,
    function,
    grad,
    lift,
    log,
    over_time,
    scalar,
    vector,
)
from concordant.theory.sde import TRANSITION, Kernels

alpha, sigma = function("α", positive=True), function("σ", positive=True)
a, s = lift(alpha(t)), lift(sigma(t))
rate = d_dt(log(a), t)


def diffusion(variance: Expr, slope: Expr = rate) -> Expr:
    """g² = (σ²)' - 2 (log α)' σ² for a variance σ²."""
    return d_dt(variance, t) - 2 * slope * variance


@derivation("named-sdes")
def named_sdes() -> tuple[Theorem, ...]:
    """Put α² + σ² = 1, σ = 1 - α² or α = 1 into f = (log α)' and g² = (σ²)' - 2fσ²."""
    vp = derive(diffusion(1 - a**2)).to(-2 * rate, by=algebra)
    sub_vp = derive(diffusion((1 - a**2) ** 2)).to(-2 * rate * (1 - a**4), by=algebra)
    steepness = const("κ")
    geometric = given("log σ is a straight line in t", d_dt(log(s), t), lift(steepness))
    ve = (
        derive(d_dt(s**2, t))
        .to(2 * s**2 * d_dt(log(s), t), by=algebra)
        .to(2 * s**2 * lift(steepness), by=using(geometric.inside(lambda e: 2 * s**2 * e)))
    )
    low, high = const("β₀"), const("β₁")
    integral_of_beta = lift(low * t + (high - low) * t**2 / 2)
    linear = derive(d_dt(integral_of_beta, t)).to(lift(low + (high - low) * t), by=algebra)
    return vp.qed(), sub_vp.qed(), ve.qed(), linear.qed()


@derivation("pure-noise-in-finite-time")
def pure_noise() -> tuple[Theorem, ...]:
    """For α = 1 - t and σ = t both coefficients have the factor 1/(1 - t); and ∫f is log α, whatever the schedule."""
    left = lift(1 - t)
    drift = derive(d_dt(log(left), t)).to(-1 / left, by=algebra)
    noise = derive(diffusion(lift(t) ** 2, -1 / left)).to(2 * lift(t) / left, by=algebra)
    end = const("T", positive=True)
    a0, a_end = (log(lift(alpha(when))) for when in (0, end))
    whole = derive(over_time(d_dt(log(a), t), t, 0, end)).to(
        a_end - a0, by=using(fundamental_theorem(log(a), t, 0, end), text="the fundamental theorem of calculus")
    )
    return drift.qed(), noise.qed(), whole.qed()


@derivation("ancestral-step", notation={**TRANSITION, "ε": "ε"})
def ancestral_step() -> tuple[Theorem, ...]:
    """Put x̂_0 = (x_t - σ_t ε̂)/α_t into the posterior's mean; on a variance-preserving schedule σ²_{t|s} = 1 - α²_{t|s}."""
    c = Kernels()
    noise = vector("ε")(c.later)
    clean = (coords(c.later) - lift(c.s_t) * noise) / lift(c.a_t)
    told = definition("x̂", (c.later,), clean.at(i), (i,))
    guess = vector("x̂")(c.later)
    mean = derive(c.mean(guess).at(i)).to(
        (lift(c.a_s / c.a_t) * (coords(c.later) - lift(c.step / c.s_t) * noise)).at(i), by=told
    )
    preserving = derive(lift((1 - c.a_t**2) - c.ratio**2 * (1 - c.a_s**2))).to(lift(1 - c.ratio**2), by=algebra)
    return mean.qed(), preserving.qed()


@derivation("kernel-score", notation={"q": "q_t|"})
def kernel_score() -> tuple[Theorem, ...]:
    """The logarithm of a Gaussian is a quadratic."""
    x0 = Point("x0")
    q = scalar("q")(x, x0, t)
    gauss = log_density("q", (x, x0, t), gaussian(coords(x), a * coords(x0), sigma(t) ** 2))
    by_point = derive(grad(log(q), x).at(i)).to(((a * coords(x0) - coords(x)) / s**2).at(i), by=gauss)
    noise = Point("ε")
    there = derive(((a * coords(x0) - (a * coords(x0) + s * coords(noise))) / s**2).at(i)).to(
        (-coords(noise) / s).at(i), by=algebra
    )
    return by_point.qed(), there.qed()
