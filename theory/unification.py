"""Derivations of chapter 6: the predictions are one field, and the flows one flow."""

from __future__ import annotations

from typing import Any

from concordant.theory.calculus import HALF, gaussian, i, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    exponential,
    given,
    log_density,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    DIM,
    D,
    Expr,
    Point,
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
    vector,
)

PREDICTIONS = {"p": "_t", "q": "q_t|"}
x0 = Point("x0")
alpha, sigma = function("α", positive=True), function("σ", positive=True)
a, s = lift(alpha(t)), lift(sigma(t))
da, ds = d_dt(alpha(t), t), d_dt(sigma(t), t)
P, q, p0 = scalar("p")(x, t), scalar("q")(x, x0, t), scalar("p0")(x0)
X, X0 = coords(x), coords(x0)
score = grad(log(P), x)
clean, noise = vector("x̂")(x, t), vector("ε̂")(x, t)

marginal = definition("p", (x, t), integral(q * p0, x0))
gauss = log_density("q", (x, x0, t), gaussian(X, a * X0, sigma(t) ** 2))
mean_data = definition("x̂", (x, t), integral(X0.at(i) * q * p0, x0) / P, (i,))
mean_noise = definition("ε̂", (x, t), integral((X - a * X0).at(i) / s * q * p0, x0) / P, (i,))


def noise_is_score() -> Theorem:
    """E[ε | x] = -σ ∇log p."""
    times_p = (
        derive(-s * D(P, x, i))
        .to(-s * integral(D(q, x, i) * p0, x0), by=marginal & under_integral)
        .to(integral((X - a * X0).at(i) / s * q * p0, x0), by=gauss)
    ).qed()
    return (
        derive(noise.at(i))
        .to(integral((X - a * X0).at(i) / s * q * p0, x0) / P, by=mean_noise)
        .to(-s * D(P, x, i) / P, by=using(times_p.inside(lambda e: -e / P), text="the kernel's derivative"))
        .to((-s * score).at(i), by=algebra)
    ).qed()


def data_is_score() -> Theorem:
    """E[x0 | x] = x/α + (σ²/α) ∇log p."""
    times_p = (
        derive(X.at(i) * P + s**2 * D(P, x, i))
        .to(integral(X.at(i) * q * p0 + s**2 * p0 * D(q, x, i), x0), by=marginal & under_integral)
        .to(integral(a * X0.at(i) * q * p0, x0), by=gauss)
    ).qed()
    return (
        derive(clean.at(i))
        .to(integral(a * X0.at(i) * q * p0, x0) / (a * P), by=mean_data)
        .to(
            (X.at(i) * P + s**2 * D(P, x, i)) / (a * P),
            by=using(times_p.inside(lambda e: -e / (a * P)), text="the kernel's derivative"),
        )
        .to((X / a + s**2 / a * score).at(i), by=algebra)
    ).qed()


@derivation("optimal-predictions", notation=PREDICTIONS)
def optimal_predictions() -> tuple[Theorem, ...]:
    """Each conditional mean is the score, by the derivative of the Gaussian kernel; the velocity is their combination."""
    first, second = noise_is_score(), data_is_score()
    rate = da / a
    g2 = d_dt(sigma(t) ** 2, t) - 2 * rate * s**2
    velocity = (
        derive((da * clean + ds * noise).at(i))
        .to(
            (da * (X / a + s**2 / a * score) + ds * (-s * score)).at(i),
            by=using(
                second.inside(lambda e: da * e),
                first.inside(lambda e: ds * e),
                text="both predictions in terms of the score",
            ),
        )
        .to((rate * X - HALF * g2 * score).at(i), by=algebra)
    ).qed()
    mean_v = definition("v", (x, t), integral((a * (X - a * X0) / s - s * X0).at(i) * q * p0, x0) / P, (i,))
    v = vector("v")(x, t)
    v_mean = derive(v.at(i)).to((a * noise - s * clean).at(i), by=mean_v & mean_noise & mean_data).qed()
    mean_u = definition("u", (x, t), integral((da * X0 + ds * (X - a * X0) / s).at(i) * q * p0, x0) / P, (i,))
    u_mean = (
        derive(vector("u")(x, t).at(i)).to((da * clean + ds * noise).at(i), by=mean_u & mean_noise & mean_data).qed()
    )
    together = both_predictions(first, second)
    scale = lift(1 / (alpha(t) ** 2 + sigma(t) ** 2))
    noise_of_v = (
        derive((scale * (a * v + s * X)).at(i))
        .to((scale * (a * (a * noise - s * clean) + s * X)).at(i), by=v_mean.inside(lambda e: scale * a * e))
        .to(noise.at(i), by=using(together.inside(lambda e: -scale * s * e), text="α x̂ + σ ε̂ = x"))
    ).qed()
    u = vector("u")(x, t)
    wronskian = da * s - a * ds
    score_of_u = (
        derive((a * u - da * X).at(i))
        .to((a * (da * clean + ds * noise) - da * X).at(i), by=u_mean.inside(lambda e: a * e))
        .to((-wronskian * noise).at(i), by=using(together.inside(lambda e: da * e), text="α x̂ + σ ε̂ = x"))
        .to(
            (s * wronskian * score).at(i),
            by=using(first.inside(lambda e: -wronskian * e), text="ε̂ in terms of the score"),
        )
    ).qed()
    return first, second, velocity, v_mean, u_mean, noise_of_v, score_of_u


