"""Derivations of chapter 3: scores, and the losses that have them as their minimisers."""

from __future__ import annotations

from concordant.theory.calculus import HALF, gaussian
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    independent,
    log_density,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    D,
    Expr,
    Index,
    Point,
    Vec,
    const,
    coords,
    delta,
    div,
    dot,
    grad,
    integral,
    lap,
    lift,
    log,
    norm2,
    scalar,
    vector,
)

CONDITIONAL = {"q": "|"}
x, x0, i, j = Point("x"), Point("x0"), Index("i"), Index("j")
p, p0, q = scalar("p"), scalar("p0"), scalar("q")
joint = q(x, x0) * p0(x0)
marginal = definition("p", (x,), integral(joint, x0))
score, kernel_score = grad(log(p(x)), x), grad(log(q(x, x0)), x)


@derivation("score-needs-no-normalisation", notation={"h": "p̃"})
def no_normalisation() -> Theorem:
    """The logarithm of the constant is a constant."""
    unnormalised, z = scalar("h")(x), const("Z", positive=True)
    return derive(grad(log(unnormalised / lift(z)), x).at(i)).to(grad(log(unnormalised), x).at(i), by=algebra).qed()


@derivation("langevin-stationarity")
def langevin_stationarity() -> Theorem:
    """Put the drift ∇log p into the Fokker-Planck equation at p: what is left is (ς²/2 - 1) Δp, zero for ς² = 2."""
    s = const("ς", positive=True)
    half = lift(HALF * s**2)
    return (
        derive(-div(p(x) * score, x) + half * lap(p(x), x))
        .to(-div(grad(p(x), x), x) + half * lap(p(x), x), by=algebra)
        .to(lift(HALF * s**2 - 1) * lap(p(x), x), by=algebra)
    ).qed()


@derivation("implicit-score-matching")
def implicit_score_matching() -> Theorem:
    """Expand the square; the divergence theorem for p s turns the cross term into the mean of the divergence."""
    s = vector("s")(x)
    parts = divergence_theorem(p(x) * s, x)
    cross = (
        derive(-integral(p(x) * dot(s, score), x))
        .to(-integral(dot(s, grad(p(x), x)), x), by=algebra)
        .to(integral(p(x) * div(s, x), x), by=using(parts.inside(lambda e: -e)))
    ).qed()
    implicit = integral(p(x) * (div(s, x) + HALF * norm2(s)), x)
    explicit = HALF * integral(p(x) * norm2(s - score), x)
    gap = (
        derive(explicit - implicit)
        .to(
            HALF * integral(p(x) * norm2(s), x)
            - integral(p(x) * dot(s, score), x)
            + HALF * integral(p(x) * norm2(score), x)
            - implicit,
            by=algebra,
        )
        .to(HALF * integral(p(x) * norm2(score), x), by=using(cross, text="integration by parts, as above"))
    ).qed()
    return independent(gap, "s")


def cross_term(s: Vec) -> Theorem:
    """E s·∇log p = E s·∇log q: the field sees the kernel's score only through its mean."""
    return (
        derive(integral(p(x) * dot(s, score), x))
        .to(integral(dot(s, grad(p(x), x)), x), by=algebra)
        .to(integral(dot(s, grad(integral(joint, x0), x)), x), by=marginal & under_integral)
        .to(integral(integral(dot(s, p0(x0) * grad(q(x, x0), x)), x0), x), by=under_integral)
        .to(integral(joint * dot(s, kernel_score), x, x0), by=algebra)
    ).qed()


# The score under a name of its own, so that the density inside it stays closed while the one before it is written out.
g = vector("g")(x)
named = definition("g", (x,), score.at(i), (i,))


def cross_with(s: Vec) -> Theorem:
    """E s·g = E s·∇log q."""
    start = derive(integral(p(x) * dot(s, g), x)).to(integral(p(x) * dot(s, score), x), by=named)
    return start.to(integral(joint * dot(s, kernel_score), x, x0), by=using(cross_term(s), text="the cross term")).qed()


def square(s: Vec) -> Theorem:
    """E|s|², over the marginal and over the joint density."""
    return derive(integral(p(x) * norm2(s), x)).to(integral(joint * norm2(s), x, x0), by=marginal).qed()


@derivation("denoising-score-matching", notation=CONDITIONAL)
def denoising_score_matching() -> Theorem:
    """Expand both squares: the terms with the field are equal, and what is left is the spread of the kernel's score."""
    s = vector("s")(x)
    explicit = HALF * integral(p(x) * norm2(s - score), x)
    denoising = HALF * integral(joint * norm2(s - kernel_score), x, x0)
    gap = (
        derive(explicit - denoising)
        .to(
            HALF * integral(p(x) * norm2(score), x) - HALF * integral(joint * norm2(kernel_score), x, x0),
            by=using(
                square(s).inside(lambda e: HALF * e),
                cross_term(s).inside(lambda e: -e),
                text="the terms with the field are equal",
            ),
        )
        .to(HALF * integral(p(x) * norm2(g), x) - HALF * integral(joint * norm2(kernel_score), x, x0), by=named)
        .to(
            -HALF * integral(joint * norm2(kernel_score - g), x, x0),
            by=using(
                cross_with(g), square(g).inside(lambda e: -HALF * e), text="the same for the field ∇log p in place of s"
            ),
        )
        .to(-HALF * integral(joint * norm2(kernel_score - score), x, x0), by=named)
    ).qed()
    return independent(gap, "s")


