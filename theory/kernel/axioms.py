"""Axioms: what is taken from analysis and probability, each under the hypotheses that it puts into the theorem."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from concordant.theory.kernel import hypotheses as h
from concordant.theory.kernel.lines import Relation, Theorem, make_definition, make_theorem
from concordant.theory.kernel.terms import (
    HOLE,
    ZERO,
    At,
    Bind,
    Expr,
    Field,
    Index,
    Log,
    Mul,
    Path,
    Point,
    Refused,
    Step,
    Time,
    Vec,
    d_dt,
    div,
    expect,
    fill,
    integral,
    lift,
    over_time,
    substitute,
    total,
    walk,
)


def given(label: str, lhs: Any, rhs: Any, rel: Relation = "=") -> Theorem:
    """An assumption of the claim's own, said in words by its label.

    >>> from concordant.theory.kernel.examples import *
    >>> sorted(given("w has no divergence", div(s(x), x), 0).hyps)[0][:2]
    ('given', 'w has no divergence')
    """
    lhs, rhs = lift(lhs), lift(rhs)
    return make_theorem("given", lhs, rel, rhs, [("given", label, lhs, rel, rhs)], (), {"label": label})


def defined(name: str, args: Iterable[Any], body: Any) -> Theorem:
    """name(args) = body, as the definition of a new field.

    >>> from concordant.theory.kernel.examples import *
    >>> [h[:2] for h in defined("p", (x,), integral(q(y), y) * q(x)).hyps]
    [('where', 'p')]
    """
    d = make_definition("where", name, tuple(args), (), lift(body))
    return make_theorem("definition", Field(name, d[2]), "=", d[4], [d], (), {"definition": d})


def divergence_theorem(v: Vec, x: Point) -> Theorem:
    """∫ ∇·F dx = 0, if F and ∇·F are integrable.  (That F vanishes far out is not enough in two dimensions or more.)

    >>> from concordant.theory.kernel.examples import *
    >>> [h[0] for h in divergence_theorem(p(x) * s(x), x).hyps]
    ['integrable field']
    """
    body = div(v, x)
    assert isinstance(body, Bind)
    i = body.var
    assert isinstance(i, Index)
    f = v.at(i)
    return make_theorem(
        "divergence theorem",
        integral(body, x),
        "=",
        ZERO,
        [("integrable field", f, i, x)],
        (),
        {"field": f, "index": i, "x": x},
    )


def jensen(context: Callable[[Expr], Expr], ratio: Any, mean: Theorem) -> Theorem:
    """log a ≥ E[log w], from a = E[w], for a probability E: ∫ q(y) · dy, or the paths of a chain.

    >>> from concordant.theory.kernel.examples import *
    >>> mean = defined("p", (x,), integral(Mul((q(y), p0 := scalar("w")(x, y))), y))
    >>> jensen(lambda e: integral(Mul((q(y), e)), y), p0, mean).rel
    '>='
    """
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
    return make_theorem("Jensen", Log(mean.lhs), ">=", logs, hyps, (mean,), {"context": around, "ratio": ratio})


def first_term(body: Any, k: Step, low: Any, high: Any) -> Theorem:
    """Σ_low^high = the first + Σ_{low+1}^high.

    >>> from concordant.theory.kernel.examples import *
    >>> first_term(p(k), k, 1, n).hyps
    frozenset({('range', 1, n)})
    """
    e, low, high = lift(body), sp.sympify(low), sp.sympify(high)
    rhs = substitute(e, {k: low}) + total(e, k, low + 1, high)
    params = {"body": e, "k": k, "low": low, "high": high}
    return make_theorem("first term", total(e, k, low, high), "=", rhs, h.ranges((low, high)), (), params)


def last_term(body: Any, k: Step, low: Any, high: Any) -> Theorem:
    """Σ_low^{high+1} = Σ_low^high + the last.

    >>> from concordant.theory.kernel.examples import *
    >>> last_term(p(k), k, 1, n).hyps
    frozenset({('range', 0, n)})
    """
    e, low, high = lift(body), sp.sympify(low), sp.sympify(high)
    rhs = total(e, k, low, high) + substitute(e, {k: high + 1})
    params = {"body": e, "k": k, "low": low, "high": high}
    return make_theorem("last term", total(e, k, low, high + 1), "=", rhs, h.ranges((low - 1, high)), (), params)


def empty_sum(body: Any, k: Step, low: Any) -> Theorem:
    """Σ_low^{low-1} = 0.

    >>> from concordant.theory.kernel.examples import *
    >>> empty_sum(p(step("k")), step("k"), 1).rhs
    Num(value=0)
    """
    e, low = lift(body), sp.sympify(low)
    return make_theorem("empty sum", total(e, k, low, low - 1), "=", ZERO, (), (), {"body": e, "k": k, "low": low})


@dataclass(frozen=True)
class Chain:
    """A Markov chain: paths of `law` start at x0; q(k; x_k, x_{k-1}) are its kernels, m(k; x_k, x0) its marginals, and
    r(k; x_{k-1}, x_k, x0) its posteriors, for steps k = 1 … last.

    >>> from concordant.theory.kernel.examples import *
    >>> Chain("Q", "q", "m", "r", y, last).hypothesis[:5]
    ('chain', 'Q', 'q', 'm', 'r')
    """

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
        """m(1; x, x0) is q(1; x, x0).

        >>> from concordant.theory.kernel.examples import *
        >>> Chain("Q", "q", "m", "r", y, last).start(x).rhs.name
        'm'
        """
        one = sp.Integer(1)
        lhs, rhs = Field(self.q, (one, x, self.x0)), Field(self.m, (one, x, self.x0))
        return make_theorem("chain start", lhs, "=", rhs, [self.hypothesis], (), {"chain": self.hypothesis, "x": x})

    def bayes(self, k: Any, y: Point, x: Point) -> Theorem:
        """r(k; y, x, x0) is q(k; x, y) m(k-1; y, x0)/m(k; x, x0), for k ≥ 2: Bayes' rule.

        >>> from concordant.theory.kernel.examples import *
        >>> sorted(h[0] for h in Chain("Q", "q", "m", "r", Point("x0"), last).bayes(k, y, x).hyps)
        ['chain', 'nonzero', 'range', 'range']
        """
        k = sp.sympify(k)
        lhs, step = Field(self.r, (k, y, x, self.x0)), Field(self.q, (k, x, y))
        rhs = step * Field(self.m, (k - 1, y, self.x0)) / Field(self.m, (k, x, self.x0))
        hyps = {self.hypothesis, *h.side_conditions(rhs)} | h.ranges((2, k), (k, self.last))
        params = {"chain": self.hypothesis, "k": k, "y": y, "x": x}
        return make_theorem("chain Bayes", lhs, "=", rhs, hyps, (), params)

    def marginal(self, of: Callable[[Point], Any], k: Any, y: Point, w: Path) -> Theorem:
        """E f(x_k) = ∫ m(k; y, x0) f(y) dy.

        >>> from concordant.theory.kernel.examples import *
        >>> chain = Chain("Q", "q", "m", "r", y, last)
        >>> sorted(h[0] for h in chain.marginal(lambda v: p(v), k, x, w).hyps)
        ['chain', 'converges', 'converges', 'range', 'range']
        """
        return self._tower("path marginal", of, sp.sympify(k), y, w)

    def posterior(self, of: Callable[[Point], Any], k: Any, y: Point, w: Path) -> Theorem:
        """E f(x_{k-1}, x_k) = E ∫ r(k; y, x_k, x0) f(y, x_k) dy, for k ≥ 2; f may mention x_k beside its argument.

        >>> from concordant.theory.kernel.examples import *
        >>> chain = Chain("Q", "q", "m", "r", y, last)
        >>> sorted(str(h[1:]) for h in chain.posterior(lambda v: p(v), k, x, w).hyps if h[0] == "range")
        ['(2, k)', '(k, L)']
        """
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
        return make_theorem(rule, lhs, "=", rhs, hyps, (), {"chain": self.hypothesis, "k": k, "y": y, "h": e, "w": w})


def fundamental_theorem(of: Any, t: Time, low: Any, high: Any) -> Theorem:
    """∫_low^high ∂_t F dt = F(high) - F(low).

    >>> from concordant.theory.kernel.examples import *
    >>> [h[0] for h in fundamental_theorem(p(t), t, 0, 1).hyps]
    ['converges']
    """
    e, low, high = lift(of), sp.sympify(low), sp.sympify(high)
    lhs = over_time(d_dt(e, t), t, low, high)
    rhs = substitute(e, {t: high}) - substitute(e, {t: low})
    params = {"of": e, "t": t, "low": low, "high": high}
    return make_theorem("fundamental theorem", lhs, "=", rhs, [("converges", lhs)], (), params)
