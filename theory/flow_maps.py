"""Derivations of chapter 11: what a flow map learns from one step of the exact solver."""

from __future__ import annotations

from concordant.theory.calculus import i, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import Theorem, definition, derive
from concordant.theory.kernel.terms import Point, Vec, const, coords, integral, lift, scalar, vector


@derivation("exact-step-is-centred", notation={"q": "|", "m": "x0*", "x0": "x_0", "u": "x̂"})
def exact_step_is_centred() -> Theorem:
    """Both points are linear in (x_0, ε): with the conditional means for these the second is the mean of the first."""
    a_s, a_t = const("α_s", positive=True), const("α_t", positive=True)
    s_s, s_t = const("σ_s", positive=True), const("σ_t", positive=True)
    x0 = Point("x0")
    joint, p, mean = scalar("q")(x, x0) * scalar("p0")(x0), scalar("p")(x), vector("m")(x)
    density = definition("p", (x,), integral(joint, x0))
    average = definition("m", (x,), integral(coords(x0).at(i) * joint, x0) / p, (i,))

    def point(data: Vec) -> Vec:
        """α_s x_0 + σ_s ε for the noise ε with which α_t x_0 + σ_t ε = x."""
        return lift(a_s) * data + lift(s_s / s_t) * (coords(x) - lift(a_t) * data)

    step = vector("u")(x)
    exact = definition("u", (x,), point(mean).at(i), (i,))
    return (
        derive(integral((point(coords(x0)) - step).at(i) * joint, x0))
        .to(integral((point(coords(x0)) - point(mean)).at(i) * joint, x0), by=exact)
        .to(
            lift(a_s - s_s * a_t / s_t) * (integral(coords(x0).at(i) * joint, x0) - mean.at(i) * p),
            by=density,
        )
        .to(0, by=average)
    ).qed()
