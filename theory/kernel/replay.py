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
positive is drawn as a square; what other radicands (1 − β) depend on is drawn again until every factor is one.
"""

from __future__ import annotations

import json
import random
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
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
thaw = partial(json.dumps, ensure_ascii=False)
GRAMMAR = {  # what follows a tag: S, A, E; N name, Z whole number; a, n, d lists of A, N, D; ? name or null; * read by `special`
    "S": {"q": "ZZ", "c": "N", "v": "N", "pi": "", "f": "NS", "+": "SS+", "*": "SS+", "^": "SS"},
    "A": {"pt": "N", "at": "NS", "along": "NS", "sc": "S"},
    "E": {"num": "S", "field": "Nan", "add": "E+", "mul": "E+", "pow": "EZ", "log": "E", "d": "EN?", "bind": "NN**E"},
    "D": {"where": "NnnE", "where log": "NnnE"},
    "C": {"chain": "NNNNNS", "range": "SS"},
}
LISTS = {"a": "A", "n": "N", "d": "D"}
SORT = {"con": "i", "int": "pt", "path": "path", "sum": "v", "prod": "v", "time": "v"}  # what a binder binds
RULES = {  # how many premises (* any number), and the parameters, by the same letters; H is an E with holes, B true or false
    "line": "* definitions:d normalised:n ito:B under_integral:B reason:N",
    "chain": "*",
    "congruence": "1 context:H",
    "independent": "1 name:N",
    "given": "0 label:N",
    "definition": "0 definition:D",
    "divergence theorem": "0 field:E index:N x:N",
    "Jensen": "1 context:H ratio:E",
    "average": "1 weight:E x:N",
    "instance": "1 x:N by:A",
    "time reversal": "1 t:N tau:N end:S",
    "first term": "0 body:E k:N low:S high:S",
    "last term": "0 body:E k:N low:S high:S",
    "empty sum": "0 body:E k:N low:S",
    "induction": "2 n:N low:S left:E right:E",
    "exponential": "1",
    "path marginal": "0 chain:C k:S y:N h:E w:N",
    "path posterior": "0 chain:C k:S y:N h:E w:N",
    "chain start": "0 chain:C x:N",
    "chain Bayes": "0 chain:C k:S y:N x:N",
    "fundamental theorem": "0 of:E t:N low:S high:S",
    "Dynkin": "1 phi:N x:N t:N p:E drift:E noise:E index:N dx:N",
    "fundamental lemma": "1 phi:N x:N left:E right:E",
    "uniqueness": "2 name:N params:n by:E",
}
LOGICAL = {"line", "chain", "congruence", "independent"}  # every other rule is an axiom
ANALYTIC = ("int", "path", "time")
SPECIAL = {"@": (("pt",), 1), "δ": ((), 2), "dt": ((), 0), "dw": ((), 1), "□": ((), 0)}
HOLE, ZERO, ONE, TWO = ("field", "□", (), ()), ("num", ("q", 0, 1)), ("q", 1, 1), ("q", 2, 1)
Tree = tuple[Any, ...]  # a JSON list, frozen
Var = tuple[str, str]  # sort and name
Env = dict[Any, Any]  # values of variables
Where = dict[str, Tree]


class Bad(Exception):
    """The certificate is refused, and why."""


class Unlucky(Exception):
    """This model has a division by zero, or no root: how many other draws to try, and of which values (none: of all)."""


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
        for kind in ("D", "C"):
            if h[0] in GRAMMAR[kind]:
                self.read(kind, h)
        if h[0] == "for every test function":
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


def minus(e: Tree) -> Tree:
    return ("mul", ("num", ("q", -1, 1)), e)


def over(kind: str, x: str, e: Tree, low: Any = None, high: Any = None) -> Tree:
    return ("bind", kind, x, low, high, e)


def fld(name: str, *args: str | Tree, on: Tree = ()) -> Tree:
    """A field at points (by name), times or steps, or other arguments."""
    made = (("pt", a) if isinstance(a, str) else ("sc", a) if a[0] in GRAMMAR["S"] else a for a in args)
    return ("field", name, tuple(made), on)


def plus(s: Tree, n: int) -> Tree:
    return ("+", s, ("q", n, 1))


def difference(u: Tree, v: Tree) -> Tree:
    return ("+", u, ("*", ("q", -1, 1), v))


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
        case ("v", _):
            return ONE
        case ("num", s):
            return d(s)
        case ("f", n, a):
            return ("mul", ("f", n + "'", a), d(a))
        case ("field", "@", (("pt", _),), (c,)):
            return ("is", c, i)
        case ("field", n, args, comps, *old):
            terms = []
            for k, a in enumerate(args):
                if var in free(a):
                    need(a[0] != "at", "a derivative by the step of a path")
                    curve = a[0] == "along" and n != "@"
                    for j in range(1, dim + 1) if curve else (i,):  # ∂_t F(z(t)) = Σ_j ∂_j F ∂_t z_j
                        seen = ("field", n, args, comps, tuple(sorted([*(old[0] if old else ()), (k, j)])))
                        speed = ("field", "@", (a,), (j,), ((0, 0),)) if curve else ONE
                        terms.append(("mul", ONE if a[0] == "pt" else d(a[-1]), seen, speed))
            return ("add", *terms)
        case ("add" | "+", *terms):
            return ("add", *map(d, terms))
        case ("mul" | "*", *factors):
            return ("add", *(("mul", *factors[:k], d(a), *factors[k + 1 :]) for k, a in enumerate(factors)))
        case ("pow", a, n):
            return ("mul", ("q", n, 1), ("pow", a, n - 1), d(a))
        case ("^", a, ("q", p, q)):
            return ("mul", ("q", p, q), ("^", a, ("q", p - q, q)), d(a))
        case ("log", a):
            return ("mul", d(a), ("pow", a, -1))
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
        self.source: dict[int, Any] = {}  # which draw a value comes from
        self.memo: dict[Any, int] = {}

    def draw(self, *key: Any) -> int:
        if key not in self.table:
            r = self.random.randrange(1, self.modulus)
            self.table[key] = r * r % self.modulus if key[:2] in self.rules.positive or key[0] == "pi" else r
            self.source[self.table[key]] = key
        return self.table[key]

    def forget(self, values: list[int]) -> None:
        """Draw one of these values again: the others stay good."""
        keys = [self.source[v] for v in values if v in self.source]
        for key in [self.random.choice(keys)] if keys else list(self.table):
            self.table.pop(key, None)

    def power(self, a: int, n: int) -> int:
        if n < 0 and a % P == 0:
            raise Unlucky(3, [])
        return int(pow(a, n, self.modulus))

    def root(self, a: Tree, env: Env) -> int:
        for f in factors(a):
            if pow(self(f, env), (P - 1) // 2, P) != 1:
                raise Unlucky(300, [self(b, env) for b in walk(f) if b[0] in ("c", "v", "f")])
        squares = self.modulus // P * ((P - 1) // 2)  # how many there are: an odd number, so that roots are powers
        return self.power(self(a, env), (squares + 1) // 2)

    def __call__(self, e: Tree, env: Env) -> int:
        match e:
            case ("num", a):
                return self(a, env)
            case ("q", p, q):
                return int(p) * self.power(q, -1) % self.modulus
            case ("c", "D"):
                return self.dim
            case ("c", _) | ("pi",):
                return self.draw(*e)
            case ("v", _):
                return int(env[e])
            case ("f", n, a):
                return self.draw("f", n, self(a, env))
            case ("is", c, i):
                return int(env["i", c] == i)
            case ("field", n, args, comps, *derivs):
                return self.field(n, *self.entry(args, comps, env), derivs[0] if derivs else (), args)
            case ("add" | "+", *terms):
                return sum(self(a, env) for a in terms) % self.modulus
            case ("mul" | "*", *terms):
                out = 1
                for a in terms:
                    out = out and out * self(a, env) % self.modulus
                return out
            case ("pow", a, n) | ("^", a, ("q", n, 1)):
                return self.power(self(a, env), n)
            case ("^", a, ("q", n, _)):
                return self.power(self.root(a, env), n)
            case ("log", a):
                return self.log(a, env) % self.modulus
            case ("d", a, x, i):
                by = by_what(x, i), env["i", i] if i is not None else 0
                return self(diff(a, *by, self.dim, self.rules.leave), env)
        _, kind, x, _, _, a = e
        values = [(w, self(a, {**env, (SORT[kind], x): at})) for w, at in self.places(e, env)]
        if kind == "prod":
            return prod(self.power(v, w) for w, v in values) % self.modulus
        return sum(w * v for w, v in values) % self.modulus

    def total(self, e: Tree, env: Env) -> int:
        """The value of e, summed over the signs of dw; for each of them it must be of second order already."""
        total = 0
        for signs in product((1, -1), repeat=self.dim if self.rules.ito else 0):
            self.signs, self.memo = signs, {}
            value = self(e, {v: self.draw(*v) if v[0] == "v" else ("free", *v) for v in free(e)} | env)
            if self.rules.ito and value % P**2:
                return value
            total += value
        return total % self.modulus

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
        of = (kind == "time", self(low, env), self(high, env))
        return [(self.draw("weight", *of, n), self.draw("place", *of, n)) for n in range(self.sites)]

    def entry(self, args: Tree, comps: Tree, env: Env) -> tuple[Tree, Tree]:
        """Where in a field's table to look: the values of its arguments and of its indices."""

        def value(a: Tree) -> Any:
            if a[0] == "pt":
                return env[a]
            s = self(a[-1], env)
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
        ratio: Tree = ONE
        for k, i in derivs:
            d = partial(diff, var=slots[k], i=i, dim=self.dim, leave=self.rules.leave)
            if log:  # ∂(q · ratio) = q · (ratio ∂log q + ∂ratio)
                ratio = ("add", ("mul", ratio, d(body)), d(ratio))
            else:
                body = d(body)
        return self.plain(n, at, on, ()) * self(ratio, env) % self.modulus if log else self(body, env)

    def log(self, e: Tree, env: Env) -> int:
        match e:
            case ("num", a):
                return self.log(a, env)
            case ("q", p, q):
                need(p > 0, "a logarithm of what isn't positive")
                return sum(sign * self.draw("log", n) for n, sign in ((p, 1), (q, -1)) if n > 1)
            case ("mul" | "*", *terms):
                return sum(self.log(a, env) for a in terms)
            case ("pow", a, n):
                return int(n) * self.log(a, env)
            case ("^", a, n):
                return self(n, env) * self.log(a, env)
            case ("bind", "prod", x, _, _, a):
                return sum(w * self.log(a, {**env, ("v", x): k}) for w, k in self.places(e, env))
            case ("field", n, args, comps, *_):
                at, on = self.entry(args, comps, env)
                if n in self.rules.where:
                    body, inner, _ = self.inside(n, at, on, args)
                    if self.rules.where[n][0] == "where log":
                        return self(body, inner)
                    if all(f[0] == "field" or f[0] in GRAMMAR["S"] for f in factors(body)):
                        return self.log(body, inner)
                return self.draw("log", n, at, on)
        return self.draw("log", self(e, env))  # of a scalar


