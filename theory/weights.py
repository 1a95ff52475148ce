"""Derivations about loss weights: times and weights, the loss in λ, partial costs, and the weights of published methods."""

from __future__ import annotations

from functools import reduce
from operator import and_

import sympy as sp

from concordant.theory.calculus import HALF, i, t, x
from concordant.theory.conjugacy import Circle
from concordant.theory.derivation import derivation
from concordant.theory.divergences import kl
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    fundamental_theorem,
    given,
    normalised,
    using,
)
from concordant.theory.kernel.terms import (
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
    norm2,
    over_time,
    scalar,
    time,
    vector,
)

T = const("T", positive=True)
w, m, p, r = (lift(function(name, positive=True)(t)) for name in ("w", "m", "π", "r"))


@derivation("time-sampling-is-importance-weighting", notation={"w": "ω"})
def time_sampling() -> tuple[Theorem, Theorem]:
    """Multiply and divide by the density of times; and expand the square about the mean of w r/π."""
    mean = const("I")
    unbiased = derive(over_time(p * (w / p * m), t, 0, T)).to(over_time(w * m, t, 0, T), by=algebra)
    density = given("π is a density", over_time(p, t, 0, T), 1)
    of_mean = given("I is the integral of w r", over_time(w * r, t, 0, T), mean)
    excess = (
        derive(over_time(p * (w / p * r) ** 2, t, 0, T) - lift(mean**2))
        .to(
            over_time(p * (w / p * r) ** 2, t, 0, T) - 2 * lift(mean) * over_time(w * r, t, 0, T) + lift(mean**2),
            by=of_mean.inside(lambda e: 2 * lift(mean) * e),
        )
        .to(
            over_time(p * (w / p * r) ** 2, t, 0, T)
            - 2 * lift(mean) * over_time(w * r, t, 0, T)
            + lift(mean**2) * over_time(p, t, 0, T),
            by=density.inside(lambda e: -lift(mean**2) * e),
        )
        .to(over_time(p * (w * r / p - lift(mean)) ** 2, t, 0, T), by=algebra)
    )
    return unbiased.qed(), excess.qed()


lam = function("λ")


@derivation("weighted-loss-in-lambda")
def weighted_loss_in_lambda() -> Theorem:
    """The integrand is the derivative of W(λ(t)): two fundamental theorems of calculus."""
    W, u = function("W"), time("u")
    low, high = lam(T), lam(0)
    return (
        derive(-HALF * over_time(d_dt(W(lam(t)), t), t, 0, T))
        .to(
            HALF * lift(W(high)) - HALF * lift(W(low)),
            by=fundamental_theorem(lift(W(lam(t))), t, 0, T).inside(lambda e: -HALF * e),
        )
        .to(
            HALF * over_time(d_dt(W(u), u), u, low, high),
            by=fundamental_theorem(lift(W(u)), u, low, high).inside(lambda e: -HALF * e),
        )
    ).qed()


@derivation("partial-cost-rate", notation={"q": "q", "p": "p_φ", "r": "q|", "h": "p_φ|"})
def partial_cost_rate() -> tuple[Theorem, ...]:
    """The chain rule of KL for one more step; and the same error in the two predictions, at one point."""
    y = Point("y")
    q, model, back, model_back = scalar("q")(x), scalar("p")(x), scalar("r")(y, x), scalar("h")(y, x)
    split = derive(integral(q * back * (log(q * back) - log(model * model_back)), x, y)).to(
        kl(q, model, x) + integral(q * kl(back, model_back, y), x), by=normalised("r")
    )
    data, eps, guess = coords(Point("x0")), coords(Point("ε")), coords(Point("ε̂"))
    a, s = lift(const("α_t", positive=True)), lift(const("σ_t", positive=True))
    before = lift(const("SNR_s", positive=True))
    snr = (a / s) ** 2
    clean = (a * data + s * eps - s * guess) / a
    step = derive(HALF * (before - snr) * norm2(data - clean)).to(
        HALF * (before / snr - 1) * norm2(guess - eps), by=algebra
    )
    alpha, sigma = function("α", positive=True), function("σ", positive=True)
    a, s = lift(alpha(t)), lift(sigma(t))
    clean = (a * data + s * eps - s * guess) / a
    ratio = lift(alpha(t) ** 2 / sigma(t) ** 2)
    rate = derive(HALF * d_dt(ratio, t) * norm2(data - clean)).to(
        HALF * d_dt(log(ratio), t) * norm2(guess - eps), by=algebra
    )
    return split.qed(), step.qed(), rate.qed()


