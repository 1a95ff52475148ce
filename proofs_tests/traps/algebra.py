"""Traps of algebra, scalars, integrals, logarithms and definitions."""

from __future__ import annotations

import sympy as sp

from concordant.proofs_tests.traps.base import (
    f,
    h,
    i,
    j,
    k,
    last,
    marginal,
    p,
    p0,
    q,
    real,
    refused,
    s,
    sg,
    t,
    tau,
    trap,
    x,
    x0,
    y,
    z,
)
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    averaged,
    definition,
    derive,
    divergence_theorem,
    exponential,
    independent,
    jensen,
    line,
    normalised,
    under_integral,
    using,
)
from concordant.theory.kernel.terms import (
    D,
    Expr,
    Mul,
    const,
    contract,
    coords,
    d_dt,
    div,
    dot,
    function,
    grad,
    integral,
    lift,
    log,
    norm2,
    over_time,
    total,
    vector,
)

# ------------------------------------------------------------------------------------------------ algebra and indices
refused("a missing ½", norm2(s(x) - f(x, t)), norm2(s(x)) - dot(s(x), f(x, t)) + norm2(f(x, t)))
refused("the divergence of x is 1 (true for D = 1)", div(coords(x), x), 1)
refused(
    "∂_i |s|² = 2 s·∇s_i (true for D = 1)",
    D(norm2(s(x)), x, j),
    2 * contract(lambda i: s(x).at(i) * D(s(x).at(j), x, i)),
)
refused("a field without curl assumed", D(s(x).at(i), x, j), D(s(x).at(j), x, i))
refused("|s|⁴ is the sum of s_i⁴", norm2(s(x)) ** 2, contract(lambda i: s(x).at(i) ** 4))
refused("a vector times itself: (a·b)² = |a|²|b|²", dot(s(x), f(x, t)) ** 2, norm2(s(x)) * norm2(f(x, t)))


def _antisymmetric(n: int) -> Expr:
    """Σ over permutations of sign × Π a_k·b_π(k): the determinant of n vectors with n others, zero for D < n only."""
    from itertools import permutations

    out: Expr = lift(0)
    for order in permutations(range(n)):
        sign = sp.Integer(-1) ** sum(order[b] > order[a] for a in range(n) for b in range(a))
        term: Expr = lift(sign)
        for a, b in enumerate(order):
            term = term * dot(vector(f"a{a}")(x), vector(f"b{b}")(x))
        out = out + term
    return out


refused("an identity for D ≤ 2 only", _antisymmetric(3), 0)
refused("an identity for D ≤ 3 only", _antisymmetric(4), 0)

# ------------------------------------------------------------------------------------------------ scalars
refused("√(u²) = u without a sign", lift(sp.sqrt(real**2)), lift(real), says="not a scalar|left over")
refused(
    "√(ab) = √a √b for negatives", lift(sp.sqrt(-real) * sp.sqrt(-real)), lift(sp.sqrt(real**2)), says="left over|not"
)
refused("π is 22/7", lift(sp.pi), lift(sp.Rational(22, 7)))
refused("the derivative of log σ(t) forgotten", d_dt(log(function("σ", positive=True)(t)), t), 0)


@trap("a decimal number for an exact one", says="exact")
def _float() -> object:
    return lift(0.5)


@trap("a constant named like another with other assumptions", says="other assumptions")
def _two_constants() -> object:
    return const("σ", real=True)


@trap("a scalar that nobody declared", says="no constant")
def _foreign() -> object:
    return lift(sp.Symbol("sigma"))


refused(
    "a constant named like a point leaves the integral over it",
    integral(lift(const("y")) * p(y), y),
    integral(coords(y).at(i) * p(y), y),
)
refused("a step leaves its own sum", total(lift(k) * h(k), k, 1, last), lift(k) * total(h(k), k, 1, last))


@trap("dividing by what may vanish", carries="nonzero")
def _divide() -> object:
    return line(h(x) * p(x) / h(x), p(x), algebra)


@trap("dividing by a scalar that may vanish", carries="nonzero")
def _divide_scalar() -> object:
    return line(lift(real) * p(x) / lift(real + 1), lift(real / (1 + real)) * p(x), algebra)


refused("the reciprocal of an integral, split", 1 / integral(p(x), x), integral(1 / p(x), x), says="name it first")
refused("division by a component", 1 / s(x).at(i), 1 / s(x).at(i), says="component")

