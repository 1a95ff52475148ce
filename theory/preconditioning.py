"""Derivations of preconditioning: scales that keep the variances of a network's input and target at 1, for any schedule."""

from __future__ import annotations

import sympy as sp

from concordant.theory.calculus import gaussian, i, x
from concordant.theory.derivation import derivation
from concordant.theory.energies import X0, Z, n, noise_is_centred, noise_is_unit, p0, x0, z
from concordant.theory.kernel.rules import Theorem, algebra, derive, given, log_density, normalised, using
from concordant.theory.kernel.terms import (
    DIM,
    Expr,
    Vec,
    const,
    contract,
    coords,
    dot,
    grad,
    integral,
    lift,
    log,
    norm2,
    scalar,
    vector,
)

alpha, sigma, spread = (const(name, positive=True) for name in ("α_t", "σ_t", "σ_d"))
R = alpha**2 * spread**2 + sigma**2
SKIP, OUT, IN = alpha * spread**2 / R, sigma * spread / sp.sqrt(R), 1 / sp.sqrt(R)
NOTATION = {"n": "N"}


def noised(c: sp.Expr, s: sp.Expr) -> Vec:
    """c x_0 + s z."""
    return lift(c) * X0 + lift(s) * Z


def second_moment(c: sp.Expr, s: sp.Expr) -> Theorem:
    """E|c x_0 + s z|² = D (c² σ_d² + s²), for data of mean 0 and variance σ_d² in each coordinate on average."""
    power = given("the data have the variance σ_d² on average", integral(p0 * norm2(X0), x0), lift(DIM * spread**2))
    unit, centred = noise_is_unit(), noise_is_centred()
    return (
        derive(integral(n * p0 * norm2(noised(c, s)), z, x0))
        .to(
            lift(c**2) * integral(n, z) * integral(p0 * norm2(X0), x0)
            + 2 * lift(c * s) * integral(p0 * contract(lambda j: X0.at(j) * integral(n * Z.at(j), z)), x0)
            + lift(s**2) * integral(n * norm2(Z), z) * integral(p0, x0),
            by=algebra,
        )
        .to(
            lift(c**2) * integral(p0 * norm2(X0), x0) + lift(s**2 * DIM),
            by=using(
                centred.inside(lambda e: 2 * lift(c * s) * integral(p0 * contract(lambda j: X0.at(j) * e), x0)),
                unit.inside(lambda e: lift(s**2) * e * integral(p0, x0)),
                text="the moments of the noise",
            )
            & normalised("n", "p0"),
        )
        .to(lift(DIM * (c**2 * spread**2 + s**2)), by=power.inside(lambda e: lift(c**2) * e))
    ).qed()


@derivation("edm-preconditioning", notation=NOTATION)
def edm_preconditioning() -> tuple[Theorem, ...]:
    """Second moments of c x_0 + s z; the one of the target is a square about its least value."""
    point, target = noised(alpha, sigma), noised((1 - SKIP * alpha) / OUT, -SKIP * sigma / OUT)
    c = const("c_x")
    of_input = second_moment(alpha * IN, sigma * IN)
    inputs = (
        derive(integral(n * p0 * norm2(lift(IN) * point), z, x0))
        .to(of_input.rhs, by=using(of_input, text="the second moment"))
        .to(DIM, by=algebra)
    )
    left = second_moment(1 - c * alpha, -c * sigma)
    residual = (
        derive(integral(n * p0 * norm2(X0 - lift(c) * point), z, x0))
        .to(left.rhs, by=using(left, text="the second moment"))
        .to(lift(DIM * (OUT**2 + R * (c - SKIP) ** 2)), by=algebra)
    )
    of_target = second_moment((1 - SKIP * alpha) / OUT, -SKIP * sigma / OUT)
    targets = (
        derive(integral(n * p0 * norm2(lift(1 / OUT) * (X0 - lift(SKIP) * point)), z, x0))
        .to(integral(n * p0 * norm2(target), z, x0), by=algebra)
        .to(of_target.rhs, by=using(of_target, text="the second moment"))
        .to(DIM, by=algebra)
    )
    return inputs.qed(), residual.qed(), targets.qed()


@derivation("edm-effective-loss", notation=NOTATION)
def edm_effective_loss() -> Theorem:
    """Take c_out out of the difference."""
    skip, out = lift(const("c_skip")), lift(const("c_out", positive=True))
    network = vector("F")(x)
    return (
        derive(norm2(skip * coords(x) + out * network - X0)).to(
            out**2 * norm2(network - (X0 - skip * coords(x)) / out), by=algebra
        )
    ).qed()


@derivation("linear-mmse", notation={"q": "q_t|", "p": "_t"})
def linear_mmse() -> tuple[Theorem, Theorem]:
    """Expand the square in c; and put the score of a Gaussian into Tweedie's formula."""
    j = scalar("q")(x, x0) * p0
    across, power, c = const("A"), const("V", positive=True), lift(const("c_x"))
    best = lift(across / power)
    of_product = given("A = E x_0·x_t", integral(j * dot(X0, coords(x)), x, x0), lift(across))
    of_square = given("V = E|x_t|²", integral(j * norm2(coords(x)), x, x0), lift(power))

    def loss(c: Expr) -> Expr:
        return integral(j * norm2(X0 - c * coords(x)), x, x0)

    least = (
        derive(loss(c))
        .to(
            loss(best)
            - 2 * (c - best) * integral(j * dot(X0, coords(x)), x, x0)
            + (c**2 - best**2) * integral(j * norm2(coords(x)), x, x0),
            by=algebra,
        )
        .to(
            loss(best) - 2 * (c - best) * lift(across) + (c**2 - best**2) * lift(power),
            by=using(
                of_product.inside(lambda e: -2 * (c - best) * e),
                of_square.inside(lambda e: (c**2 - best**2) * e),
                text="the two moments",
            ),
        )
        .to(loss(best) + lift(power) * (c - best) ** 2, by=algebra)
    )
    p = scalar("p")(x)
    law = log_density("p", (x,), gaussian(coords(x), Vec(lambda i: lift(0)), R))
    denoiser = (coords(x) + lift(sigma**2) * grad(log(p), x)) / lift(alpha)
    exact = derive(denoiser.at(i)).to((lift(SKIP) * coords(x)).at(i), by=law)
    return least.qed(), exact.qed()
