"""Traps of induction, chains, stochastic calculus, and of variables that are not free."""

from __future__ import annotations

import sympy as sp

from concordant.proofs_tests.traps.base import (
    f,
    h,
    i,
    j,
    k,
    last,
    p,
    q,
    refused,
    s,
    sg,
    t,
    tau,
    trap,
    w,
    x,
    x0,
    y,
)
from concordant.theory.calculus import differential, gaussian
from concordant.theory.kernel.rules import (
    Chain,
    algebra,
    definition,
    derive,
    dynkin,
    empty_sum,
    for_every_test_function,
    fundamental_theorem,
    given,
    induction,
    instance,
    ito_expansion,
    ito_form,
    ito_table,
    last_term,
    line,
    log_density,
    normalised,
    reversed_time,
    uniqueness,
    using,
)
from concordant.theory.kernel.terms import (
    DW,
    Along,
    At,
    D,
    Field,
    Mul,
    const,
    coords,
    d_dt,
    div,
    dot,
    expect,
    function,
    grad,
    integral,
    lap,
    lift,
    log,
    scalar,
    time,
    total,
    vector,
)


# ------------------------------------------------------------------------------------------------ induction and chains
@trap("induction with a wrong claim", says="base")
def _wrong_claim() -> object:
    body, a, b = h(k), total(h(k), k, 1, last), h(last)
    base = derive(total(body, k, 1, 0)).to(0, by=using(empty_sum(body, k, 1))).qed()
    up = derive(total(body, k, 1, last + 1) - a).to(h(last + 1), by=using(last_term(body, k, 1, last))).qed()
    return induction(last, 0, a, b, base, up)


@trap("induction from a wrong base", says="base")
def _wrong_base() -> object:
    body, a, b = h(k) - h(k - 1), total(h(k) - h(k - 1), k, 1, last), h(last) - h(0)
    base = derive(total(body, k, 1, 1)).to(h(1) - h(0), by=using(last_term(body, k, 1, 0), empty_sum(body, k, 1))).qed()
    up = (
        derive(total(body, k, 1, last + 1) - a)
        .to((h(last + 1) - h(0)) - b, by=using(last_term(body, k, 1, last)))
        .qed()
    )
    return induction(last, 0, a, b, base, up)


@trap("induction below its range", says="left over")
def _wrong_range() -> object:
    body, a, b = h(k) - h(k - 1), total(h(k) - h(k - 1), k, 1, last), h(last) - h(0)
    base = derive(total(body, k, 1, -1)).to(h(-1) - h(0), by=using(empty_sum(body, k, 0))).qed()
    up = (
        derive(total(body, k, 1, last + 1) - a)
        .to((h(last + 1) - h(0)) - b, by=using(last_term(body, k, 1, last)))
        .qed()
    )
    return induction(last, -1, a, b, base, up)


chain = Chain("Q", "q", "m", "r", x0, last)
m, r = scalar("m"), scalar("r")


@trap("a posterior at the first step", carries="range")
def _first_posterior() -> object:
    return chain.posterior(lambda v: log(r(1, v, At(w, sp.Integer(1)), x0)), 1, y, w)


@trap("a tower over a later step", says="other steps")
def _later() -> object:
    return chain.posterior(lambda v: h(v, At(w, k + 1)), k, y, w)


@trap("a tower with the wrong posterior", says="left over")
def _wrong_posterior() -> object:
    right = chain.posterior(lambda v: h(v), k, y, w)
    return line(right.lhs, expect(integral(m(k, y, x0) * h(y), y), w, "Q"), right)


refused(
    "a telescope to the wrong end",
    total(h(k) - h(k - 1), k, 1, last),
    h(last) - h(1),
    using(last_term(h(k) - h(k - 1), k, 1, last - 1)),
)

# ------------------------------------------------------------------------------------------------ stochastic calculus
dx = vector("dx")(x, t)
noise = vector("dw")()
process = differential(f(x, t), function("g")(t), x, t, "dx")
refused(
    "Itô without the second-order term",
    ito_expansion("h", x, dx),
    ito_form(dot(f(x, t), grad(h(x), x)), lift(function("g")(t)) * grad(h(x), x)),
    process & ito_table,
)
refused(
    "Itô with a ½ too many",
    ito_expansion("h", x, dx),
    ito_form(
        dot(f(x, t), grad(h(x), x)) + lift(function("g")(t) ** 2 / 4) * lap(h(x), x),
        lift(function("g")(t)) * grad(h(x), x),
    ),
    process & ito_table,
)
refused("dw_i dw_j = dt for all i, j", Field(DW, (), (i,)) * Field(DW, (), (j,)), Field("dt"), ito_table)


