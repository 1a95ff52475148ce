"""Derivations of sections 4.1 and 4.2: from discrete chains and single steps to stochastic differential equations."""

from __future__ import annotations

import sympy as sp

from concordant.theory.calculus import HALF, gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    fundamental_theorem,
    given,
    log_density,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    Point,
    Vec,
    const,
    coords,
    d_dt,
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

y, s, r = Point("y"), time("s"), time("r")
X, Y = coords(x), coords(y)
alpha, sigma, beta = function("α", positive=True), function("σ", positive=True), function("B")
CHAIN = {"x": "x_t", "y": "x_s", "k": "q|"}


# ------------------------------------------------------------------------------------------------ chains
@derivation("ncsn-increments", notation=CHAIN)
def ncsn_increments() -> tuple[Theorem, Theorem]:
    """The variance of an increment is the integral of its rate; and the Gaussian with that variance solves the heat equation."""
    g = function("g")
    rate = given("g² is the rate of σ²", lift(g(r) ** 2), d_dt(sigma(r) ** 2, r))
    added = sigma(t) ** 2 - sigma(s) ** 2
    whole = (
        derive(lift(added))
        .to(
            over_time(d_dt(sigma(r) ** 2, r), r, s, t),
            by=using(fundamental_theorem(sigma(r) ** 2, r, s, t).inside(lambda e: -e)),
        )
        .to(
            over_time(lift(g(r) ** 2), r, s, t),
            by=using(rate.inside(lambda e: -over_time(e, r, s, t)), text="g² is the rate of σ²"),
        )
    ).qed()
    k = scalar("k")(x, y, s, t)
    law = log_density("k", (x, y, s, t), gaussian(X, Y, added))
    solves = derive(d_dt(k, t)).to(lift(HALF) * d_dt(sigma(t) ** 2, t) * lap(k, x), by=law).qed()
    return whole, solves


@derivation("ddpm-steps", notation={**CHAIN, "B": "β", "β": "b"})
def ddpm_steps() -> tuple[Theorem, ...]:
    """√(1-b) is rationalised; the step between two times of a variance-preserving schedule solves the Fokker-Planck equation of
    the drift -½β x and the diffusion √β; and its factor is the integral of the rate."""
    b = const("β", positive=True)
    root = sp.sqrt(1 - b)
    expanded = derive(lift(root)).to(lift(1 - b / 2 - b**2 / (2 * (1 + root) ** 2)), by=algebra).qed()
    slope = d_dt(log(alpha(t)), t)
    ratio = alpha(t) / alpha(s)
    k = scalar("k")(x, y, s, t)
    law = log_density("k", (x, y, s, t), gaussian(X, lift(ratio) * Y, 1 - ratio**2))
    solves = derive(d_dt(k, t)).to(-div(k * (slope * X), x) - slope * lap(k, x), by=law).qed()
    rate = given("β is the rate of -log α²", lift(beta(r)), -2 * d_dt(log(alpha(r)), r))
    whole = (
        derive(log(lift(ratio**2)))
        .to(
            over_time(d_dt(2 * log(alpha(r)), r), r, s, t),
            by=using(fundamental_theorem(2 * log(alpha(r)), r, s, t).inside(lambda e: -e)),
        )
        .to(
            -over_time(lift(beta(r)), r, s, t),
            by=using(rate.inside(lambda e: over_time(e, r, s, t)), text="β is the rate of -log α²"),
        )
    ).qed()
    return expanded, solves, whole


# ------------------------------------------------------------------------------------------------ one step
h = time("h")
g, f = const("ς", positive=True), vector("f")
STEP = {"k": "q|", "ς": "g", "p": "p_t", "m": "p̃", "u": "f̃"}


def euler_kernel() -> Theorem:
    """∂_h N(x; y + h f(y), h g² I) = -f(y)·∇ + ½ g² Δ of it."""
    law = log_density("k", (x, y, h), gaussian(X, Y + lift(h) * f(y), h * g**2))
    k = scalar("k")(x, y, h)
    return derive(d_dt(k, h)).to(-dot(f(y), grad(k, x)) + lift(HALF * g**2) * lap(k, x), by=law).qed()


@derivation("one-step-gaussian-kernel", notation=STEP)
def one_step() -> Theorem:
    """Mean and variance grow at constant rates, and differentiating a Gaussian in them is differentiating it in space."""
    return euler_kernel()


