"""The rules: all the ways in which one statement follows from others.

A `Theorem` says: under its hypotheses, lhs = rhs (or lhs ≥ rhs).  Only the functions of this file make theorems.  Each
either finds that what it is asked holds, or raises `Refused` with the reason.  What it assumes is in the theorem's
hypotheses, and a certificate of the whole is checked once more by `replay`, which shares no code with this.

Free variables are universal: a theorem holds for all points, indices, times and steps (within its ranges).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import sympy as sp

from concordant.theory.kernel import hypotheses as h
from concordant.theory.kernel.prenex import Calculus, Definition, Term, normal_form, ordered
from concordant.theory.kernel.terms import (
    DT,
    DW,
    HOLE,
    ONE,
    ZERO,
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
    Path,
    Point,
    Refused,
    Step,
    Time,
    Vec,
    children,
    contract,
    coords,
    d_dt,
    div,
    dot,
    expect,
    fill,
    free,
    grad,
    integral,
    lift,
    names,
    over_time,
    rebuild,
    substitute,
    total,
    walk,
)

Relation = Literal["=", ">="]
_MINE = object()


@dataclass(frozen=True, eq=False)
class Theorem:
    """A statement that has been derived.  It can't be made by hand."""

    token: object
    rule: str
    lhs: Expr
    rel: Relation
    rhs: Expr
    hyps: frozenset[h.Hypothesis]
    premises: tuple[Theorem, ...] = ()
    params: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.token is not _MINE:
            raise TypeError("theorems are made by rules")

    def __and__(self, other: Reason | Theorem) -> Reason:
        return using(self) & other

    def inside(self, context: Callable[[Expr], Any]) -> Theorem:
        """Equals in any context.  What the context binds around the hole binds in the sides too: they hold for all values."""
        if self.rel != "=":
            raise Refused("congruence is for equations")
        around = lift(context(HOLE))
        hyps = _closed(around, self.hyps)
        if hyps is None:
            raise Refused("the context has no hole")
        return _make(
            "congruence", fill(around, self.lhs), "=", fill(around, self.rhs), hyps, (self,), {"context": around}
        )


def _make(
    rule: str,
    lhs: Any,
    rel: Relation,
    rhs: Any,
    hyps: Iterable[h.Hypothesis] = (),
    premises: Iterable[Theorem] = (),
    params: dict[str, Any] | None = None,
) -> Theorem:
    """A theorem; its definitions are one to a name, and closed."""
    found, where = frozenset(hyps), dict[str, h.Hypothesis]()
    for one in found:
        if one[0] in ("where", "where log") and where.setdefault(one[1], one) != one:
            raise Refused(f"two definitions of {one[1]}")
        if one[0] == "chain" and where.setdefault("a chain", one) != one:
            raise Refused("two chains")
    return Theorem(_MINE, rule, lift(lhs), rel, lift(rhs), found, tuple(premises), params or {})


def _closed(context: Expr, hyps: Iterable[h.Hypothesis]) -> set[h.Hypothesis] | None:
    """Hypotheses with their ranges closed over the steps that the context binds around its hole; None without a hole."""
    if context == HOLE:
        return set(hyps)
    found = [c for c in (_closed(child, hyps) for child in children(context)) if c is not None]
    if not found:
        return None
    out = set().union(*found)
    if isinstance(context, Bind) and context.kind in ("sum", "prod"):
        out = {g for one in out for g in h.range_at_ends(one, context.var, context.low, context.high)}
    return out


# ------------------------------------------------------------------------------------------------ reasons and lines
@dataclass(frozen=True)
class Reason:
    """Why a line holds: what may be used in it, and which theorems it cites.  `&` joins reasons."""

    text: str
    definitions: tuple[h.Hypothesis, ...] = ()
    normalised: tuple[str, ...] = ()
    under_integral: bool = False
    ito: bool = False
    cited: tuple[Theorem, ...] = ()

    def __and__(self, other: Reason | Theorem) -> Reason:
        b = _reason(other)
        return Reason(
            f"{self.text}; {b.text}",
            self.definitions + b.definitions,
            self.normalised + b.normalised,
            self.under_integral or b.under_integral,
            self.ito or b.ito,
            self.cited + b.cited,
        )

    @property
    def pointwise(self) -> bool:
        """Whether nothing but algebra is used."""
        return not (self.definitions or self.normalised or self.under_integral or self.ito or self.cited)


