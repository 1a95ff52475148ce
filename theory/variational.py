"""Derivations of chapter 2: the evidence lower bound, and DDPM."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import gaussian, i
from concordant.theory.derivation import derivation
from concordant.theory.divergences import kl
from concordant.theory.kernel.rules import (
    Chain,
    Reason,
    Theorem,
    algebra,
    averaged,
    defined,
    definition,
    derive,
    empty_sum,
    exponential,
    independent,
    induction,
    instance,
    jensen,
    last_term,
    log_density,
    normalised,
    using,
)
from concordant.theory.kernel.terms import (
    At,
    Expr,
    Mul,
    Path,
    Point,
    Step,
    const,
    coords,
    expect,
    integral,
    lift,
    log,
    product,
    scalar,
    step,
    total,
)

LATENT = {"ℓ": "p_φ|", "p": "p_φ", "q": "|", "r": "p_φ|"}
CONDITIONED = {"x": "x_i", "y": "x_{i-1}", "m": "q|", "r": "q|", "b": "q|", "f": "p_φ|", "p": "q", "n": "q|", "q": "|"}
DDPM = {
    **{"x": "x_i", "y": "x_{i-1}", "β": "β_i", "ā": "ᾱ_{i-1}", "q": "|", "m": "q|", "n": "q|", "r": "q|"},
    **{"=α_i": "1 - β", "=ᾱ_i": "(1 - β)*ā"},
}
x, y, z, x0 = (Point(name) for name in ("x", "y", "z", "x0"))


# ------------------------------------------------------------------------------------------------ one latent variable
def latent() -> tuple[Any, ...]:
    """Likelihood p(x|z), prior π(z), encoder q(z|x), and the evidence p(x) := ∫ p(x|z) π(z) dz."""
    likelihood, prior, encoder = scalar("ℓ")(x, z), scalar("π0")(z), scalar("q")(z, x)
    evidence = definition("p", (x,), integral(likelihood * prior, z))
    bound = integral(encoder * log(likelihood), z) - kl(encoder, prior, z)
    return likelihood, prior, encoder, scalar("p")(x), evidence, bound


@derivation("elbo", notation=LATENT)
def elbo() -> Theorem:
    """Write the evidence as a mean under the encoder and put the logarithm inside: Jensen's inequality."""
    likelihood, prior, encoder, p, evidence, bound = latent()
    ratio = likelihood * prior / encoder
    mean = derive(p).to(integral(Mul((encoder, ratio)), z), by=evidence).qed()
    return (
        derive(log(p))
        .to(integral(Mul((encoder, log(ratio))), z), by=jensen(lambda e: integral(Mul((encoder, e)), z), ratio, mean))
        .to(bound, by=algebra)
    ).qed()


@derivation("elbo-gap-is-inference-error", notation=LATENT)
def inference_error() -> Theorem:
    """Put Bayes' rule for p(z|x) into the divergence: all but log p(x) is the bound."""
    likelihood, prior, encoder, p, _, bound = latent()
    bayes = definition("r", (z, x), likelihood * prior / p)
    return (
        derive(log(p) - bound)
        .to(integral(encoder * log(p), z) - bound, by=normalised("q"))
        .to(kl(encoder, scalar("r")(z, x), z), by=bayes)
    ).qed()


# ------------------------------------------------------------------------------------------------ conditioning on data
def conditioned() -> tuple[Any, ...]:
    """x0 ~ p0, x_i ~ m(·|x0), x_{i-1} ~ r(·|x_i, x0); the law of x_i, and that of x_{i-1} given x_i alone."""
    p0, m, r = scalar("p0")(x0), scalar("m")(x, x0), scalar("r")(y, x, x0)
    law = definition("p", (x,), integral(m * p0, x0))
    reverse = definition("b", (y, x), integral(r * m * p0, x0) / scalar("p")(x))
    return p0, m, r, scalar("p")(x), scalar("b")(y, x), law, reverse


def conditional_kl(p0: Expr, m: Expr, r: Expr, f: Expr) -> Expr:
    """E_{x0} E_{x_i|x0} KL(r(·|x_i, x0) ‖ f(·|x_i))."""
    return integral(p0 * m * (log(r) - log(f)) * r, x0, x, y)


@derivation("marginal-and-conditional-kl", notation=CONDITIONED)
def marginal_and_conditional() -> Theorem:
    """The model enters both divergences through the same cross term, since b p = ∫ r m p0 dx0."""
    p0, m, r, p, b, _, reverse = conditioned()
    f = scalar("f")(y, x)
    gap = (
        derive(integral(p * b * (log(b) - log(f)), x, y) - conditional_kl(p0, m, r, f)).to(
            integral(p * b * log(b), x, y) - integral(p0 * m * r * log(r), x0, x, y), by=reverse
        )
    ).qed()
    return independent(gap, "f")


