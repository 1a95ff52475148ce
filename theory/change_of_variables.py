"""Derivations of chapter 5, first part: changes of variables, layer by layer and along a flow."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.calculus import fokker_planck, i, j, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    empty_sum,
    fundamental_theorem,
    given,
    induction,
    last_term,
    log_density,
    uniqueness,
    using,
)
from concordant.theory.kernel.terms import (
    Along,
    At,
    Bind,
    D,
    Expr,
    Field,
    Index,
    Path,
    const,
    contract,
    coords,
    d_dt,
    delta,
    div,
    dot,
    grad,
    lift,
    log,
    over_time,
    scalar,
    step,
    time,
    total,
    vector,
)
from concordant.theory.sde import FLOW, along_the_flow

ORIGIN = sp.Integer(0)
z, v = Along("z", t), vector("v")
end = const("T", positive=True)


def entry(name: str, row: Index, column: Index) -> Expr:
    """An entry of a matrix that moves in time."""
    return Field(name, (t,), (row, column))


@derivation("change-of-variables-along-a-flow", notation={"ρ": "_t", "q": "_t", "h": "π", "c": "ℓ"})
def along_a_flow() -> tuple[Theorem, Theorem, Theorem]:
    """π e^{-ℓ} obeys the continuity equation that the carried density obeys, and is equal to it at the start; and ℓ grows by
    the divergence, by Jacobi's formula for the determinant."""
    moved, stretch, q, V = scalar("h")(x, t), scalar("c")(x, t), scalar("q")(x, t), v(x, t)
    kept = given("π is constant along the flow", d_dt(moved, t), -dot(V, grad(moved, x)))
    grown = given("ℓ grows by the divergence along the flow", d_dt(stretch, t), div(V, x) - dot(V, grad(stretch, x)))
    named = log_density("q", (x, t), log(moved) - stretch)
    solves = (
        derive(d_dt(q, t))
        .to(q * d_dt(moved, t) / moved - q * d_dt(stretch, t), by=named)
        .to(
            -q * dot(V, grad(moved, x)) / moved - q * div(V, x) + q * dot(V, grad(stretch, x)),
            by=using(
                kept.inside(lambda e: q * e / moved),
                grown.inside(lambda e: -q * e),
                text="what π and ℓ do along the flow",
            ),
        )
        .to(-div(q * V, x), by=named)
    ).qed()
    return solves, uniqueness(fokker_planck("ρ", V, 0), solves, "ρ", (x, t), q), liouville()


def liouville() -> Theorem:
    """d/dt log|det J| = (∇·v)(z(t), t) for J' = ∇v J."""

    def twice(of: Expr) -> Expr:
        return Bind("con", i, Bind("con", j, of))

    bend, trace = definition("A", (x, t), D(v(x, t).at(i), x, j), (i, j)), definition("u", (x, t), div(v(x, t), x))
    jac, inverse = entry("J", i, j), entry("K", j, i)
    jacobi = given("Jacobi's formula", d_dt(scalar("ℓ")(t), t), twice(inverse * d_dt(jac, t)))
    moves = given(
        "J is the derivative of the flow",
        d_dt(jac, t),
        contract(lambda m: Field("A", (z, t), (i, m)) * entry("J", m, j)),
    )
    unit = given("K is the inverse of J", contract(lambda m: entry("J", i, m) * entry("K", m, j)), delta(i, j))
    return (
        derive(d_dt(scalar("ℓ")(t), t))
        .to(twice(inverse * d_dt(jac, t)), by=jacobi)
        .to(
            twice(inverse * contract(lambda m: Field("A", (z, t), (i, m)) * entry("J", m, j))),
            by=using(moves.inside(lambda e: twice(inverse * e)), text="J' = ∇v J"),
        )
        .to(
            twice(Field("A", (z, t), (j, i)) * delta(i, j)),
            by=using(unit.inside(lambda e: twice(Field("A", (z, t), (j, i)) * e)), text="J K = I"),
        )
        .to(scalar("u")(z, t), by=bend & trace)
    ).qed()


@derivation("composed-layers", notation={"c": "ℓ"})
def composed_layers() -> Theorem:
    """Induction on the number of layers: each takes ℓ, the logarithm of its determinant, off."""
    n, k, w = step("n"), step("k"), Path("w")
    p, stretch = scalar("p"), scalar("c")

    def density(at: Any) -> Expr:
        return log(p(at, At(w, at)))

    def taken(at: Any) -> Expr:
        return stretch(at, At(w, at - 1))

    left, start = density(n), density(ORIGIN)
    right = start - total(taken(k), k, 1, n)
    layer = given("a layer changes variables", density(n + 1), density(n) - taken(n + 1))
    none = empty_sum(taken(k), k, 1)
    base = derive(start).to(start - total(taken(k), k, 1, 0), by=using(none.inside(lambda e: e))).qed()
    more = (
        derive(density(n + 1) - left).to(
            (start - total(taken(k), k, 1, n + 1)) - right,
            by=using(
                layer,
                last_term(taken(k), k, 1, n),
                text="the layer's change of variables, and the last term of the sum",
            ),
        )
    ).qed()
    return induction(n, 0, left, right, base, more)


