"""Inference: new theorems from old ones, beyond lines and chains of lines."""

from __future__ import annotations

from typing import Any

import sympy as sp

from concordant.theory.kernel import hypotheses as h
from concordant.theory.kernel.lines import Theorem, make_theorem
from concordant.theory.kernel.terms import (
    DT,
    DW,
    Along,
    At,
    Bind,
    D,
    Expr,
    Field,
    Index,
    Log,
    Mul,
    Num,
    Point,
    Refused,
    Step,
    Time,
    Vec,
    d_dt,
    free,
    integral,
    lift,
    names,
    rebuild,
    scalar_variables,
    substitute,
)


def induction(n: Step, low: Any, left: Any, right: Any, base: Theorem, step_: Theorem) -> Theorem:
    """A = B for all n ≥ low, from A(low) = B(low) and A(n+1) - A(n) = B(n+1) - B(n).

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.axioms import empty_sum, last_term
    >>> from concordant.theory.kernel.lines import derive, using
    >>> base = derive(total(0 * p(k), k, 1, 0)).to(0, by=empty_sum(0 * p(k), k, 1)).qed()
    >>> up = derive(total(0 * p(k), k, 1, n + 1) - total(0 * p(k), k, 1, n)).to(ZERO - ZERO, by=last_term(0 * p(k), k, 1, n)).qed()
    >>> induction(n, 0, total(0 * p(k), k, 1, n), 0, base, up).hyps
    frozenset({('range', 0, n)})
    """
    a, b, low = lift(left), lift(right), sp.sympify(low)

    def at(e: Expr, v: Any) -> Expr:
        return substitute(e, {n: v})

    if (base.lhs, base.rel, base.rhs) != (at(a, low), "=", at(b, low)):
        raise Refused("induction: the base is not A(low) = B(low)")
    if (step_.lhs, step_.rel, step_.rhs) != (at(a, n + 1) - a, "=", at(b, n + 1) - b):
        raise Refused("induction: the step is not A(n+1) - A(n) = B(n+1) - B(n)")
    h.not_shared(base.hyps | step_.hyps, n, kinds=("chain",))
    hyps = {g for one in step_.hyps for g in h.range_at_ends(one, n, low, None)} | base.hyps | h.ranges((low, n))
    return make_theorem("induction", a, "=", b, hyps, (base, step_), {"n": n, "low": low, "left": a, "right": b})


def exponential(th: Theorem) -> Theorem:
    """a = b from log a = log b.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.lines import algebra, line
    >>> exponential(line(log(p(x) * q(x)), log(q(x) * p(x)), algebra)).lhs == p(x) * q(x)
    True
    """
    match th.lhs, th.rel, th.rhs:
        case Log(a), "=", Log(b):
            return make_theorem("exponential", a, "=", b, th.hyps, (th,))
    raise Refused("not of the form log a = log b")


def averaged(th: Theorem, weight: Any, x: Point) -> Theorem:
    """∫ w a dx ≥ ∫ w b dx from a ≥ b, for w a product of positive things.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.axioms import given
    >>> averaged(given("a bound", p(x), q(x), ">="), scalar("w")(x), x).rel
    '>='
    """
    weight = lift(weight)
    h.not_shared(th.hyps, x)
    lhs, rhs = (Bind("int", x, Mul((weight, e))) for e in (th.lhs, th.rhs))
    hyps = th.hyps | h.side_conditions(Log(weight)) | {("converges", lhs), ("converges", rhs)}
    return make_theorem("average", lhs, th.rel, rhs, hyps, (th,), {"weight": weight, "x": x})


def instance(th: Theorem, x: Point, by: Point | At | Along) -> Theorem:
    """The statement at another point: x is free, so it holds for all points (no derivative may be taken by x).

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.axioms import given
    >>> instance(given("everywhere", p(x), q(x)), x, y).lhs == p(y)
    True
    """
    put = {x: by}
    h.not_shared(th.hyps, x)
    return make_theorem(
        "instance", substitute(th.lhs, put), th.rel, substitute(th.rhs, put), th.hyps, (th,), {"x": x, "by": by}
    )


