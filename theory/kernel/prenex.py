"""The normal form that decides whether a line holds.

An expression is multiplied out into terms

    coefficient × binders × product of factors

where every bound variable gets a fresh name when its binder is entered, so that nothing is ever captured; derivatives are
taken down to the factors; a factor is a field with its arguments, components and the derivatives on each argument.  A bound
point is a dummy just like a contracted index, so one renaming to the least of all numberings decides pointwise algebra,
linearity, Fubini, Leibniz and index contraction together.  Two expressions are equal if their difference has no term left;
whether a coefficient is zero is decided by the two zero tests for scalars, which must agree.

What this assumes of integrals is not collected here: it is read off the line as written (`hypotheses`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

import sympy as sp

from concordant.theory.kernel.scalars import derivative
from concordant.theory.kernel.terms import (
    COORDINATE,
    DELTA,
    DT,
    DW,
    Add,
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
    Power,
    Refused,
    Step,
    Time,
    _Fresh,
    put_arg,
    put_scalar,
)

LOG = "log"
_fresh = count(1)


class Factor(NamedTuple):
    """A field at its arguments, with components, and derivatives (argument's number, index or None for a time)."""

    name: str
    args: tuple[Any, ...]
    comps: tuple[Index, ...] = ()
    derivs: tuple[tuple[int, Index | None], ...] = ()


class Binder(NamedTuple):
    """A binder of a term; for a path `low` is the name of its law."""

    kind: str
    var: Any
    low: Any
    high: Any


@dataclass(frozen=True)
class Term:
    coef: sp.Expr
    binders: tuple[Binder, ...] = ()
    factors: tuple[tuple[Factor, int], ...] = ()


@dataclass(frozen=True)
class Definition:
    """name(params)_comps := body, or log name(params) := body."""

    name: str
    params: tuple[Any, ...]
    comps: tuple[Index, ...]
    body: Expr
    of_log: bool = False


@dataclass
class Calculus:
    """One evaluation: what may be used, and what was."""

    definitions: Sequence[Definition] = ()
    normalised: frozenset[str] = frozenset()
    under_integral: bool = False
    ito: bool = False
    logs: dict[str, Definition] = field(init=False)

    def __post_init__(self) -> None:
        self.logs = {d.name: d for d in self.definitions if d.of_log}

    # ---------------------------------------------------------------------------------------- multiplying out
    def terms(self, e: Expr, env: dict[Any, Any]) -> list[Term]:
        """The terms of e, its free variables replaced as `env` says."""
        match e:
            case Num(c):
                return [Term(put_scalar(c, env))]
            case Field(name, args, comps):
                moved = tuple(put_arg(a, env) for a in args)
                return [Term(sp.S.One, (), ((Factor(name, moved, _all(comps, env)), 1),))]
            case Add(terms):
                return [t for a in terms for t in self.terms(a, env)]
            case Mul(factors):
                out = [Term(sp.S.One)]
                for a in factors:
                    out = multiply(out, self.terms(a, env))
                return out
            case Power(base, n) if n >= 0:
                return self.terms(Mul((base,) * n), env)
            case Power(base, n):
                return [_reciprocal(self.terms(base, env), n)]
            case Log(of):
                return self.log(of, env)
            case D(body, by, i):
                inner = self.terms(body, env)
                v, j = env.get(by, by), None if i is None else env.get(i, i)
                if not isinstance(v, (Point, Time, _Fresh)):
                    raise Refused(f"a derivative by {v}, which is no variable")
                return [u for t in inner for u in self.diff(t, v, j)]
            case Bind(kind, var, body, low, high, law):
                if kind == "prod":
                    raise Refused("a product may stand only under a logarithm")
                new = _renamed(kind, var)
                first, last = (None if b is None else put_scalar(b, env) for b in (low, high))
                binder = Binder(kind, new, law if kind == "path" else first, last)
                inner = self.terms(body, {**env, var: new})
                return [replace(t, binders=(binder, *t.binders)) for t in inner]
        raise Refused(f"not an expression: {e!r}")

    def log(self, e: Expr, env: dict[Any, Any]) -> list[Term]:
        """The terms of log e, for a product of positive things."""
        match e:
            case Mul(factors):
                return [t for a in factors for t in self.log(a, env)]
            case Power(base, n):
                return [replace(t, coef=n * t.coef) for t in self.log(base, env)]
            case Bind("prod", var, body, low, high, _):
                return self.terms(Bind("sum", var, Log(body), low, high), env)
        inner = self.terms(e, env)
        if len(inner) != 1 or inner[0].binders:
            raise Refused("the logarithm of a sum or an integral: name it first")
        (t,) = inner
        out = [Term(sp.Integer(n) * c, (), fs) for c, fs, n in _log_scalar(t.coef)]
        for f, n in t.factors:
            if f.comps or any(i is not None for _, i in f.derivs):
                raise Refused("the logarithm of a component")
            out.append(Term(sp.Integer(n), (), ((Factor(LOG, (f,)), 1),)))
        return out

    # ---------------------------------------------------------------------------------------- derivatives
    def diff(self, t: Term, v: Any, i: Index | None) -> list[Term]:
        """The derivative of a term in coordinate i of the point v, or in the time v."""
        out = []
        if i is None and (c := derivative(t.coef, v)) != 0:
            out.append(replace(t, coef=c))
        for j, (f, n) in enumerate(t.factors):
            rest = t.factors[:j] + t.factors[j + 1 :] + (((f, n - 1),) if n != 1 else ())
            for c, binders, new in self.diff_factor(f, v, i):
                out.append(Term(t.coef * n * c, t.binders + binders, merge(rest + new)))
        for b in t.binders:
            if any(isinstance(a, sp.Basic) and v in a.free_symbols for a in (b.low, b.high)):
                raise Refused("a derivative by what the bounds of a sum or an integral depend on")
            if b.kind == "path" and out:
                raise Refused("a derivative of an expectation over paths")
            if b.kind in ("int", "time") and out and not self.under_integral:
                raise Refused("a derivative is taken under an integral, without saying so")
        return out

    def diff_factor(
        self, f: Factor, v: Any, i: Index | None
    ) -> Iterator[tuple[sp.Expr, tuple[Binder, ...], tuple[tuple[Factor, int], ...]]]:
        """The derivative of a factor: (coefficient, binders, factors) for each term of it."""
        if f.name == LOG:  # ∂ log p = ∂p/p: all that is known of the logarithm
            inner = f.args[0]
            if isinstance(inner, Factor):
                for c, binders, new in self.diff_factor(inner, v, i):
                    yield c, binders, (*new, (inner, -1))
            elif i is None and (c := derivative(inner, v)) != 0:
                yield c / inner, (), ()
            return
        if f.name == COORDINATE and isinstance(f.args[0], Point):
            if f.args[0] == v and i is not None:
                yield sp.S.One, (), ((Factor(DELTA, (), (f.comps[0], i)), 1),)
            return
        if f.name in self.logs and not f.derivs:  # ∂q = q ∂ log q, where log q is given
            yield from self.diff_log_density(f, v, i)
            return
        for k, a in enumerate(f.args):
            if i is not None:
                if a == v:
                    yield sp.S.One, (), ((_differentiated(f, k, i), 1),)
            elif isinstance(a, Along):
                if (c := derivative(a.time, v)) != 0:
                    velocity = Factor(COORDINATE, (a,), (), ((0, None),))
                    if f.name == COORDINATE:
                        yield c, (), ((_differentiated(f, 0, None), 1),)
                    else:
                        j = _renamed("con", Index("i"))
                        moved = (_differentiated(f, k, j), 1), (velocity._replace(comps=(j,)), 1)
                        yield c, (Binder("con", j, None, None),), moved
            elif isinstance(a, sp.Basic) and (c := derivative(a, v)) != 0:
                yield c, (), ((_differentiated(f, k, None), 1),)

    def diff_log_density(
        self, f: Factor, v: Any, i: Index | None
    ) -> Iterator[tuple[sp.Expr, tuple[Binder, ...], tuple[tuple[Factor, int], ...]]]:
        """q ∂ log q, the logarithm written in: differentiate at held variables first, then put in the arguments."""
        terms, held = self.at_held(self.logs[f.name], f)
        for by, a in held.items():
            if a != v and not _moves(a, v, i):
                continue
            if isinstance(a, Along):
                raise Refused(f"the derivative of {f.name} along a curve: take it at a point first")
            factor = sp.S.One if i is not None else derivative(a, v)
            for t in (u for w in terms for u in self.diff(w, by, i)):
                t = put_term(t, held)
                yield factor * t.coef, t.binders, ((f, 1), *t.factors)

    def at_held(self, d: Definition, f: Factor) -> tuple[list[Term], dict[Any, Any]]:
        """The definition's body with held variables for its parameters, and the arguments to put back for them."""
        held = {p: _renamed("int" if isinstance(p, Point) else "time", p) for p in d.params}
        env = {**held, **dict(zip(d.comps, f.comps, strict=True))}
        return self.terms(d.body, env), {held[p]: a for p, a in zip(d.params, f.args, strict=True)}

    # ---------------------------------------------------------------------------------------- definitions
    def unfold(self, terms: list[Term]) -> list[Term]:
        """Definitions written in, those that use others first, so that what cancels does so before it is unfolded."""
        for d in ordered(self.definitions):
            done: list[Term] = []
            work = list(terms)
            while work:
                t = work.pop()
                for j, (f, n) in enumerate(t.factors):
                    new = self.unfolded(d, f, n)
                    if new is None:
                        continue
                    power, replacement = new
                    left = ((f, n - power),) if n != power else ()
                    rest = Term(t.coef, t.binders, t.factors[:j] + left + t.factors[j + 1 :])
                    work += multiply([rest], replacement)
                    break
                else:
                    done.append(t)
            terms = done
        return terms

    def unfolded(self, d: Definition, f: Factor, n: int) -> tuple[int, list[Term]] | None:
        """(how much of the power is used up, the terms for it), or None if this factor is not the definition's."""
        inner = f.args[0] if f.name == LOG else f
        if not isinstance(inner, Factor) or inner.name != d.name:
            return None
        if d.of_log:
            if f.name != LOG or n < 0 or inner.derivs:
                return None
            return 1, self._body(d, inner)
        if f.name == LOG:
            if n < 0 or inner.derivs:
                return None
            try:
                env = {**dict(zip(d.params, inner.args, strict=True)), **dict(zip(d.comps, inner.comps, strict=True))}
                return 1, self.log(d.body, env)
            except Refused:
                return None
        body = self._body(d, inner)
        if n > 0:
            return 1, body
        if len(body) == 1 and not body[0].binders and body[0].factors:
            return n, [_reciprocal(body, n)]
        return None

    def _body(self, d: Definition, f: Factor) -> list[Term]:
        terms, held = self.at_held(d, f)
        by = list(held)
        for slot, i in f.derivs:
            terms = [u for t in terms for u in self.diff(t, by[slot], i)]
        return [put_term(t, held) for t in terms]

    # ---------------------------------------------------------------------------------------- switches
    def rewrite(self, terms: list[Term]) -> list[Term]:
        """The terms after all that is switched on."""
        terms = self.unfold(terms)
        if self.normalised:
            terms = [self.integrate_out(t) for t in terms]
        return [u for t in terms if (u := _table(t)) is not None] if self.ito else terms

    def integrate_out(self, t: Term) -> Term:
        """∫ q(x | …) dx = 1 where nothing else depends on x."""
        again = True
        while again:
            again = False
            for j, (f, n) in enumerate(t.factors):
                if f.name not in self.normalised or n != 1 or f.derivs or not f.args:
                    continue
                x, rest = f.args[0], t.factors[:j] + t.factors[j + 1 :]
                bound = [b for b in t.binders if b.kind == "int" and b.var == x]
                if bound and not mentions(rest, x) and not mentions(f.args[1:], x):
                    t = Term(t.coef, tuple(b for b in t.binders if b != bound[0]), rest)
                    again = True
                    break
        return t


# ------------------------------------------------------------------------------------------------ on terms
def _renamed(kind: str, var: Any) -> Any:
    name = f"{kind}#{next(_fresh)}"
    if isinstance(var, sp.Symbol):
        return _Fresh(name, integer=True) if kind == "sum" or isinstance(var, Step) else _Fresh(name, real=True)
    return type(var)(name)


def _all(comps: tuple[Index, ...], env: dict[Any, Any]) -> tuple[Index, ...]:
    return tuple(env.get(i, i) for i in comps)


def _moves(a: Any, v: Any, i: Index | None) -> bool:
    """Whether an argument changes with the time v."""
    if i is not None:
        return False
    when = a.time if isinstance(a, Along) else a
    return isinstance(when, sp.Basic) and bool(derivative(when, v) != 0)


def _differentiated(f: Factor, slot: int, i: Index | None) -> Factor:
    return f._replace(derivs=tuple(sorted((*f.derivs, (slot, i)), key=repr)))


def _reciprocal(terms: list[Term], n: int) -> Term:
    """One term to a negative power."""
    if len(terms) != 1 or terms[0].binders:
        raise Refused("the reciprocal of a sum or an integral: name it first")
    (t,) = terms
    return Term(t.coef**n, (), merge(tuple((f, m * n) for f, m in t.factors)))


def _log_scalar(c: sp.Expr) -> Iterator[tuple[sp.Expr, tuple[tuple[Factor, int], ...], int]]:
    """log of a scalar, as coefficients times logs of what can't be taken further apart."""
    for part in sp.Mul.make_args(c):
        if isinstance(part, sp.exp):
            yield part.args[0], (), 1
            continue
        base, n = part.as_base_exp()
        content, rest = base.primitive() if base.is_Add else (base, sp.S.One) if base.is_Rational else (sp.S.One, base)
        if content <= 0:
            raise Refused(f"the logarithm of {base}")
        for prime, m in sp.factorrat(content).items():
            yield n * m, ((Factor(LOG, (sp.Integer(prime),)), 1),), 1
        if rest != 1:
            yield n, ((Factor(LOG, (rest,)), 1),), 1


def merge(factors: tuple[tuple[Factor, int], ...]) -> tuple[tuple[Factor, int], ...]:
    """Equal factors taken together as powers; factors with components stay apart, since their indices are contracted."""
    powers: dict[Factor, int] = {}
    apart: list[tuple[Factor, int]] = []
    for f, n in factors:
        if f.comps or any(i is not None for _, i in f.derivs):
            if n < 0:
                raise Refused("division by a component")
            apart += [(f, 1)] * n
        else:
            powers[f] = powers.get(f, 0) + n
    return tuple((f, n) for f, n in powers.items() if n) + tuple(apart)


def multiply(a: Iterable[Term], b: list[Term]) -> list[Term]:
    """All products of a term of a and one of b."""
    return [Term(x.coef * y.coef, x.binders + y.binders, merge(x.factors + y.factors)) for x in a for y in b]


def put(o: Any, m: dict[Any, Any]) -> Any:
    """Variables replaced everywhere inside o."""
    if isinstance(o, tuple) and variables(o).isdisjoint(m):
        return o
    match o:
        case Factor(name, args, comps, derivs):
            moved = put(derivs, m)
            return Factor(
                name, put(args, m), put(comps, m), derivs if moved is derivs else tuple(sorted(moved, key=repr))
            )
        case Binder(kind, var, low, high):
            return Binder(kind, put(var, m), put(low, m), put(high, m))
        case sp.Basic() | At() | Along() | Point():
            return put_arg(o, m)
        case tuple():
            return tuple(put(a, m) for a in o)
        case Index() | Path():
            return m.get(o, o)
    return o


def put_term(t: Term, m: dict[Any, Any]) -> Term:
    """Variables of a term replaced."""
    return Term(put_scalar(t.coef, m), put(t.binders, m), put(t.factors, m))


def mentions(o: Any, v: Any) -> bool:
    """Whether the variable v occurs in o."""
    return v in variables(o)


@lru_cache(maxsize=1 << 16)
def variables(o: Any) -> frozenset[Any]:
    """The variables that occur in o, among other things that are none."""
    match o:
        case At(path, k):
            return frozenset(k.free_symbols) | {path}
        case Along(_, t):
            return frozenset(t.free_symbols)
        case sp.Basic():
            return frozenset(o.free_symbols)
        case tuple():
            return frozenset().union(*map(variables, o))
    return frozenset((o,))


def ordered(definitions: Sequence[Definition]) -> list[Definition]:
    """Definitions, each before those that it uses."""
    from concordant.theory.kernel.terms import names

    left, out = list(definitions), []
    while left:
        top = [d for d in left if not any(d.name in names(o.body) for o in left if o is not d)]
        if not top:
            raise Refused("definitions that use each other")
        out += top
        left = [d for d in left if d not in top]
    return out


def _table(t: Term) -> Term | None:
    """Itô's table: dw_i dw_j = δ_ij dt, and all else of second order vanishes."""
    noises = [f for f, _ in t.factors if f.name == DW]
    times = sum(n for f, n in t.factors if f.name == DT)
    if times < 0:
        raise Refused("division by dt")
    if len(noises) + 2 * times > 2:
        return None
    if len(noises) == 2:
        rest = tuple((f, n) for f, n in t.factors if f.name != DW)
        square = ((Factor(DELTA, (), (noises[0].comps[0], noises[1].comps[0])), 1), (Factor(DT, ()), 1))
        return replace(t, factors=merge(rest + square))
    return t