@derivation("node-likelihood", notation=FLOW)
def node_likelihood() -> tuple[Theorem, Theorem]:
    """Integrate the change of the log-density along the path from the prior to the data; on a clock that runs backwards the
    velocity's divergence changes its sign, and so does the term."""
    inside, _ = along_the_flow()
    p = scalar("p")
    change = log(p(z, t))
    start, stop = (log(p(Along("z", s), s)) for s in (ORIGIN, end))
    path = over_time(scalar("u")(z, t), t, 0, end)
    forwards = (
        derive(stop)
        .to(
            start + over_time(d_dt(change, t), t, 0, end),
            by=using(
                fundamental_theorem(change, t, 0, end).inside(lambda e: -e), text="the fundamental theorem of calculus"
            ),
        )
        .to(start - path, by=using(inside.inside(lambda e: over_time(e, t, 0, end)), text="the change along the flow"))
    ).qed()
    back = time("τ")
    turned = derive(div(-v(x, end - back), x)).to(
        -scalar("u")(x, end - back), by=definition("u", (x, t), div(v(x, t), x))
    )
    return forwards, turned.qed()


@derivation("adjoint-sensitivity", notation={"d": "∂x/∂φ", "b": "∂v/∂φ"})
def adjoint_sensitivity() -> tuple[Theorem, Theorem]:
    """The product of adjoint and sensitivity changes only by what the parameter adds: the Jacobian's terms cancel."""
    adjoint, moved, added = vector("a")(t), vector("d")(t), vector("b")(t)
    sensitivity = given(
        "the sensitivity's equation",
        d_dt(moved.at(i), t),
        contract(lambda m: entry("J", i, m) * moved.at(m)) + added.at(i),
    )
    backwards = given(
        "the adjoint's equation", d_dt(adjoint.at(i), t), -contract(lambda m: entry("J", m, i) * adjoint.at(m))
    )
    rate = (
        derive(d_dt(dot(adjoint, moved), t)).to(
            dot(adjoint, added),
            by=using(
                sensitivity.inside(lambda e: Bind("con", i, adjoint.at(i) * e)),
                backwards.inside(lambda e: Bind("con", i, moved.at(i) * e)),
                text="the two equations",
            ),
        )
    ).qed()

    def at(s: Any) -> Expr:
        return dot(vector("a")(s), vector("d")(s))

    whole = (
        derive(at(end) - at(0))
        .to(
            over_time(d_dt(dot(adjoint, moved), t), t, 0, end),
            by=using(
                fundamental_theorem(dot(adjoint, moved), t, 0, end).inside(lambda e: -e),
                text="the fundamental theorem of calculus",
            ),
        )
        .to(
            over_time(dot(adjoint, added), t, 0, end),
            by=using(rate.inside(lambda e: over_time(e, t, 0, end)), text="its rate, as above"),
        )
    ).qed()
    return rate, whole


@derivation("residual-layer-is-an-euler-step")
def residual_layer() -> Theorem:
    """Integrate (b - s) times the slope of the velocity by parts over the layer."""
    a, b = const("a₁", real=True), const("b₁", real=True)
    here = v(z, t).at(i)
    moves = given("z solves dz/dt = v(z, t)", d_dt(coords(z).at(i), t), here)
    at_a, at_b = Along("z", a), Along("z", b)
    weighted = (lift(b) - lift(t)) * here
    return (
        derive(coords(at_b).at(i) - coords(at_a).at(i) - (lift(b) - lift(a)) * v(at_a, a).at(i))
        .to(
            over_time(d_dt(coords(z).at(i), t), t, a, b) + over_time(d_dt(weighted, t), t, a, b),
            by=using(
                fundamental_theorem(coords(z).at(i), t, a, b).inside(lambda e: -e),
                fundamental_theorem(weighted, t, a, b).inside(lambda e: -e),
                text="the fundamental theorem of calculus, twice",
            ),
        )
        .to(
            over_time(here, t, a, b) + over_time(d_dt(weighted, t), t, a, b),
            by=using(moves.inside(lambda e: over_time(e, t, a, b)), text="dz/dt = v"),
        )
        .to(over_time((lift(b) - lift(t)) * d_dt(here, t), t, a, b), by=algebra)
    ).qed()