# ------------------------------------------------------------------------------------------------ integrals and binders
refused("(∫p)² = ∫p²", integral(p(x), x) ** 2, integral(p(x) ** 2, x))
refused(
    "∫∫ f(x) dx dx = (∫ f)²: a shadowed variable",
    integral(integral(p(x) * h(x), x), x),
    integral(p(x), x) * integral(h(x), x),
)
refused(
    "the bound name of a definition captured",
    integral(p(x0) * p0(x0), x0),
    integral(q(x0, x0) * p0(x0) * p0(x0), x0),
    marginal,
)
refused(
    "differentiating by the bound variable",
    D(integral(p(x) * h(y), x), y, i),
    integral(D(p(x), x, i) * h(y), x),
    under_integral,
)
refused(
    "a derivative taken inside an integral in silence",
    D(integral(q(x, x0) * p0(x0), x0), x, i),
    integral(p0(x0) * D(q(x, x0), x, i), x0),
    says="without saying so",
)
refused(
    "a boundary term forgotten: the limits depend on the variable",
    d_dt(over_time(function("a")(tau), tau, 0, t), t),
    over_time(function("a'")(tau), tau, 0, t),
    under_integral,
    says="bounds",
)
refused("swapped bounds", over_time(function("a")(t), t, 0, sg), over_time(function("a")(t), t, sg, 0))
refused("∫ q(x|x0) dx0 = 1: the wrong argument", integral(q(x, x0), x0), 1, normalised("q"))
refused("∫ q(x|x) dx = 1", integral(q(x, x), x), 1, normalised("q"))
refused("∫ q(x|x0) h(x) dx = h", integral(q(x, x0) * h(x), x), h(x), normalised("q"))
refused("a sum begins one later", total(h(k), k, 1, last), total(h(k), k, 2, last))


@trap("by parts, where only a derivative's decay is known", carries="integrable field")
def _parts() -> object:
    return line(
        integral(p(x) * div(s(x), x), x), -integral(dot(s(x), grad(p(x), x)), x), divergence_theorem(p(x) * s(x), x)
    )


@trap("Fubini without convergence", carries="converges")
def _fubini() -> object:
    return line(integral(integral(q(x, y), x), y), integral(integral(q(x, y), y), x), algebra)


@trap("a derivative under the integral without domination", carries="dominated")
def _dominated() -> object:
    return line(D(integral(q(x, x0), x0), x, i), integral(D(q(x, x0), x, i), x0), under_integral)


refused(
    "by parts with the wrong sign",
    integral(p(x) * div(s(x), x), x),
    integral(dot(s(x), grad(p(x), x)), x),
    divergence_theorem(p(x) * s(x), x),
)

# ------------------------------------------------------------------------------------------------ logarithms
refused("log(p + q) = log p + log q", log(p(x) + q(x, x0)), log(p(x)) + log(q(x, x0)), says="name it first")
refused(
    "Jensen as an equality",
    log(integral(p0(x0) * q(x, x0), x0)),
    integral(p0(x0) * log(q(x, x0)), x0),
    says="name it first",
)
refused("the logarithm of a negative number", log(-2 * p(x)), log(2 * p(x)), says="logarithm of -")


@trap("the logarithm of what may be negative", carries="positive")
def _log() -> object:
    return line(grad(log(h(x)), x).at(i), D(h(x), x, i) / h(x), algebra)


def _mean() -> Theorem:
    return (
        derive(h(x))
        .to(integral(Mul((p0(y), q(x, y))), y), by=definition("h", (x,), integral(p0(y) * q(x, y), y)))
        .qed()
    )


@trap("Jensen turned round", says="left over")
def _jensen() -> object:
    bound = jensen(lambda e: integral(Mul((p0(y), e)), y), q(x, y), _mean())
    return line(integral(p0(y) * log(q(x, y)), y), log(h(x)), bound)


@trap("an inequality under a minus", says="for equations")
def _minus() -> object:
    return jensen(lambda e: integral(Mul((p0(y), e)), y), q(x, y), _mean()).inside(lambda e: -e)


@trap("Jensen for a mean that is another", says="not a = E")
def _other_mean() -> object:
    return jensen(lambda e: integral(Mul((p0(y), e)), y), q(x, y) ** 2, _mean())


@trap("an inequality averaged with a weight of no sign", carries="positive")
def _weight() -> object:
    return averaged(jensen(lambda e: integral(Mul((p0(y), e)), y), q(x, y), _mean()), h(x), x)


@trap("equal logarithms of what is no logarithm", says="log a = log b")
def _exponential() -> object:
    return exponential(line(p(x) + 0, p(x), algebra))


# ------------------------------------------------------------------------------------------------ definitions
@trap("a definition with a free variable", says="does not bind")
def _free() -> object:
    return definition("p", (x,), integral(q(x, x0) * p0(z), x0))


@trap("a definition by itself", says="by itself")
def _itself() -> object:
    return definition("p", (x,), 2 * p(x))


@trap("two definitions of one name", says="two definitions")
def _two() -> object:
    a = line(2 * p0(x), p(x), definition("p", (x,), 2 * p0(x)))
    b = line(p(x), 3 * p0(x), definition("p", (x,), 3 * p0(x)))
    return line(2 * p0(x), 3 * p0(x), using(a, b))


@trap("definitions in a circle", says="use each other")
def _circle() -> object:
    return line(p(x), p(x), definition("p", (x,), h(x)) & definition("h", (x,), p(x)))


@trap("a dependence hidden in a definition", says="depends on s")
def _hidden() -> object:
    a = line(integral(norm2(s(x)), x), integral(h(x), x), definition("h", (x,), norm2(s(x))))
    return independent(a, "s")


@trap("a theorem made by hand", says="made by rules")
def _forged() -> object:
    return Theorem(None, "line", lift(1), "=", lift(2), frozenset())