def slots_of(params: Iterable[str], args: Iterable[Tree]) -> list[Var]:
    """The variables that a definition's parameters are, for a field with such arguments."""
    return [("v" if a[0] == "sc" else "pt", x) for x, a in zip(params, args, strict=True)]


def factors(e: Tree) -> list[Tree]:
    """What is multiplied in e: (ab²)^½ has a and b, and Π_k p has those of p."""
    match e:
        case ("num", a) | ("pow" | "^", a, _) | ("bind", "prod", _, _, _, a):
            return factors(a)
        case ("mul" | "*", *inner):
            return [f for a in inner for f in factors(a)]
    return [e]


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
            return (n * up, n * down) if n >= 0 else (nd * (up + down), (nd - n) * (up + down))
        case ("log" | "f", *_):
            return up * (1 + nd), (up + down) * (1 + nd)
        case ("bind", kind, *_):
            return up + ((kind == "con") == con), down
        case ("field", n, args, *_):
            along = nd * (con and any(a[0] == "along" for a in args))
            u, d = breadth(where[n][4], con, where, nd) if n in where else (0, 0)
            times = max(1, nd) if n in where and where[n][0] == "where log" else 1
            return along + up * (1 + nd) + times * u, down * (1 + nd) + times * d
    return up, down


def vanishes(e: Tree, rules: Rules) -> bool:
    """Whether e = 0 in models of so many dimensions; one that the line itself excludes (1/(D−1)) is passed over.

    Draws are taken again while they are unlucky.  Of ways in which free indices coincide, one of each pattern is tried.
    """
    dims, sites = (max(3, 1 + sum(breadth(e, con, rules.where))) for con in (True, False))
    need(dims <= 12 and sites <= 24, "too many binders in one product")
    names = sorted(n for sort, n in free(e) if sort == "i")
    tried = 0
    for dim in range(1, dims + 4):
        model, unlucky = Model(rules, dim, sites), 0
        values = product(range(1, dim + 1), repeat=len(names))
        patterns = [p for p in values if all(v <= 1 + max(p[:k], default=0) for k, v in enumerate(p))]
        while True:
            try:
                if any(model.total(e, {("i", n): v for n, v in zip(names, p, strict=True)}) for p in patterns):
                    return False
                tried += 1
                break
            except Unlucky as u:
                unlucky += 1
                model.forget(u.args[1])
                if unlucky >= u.args[0]:
                    break
        if tried == dims:
            return True
    raise Bad("no model has the roots and quotients of this line: is something under a root negative?")