@trap("time's sign in a reversed process", says="not the first")
def _sign_of_time() -> object:
    back = const("T", positive=True) - tau
    flow = given("forward", d_dt(p(x, t), t), -div(p(x, t) * f(x, t), x))
    other = given("reverse, with the forward drift", d_dt(h(x, tau), tau), -div(h(x, tau) * f(x, back), x))
    turned = reversed_time(flow, t, tau, const("T", positive=True))
    of_p = line(d_dt(p(x, back), tau), div(p(x, back) * f(x, back), x), using(turned.inside(lambda e: -e)))
    return uniqueness(other, of_p, "h", (x, tau), p(x, back))


@trap("equal integrals, hence equal integrands", says="not of the form")
def _lemma() -> object:
    equal = given("equal masses", integral(p(x), x), integral(h(x), x))
    return for_every_test_function(equal, "φ", x, p(x), h(x))


@trap("a test function in its own conclusion", says="occurs in the conclusion")
def _lemma_phi() -> object:
    phi = scalar("φ")
    return for_every_test_function(line(lift(0), 0, algebra), "φ", x, phi(x), 0)


@trap("a test function that is given a property", says="mentions φ")
def _lemma_given() -> object:
    phi = scalar("φ")
    only = given("for this one", integral(Mul((phi(x), p(x))), x), integral(Mul((phi(x), h(x))), x))
    return for_every_test_function(only, "φ", x, p(x), h(x))


@trap("a statement at a point, under its own derivative", says="a derivative is taken by it")
def _instance() -> object:
    return instance(given("at x", D(h(x), x, i), s(x).at(i)), x, Along("z", t))


@trap("a curve put under a derivative by its own time", says="captured by the derivative")
def _curve_captured() -> object:
    return instance(given("at x", d_dt(h(x, t), t), p(x)), x, Along("z", t))


@trap("a point put under a derivative by itself", says="captured by the derivative")
def _point_captured() -> object:
    return instance(given("for x and y", D(h(x, y), y, i), D(p(y), y, i)), x, y)


@trap("a reversal about an end that moves", says="end of time moves")
def _moving_end() -> object:
    return reversed_time(given("forward", d_dt(p(x, t), t), h(x, t)), t, tau, time("s"))


refused(
    "the chain rule forgotten along a curve",
    d_dt(h(Along("z", t), t), t),
    Field("∂h", (Along("z", t), t)),
    says="left over",
)


@trap("the fundamental theorem with swapped ends", says="left over")
def _fundamental() -> object:
    of = lift(function("a")(t))
    right = fundamental_theorem(of, t, 0, sg)
    return line(right.lhs, lift(function("a")(0) - function("a")(sg)), right)


@trap("a Gaussian's score with the wrong sign", says="left over")
def _score_sign() -> object:
    law = log_density("q", (x, x0), gaussian(coords(x), coords(x0), sg**2))
    return line(lift(sg**2) * D(q(x, x0), x, i), q(x, x0) * (coords(x) - coords(x0)).at(i), law)


@trap("uniqueness for another equation", says="not the first")
def _uniqueness() -> object:
    of_rho = given("for ρ", d_dt(h(x, t), t), lap(h(x, t), x))
    of_p = given("for p", d_dt(p(x, t), t), 2 * lap(p(x, t), x))
    return uniqueness(of_rho, of_p, "h", (x, t), p(x, t))


# ------------------------------------------------------------------------------------------------ what is not free
@trap("a chain's start averaged over", says="not free")
def _start_averaged() -> object:
    return chain.start(x).inside(lambda e: integral(e, x0))


@trap("a chain's start put at another point", says="not free")
def _start_moved() -> object:
    return instance(chain.start(x), x0, y)


@trap("a posterior summed from the first step on", carries="range")
def _range_bound() -> object:
    return chain.posterior(lambda v: h(v), k, y, w).inside(lambda e: total(e, k, 1, last))


@trap("noise hidden in a definition of the drift", says="not of the form")
def _noise_in_drift() -> object:
    dx_ = definition("dx", (x, t), Field("dt") * f(x, t).at(i), (i,))
    drift = dot(dx, grad(h(x), x))
    made = derive(ito_expansion("h", x, dx)).to(
        ito_form(dot(f(x, t), grad(h(x), x)), 0 * grad(h(x), x)), by=dx_ & ito_table
    )
    return dynkin(made.qed(), "h", x, t, p(x, t), drift, 0 * grad(h(x), x))


@trap("a density written out and integrated to 1 at once", says="written out")
def _both() -> object:
    return line(integral(h(x), x), 1, definition("h", (x,), 2 * p(x)) & normalised("h"))


@trap("a definition of dt", says="meaning of its own")
def _define_dt() -> object:
    return definition("dt", (), 0)