def reversed_time(th: Theorem, t: Time, tau: Time, end: Any) -> Theorem:
    """The statement at time t = end - τ, a derivative by t becoming minus one by τ.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.axioms import given
    >>> from concordant.theory.kernel.terms import const, d_dt
    >>> end = const("T", positive=True)
    >>> turned = reversed_time(given("forward", d_dt(p(x, t), t), q(x, t)), t, u, end)
    >>> turned.lhs == -d_dt(p(x, end - u), u), turned.rhs == q(x, end - u)
    (True, True)
    """
    end = sp.sympify(end)

    def put(e: Expr) -> Expr:
        match e:
            case D(body, by, None) if by == t:
                return Mul((Num(sp.Integer(-1)), D(put(body), tau)))
            case Num() | Field():
                return substitute(e, {t: end - tau})
            case Bind(_, var) if var in (t, tau):
                raise Refused(f"{var} is bound")
        return rebuild(e, put)

    h.not_shared(th.hyps, t, tau)
    if tau in free(th.lhs) | free(th.rhs) or scalar_variables(end):
        raise Refused(f"{tau} is in use, or the end of time moves")
    return make_theorem(
        "time reversal", put(th.lhs), th.rel, put(th.rhs), th.hyps, (th,), {"t": t, "tau": tau, "end": end}
    )


def independent(th: Theorem, name: str) -> Theorem:
    """The same statement, whose right side does not depend on the field, nor does any definition that it reaches.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.lines import algebra, line
    >>> independent(line(p(x) * q(x) / q(x), p(x), algebra), "q").rule
    'independent'
    """
    if name in h.reached(names(th.rhs), th.hyps):
        raise Refused(f"the right side depends on {name}")
    return make_theorem("independent", th.lhs, th.rel, th.rhs, th.hyps, (th,), {"name": name})


def ito_expansion(phi: str, x: Point, dx: Vec) -> Expr:
    """dφ = ∇φ·dx + ½ dx·∇²φ dx: the expansion to second order, which is what the differential means.

    >>> from concordant.theory.kernel.examples import *
    >>> expanded = ito_expansion("φ", x, Vec(lambda k: Field("dx", (x, t), (k,))))
    >>> sorted(names(expanded))
    ['dx', 'φ']
    """
    f = Field(phi, (x,))
    i, j = Index("i"), Index("j")
    second: Expr = Bind("con", i, Bind("con", j, Mul((D(D(f, x, i), x, j), dx.at(i), dx.at(j)))))
    return Bind("con", i, Mul((D(f, x, i), dx.at(i)))) + lift(sp.Rational(1, 2)) * second


def ito_form(drift: Any, noise: Vec) -> Expr:
    """drift dt + noise · dw.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.lines import ito_table, line
    >>> dx = Vec(lambda k: q(x) * Field(DW, (), (k,)))
    >>> line(dot(dx, dx), ito_form(const("D", integer=True, positive=True) * q(x) ** 2, 0 * s(x)), ito_table).rel
    '='
    """
    i = Index("i")
    return Mul((lift(drift), Field(DT))) + Bind("con", i, Mul((noise.at(i), Field(DW, (), (i,)))))


def dynkin(th: Theorem, phi: str, x: Point, t: Time, p: Expr, drift: Any, noise: Vec, dx: str = "dx") -> Theorem:
    """∂_t ∫ φ p dx = ∫ p drift dx, from dφ(x_t) = drift dt + noise · dw and x_t ~ p: the noise integral is a martingale.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.calculus import expansion
    >>> h = scalar("h")(x)
    >>> law = dynkin(expansion(s(x, t), 0, x, t, "h"), "h", x, t, p(x, t), dot(s(x, t), grad(h, x)), 0 * grad(h, x))
    >>> law.lhs == d_dt(integral(Mul((h, p(x, t))), x), t)
    True
    """
    drift, i = lift(drift), Index("i")
    f = Field(phi, (x,))
    if (th.lhs, th.rel) != (ito_expansion(phi, x, Vec(lambda j: Field(dx, (x, t), (j,)))), "="):
        raise Refused("the premise is not the expansion of dφ")
    h.not_shared(th.hyps, x, t)
    if th.rhs != ito_form(drift, noise) or {DT, DW} & h.reached(names(drift) | names(noise.at(i)), th.hyps):
        raise Refused("the premise is not of the form dφ = drift dt + noise · dw")
    lhs, rhs = d_dt(integral(Mul((f, p)), x), t), integral(Mul((p, drift)), x)
    hyps = th.hyps | {
        ("law", x, t, p, dx),
        ("square integrable", noise.at(i), i),
        ("test function", phi),
        ("converges", lhs.body),  # type: ignore[attr-defined]
        ("converges", rhs),
    }
    params = {"phi": phi, "x": x, "t": t, "p": p, "drift": drift, "noise": noise.at(i), "index": i, "dx": dx}
    return make_theorem("Dynkin", lhs, "=", rhs, hyps, (th,), params)