class Formal(Model):
    """Scalars compared by their values, roots being known by their radicands only: for shapes that substitution made."""

    def root(self, a: Tree, env: Env) -> int:
        return self.draw("root", self(a, env))

    def value(self, s: Tree) -> int:
        return self(s, {var: self.draw(*var) for var in free(s)})

    def shape(self, e: Tree, env: Env, depth: int = 0) -> Tree:
        """e with values for scalars, numbers for bound names, and sums of sums and products of products made flat."""
        match e:
            case ("num", s):
                return ("num", self(s, env))
            case ("field", n, args, comps):
                return ("field", n, *self.entry(args, comps, env))
            case ("add" | "mul", *terms):
                inner = [self.shape(a, env, depth) for a in terms]
                return (e[0], *(b for a in inner for b in (a[1:] if a[0] == e[0] else (a,))))
            case ("d", a, x, i):
                return ("d", self.shape(a, env, depth), env[by_what(x, i)], env["i", i] if i is not None else None)
            case ("bind", kind, x, low, high, a):
                bounds = (self(b, env) if isinstance(b, tuple) else b for b in (low, high))
                inside = {**env, (SORT[kind], x): self.draw("bound", depth)}
                return ("bind", kind, *bounds, self.shape(a, inside, depth + 1))
        return tuple(self.shape(a, env, depth) if isinstance(a, tuple) else a for a in e)


