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
    log                     log ab = log a + log b; of a field, a random table; ∂ log p = ∂p / p
    dw_i, dt                with `ito`: ±P and P² in Z/P³, which must vanish to second order, on average over the signs

Why a false line doesn't pass.  Linearity, Fubini, Leibniz, the product and chain rules are theorems about these models, and
nothing else is built in: sums of different bounds are unrelated, laws are no chains, tables have no derivative relation
(telescoping, Bayes, integration by parts come as premises whose rules are axioms).  A line is a polynomial identity in the
tables.  If it is false it has a monomial that doesn't cancel; that monomial needs at most as many sites as it has binders
and as many dimensions as it has contractions and factors D (`breadth`), and so many are tried.  Then Schwartz and Zippel: a
polynomial of degree d that isn't zero vanishes at a random point with probability at most d/P, below 2^−100.  P and all
draws are new in each run, so that no certificate can be made to fit them.

Roots.  P ≡ 3 mod 4, so of ±a one is a square, and the root of a square that is itself a square is multiplicative: it plays
the positive root.  P ≡ −1 modulo 8·3·5·…·47 makes all positive rationals of small factors squares.  What is declared positive is drawn
as a square; other radicands (1 − β) are drawn again until every factor is one.
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
from fractions import Fraction
from functools import lru_cache, partial
from itertools import pairwise, product
from math import gcd, lcm, prod
from typing import Any