@derivation("reverse-kernel-minimiser", notation=CONDITIONED)
def reverse_kernel_minimiser() -> tuple[Theorem, ...]:
    """The excess over the mixture kernel is a divergence, hence not negative; and by Bayes the mixture is the reverse kernel."""
    p0, m, r, p, b, _, reverse = conditioned()
    f = scalar("f")(y, x)
    ratio = f / b
    mean = derive(lift(1)).to(integral(f, y), by=normalised("f")).to(integral(Mul((b, ratio)), y), by=algebra).qed()
    gibbs = (
        derive(log(1)).to(integral(Mul((b, log(ratio))), y), by=jensen(lambda e: integral(Mul((b, e)), y), ratio, mean))
    ).qed()
    inner = derive(0).to(integral(b * (log(f) - log(b)), y), by=gibbs).qed()
    outer = averaged(inner, p, x)
    excess = derive(conditional_kl(p0, m, r, f) - conditional_kl(p0, m, r, b)).to(
        integral(p * b * (log(b) - log(f)), x, y), by=reverse
    )
    least = (
        derive(integral(p * b * (log(b) - log(f)), x, y)).to(
            0, by=using(outer, text="Gibbs' inequality, averaged over x")
        )
    ).qed()
    q, before = scalar("q")(x, y), scalar("n")(y, x0)
    posterior = definition("r", (y, x, x0), q * before / m)
    bayes = (
        derive(b).to(integral(r * m * p0, x0) / p, by=reverse).to(q * integral(before * p0, x0) / p, by=posterior)
    ).qed()
    return excess.qed(), least, bayes


# ------------------------------------------------------------------------------------------------ DDPM
def ddpm_coefficients() -> tuple[Any, ...]:
    """β_i, ᾱ_{i-1}, ᾱ_i, and the posterior's mean (coefficients of x_0 and x_i) and variance."""
    beta, before = const("β", positive=True), const("ā", positive=True)
    here = (1 - beta) * before
    on_data = sp.sqrt(before) * beta / (1 - here)
    on_noisy = sp.sqrt(1 - beta) * (1 - before) / (1 - here)
    return beta, before, here, on_data, on_noisy, beta * (1 - before) / (1 - here)


def ddpm_kernels() -> Reason:
    """q(x_i|x_{i-1}), m(x_{i-1}|x_0) and n(x_i|x_0): a step, and the kernels before and after it."""
    beta, before, here, *_ = ddpm_coefficients()
    noisy, prev, data = Point("x"), Point("y"), Point("x0")
    return (
        log_density("q", (noisy, prev), gaussian(coords(noisy), lift(sp.sqrt(1 - beta)) * coords(prev), beta))
        & log_density("m", (prev, data), gaussian(coords(prev), lift(sp.sqrt(before)) * coords(data), 1 - before))
        & log_density(
            "n",
            (noisy, data),
            gaussian(coords(noisy), lift(sp.sqrt(before) * sp.sqrt(1 - beta)) * coords(data), 1 - here),
        )
    )


@derivation("ddpm-posterior", notation=DDPM)
def ddpm_posterior() -> Theorem:
    """Bayes' rule for three Gaussians: complete the square in x_{i-1}."""
    *_, on_data, on_noisy, variance = ddpm_coefficients()
    noisy, prev, data = Point("x"), Point("y"), Point("x0")
    q, m, n, r = (scalar(name) for name in "qmnr")
    bayes = definition("r", (prev, noisy, data), q(noisy, prev) * m(prev, data) / n(noisy, data))
    mean = lift(on_data) * coords(data) + lift(on_noisy) * coords(noisy)
    return (
        derive(log(r(prev, noisy, data)))
        .to(log(q(noisy, prev)) + log(m(prev, data)) - log(n(noisy, data)), by=bayes)
        .to(gaussian(coords(prev), mean, variance), by=ddpm_kernels())
    ).qed()


@derivation("ddpm-kernel", notation=DDPM)
def ddpm_kernel() -> Theorem:
    """Complete the square: the product of a step and the kernel before it is the kernel after it times a Gaussian in x_{i-1}."""
    *_, on_data, on_noisy, variance = ddpm_coefficients()
    noisy, prev, data = Point("x"), Point("y"), Point("x0")
    q, m, n, r = (scalar(name) for name in "qmnr")
    mean = lift(on_data) * coords(data) + lift(on_noisy) * coords(noisy)
    kernels = ddpm_kernels() & log_density("r", (prev, noisy, data), gaussian(coords(prev), mean, variance))
    step_, start = q(noisy, prev), m(prev, data)
    end, back = n(noisy, data), r(prev, noisy, data)
    product_ = exponential(derive(log(step_ * start)).to(log(end * back), by=kernels).qed())
    return (
        derive(integral(step_ * start, prev))
        .to(
            integral(end * back, prev),
            by=using(product_.inside(lambda e: integral(e, prev)), text="completing the square"),
        )
        .to(end, by=normalised("r"))
    ).qed()