FORMAL = Formal(Rules(), secrets.randbelow(P), 1)


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
    """The hypotheses for every step k from low to high (null: on and on): of each range, the worse end."""
    out, var = list[Tree](), ("v", k)
    for h in hyps:
        if h[0] != "range" or var not in held(h):
            out += for_all([h], var)
            continue
        gap = difference(h[2], h[1])
        grows = number(difference(put(gap, {var: plus(var, 1)}), gap))
        end = low if grows is None or grows >= 0 else high
        if grows is None or end is None:
            raise Bad(f"{thaw(h)} isn't affine, or falls without end, in {k}")
        out += at_most(*(put(side, {var: end}) for side in h[1:]))
    return out


# ---------------------------------------------------------------------------------------------------- steps and rules
@dataclass
class Step:
    rule: str
    lhs: Tree
    rel: str
    rhs: Tree
    hyps: list[Tree]
    premises: list[Step]
    params: list[Any]
    known: Reader

    def states(self, lhs: Tree, rhs: Tree, rel: str = "=") -> None:
        need(self.rel == rel, f"the relation must be {rel}")
        need(same(self.lhs, lhs), "the left-hand side isn't what the rule says")
        need(same(self.rhs, rhs), "the right-hand side isn't what the rule says")

    def conditions(self, *sides: Tree) -> Iterator[Tree]:
        """What logs, reciprocals and roots need."""
        for a in (a for e in sides for a in walk(e)):
            kinds: list[str] = []
            match a:
                case ("log", _):
                    kinds = ["positive"]
                case ("pow", _, n):
                    kinds = ["nonzero"] * (n < 0)
                case ("^", _, (_, p, q)):
                    kinds = ["positive"] * (q == 2) + ["nonzero"] * (p < 0)
            for kind, f in ((kind, f) for kind in kinds for f in factors(a[1])):
                if f[0] == "field":
                    need(f[1] not in SPECIAL, f"a log or reciprocal of {f[1]}")
                    yield (kind, f[1])
                elif f[0] == "q":
                    need(f[1] > 0 or (f[1] != 0 and kind == "nonzero"), f"a number is not {kind}", f)
                else:
                    need(f[0] in GRAMMAR["S"], "a log or reciprocal of what is no product: name it first")
                    if f[0] != "pi" and f[:2] not in self.known.positive:
                        yield (kind, ("num", f))

    def line(self, definitions: Tree, normalised: Tree, ito: bool, under_integral: bool) -> list[Tree]:
        where = {h[1]: h for h in definitions}
        for n in normalised:
            need(self.known.shapes.get(n, ((), 0))[0][:1] == ("pt",) and n not in SPECIAL, f"{n} has no point")
            need(n not in where or where[n][0] == "where log", f"{n} is computed and can't be taken as normalised")
        lhs, rhs = self.lhs, self.rhs
        if not (self.premises or where or normalised or ito or under_integral):  # pointwise
            while lhs[0] == rhs[0] == "bind" and lhs[:5] == rhs[:5]:
                lhs, rhs = lhs[5], rhs[5]
        sides = [lhs, rhs, *(e for t in self.premises for e in (t.lhs, t.rhs))]
        hyps = [h for t in self.premises for h in t.hyps] + [*definitions, *(("normalised", n) for n in normalised)]
        hyps += [("converges", b) for e in sides for b in outermost(e, integral)]
        sides += [h[4] for h in where.values()]
        hyps += self.conditions(*sides)
        if under_integral:
            hyps += [("dominated", d) for e in sides for d in outermost(e, partial(over_integral, where=where))]
        gap = ("add", lhs, minus(rhs), *(e for t in self.premises for e in (minus(t.lhs), t.rhs)))
        rules = Rules(where, normalised, ito, under_integral, frozenset(self.known.positive))
        need(vanishes(gap, rules), "the two sides differ")
        return hyps

    def needs(self) -> list[Tree]:
        """The hypotheses that the step must have, when its statement has been found to be what its rule says."""
        here, where, said = (self.lhs, self.rhs, self.rel), self.known.where, [h for t in self.premises for h in t.hyps]
        both = [("converges", self.lhs), ("converges", self.rhs)]
        rel = ">=" if any(t.rel == ">=" for t in self.premises) else "="
        match (self.rule, *self.premises, *self.params):
            case ("line", *_, definitions, normalised, ito, under_integral, _):
                need(self.rel == rel, "the relation isn't that of the premises")
                return self.line(definitions, normalised, ito, under_integral)
            case ("chain", *steps):
                need(here == (steps[0].lhs, steps[-1].rhs, rel), "the ends or the relation aren't those of the chain")
                need(all(a.rhs == b.lhs for a, b in pairwise(steps)), "the chain is broken")
                return said
            case ("congruence", t, context):
                need(self.rel == t.rel == "=", "congruence is for equations")
                need(HOLE in walk(context), "a context without a hole")
                need(here[:2] == tuple(replace(context, HOLE, e) for e in (t.lhs, t.rhs)), "not the context filled")
                return close(context, said)
            case ("independent", t, name):
                need(here == (t.lhs, t.rhs, t.rel), "not the statement of the premise")
                need(name not in reached(self.rhs, where), "the right-hand side depends on it")
                return said
            case ("given", label):
                return [("given", label, self.lhs, self.rel, self.rhs)]
            case ("definition", (kind, n, params, comps, body) as definition):
                slots = slots_of(params, self.lhs[2]) if self.lhs[:2] == ("field", n) else []
                need((kind, comps) == ("where", ()), "not the definition of a scalar")
                need(here == (fld(n, *slots), body, "=") and free(body) <= set(slots), "not the definition")
                return [definition]
            case ("divergence theorem", f, i, x):
                self.states(over("int", x, over("con", i, ("d", f, x, i))), ZERO)
                return [("integrable field", f, i, x)]
            case ("Jensen", t, context, ratio):
                logs = replace(context, HOLE, ("log", ratio))
                need((t.rel, t.rhs) == ("=", replace(context, HOLE, ratio)), "the premise isn't about the mean")
                need(here == (("log", t.lhs), logs, ">="), "not what Jensen's inequality says")
                hyps = [*said, ("converges", logs), *self.conditions(("log", ratio), self.lhs)]
                match context:
                    case ("bind", "path", _, _, _, body) if body == HOLE:
                        return hyps
                    case ("bind", "int", y, _, _, ("mul", *weight, last)) if last == HOLE and weight:
                        need(not any(HOLE in walk(a) for a in weight), "a hole in the weight")
                        return [*hyps, ("probability", ("mul", *weight) if len(weight) > 1 else weight[0], y)]
                raise Bad("the context is no mean")
            case ("average", t, weight, x):
                need(here == (*(over("int", x, ("mul", weight, e)) for e in (t.lhs, t.rhs)), t.rel), "not the average")
                return [*for_all(said, ("pt", x)), *self.conditions(("log", weight)), *both]
            case ("instance", t, x, by):
                need(by[0] != "sc", "a scalar for a point")
                for a in (a for e in (t.lhs, t.rhs) for a in walk(e)):
                    need(a[0] != "d" or by_what(*a[2:]) != ("pt", x), "a derivative by the variable")
                need(here == (*(put(e, {("pt", x): by}) for e in (t.lhs, t.rhs)), t.rel), "not the instance")
                return for_all(said, ("pt", x))
            case ("time reversal", before, t, tau, end):
                need(not free(end), "the end depends on a variable")
                need(("v", tau) not in free(before.lhs) | free(before.rhs), "the new time is in use")
                for a in (a for e in (before.lhs, before.rhs) for a in walk(e)):
                    need(a[0] != "bind" or (SORT[a[1]], a[2]) not in (("v", t), ("v", tau)), "a time is bound")

                def turned(e: Tree) -> Tree:
                    if e[0] == "d" and e[2:] == (t, None):
                        return minus(("d", turned(e[1]), tau, None))
                    return difference(end, ("v", tau)) if e == ("v", t) else rebuild(e, turned)

                self.states(turned(before.lhs), turned(before.rhs), before.rel)
                return for_all(said, ("v", t))
            case ("first term", body, k, low, high):
                first, others = put(body, {("v", k): low}), over("sum", k, body, plus(low, 1), high)
                self.states(over("sum", k, body, low, high), ("add", first, others))
                return at_most(low, high)
            case ("last term", body, k, low, high):
                last, others = put(body, {("v", k): plus(high, 1)}), over("sum", k, body, low, high)
                self.states(over("sum", k, body, low, plus(high, 1)), ("add", others, last))
                return at_most(plus(low, -1), high)
            case ("empty sum", body, k, low):
                self.states(over("sum", k, body, low, plus(low, -1)), ZERO)
                return []
            case ("induction", base, step, n, low, left, right):
                need(("v", n) not in free(low), "the base depends on the variable")
                self.states(left, right)
                base.states(*(put(e, {("v", n): low}) for e in (left, right)))
                step.states(*(("add", put(e, {("v", n): plus(("v", n), 1)}), minus(e)) for e in (left, right)))
                return [*base.hyps, *for_steps(step.hyps, n, low, None), *at_most(low, ("v", n))]
            case ("exponential", t):
                need((t.lhs, t.rhs) == (("log", self.lhs), ("log", self.rhs)), "not about the logarithms of the sides")
                need(self.rel == t.rel == "=", "the relation must be =")
                return said
            case ("path marginal", (_, law, _, m, _, x0, last) as chain, k, y, h, w):
                need(y != x0, "the variable is the start of the paths")
                need(("path", w) not in free(h), "h depends on the path")
                mean = over("int", y, ("mul", fld(m, k, y, x0), h))
                self.states(over("path", w, put(h, {("pt", y): ("at", w, k)}), law), mean)
                return [chain, *at_most(ONE, k), *at_most(k, last), *both]
            case ("path posterior", (_, law, _, _, r, x0, last) as chain, k, y, h, w):
                need(y != x0, "the variable is the start of the paths")
                bound, now = {(SORT[a[1]], a[2]) for a in walk(h) if a[0] == "bind"}, ("at", w, k)
                elsewhere = h if bound & free(now) else replace(h, now, ("pt", y))
                need(("path", w) not in free(elsewhere), "h depends on the path elsewhere")
                mean = over("path", w, over("int", y, ("mul", fld(r, k, y, now, x0), h)), law)
                self.states(over("path", w, put(h, {("pt", y): ("at", w, plus(k, -1))}), law), mean)
                return [chain, *at_most(TWO, k), *at_most(k, last), *both]
            case ("chain start", (_, _, q, m, _, x0, _) as chain, x):
                self.states(fld(q, ONE, x, x0), fld(m, ONE, x, x0))
                return [chain]
            case ("chain Bayes", (_, _, q, m, r, x0, last) as chain, k, y, x):
                need(len({x, y, x0}) == 3, "the points must be different variables")
                joint = fld(q, k, x, y), fld(m, plus(k, -1), y, x0)
                self.states(fld(r, k, y, x, x0), ("mul", *joint, ("pow", fld(m, k, x, x0), -1)))
                return [chain, ("nonzero", m), *at_most(TWO, k), *at_most(k, last)]
            case ("fundamental theorem", of, t, low, high):
                before, after = (put(of, {("v", t): end}) for end in (low, high))
                self.states(over("time", t, ("d", of, t, None), low, high), ("add", after, minus(before)))
                return both[:1]
            case ("Dynkin", ito, phi, x, t, p, drift, noise, i, dx):
                f, dt, dw, j = fld(phi, x), fld("dt"), fld("dw", on=(i,)), i + "'"
                move = {k: fld(dx, x, ("v", t), on=(k,)) for k in (i, j)}
                second = over("con", j, ("mul", ("d", ("d", f, x, i), x, j), move[i], move[j]))
                half = ("mul", ("num", ("q", 1, 2)), over("con", i, second))
                expansion = ("add", over("con", i, ("mul", ("d", f, x, i), move[i])), half)
                ito.states(expansion, ("add", ("mul", drift, dt), over("con", i, ("mul", noise, dw))))
                need(not {"dt", "dw"} & reached(("add", drift, noise), where), "drift or noise contains a differential")
                self.states(("d", over("int", x, ("mul", f, p)), t, None), over("int", x, ("mul", p, drift)))
                hyps = [("law", x, t, p, dx), ("square integrable", noise, i), ("test function", phi)]
                return [*for_all(said, ("pt", x), ("v", t)), *hyps, ("converges", self.lhs[1]), both[1]]
            case ("fundamental lemma", t, phi, x, left, right):
                self.states(left, right)
                t.states(*(over("int", x, ("mul", fld(phi, x), e)) for e in (left, right)))
                need(phi not in reached(("add", left, right), where), "a side depends on the test function")
                bodies = [h[4] for h in said if h[0] in GRAMMAR["D"]]
                need(not any(phi in reached(e, where) for e in bodies), "something is defined by the test function")
                hyps = [h for h in for_all(said, ("pt", x)) if h != ("test function", phi)]
                hyps = [("for every test function", phi, h) if thaw(phi) in thaw(h) else h for h in hyps]
                return [*hyps, ("continuous", self.lhs), ("continuous", self.rhs)]
            case ("uniqueness", first, second, name, params, by):
                need(self.lhs[:2] == ("field", name), "the left-hand side isn't the field at its parameters")
                slots = slots_of(params, self.lhs[2])
                self.states(fld(name, *slots), by)
                need(len(set(slots)) == len(slots) and free(by) <= set(slots), "the solution has other variables")

                def instead(e: Tree) -> Tree:
                    if e[:2] == ("field", name):
                        return put(by, {v: a[1] if a[0] == "sc" else a for v, a in zip(slots, e[2], strict=True)})
                    return rebuild(e, instead)

                need(first.rel == "=", "the relation must be =")
                second.states(instead(first.lhs), instead(first.rhs))
                hyps = [("unique", first.lhs, first.rhs, name), ("equal at one time", self.lhs, by)]
                return [*for_all(said, *slots), *hyps]
        raise Bad("there is no such rule")


