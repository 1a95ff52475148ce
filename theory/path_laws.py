"""Derivations about laws of paths, step by step: their density ratios (Girsanov), divergences and reweightings."""

from __future__ import annotations

from concordant.theory.calculus import HALF, gaussian, i
from concordant.theory.derivation import derivation
from concordant.theory.divergences import kl
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    averaged,
    definition,
    derive,
    jensen,
    log_density,
    normalised,
    using,
)
from concordant.theory.kernel.terms import (
    At,
    Mul,
    Path,
    Point,
    Vec,
    const,
    coords,
    dot,
    integral,
    lift,
    log,
    norm2,
    product,
    scalar,
    step,
    total,
    vector,
)
from concordant.theory.stochastic import by_parts

x, y = Point("x"), Point("y")
k, n = step("k"), step("n")
h, g = const("η", positive=True), const("γ", positive=True)
q, r = scalar("q"), scalar("r")
f, e = vector("f"), vector("e")
variance = h * g**2
STEPS = {"q": "|", "r": "|", "f": "", "e": "f̃"}


def kernel(name: str, drift: Vec) -> Reason:
    """A step of drift f from y to x, in time η with diffusion γ: N(x; y + η f(y, k), η γ² I)."""
    return log_density(name, (x, y, k), gaussian(coords(x), coords(y) + lift(h) * drift, variance))


# ------------------------------------------------------------------------------------------------ Girsanov
@derivation("girsanov", notation={**STEPS, "d": "δ", "u": "ξ", "v": "ξ̃"})
def girsanov() -> tuple[Theorem, Theorem, Theorem]:
    """Two Gaussians of one variance a step: the difference of their exponents, written with the increment of either noise."""
    laws = kernel("q", f(y, k)) & kernel("r", e(y, k))
    w = Path("w")
    after, before = At(w, k), At(w, k - 1)
    delta, noise, other = vector("d"), vector("u"), vector("v")
    moved = coords(x) - coords(y)
    apart = definition("d", (y, k), ((f(y, k) - e(y, k)) / g).at(i), (i,))
    of_first = definition("u", (x, y, k), ((moved - lift(h) * f(y, k)) / g).at(i), (i,))
    of_other = definition("v", (x, y, k), ((moved - lift(h) * e(y, k)) / g).at(i), (i,))
    ratio = log(product(q(after, before, k), k, 1, n)) - log(product(r(after, before, k), k, 1, n))
    half, now = HALF * lift(h) * norm2(delta(before, k)), (after, before, k)
    under_other = derive(ratio).to(
        total(dot(delta(before, k), other(*now)) - half, k, 1, n), by=apart & of_other & laws
    )
    under_first = derive(ratio).to(
        total(dot(delta(before, k), noise(*now)) + half, k, 1, n), by=apart & of_first & laws
    )
    mean = derive(integral(r(x, y, k) * (q(x, y, k) / r(x, y, k)), x)).to(1, by=normalised("q"))
    return under_other.qed(), under_first.qed(), mean.qed()


# ------------------------------------------------------------------------------------------------ divergences of paths
@derivation("path-divergence", notation={**STEPS, "s": "s", "d": "s_φ", "b": "b", "m": "", "l": "m̃"})
def path_divergence() -> tuple[Theorem, Theorem]:
    """Two Gaussians of one variance are apart by the square of their means; and the logarithm of a joint density is a sum."""
    score, model, drift = vector("s")(y, k), vector("d")(y, k), vector("b")(y, k)
    exact, guess = drift + lift(g**2) * score, drift + lift(g**2) * model
    laws = kernel("q", exact) & kernel("r", guess)
    here, there = q(x, y, k), r(x, y, k)
    centre = coords(y) + lift(h) * exact
    apart = score - model
    own = kernel("q", exact)
    stein = by_parts(here, own, x, centre, lift(variance), lift(1) * apart)
    rest = derive(integral(here * dot(coords(x) - centre, apart), x)).to(0, by=stein).qed()
    one = (
        derive(kl(here, there, x))
        .to(
            integral(here * dot(coords(x) - centre, apart), x)
            + lift(HALF * h * g**2) * norm2(apart) * integral(here, x),
            by=laws,
        )
        .to(
            lift(HALF * h * g**2) * norm2(apart),
            by=using(rest, text="the step is centred at its mean") & normalised("q"),
        )
    ).qed()
    m, other = scalar("m")(y), scalar("l")(y)
    joint = integral(m * here * (log(m * here) - log(other * there)), y, x)
    chain = derive(joint).to(kl(m, other, y) + integral(m * kl(here, there, x), y), by=normalised("q"))
    return one, chain.qed()


@derivation("paths-and-marginals", notation={"q": "|", "r": "|", "p": "", "l": "p̃"})
def paths_and_marginals() -> Theorem:
    """The logarithm of a joint density is a sum, and the conditional part of the divergence is not negative: Gibbs."""
    q, r = scalar("q")(x, y), scalar("r")(x, y)
    p, other = scalar("p")(y), scalar("l")(y)
    ratio = r / q
    mean = derive(lift(1)).to(integral(r, x), by=normalised("r")).to(integral(Mul((q, ratio)), x), by=algebra).qed()
    gibbs = derive(log(1)).to(
        integral(Mul((q, log(ratio))), x), by=jensen(lambda e: integral(Mul((q, e)), x), ratio, mean)
    )
    inner = derive(0).to(integral(q * (log(r) - log(q)), x), by=gibbs.qed()).qed()
    outer = averaged(inner, p, y)
    return (
        derive(integral(p * q * (log(p * q) - log(other * r)), y, x))
        .to(kl(p, other, y) - integral(p * integral(q * (log(r) - log(q)), x), y), by=normalised("q"))
        .to(kl(p, other, y), by=using(outer, text="Gibbs' inequality, averaged"))
    ).qed()


@derivation("likelihood-by-reweighting", notation={"q": "|", "r": "|", "b": "p_φ|", "c": "p_φ|", "ℓ": "p_φ", "m": "p"})
def likelihood_by_reweighting() -> Theorem:
    """The model's joint density, divided and multiplied by that of the noising chain."""
    x0, x1, x2 = Point("x0"), Point("x1"), Point("x2")
    q, r = scalar("q")(x1, x0), scalar("r")(x2, x1)
    back, last, prior = scalar("b")(x0, x1), scalar("c")(x1, x2), scalar("m")(x2)
    model = definition("ℓ", (x0,), integral(prior * last * back, x1, x2))
    ratio = prior * last * back / (q * r)
    return derive(scalar("ℓ")(x0)).to(integral(q * r * ratio, x1, x2), by=model).qed()
