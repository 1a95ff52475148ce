"""Check a certificate again: plain Python, nothing of ours imported, and no normal form.  FORMAT.md says what one is.

    python replay.py certificate.json …

Every rule but `line` is checked by its shape, and the hypotheses of every step are recomputed and must be those stated.
A `line` claims  lhs − rhs − Σ_premises (lhs_j − rhs_j) = 0  and is evaluated in random finite models over F_P:

    R^D                     a few sites; ∫ dx is Σ over them with random weights; a free point is a site of its own
    Σ_k, Π_k and ∫ dt       Σ (Π) over a few random places with random weights, drawn anew for each pair of bounds
    E over a path           Σ over a few random paths, each a random map from steps to sites, with weights that add up to 1
    Σ_i                     really Σ_{i=1..D}, for D = 1, 2, 3 and on; free indices run through every pattern of coincidence
    a field                 a random table; each of its derivatives another one (sorted: mixed partials commute)
    a field with `where`    computed from its body; with `where log`, a random table q with ∂q = q ∂(log q)
    a normalised field      a random table whose rows add up to 1 over the first argument
    log                     log ab = log a + log b; of a field or a number, a random table; ∂ log p = ∂p / p
    dw_i, dt                with `ito`: ±P and P² in Z/P³, which must vanish to second order, on average over the signs

Why a false line doesn't pass.  Linearity, Fubini, Leibniz, the product and chain rules are theorems about these models, and
nothing else is built in: sums of different bounds are unrelated, laws are no chains, tables have no derivative relation
(telescoping, Bayes, integration by parts come as premises whose rules are axioms).  A line is a polynomial identity in the
tables.  If it is false it has a monomial that doesn't cancel; that monomial needs at most as many sites as it has binders
and as many dimensions as it has contractions and factors D (`breadth`), and so many are tried.  Then Schwartz and Zippel: a
polynomial of degree d that isn't zero vanishes at a random point with probability at most d/P, below 2^−100.  P and all
draws are new in each run, so that no certificate can be made to fit them.

Roots.  P ≡ 3 mod 4, so of ±a one is a square, and the root of a square that is itself a square is multiplicative: it plays
the positive root.  P ≡ −1 modulo 8·3·5·…·47 makes all positive rationals of small factors squares.  What is declared
positive is drawn as a square; for other radicands (1 − β) all is drawn again until every factor is one.
"""

from __future__ import annotations

import json
import random
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import pairwise, product
from math import gcd, prod
from typing import Any