@derivation("marginal-score-is-posterior-mean", notation=CONDITIONAL)
def marginal_score() -> tuple[Theorem, Theorem]:
    """Differentiate the marginal under the integral, and divide by it; or take the mean against any field."""
    times_p = (
        derive(D(p(x), x, i))
        .to(integral(p0(x0) * D(q(x, x0), x, i), x0), by=marginal & under_integral)
        .to(integral(joint * kernel_score.at(i), x0), by=algebra)
    ).qed()
    mean = (
        derive(score.at(i))
        .to(D(p(x), x, i) / p(x), by=algebra)
        .to(
            integral(joint * kernel_score.at(i), x0) / p(x),
            by=using(times_p.inside(lambda e: e / p(x)), text="as above"),
        )
    ).qed()
    return mean, cross_term(vector("s")(x))


@derivation("dsm-minimiser", notation=CONDITIONAL)
def dsm_minimiser() -> Theorem:
    """The denoising loss exceeds its value at ∇log p by E|s - ∇log p|²: the cross terms are those with ∇log p."""
    s = vector("s")(x)

    def loss(s: Vec) -> Expr:
        return integral(joint * norm2(s - kernel_score), x, x0)

    return (
        derive(loss(s) - loss(score))
        .to(loss(s) - loss(g), by=named)
        .to(
            integral(p(x) * norm2(s - g), x),
            by=using(
                square(s).inside(lambda e: -e),
                square(g),
                cross_with(s).inside(lambda e: 2 * e),
                cross_with(g).inside(lambda e: -2 * e),
                text="the squares over the joint density, and the cross terms of s and of ∇log p",
            ),
        )
        .to(integral(p(x) * norm2(s - score), x), by=named)
    ).qed()


# ------------------------------------------------------------------------------------------------ Tweedie
a, sg = const("α"), const("σ", positive=True)
X, X0 = coords(x), coords(x0)
gauss = log_density("q", (x, x0), gaussian(X, lift(a) * X0, sg**2))


def times_density(i: Index) -> Theorem:
    """x p + σ² ∇p = ∫ α x0 q p0 dx0."""
    return (
        derive(X.at(i) * p(x) + lift(sg**2) * D(p(x), x, i))
        .to(
            integral(X.at(i) * joint + lift(sg**2) * p0(x0) * D(q(x, x0), x, i), x0),
            by=marginal & under_integral,
        )
        .to(integral(lift(a) * X0.at(i) * joint, x0), by=gauss)
    ).qed()


def tweedie_at(i: Index) -> Theorem:
    """x + σ² ∇log p = E[α x0 | x]."""
    return (
        derive(X.at(i) + lift(sg**2) * score.at(i))
        .to((X.at(i) * p(x) + lift(sg**2) * D(p(x), x, i)) / p(x), by=algebra)
        .to(
            integral(lift(a) * X0.at(i) * joint, x0) / p(x),
            by=using(times_density(i).inside(lambda e: e / p(x)), text="as above"),
        )
    ).qed()


@derivation("tweedie", notation=CONDITIONAL)
def tweedie() -> Theorem:
    """For a Gaussian kernel σ²∇q = (αx0 - x) q; integrate against the data, and divide by the marginal."""
    return tweedie_at(i)


@derivation("tweedie-second-order", notation=CONDITIONAL)
def tweedie_second_order() -> Theorem:
    """The second derivatives of a Gaussian kernel give the second moment of αx0; take off the product of the means."""
    second = (
        derive(integral(lift(a**2) * X0.at(i) * X0.at(j) * joint, x0))
        .to(
            integral(
                (
                    X.at(i) * X.at(j) * q(x, x0)
                    + lift(sg**2) * (X.at(i) * D(q(x, x0), x, j) + X.at(j) * D(q(x, x0), x, i))
                    + lift(sg**2) * delta(i, j) * q(x, x0)
                    + lift(sg**4) * D(D(q(x, x0), x, j), x, i)
                )
                * p0(x0),
                x0,
            ),
            by=gauss,
        )
        .to(
            X.at(i) * X.at(j) * p(x)
            + lift(sg**2) * (X.at(i) * D(p(x), x, j) + X.at(j) * D(p(x), x, i))
            + lift(sg**2) * delta(i, j) * p(x)
            + lift(sg**4) * D(D(p(x), x, j), x, i),
            by=marginal & under_integral,
        )
    ).qed()
    moment = integral(lift(a**2) * X0.at(i) * X0.at(j) * joint, x0) / p(x)
    mean_i, mean_j = tweedie_at(i), tweedie_at(j)
    return (
        derive(moment - mean_i.rhs * mean_j.rhs)
        .to(
            second.rhs / p(x) - mean_i.rhs * mean_j.rhs,
            by=using(second.inside(lambda e: e / p(x)), text="the second moment, as above"),
        )
        .to(
            second.rhs / p(x) - mean_i.lhs * mean_j.rhs,
            by=using(mean_i.inside(lambda e: e * mean_j.rhs), text="Tweedie's formula, for coordinate i"),
        )
        .to(
            second.rhs / p(x) - mean_i.lhs * mean_j.lhs,
            by=using(mean_j.inside(lambda e: mean_i.lhs * e), text="Tweedie's formula, for coordinate j"),
        )
        .to(lift(sg**2) * delta(i, j) + lift(sg**4) * D(D(log(p(x)), x, j), x, i), by=algebra)
    ).qed()