@derivation("ddpm-posterior-epsilon-form", notation=DDPM)
def ddpm_epsilon_form() -> Theorem:
    """Put x_i = √ᾱ_i x_0 + √(1-ᾱ_i) ε into the posterior's mean."""
    beta, before, here, on_data, on_noisy, _ = ddpm_coefficients()
    data, noise = coords(Point("x0")), coords(Point("ε"))
    noisy = lift(sp.sqrt(before) * sp.sqrt(1 - beta)) * data + lift(sp.sqrt(1 - here)) * noise
    left = lift(on_data) * data + lift(on_noisy) * noisy
    right = lift(1 / sp.sqrt(1 - beta)) * (noisy - lift(beta / sp.sqrt(1 - here)) * noise)
    return derive(left.at(i)).to(right.at(i), by=algebra).qed()


def telescoping(f: Any, n: Step, low: int) -> Theorem:
    """Σ_{k=low+1}^{n} (F(k) - F(k-1)) = F(n) - F(low), by induction on n."""
    k = step("k")
    body, first = f(k) - f(k - 1), sp.Integer(low + 1)
    left, right = total(body, k, first, n), f(n) - f(sp.Integer(low))
    base = (
        derive(total(body, k, first, low)).to(
            f(sp.Integer(low)) - f(sp.Integer(low)), by=using(empty_sum(body, k, first))
        )
    ).qed()
    up = (
        derive(total(body, k, first, n + 1) - left).to(
            (f(n + 1) - f(sp.Integer(low))) - right, by=using(last_term(body, k, first, n))
        )
    ).qed()
    return induction(n, low, left, right, base, up)


@derivation(
    "ddpm-elbo-terms",
    notation={"q": "q_t|", "m": "q̄_t|", "r": "q_t|", "f": "p_φ_t|", "p": "p_φ_t", "Q": "q"},
)
def ddpm_elbo() -> Theorem:
    """Jensen along the chain; Bayes turns each forward kernel into a posterior, and what is left over telescopes."""
    k, last, one = step("k"), step("L"), sp.Integer(1)
    w = Path("w")
    chain = Chain("Q", "q", "m", "r", x0, last)
    q, m, r, f, prior, evidence = (scalar(name) for name in ("q", "m", "r", "f", "π0", "p"))

    def at(j: Any) -> Any:
        return At(w, sp.sympify(j))

    def mean(e: Any) -> Expr:
        return expect(e, w, "Q")

    steps = product(f(k, at(k - 1), at(k)) / q(k, at(k), at(k - 1)), k, 2, last)
    ratio = prior(at(last)) * steps * f(one, x0, at(1)) / q(one, at(1), x0)
    by_definition = defined("p", (x0, last), mean(ratio))
    bayes = instance(instance(chain.bayes(k, y, x), y, at(k - 1)), x, at(k))  # along the path
    start = chain.start(x)

    tele = telescoping(lambda j: log(m(j, at(j), x0)), last, 1)
    ends = log(prior(at(last))) + log(f(one, x0, at(1)))
    pairs = total(log(f(k, at(k - 1), at(k))) - log(r(k, at(k - 1), at(k), x0)), k, 2, last)
    logs = (
        derive(log(ratio))
        .to(
            ends
            + total(log(f(k, at(k - 1), at(k))) - log(q(k, at(k), at(k - 1))), k, 2, last)
            - log(q(one, at(1), x0)),
            by=algebra,
        )
        .to(
            ends
            + pairs
            - total(log(m(k, at(k), x0)) - log(m(k - 1, at(k - 1), x0)), k, 2, last)
            - log(q(one, at(1), x0)),
            by=using(bayes.inside(lambda e: total(log(e), k, 2, last)), text="Bayes' rule along the path"),
        )
        .to(
            ends + pairs - log(m(last, at(last), x0)) + log(m(one, at(1), x0)) - log(q(one, at(1), x0)),
            by=using(tele.inside(lambda e: -e), text="the sum telescopes, by induction on L"),
        )
        .to(
            ends + pairs - log(m(last, at(last), x0)),
            by=using(
                instance(start, x, at(1)).inside(lambda e: -log(e)), text="the first marginal is the first kernel"
            ),
        )
    ).qed()
    final = chain.marginal(lambda v: log(m(last, v, x0)) - log(prior(v)), last, y, w)
    inner = chain.posterior(lambda v: log(r(k, v, at(k), x0)) - log(f(k, v, at(k))), k, y, w)
    reconstruction = mean(log(f(one, x0, at(1))))
    return (
        derive(log(evidence(x0, last)))
        .to(mean(log(ratio)), by=jensen(mean, ratio, by_definition))
        .to(mean(logs.rhs), by=using(logs.inside(mean), text="the logarithm of the ratio, as above"))
        .to(
            reconstruction
            - integral(m(last, y, x0) * (log(m(last, y, x0)) - log(prior(y))), y)
            - total(mean(kl(r(k, y, at(k), x0), f(k, y, at(k)), y)), k, 2, last),
            by=using(
                final.inside(lambda e: -e),
                inner.inside(lambda e: -total(e, k, 2, last)),
                text="the tower property, at the last step and at each other",
            ),
        )
    ).qed()