algebra = Reason("algebra")
under_integral = Reason("differentiation under the integral", under_integral=True)
ito_table = Reason("Itô's table", ito=True)


def using(*theorems: Theorem, text: str = "") -> Reason:
    """By theorems."""
    return Reason(text or " and ".join(t.rule for t in theorems), cited=theorems)


def normalised(*fields: str) -> Reason:
    """∫ q(x, …) dx = 1 over the first argument."""
    return Reason(f"{', '.join(fields)} integrates to 1", normalised=fields)


def definition(name: str, args: Iterable[Any], body: Any, comps: Iterable[Index] = ()) -> Reason:
    """name(args)_comps := body."""
    return Reason(f"definition of {name}", (_definition("where", name, tuple(args), tuple(comps), lift(body)),))


def log_density(name: str, args: Iterable[Any], body: Any) -> Reason:
    """log name(args) := body.  A density given by its logarithm: no exponential is ever written."""
    return Reason(f"definition of {name}", (_definition("where log", name, tuple(args), (), lift(body)),))


def _definition(kind: str, name: str, args: tuple[Any, ...], comps: tuple[Index, ...], body: Expr) -> h.Hypothesis:
    if len(set(args)) != len(args) or not all(isinstance(a, (Point, Time, Step)) for a in args):
        raise Refused(f"the arguments of {name} must be distinct variables")
    if stray := free(body) - set(args) - set(comps):
        raise Refused(f"the definition of {name} mentions {', '.join(map(str, stray))}, which it does not bind")
    if name in names(body):
        raise Refused(f"{name} is defined by itself")
    return kind, name, args, comps, body


def _reason(why: Reason | Theorem) -> Reason:
    return why if isinstance(why, Reason) else using(why)


def _calculus(why: Reason) -> Calculus:
    definitions = [Definition(d[1], d[2], d[3], d[4], d[0] == "where log") for d in dict.fromkeys(why.definitions)]
    ordered(definitions)
    return Calculus(definitions, frozenset(why.normalised), why.under_integral, why.ito)


def difference(lhs: Expr, rhs: Expr, why: Reason, hyps: Iterable[h.Hypothesis] = ()) -> dict[str, Term]:
    """The normal form of lhs - rhs - Σ (cited lhs - cited rhs), under hypotheses that some scalars are positive."""
    if why.pointwise:
        lhs, rhs = h.strip(lhs, rhs)
    c = _calculus(why)
    positive = tuple(sorted({g[1].value for g in hyps if g[0] == "positive" and isinstance(g[1], Num)}, key=str))
    signed = [(1, lhs), (-1, rhs)] + [(s, e) for t in why.cited for s, e in ((-1, t.lhs), (1, t.rhs))]
    terms = [replace(t, coef=s * t.coef) for s, e in signed for t in c.terms(e, {})]
    return normal_form(c.rewrite(terms), positive)


def line(lhs: Any, rhs: Any, by: Reason | Theorem) -> Theorem:
    """lhs = rhs, or ≥ if a cited theorem is an inequality: the difference less what is cited has the empty normal form."""
    lhs, rhs, why = lift(lhs), lift(rhs), _reason(by)
    cited = [e for t in why.cited for e in (t.lhs, t.rhs)]
    own = h.of_line(lhs, rhs, cited, why.definitions, why.under_integral, why.pointwise)
    hyps = own.union({("normalised", n) for n in why.normalised}, *(t.hyps for t in why.cited))
    if left := difference(lhs, rhs, why, hyps):
        over = "; ".join(
            f"{t.coef} · {' '.join(f'{f.name}^{n}' for f, n in t.factors)}" for t in list(left.values())[:3]
        )
        raise Refused(f"by {why.text} there is left over: {over}")
    rel: Relation = ">=" if any(t.rel == ">=" for t in why.cited) else "="
    params = {
        "definitions": list(dict.fromkeys(why.definitions)),
        "normalised": sorted(set(why.normalised)),
        "ito": why.ito,
        "under_integral": why.under_integral,
        "reason": _said(lhs, rhs, why),
    }
    return _make("line", lhs, rel, rhs, hyps, why.cited, params)


