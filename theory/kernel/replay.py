"""Check a certificate again: plain Python, nothing of ours imported, and no normal form.  FORMAT.md says what one is.

    python replay.py certificate.json …

Every rule but `line` is checked by its shape, and the hypotheses of every step are recomputed and must be those stated.
A `line` claims  lhs − rhs − Σ_premises (lhs_j − rhs_j) = 0  and is evaluated in random finite models over F_P:

    R^D                     a few sites; ∫ dx is Σ over them with random weights; a free point is a site of its own
    Σ_k, Π_k and ∫ dt       Σ (Π) over a few random places with random weights, drawn anew for each pair of bounds
    E over a path           Σ over a few random paths (random maps from steps to sites), with weights that add up to 1
    Σ_i                     really Σ_{i=1..D}, for D = 1, 2, 3 and on; free indices coincide in every possible pattern
    a field                 a random table; each of its derivatives another one (sorted: mixed partials commute)
    a field with `where`    computed from its body; with `where log`, a random table q with ∂q = q ∂(log q)
    a normalised field      a random table whose rows add up to 1 over the first argument
    log                     log ab = log a + log b; of a field or a number, a random table; ∂ log p = ∂p / p
    dw_i, dt                with `ito`: ±P and P² in Z/P³, which must vanish to second order, on average over the signs

Linearity, Fubini, Leibniz, the product and chain rules are theorems about these models, and nothing else is built in.
FORMAT.md says why a false line doesn't pass.  P and all draws are new in each run: no certificate can be made for them.
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

Tree = tuple[Any, ...]  # a JSON list, frozen
Var = tuple[str, str]  # sort (v a time or step, pt a point, i an index, path) and name
Env = dict[Any, Any]  # values of variables
Where = dict[str, Tree]  # definitions, or chains, by name
GRAMMAR = {  # what follows a tag: trees and atoms, in small letters lists of them; + any number of the last; * bounds
    "S": {"q": "ZZ", "c": "N", "v": "N", "pi": "", "f": "NS", "+": "SS+", "*": "SS+", "^": "SQ"},
    "Q": {"q": "ZZ"},
    "A": {"pt": "N", "at": "NS", "along": "NS", "sc": "S"},
    "E": {"num": "S", "field": "Nan", "add": "E+", "mul": "E+", "pow": "EZ", "log": "E", "d": "EN?", "bind": "NN*E"},
    "D": {"where": "NnnE", "where log": "NnnE"},
    "C": {"chain": "NNNNNS", "range": "SS"},
}
ATOMS = {"N": (str,), "Z": (int,), "B": (bool,), "?": (str, type(None)), "-": (type(None),)}
SORT = {"con": "i", "int": "pt", "path": "path", "sum": "v", "prod": "v", "time": "v"}  # what a binder binds
BOUNDS = {"con": "--", "int": "--", "path": "N-", "sum": "SS", "prod": "SS", "time": "SS"}
RULES = {  # how many premises (* any number), and the parameters with their kinds
    "line": "* definitions:d normalised:n ito:B under_integral:B reason:N", "chain": "*", "congruence": "1 context:E",
    "independent": "1 name:N", "given": "0 label:N", "definition": "0 definition:D", "exponential": "1",
    "divergence theorem": "0 field:E index:N x:N", "Jensen": "1 context:E ratio:E", "average": "1 weight:E x:N",
    "instance": "1 x:N by:A", "time reversal": "1 t:N tau:N end:S", "empty sum": "0 body:E k:N low:S",
    "first term": "0 body:E k:N low:S high:S", "last term": "0 body:E k:N low:S high:S",
    "induction": "2 n:N low:S left:E right:E", "fundamental theorem": "0 of:E t:N low:S high:S",
    "path marginal": "0 chain:C k:S y:N h:E w:N", "path posterior": "0 chain:C k:S y:N h:E w:N",
    "chain start": "0 chain:C x:N", "chain Bayes": "0 chain:C k:S y:N x:N",
    "Dynkin": "1 phi:N x:N t:N p:E drift:E noise:E index:N dx:N",
    "fundamental lemma": "1 phi:N x:N left:E right:E", "uniqueness": "2 name:N params:n by:E",
}  # fmt: skip
LOGICAL = {"line", "chain", "congruence", "independent"}  # every other rule is an axiom
MONOTONE = {"line", "chain", "independent", "average", "instance", "time reversal"}  # premises may be inequalities
LITERAL = {"chain", "congruence", "independent", "definition", "Jensen", "average", "instance", "exponential"}
INTEGRALS = {("bind", "int"), ("bind", "path"), ("bind", "time")}
SPECIAL = {"@": (("pt",), 1), "δ": ((), 2), "dt": ((), 0), "dw": ((), 1), "□": ((), 0)}
HOLE, ZERO, ONE, TWO = ("field", "□", (), ()), ("num", ("q", 0, 1)), ("q", 1, 1), ("q", 2, 1)
thaw = partial(json.dumps, ensure_ascii=False)


class Bad(Exception):
    """The certificate is refused, and why."""


def need(condition: bool, why: str, about: Any = None) -> None:
    if not condition:
        raise Bad(why + (f": {thaw(about)[:300]}" if about is not None else ""))


# ---------------------------------------------------------------------------------------------------- walking about
def freeze(v: Any) -> Any:
    """JSON with tuples for lists, so that it can be compared and hashed; neither floats nor booleans."""
    if isinstance(v, list):
        return tuple(map(freeze, v))
    need(v is None or type(v) in (int, str), "neither floats nor booleans can stand here")
    return v


def parts(v: Tree) -> Iterable[Tree]:
    """The expressions, arguments and scalars directly inside v."""
    return v[2] if v[0] == "field" else [a for a in v if isinstance(a, tuple)]


def walk(v: Tree, where: Where | None = None) -> Iterator[Tree]:
    """v and everything inside it, also by way of definitions."""
    todo, seen = [v], set[str]()
    while todo:
        yield (a := todo.pop())
        todo += parts(a)
        if where and a[0] == "field" and a[1] in where and a[1] not in seen:
            seen.add(a[1])
            todo.append(where[a[1]][4])


def fields(v: Tree, where: Where) -> set[str]:
    """The names of the fields in v, also by way of definitions."""
    return {a[1] for a in walk(v, where) if a[0] == "field"}


def divisors(v: Tree) -> frozenset[Var]:
    """The variables, constants and functions in what scalars in v are divided by."""
    bases = (a[1] for a in walk(v) if a[0] == "^" and a[2][1] < 0)
    return frozenset(b[:2] for base in bases for b in walk(base) if b[0] in ("v", "c", "f"))


def outermost(e: Tree, wanted: Callable[[Tree], bool]) -> list[Tree]:
    return [e] if wanted(e) else [b for a in parts(e) for b in outermost(a, wanted)]


def factors(e: Tree) -> list[Tree]:
    """What is multiplied in e: (ab²)^½ has a and b, and Π_k p has those of p."""
    match e:
        case ("num", a) | ("pow" | "^", a, _) | ("bind", "prod", _, _, _, a):
            return factors(a)
        case ("mul" | "*", *inner):
            return [f for a in inner for f in factors(a)]
    return [e]


def variable(e: Tree) -> Var:
    """What a binder binds, or a derivative is by."""
    return (SORT[e[1]], e[2]) if e[0] == "bind" else ("v" if e[3] is None else "pt", e[2])


@lru_cache(10**5)
def free(v: Tree) -> frozenset[Var]:
    """The free variables of an expression, argument or scalar."""
    inside = frozenset[Var]().union(*map(free, parts(v)))
    match v:
        case ("v" | "pt", _):
            return frozenset([v])
        case ("at", w, _):
            return inside | {("path", w)}
        case ("field", _, _, comps, *_):
            return inside | {("i", c) for c in comps if isinstance(c, str)}
        case ("d", _, _, i):
            return inside | {variable(v)} | ({("i", i)} if i is not None else set())
        case ("bind", _, _, *bounds, body):
            return (free(body) - {variable(v)}).union(*(free(b) for b in bounds if isinstance(b, tuple)))
    return inside


def rebuild(v: Tree, f: Callable[[Tree], Tree]) -> Tree:
    """v with f applied to what is directly inside it."""
    if v[0] == "field":
        return (*v[:2], tuple(map(f, v[2])), *v[3:])
    return tuple(f(a) if isinstance(a, tuple) else a for a in v)


def replace(e: Tree, new: Callable[[Tree], Tree | None]) -> Tree:
    """e with new(a) for every a in it of which `new` says something, whatever is bound around: so a hole is filled."""
    e = rebuild(e, lambda a: replace(a, new))
    return new(e) or e


def put(e: Tree, m: dict[Var, Tree]) -> Tree:
    """e with free times or steps (by scalars) and points (by arguments) replaced, all at once.

    Capture is refused, also by a derivative: ∂_t F(x, t) at x = z(t) is not ∂_t F(z(t), t).
    """
    m = {v: to for v, to in m.items() if v in free(e)}
    if not m or e in m:
        return m.get(e, e)
    if e[0] in ("d", "bind"):
        mine, body = variable(e), e[1] if e[0] == "d" else e[5]
        new = m.get(mine, mine) if e[0] == "d" else mine  # a derivative may come to be by another variable
        others = (free(m.get(v, v)) for v in free(body) - {mine})
        need(new[0] == mine[0] and not any(new in vs for vs in others), f"{new[1]} would be captured")
        if e[0] == "d":
            return ("d", put(body, m), new[1], e[3])
        bounds = (put(b, m) if isinstance(b, tuple) else b for b in e[3:5])
        return (*e[:3], *bounds, put(body, {v: to for v, to in m.items() if v != mine}))
    return rebuild(e, lambda a: put(a, m))


def minus(e: Tree) -> Tree:
    return ("mul", ("num", ("q", -1, 1)), e)


def plus(s: Tree, n: int) -> Tree:
    return ("+", s, ("q", n, 1))


def over(kind: str, x: str, e: Tree, low: Any = None, high: Any = None) -> Tree:
    return ("bind", kind, x, low, high, e)


def fld(name: str, *args: str | Tree, on: Tree = ()) -> Tree:
    """A field at points (by name), times or steps, or other arguments."""
    made = (("pt", a) if isinstance(a, str) else ("sc", a) if a[0] in GRAMMAR["S"] else a for a in args)
    return ("field", name, tuple(made), on)


def slots_of(params: Iterable[str], args: Iterable[Tree]) -> list[Var]:
    """The variables that a definition's parameters are, for a field with such arguments."""
    return [("v" if a[0] == "sc" else "pt", x) for x, a in zip(params, args, strict=True)]