def both_predictions(first: Theorem, second: Theorem) -> Theorem:
    """α x̂ + σ ε̂ = x."""
    return (
        derive((a * clean + s * noise).at(i))
        .to(
            (a * (X / a + s**2 / a * score) - s**2 * score).at(i),
            by=using(
                second.inside(lambda e: a * e),
                first.inside(lambda e: s * e),
                text="both predictions in terms of the score",
            ),
        )
        .to(X.at(i), by=algebra)
    ).qed()


@derivation("probability-flow-in-four-parametrisations", notation=PREDICTIONS)
def four_forms() -> tuple[Theorem, ...]:
    """Put one prediction in terms of another, starting from α' x̂ + σ' ε̂."""
    first, second = noise_is_score(), data_is_score()
    slope = da / a - ds / s
    start = (da * clean + ds * noise).at(i)
    by_noise = (da / a * X - s * slope * noise).at(i)
    by_data = (ds / s * X + a * slope * clean).at(i)
    by_score = (da / a * X + s**2 * slope * score).at(i)
    together = both_predictions(first, second)

    def said(c: Expr) -> Any:
        return using(together.inside(lambda e: c * e), text="α x̂ + σ ε̂ = x")

    noise_form = derive(start).to(by_noise, by=said(da / a)).qed()
    data_form = derive(start).to(by_data, by=said(ds / s)).qed()
    score_form = (
        derive(start)
        .to(by_noise, by=using(noise_form, text="the form in ε̂"))
        .to(by_score, by=using(first.inside(lambda e: -s * slope * e), text="ε̂ in terms of the score"))
    ).qed()
    g2 = d_dt(sigma(t) ** 2, t) - 2 * da / a * s**2
    drift_form = (
        derive(start)
        .to(by_score, by=using(score_form, text="the form in the score"))
        .to((da / a * X - HALF * g2 * score).at(i), by=algebra)
    ).qed()
    return noise_form, data_form, score_form, drift_form


@derivation("conjugate-flows", notation={"=c(t)": "α(t) + σ(t)", "=τ(t)": "σ(t)/(α(t) + σ(t))"})
def conjugate_flows() -> tuple[Theorem, ...]:
    """x_t = c x_τ^FM with c = α + σ and τ = σ/c: the product rule, first for one path, then for the conditional means."""
    data, eps = coords(x0), coords(Point("ε"))
    clock = sigma(t) / (alpha(t) + sigma(t))
    sum_ = lift(alpha(t) + sigma(t))
    path = lift(1 - clock) * data + lift(clock) * eps
    moved = a * data + s * eps
    one = derive(moved.at(i)).to((sum_ * path).at(i), by=algebra).qed()
    d_sum, d_clock = d_dt(alpha(t) + sigma(t), t), d_dt(clock, t)
    two = (derive(d_dt(moved.at(i), t)).to((d_sum * path + sum_ * d_clock * (eps - data)).at(i), by=algebra)).qed()
    together = given("x̂ and ε̂ are predictions at x = α x_0 + σ ε", (a * clean + s * noise).at(i), X.at(i))
    marginal_ = (
        derive((da * clean + ds * noise).at(i)).to(
            (d_sum / sum_ * X + sum_ * d_clock * (noise - clean)).at(i),
            by=using(together.inside(lambda e: d_sum / sum_ * e), text="α x̂ + σ ε̂ = x"),
        )
    ).qed()
    kernel = gaussian(X, a * X0, sigma(t) ** 2)
    at_scale = gaussian(X / sum_, lift(1 - clock) * X0, clock**2)
    scaled = derive(kernel).to(at_scale - lift(DIM) * log(sum_), by=algebra).qed()
    return one, two, marginal_, scaled


PROCESSES = {"q1": "q₁|", "q2": "q₂|", "p1": "p₁", "p2": "p₂", "e1": "ε̂₁", "e2": "ε̂₂"}