def _said(lhs: Expr, rhs: Expr, why: Reason) -> str:
    """The reason in words; algebra that needs Fubini says so."""
    if not why.pointwise:
        return why.text
    return "linearity and Fubini" if any(next(h.outermost_integrals(e), None) for e in h.strip(lhs, rhs)) else why.text


class Derivation:
    """A chain of lines, each with its reason."""

    def __init__(self, start: Any) -> None:
        self.start = lift(start)
        self.lines: list[Theorem] = []

    def to(self, rhs: Any, by: Reason | Theorem) -> Derivation:
        """The next line."""
        try:
            self.lines.append(line(self.lines[-1].rhs if self.lines else self.start, rhs, by))
        except Refused as error:
            raise Refused(f"line {len(self.lines) + 1}: {error}") from None
        return self

    def qed(self) -> Theorem:
        """The theorem: from the first line to the last."""
        rel: Relation = ">=" if any(t.rel == ">=" for t in self.lines) else "="
        hyps = frozenset[h.Hypothesis]().union(*(t.hyps for t in self.lines))
        return _make("chain", self.start, rel, self.lines[-1].rhs, hyps, self.lines)


derive = Derivation


# ------------------------------------------------------------------------------------------------ axioms
def given(label: str, lhs: Any, rhs: Any, rel: Relation = "=") -> Theorem:
    """An assumption of the claim's own, said in words by its label."""
    lhs, rhs = lift(lhs), lift(rhs)
    return _make("given", lhs, rel, rhs, [("given", label, lhs, rel, rhs)], (), {"label": label})


def defined(name: str, args: Iterable[Any], body: Any) -> Theorem:
    """name(args) = body, as the definition of a new field."""
    d = _definition("where", name, tuple(args), (), lift(body))
    return _make("definition", Field(name, d[2]), "=", d[4], [d], (), {"definition": d})


def divergence_theorem(v: Vec, x: Point) -> Theorem:
    """∫ ∇·F dx = 0, if F and ∇·F are integrable.  (That F vanishes far out is not enough in two dimensions or more.)"""
    body = div(v, x)
    assert isinstance(body, Bind)
    i = body.var
    assert isinstance(i, Index)
    f = v.at(i)
    return _make(
        "divergence theorem",
        integral(body, x),
        "=",
        ZERO,
        [("integrable field", f, i, x)],
        (),
        {"field": f, "index": i, "x": x},
    )


def jensen(context: Callable[[Expr], Expr], ratio: Any, mean: Theorem) -> Theorem:
    """log a ≥ E[log w], from a = E[w], for a probability E: ∫ q(y) · dy, or the paths of a chain."""
    around, ratio = context(HOLE), lift(ratio)
    if (mean.rel, mean.rhs) != ("=", fill(around, ratio)):
        raise Refused("the premise is not a = E[w]")
    probability: set[h.Hypothesis] = set()
    match around:
        case Bind("int", y, Mul(factors)) if factors[-1] == HOLE and len(factors) > 1:
            weight = factors[0] if len(factors) == 2 else Mul(factors[:-1])
            if HOLE in walk(weight):
                raise Refused("the weight may not depend on what is averaged")
            probability = {("probability", weight, y)}
        case Bind("path", _, body) if body == HOLE:
            pass
        case _:
            raise Refused("Jensen's inequality is for ∫ q(y) · dy or for an expectation over paths")
    logs = fill(around, Log(ratio))
    hyps = mean.hyps | probability | {("converges", logs)} | h.side_conditions(Log(ratio))
    hyps |= h.side_conditions(Log(mean.lhs))
    return _make("Jensen", Log(mean.lhs), ">=", logs, hyps, (mean,), {"context": around, "ratio": ratio})