# ---------------------------------------------------------------------------------------------------- reading
@dataclass
class Reader:
    """Refuses what isn't in the format, and gathers what must be one throughout a certificate."""

    declared: set[Var] = field(default_factory=set)
    positive: set[Var] = field(default_factory=lambda: {("c", "D")})
    shapes: dict[str, Any] = field(default_factory=lambda: dict(SPECIAL))  # the arguments that each field has
    where: Where = field(default_factory=dict)
    chains: Where = field(default_factory=dict)

    def declare(self, tag: str, names: dict[str, Any], known: list[str]) -> None:
        """Constants or functions.  All are real, and assumptions come in one order."""
        for n, said in names.items():
            need("real" in said and said == [a for a in known if a in said], f"assumptions of {n}: {said!r}")
            need((tag, n) != ("c", "D") or said == known, "D is the dimension, a positive whole number")
            self.declared.add((tag, n))
            self.positive |= {(tag, n)} if "positive" in said else set()

    def read(self, kind: str, v: Any) -> None:
        """That v is of this kind."""
        if kind in ATOMS:
            need(type(v) in ATOMS[kind] and v != "", "no name or number, or none must stand here", v)
        elif kind.islower():
            need(isinstance(v, tuple), "something is no list", v)
            for a in v:
                self.read(kind.upper(), a)
        else:
            need(isinstance(v, tuple) and len(v) > 0 and v[0] in GRAMMAR[kind], "something isn't in the format", v)
            kinds = GRAMMAR[kind][v[0]]
            if v[0] == "bind":
                kinds = kinds.replace("*", BOUNDS[v[1]])
            if kinds.endswith("+"):
                kinds = kinds[:-1] + kinds[-2] * (len(v) - len(kinds))
            need(len(v) == 1 + len(kinds), "something has the wrong length", v)
            for k, a in zip(kinds, v[1:], strict=True):
                self.read(k, a)
            self.special(v)

    def special(self, v: Tree) -> None:
        """What the grammar doesn't say."""
        match v:
            case ("q", p, q):
                need(q > 0 and gcd(p, q) == 1, "a fraction that isn't in its lowest terms")
            case ("^", base, (_, _, q)):
                need(q == 1 or (q == 2 and ("c", "D") not in walk(base)), "an exponent not in ½Z, or a root of D")
            case ("c" | "f" as tag, n, *_):
                primed = tag == "f" and (tag, n.rstrip("'")) in self.declared
                need(primed or (tag, n) in self.declared, f"{n} isn't declared")
            case ("field", n, args, comps):
                shape = tuple("v" if a[0] == "sc" else "pt" for a in args), len(comps)
                need(self.shapes.setdefault(n, shape) == shape, f"{n} has other arguments elsewhere")
            case ("where" | "where log" as kind, n, params, comps, body):
                need(n not in SPECIAL and (kind == "where" or not comps), f"{n} can't be defined so")
                known = {("i", i) for i in comps} | {(sort, x) for x in params for sort in ("v", "pt")}
                need(len({*params, *comps}) == len(params) + len(comps), f"{n} is defined with a parameter twice")
                need(free(body) <= known and HOLE not in walk(body), f"{n} is defined with what is no parameter")
                need(self.where.setdefault(n, v) == v, f"{n} has two definitions")
                need(n not in fields(body, self.where), f"{n} is defined by itself")
            case ("chain", law, q, m, r, *_):
                need(len({q, m, r}) == 3 and not {q, m, r} & set(SPECIAL), "q, m and r must be three fields")
                need(self.chains.setdefault(law, v) == v, f"the law {law} has two chains")