@derivation("weighting-by-parts", notation={"w": "ω"})
def weighting_by_parts() -> tuple[Theorem, Theorem]:
    """The fundamental theorem for ω(λ(t)) L(t), and for ω(λ(t))."""
    weight, L = function("w", positive=True), function("L")
    at, cost = lift(weight(lam(t))), lift(L(t))
    first, last = lift(weight(lam(0))), lift(weight(lam(1)))
    rising = d_dt(at, t)
    parts = (
        derive(-over_time(at * d_dt(cost, t), t, 0, 1))
        .to(over_time(rising * cost, t, 0, 1) - over_time(d_dt(at * cost, t), t, 0, 1), by=algebra)
        .to(
            over_time(rising * cost, t, 0, 1) + first * lift(L(0)) - last * lift(L(1)),
            by=fundamental_theorem(at * cost, t, 0, 1).inside(lambda e: -e),
        )
    )
    mass = derive(over_time(rising, t, 0, 1) + first).to(last, by=fundamental_theorem(at, t, 0, 1))
    return parts.qed(), mass.qed()


# ------------------------------------------------------------------------------------------------ published methods
def pair(alpha: Expr, sigma: Expr, kind: str) -> tuple[Expr, Expr, Reason]:
    """The squared differences of two predictions, in noise and as a kind: clean data x, v, or the linear velocity u."""
    eps, other, reasons = list[Vec](), list[Vec](), list[Reason]()
    for mark in ("\u0302", "\u0303"):
        noise, clean, head = (vector(letter + mark)(x, t) for letter in ("ε", "x", kind))
        body = {"v": alpha * noise - sigma * clean, "u": noise - clean}
        reasons.append(definition("x" + mark, (x, t), ((coords(x) - sigma * noise) / alpha).at(i), (i,)))
        if kind in body:
            reasons.append(definition(kind + mark, (x, t), body[kind].at(i), (i,)))
        eps.append(noise)
        other.append(head)
    return norm2(eps[0] - eps[1]), norm2(other[0] - other[1]), reduce(and_, reasons)


@derivation("published-weights")
def published_weights() -> tuple[Theorem, ...]:
    """Convert each head to noise, and its uniform clock to λ, whose slope is negative: dt = -dλ/|λ'|."""
    eps, u, by = pair(lift(1 - t), lift(t), "u")
    slope = d_dt(log(lift(1 - t)) - log(lift(t)), t)
    linear = derive(u).to(-slope * lift(t / (1 - t)) * eps, by=by)
    c, rate = Circle(), lift(const("ν", positive=True))
    steady = given("θ turns at the rate ν", c.speed, rate)
    eps, v, by = pair(c.cos, c.sin, "v")
    slope = d_dt(log(c.cos) - log(c.sin), t)
    circle = (
        derive(v)
        .to((c.cos**2 + c.sin**2) ** 2 / c.cos**2 * eps, by=by)
        .to(
            (c.cos**2 + c.sin**2) / c.cos**2 * eps,
            by=c.unit.inside(lambda e: e * (c.cos**2 + c.sin**2) / c.cos**2 * eps),
        )
        .to(
            -slope * c.sin / (rate * c.cos) * eps,
            by=using(
                c.d_cos.inside(lambda e: e / c.cos * c.sin / (rate * c.cos) * eps),
                c.d_sin.inside(lambda e: -e / (rate * c.cos) * eps),
                steady.inside(lambda e: -e / rate * (c.cos**2 + c.sin**2) / c.cos**2 * eps),
                text="the derivatives of cos and sin, and the rate",
            ),
        )
    )
    sigma, s = function("σ", positive=True), const("σ_d", positive=True)
    eps, clean, by = pair(lift(1), lift(sigma(t)), "x")
    spread = lift(sigma(t) ** 2 + s**2)
    edm = derive(spread / lift(sigma(t) * s) ** 2 * clean).to(spread / lift(s**2) * eps, by=by)
    return linear.qed(), circle.qed(), edm.qed()


@derivation("logit-normal-times")
def logit_normal_times() -> tuple[Theorem, ...]:
    """The odds t/(1 - t) of the shifted time are s times those of t; and the derivative of their logarithm is 1/(t(1 - t))."""
    s = const("ς", positive=True)
    shifted = s * t / (1 + (s - 1) * t)
    odds = derive(lift(shifted / (1 - shifted))).to(lift(s * t / (1 - t)), by=algebra)
    logit = derive(log(lift(s * t / (1 - t)))).to(log(lift(t)) - log(lift(1 - t)) + log(lift(s)), by=algebra)
    slope = derive(d_dt(log(lift(t)) - log(lift(1 - t)), t)).to(lift(1 / (t * (1 - t))), by=algebra)
    return odds.qed(), logit.qed(), slope.qed()


@derivation("zero-terminal-snr")
def zero_terminal_snr() -> tuple[Theorem, ...]:
    """An affine map of √ᾱ, written about its first value: the rest is all of it at the last."""
    first, last, here, before = (const(name, positive=True) for name in ("a_1", "a_L", "a_k", "a_j"))

    def moved(a: sp.Expr) -> Expr:
        return lift((a - last) * first / (first - last))

    kept = derive(moved(first)).to(lift(first), by=algebra)
    gone = derive(moved(here)).to(lift(first) - lift(first * (first - here) / (first - last)), by=algebra)
    order = derive(moved(before) - moved(here)).to(lift(first / (first - last)) * lift(before - here), by=algebra)
    return kept.qed(), gone.qed(), order.qed()