def first_term(body: Any, k: Step, low: Any, high: Any) -> Theorem:
    """Σ_low^high = the first + Σ_{low+1}^high."""
    e, low, high = lift(body), sp.sympify(low), sp.sympify(high)
    rhs = substitute(e, {k: low}) + total(e, k, low + 1, high)
    params = {"body": e, "k": k, "low": low, "high": high}
    return _make("first term", total(e, k, low, high), "=", rhs, h.ranges((low, high)), (), params)


def last_term(body: Any, k: Step, low: Any, high: Any) -> Theorem:
    """Σ_low^{high+1} = Σ_low^high + the last."""
    e, low, high = lift(body), sp.sympify(low), sp.sympify(high)
    rhs = total(e, k, low, high) + substitute(e, {k: high + 1})
    params = {"body": e, "k": k, "low": low, "high": high}
    return _make("last term", total(e, k, low, high + 1), "=", rhs, h.ranges((low - 1, high)), (), params)


def empty_sum(body: Any, k: Step, low: Any) -> Theorem:
    """Σ_low^{low-1} = 0."""
    e, low = lift(body), sp.sympify(low)
    return _make("empty sum", total(e, k, low, low - 1), "=", ZERO, (), (), {"body": e, "k": k, "low": low})


@dataclass(frozen=True)
class Chain:
    """A Markov chain: paths of `law` start at x0; q(k; x_k, x_{k-1}) are its kernels, m(k; x_k, x0) its marginals, and
    r(k; x_{k-1}, x_k, x0) its posteriors, for steps k = 1 … last."""

    law: str
    q: str
    m: str
    r: str
    x0: Point
    last: sp.Expr

    @property
    def hypothesis(self) -> h.Hypothesis:
        return "chain", self.law, self.q, self.m, self.r, self.x0, self.last

    def start(self, x: Point) -> Theorem:
        """m(1; x, x0) is q(1; x, x0)."""
        one = sp.Integer(1)
        lhs, rhs = Field(self.q, (one, x, self.x0)), Field(self.m, (one, x, self.x0))
        return _make("chain start", lhs, "=", rhs, [self.hypothesis], (), {"chain": self.hypothesis, "x": x})

    def marginal(self, of: Callable[[Point], Any], k: Any, y: Point, w: Path) -> Theorem:
        """E f(x_k) = ∫ m(k; y, x0) f(y) dy."""
        return self._tower("path marginal", of, sp.sympify(k), y, w)

    def posterior(self, of: Callable[[Point], Any], k: Any, y: Point, w: Path) -> Theorem:
        """E f(x_{k-1}, x_k) = E ∫ r(k; y, x_k, x0) f(y, x_k) dy, for k ≥ 2; f may mention x_k beside its argument."""
        return self._tower("path posterior", of, sp.sympify(k), y, w)

    def _tower(self, rule: str, of: Callable[[Point], Any], k: sp.Expr, y: Point, w: Path) -> Theorem:
        e, later = lift(of(y)), rule == "path posterior"
        steps = {
            a.step for one in walk(e) if isinstance(one, Field) for a in one.args if isinstance(a, At) and a.path == w
        }
        if steps - ({k} if later else set()) or any(isinstance(one, Bind) and one.var in (w, y) for one in walk(e)):
            raise Refused("the function depends on other steps of the path")
        lhs = expect(substitute(e, {y: At(w, k - 1 if later else k)}), w, self.law)
        if later:
            kernel = Field(self.r, (k, y, At(w, k), self.x0))
            rhs: Expr = expect(integral(Mul((kernel, e)), y), w, self.law)
        else:
            rhs = integral(Mul((Field(self.m, (k, y, self.x0)), e)), y)
        hyps = {self.hypothesis, ("converges", lhs), ("converges", rhs)} | h.ranges(
            (2 if later else 1, k), (k, self.last)
        )
        return _make(rule, lhs, "=", rhs, hyps, (), {"chain": self.hypothesis, "k": k, "y": y, "h": e, "w": w})