def _mentions(g: Any, name: str) -> bool:
    if isinstance(g, Expr):
        return name in names(g)
    return any(_mentions(a, name) for a in g) if isinstance(g, tuple) else bool(g == name)


def for_every_test_function(th: Theorem, phi: str, x: Point, a: Any, b: Any) -> Theorem:
    """a = b, from ∫ φ a dx = ∫ φ b dx for every test function φ, for continuous a and b.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.axioms import given
    >>> phi = scalar("φ")(x)
    >>> weak = given("weakly", integral(Mul((phi, p(x))), x), integral(Mul((phi, q(x))), x))
    >>> for_every_test_function(weak, "φ", x, p(x), q(x))
    Traceback (most recent call last):
    concordant.theory.kernel.names.Refused: a definition or an assumption mentions φ
    """
    a, b, f = lift(a), lift(b), Field(phi, (x,))
    h.not_shared(th.hyps, x)
    if phi in names(a) | names(b):
        raise Refused(f"{phi} occurs in the conclusion")
    if (th.lhs, th.rel, th.rhs) != (integral(Mul((f, a)), x), "=", integral(Mul((f, b)), x)):
        raise Refused("not of the form ∫ φ a = ∫ φ b")
    if any(g[0] in ("where", "where log", "given") and _mentions(g[2:], phi) for g in th.hyps):
        raise Refused(f"a definition or an assumption mentions {phi}")
    kept = {
        ("for every test function", phi, g) if _mentions(g, phi) else g for g in th.hyps if g != ("test function", phi)
    }
    hyps = kept | {("continuous", a), ("continuous", b)}
    return make_theorem("fundamental lemma", a, "=", b, hyps, (th,), {"phi": phi, "x": x, "left": a, "right": b})


def uniqueness(of_rho: Theorem, of_p: Theorem, name: str, params: tuple[Any, ...], by: Expr) -> Theorem:
    """ρ = p, if both solve the same equation, it has one solution, and they are equal at one time.

    >>> from concordant.theory.kernel.examples import *
    >>> from concordant.theory.kernel.axioms import given
    >>> one, two = (given("its equation", d_dt(u(x, t), t), 2 * u(x, t)) for u in (p, q))
    >>> uniqueness(one, two, "p", (x, t), q(x, t)).rhs == q(x, t)
    True
    """

    def put(e: Expr) -> Expr:
        if isinstance(e, Field) and e.name == name:
            return substitute(by, dict(zip(params, e.args, strict=True)))
        return rebuild(e, put)

    if name in names(by) or free(by) - set(params):
        raise Refused(f"{name} must be replaced by something of its own arguments")
    if (of_p.lhs, of_p.rel, of_p.rhs) != (put(of_rho.lhs), of_rho.rel, put(of_rho.rhs)) or of_p.rel != "=":
        raise Refused(f"the second equation is not the first with {name} replaced")
    h.not_shared(of_rho.hyps | of_p.hyps, *params)
    rho = Field(name, params)
    hyps = of_rho.hyps | of_p.hyps | {("unique", of_rho.lhs, of_rho.rhs, name)}
    hyps |= {("equal at one time", rho, by)}
    found = {"name": name, "params": list(params), "by": by}
    return make_theorem("uniqueness", rho, "=", by, hyps, (of_rho, of_p), found)
