"""Derivations of the conditioning trick: what is wanted of the marginal is the posterior mean of what is known given the data."""

from __future__ import annotations

from concordant.theory.calculus import HALF, gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    log_density,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    D,
    Expr,
    Point,
    Step,
    Vec,
    const,
    coords,
    d_dt,
    function,
    grad,
    integral,
    lift,
    log,
    norm2,
    scalar,
    step,
    total,
    vector,
)

y, x0 = Point("y"), Point("x0")


def bridge(forward: Expr, before: Expr, after: Expr) -> Expr:
    """p(y | x, data) = p(x | y) p(y | data)/p(x | data): Bayes' rule given the data point."""
    return forward * before / after


@derivation("conditioning-trick", notation={"n": "q_t|", "m": "q_s|", "k": "q|", "p": "p_t", "o": "p_s"})
def conditioning_trick() -> tuple[Theorem, ...]:
    """The joint density of all that is given the data is linear in what is averaged: p_s, ∇p_t and the flux are integrals over x_0."""
    clean, forward = scalar("p0")(x0), scalar("k")(x, y)
    after, before = scalar("n")(x, x0), scalar("m")(y, x0)
    p, earlier = scalar("p")(x), scalar("o")(y)
    marginal = definition("p", (x,), integral(after * clean, x0))
    marginal_before = definition("o", (y,), integral(before * clean, x0))
    score, given_data = grad(log(p), x), grad(log(after), x)
    drift, half = vector("f")(x), lift(HALF * const("g") ** 2)
    reverse = derive(forward * earlier / p).to(
        integral(bridge(forward, before, after) * after * clean, x0) / p, by=marginal_before
    )
    slope = (
        derive(D(p, x, i))
        .to(integral(D(after, x, i) * clean, x0), by=marginal & under_integral)
        .to(integral(given_data.at(i) * after * clean, x0), by=algebra)
    ).qed()
    by_slope = using(slope.inside(lambda e: e / p), text="the derivative of the marginal density")
    scores = (
        derive(score.at(i))
        .to(D(p, x, i) / p, by=algebra)
        .to(integral(given_data.at(i) * after * clean, x0) / p, by=by_slope)
    ).qed()
    conditional = drift - half * given_data
    mass = derive(integral(after * clean, x0)).to(p, by=marginal).qed()
    velocities = (
        derive((drift - half * score).at(i))
        .to(
            (drift.at(i) * p - half * integral(given_data.at(i) * after * clean, x0)) / p,
            by=using(scores.inside(lambda e: -half * e), text="the score, as above"),
        )
        .to(
            (drift.at(i) * integral(after * clean, x0) - half * integral(given_data.at(i) * after * clean, x0)) / p,
            by=using(mass.inside(lambda e: -drift.at(i) * e / p), text="p_t is the marginal density"),
        )
        .to(integral(conditional.at(i) * after * clean, x0) / p, by=algebra)
    ).qed()
    return reverse.qed(), scores, velocities


# ------------------------------------------------------------------------------------------------ finitely many data
class Data:
    """Data points z(1) … z(N) with weights w: x_t is a mixture of as many Gaussians."""

    def __init__(self) -> None:
        self.k, self.last = step("k"), step("N")
        self.alpha, self.sigma = function("α", positive=True), function("σ", positive=True)
        self.p = scalar("p")(x, t, self.last)
        self.marginal = definition("p", (x, t, self.last), total(self.joint(self.k), self.k, 1, self.last))
        at = vector("z")(self.k)
        body = gaussian(coords(x), lift(self.alpha(t)) * at, self.sigma(t) ** 2)
        self.gauss = log_density("q", (x, self.k, t), body)

    def point(self, k: Step) -> Vec:
        return vector("z")(k)

    def joint(self, k: Step) -> Expr:
        """w_k q(x | z_k)."""
        return scalar("w")(k) * scalar("q")(x, k, t)

    def mean(self, of: Expr) -> Expr:
        """Σ_k r_k of_k with r_k = w_k q(x | z_k)/p(x)."""
        return total(of * self.joint(self.k), self.k, 1, self.last) / self.p


@derivation("finite-data-oracle", notation={"q": "q_t|", "p": "_t", "o": "p_s", "m": "q_s|", "n": "q|"})
def finite_data_oracle() -> tuple[Theorem, ...]:
    """The derivative of each Gaussian is linear in its centre; sums are differentiated term by term."""
    d = Data()
    X, z, k = coords(x), d.point(d.k), d.k
    a, s = lift(d.alpha(t)), lift(d.sigma(t))
    da, ds = d_dt(d.alpha(t), t), d_dt(d.sigma(t), t)
    off = (X - a * z).at(i)
    slope = (
        derive(s**2 * D(d.p, x, i))
        .to(s**2 * total(D(d.joint(k), x, i), k, 1, d.last), by=d.marginal)
        .to(-total(off * d.joint(k), k, 1, d.last), by=d.gauss)
    ).qed()
    score = (
        derive(grad(log(d.p), x).at(i))
        .to(s**2 * D(d.p, x, i) / (s**2 * d.p), by=algebra)
        .to(-(d.mean(off) / s**2), by=using(slope.inside(lambda e: e / (s**2 * d.p)), text="the slope of the sum"))
    ).qed()
    mass = derive(total(d.joint(k), k, 1, d.last)).to(d.p, by=d.marginal).qed()
    rate = da / a
    g2 = d_dt(d.sigma(t) ** 2, t) - 2 * rate * s**2
    one_sided = da * z.at(i) + ds / s * off
    velocity = (
        derive(rate * X.at(i) - HALF * g2 * grad(log(d.p), x).at(i))
        .to(
            rate * X.at(i) + HALF * g2 / s**2 * d.mean(off),
            by=using(score.inside(lambda e: -HALF * g2 * e), text="the score, as above"),
        )
        .to(
            rate * X.at(i) * d.mean(lift(1)) + HALF * g2 / s**2 * d.mean(off),
            by=using(mass.inside(lambda e: -rate * X.at(i) * e / d.p), text="the weights sum to 1"),
        )
        .to(d.mean(one_sided), by=algebra)
    ).qed()
    return score, velocity, reverse_of_data(d), log_odds(d)


def reverse_of_data(d: Data) -> Theorem:
    """p(y | x) is the mean of the bridges."""
    forward, before = scalar("n")(x, y), scalar("m")(y, d.k)
    earlier = scalar("o")(y, d.last)
    sum_before = definition("o", (y, d.last), total(scalar("w")(d.k) * before, d.k, 1, d.last))
    bridged = d.mean(bridge(forward, before, scalar("q")(x, d.k, t)))
    return derive(forward * earlier / d.p).to(bridged, by=sum_before).qed()


def log_odds(d: Data) -> Theorem:
    """log(r_j/r_k) grows like the difference of squared distances over 2σ²."""
    j, k = step("j"), d.k
    a, s = lift(d.alpha(t)), lift(d.sigma(t))
    w = scalar("w")

    def off(n: Step) -> Expr:
        return norm2(coords(x) - a * d.point(n))

    return (
        derive(log(d.joint(j)) - log(d.joint(k)))
        .to(log(w(j)) - log(w(k)) + (off(k) - off(j)) / (2 * s**2), by=d.gauss)
        .qed()
    )