def fundamental_theorem(of: Any, t: Time, low: Any, high: Any) -> Theorem:
    """∫_low^high ∂_t F dt = F(high) - F(low)."""
    e, low, high = lift(of), sp.sympify(low), sp.sympify(high)
    lhs = over_time(d_dt(e, t), t, low, high)
    rhs = substitute(e, {t: high}) - substitute(e, {t: low})
    params = {"of": e, "t": t, "low": low, "high": high}
    return _make("fundamental theorem", lhs, "=", rhs, [("converges", lhs)], (), params)


# ------------------------------------------------------------------------------------------------ inference
def induction(n: Step, low: Any, left: Any, right: Any, base: Theorem, step_: Theorem) -> Theorem:
    """A = B for all n ≥ low, from A(low) = B(low) and A(n+1) - A(n) = B(n+1) - B(n)."""
    a, b, low = lift(left), lift(right), sp.sympify(low)

    def at(e: Expr, v: Any) -> Expr:
        return substitute(e, {n: v})

    if (base.lhs, base.rel, base.rhs) != (at(a, low), "=", at(b, low)):
        raise Refused("induction: the base is not A(low) = B(low)")
    if (step_.lhs, step_.rel, step_.rhs) != (at(a, n + 1) - a, "=", at(b, n + 1) - b):
        raise Refused("induction: the step is not A(n+1) - A(n) = B(n+1) - B(n)")
    hyps = {g for one in step_.hyps for g in h.range_at_ends(one, n, low, None)} | base.hyps | h.ranges((low, n))
    return _make("induction", a, "=", b, hyps, (base, step_), {"n": n, "low": low, "left": a, "right": b})


def exponential(th: Theorem) -> Theorem:
    """a = b from log a = log b."""
    match th.lhs, th.rel, th.rhs:
        case Log(a), "=", Log(b):
            return _make("exponential", a, "=", b, th.hyps, (th,))
    raise Refused("not of the form log a = log b")


def averaged(th: Theorem, weight: Any, x: Point) -> Theorem:
    """∫ w a dx ≥ ∫ w b dx from a ≥ b, for w a product of positive things."""
    weight = lift(weight)
    lhs, rhs = (Bind("int", x, Mul((weight, e))) for e in (th.lhs, th.rhs))
    hyps = th.hyps | h.side_conditions(Log(weight)) | {("converges", lhs), ("converges", rhs)}
    return _make("average", lhs, th.rel, rhs, hyps, (th,), {"weight": weight, "x": x})


def instance(th: Theorem, x: Point, by: Point | At | Along) -> Theorem:
    """The statement at another point: x is free, so it holds for all points (no derivative may be taken by x)."""
    put = {x: by}
    return _make(
        "instance", substitute(th.lhs, put), th.rel, substitute(th.rhs, put), th.hyps, (th,), {"x": x, "by": by}
    )


def reversed_time(th: Theorem, t: Time, tau: Time, end: Any) -> Theorem:
    """The statement at time t = end - τ, a derivative by t becoming minus one by τ."""
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

    if tau in free(th.lhs) | free(th.rhs) or any(g[0] == "range" and t in (g[2] - g[1]).free_symbols for g in th.hyps):
        raise Refused(f"{tau} is in use, or a range mentions {t}")
    return _make("time reversal", put(th.lhs), th.rel, put(th.rhs), th.hyps, (th,), {"t": t, "tau": tau, "end": end})


def independent(th: Theorem, name: str) -> Theorem:
    """The same statement, whose right side does not depend on the field, nor does any definition that it reaches."""
    reached, grown = names(th.rhs), True
    bodies = {g[1]: names(g[4]) for g in th.hyps if g[0] in ("where", "where log")}
    while grown:
        more = set().union(*(bodies[n] for n in reached if n in bodies)) - reached
        reached, grown = reached | more, bool(more)
    if name in reached:
        raise Refused(f"the right side depends on {name}")
    return _make("independent", th.lhs, th.rel, th.rhs, th.hyps, (th,), {"name": name})