def prime() -> int:
    """A random prime ≡ −1 modulo 8·3·5·…·47.  As it is ≡ 3 mod 4, this is the test of Miller and Rabin."""
    while True:
        p = 4 * 614889782588491410 * (1 + secrets.randbits(64)) - 1
        if all(pow(2 + secrets.randbelow(p - 3), (p - 1) // 2, p) in (1, p - 1) for _ in range(50)):
            return p


P = prime()
GRAMMAR = {  # what follows a tag: S, A, E; N name, Z whole number; a, n, d lists of A, N, D; ? name or null; * read by `special`
    "S": {"q": "ZZ", "c": "N", "v": "N", "pi": "", "f": "NS", "+": "SS+", "*": "SS+", "^": "SS"},
    "A": {"pt": "N", "at": "NS", "along": "NS", "sc": "S"},
    "E": {"num": "S", "field": "Nan", "add": "E+", "mul": "E+", "pow": "EZ", "log": "E", "d": "EN?", "bind": "NN**E"},
    "D": {"where": "NnnE", "where log": "NnnE"},
    "C": {"chain": "NNNNNS"},
}
LISTS = {"a": "A", "n": "N", "d": "D"}
SORT = {"con": "i", "int": "pt", "path": "path", "sum": "v", "prod": "v", "time": "v"}  # what a binder binds
ANALYTIC = ("int", "path", "time")
SPECIAL = {"@": (("pt",), 1), "δ": ((), 2), "dt": ((), 0), "dw": ((), 1), "□": ((), 0)}
HOLE, ZERO, ONE = ("field", "□", (), ()), ("num", ("q", 0, 1)), ("q", 1, 1)
Tree = tuple[Any, ...]  # a JSON list, frozen
Var = tuple[str, str]  # sort and name
Env = dict[Any, Any]  # values of variables
Where = dict[str, Tree]


class Bad(Exception):
    """The certificate is refused, and why."""


class Unlucky(Exception):
    """This model has a division by zero, or no root: how many other draws to try."""


def need(condition: bool, why: str, about: Any = None) -> None:
    if not condition:
        raise Bad(why + (f": {thaw(about)[:300]}" if about is not None else ""))


# ---------------------------------------------------------------------------------------------------- reading
def freeze(v: Any) -> Any:
    """JSON with tuples for lists, so that it can be compared and hashed; neither floats nor booleans."""
    if isinstance(v, list):
        return tuple(map(freeze, v))
    need(v is None or type(v) in (int, str), f"{v!r} can't stand in a certificate")
    return v


def thaw(v: Any) -> str:
    return json.dumps(v, ensure_ascii=False)


@dataclass
class Reader:
    """Refuses what isn't in the format, and gathers what must be one throughout a certificate."""

    declared: set[Var] = field(default_factory=set)
    positive: set[Var] = field(default_factory=lambda: {("c", "D")})
    holes: bool = False
    shapes: dict[str, Any] = field(default_factory=lambda: dict(SPECIAL))  # the arguments that each field has
    where: Where = field(default_factory=dict)
    chains: Where = field(default_factory=dict)

    def declare(self, tag: str, names: Any, known: list[str]) -> None:
        """Constants or functions.  All are real, and assumptions come in one order."""
        need(isinstance(names, dict), "declarations must be an object")
        for n, said in names.items():
            need("real" in said and said == [a for a in known if a in said], f"assumptions of {n}: {said!r}")
            need((tag, n) != ("c", "D") or said == known, "D is the dimension, a positive whole number")
            self.declared.add((tag, n))
            self.positive |= {(tag, n)} if "positive" in said else set()

    def read(self, kind: str, v: Any) -> None:
        if kind in LISTS:
            need(isinstance(v, tuple), "something is no list", v)
            for a in v:
                self.read(LISTS[kind], a)
        elif kind in GRAMMAR:
            tag = v[0] if isinstance(v, tuple) and v and isinstance(v[0], str) else ""
            need(tag in GRAMMAR[kind], "something isn't in the format", v)
            kinds = GRAMMAR[kind][tag]
            if kinds[-1:] == "+":
                kinds = kinds[:-1] + kinds[-2] * (len(v) - len(kinds))
            need(len(v) == 1 + len(kinds), "something has the wrong length", v)
            for k, a in zip(kinds, v[1:], strict=True):
                self.read(k, a)
            self.special(v)
        elif kind == "N" or (kind == "?" and v is not None):
            need(isinstance(v, str) and v != "", "something is no name", v)
        elif kind == "Z":
            need(type(v) is int, "something is no whole number", v)

    def special(self, v: Tree) -> None:
        """What the grammar doesn't say."""
        match v:
            case ("q", p, q):
                need(q > 0 and gcd(p, q) == 1, "a fraction that isn't in its lowest terms")
            case ("^", base, n):
                need(n[0] == "q" and n[2] in (1, 2), "an exponent that is neither whole nor half-integer")
                need(n[2] == 1 or ("c", "D") not in walk(base), "a root of D")
            case ("c", n):
                need(v in self.declared, f"{n} isn't declared")
            case ("f", n, _):
                need({("f", n), ("f", n.rstrip("'"))} & self.declared != set(), f"{n} isn't declared")
            case ("field", n, args, comps):
                need(self.holes or n != "□", "a hole outside a context")
                shape = tuple("v" if a[0] == "sc" else "pt" for a in args), len(comps)
                need(self.shapes.setdefault(n, shape) == shape, f"{n} has other arguments elsewhere")
            case ("bind", kind, _, low, high, _):
                need(kind in SORT, f"no binder {kind}")
                bounds = {"path": "N-", "con": "--", "int": "--"}.get(kind, "SS")
                for k, b in zip(bounds, (low, high), strict=True):
                    need(b is None, f"a bound at a binder {kind}") if k == "-" else self.read(k, b)
            case ("where" | "where log" as kind, n, params, comps, body):
                need(n not in SPECIAL and (kind == "where" or not comps), f"{n} can't be defined so")
                need(len({*params, *comps}) == len(params) + len(comps), f"{n} is defined with a parameter twice")
                known = {("i", i) for i in comps} | {(sort, x) for x in params for sort in ("v", "pt")}
                need(free(body) <= known, f"{n} is defined with a variable that is no parameter")
                need(self.where.setdefault(n, v) == v, f"{n} has two definitions")
                need(n not in reached(body, self.where), f"{n} is defined by itself")
            case ("chain", law, q, m, r, *_):
                need(len({q, m, r}) == 3 and not {q, m, r} & set(SPECIAL), "q, m and r must be three fields")
                need(self.chains.setdefault(law, v) == v, f"the law {law} has two chains")

    def hypothesis(self, h: Any) -> None:
        """Read what others depend on; all the rest of a hypothesis is compared with what it must be."""
        need(isinstance(h, tuple) and bool(h), "something is no hypothesis", h)
        if h[0] in ("where", "where log", "chain"):
            self.read("C" if h[0] == "chain" else "D", h)
        elif h[0] == "for every test function":
            self.hypothesis(h[-1])


# ---------------------------------------------------------------------------------------------------- walking about
def parts(v: Tree) -> Iterable[Tree]:
    """The expressions, arguments and scalars directly inside v."""
    return v[2] if v[0] == "field" else (a for a in v[1:] if isinstance(a, tuple))


def walk(v: Tree) -> Iterator[Tree]:
    yield v
    for a in parts(v):
        yield from walk(a)


def rebuild(v: Tree, f: Callable[[Tree], Tree]) -> Tree:
    """v with f applied to what is directly inside it."""
    if v[0] == "field":
        return (*v[:2], tuple(map(f, v[2])), *v[3:])
    return tuple(f(a) if isinstance(a, tuple) else a for a in v)


def by_what(x: str, i: str | None) -> Var:
    """The variable of a derivative."""
    return ("v" if i is None else "pt", x)


@lru_cache(10**5)
def free(v: Tree) -> frozenset[Var]:
    """The free variables of an expression, argument or scalar."""
    inside = frozenset[Var]().union(*map(free, parts(v)))
    match v:
        case ("v" | "pt", n):
            return frozenset([(v[0], n)])
        case ("at", w, _):
            return inside | {("path", w)}
        case ("field", _, _, comps, *_):
            return inside | {("i", c) for c in comps if isinstance(c, str)}
        case ("d", _, x, i):
            return inside | {by_what(x, i)} | ({("i", i)} if i is not None else set())
        case ("bind", kind, x, *bounds, body):
            return (free(body) - {(SORT[kind], x)}).union(*(free(b) for b in bounds if isinstance(b, tuple)))
    return inside


def outermost(e: Tree, wanted: Callable[[Tree], bool]) -> list[Tree]:
    return [e] if wanted(e) else [b for a in parts(e) for b in outermost(a, wanted)]


def integral(e: Tree) -> bool:
    return e[0] == "bind" and e[1] in ANALYTIC


def reached(e: Tree, where: Where) -> set[str]:
    """The names of the fields in e, also by way of definitions."""
    out: set[str] = set()
    todo = {a[1] for a in walk(e) if a[0] == "field"}
    while todo:
        out |= todo
        todo = {a[1] for n in todo if n in where for a in walk(where[n][4]) if a[0] == "field"} - out
    return out


def put(e: Tree, m: dict[Var, Tree]) -> Tree:
    """e with free times or steps (by scalars) and points (by arguments) replaced, all at once; capture is refused.

    A derivative captures too: ∂_t F(x, t) at x = z(t) is not ∂_t F(z(t), t).
    """
    m = {v: to for v, to in m.items() if v in free(e)}
    if not m:
        return e
    match e:
        case ("v" | "pt", _):
            return m[e]
        case ("d", a, x, i):
            by = by_what(x, i)
            to = m.get(by, by)
            need(to[0] == by[0], "something is put for the variable of a derivative")
            others = (free(m.get(v, v)) for v in free(a) - {by})
            need(not any(to in vs for vs in others), f"{to[1]} would be captured")
            return ("d", put(a, m), to[1], i)
        case ("bind", kind, x, low, high, a):
            mine = (SORT[kind], x)
            inner = {v: to for v, to in m.items() if v in free(a) - {mine}}
            need(not any(mine in free(to) for to in inner.values()), f"{x} would be captured")
            return ("bind", kind, x, *(put(b, m) if isinstance(b, tuple) else b for b in (low, high)), put(a, inner))
    return rebuild(e, lambda a: put(a, m))


def replace(e: Tree, old: Tree, new: Tree) -> Tree:
    """e with `new` for every `old`, whatever is bound around it: so a hole is filled."""
    return new if e == old else rebuild(e, lambda a: replace(a, old, new))


def add(*terms: Tree) -> Tree:
    return ("add", *terms)


def mul(*factors: Tree) -> Tree:
    return ("mul", *factors)


def minus(e: Tree) -> Tree:
    return mul(("num", ("q", -1, 1)), e)


def over(kind: str, x: str, e: Tree, low: Any = None, high: Any = None) -> Tree:
    return ("bind", kind, x, low, high, e)


def plus(s: Tree, n: int) -> Tree:
    return ("+", s, ("q", n, 1))


def difference(u: Tree, v: Tree) -> Tree:
    return ("+", u, ("*", ("q", -1, 1), v))


# ---------------------------------------------------------------------------------------------------- derivatives
def slope(s: Tree, v: str) -> Tree:
    """ds/dv of a scalar."""
    match s:
        case ("v", n):
            return ("q", int(n == v), 1)
        case ("f", n, a):
            return ("*", ("f", n + "'", a), slope(a, v))
        case ("+", *terms):
            return ("+", *(slope(a, v) for a in terms))
        case ("*", *factors):
            return ("+", *(("*", *factors[:k], slope(a, v), *factors[k + 1 :]) for k, a in enumerate(factors)))
        case ("^", a, ("q", p, q)):
            return ("*", ("q", p, q), ("^", a, ("q", p - q, q)), slope(a, v))
    return ("q", 0, 1)


@lru_cache(10**5)
def diff(e: Tree, var: Var, i: int, dim: int, leave: bool) -> Tree:
    """∂e/∂var as a tree: in coordinate i of a point, or in a time (i = 0).

    The coordinate is a number, so that no binder inside can capture it.  A field gets its derivatives as a fifth entry:
    pairs (argument, coordinate).  `leave` is the leave to differentiate under an integral.
    """
    if var not in free(e):
        return ZERO
    d = partial(diff, var=var, i=i, dim=dim, leave=leave)
    match e:
        case ("num", s):
            return ("num", slope(s, var[1]))
        case ("field", "@", (("pt", _),), (c,)):
            return ("is", c, i)
        case ("field", n, args, comps, *old):
            out = []
            for k, a in enumerate(args):
                if var in free(a):
                    need(a[0] != "at", "a derivative by the step of a path")
                    outer = ("num", ONE if a[0] == "pt" else slope(a[-1], var[1]))
                    moves = range(1, dim + 1) if a[0] == "along" and n != "@" else (i,)
                    for j in moves:  # ∂_t F(z(t)) = Σ_j ∂_j F ∂_t z_j
                        seen = ("field", n, args, comps, tuple(sorted([*(old[0] if old else ()), (k, j)])))
                        out.append(mul(outer, seen, *[("field", "@", (a,), (j,), ((0, 0),))] * (moves != (i,))))
            return add(*out)
        case ("add", *terms):
            return add(*map(d, terms))
        case ("mul", *factors):
            return add(*(mul(*factors[:k], d(a), *factors[k + 1 :]) for k, a in enumerate(factors) if var in free(a)))
        case ("pow", a, n):
            return mul(("num", ("q", n, 1)), ("pow", a, n - 1), d(a))
        case ("log", a):
            return mul(d(a), ("pow", a, -1))
        case ("d", a, x, j):
            return ("d", d(a), x, j)
        case ("bind", kind, x, low, high, a):
            need(not any(var in free(b) for b in (low, high) if isinstance(b, tuple)), "a derivative by a bound")
            need(kind != "prod", "a derivative of a product over steps")
            need(leave or kind not in ANALYTIC, "a derivative is taken inside an integral without `under_integral`")
            return over(kind, x, d(a), low, high)
    return ZERO  # of ∂x_j/∂x_i


# ---------------------------------------------------------------------------------------------------- finite models
@dataclass(frozen=True)
class Rules:
    """What a line may use; `leave` is the leave to differentiate under an integral."""

    where: Where = field(default_factory=dict)
    normalised: tuple[str, ...] = ()
    ito: bool = False
    leave: bool = False
    positive: frozenset[Var] = frozenset()


class Model:
    def __init__(self, rules: Rules, dim: int, sites: int) -> None:
        self.rules, self.dim, self.sites = rules, dim, sites
        self.modulus = P**3 if rules.ito else P
        self.random = random.Random(secrets.randbits(256))
        self.signs: Tree = ()
        self.table: dict[Any, int] = {}
        self.memo: dict[Any, int] = {}

    def draw(self, *key: Any) -> int:
        if key not in self.table:
            r = self.random.randrange(1, self.modulus)
            self.table[key] = r * r % self.modulus if key[:2] in self.rules.positive or key[0] == "pi" else r
        return self.table[key]

    # -------------------------------------------------------------------------------- scalars
    def power(self, a: int, n: int) -> int:
        if n < 0 and a % P == 0:
            raise Unlucky(3)
        return int(pow(a, n, self.modulus))

    def scalar(self, s: Tree, env: Env) -> int:
        match s:
            case ("q", p, q):
                return int(p) * self.power(q, -1) % self.modulus
            case ("c", "D"):
                return self.dim
            case ("v", _):
                return int(env[s])
            case ("f", n, a):
                return self.draw("f", n, self.scalar(a, env))
            case ("+", *terms):
                return sum(self.scalar(a, env) for a in terms) % self.modulus
            case ("*", *terms):
                return prod(self.scalar(a, env) for a in terms) % self.modulus
            case ("^", a, ("q", p, q)):
                return self.power(self.scalar(a, env) if q == 1 else self.root(a, env), p)
        return self.draw(*s)  # a constant, or π

    def root(self, a: Tree, env: Env) -> int:
        if any(pow(self.scalar(f, env), (P - 1) // 2, P) != 1 for f in factors(a)):
            raise Unlucky(300)
        squares = self.modulus // P * ((P - 1) // 2)  # how many there are: an odd number, so that roots are powers
        return self.power(self.scalar(a, env), (squares + 1) // 2)

    def log_scalar(self, s: Tree, env: Env) -> int:
        match s:
            case ("q", p, q):
                need(p > 0, "a logarithm of what isn't positive")
                return sum(sign * self.draw("log", n) for n, sign in ((p, 1), (q, -1)) if n > 1)
            case ("*", *terms):
                return sum(self.log_scalar(a, env) for a in terms)
            case ("^", a, n):
                return self.scalar(n, env) * self.log_scalar(a, env)
        return self.draw("log", self.scalar(s, env))

    # -------------------------------------------------------------------------------- expressions
    def __call__(self, e: Tree, env: Env) -> int:
        match e:
            case ("num", s):
                return self.scalar(s, env)
            case ("is", c, i):
                return int(env["i", c] == i)
            case ("field", n, args, comps, *derivs):
                return self.field(n, *self.entry(args, comps, env), derivs[0] if derivs else (), args)
            case ("add", *terms):
                return sum(self(a, env) for a in terms) % self.modulus
            case ("mul", *terms):
                out = 1
                for a in terms:
                    out = out and out * self(a, env) % self.modulus
                return out
            case ("pow", a, n):
                return self.power(self(a, env), n)
            case ("log", a):
                return self.log(a, env) % self.modulus
            case ("d", a, x, i):
                return self(
                    diff(a, by_what(x, i), env["i", i] if i is not None else 0, self.dim, self.rules.leave), env
                )
        _, kind, x, _, _, a = e
        values = [(w, self(a, {**env, (SORT[kind], x): at})) for w, at in self.places(e, env)]
        if kind == "prod":
            return prod(self.power(v, w) for w, v in values) % self.modulus
        return sum(w * v for w, v in values) % self.modulus

    def places(self, e: Tree, env: Env) -> list[tuple[int, Any]]:
        """What a binder runs through, with weights."""
        _, kind, _, low, high, _ = e
        if kind == "con":
            return [(1, i) for i in range(1, self.dim + 1)]
        if kind == "int":
            return [(self.draw("dx", x), x) for x in range(self.sites)]
        if kind == "path":
            weights = [self.draw("weight", low, n) for n in range(self.sites - 1)]
            return [(w, ("path", low, n)) for n, w in enumerate([*weights, 1 - sum(weights)])]
        of = (kind == "time", self.scalar(low, env), self.scalar(high, env))
        return [(self.draw("weight", *of, n), self.draw("place", *of, n)) for n in range(self.sites)]

    def entry(self, args: Tree, comps: Tree, env: Env) -> tuple[Tree, Tree]:
        """Where in a field's table to look: the values of its arguments and of its indices."""

        def value(a: Tree) -> Any:
            if a[0] == "pt":
                return env[a]
            s = self.scalar(a[-1], env)
            return s if a[0] == "sc" else (a[0], env["path", a[1]] if a[0] == "at" else a[1], s)

        return tuple(map(value, args)), tuple(env["i", c] if isinstance(c, str) else c for c in comps)

    def field(self, n: str, at: Tree, on: Tree, derivs: Tree, args: Tree) -> int:
        if n == "δ":
            return int(on[0] == on[1])
        if self.rules.ito and n in ("dt", "dw"):
            return P * P if n == "dt" else P * int(self.signs[on[0] - 1])
        if n not in self.rules.where:
            return self.plain(n, at, on, derivs)
        if (n, at, on, derivs) not in self.memo:
            self.memo[n, at, on, derivs] = self.defined(n, at, on, derivs, args)
        return self.memo[n, at, on, derivs]

    def plain(self, n: str, at: Tree, on: Tree, derivs: Tree) -> int:
        if n in self.rules.normalised and not derivs and at[0] == self.sites - 1:
            rest = sum(self.draw("dx", x) * self.plain(n, (x, *at[1:]), on, ()) for x in range(self.sites - 1))
            return (1 - rest) * self.power(self.draw("dx", at[0]), -1) % self.modulus
        return self.draw("field", n, at, on, derivs)

    def inside(self, n: str, at: Tree, on: Tree, args: Tree) -> tuple[Tree, Env, list[Var]]:
        """The body of a definition, the environment that it is evaluated in (its parameters only), and these."""
        _, _, params, comps, body = self.rules.where[n]
        slots = slots_of(params, args)
        return body, dict(zip([*slots, *(("i", c) for c in comps)], [*at, *on], strict=True)), slots

    def defined(self, n: str, at: Tree, on: Tree, derivs: Tree, args: Tree) -> int:
        body, env, slots = self.inside(n, at, on, args)
        log = self.rules.where[n][0] == "where log"
        ratio: Tree = ("num", ONE)
        for k, i in derivs:
            d = partial(diff, var=slots[k], i=i, dim=self.dim, leave=self.rules.leave)
            if log:  # ∂(q · ratio) = q · (ratio ∂log q + ∂ratio)
                ratio = add(mul(ratio, d(body)), d(ratio))
            else:
                body = d(body)
        return self.plain(n, at, on, ()) * self(ratio, env) % self.modulus if log else self(body, env)

    def log(self, e: Tree, env: Env) -> int:
        match e:
            case ("num", s):
                return self.log_scalar(s, env)
            case ("mul", *terms):
                return sum(self.log(a, env) for a in terms)
            case ("pow", a, n):
                return int(n) * self.log(a, env)
            case ("bind", "prod", x, _, _, a):
                return sum(w * self.log(a, {**env, ("v", x): k}) for w, k in self.places(e, env))
            case ("field", n, args, comps, *_):
                at, on = self.entry(args, comps, env)
                if n in self.rules.where:
                    body, inner, _ = self.inside(n, at, on, args)
                    if self.rules.where[n][0] == "where log":
                        return self(body, inner)
                    if monomial(body):
                        return self.log(body, inner)
                return self.draw("log", n, at, on)
        raise Bad("a logarithm of what is no product: name it first")


def slots_of(params: Iterable[str], args: Iterable[Tree]) -> list[Var]:
    """The variables that a definition's parameters are, for a field with such arguments."""
    return [("v" if a[0] == "sc" else "pt", x) for x, a in zip(params, args, strict=True)]


def monomial(e: Tree) -> bool:
    if e[0] in ("mul", "pow") or e[:2] == ("bind", "prod"):
        return all(monomial(a) for a in parts(e) if a[0] in GRAMMAR["E"])
    return e[0] in ("num", "field")


def factors(s: Tree) -> list[Tree]:
    """The factors of a scalar: (ab²)^½ has a and b."""
    if s[0] == "*":
        return [f for a in s[1:] for f in factors(a)]
    return factors(s[1]) if s[0] == "^" else [s]


def breadth(e: Tree, con: bool, where: Where, nd: int = 0) -> tuple[int, int]:
    """How many contractions and factors D (con), or other binders, a product in e has: in a numerator, in denominators.

    An upper bound.  `nd` derivatives stand over e: each may differentiate a function, a power or a log once more.
    """
    inner = [breadth(a, con, where, nd + (e[0] == "d")) for a in parts(e)]
    up, down = sum(u for u, _ in inner), sum(d for _, d in inner)
    match e:
        case ("c", "D"):
            return int(con), 0
        case ("+" | "add", *_):
            return max(u for u, _ in inner), down
        case ("^", _, (_, n, _)) | ("pow", _, n):
            return (
                (n * up, n * down)
                if n >= nd or (n >= 0 and e[0] == "pow")
                else (nd * (up + down), (nd - n) * (up + down))
            )
        case ("log" | "f", _, *_):
            return up * (1 + nd), (up + down) * (1 + nd)
        case ("bind", kind, *_):
            return up + ((kind == "con") == con), down
        case ("field", n, args, *_):
            up, down = up * (1 + nd) + nd * (con and any(a[0] == "along" for a in args)), down * (1 + nd)
            if n in where:
                u, d = breadth(where[n][4], con, where, nd)
                times = max(1, nd) if where[n][0] == "where log" else 1
                return up + times * u, down + times * d
    return up, down


def patterns(names: list[str], dim: int) -> Iterator[Env]:
    """Values of the free indices, one for each way in which some may coincide."""
    for values in product(range(1, dim + 1), repeat=len(names)):
        if all(v <= 1 + max(values[:k], default=0) for k, v in enumerate(values)):
            yield {("i", n): v for n, v in zip(names, values, strict=True)}


def vanishes(e: Tree, rules: Rules) -> bool:
    """Whether e = 0 in every model.  A dimension that the line's own conditions exclude (1/(D−1)) is passed over."""
    dims = max(3, 1 + sum(breadth(e, True, rules.where)))
    sites = max(3, 1 + sum(breadth(e, False, rules.where)))
    need(dims <= 12 and sites <= 24, "too many binders in one product")
    tried = skipped = 0
    while tried < dims:
        try:
            if not vanishes_in(Model(rules, 1 + tried + skipped, sites), e):
                return False
            tried += 1
        except Unlucky:
            skipped += 1
            need(skipped < 4, "no model has the roots and quotients of this line: is something under a root negative?")
    return True


def vanishes_in(model: Model, e: Tree) -> bool:
    """Whether e = 0 in this model, for all values of the free indices; draws are taken again while they are unlucky."""
    names = sorted(n for sort, n in free(e) if sort == "i")
    attempt = 0
    while True:
        try:
            return all(average(model, e, indices) == 0 for indices in patterns(names, model.dim))
        except Unlucky as u:
            attempt += 1
            model.table = {}
            if attempt >= u.args[0]:
                raise


def average(model: Model, e: Tree, indices: Env) -> int:
    """The value of e, summed over the signs of dw; what isn't of second order in each of them already counts."""
    total = 0
    for signs in product((1, -1), repeat=model.dim if model.rules.ito else 0):
        model.signs, model.memo = signs, {}
        env = {var: model.draw(*var) if var[0] == "v" else ("free", *var) for var in free(e)} | indices
        value = model(e, env)
        if model.rules.ito and value % P**2:
            return value
        total += value
    return total % model.modulus


class Formal(Model):
    """Scalars compared by their values, roots being known by their radicands only: for shapes that substitution made."""

    def __init__(self) -> None:
        super().__init__(Rules(), secrets.randbelow(P), 1)

    def root(self, a: Tree, env: Env) -> int:
        return self.draw("root", self.scalar(a, env))

    def value(self, s: Tree) -> int:
        return self.scalar(s, {var: self.draw(*var) for var in free(s)})

    def shape(self, e: Tree, env: Env, depth: int = 0) -> Tree:
        """e with values for scalars, numbers for bound names, and sums of sums and products of products made flat."""
        match e:
            case ("num", s):
                return ("num", self.scalar(s, env))
            case ("field", n, args, comps):
                return ("field", n, *self.entry(args, comps, env))
            case ("add" | "mul", *terms):
                inner = [self.shape(a, env, depth) for a in terms]
                return (e[0], *(b for a in inner for b in (a[1:] if a[0] == e[0] else (a,))))
            case ("d", a, x, i):
                return ("d", self.shape(a, env, depth), env[by_what(x, i)], env["i", i] if i is not None else None)
            case ("bind", kind, x, low, high, a):
                bounds = (self.scalar(b, env) if isinstance(b, tuple) else b for b in (low, high))
                inside = {**env, (SORT[kind], x): self.draw("bound", depth)}
                return ("bind", kind, *bounds, self.shape(a, inside, depth + 1))
        return tuple(self.shape(a, env, depth) if isinstance(a, tuple) else a for a in e)


FORMAL = Formal()


def same(a: Tree, b: Tree) -> bool:
    """Exactly the same, up to what FORMAT.md allows where a rule substitutes."""
    env = {var: FORMAL.draw(*var) for var in free(a) | free(b)}
    return FORMAL.shape(a, env) == FORMAL.shape(b, env)


def number(s: Tree) -> int | None:
    """The whole number that a scalar is, if it is one (and not a huge one)."""
    value = (FORMAL.value(s) + P // 2) % P - P // 2
    return value if abs(value) < 2**31 else None


# ---------------------------------------------------------------------------------------------------- hypotheses
def at_most(u: Tree, v: Tree) -> list[Tree]:
    """The hypothesis u ≤ v, unless it is evident."""
    gap = number(difference(v, u))
    need(gap is None or gap >= 0, "an empty range", (u, v))
    return [("range", u, v)] if gap is None else []


def at_end(h: Tree, k: str, low: Tree, high: Tree | None) -> list[Tree]:
    """The range h for every k from low to high (null: on and on), from its worse end."""
    _, u, v = h
    gap = difference(v, u)
    grows = number(difference(put(gap, {("v", k): plus(("v", k), 1)}), gap))
    if grows is None or (grows < 0 and high is None):
        raise Bad(f"{thaw(h)} isn't affine, or falls without end, in {k}")
    end = low if grows >= 0 or high is None else high
    return at_most(put(u, {("v", k): end}), put(v, {("v", k): end}))


def held(h: Tree) -> frozenset[Var]:
    """The variables that a hypothesis shares with the statement.  All others hold for every value of their own."""
    if h[0] == "chain":
        return free(h[6]) | {("pt", h[5])}
    return free(h[1]) | free(h[2]) if h[0] == "range" else frozenset()


def for_all(hyps: Iterable[Tree], *variables: Var) -> list[Tree]:
    """The hypotheses, if none holds one of these variables fixed."""
    out = list(hyps)
    for h in out:
        need(not held(h) & set(variables), "something holds a variable fixed", h)
    return out


def for_steps(hyps: Iterable[Tree], k: str, low: Tree, high: Tree | None) -> list[Tree]:
    """The hypotheses for every step k from low to high."""
    out: list[Tree] = []
    for h in hyps:
        out += at_end(h, k, low, high) if h[0] == "range" and ("v", k) in held(h) else for_all([h], ("v", k))
    return out


def mentions(h: Any, name: str) -> bool:
    return isinstance(h, tuple) and any(a == name or mentions(a, name) for a in h)


# ---------------------------------------------------------------------------------------------------- steps and rules
@dataclass
class Step:
    rule: str
    lhs: Tree
    rel: str
    rhs: Tree
    hyps: list[Tree]
    premises: list[Step]
    params: dict[str, Any]
    known: Reader

    def states(self, lhs: Tree, rhs: Tree, *, rel: str = "=") -> None:
        need(self.rel == rel, f"the relation must be {rel}")
        need(same(self.lhs, lhs), "the left-hand side isn't what the rule says")
        need(same(self.rhs, rhs), "the right-hand side isn't what the rule says")

    def conditions(self, *sides: Tree) -> Iterator[Tree]:
        """What logs, reciprocals and roots need."""
        for a in (a for e in sides for a in walk(e)):
            match a:
                case ("log", base):
                    yield from self.base("positive", base)
                case ("pow", base, n) if n < 0:
                    yield from self.base("nonzero", base)
                case ("^", base, (_, p, q)):
                    yield from self.scalar("positive", base) if q == 2 else ()
                    yield from self.scalar("nonzero", base) if p < 0 else ()

    def base(self, kind: str, e: Tree) -> Iterator[Tree]:
        match e:
            case ("num", s):
                yield from self.scalar(kind, s)
            case ("field", n, *_) if n not in SPECIAL:
                yield (kind, n)
            case ("mul", *inner) | ("pow", *inner, _):
                for a in inner:
                    yield from self.base(kind, a)
            case ("bind", "prod", *_, body) if kind == "positive":
                yield from self.base(kind, body)
            case _:
                raise Bad("a log or reciprocal of what is no product: name it first")

    def scalar(self, kind: str, s: Tree) -> Iterator[Tree]:
        for f in factors(s):
            if f[0] == "q":
                need(f[1] > 0 or (f[1] != 0 and kind == "nonzero"), f"a number is not {kind}", f)
            elif f[0] != "pi" and f[:2] not in self.known.positive:
                yield (kind, ("num", f))


MANY = -1
RULES: dict[str, tuple[Callable[..., list[Tree]], int, dict[str, str]]] = {}
LOGICAL = ("line", "chain", "congruence", "independent")  # every other rule is an axiom


def rule(name: str, premises: int = 0, /, **params: str) -> Callable[[Any], Any]:
    """A function that checks a statement's shape and returns the hypotheses that it must have.

    Its parameters are read by the grammar; H is an E with holes, B true or false.
    """

    def register(f: Any) -> Any:
        RULES[name] = (f, premises, params)
        return f

    return register


def relation(s: Step) -> str:
    return ">=" if any(t.rel == ">=" for t in s.premises) else "="


@rule("line", MANY, definitions="d", normalised="n", ito="B", under_integral="B", reason="N")
def line(s: Step, definitions: Tree, normalised: Tree, ito: bool, under_integral: bool, reason: str) -> list[Tree]:
    where = {h[1]: h for h in definitions}
    for n in normalised:
        need(s.known.shapes.get(n, ((), 0))[0][:1] == ("pt",) and n not in SPECIAL, f"{n} has no point to sum over")
        need(n not in where or where[n][0] == "where log", f"{n} is computed and can't be taken as normalised")
    need(s.rel == relation(s), "the relation isn't that of the premises")
    lhs, rhs = s.lhs, s.rhs
    if not (s.premises or where or normalised or ito or under_integral):  # pointwise
        while lhs[0] == rhs[0] == "bind" and lhs[:5] == rhs[:5]:
            lhs, rhs = lhs[5], rhs[5]
    sides = [lhs, rhs, *(e for t in s.premises for e in (t.lhs, t.rhs))]
    hyps = [h for t in s.premises for h in t.hyps] + [*definitions, *(("normalised", n) for n in normalised)]
    hyps += [("converges", b) for e in sides for b in outermost(e, integral)]
    sides += [h[4] for h in where.values()]
    hyps += s.conditions(*sides)
    if under_integral:
        hyps += [("dominated", d) for e in sides for d in outermost(e, partial(over_integral, where=where))]
    gap = add(lhs, minus(rhs), *(e for t in s.premises for e in (minus(t.lhs), t.rhs)))
    rules = Rules(where, normalised, ito, under_integral, frozenset(s.known.positive))
    need(vanishes(gap, rules), "the two sides differ")
    return hyps


def over_integral(d: Tree, where: Where) -> bool:
    """Whether d is a derivative with an integral in it, also by way of definitions."""
    bodies = [d] + [where[n][4] for n in reached(d, where) if n in where]
    return d[0] == "d" and any(integral(a) for b in bodies for a in walk(b))


@rule("chain", MANY)
def chain(s: Step) -> list[Tree]:
    first, *_, last = s.premises * 2
    need(s.lhs == first.lhs and s.rhs == last.rhs, "the ends aren't those of the chain")
    need(all(a.rhs == b.lhs for a, b in pairwise(s.premises)), "the chain is broken")
    need(s.rel == relation(s), "the relation isn't that of the premises")
    return [h for t in s.premises for h in t.hyps]


@rule("congruence", 1, context="H")
def congruence(s: Step, context: Tree) -> list[Tree]:
    (t,) = s.premises
    need(s.rel == t.rel == "=", "congruence is for equations")
    need(HOLE in walk(context), "a context without a hole")
    need((s.lhs, s.rhs) == tuple(replace(context, HOLE, e) for e in (t.lhs, t.rhs)), "not the context filled")
    return close(context, t.hyps)


def close(e: Tree, hyps: list[Tree]) -> list[Tree]:
    """The premise's hypotheses for every value of what the context binds around its holes."""
    if e == HOLE:
        return hyps
    out = [h for a in parts(e) if HOLE in walk(a) for h in close(a, hyps)]
    match e:
        case ("d", _, x, i):
            return for_all(out, by_what(x, i))
        case ("bind", "sum" | "prod", k, low, high, _):
            return for_steps(out, k, low, high)
        case ("bind", kind, x, *_):
            return for_all(out, (SORT[kind], x))
    return out


@rule("given", label="N")
def given(s: Step, label: str) -> list[Tree]:
    need(label != "equal at one time", "a label that uniqueness keeps for itself")
    return [("given", label, s.lhs, s.rel, s.rhs)]


@rule("definition", definition="D")
def definition(s: Step, definition: Tree) -> list[Tree]:
    kind, n, params, comps, body = definition
    slots = slots_of(params, s.lhs[2]) if s.lhs[:2] == ("field", n) else []
    need((kind, comps, s.rel) == ("where", (), "="), "not the definition of a scalar")
    need(s.lhs == at_parameters(n, slots) and s.rhs == body and free(body) <= set(slots), "not the definition")
    return [definition]


def at_parameters(n: str, slots: list[Var]) -> Tree:
    return ("field", n, tuple(("sc", v) if v[0] == "v" else v for v in slots), ())


@rule("divergence theorem", field="E", index="N", x="N")
def divergence_theorem(s: Step, field: Tree, index: str, x: str) -> list[Tree]:
    s.states(over("int", x, over("con", index, ("d", field, x, index))), ZERO)
    return [("integrable field", field, index, x)]


@rule("Jensen", 1, context="H", ratio="E")
def jensen(s: Step, context: Tree, ratio: Tree) -> list[Tree]:
    (t,) = s.premises
    logs = replace(context, HOLE, ("log", ratio))
    need((t.rel, t.rhs) == ("=", replace(context, HOLE, ratio)), "the premise isn't about the mean")
    need((s.lhs, s.rel, s.rhs) == (("log", t.lhs), ">=", logs), "not what Jensen's inequality says")
    hyps = [*t.hyps, ("converges", logs), *s.conditions(("log", ratio), s.lhs)]
    match context:
        case ("bind", "path", _, _, _, body) if body == HOLE:
            return hyps
        case ("bind", "int", y, _, _, ("mul", *weight, last)) if last == HOLE and weight:
            need(not any(HOLE in walk(a) for a in weight), "a hole in the weight")
            return [*hyps, ("probability", mul(*weight) if len(weight) > 1 else weight[0], y)]
    raise Bad("the context is no mean")


@rule("average", 1, weight="E", x="N")
def averaged(s: Step, weight: Tree, x: str) -> list[Tree]:
    (t,) = s.premises
    lhs, rhs = (over("int", x, mul(weight, e)) for e in (t.lhs, t.rhs))
    need((s.lhs, s.rhs, s.rel) == (lhs, rhs, t.rel), "not the average")
    return [*for_all(t.hyps, ("pt", x)), *s.conditions(("log", weight)), ("converges", lhs), ("converges", rhs)]


@rule("instance", 1, x="N", by="A")
def instance(s: Step, x: str, by: Tree) -> list[Tree]:
    (t,) = s.premises
    need(by[0] != "sc", "a scalar for a point")
    for a in (a for e in (t.lhs, t.rhs) for a in walk(e)):
        need(a[0] != "d" or by_what(*a[2:]) != ("pt", x), "a derivative by the variable")
    lhs, rhs = (put(e, {("pt", x): by}) for e in (t.lhs, t.rhs))
    need((s.lhs, s.rhs, s.rel) == (lhs, rhs, t.rel), "not the instance")
    return for_all(t.hyps, ("pt", x))


@rule("time reversal", 1, t="N", tau="N", end="S")
def time_reversal(s: Step, t: str, tau: str, end: Tree) -> list[Tree]:
    (before,) = s.premises
    need(not free(end), "the end depends on a variable")
    need(("v", tau) not in free(before.lhs) | free(before.rhs), "the new time is in use")
    for a in (a for e in (before.lhs, before.rhs) for a in walk(e)):
        need(a[0] != "bind" or (SORT[a[1]], a[2]) not in (("v", t), ("v", tau)), "a time is bound")

    def turned(e: Tree) -> Tree:
        if e[0] == "d" and e[2:] == (t, None):
            return minus(("d", turned(e[1]), tau, None))
        return difference(end, ("v", tau)) if e == ("v", t) else rebuild(e, turned)

    s.states(turned(before.lhs), turned(before.rhs), rel=before.rel)
    return for_all(before.hyps, ("v", t))


@rule("first term", body="E", k="N", low="S", high="S")
def first_term(s: Step, body: Tree, k: str, low: Tree, high: Tree) -> list[Tree]:
    s.states(over("sum", k, body, low, high), add(put(body, {("v", k): low}), over("sum", k, body, plus(low, 1), high)))
    return at_most(low, high)


@rule("last term", body="E", k="N", low="S", high="S")
def last_term(s: Step, body: Tree, k: str, low: Tree, high: Tree) -> list[Tree]:
    after = plus(high, 1)
    s.states(over("sum", k, body, low, after), add(over("sum", k, body, low, high), put(body, {("v", k): after})))
    return at_most(plus(low, -1), high)


@rule("empty sum", body="E", k="N", low="S")
def empty_sum(s: Step, body: Tree, k: str, low: Tree) -> list[Tree]:
    s.states(over("sum", k, body, low, plus(low, -1)), ZERO)
    return []


@rule("induction", 2, n="N", low="S", left="E", right="E")
def induction(s: Step, n: str, low: Tree, left: Tree, right: Tree) -> list[Tree]:
    base, step = s.premises
    need(("v", n) not in free(low), "the base depends on the variable")
    s.states(left, right)
    base.states(*(put(e, {("v", n): low}) for e in (left, right)))
    step.states(*(add(put(e, {("v", n): plus(("v", n), 1)}), minus(e)) for e in (left, right)))
    return [*base.hyps, *for_steps(step.hyps, n, low, None), *at_most(low, ("v", n))]


@rule("exponential", 1)
def exponential(s: Step) -> list[Tree]:
    (t,) = s.premises
    need(s.rel == t.rel == "=", "the relation must be =")
    need((t.lhs, t.rhs) == (("log", s.lhs), ("log", s.rhs)), "the premise isn't about the logarithms of the sides")
    return t.hyps


@rule("independent", 1, name="N")
def independent(s: Step, name: str) -> list[Tree]:
    (t,) = s.premises
    need((s.lhs, s.rel, s.rhs) == (t.lhs, t.rel, t.rhs), "not the statement of the premise")
    need(name not in reached(s.rhs, s.known.where), "the right-hand side depends on it")
    return t.hyps


def density(name: str, k: Tree, *points: Tree) -> Tree:
    return ("field", name, (("sc", k), *points), ())


@rule("path marginal", chain="C", k="S", y="N", h="E", w="N")
def path_marginal(s: Step, chain: Tree, k: Tree, y: str, h: Tree, w: str) -> list[Tree]:
    _, law, _, m, _, x0, last = chain
    need(y != x0, "the variable is the start of the paths")
    need(("path", w) not in free(h), "h depends on the path")
    mean = over("int", y, mul(density(m, k, ("pt", y), ("pt", x0)), h))
    s.states(over("path", w, put(h, {("pt", y): ("at", w, k)}), law), mean)
    return [chain, *at_most(ONE, k), *at_most(k, last), ("converges", s.lhs), ("converges", s.rhs)]


@rule("path posterior", chain="C", k="S", y="N", h="E", w="N")
def path_posterior(s: Step, chain: Tree, k: Tree, y: str, h: Tree, w: str) -> list[Tree]:
    _, law, _, _, r, x0, last = chain
    here = ("at", w, k)
    need(y != x0, "the variable is the start of the paths")
    bound = {(SORT[a[1]], a[2]) for a in walk(h) if a[0] == "bind"}
    elsewhere = h if bound & free(here) else replace(h, here, ("pt", y))
    need(("path", w) not in free(elsewhere), "h depends on the path elsewhere")
    mean = over("int", y, mul(density(r, k, ("pt", y), here, ("pt", x0)), h))
    s.states(over("path", w, put(h, {("pt", y): ("at", w, plus(k, -1))}), law), over("path", w, mean, law))
    return [chain, *at_most(("q", 2, 1), k), *at_most(k, last), ("converges", s.lhs), ("converges", s.rhs)]


@rule("chain start", chain="C", x="N")
def chain_start(s: Step, chain: Tree, x: str) -> list[Tree]:
    _, _, q, m, _, x0, _ = chain
    s.states(*(density(n, ONE, ("pt", x), ("pt", x0)) for n in (q, m)))
    return [chain]


@rule("chain Bayes", chain="C", k="S", y="N", x="N")
def chain_bayes(s: Step, chain: Tree, k: Tree, y: str, x: str) -> list[Tree]:
    _, _, q, m, r, x0, last = chain
    need(len({x, y, x0}) == 3, "the points must be different variables")
    now, before, start = ("pt", x), ("pt", y), ("pt", x0)
    joint = density(q, k, now, before), density(m, plus(k, -1), before, start)
    s.states(density(r, k, before, now, start), mul(*joint, ("pow", density(m, k, now, start), -1)))
    return [chain, ("nonzero", m), *at_most(("q", 2, 1), k), *at_most(k, last)]


@rule("fundamental theorem", of="E", t="N", low="S", high="S")
def fundamental_theorem(s: Step, of: Tree, t: str, low: Tree, high: Tree) -> list[Tree]:
    before, after = (put(of, {("v", t): end}) for end in (low, high))
    s.states(over("time", t, ("d", of, t, None), low, high), add(after, minus(before)))
    return [("converges", s.lhs)]


@rule("Dynkin", 1, phi="N", x="N", t="N", p="E", drift="E", noise="E", index="N", dx="N")
def dynkin(s: Step, phi: str, x: str, t: str, p: Tree, drift: Tree, noise: Tree, index: str, dx: str) -> list[Tree]:
    (ito,), f, i, j = s.premises, at_parameters(phi, [("pt", x)]), index, index + "'"
    dx_i, dx_j = (("field", dx, (("pt", x), ("sc", ("v", t))), (k,)) for k in (i, j))
    first = over("con", i, mul(("d", f, x, i), dx_i))
    second = over("con", i, over("con", j, mul(("d", ("d", f, x, i), x, j), dx_i, dx_j)))
    dt, dw = ("field", "dt", (), ()), ("field", "dw", (), (i,))
    ito.states(add(first, mul(("num", ("q", 1, 2)), second)), add(mul(drift, dt), over("con", i, mul(noise, dw))))
    need(not {"dt", "dw"} & reached(add(drift, noise), s.known.where), "drift or noise contains a differential")
    s.states(("d", over("int", x, mul(f, p)), t, None), over("int", x, mul(p, drift)))
    hyps = [("law", x, t, p, dx), ("square integrable", noise, i), ("test function", phi)]
    return [*for_all(ito.hyps, ("pt", x), ("v", t)), *hyps, ("converges", s.lhs[1]), ("converges", s.rhs)]


@rule("fundamental lemma", 1, phi="N", x="N", left="E", right="E")
def fundamental_lemma(s: Step, phi: str, x: str, left: Tree, right: Tree) -> list[Tree]:
    (t,), f, where = s.premises, at_parameters(phi, [("pt", x)]), s.known.where
    s.states(left, right)
    t.states(*(over("int", x, mul(f, e)) for e in (left, right)))
    need(phi not in reached(add(left, right), where), "a side depends on the test function")
    for h in t.hyps:
        need(h[0] not in GRAMMAR["D"] or phi not in reached(h[4], where), "something is defined by the test function")
    hyps = [h for h in for_all(t.hyps, ("pt", x)) if h != ("test function", phi)]
    hyps = [("for every test function", phi, h) if mentions(h, phi) else h for h in hyps]
    return [*hyps, ("continuous", s.lhs), ("continuous", s.rhs)]


@rule("uniqueness", 2, name="N", params="n", by="E")
def uniqueness(s: Step, name: str, params: Tree, by: Tree) -> list[Tree]:
    first, second = s.premises
    need(s.lhs[:2] == ("field", name), "the left-hand side isn't the field at its parameters")
    slots = slots_of(params, s.lhs[2])
    s.states(at_parameters(name, slots), by)
    need(first.rel == "=", "the relation must be =")
    need(len(set(slots)) == len(slots) and free(by) <= set(slots), "the solution has other variables")

    def instead(e: Tree) -> Tree:
        if e[:2] == ("field", name):
            return put(by, {v: a[1] if a[0] == "sc" else a for v, a in zip(slots, e[2], strict=True)})
        return rebuild(e, instead)

    second.states(instead(first.lhs), instead(first.rhs))
    hyps = [("unique", first.lhs, first.rhs, name), ("given", "equal at one time", s.lhs, "=", s.rhs)]
    return [*for_all([*first.hyps, *second.hyps], *slots), *hyps]


# ---------------------------------------------------------------------------------------------------- certificates
@dataclass
class Report:
    """What a certificate proves, by which rules, and what it takes for granted: axioms of the calculus, and hypotheses."""

    claim: str
    steps: int
    rules: dict[str, int]
    axioms: list[str]
    statement: tuple[Any, str, Any]
    hyps: list[Any]


def read_step(reader: Reader, s: Any, before: list[Step]) -> Step:
    keys = {"rule", "lhs", "rel", "rhs", "hyps", "premises", "params"}
    need(isinstance(s, dict) and set(s) == keys, "not the keys of a step")
    need(isinstance(s["rule"], str) and s["rule"] in RULES, "there is no such rule")
    _, count, kinds = RULES[s["rule"]]
    js, params = s["premises"], s["params"]
    need(isinstance(js, list) and all(type(j) is int and 0 <= j < len(before) for j in js), "not earlier steps")
    need(count in (MANY, len(js)), "the wrong number of premises")
    need(isinstance(params, dict) and set(params) == set(kinds), "not the parameters of this rule")
    read = {}
    for n, kind in kinds.items():
        need(kind != "B" or type(params[n]) is bool, f"{n} must be true or false")
        read[n] = params[n] if kind == "B" else freeze(params[n])
        reader.holes = kind == "H"
        reader.read("E" if kind == "H" else kind, read[n])
        reader.holes = False
    lhs, rhs = freeze(s["lhs"]), freeze(s["rhs"])
    reader.read("E", lhs)
    reader.read("E", rhs)
    need(s["rel"] in ("=", ">="), "there is no such relation")
    need(isinstance(s["hyps"], list), "hyps must be a list")
    text = [thaw(h) for h in s["hyps"]]
    need(text == sorted(set(text)), "hyps must be in order, and nothing twice")
    hyps = [freeze(h) for h in s["hyps"]]
    for h in hyps:
        reader.hypothesis(h)
    return Step(s["rule"], lhs, s["rel"], rhs, hyps, [before[j] for j in js], read, reader)


def known(h: Tree) -> Tree:
    """A hypothesis as it is compared: ranges, which substitution makes, by the values of their ends."""
    return ("range", *map(FORMAL.value, h[1:])) if h[0] == "range" else h


def verify(s: Step) -> None:
    """The step's own shape, and that its hypotheses are those that it must have."""
    due = {known(h): h for h in RULES[s.rule][0](s, **s.params)}
    stated = {known(h): h for h in s.hyps}
    for some, others, verb in ((due, stated, "used but not stated"), (stated, due, "stated but not used")):
        need(some.keys() <= others.keys(), verb, [h for key, h in some.items() if key not in others])


@contextmanager
def named(where: str) -> Iterator[None]:
    """Says where it was that something was refused; a certificate that breaks the program is malformed."""
    try:
        yield
    except Bad as e:
        raise Bad(where + str(e)) from None
    except (Exception, RecursionError) as e:
        raise Bad(f"{where}malformed: {type(e).__name__}: {str(e)[:99]}") from e


def check(cert: Any) -> Report:
    """Check a certificate.  Raises `Bad`, whatever is wrong with it."""
    reader, steps = Reader(), list[Step]()
    with named(""):
        keys = {"format", "claim", "constants", "functions", "steps"}
        need(isinstance(cert, dict) and set(cert) == keys, "not the keys of a certificate")
        need(type(cert["format"]) is int and cert["format"] == 1, "format must be 1")
        need(isinstance(cert["claim"], str), "claim must be a name")
        need(isinstance(cert["steps"], list) and bool(cert["steps"]), "there are no steps")
        reader.declare("c", cert["constants"], ["positive", "real", "integer"])
        reader.declare("f", cert["functions"], ["positive", "real"])
    for k, s in enumerate(cert["steps"]):
        with named(f"step {k} ({s.get('rule') if isinstance(s, dict) else None}): "):
            steps.append(read_step(reader, s, steps))
    for law, c in reader.chains.items():
        for n in c[2:5]:
            need(reader.where.get(n, ("",))[0] != "where", f"{n} is both defined and a density of the law {law}")
    for k, step in enumerate(steps):
        with named(f"step {k} ({step.rule}): "):
            verify(step)
    last, rules = cert["steps"][-1], Counter(s.rule for s in steps)
    axioms = sorted(r for r in rules if r not in LOGICAL)
    return Report(cert["claim"], len(steps), dict(rules), axioms, (last["lhs"], last["rel"], last["rhs"]), last["hyps"])


def main(paths: list[str]) -> int:
    """Check the certificates in these files; 1 if one is refused."""
    refused = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                report = check(json.load(f))
        except (Bad, ValueError, OSError, RecursionError) as e:
            print(f"{path}: REFUSED: {e}")
            refused = 1
        else:
            print(f"{path}: {report.claim}: {report.steps} steps hold; axioms: {', '.join(report.axioms) or 'none'}")
    return refused


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
