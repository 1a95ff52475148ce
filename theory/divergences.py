"""Derivations of chapter 1: divergences."""

from __future__ import annotations

from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import Theorem, algebra, derive, independent
from concordant.theory.kernel.terms import Expr, Point, integral, log, scalar


def kl(a: Expr, b: Expr, x: Point) -> Expr:
    """KL(a ‖ b) = ∫ a (log a - log b) dx."""
    return integral(a * (log(a) - log(b)), x)


@derivation("forward-kl-is-maximum-likelihood")
def maximum_likelihood() -> Theorem:
    """The divergence and the mean log-likelihood add up to something in which the model does not occur."""
    x = Point("x")
    p, q = scalar("p")(x), scalar("q")(x)
    total = (derive(kl(p, q, x) + integral(p * log(q), x)).to(integral(p * log(p), x), by=algebra)).qed()
    return independent(total, "q")