def over_integral(d: Tree, where: Where) -> bool:
    """Whether d is a derivative with an integral in it, also by way of definitions."""
    bodies = [d] + [where[n][4] for n in reached(d, where) if n in where]
    return d[0] == "d" and any(integral(a) for b in bodies for a in walk(b))


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


# ---------------------------------------------------------------------------------------------------- certificates
def read_step(reader: Reader, s: Any, before: list[Step]) -> Step:
    keys = {"rule", "lhs", "rel", "rhs", "hyps", "premises", "params"}
    need(isinstance(s, dict) and set(s) == keys, "not the keys of a step")
    need(isinstance(s["rule"], str) and s["rule"] in RULES, "there is no such rule")
    (count, *kinds), js, given = RULES[s["rule"]].split(), s["premises"], s["params"]
    need(isinstance(js, list) and all(type(j) is int and 0 <= j < len(before) for j in js), "not earlier steps")
    need(count in ("*", str(len(js))), "the wrong number of premises")
    need(isinstance(given, dict) and set(given) == {n.split(":")[0] for n in kinds}, "not the parameters of this rule")
    params = []
    for n, kind in (n.split(":") for n in kinds):
        need(kind != "B" or type(given[n]) is bool, f"{n} must be true or false")
        params.append(given[n] if kind == "B" else freeze(given[n]))
        reader.holes = kind == "H"
        reader.read("E" if kind == "H" else kind, params[-1])
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
    return Step(s["rule"], lhs, s["rel"], rhs, hyps, [before[j] for j in js], params, reader)