@derivation("common-marginals", notation=PROCESSES)
def common_marginals() -> tuple[Theorem, ...]:
    """At the same ratio α/σ a point of one process is a point of the other, rescaled; so are the kernels
    and the marginals, and the noise that is predicted there is the same."""
    a1, s1, a2 = (const(name, positive=True) for name in ("α₁", "σ₁", "α₂"))
    ratio = a2 / a1
    s2 = ratio * s1  # the same λ = log(α/σ)
    data, eps = coords(x0), coords(Point("ε"))
    points = derive((lift(ratio) * (lift(a1) * data + lift(s1) * eps)).at(i)).to(
        (lift(a2) * data + lift(s2) * eps).at(i), by=algebra
    )
    one = gaussian(X, lift(a1) * X0, s1**2)
    other = gaussian(lift(ratio) * X, lift(a2) * X0, s2**2)
    kernels = derive(one).to(other + lift(DIM) * log(lift(a2) / lift(a1)), by=algebra)
    return points.qed(), kernels.qed(), *same_noise(lift(ratio), (a1, s1), (a2, s2))


def same_noise(c: Expr, first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Theorem, Theorem]:
    """The density of the second process at c x is that of the first at x over c^D, and the noise that it predicts is the same.

    p2, q2 and e2 are taken at c x.
    """
    clean_law = scalar("p0")(x0)
    named: list[Reason] = []
    parts: list[tuple[Expr, Expr, Expr]] = []
    for n, place, (a_, s_) in (("1", X, first), ("2", c * X, second)):
        kernel, law, e = scalar(f"q{n}")(x, x0), scalar(f"p{n}")(x), vector(f"e{n}")(x)
        numerator = integral(((place - lift(a_) * X0) / lift(s_)).at(i) * kernel * clean_law, x0)
        named += [
            log_density(f"q{n}", (x, x0), gaussian(place, lift(a_) * X0, s_**2)),
            definition(f"p{n}", (x,), integral(kernel * clean_law, x0)),
            definition(f"e{n}", (x,), numerator / law, (i,)),
        ]
        parts.append((kernel, law, e.at(i)))
    (q1, p1, e1), (q2, p2, e2) = parts
    gauss1, law1, mean1, gauss2, law2, mean2 = named
    factor = scalar("k")()
    volume = log_density("k", (), lift(DIM) * log(c))
    kernels = exponential(derive(log(q1)).to(log(factor * q2), by=gauss1 & gauss2 & volume).qed())
    noise_ = ((X - lift(first[0]) * X0) / lift(first[1])).at(i)
    top = integral(noise_ * q2 * clean_law, x0)
    laws = (
        derive(p1)
        .to(integral(q1 * clean_law, x0), by=law1)
        .to(
            integral(factor * q2 * clean_law, x0),
            by=using(kernels.inside(lambda e: integral(e * clean_law, x0)), text="the kernels' ratio"),
        )
        .to(factor * p2, by=law2)
    ).qed()
    noises = (
        derive(e1)
        .to(integral(noise_ * q1 * clean_law, x0) / p1, by=mean1)
        .to(
            factor * top / p1,
            by=using(kernels.inside(lambda e: integral(noise_ * e * clean_law, x0) / p1), text="the kernels' ratio"),
        )
        .to(top / p2, by=using(laws.inside(lambda e: -top / (p1 * p2) * e), text="the marginals' ratio"))
        .to(e2, by=mean2)
    ).qed()
    return laws, noises


@derivation("loss-weights")
def loss_weights() -> tuple[Theorem, ...]:
    """Two predictions of the same point differ, in each kind, by a multiple of their difference in noise."""

    def head(mark: str) -> tuple[list[Vec], list[Reason]]:
        noise, *others = (vector(letter + mark)(x, t) for letter in "εsxvu")
        data = others[1]
        by_noise = (-(noise / s), (X - s * noise) / a, a * noise - s * data, da * data + ds * noise)
        named = [
            definition(letter + mark, (x, t), body.at(i), (i,)) for letter, body in zip("sxvu", by_noise, strict=True)
        ]
        return [noise, *others], named

    (one, ones), (two, twos) = head("\u0302"), head("\u0303")
    eps, score_, data, v, velocity = (norm2(p - q) for p, q in zip(one, two, strict=True))
    of_score, of_data, of_v, of_velocity = (a & b for a, b in zip(ones, twos, strict=True))
    norm = lift(alpha(t) ** 2 + sigma(t) ** 2)
    wronskian = da * s - a * ds
    return (
        derive(eps).to(s**2 * score_, by=of_score).qed(),
        derive(eps).to(a**2 / s**2 * data, by=of_data).qed(),
        derive(eps).to((a / norm) ** 2 * v, by=of_data & of_v).qed(),
        derive(wronskian**2 * eps).to(a**2 * velocity, by=of_data & of_velocity).qed(),
    )