@derivation("fokker-planck-from-steps", notation=STEP)
def marginalised_steps() -> Theorem:
    """Average the step's own equation over where it starts: drifts of different starting points average to a conditional mean."""
    k, p = scalar("k")(x, y, h), scalar("p")(y)
    after, mean = scalar("m")(x, h), vector("u")(x, h)
    density = definition("m", (x, h), integral(k * p, y))
    drift = definition("u", (x, h), integral(f(y).at(i) * k * p, y) / after, (i,))
    half = lift(HALF * g**2)
    return (
        derive(d_dt(after, h))
        .to(integral(p * d_dt(k, h), y), by=density & under_integral)
        .to(
            integral(p * (half * lap(k, x) - dot(f(y), grad(k, x))), y),
            by=using(euler_kernel().inside(lambda e: integral(p * e, y)), text="one step from y, averaged over y"),
        )
        .to(
            half * lap(after, x) - div(Vec(lambda j: integral(f(y).at(j) * k * p, y)), x),
            by=density & under_integral,
        )
        .to(-div(after * mean, x) + half * lap(after, x), by=drift & under_integral)
    ).qed()


# ------------------------------------------------------------------------------------------------ one step back
size, rate = const("h", positive=True), const("ϑ")


@derivation("reverse-kernel-by-bayes", notation={"x": "x_t", "y": "x_{t+h}", "ς": "g"})
def reverse_kernel_by_bayes() -> Theorem:
    """Complete the square in x_t: the slope of the log-density moves the centre by g² h times itself."""
    drift, score = f(y), vector("s")(y)
    var = size * g**2
    back = Y - lift(size) * (drift - lift(g**2) * score)
    left_over = lift(size) * (lift(HALF * g**2) * norm2(score) - dot(drift, score))
    return (
        derive(gaussian(Y, X + lift(size) * drift, var) + dot(score, X - Y)).to(
            gaussian(X, back, var) + left_over, by=algebra
        )
    ).qed()


@derivation(
    "gaussian-reverse-kernel",
    notation={"x": "x_t", "y": "x_{t+h}", "ς": "g", "n": "p_t", "o": "p_{t+h}", "k": "q|", "r": "q|", "ϑ": "f"},
)
def gaussian_reverse_kernel() -> tuple[Theorem, ...]:
    """Bayes' rule for Gaussians is exact; take its first order off, and what is left has h² as a factor."""
    c, centre = const("c", positive=True), vector("m")()
    a, noise = 1 + rate * size, g**2 * size
    whole = noise + a**2 * c**2
    mean = lift(noise / whole) * centre + lift(a * c**2 / whole) * Y
    n, k, o, q = (scalar(name) for name in "nkor")
    laws = (
        log_density("n", (x,), gaussian(X, centre, c**2))
        & log_density("k", (y, x), gaussian(Y, lift(a) * X, noise))
        & log_density("o", (y,), gaussian(Y, lift(a) * centre, whole))
    )
    bayes = definition("r", (x, y), k(y, x) * n(x) / o(y))
    exact = (
        derive(log(q(x, y)))
        .to(log(k(y, x)) + log(n(x)) - log(o(y)), by=bayes)
        .to(gaussian(X, mean, c**2 * noise / whole), by=laws)
    ).qed()
    rest = g**2 + 2 * rate * c**2 + rate**2 * size * c**2
    variance = derive(lift(c**2 * noise / whole)).to(lift(noise - size**2 * g**2 * rest / whole), by=algebra).qed()
    slope = lift(g**2 / c**2) * centre - lift(rate + g**2 / c**2) * Y
    second = (
        lift(((rate + g**2 / c**2) * rest - rate**2 * c**2) / whole) * Y - lift(g**2 * rest / (whole * c**2)) * centre
    )
    first = derive(mean.at(i)).to((Y + lift(size) * slope + lift(size**2) * second).at(i), by=algebra).qed()
    return exact, variance, first


@derivation("ddpm-and-euler-maruyama", notation={"x": "x_i", "β": "β_i", "ā": "ᾱ_{i-1}", "=ᾱ_i": "(1 - β)*ā"})
def ddpm_and_euler() -> tuple[Theorem, Theorem]:
    """With u = √(1-β), β = (1-u)(1+u): both differences have (1-u)² as a factor, and that is β²/(1+u)²."""
    b, before = const("β", positive=True), const("ā", positive=True)
    u, left = sp.sqrt(1 - b), 1 - (1 - b) * before
    noise = coords(Point("ε"))
    score = lift(-1 / sp.sqrt(left)) * noise
    ancestral = lift(1 / u) * (X - lift(b / sp.sqrt(left)) * noise)
    euler = X + lift(b / 2) * X + lift(b) * score
    apart = lift(b**2 * (2 + u) / (2 * u * (1 + u) ** 2)) * X - lift(b**2 / (u * (1 + u) * sp.sqrt(left))) * noise
    means = derive((ancestral - euler).at(i)).to(apart.at(i), by=algebra).qed()
    variances = derive(lift(b - b * (1 - before) / left)).to(lift(before * b**2 / left), by=algebra).qed()
    return means, variances