def known(h: Tree) -> Tree:
    """A hypothesis as it is compared: ranges, which substitution makes, by the values of their ends."""
    return ("range", *map(FORMAL.value, h[1:])) if h[0] == "range" else h


def verify(s: Step) -> None:
    """That a step is what its rule says, and that its hypotheses are those that it must have."""
    due, stated = ({known(h): h for h in hyps} for hyps in (s.needs(), s.hyps))
    for some, others, verb in ((due, stated, "used but not stated"), (stated, due, "stated but not used")):
        need(some.keys() <= others.keys(), verb, [h for key, h in some.items() if key not in others])


def check(cert: Any) -> list[Step]:
    """Check a certificate: its steps, the last of which is the theorem.  Raises `Bad`, whatever is wrong with it."""
    reader, steps, place = Reader(), list[Step](), ""
    try:
        keys = {"format", "claim", "constants", "functions", "steps"}
        need(isinstance(cert, dict) and set(cert) == keys, "not the keys of a certificate")
        need(type(cert["format"]) is int and cert["format"] == 1, "format must be 1")
        need(isinstance(cert["claim"], str), "claim must be a name")
        need(isinstance(cert["steps"], list) and bool(cert["steps"]), "there are no steps")
        reader.declare("c", cert["constants"], ["positive", "real", "integer"])
        reader.declare("f", cert["functions"], ["positive", "real"])
        for k, s in enumerate(cert["steps"]):
            place = f"step {k}: "
            steps.append(read_step(reader, s, steps))
        for law, chain in reader.chains.items():
            for n in chain[2:5]:
                need(reader.where.get(n, ("",))[0] != "where", f"{n} is both defined and a density of the law {law}")
        for k, step in enumerate(steps):
            place = f"step {k} ({step.rule}): "
            verify(step)
    except Bad as e:
        raise Bad(place + str(e)) from None
    except (Exception, RecursionError) as e:  # a certificate that breaks the program is malformed
        raise Bad(f"{place}malformed: {type(e).__name__}: {str(e)[:99]}") from e
    return steps


def main(paths: list[str]) -> int:
    """Check the certificates in these files; 1 if one is refused."""
    refused = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                cert = json.load(f)
            steps = check(cert)
        except (Bad, ValueError, OSError, RecursionError) as e:
            print(f"{path}: REFUSED: {e}")
            refused = 1
        else:
            axioms = ", ".join(sorted({s.rule for s in steps} - LOGICAL)) or "none"
            print(f"{path}: {cert['claim']}: {len(steps)} steps hold; axioms: {axioms}")
    return refused


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