def prime() -> int:
    """A random prime ≡ −1 modulo 8·3·5·…·47.  As it is ≡ 3 mod 4, this is the test of Miller and Rabin."""
    while True:
        p = 4 * 614889782588491410 * (1 + secrets.randbits(64)) - 1
        if all(pow(2 + secrets.randbelow(p - 3), (p - 1) // 2, p) in (1, p - 1) for _ in range(50)):
            return p


P = prime()
TRIES = 300
EXPONENTS = lcm(*range(1, 17))  # exp(c m) is G(m)^(c · EXPONENTS): c may have these denominators
GRAMMAR = {  # what follows a tag: S, A, E; N name, Z whole number; a, n, d lists of A, N, D; ? name or null; * what `special` reads
    "S": {"q": "ZZ", "c": "N", "v": "N", "pi": "", "f": "NS", "+": "SS+", "*": "SS+", "^": "SS", "exp": "S"},
    "A": {"pt": "N", "at": "NS", "along": "NS", "sc": "S"},
    "E": {"num": "S", "field": "Nan", "add": "E+", "mul": "E+", "pow": "EZ", "log": "E", "d": "EN?", "bind": "NN**E"},
    "D": {"where": "NnnE", "where log": "NnnE"},
    "C": {"chain": "NNNNNS"},
}
LISTS = {"a": "A", "n": "N", "d": "D"}
PARAMS = {  # of each rule, in the same letters; H is an E with holes, B true or false
    "line": "definitions:d normalised:n ito:B under_integral:B reason:N",
    "chain": "",
    "congruence": "context:H",
    "given": "label:N",
    "definition": "definition:D",
    "divergence theorem": "field:E index:N x:N",
    "Jensen": "context:H ratio:E",
    "average": "weight:E x:N",
    "instance": "x:N by:A",
    "time reversal": "t:N tau:N end:S",
    "first term": "body:E k:N low:S high:S",
    "last term": "body:E k:N low:S high:S",
    "empty sum": "body:E k:N low:S",
    "induction": "n:N low:S left:E right:E",
    "exponential": "",
    "independent": "name:N",
    "path marginal": "chain:C k:S y:N h:E w:N",
    "path posterior": "chain:C k:S y:N h:E w:N",
    "chain start": "chain:C x:N",
    "chain Bayes": "chain:C k:S y:N x:N",
    "fundamental theorem": "of:E t:N low:S high:S",
    "Dynkin": "phi:N x:N t:N p:E drift:E noise:E index:N dx:N",
    "fundamental lemma": "phi:N x:N left:E right:E",
    "uniqueness": "name:N params:n by:E",
}
PREMISES = {"Jensen": 1, "average": 1, "instance": 1, "time reversal": 1}
PREMISES |= {"congruence": 1, "induction": 2, "exponential": 1, "independent": 1, "Dynkin": 1, "fundamental lemma": 1}
PREMISES |= {"uniqueness": 2, "line": -1, "chain": -1}  # −1: any number; rules not named here have none
LOGICAL = ("line", "chain", "congruence", "independent")  # every other rule is an axiom
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
    """This model has a division by zero or no root; the arguments are the draws to take again (none: all of them)."""


def need(condition: bool, why: str, about: Any = "") -> None:
    if not condition:
        raise Bad(why + (f": {thaw(about)[:300]}" if about != "" else ""))


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

    declared: set[Var]
    holes: bool = False
    shapes: dict[str, Any] = field(default_factory=lambda: dict(SPECIAL))  # the arguments that each field has
    where: Where = field(default_factory=dict)
    chains: Where = field(default_factory=dict)

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
            case ("^", _, n):
                need(n[0] == "q" and n[2] in (1, 2), "an exponent that is neither whole nor half-integer")
            case ("c" | "f", n, *_):
                need(
                    bool({(v[0], n), ("f", n.rstrip("'") if v[0] == "f" else "")} & self.declared),
                    f"{n} isn't declared",
                )
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
                sorts = {name: sort for sort, name in free(body) if sort != "i"}
                known = {("i", i) for i in comps} | {(sorts.get(x, "v"), x) for x in params}
                need(free(body) <= known, f"{n} is defined with a variable that is no parameter")
                need(self.where.setdefault(n, v) == v, f"{n} has two definitions")
                need(n not in reached(body, self.where), f"{n} is defined by itself")
            case ("chain", law, q, m, r, *_):
                need(len({q, m, r}) == 3 and not {q, m, r} & set(SPECIAL), "q, m and r must be three fields")
                need(self.chains.setdefault(law, v) == v, f"the law {law} has two chains")

    def hypothesis(self, h: Any) -> None:
        """Read what others depend on; all the rest of a hypothesis is compared with what it must be."""
        need(isinstance(h, tuple) and bool(h), "something is no hypothesis", h)
        if h[0] in GRAMMAR["D"]:
            self.read("D", h)
        elif h[0] == "chain":
            self.read("C", h)
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
            return inside | ({("v", x)} if i is None else {("pt", x), ("i", i)})
        case ("bind", kind, x, *bounds, body):
            return (free(body) - {(SORT[kind], x)}).union(*(free(b) for b in bounds if isinstance(b, tuple)))
    return inside


def outermost(e: Tree, wanted: Callable[[Tree], bool]) -> list[Tree]:
    return [e] if wanted(e) else [b for a in parts(e) for b in outermost(a, wanted)]


def binds(e: Tree) -> bool:
    return e[0] == "bind" and e[1] in ANALYTIC


def reached(e: Tree, where: Where) -> set[str]:
    """The names of the fields in e, also by way of definitions."""
    out: set[str] = set()
    todo = {a[1] for a in walk(e) if a[0] == "field"}
    while todo:
        out |= todo
        todo = {a[1] for n in todo if n in where for a in walk(where[n][4]) if a[0] == "field"} - out
    return out


def put(e: Tree, var: Var, to: Tree) -> Tree:
    """e with a free time or step (to: a scalar) or point (to: an argument) replaced; capture is refused."""
    if var not in free(e):
        return e
    match e:
        case ("v" | "pt", _):
            return to
        case ("d", a, x, i):
            if (("v" if i is None else "pt"), x) == var:
                need(to[0] == var[0], "something is put for the variable of a derivative")
                x = to[1]
            return ("d", put(a, var, to), x, i)
        case ("bind", kind, x, low, high, a):
            mine = (SORT[kind], x)
            need(mine == var or var not in free(a) or mine not in free(to), f"{x} would be captured")
            bounds = (put(b, var, to) if isinstance(b, tuple) else b for b in (low, high))
            return ("bind", kind, x, *bounds, a if mine == var else put(a, var, to))
    return rebuild(e, lambda a: put(a, var, to))


def fill(context: Tree, by: Tree) -> Tree:
    """The holes filled.  What is bound around a hole binds in `by` too: that is what it is for."""
    return by if context == HOLE else rebuild(context, lambda a: fill(a, by))


def add(*terms: Tree) -> Tree:
    return ("add", *terms)


def mul(*factors: Tree) -> Tree:
    return ("mul", *factors)


def num(n: int) -> Tree:
    return ("num", ("q", n, 1))


def minus(e: Tree) -> Tree:
    return mul(num(-1), e)


def over(kind: str, x: str, e: Tree, low: Any = None, high: Any = None) -> Tree:
    return ("bind", kind, x, low, high, e)


def plus(s: Tree, n: int) -> Tree:
    return ("+", s, ("q", n, 1))


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
        case ("exp", a):
            return ("*", s, slope(a, v))
    return ("q", 0, 1)


@lru_cache(10**5)
def diff(e: Tree, var: Var, i: int, dim: int, leave: bool) -> Tree:
    """∂e/∂var as a tree: in coordinate i of a point, or in a time (i = 0).

    The coordinate is a number, so that no binder inside can capture it.  A field gets its derivatives as a fifth entry: pairs
    (argument, coordinate).  `leave` is the leave to differentiate under an integral.
    """
    if var not in free(e):
        return ZERO

    def d(a: Tree) -> Tree:
        return diff(a, var, i, dim, leave)

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
            return add(*(d(a) for a in terms if var in free(a)))
        case ("mul", *factors):
            return add(*(mul(*factors[:k], d(a), *factors[k + 1 :]) for k, a in enumerate(factors) if var in free(a)))
        case ("pow", a, n):
            return mul(num(n), ("pow", a, n - 1), d(a))
        case ("log", ("mul", *factors)):
            return add(*(d(("log", a)) for a in factors))
        case ("log", ("pow", a, n)):
            return mul(num(n), d(("log", a)))
        case ("log", ("bind", "prod", x, low, high, a)):
            return d(over("sum", x, ("log", a), low, high))
        case ("log", a):
            return mul(d(a), ("pow", a, -1))
        case ("d", a, x, j):
            return ("d", d(a), x, j)
        case ("bind", kind, x, low, high, a):
            need(
                var in free(a) and all(var not in free(b) for b in (low, high) if isinstance(b, tuple)),
                "a derivative by a variable of a bound",
            )
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
            self.table[key] = r * r % self.modulus if key[:2] in self.rules.positive or key[0] in ("pi", "exp") else r
            self.source[self.table[key]] = key
        return self.table[key]

    def retry(self, f: Callable[[], bool]) -> bool:
        """f(), with draws taken again while they are unlucky.  Only one that a root depends on: the others stay good."""
        for attempt in range(TRIES):
            try:
                return f()
            except Unlucky as u:
                if not u.args and attempt > 2:
                    raise
                for key in [self.random.choice(u.args)] if u.args else list(self.table):
                    self.table.pop(key, None)
        raise Unlucky

    # -------------------------------------------------------------------------------- scalars
    def power(self, a: int, n: int) -> int:
        if n < 0 and a % P == 0:
            raise Unlucky
        return int(pow(a, n, self.modulus))

    def scalar(self, s: Tree, env: Env) -> int:
        match s:
            case ("q", p, q):
                return int(p) * self.power(q, -1) % self.modulus
            case ("c", "D"):
                return self.dim
            case ("c", _) | ("pi",):
                return self.draw(*s)
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
        out = 1
        for m, c in self.linear(s[1], env).items():  # exp(c m + …)
            need(EXPONENTS % c.denominator == 0, "an exponent with a denominator that replay doesn't know")
            out = out * self.power(self.draw("exp", m), int(c * EXPONENTS)) % self.modulus
        return out

    def root(self, a: Tree, env: Env) -> int:
        for f in factors(a):
            if pow(self.scalar(f, env), (P - 1) // 2, P) != 1:
                leaves = (self.scalar(b, env) for b in walk(f) if b[0] in ("c", "v", "f"))
                raise Unlucky(*(self.source[v] for v in leaves if v in self.source))
        squares = (
            self.modulus // P * ((P - 1) // 2)
        )  # how many there are, an odd number: the root of a is a^((squares+1)/2)
        return self.power(self.scalar(a, env), (squares + 1) // 2)

    def linear(self, s: Tree, env: Env) -> dict[int, Fraction]:
        """A scalar as a sum of rationals times monomials, these known by their values: {monomial: rational}."""
        out: Counter[int] = Counter()
        match s:
            case ("q", p, q):
                return {1: Fraction(p, q)}
            case ("+", *terms):
                pairs = [mc for a in terms for mc in self.linear(a, env).items()]
            case ("*", a, *rest) if rest:
                right = self.linear(("*", *rest), env).items()
                pairs = [(m * n % self.modulus, b * c) for m, b in self.linear(a, env).items() for n, c in right]
            case ("*", a):
                return self.linear(a, env)
            case ("^", a, ("q", p, 1)) if 1 < p < 9:
                return self.linear(("*", *[a] * p), env)
            case _:
                return {self.scalar(s, env): Fraction(1)}
        for m, c in pairs:
            out[m] += c  # type: ignore[assignment]
        return out  # type: ignore[return-value]

    def log_scalar(self, s: Tree, env: Env) -> int:
        match s:
            case ("q", p, q):
                need(p > 0, "a logarithm of what isn't positive")
                return sum(self.draw("log", f) for f in primes(p)) - sum(self.draw("log", f) for f in primes(q))
            case ("*", *terms):
                return sum(self.log_scalar(a, env) for a in terms)
            case ("^", a, n):
                return self.scalar(n, env) * self.log_scalar(a, env)
            case ("exp", a):
                return self.scalar(a, env)
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
                by = (("v", x), 0) if i is None else (("pt", x), env["i", i])
                return self(diff(a, *by, self.dim, self.rules.leave), env)
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
            return s if a[0] == "sc" else (*a[:1], env["path", a[1]] if a[0] == "at" else a[1], s)

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
        slots = [("v" if a[0] == "sc" else "pt", x) for x, a in zip(params, args, strict=True)]
        indices = [("i", c) for c in comps]
        return body, dict(zip([*slots, *indices], [*at, *on], strict=True)), slots

    def defined(self, n: str, at: Tree, on: Tree, derivs: Tree, args: Tree) -> int:
        body, env, slots = self.inside(n, at, on, args)
        ratio: Tree = ("num", ONE)
        for k, i in derivs:
            d = partial(diff, var=slots[k], i=i, dim=self.dim, leave=self.rules.leave)
            if self.rules.where[n][0] == "where log":  # ∂(q · ratio) = q · (ratio ∂log q + ∂ratio)
                ratio = add(mul(ratio, d(body)), d(ratio))
            else:
                body = d(body)
        return (
            self(body, env)
            if self.rules.where[n][0] == "where"
            else self.plain(n, at, on, ()) * self(ratio, env) % self.modulus
        )

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


def primes(n: int) -> Iterator[int]:
    """The prime factors of n, up to a large cofactor."""
    f = 2
    while n > 1:
        f = f if f * f <= n and f < 10**4 else n
        if n % f == 0:
            yield f
            n //= f
        else:
            f += 1


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

    An upper bound.  `nd` derivatives stand over e: each may differentiate a power, a log or a `where log` once more.
    """
    if e[0] == "num":
        n = con * sum(abs(prod(k[2][1] for k in above)) for above in powers_of_dim(e[1]))
        return n, n * any(a[0] == "^" and a[2][1] < 0 for a in walk(e))
    if e[0] == "field":
        along = nd * (con and any(a[0] == "along" for a in e[2]))
        up, down = breadth(where[e[1]][4], con, where, nd) if e[1] in where else (0, 0)
        times = max(1, nd) if e[1] in where and where[e[1]][0] == "where log" else 1
        return along + times * up, times * down
    ups, downs = zip(
        *(breadth(a, con, where, nd + (e[0] == "d")) for a in parts(e) if a[0] in GRAMMAR["E"]), strict=True
    )
    up, down = sum(ups), sum(downs)
    match e:
        case ("add", *_):
            return max(ups), down
        case ("pow", _, n):
            return (n * up, n * down) if n >= 0 else (nd * (up + down), (nd - n) * (up + down))
        case ("log", _):
            return up * (1 + nd), (up + down) * (1 + nd)
        case ("bind", kind, *_):
            return up + ((kind == "con") == con), down
    return up, down


def powers_of_dim(s: Tree, above: Tree = ()) -> Iterator[Tree]:
    """For each D in a scalar, the powers that it stands in."""
    if s == ("c", "D"):
        yield above
    for a in parts(s):
        yield from powers_of_dim(a, (*above, s) if s[0] == "^" else above)


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
    names = sorted(n for sort, n in free(e) if sort == "i")
    tried = skipped = 0
    while tried < dims:
        model = Model(rules, 1 + tried + skipped, sites)
        try:
            if not all(model.retry(partial(vanishes_in, model, e, indices)) for indices in patterns(names, model.dim)):
                return False
            tried += 1
        except Unlucky:
            skipped += 1
            need(skipped < 4, "no model has the roots and quotients of this line: is something under a root negative?")
    return True


def vanishes_in(model: Model, e: Tree, indices: Env) -> bool:
    total = 0
    for signs in product((1, -1), repeat=model.dim if model.rules.ito else 0):
        model.signs, model.memo = signs, {}
        env = {var: model.draw(*var) if var[0] == "v" else ("free", *var) for var in free(e)} | indices
        value = model(e, env)
        if model.rules.ito and value % P**2:
            return False
        total += value
    return total % model.modulus == 0


class Formal(Model):
    """Scalars compared by their values, roots being known by their radicands only: for shapes that substitution made."""

    def __init__(self, *trees: Tree) -> None:
        super().__init__(Rules(), secrets.randbelow(P), 1)
        self.env = {var: self.draw(*var) for e in trees for var in free(e)}

    def root(self, a: Tree, env: Env) -> int:
        return self.draw("root", self.scalar(a, env))

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
                return ("d", self.shape(a, env, depth), *((env["v", x],) if i is None else (env["pt", x], env["i", i])))
            case ("bind", kind, x, low, high, a):
                bounds = (self.scalar(b, env) if isinstance(b, tuple) else b for b in (low, high))
                return (
                    "bind",
                    kind,
                    *bounds,
                    self.shape(a, {**env, (SORT[kind], x): self.draw("bound", depth)}, depth + 1),
                )
        return tuple(self.shape(a, env, depth) if isinstance(a, tuple) else a for a in e)


def same(a: Tree, b: Tree) -> bool:
    model = Formal(a, b)
    return model.shape(a, model.env) == model.shape(b, model.env)


def number(s: Tree) -> int | None:
    """The whole number that a scalar is, if it is one (and not a huge one)."""
    model = Formal(s)
    value = (model.scalar(s, model.env) + P // 2) % P - P // 2
    return value if abs(value) < 2**31 else None


# ---------------------------------------------------------------------------------------------------- hypotheses
def at_most(u: Tree, v: Tree) -> list[Tree]:
    """The hypothesis u ≤ v, unless it is evident."""
    gap = number(("+", v, ("*", ("q", -1, 1), u)))
    return [] if gap is not None and gap >= 0 else [("range", u, v)]


def at_end(h: Tree, k: str, low: Tree, high: Tree | None) -> list[Tree]:
    """The range h for every k from low to high (null: on and on), from its worse end."""
    _, u, v = h
    gap = ("+", v, ("*", ("q", -1, 1), u))
    grows = number(("+", put(gap, ("v", k), plus(("v", k), 1)), ("*", ("q", -1, 1), gap)))
    if grows is None or (grows < 0 and high is None):
        raise Bad(f"{thaw(h)} isn't affine, or falls without end, in {k}")
    end = low if grows >= 0 or high is None else high
    return at_most(put(u, ("v", k), end), put(v, ("v", k), end))


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


def mentions(h: Any, name: str) -> bool:
    return isinstance(h, tuple) and any(a == name or mentions(a, name) for a in h)


# ---------------------------------------------------------------------------------------------------- rules
@dataclass
class Step:
    rule: str
    lhs: Tree
    rel: str
    rhs: Tree
    hyps: list[Tree]
    premises: list[Step]
    params: dict[str, Any]

    def states(self, lhs: Tree, rhs: Tree) -> None:
        need(self.rel == "=", "an equation is due")
        need(same(self.lhs, lhs), "the left-hand side isn't what the rule says")
        need(same(self.rhs, rhs), "the right-hand side isn't what the rule says")


@dataclass
class Checker:
    """One method a rule: it checks the statement's shape and returns the hypotheses that it must have."""

    positive: frozenset[Var]
    where: Where

    def line(self, s: Step) -> list[Tree]:
        p, where = s.params, {h[1]: h for h in s.params["definitions"]}
        for n in p["normalised"]:
            need(n not in where or where[n][0] == "where log", f"{n} is computed and can't be taken as normalised")
        self.relation(s)
        lhs, rhs = s.lhs, s.rhs
        if not (s.premises or where or p["normalised"] or p["ito"] or p["under_integral"]):  # pointwise
            while lhs[0] == rhs[0] == "bind" and lhs[:5] == rhs[:5]:
                lhs, rhs = lhs[5], rhs[5]
        sides = [lhs, rhs, *(e for t in s.premises for e in (t.lhs, t.rhs))]
        hyps = (
            [h for t in s.premises for h in t.hyps]
            + list(where.values())
            + [("normalised", n) for n in p["normalised"]]
        )
        hyps += [("converges", b) for e in sides for b in outermost(e, binds)]
        for e in sides + [h[4] for h in where.values()]:
            hyps += self.conditions(e)
            if p["under_integral"]:
                hyps += [("dominated", d) for d in outermost(e, lambda d: d[0] == "d" and integrates(d, where))]
        gap = add(lhs, minus(rhs), *(e for t in s.premises for e in (minus(t.lhs), t.rhs)))
        need(
            vanishes(gap, Rules(where, p["normalised"], p["ito"], p["under_integral"], self.positive)),
            "the two sides differ",
        )
        return hyps

    def relation(self, s: Step) -> None:
        need(
            s.rel == (">=" if any(t.rel == ">=" for t in s.premises) else "="),
            "the relation isn't that of the premises",
        )

    def conditions(self, e: Tree) -> Iterator[Tree]:
        """What logs, reciprocals and roots in e need."""
        for a in walk(e):
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
            number = f[0] == "q" and (f[1] > 0 or (f[1] and kind == "nonzero"))
            if not number and f[0] not in ("pi", "exp") and f[:2] not in self.positive:
                yield (kind, ("num", f))

    def chain(self, s: Step) -> list[Tree]:
        steps = s.premises
        need(bool(steps) and s.lhs == steps[0].lhs and s.rhs == steps[-1].rhs, "the ends aren't those of the chain")
        need(all(a.rhs == b.lhs for a, b in pairwise(steps)), "the chain is broken")
        self.relation(s)
        return [h for t in steps for h in t.hyps]

    def congruence(self, s: Step) -> list[Tree]:
        context, (t,) = s.params["context"], s.premises
        need(s.rel == t.rel == "=", "congruence is for equations")
        need(HOLE in walk(context), "a context without a hole")
        need((s.lhs, s.rhs) == (fill(context, t.lhs), fill(context, t.rhs)), "the sides aren't the context filled")
        return self.close(context, t.hyps)

    def close(self, e: Tree, hyps: list[Tree]) -> list[Tree]:
        """The premise's hypotheses for every value of what the context binds around its holes."""
        if e == HOLE:
            return hyps
        out = [h for a in parts(e) if HOLE in walk(a) for h in self.close(a, hyps)]
        match e:
            case ("d", _, x, i):
                return for_all(out, ("v" if i is None else "pt", x))
            case ("bind", "sum" | "prod", k, low, high, _):
                for_all((h for h in out if h[0] != "range"), ("v", k))
                return [r for h in out for r in (at_end(h, k, low, high) if ("v", k) in held(h) else [h])]
            case ("bind", kind, x, *_):
                return for_all(out, (SORT[kind], x))
        return out

    def given(self, s: Step) -> list[Tree]:
        return [("given", s.params["label"], s.lhs, s.rel, s.rhs)]

    def divergence_theorem(self, s: Step) -> list[Tree]:
        f, i, x = s.params.values()
        s.states(over("int", x, over("con", i, ("d", f, x, i))), ZERO)
        return [("integrable field", f, i, x)]

    def definition(self, s: Step) -> list[Tree]:
        d = s.params["definition"]
        need(d[0] == "where" and not d[3] and s.rel == "=", "not the definition of a scalar")
        need(s.lhs[:2] == ("field", d[1]) and len(s.lhs[2]) == len(d[2]) and not s.lhs[3], "not the defined field")
        args = tuple(a[1] if a[0] == "pt" else a[1][1] for a in s.lhs[2] if a[0] == "pt" or a[1][0] == "v")
        need(args == d[2] and s.rhs == d[4], "not the definition")
        return [d]

    def jensen(self, s: Step) -> list[Tree]:
        (context, ratio), (t,) = s.params.values(), s.premises
        logs = fill(context, ("log", ratio))
        need((t.rel, t.rhs) == ("=", fill(context, ratio)), "the premise isn't about the mean")
        need((s.lhs, s.rel, s.rhs) == (("log", t.lhs), ">=", logs), "not what Jensen's inequality says")
        hyps = [*t.hyps, ("converges", logs), *self.conditions(("log", ratio)), *self.conditions(s.lhs)]
        match context:
            case ("bind", "path", _, _, _, body) if body == HOLE:
                return hyps
            case ("bind", "int", y, _, _, ("mul", *weight, last)) if last == HOLE and weight:
                need(all(HOLE not in walk(a) for a in weight), "a hole in the weight")
                return [*hyps, ("probability", mul(*weight) if len(weight) > 1 else weight[0], y)]
        raise Bad("the context is no mean")

    def average(self, s: Step) -> list[Tree]:
        (weight, x), (t,) = s.params.values(), s.premises
        sides = tuple(over("int", x, mul(weight, e)) for e in (t.lhs, t.rhs))
        need((s.lhs, s.rhs, s.rel) == (*sides, t.rel), "not the average")
        conditions = self.conditions(("log", weight))
        return [*for_all(t.hyps, ("pt", x)), *conditions, *(("converges", e) for e in sides)]

    def instance(self, s: Step) -> list[Tree]:
        (x, by), (t,) = s.params.values(), s.premises
        need(by[0] != "sc", "a scalar for a point")
        for e in (t.lhs, t.rhs):
            need(not any(a[0] == "d" and a[2:3] == (x,) and a[3] is not None for a in walk(e)), "a derivative by it")
        need((s.lhs, s.rhs, s.rel) == (*(put(e, ("pt", x), by) for e in (t.lhs, t.rhs)), t.rel), "not the instance")
        return for_all(t.hyps, ("pt", x))

    def time_reversal(self, s: Step) -> list[Tree]:
        (t, tau, end), (before,) = s.params.values(), s.premises
        to = ("+", end, ("*", ("q", -1, 1), ("v", tau)))
        sides = before.lhs, before.rhs
        for e in sides:
            need(("v", tau) not in free(e), "the new time is in use")
            need(not any(a[0] == "bind" and a[2] in (t, tau) for a in walk(e)), "a time is bound")
        need(("v", t) not in free(end) and ("v", tau) not in free(end), "the end depends on the time")

        def turned(e: Tree) -> Tree:
            if e[0] == "d" and e[2:] == (t, None):
                return minus(("d", turned(e[1]), tau, None))
            return to if e == ("v", t) else rebuild(e, turned)

        lhs, rhs = map(turned, sides)
        need(s.rel == before.rel and same(s.lhs, lhs) and same(s.rhs, rhs), "not the statement in reversed time")
        return for_all(before.hyps, ("v", t))

    def sums(self, s: Step) -> list[Tree]:
        body, k, low, *rest = s.params.values()
        total = partial(over, "sum", k, body)
        if not rest:
            s.states(total(low, plus(low, -1)), ZERO)
            return []
        (high,) = rest
        if s.rule == "first term":
            s.states(total(low, high), add(put(body, ("v", k), low), total(plus(low, 1), high)))
            return at_most(low, high)
        s.states(total(low, plus(high, 1)), add(total(low, high), put(body, ("v", k), plus(high, 1))))
        return at_most(plus(low, -1), high)

    def induction(self, s: Step) -> list[Tree]:
        n, low, left, right = s.params.values()
        var, (base, step) = ("v", n), s.premises
        need(var not in free(low), "the base depends on the variable")
        s.states(left, right)
        base.states(put(left, var, low), put(right, var, low))
        step.states(*(add(put(e, var, plus(var, 1)), minus(e)) for e in (left, right)))
        closed = (
            r for h in step.hyps for r in (at_end(h, n, low, None) if h[0] == "range" and var in held(h) else [h])
        )
        return [*base.hyps, *closed, *at_most(low, var)]

    def exponential(self, s: Step) -> list[Tree]:
        (t,) = s.premises
        need(s.rel == t.rel == "=", "an equation is due")
        need((t.lhs, t.rhs) == (("log", s.lhs), ("log", s.rhs)), "the premise isn't about the logarithms of the sides")
        return t.hyps

    def independent(self, s: Step) -> list[Tree]:
        (t,) = s.premises
        need((s.lhs, s.rel, s.rhs) == (t.lhs, t.rel, t.rhs), "not the statement of the premise")
        need(s.params["name"] not in reached(s.rhs, self.where), "the right-hand side depends on it")
        return t.hyps

    def along_paths(self, s: Step) -> list[Tree]:
        chain, k, y, h, w = s.params.values()
        _, law, _, m, r, x0, last = chain
        need(y != x0, "the variable is the start of the paths")
        here: Tree = ("at", w, k)
        if s.rule == "path marginal":
            need(("path", w) not in free(h), "h depends on the path")
            average = over("int", y, mul(("field", m, (("sc", k), ("pt", y), ("pt", x0)), ()), h))
            s.states(over("path", w, put(h, ("pt", y), here), law), average)
        else:
            bound = {(SORT[a[1]], a[2]) for a in walk(h) if a[0] == "bind"}
            elsewhere = h if bound & free(here) else replace(h, here, ("pt", y))
            need(("path", w) not in free(elsewhere), "h depends on the path elsewhere")
            average = over("int", y, mul(("field", r, (("sc", k), ("pt", y), here, ("pt", x0)), ()), h))
            s.states(over("path", w, put(h, ("pt", y), ("at", w, plus(k, -1))), law), over("path", w, average, law))
        first = ("q", 1 if s.rule == "path marginal" else 2, 1)
        return [chain, *at_most(first, k), *at_most(k, last), ("converges", s.lhs), ("converges", s.rhs)]

    def chain_start(self, s: Step) -> list[Tree]:
        (_, _, q, m, _, x0, _), x = s.params.values()
        args = (("sc", ONE), ("pt", x), ("pt", x0))
        s.states(("field", q, args, ()), ("field", m, args, ()))
        return [s.params["chain"]]

    def chain_bayes(self, s: Step) -> list[Tree]:
        chain, k, y, x = s.params.values()
        _, _, q, m, r, x0, last = chain
        need(len({x, y, x0}) == 3, "the points must be different variables")

        def of(name: str, k: Tree, *points: str) -> Tree:
            return ("field", name, (("sc", k), *(("pt", a) for a in points)), ())

        s.states(of(r, k, y, x, x0), mul(of(q, k, x, y), of(m, plus(k, -1), y, x0), ("pow", of(m, k, x, x0), -1)))
        return [chain, ("nonzero", m), *at_most(("q", 2, 1), k), *at_most(k, last)]

    def fundamental_theorem(self, s: Step) -> list[Tree]:
        e, t, low, high = s.params.values()
        ends = add(put(e, ("v", t), high), minus(put(e, ("v", t), low)))
        s.states(over("time", t, ("d", e, t, None), low, high), ends)
        return [("converges", s.lhs)]

    def dynkin(self, s: Step) -> list[Tree]:
        phi, x, t, p, drift, noise, i, dx = s.params.values()
        f, j, (line,) = ("field", phi, (("pt", x),), ()), i + "'", s.premises
        moves = {k: ("field", dx, (("pt", x), ("sc", ("v", t))), (k,)) for k in (i, j)}
        first = over("con", i, mul(("d", f, x, i), moves[i]))
        second = over("con", i, over("con", j, mul(("d", ("d", f, x, i), x, j), moves[i], moves[j])))
        dt, dw = ("field", "dt", (), ()), ("field", "dw", (), (i,))
        line.states(add(first, mul(("num", ("q", 1, 2)), second)), add(mul(drift, dt), over("con", i, mul(noise, dw))))
        need(not {"dt", "dw"} & reached(add(drift, noise), self.where), "drift or noise contains a differential")
        s.states(("d", over("int", x, mul(f, p)), t, None), over("int", x, mul(p, drift)))
        hyps = [("law", x, t, p, dx), ("square integrable", noise, i), ("test function", phi)]
        return [*for_all(line.hyps, ("pt", x), ("v", t)), *hyps, ("converges", s.lhs[1]), ("converges", s.rhs)]

    def fundamental_lemma(self, s: Step) -> list[Tree]:
        phi, x, a, b = s.params.values()
        f, (t,) = ("field", phi, (("pt", x),), ()), s.premises
        s.states(a, b)
        t.states(over("int", x, mul(f, a)), over("int", x, mul(f, b)))
        need(phi not in reached(add(a, b), self.where), "a side depends on the test function")
        need(
            not any(h[0] in GRAMMAR["D"] and phi in reached(h[4], self.where) for h in t.hyps),
            "something is defined by the test function",
        )
        hyps = [
            ("for every test function", phi, h) if mentions(h, phi) else h
            for h in t.hyps
            if h != ("test function", phi)
        ]
        return [*hyps, ("continuous", s.lhs), ("continuous", s.rhs)]

    def uniqueness(self, s: Step) -> list[Tree]:
        rho, names, by = s.params.values()
        first, second = s.premises
        need(
            s.lhs[:2] == ("field", rho) and len(s.lhs[2]) == len(names),
            "the left-hand side isn't the field at its parameters",
        )
        slots = [("v" if a[0] == "sc" else "pt", n) for n, a in zip(names, s.lhs[2], strict=True)]
        s.states(("field", rho, tuple(("sc", v) if v[0] == "v" else v for v in slots), ()), by)
        need(first.rel == "=", "an equation is due")
        second.states(instead(first.lhs, rho, slots, by), instead(first.rhs, rho, slots, by))
        hyps = [("unique", first.lhs, first.rhs, rho), ("equal at one time", s.lhs, s.rhs)]
        return [*for_all([*first.hyps, *second.hyps], *slots), *hyps]


def integrates(e: Tree, where: Where) -> bool:
    """Whether there is an integral in e, also by way of definitions."""
    bodies = [where[n][4] for n in reached(e, where) if n in where]
    return any(binds(a) for b in [e, *bodies] for a in walk(b))


def replace(e: Tree, old: Tree, new: Tree) -> Tree:
    return new if e == old else rebuild(e, lambda a: replace(a, old, new))


def instead(e: Tree, rho: str, slots: list[Var], by: Tree) -> Tree:
    """e with by(a, b) for every rho(a, b)."""
    if e[:2] == ("field", rho):
        for sort, name in slots:  # by way of new names, for all at once
            by = put(by, (sort, name), (sort, "·" + name))
        for (sort, name), a in zip(slots, e[2], strict=True):
            by = put(by, (sort, "·" + name), a[1] if a[0] == "sc" else a)
        return by
    if e[0] == "bind" and rho in reached(e, {}):
        need((SORT[e[1]], e[2]) not in free(by) - set(slots), f"{e[2]} would be captured")
    return rebuild(e, lambda a: instead(a, rho, slots, by))


RULES: dict[str, Callable[[Checker, Step], list[Tree]]] = {
    **dict.fromkeys(("first term", "last term", "empty sum"), Checker.sums),
    **dict.fromkeys(("path marginal", "path posterior"), Checker.along_paths),
    **{
        r: getattr(Checker, r.lower().replace(" ", "_"))
        for r in PARAMS
        if hasattr(Checker, r.lower().replace(" ", "_"))
    },
}


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


def declarations(cert: dict[str, Any]) -> tuple[set[Var], frozenset[Var]]:
    """The constants and functions declared, and the positive ones.  All are real, and assumptions come in one order."""
    declared, positive = set(), {("c", "D")}
    for tag, kind, known in (
        ("c", "constants", ["positive", "real", "integer"]),
        ("f", "functions", ["positive", "real"]),
    ):
        need(isinstance(cert[kind], dict), f"{kind} must be an object")
        for n, said in cert[kind].items():
            need("real" in said and said == [a for a in known if a in said], f"assumptions of {n}: {said!r}")
            need((tag, n) != ("c", "D") or said == known, "D is the dimension, a positive whole number")
            declared.add((tag, n))
            positive |= {(tag, n)} if "positive" in said else set()
    return declared, frozenset(positive)


def read_step(reader: Reader, s: Any, before: list[Step]) -> Step:
    need(
        isinstance(s, dict) and set(s) == {"rule", "lhs", "rel", "rhs", "hyps", "premises", "params"},
        "not the keys of a step",
    )
    rule, js, given = s["rule"], s["premises"], s["params"]
    need(isinstance(rule, str) and rule in RULES, "there is no such rule")
    need(
        isinstance(js, list) and all(type(j) is int and 0 <= j < len(before) for j in js),
        "premises must be earlier steps",
    )
    need(PREMISES.get(rule, 0) in (-1, len(js)), "the wrong number of premises")
    kinds = dict(p.split(":") for p in PARAMS[rule].split())
    need(isinstance(given, dict) and set(given) == set(kinds), "not the parameters of this rule")
    params = {}
    for n, kind in kinds.items():  # in the order of PARAMS, which the rules rely on
        need(kind != "B" or type(given[n]) is bool, f"{n} must be true or false")
        params[n] = v = given[n] if kind == "B" else freeze(given[n])
        reader.holes = kind == "H"
        reader.read("E" if kind == "H" else kind, v)
        need(kind not in ("n", "d") or len(set(v)) == len(v), f"something stands twice in {n}")
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
    for n in params.get("normalised", ()):
        need(
            n not in SPECIAL and reader.shapes.get(n, ((), 0))[0][:1] == ("pt",),
            f"{n} has no point as its first argument",
        )
    return Step(rule, lhs, s["rel"], rhs, hyps, [before[j] for j in js], params)


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
    with named(""):
        need(
            isinstance(cert, dict) and set(cert) == {"format", "claim", "constants", "functions", "steps"},
            "not the keys of a certificate",
        )
        need(type(cert["format"]) is int and cert["format"] == 1, "format must be 1")
        need(isinstance(cert["claim"], str), "claim must be a name")
        need(isinstance(cert["steps"], list) and bool(cert["steps"]), "there are no steps")
        declared, positive = declarations(cert)
    reader, steps, ranges = Reader(declared), list[Step](), Formal()

    def known(h: Tree) -> Tree:
        """A hypothesis as it is compared: ranges, which substitution makes, by the values of their ends."""
        env = {v: ranges.draw(*v) for v in held(h)}
        return h if h[0] != "range" else ("range", *(ranges.scalar(s, env) for s in h[1:]))

    for k, s in enumerate(cert["steps"]):
        with named(f"step {k} ({s.get('rule') if isinstance(s, dict) else None}): "):
            steps.append(read_step(reader, s, steps))
    for h in reader.where.values():
        defined_in_chain = [law for law, c in reader.chains.items() if h[0] == "where" and h[1] in c[2:5]]
        need(not defined_in_chain, f"{h[1]} is both defined and a density of the law {defined_in_chain}")
    for k, step in enumerate(steps):
        with named(f"step {k} ({step.rule}): "):
            due, stated = (
                {known(h): h for h in hyps}
                for hyps in (RULES[step.rule](Checker(positive, reader.where), step), step.hyps)
            )
            for some, others, verb in ((due, stated, "used but not stated"), (stated, due, "stated but not used")):
                need(
                    some.keys() <= others.keys(),
                    f"{verb}: {thaw([h for key, h in some.items() if key not in others])[:300]}",
                )
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
