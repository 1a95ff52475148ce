"""False statements that the kernel must refuse, each for its own reason.

A trap is a step that one is tempted to take.  The first kind must be refused, with a message that names what is wrong; the
second kind is true only under a hypothesis, which the theorem must then carry where the reader sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from concordant.errors import BadInput
from concordant.theory.calculus import differential, gaussian
from concordant.theory.kernel.rules import (
    Chain,
    Theorem,
    algebra,
    averaged,
    definition,
    derive,
    divergence_theorem,
    dynkin,
    empty_sum,
    exponential,
    for_every_test_function,
    fundamental_theorem,
    given,
    independent,
    induction,
    instance,
    ito_expansion,
    ito_form,
    ito_table,
    jensen,
    last_term,
    line,
    log_density,
    normalised,
    reversed_time,
    under_integral,
    uniqueness,
    using,
)
from concordant.theory.kernel.terms import (
    DW,
    Along,
    At,
    D,
    Expr,
    Field,
    Index,
    Mul,
    Path,
    Point,
    Refused,
    const,
    contract,
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
    norm2,
    over_time,
    scalar,
    step,
    time,
    total,
    vector,
)

HALF = sp.Rational(1, 2)
x, x0, y, z = (Point(name) for name in ("x", "x0", "y", "z"))
t, tau, k, last = time("t"), time("τ"), step("k"), step("L")
i, j = Index("i"), Index("j")
p, q, p0, h = (scalar(name) for name in ("p", "q", "p0", "h"))
s, f = vector("s"), vector("f")
w = Path("w")
sg = const("σ", positive=True)
real = const("u")
marginal = definition("p", (x,), integral(q(x, x0) * p0(x0), x0))


@dataclass(frozen=True)
class Trap:
    """What is tried, and how the kernel must answer: with this message, or (`carries`) with this kind of hypothesis."""

    name: str
    attempt: Callable[[], object]
    says: str = ""
    carries: str = ""

    def sprung(self) -> str:
        """Empty if the kernel answers as it must; else what went wrong, in words."""
        try:
            made = self.attempt()
        except (Refused, BadInput, TypeError) as error:
            if self.carries:
                return f"{self.name}: refused ({error}), though it is true under a hypothesis"
            return "" if re.search(self.says, str(error)) else f"{self.name}: refused for another reason: {error}"
        if self.carries:
            assert isinstance(made, Theorem)
            kinds = {g[0] for g in made.hyps}
            return "" if self.carries in kinds else f"{self.name}: accepted without the hypothesis {self.carries!r}"
        return f"{self.name}: accepted"


TRAPS: list[Trap] = []


def trap(name: str, says: str = "", carries: str = "") -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Register a trap."""

    def register(attempt: Callable[[], object]) -> Callable[[], object]:
        TRAPS.append(Trap(name, attempt, says, carries))
        return attempt

    return register


def refused(name: str, lhs: object, rhs: object, by: object = algebra, says: str = "left over") -> None:
    """A line that must be refused."""
    TRAPS.append(Trap(name, lambda: line(lhs, rhs, by), says))  # type: ignore[arg-type]


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


@trap("a statement at a point, under its own derivative", says="differentiate by")
def _instance() -> object:
    return instance(given("at x", D(h(x), x, i), s(x).at(i)), x, Along("z", t))


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
