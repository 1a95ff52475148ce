"""How expressions and hypotheses print that no derivation happens to have."""

from __future__ import annotations

import pytest
import sympy as sp

from concordant.theory.kernel.formula import NotAVector, plain, tex
from concordant.theory.kernel.notation import PLAIN
from concordant.theory.kernel.rules import Theorem, algebra, line
from concordant.theory.kernel.sentences import Speaker
from concordant.theory.kernel.show import hypothesis_text
from concordant.theory.kernel.terms import (
    DIM,
    HOLE,
    Expr,
    Field,
    Index,
    Point,
    Vec,
    const,
    contract,
    coords,
    delta,
    dot,
    integral,
    lift,
    log,
    norm2,
    scalar,
    time,
    vector,
)

x, y, t = Point("x"), Point("y"), time("t")
i, j = Index("i"), Index("j")
a, b, at = vector("a")(x), vector("b")(x), coords(x)
f, p, q = scalar("f")(x), scalar("p"), scalar("q")
s = const("s", positive=True)
variance = s**2


def gaussian(square: Expr, dimensions: sp.Expr = -DIM / 2) -> Expr:
    """-square/(2 s²) - (D/2) log(2π s²), or with another number of dimensions."""
    return lift(-1 / (2 * variance)) * square + lift(dimensions) * log(lift(2 * sp.pi) * lift(variance))


ENTROPY = "½ D log (2 π s²)"


@pytest.mark.parametrize(
    ("e", "text"),
    [
        # contractions that are no scalar product
        (contract(lambda i: a.at(i) / b.at(i)), "Σ_{i=1}^{D} (a_i(x)/b_i(x))"),
        (contract(lambda i: f), "Σ_{i=1}^{D} f(x)"),
        (contract(lambda i: f / b.at(i) * a.at(j)), "Σ_{i=1}^{D} (f(x) a_j(x)/b_i(x))"),
        (contract(lambda i: a.at(i) * b.at(i) + a.at(i) * a.at(i)), "a(x)·b(x) + ‖a(x)‖²"),
        (contract(lambda i: delta(i, j) * a.at(i)), "a_j(x)"),
        (contract(lambda i: delta(i, j) * Field("c", (x,), (i, j))), "e_j·c_j(x)"),
        (HOLE, "□"),
        # divergences and what is none
        (
            integral(p(y) * (log(p(y)) - log(q(y))), x, y),
            "∫ KL(p(y) ‖ q(y)) dx",
        ),
        (integral(p(x) * f * (log(p(x)) - log(q(x))), x), "∫ p(x) f(x) (log p(x) − log q(x)) dx"),
        (integral(-(p(y) * (log(p(y)) - log(q(y)))), x, y), "∬ (−p(y) (log p(y) − log q(y))) dx dy"),
        # Gaussians and what is none
        (gaussian(norm2(at - a)), "log N(x; a(x), s² I)"),
        (gaussian(norm2(at - a - b)), "log N(x; a(x) + b(x), s² I)"),
        (
            lift(-1 / (2 * variance)) * norm2(at - a) - lift(DIM / 2) * log(lift(2 * sp.pi) * lift(variance)),
            "log N(x; a(x), s² I)",
        ),
        (
            lift(-1 / (2 * variance)) * norm2(at - a) - lift(DIM / 4) * log(lift(2 * sp.pi) * lift(variance)),
            "−‖x − a(x)‖²/(2 s²) − ¼ D log (2 π s²)",
        ),
        (gaussian(norm2(at - a), -DIM / 4), "−‖x − a(x)‖²/(2 s²) − ¼ D log (2 π s²)"),
        (lift(DIM) * f + lift(-DIM / 2) * log(lift(2 * sp.pi) * lift(variance)), f"D f(x) − {ENTROPY}"),
        (gaussian(dot(at - a, at - b)), f"−(1/(2 s²)) (x − a(x))·(x − b(x)) − {ENTROPY}"),
        (gaussian(norm2(a)), f"−‖a(x)‖²/(2 s²) − {ENTROPY}"),
        (gaussian(norm2(at - Vec(lambda i: lift(1)))), f"−(1/(2 s²)) Σ_{{i=1}}^{{D}} (x_i − 1)² − {ENTROPY}"),
        (gaussian(norm2(at + Vec(lambda i: lift(-1)))), f"−(1/(2 s²)) Σ_{{i=1}}^{{D}} (x_i − 1)² − {ENTROPY}"),
        # scalars
        (lift(sp.exp(t)), "exp(t)"),
        (lift(sp.E), "e"),
        (lift(sp.cos(t / s)), "cos(t/s)"),
        (lift(sp.log(s)), "log(s)"),
    ],
)
def test_prints_as(e: Expr, text: str) -> None:
    assert plain(e) == text
    assert tex(e).count("{") == tex(e).count("}")


@pytest.mark.parametrize("e", [at.at(i) + 1, a.at(i) * b.at(i), f, lift(1)])
def test_no_vector_notation(e: Expr) -> None:
    with pytest.raises(NotAVector):
        plain(e, hide=i)


def test_abbreviations_without_a_number_before_them() -> None:
    assert plain(lift(4 * s**2), {"=κ": "s**2"}) == "4 κ"
    assert plain(lift(4 * s**2), {"=κ": "2*s"}) == "4 s²"


@pytest.mark.parametrize(
    ("h", "text"),
    [
        (("square integrable", f, i), "f(x) is square integrable over the law and time"),
        (("where", "u", (x,), (i,), at.at(i) + 1), "u_i(x) := x_i + 1"),
        (("where log", "p", (x,), (), f), "log p(x) := f(x)"),
    ],
)
def test_hypotheses_in_words(h: tuple[object, ...], text: str) -> None:
    assert hypothesis_text(h)[1] == text


def test_what_cannot_be_told() -> None:
    with pytest.raises(TypeError):
        plain(Expr())
    with pytest.raises(TypeError, match="no such kind"):
        hypothesis_text(("no such kind", f))
    th: Theorem = line(f, f, algebra)
    with pytest.raises(TypeError, match="'line' is no inference"):
        Speaker(PLAIN, {}).inference(th, [])