def ito_expansion(phi: str, x: Point, dx: Vec) -> Expr:
    """dφ = ∇φ·dx + ½ dx·∇²φ dx: the expansion to second order, which is what the differential means."""
    f = Field(phi, (x,))
    i, j = Index("i"), Index("j")
    second: Expr = Bind("con", i, Bind("con", j, Mul((D(D(f, x, i), x, j), dx.at(i), dx.at(j)))))
    return Bind("con", i, Mul((D(f, x, i), dx.at(i)))) + lift(sp.Rational(1, 2)) * second


def ito_form(drift: Any, noise: Vec) -> Expr:
    """drift dt + noise · dw."""
    i = Index("i")
    return Mul((lift(drift), Field(DT))) + Bind("con", i, Mul((noise.at(i), Field(DW, (), (i,)))))


def dynkin(th: Theorem, phi: str, x: Point, t: Time, p: Expr, drift: Any, noise: Vec, dx: str = "dx") -> Theorem:
    """∂_t ∫ φ p dx = ∫ p drift dx, from dφ(x_t) = drift dt + noise · dw and x_t ~ p: the noise integral is a martingale."""
    drift, i = lift(drift), Index("i")
    f = Field(phi, (x,))
    if (th.lhs, th.rel) != (ito_expansion(phi, x, Vec(lambda j: Field(dx, (x, t), (j,)))), "="):
        raise Refused("the premise is not the expansion of dφ")
    if th.rhs != ito_form(drift, noise) or {DT, DW} & (names(drift) | names(noise.at(i))):
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
    return _make("Dynkin", lhs, "=", rhs, hyps, (th,), params)


def _mentions(g: Any, name: str) -> bool:
    if isinstance(g, Expr):
        return name in names(g)
    return any(_mentions(a, name) for a in g) if isinstance(g, tuple) else bool(g == name)


def for_every_test_function(th: Theorem, phi: str, x: Point, a: Any, b: Any) -> Theorem:
    """a = b, from ∫ φ a dx = ∫ φ b dx for every test function φ, for continuous a and b."""
    a, b, f = lift(a), lift(b), Field(phi, (x,))
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
    return _make("fundamental lemma", a, "=", b, hyps, (th,), {"phi": phi, "x": x, "left": a, "right": b})


def uniqueness(of_rho: Theorem, of_p: Theorem, name: str, params: tuple[Any, ...], by: Expr) -> Theorem:
    """ρ = p, if both solve the same equation, it has one solution, and they are equal at one time."""

    def put(e: Expr) -> Expr:
        if isinstance(e, Field) and e.name == name:
            return substitute(by, dict(zip(params, e.args, strict=True)))
        return rebuild(e, put)

    if name in names(by) or free(by) - set(params):
        raise Refused(f"{name} must be replaced by something of its own arguments")
    if (of_p.lhs, of_p.rel, of_p.rhs) != (put(of_rho.lhs), of_rho.rel, put(of_rho.rhs)) or of_p.rel != "=":
        raise Refused(f"the second equation is not the first with {name} replaced")
    rho = Field(name, params)
    hyps = of_rho.hyps | of_p.hyps | {("unique", of_rho.lhs, of_rho.rhs, name)}
    hyps |= {("given", "equal at one time", rho, "=", by)}
    found = {"name": name, "params": list(params), "by": by}
    return _make("uniqueness", rho, "=", by, hyps, (of_rho, of_p), found)


__all__ = [
    "ONE",
    "Chain",
    "Derivation",
    "Reason",
    "Theorem",
    "algebra",
    "averaged",
    "contract",
    "coords",
    "defined",
    "definition",
    "derive",
    "difference",
    "divergence_theorem",
    "dot",
    "dynkin",
    "empty_sum",
    "exponential",
    "first_term",
    "for_every_test_function",
    "fundamental_theorem",
    "given",
    "grad",
    "independent",
    "induction",
    "instance",
    "ito_expansion",
    "ito_form",
    "ito_table",
    "jensen",
    "last_term",
    "line",
    "log_density",
    "normalised",
    "reversed_time",
    "under_integral",
    "uniqueness",
    "using",
]
