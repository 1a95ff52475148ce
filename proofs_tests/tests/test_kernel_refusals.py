"""What the kernel refuses, or leaves as it is: each message, by a step that leads to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sympy as sp

from concordant.theory.kernel import certificate
from concordant.theory.kernel.rules import (
    Chain,
    algebra,
    defined,
    definition,
    difference,
    dynkin,
    empty_sum,
    exponential,
    given,
    induction,
    ito_table,
    jensen,
    last_term,
    line,
    log_density,
    reversed_time,
    uniqueness,
    using,
)
from concordant.theory.kernel.terms import (
    DT,
    Along,
    At,
    Bind,
    D,
    Expr,
    Field,
    Index,
    Mul,
    Path,
    Point,
    Refused,
    Vec,
    const,
    contract,
    d_dt,
    dot,
    expect,
    indices,
    integral,
    lift,
    log,
    over_time,
    product,
    scalar,
    step,
    substitute,
    time,
    total,
    vector,
)

x, y, z = Point("x"), Point("y"), Point("z")
i, j, w = Index("i"), Index("j"), Path("w")
p, q, r, h = (scalar(name) for name in "pqrh")
s = vector("s")
k, n, last, t, u, tau = step("k"), step("n"), step("L"), time("t"), time("u"), time("τ")


def _induction_with_another_step() -> object:
    left, right = total(0 * h(k), k, 1, n), lift(0)
    base = line(total(0 * h(k), k, 1, 0), 0, using(empty_sum(0 * h(k), k, 1)))
    up = line(total(0 * h(k), k, 1, n + 1), total(0 * h(k), k, 1, n), last_term(0 * h(k), k, 1, n))
    return induction(n, 0, left, right, base, up)


def _two_chains() -> object:
    one = Chain("Q", "q", "m", "r", x, last).start(y)
    other = Chain("R", "q", "m", "r", x, last).start(y)
    return line(one.lhs + other.lhs, one.rhs + other.rhs, using(one, other))


def _weight_with_the_hole() -> object:
    mean = defined("p", (x,), integral(Mul((q(y), r(x, y), r(x, y))), y))
    return jensen(lambda e: integral(Mul((q(y), e, e)), y), r(x, y), mean)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "Jensen: another mean": (
        lambda: jensen(lambda e: integral(Mul((q(y), e)), y), r(x, y), defined("p", (x,), integral(q(y), y))),
        "not a = E",
    ),
    "Jensen: a weight with what is averaged in it": (_weight_with_the_hole, "weight may not depend"),
    "Jensen: for a sum over steps": (
        lambda: jensen(lambda e: total(e, k, 1, n), r(x), given("a mean", p(x), total(r(x), k, 1, n))),
        "is for ∫",
    ),
    "induction: the step of another difference": (_induction_with_another_step, "the step is not"),
    "time reversed where the time is bound": (
        lambda: reversed_time(line(over_time(p(x, t), t, 0, 1), over_time(p(x, t), t, 0, 1), algebra), t, tau, 1),
        "t is bound",
    ),
    "Dynkin from something else": (
        lambda: dynkin(line(p(x), p(x), algebra), "h", x, t, p(x, t), 0, Vec(lambda j: lift(0))),
        "not the expansion",
    ),
    "uniqueness by something of other arguments": (
        lambda: uniqueness(
            given("a", d_dt(p(x, t), t), p(x, t)), given("b", d_dt(q(y, t), t), q(y, t)), "p", (x, t), q(y, t)
        ),
        "its own arguments",
    ),
    "a context without a hole": (lambda: line(p(x), p(x), algebra).inside(lambda e: q(x)), "no hole"),
    "two chains": (_two_chains, "two chains"),
    "a definition whose arguments are one": (lambda: definition("p", (x, x), q(x)), "distinct variables"),
    "a definition at a point of a path": (lambda: definition("p", (At(w, k),), q(x)), "distinct variables"),
    "a derivative by a point of a path": (lambda: line(D(p(x), At(w, k), i), 0, algebra), "which is no variable"),
    "a product over steps by itself": (
        lambda: line(product(h(k), k, 1, n), 1, algebra),
        "only under a logarithm",
    ),
    "an expression of another kind": (lambda: line(Expr(), Expr() + 1, algebra), "not an expression"),
    "the derivative of a mean over paths": (
        lambda: line(d_dt(expect(p(At(w, k), t), w, "Q"), t), 0, algebra),
        "expectation over paths",
    ),
    "the derivative of a given logarithm along a curve": (
        lambda: line(d_dt(p(Along("z", t)), t), 0, log_density("p", (x,), q(x))),
        "along a curve",
    ),
    "division by dt": (lambda: line(1 / Field(DT), 1, ito_table), "division by dt"),
    "the reciprocal of a sum that is defined": (
        lambda: line(1 / p(x), 1 / q(x), definition("p", (x,), q(x) + r(x))),
        "left over",
    ),
    "exponential of what are no logarithms": (lambda: exponential(line(p(x), p(x), algebra)), "not of the form"),
    # what `line` has refused before, but for what calls `difference` by itself
    "the logarithm of a component": (lambda: difference(log(s(x).at(i)), lift(0), algebra), "logarithm of a component"),
    "division by a component": (lambda: difference(1 / s(x).at(i), lift(0), algebra), "division by a component"),
    "the reciprocal of a sum": (lambda: difference(1 / (p(x) + q(x)), lift(0), algebra), "reciprocal of a sum"),
    "the logarithm of a negative number": (lambda: difference(log(-2), lift(0), algebra), "the logarithm of -2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    attempt, says = REFUSED[name]
    with pytest.raises(Refused, match=says):
        attempt()


TRUE: dict[str, Callable[[], object]] = {
    "a number from the left": lambda: line(1 + p(x) - (1 - p(x)), 2 * p(x), algebra),
    "a curve at another time": lambda: line(d_dt(p(Along("z", u), t), t), d_dt(p(Along("z", u), t), t) + 0, algebra),
    "one over what is defined": lambda: line(1 / p(x), 1 / (2 * q(x)), definition("p", (x,), 2 * q(x))),
    "one over what is defined to be a number": lambda: line(
        p(x) / p(x) ** 2 * q(x), q(x) / p(x), definition("p", (x,), lift(2))
    ),
    "the logarithm of an exponential": lambda: line(log(lift(sp.exp(t)) * p(x)), lift(t) + log(p(x)), algebra),
    "a logarithm's logarithm is left alone": lambda: line(
        log(p(x)) * q(x), q(x) * log(p(x)) + 0, definition("p", (x,), q(x))
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_accepted(name: str) -> None:
    assert TRUE[name]()


def test_a_logarithm_of_a_derivative_is_not_its_definition() -> None:
    """log ∂_t p is not ∂_t of log of the body, nor is 1/log p the reciprocal of the body's."""
    law = definition("p", (x, t), q(x, t) ** 2)
    slope = log(d_dt(p(x, t), t))
    assert difference(slope, slope, law) == {}
    assert difference(slope, log(d_dt(q(x, t), t)), law) != {}
    inverse = 1 / log(p(x, t))
    assert difference(inverse, inverse, law) == {}
    assert difference(inverse, 1 / log(q(x, t)) / 2, law) != {}


def test_indices_of_derivatives_are_seen() -> None:
    e = D(p(x), x, i) * s(x).at(j)
    assert indices(e) == {i, j}
    assert contract(lambda m: D(p(x), x, i) * s(x).at(m)) == Bind("con", j, D(p(x), x, i) * s(x).at(j))
    assert indices(dot(s(x), s(x)) * s(x).at(j)) == {i, j}
    assert contract(lambda m: s(x).at(m) * dot(s(x), s(x))) == Bind("con", j, s(x).at(j) * dot(s(x), s(x)))
    assert substitute(D(p(x), x, i), {x: y, i: j}) == D(p(y), y, j)


@pytest.mark.parametrize("c", [sp.cos(t), sp.exp(t), sp.log(const("unheard", positive=True))])
def test_certificates_hold_no_functions_but_of_time(c: sp.Expr) -> None:
    """The format has none: densities are given by their logarithms, so that statements do without."""
    th = line(lift(c) * p(x), p(x) * lift(c), algebra)
    with pytest.raises(TypeError, match=r"no certificate can hold \w+\("):
        certificate.certificate("by-hand", th)
    with pytest.raises(TypeError, match="no certificate can hold"):
        certificate.expr(Expr())