# ---------------------------------------------------------------------------------------------------- finite models
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
        case ("num" | "add" | "+", *terms):
            return ("add", *map(d, terms))
        case ("mul" | "*", *fs):
            return ("add", *(("mul", *fs[:k], d(a), *fs[k + 1 :]) for k, a in enumerate(fs)))
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
            need(leave or e[:2] not in INTEGRALS, "a derivative is taken inside an integral without `under_integral`")
            return over(kind, x, d(a), low, high)
    return ZERO  # of ∂x_j/∂x_i


def prime() -> int:
    """A random prime ≡ −1 modulo 8·3·5·…·47.  As it is ≡ 3 mod 4, this is the test of Miller and Rabin."""
    while True:
        p = 4 * 614889782588491410 * (1 + secrets.randbits(64)) - 1
        if all(pow(2 + secrets.randbelow(p - 3), (p - 1) // 2, p) in (1, p - 1) for _ in range(50)):
            return p


P, DRAWS = prime(), random.Random(secrets.randbits(256))


class Unlucky(Exception):
    """This model lacks a quotient, or a root that it might have for other draws of the values given."""


@dataclass
class Model:
    """Random values for all that a line mentions, by what it may use (`leave`: to differentiate under an integral)."""

    dim: int
    sites: int
    modulus: int = P  # with Itô's table P³
    where: Where = field(default_factory=dict)
    normalised: Tree = ()
    leave: bool = False
    positive: set[Var] = field(default_factory=set)
    signs: Tree = ()  # of dw
    table: dict[Any, int] = field(default_factory=dict)
    source: dict[int, Any] = field(default_factory=dict)  # which draw a value comes from
    memo: dict[Any, int] = field(default_factory=dict)

    def draw(self, *key: Any) -> int:
        if key not in self.table:
            r = DRAWS.randrange(1, self.modulus)
            self.table[key] = r * r % self.modulus if key[:2] in self.positive or key[0] == "pi" else r
            self.source[self.table[key]] = key
        return self.table[key]

    def power(self, a: int, n: int) -> int:
        if n < 0 and a % P == 0:
            raise Unlucky([])
        return int(pow(a, n, self.modulus))

    def root(self, a: Tree, env: Env) -> int:
        for f in factors(a):
            if pow(self(f, env), (P - 1) // 2, P) != 1:
                raise Unlucky([self(b, env) for b in walk(f) if b[0] in ("c", "v", "f")])
        squares = self.modulus // P * ((P - 1) // 2)  # how many there are: an odd number, so that roots are powers
        return self.power(self(a, env), (squares + 1) // 2)

    def __call__(self, e: Tree, env: Env) -> Any:
        """The value of an expression, argument or scalar."""
        match e:
            case ("v" | "pt", _):
                return env[e]
            case ("field", n, args, comps, *derivs):
                key = (n, *self.entry(args, comps, env), derivs[0] if derivs else ())
                if n not in self.where:
                    return self.plain(*key)
                if key not in self.memo:
                    self.memo[key] = self.defined(*key, args)
                return self.memo[key]
            case ("num" | "sc", a):
                return self(a, env)
            case ("mul" | "*", *terms):
                out = 1
                for a in terms:
                    out = out and out * self(a, env) % self.modulus
                return out
            case ("add" | "+", *terms):
                return sum(self(a, env) for a in terms) % self.modulus
            case ("at" | "along" as kind, n, a):
                return kind, env["path", n] if kind == "at" else n, self(a, env)
            case ("q", p, q):
                return p * self.power(q, -1) % self.modulus
            case ("c", "D"):
                return self.dim
            case ("c", _) | ("pi",):
                return self.draw(*e)
            case ("f", n, a):
                return self.draw("f", n, self(a, env))
            case ("is", c, i):
                return int(env["i", c] == i)
            case ("pow", a, n) | ("^", a, ("q", n, 1)):
                return self.power(self(a, env), n)
            case ("^", a, ("q", n, _)):
                return self.power(self.root(a, env), n)
            case ("log", a):
                return self.log(a, env) % self.modulus
            case ("d", a, _, i):
                return self(diff(a, variable(e), 0 if i is None else env["i", i], self.dim, self.leave), env)
        _, kind, _, _, _, a = e
        values = [(w, self(a, {**env, variable(e): at})) for w, at in self.places(e, env)]
        of = (self.power(v, w) if kind == "prod" else w * v for w, v in values)
        return (prod(of) if kind == "prod" else sum(of)) % self.modulus

    def total(self, e: Tree, env: Env) -> Any:
        """The value of e, summed over the signs of dw; for each of them it must be of second order already."""
        total = 0
        for signs in product((1, -1), repeat=self.dim if self.modulus > P else 0):
            self.signs, self.memo = signs, {}
            value = self(e, {v: self.draw(*v) if v[0] == "v" else ("free", *v) for v in free(e)} | env)
            if self.modulus > P and value % P**2:
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
        at = tuple(env[a] if a[0] == "pt" else self(a, env) for a in args)
        return at, tuple(env["i", c] if isinstance(c, str) else c for c in comps)

    def plain(self, n: str, at: Tree, on: Tree, derivs: Tree) -> Any:
        """A field from its table, or one of the special ones."""
        if n == "δ":
            return int(on[0] == on[1])
        if self.modulus > P and n in ("dt", "dw"):
            return P * self.signs[on[0] - 1] if on else P * P
        if n in self.normalised and not derivs and at[0] == self.sites - 1:
            rest = sum(self.draw("dx", x) * self.plain(n, (x, *at[1:]), on, ()) for x in range(self.sites - 1))
            return (1 - rest) * self.power(self.draw("dx", at[0]), -1) % self.modulus
        return self.draw("field", n, at, on, derivs)

    def inside(self, n: str, at: Tree, on: Tree, args: Tree) -> tuple[bool, Tree, Env, list[Var]]:
        """Whether a definition is of a log, its body, the values of its parameters (and of nothing else), and these."""
        kind, _, params, comps, body = self.where[n]
        slots = slots_of(params, args)
        return kind == "where log", body, dict(zip([*slots, *(("i", c) for c in comps)], at + on, strict=True)), slots

    def defined(self, n: str, at: Tree, on: Tree, derivs: Tree, args: Tree) -> Any:
        """A field from its definition, or the derivative of one: ∂(q · ratio) = q · (ratio ∂log q + ∂ratio)."""
        log, body, env, slots = self.inside(n, at, on, args)
        value = ONE if log else body
        for k, i in derivs:
            d = partial(diff, var=slots[k], i=i, dim=self.dim, leave=self.leave)
            value = ("add", ("mul", value, d(body)), d(value)) if log else d(value)
        return self(value, env) * (self.plain(n, at, on, ()) if log else 1) % self.modulus

    def log(self, e: Tree, env: Env) -> Any:
        match e:
            case ("q", p, q):
                need(p > 0, "a logarithm of what isn't positive")
                return sum(sign * self.draw("log", n) for n, sign in ((p, 1), (q, -1)) if n > 1)
            case ("num" | "mul" | "*", *terms):
                return sum(self.log(a, env) for a in terms)
            case ("pow" | "^" as kind, a, n):
                return (n if kind == "pow" else self(n, env)) * self.log(a, env)
            case ("bind", "prod", x, _, _, a):
                return sum(w * self.log(a, {**env, ("v", x): k}) for w, k in self.places(e, env))
            case ("field", n, args, comps, *_):
                at, on = self.entry(args, comps, env)
                if n in self.where:
                    log, body, inner, _ = self.inside(n, at, on, args)
                    if log:
                        return self(body, inner)
                    if all(f[0] == "field" or f[0] in GRAMMAR["S"] for f in factors(body)):
                        return self.log(body, inner)
                return self.draw("log", n, at, on)
        return self.draw("log", self(e, env))  # of a scalar


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


def vanishes(e: Tree, where: Where, ito: bool = False, **allowed: Any) -> bool:
    """Whether e = 0 in models of so many dimensions; one that the line itself excludes (1/(D−1)) is passed over."""
    dims, sites = (max(3, 1 + sum(breadth(e, con, where))) for con in (True, False))
    need(dims <= 12 and sites <= 24, "too many binders in one product")
    names, tried = sorted(n for sort, n in free(e) if sort == "i"), 0
    for dim in range(1, dims + 4):
        model = Model(dim, sites, P**3 if ito else P, where, **allowed)
        values = product(range(1, dim + 1), repeat=len(names))  # of ways to coincide, one of each pattern
        patterns = [p for p in values if all(v <= 1 + max(p[:k], default=0) for k, v in enumerate(p))]
        for _ in range(300):
            try:
                if any(model.total(e, {("i", n): v for n, v in zip(names, p, strict=True)}) for p in patterns):
                    return False
                tried += 1
                break
            except Unlucky as unlucky:  # one of its values is drawn again, and the others stay good
                again = [model.source[v] for v in unlucky.args[0] if v in model.source]
                if not again:
                    break
                model.table.pop(DRAWS.choice(again), None)
        if tried == dims:
            return True
    raise Bad("no model has the roots and quotients of this line: is something under a root negative?")


class Formal(Model):
    """Scalars compared by their values, of roots by their radicands only: for shapes that substitution made."""

    def root(self, a: Tree, env: Env) -> int:
        return self.draw("root", self(a, env))

    def shape(self, e: Tree, env: Env | None = None, depth: int = 0) -> Any:
        """e with values for scalars, numbers for bound names, and sums of sums and products of products made flat."""
        env = {var: self.draw(*var) for var in free(e)} if env is None else env
        match e:
            case (tag, *_) if tag in GRAMMAR["S"]:
                return self(e, env)
            case ("field", n, args, comps):
                return ("field", n, *self.entry(args, comps, env))
            case ("add" | "mul", *terms):
                inner = [self.shape(a, env, depth) for a in terms]
                return (e[0], *(b for a in inner for b in (a[1:] if a[0] == e[0] else (a,))))
            case ("d", a, _, i):
                return ("d", self.shape(a, env, depth), env[variable(e)], None if i is None else env["i", i])
            case ("bind", kind, _, low, high, a):
                bounds = (self(b, env) if isinstance(b, tuple) else b for b in (low, high))
                inside = {**env, variable(e): self.draw("bound", depth)}
                return ("bind", kind, *bounds, self.shape(a, inside, depth + 1))
        return tuple(self.shape(a, env, depth) if isinstance(a, tuple) else a for a in e)


FORMAL = Formal(secrets.randbelow(P), 1)


def number(value: int) -> int | None:
    """The whole number, if it is one (and not a huge one), that a scalar of such a value is."""
    value = (value + P // 2) % P - P // 2
    return value if abs(value) < 2**31 else None


# ---------------------------------------------------------------------------------------------------- hypotheses
def at_most(u: Tree, v: Tree) -> list[Tree]:
    """The hypothesis u ≤ v, unless it is evident."""
    gap = number(FORMAL.shape(v) - FORMAL.shape(u))
    need(gap is None or gap >= 0, "an empty range", (u, v))
    return [("range", u, v)] if gap is None else []


@lru_cache(10**5)
def compared(h: Tree) -> Tree:
    """What a hypothesis is compared by: itself, but of ranges, which substitution makes, the values of the ends."""
    return ("range", divisors(("+", *h[1:])), *map(FORMAL.shape, h[1:])) if h[0] == "range" else h


def closed(hyps: Iterable[Tree], var: Var, low: Any = None, high: Any = None) -> list[Tree]:
    """The hypotheses for every value of a variable: none may hold it fixed, but for ranges of steps from low to high
    (null: on and on), which give their worse end."""
    out = list[Tree]()
    for h in hyps:
        shared = h[1:] if h[0] == "range" else (("pt", h[5]), h[6]) if h[0] == "chain" else ()  # with the statement
        if not any(var in free(a) for a in shared):
            out.append(h)
            continue
        need(low is not None and h[0] == "range", "something holds a variable fixed", h)
        ends = h[1:], [put(s, {var: plus(var, 1)}) for s in h[1:]]
        now, then = (FORMAL.shape(v) - FORMAL.shape(u) for u, v in ends)
        grows = number(then - now)
        end: Any = None if grows is None else low if grows >= 0 else high
        need(end is not None, f"a range isn't affine, or falls without end, in {var[1]}", h)
        out += at_most(*(put(side, {var: end}) for side in h[1:]))
    return out


def around(e: Tree, hyps: list[Tree]) -> list[Tree]:
    """The premise's hypotheses for every value of what the context binds around its holes."""
    if e == HOLE:
        return hyps
    out = [h for a in parts(e) if HOLE in walk(a) for h in around(a, hyps)]
    if e[0] in ("d", "bind"):
        return closed(out, variable(e), *(e[3:5] if e[1] in ("sum", "prod") else ()))
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

    def states(self, *sides: Tree) -> None:
        """That these are the sides: exactly, up to what FORMAT.md allows where a rule substitutes."""
        pairs = zip((self.lhs, self.rhs), sides, strict=True)
        alike = (FORMAL.shape(a) == FORMAL.shape(b) and divisors(a) <= divisors(b) for a, b in pairs)  # t/t isn't 1
        need(all(alike), "a side isn't what the rule says")

    def conditions(self, *sides: Tree) -> Iterator[Tree]:
        """What logs, reciprocals and roots need."""
        for a in (a for e in sides for a in walk(e)):
            p, q = a[2][1:] if a[0] == "^" else (a[2], 1) if a[0] == "pow" else (0, 1)  # the exponent
            kinds = ["positive"] * (a[0] == "log" or q == 2) + ["nonzero"] * (p < 0)
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
        """The hypotheses of a line, if it holds."""
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
        hyps += [("converges", b) for e in sides for b in outermost(e, lambda a: a[:2] in INTEGRALS)]
        sides += [h[4] for h in where.values()]
        hyps += self.conditions(*sides)
        if under_integral:
            derivatives = (d for e in sides for d in outermost(e, lambda a: a[0] == "d"))
            hyps += [("dominated", d) for d in derivatives if any(a[:2] in INTEGRALS for a in walk(d, where))]
        gap = ("add", lhs, minus(rhs), *(e for t in self.premises for e in (minus(t.lhs), t.rhs)))
        allowed = {"normalised": normalised, "leave": under_integral, "positive": self.known.positive}
        need(vanishes(gap, where, ito, **allowed), "the two sides differ")
        return hyps

    def due(self) -> tuple[Tree, Tree, list[Tree]]:
        """Both sides and the hypotheses that the step must have, by its rule."""
        lhs, rhs, where, said = self.lhs, self.rhs, self.known.where, [h for t in self.premises for h in t.hyps]
        both = [("converges", lhs), ("converges", rhs)]
        match (self.rule, *self.premises, *self.params):
            case ("line", *_, definitions, normalised, ito, under_integral, _):
                return lhs, rhs, self.line(definitions, normalised, ito, under_integral)
            case ("chain", *steps):
                need(all(a.rhs == b.lhs for a, b in pairwise(steps)), "the chain is broken")
                return steps[0].lhs, steps[-1].rhs, said
            case ("congruence", t, context):
                need(HOLE in walk(context), "a context without a hole")
                return replace(context, {HOLE: t.lhs}.get), replace(context, {HOLE: t.rhs}.get), around(context, said)
            case ("independent", t, name):
                need(name not in fields(t.rhs, where), "the right-hand side depends on it")
                return t.lhs, t.rhs, said
            case ("given", label):
                return lhs, rhs, [("given", label, lhs, self.rel, rhs)]
            case ("definition", ("where", n, params, (), body) as definition):
                slots = slots_of(params, lhs[2])
                need(free(body) <= set(slots), "not the definition: a variable of another sort")
                return fld(n, *slots), body, [definition]
            case ("divergence theorem", f, i, x):
                return over("int", x, over("con", i, ("d", f, x, i))), ZERO, [("integrable field", f, i, x)]
            case ("Jensen", t, ("bind", "int" | "path" as kind, y, _, _, body) as context, ratio):
                *weight, last = body[1:] if (kind, body[0]) == ("int", "mul") else (body,)
                need(last == HOLE and bool(weight) == (kind == "int"), "the context is no mean")
                need(not any(HOLE in walk(a) for a in weight), "a hole in the weight")
                need(t.rhs == replace(context, {HOLE: ratio}.get), "the premise isn't about the mean")
                logs = replace(context, {HOLE: ("log", ratio)}.get)
                density = [("probability", ("mul", *weight) if weight[1:] else weight[0], y)] if weight else []
                conditions = self.conditions(("log", ratio), ("log", t.lhs))
                return ("log", t.lhs), logs, [*said, *density, *conditions, ("converges", logs)]
            case ("average", t, weight, x):
                mean, other = (over("int", x, ("mul", weight, e)) for e in (t.lhs, t.rhs))
                return mean, other, [*closed(said, ("pt", x)), *self.conditions(("log", weight)), *both]
            case ("instance", t, x, ("pt" | "at" | "along", *_) as by):
                by_x = any(a[0] == "d" and variable(a) == ("pt", x) for a in walk(("add", t.lhs, t.rhs)))
                need(not by_x, "a derivative by the variable")
                return put(t.lhs, {("pt", x): by}), put(t.rhs, {("pt", x): by}), closed(said, ("pt", x))
            case ("time reversal", t, before, after, end):
                both_sides, old, new = ("add", t.lhs, t.rhs), ("v", before), ("v", after)
                bound = {variable(a) for a in walk(both_sides) if a[0] == "bind"}
                need(not free(end), "the end depends on a variable")
                need(not {old, new} & bound and new not in free(both_sides), "a time is bound, or the new one in use")

                def turned(a: Tree) -> Tree | None:
                    if a[0] == "d" and a[2:] == (before, None):
                        return minus(("d", a[1], after, None))
                    return ("+", end, ("*", ("q", -1, 1), new)) if a == old else None

                return replace(t.lhs, turned), replace(t.rhs, turned), closed(said, old)
            case ("first term", body, k, low, high):
                split = ("add", put(body, {("v", k): low}), over("sum", k, body, plus(low, 1), high))
                return over("sum", k, body, low, high), split, at_most(low, high)
            case ("last term", body, k, low, high):
                split = ("add", over("sum", k, body, low, high), put(body, {("v", k): plus(high, 1)}))
                return over("sum", k, body, low, plus(high, 1)), split, at_most(plus(low, -1), high)
            case ("empty sum", body, k, low):
                return over("sum", k, body, low, plus(low, -1)), ZERO, []
            case ("induction", base, step, n, low, left, right):
                need(("v", n) not in free(low), "the base depends on the variable")
                base.states(*(put(e, {("v", n): low}) for e in (left, right)))
                step.states(*(("add", put(e, {("v", n): plus(("v", n), 1)}), minus(e)) for e in (left, right)))
                return left, right, [*base.hyps, *closed(step.hyps, ("v", n), low), *at_most(low, ("v", n))]
            case ("exponential", Step(lhs=("log", a), rhs=("log", b))):
                return a, b, said
            case ("path marginal", (_, law, _, m, _, x0, last) as chain, k, y, h, w):
                need(y != x0 and ("path", w) not in free(h), "h depends on the path, or is about its start")
                mean = over("path", w, put(h, {("pt", y): ("at", w, k)}), law)
                hyps = [chain, *at_most(ONE, k), *at_most(k, last), *both]
                return mean, over("int", y, ("mul", fld(m, k, y, x0), h)), hyps
            case ("path posterior", (_, law, _, _, r, x0, last) as chain, k, y, h, w):
                now, earlier = ("at", w, k), ("at", w, plus(k, -1))
                bound = {variable(a) for a in walk(h) if a[0] == "bind"}
                elsewhere = h if bound & free(now) else replace(h, {now: ("pt", y)}.get)
                need(y != x0 and ("path", w) not in free(elsewhere), "h depends on the path elsewhere, or on its start")
                mean = over("path", w, over("int", y, ("mul", fld(r, k, y, now, x0), h)), law)
                hyps = [chain, *at_most(TWO, k), *at_most(k, last), *both]
                return over("path", w, put(h, {("pt", y): earlier}), law), mean, hyps
            case ("chain start", (_, _, q, m, _, x0, _) as chain, x):
                return fld(q, ONE, x, x0), fld(m, ONE, x, x0), [chain]
            case ("chain Bayes", (_, _, q, m, r, x0, last) as chain, k, y, x):
                need(len({x, y, x0}) == 3, "the points must be different variables")
                joint = fld(q, k, x, y), fld(m, plus(k, -1), y, x0)
                hyps = [chain, ("nonzero", m), *at_most(TWO, k), *at_most(k, last)]
                return fld(r, k, y, x, x0), ("mul", *joint, ("pow", fld(m, k, x, x0), -1)), hyps
            case ("fundamental theorem", of, t, low, high):
                before, after = (put(of, {("v", t): end}) for end in (low, high))
                return over("time", t, ("d", of, t, None), low, high), ("add", after, minus(before)), both[:1]
            case ("Dynkin", ito, phi, x, t, p, drift, noise, i, dx):
                f, dt, dw, j = fld(phi, x), fld("dt"), fld("dw", on=(i,)), i + "'"
                move = {k: fld(dx, x, ("v", t), on=(k,)) for k in (i, j)}
                second = over("con", j, ("mul", ("d", ("d", f, x, i), x, j), move[i], move[j]))
                half = ("mul", ("num", ("q", 1, 2)), over("con", i, second))
                expansion = ("add", over("con", i, ("mul", ("d", f, x, i), move[i])), half)
                ito.states(expansion, ("add", ("mul", drift, dt), over("con", i, ("mul", noise, dw))))
                need(not {"dt", "dw"} & fields(("add", drift, noise), where), "drift or noise contains a differential")
                hyps = [("law", x, t, p, dx), ("square integrable", noise, i), ("test function", phi)]
                hyps += [*closed(closed(said, ("pt", x)), ("v", t)), ("converges", lhs[1]), both[1]]
                return ("d", over("int", x, ("mul", f, p)), t, None), over("int", x, ("mul", p, drift)), hyps
            case ("fundamental lemma", t, phi, x, left, right):
                t.states(*(over("int", x, ("mul", fld(phi, x), e)) for e in (left, right)))
                for e in (left, right, *(h[4] for h in said if h[0] in GRAMMAR["D"])):
                    need(phi not in fields(e, where), "a side or a definition depends on the test function")
                hyps = [h for h in closed(said, ("pt", x)) if h != ("test function", phi)]
                hyps = [("for every test function", phi, h) if thaw(phi) in thaw(h) else h for h in hyps]
                return left, right, [*hyps, ("continuous", lhs), ("continuous", rhs)]
            case ("uniqueness", first, second, name, params, by):
                slots = slots_of(params, lhs[2])
                need(len(set(slots)) == len(slots) and free(by) <= set(slots), "the solution has other variables")
                found = [a for a in walk(("add", first.lhs, first.rhs)) if a[:2] == ("field", name)]
                values = {a: dict(zip(slots, [b[1] if b[0] == "sc" else b for b in a[2]], strict=True)) for a in found}
                solution = {a: put(by, m) for a, m in values.items()}
                second.states(replace(first.lhs, solution.get), replace(first.rhs, solution.get))
                for v in slots:
                    said = closed(said, v)
                hyps = [("unique", first.lhs, first.rhs, name), ("equal at one time", lhs, by)]
                return fld(name, *slots), by, said + hyps
        raise Bad(f"the premises or parameters aren't such as {self.rule} takes")


def verify(s: Step) -> None:
    """That a step is what its rule says, and that its hypotheses are those that it must have."""
    rel = ">=" if s.rule == "Jensen" or any(t.rel == ">=" for t in s.premises) else "="
    need(s.rule in MONOTONE or all(t.rel == "=" for t in s.premises), "the rule is for equations")
    need(s.rule == "given" or s.rel == rel, f"the relation must be {rel}")
    lhs, rhs, hyps = s.due()
    if (s.lhs, s.rhs) != (lhs, rhs):
        need(s.rule not in LITERAL, "a side isn't, literally, what the rule says")
        s.states(lhs, rhs)
    due, stated = ({compared(h): h for h in hs} for hs in (hyps, s.hyps))
    for some, others, verb in ((due, stated, "used but not stated"), (stated, due, "stated but not used")):
        need(some.keys() <= others.keys(), verb, [h for key, h in some.items() if key not in others])


# ---------------------------------------------------------------------------------------------------- certificates
def read_step(reader: Reader, s: Any, before: list[Step]) -> Step:
    need(s.keys() == {"rule", "lhs", "rel", "rhs", "hyps", "premises", "params"}, "not the keys of a step")
    need(s["rule"] in RULES, "there is no such rule")
    count, *kinds = RULES[s["rule"]].split()
    named = dict(n.split(":") for n in kinds)
    need(s["params"].keys() == named.keys(), "not the parameters of this rule")
    params = [s["params"][n] if kind == "B" else freeze(s["params"][n]) for n, kind in named.items()]
    lhs, rhs, premises = freeze(s["lhs"]), freeze(s["rhs"]), freeze(s["premises"])
    for kind, v in zip(["E", "E", "z", *named.values()], [lhs, rhs, premises, *params], strict=True):
        reader.read(kind, v)
    need('"□"' not in thaw((lhs, rhs)), "a hole outside a context")
    need(all(0 <= j < len(before) for j in premises), "not earlier steps")
    need(count in ("*", str(len(premises))), "the wrong number of premises")
    need(s["rel"] in ("=", ">="), "there is no such relation")
    need(isinstance(s["hyps"], list), "hyps must be a list")
    text, hyps = [thaw(h) for h in s["hyps"]], [freeze(h) for h in s["hyps"]]
    need(text == sorted(set(text)), "hyps must be in order, and nothing twice")
    for h in hyps:  # what others depend on is read; all the rest of a hypothesis is compared with what it must be
        while h[0] == "for every test function":
            h = h[-1]
        for kind in ("D", "C"):
            if h[0] in GRAMMAR[kind] and h not in (reader.where.get(h[1]), reader.chains.get(h[1])):
                reader.read(kind, h)
    return Step(s["rule"], lhs, s["rel"], rhs, hyps, [before[j] for j in premises], params, reader)


def check(cert: Any) -> list[Step]:
    """Check a certificate: its steps, the last of which is the theorem.  Raises `Bad`, whatever is wrong with it."""
    reader, steps, place = Reader(), list[Step](), ""
    try:
        need(cert.keys() == {"format", "claim", "constants", "functions", "steps"}, "not the keys of a certificate")
        need(type(cert["format"]) is int and cert["format"] == 1, "format must be 1")
        need(isinstance(cert["claim"], str), "claim must be a name")
        need(isinstance(cert["steps"], list) and bool(cert["steps"]), "there are no steps")
        reader.declare("c", cert["constants"], ["positive", "real", "integer"])
        reader.declare("f", cert["functions"], ["positive", "real"])
        for k, s in enumerate(cert["steps"]):
            place = f"step {k}: "
            steps.append(read_step(reader, s, steps))
        for n in (n for chain in reader.chains.values() for n in chain[2:5]):
            need(reader.where.get(n, "?")[0] != "where", f"{n} is both defined and a density of a chain")
        for k, step in enumerate(steps):
            place = f"step {k} ({step.rule}): "
            verify(step)
    except Exception as e:  # a certificate that breaks the program is malformed
        raise Bad(place + (str(e) if isinstance(e, Bad) else f"malformed: {type(e).__name__}: {str(e)[:99]}")) from e
    return steps


def main(paths: list[str]) -> int:
    """Check the certificates in these files; 1 if one is refused."""
    refused = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                steps = check(cert := json.load(f))
            axioms = ", ".join(sorted({s.rule for s in steps} - LOGICAL)) or "none"
            print(f"{path}: {cert['claim']}: {len(steps)} steps hold; axioms: {axioms}")
        except (Bad, ValueError, OSError, RecursionError) as e:
            print(f"{path}: REFUSED: {e}")
            refused = 1
    return refused


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
