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
polynomial of degree d that isn't zero vanishes at a random point with probability at most d/P, below 2^−50.  The draws are
new in each run, so that no certificate can be made to fit them.

Roots.  P ≡ 3 mod 4, so of ±a one is a square, and the root of a square that is itself a square is multiplicative: it plays
the positive root.  P = 4·(2·3·5·…·47) − 1 makes all rationals of small factors squares.  What is declared positive is drawn
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
from itertools import product
from math import gcd, lcm, prod
from typing import Any

P = 4 * 614889782588491410 - 1
SORT = {"con": "i", "int": "pt", "path": "path", "sum": "v", "prod": "v", "time": "v"}  # what a binder binds
ANALYTIC = ("int", "path", "time")
SPECIAL = {"@": (("pt",), 1), "δ": ((), 2), "dt": ((), 0), "dw": ((), 1), "□": ((), 0)}
HOLE, ZERO, ONE = ("field", "□", (), ()), ("num", ("q", 0, 1)), ("q", 1, 1)
EXPONENTS = lcm(*range(1, 17))  # exp(c m) is G(m)^(c · EXPONENTS): c may have these denominators
TRIES = 1000
Tree = tuple[Any, ...]
Where = dict[str, Tree]


class Bad(Exception):
    """The certificate is refused, and why."""


class Unlucky(Exception):
    """This model has a division by zero or no root; `again` are the draws to take again (none: all of them)."""

    def __init__(self, again: Iterable[Any] = ()) -> None:
        self.again = list(again)


def need(condition: bool, why: str) -> None:
    if not condition:
        raise Bad(why)


# ---------------------------------------------------------------------------------------------------- reading
def freeze(v: Any) -> Any:
    """JSON with tuples for lists: values that can be compared and hashed, so that 1, 1.0 and true are told apart here."""
    if isinstance(v, list):
        return tuple(map(freeze, v))
    need(v is None or type(v) in (int, str), f"{v!r} can't stand in a certificate")
    return v


def thaw(v: Any) -> str:
    return json.dumps(v, ensure_ascii=False)


@dataclass
class Reader:
    """Refuses what isn't in the format, and gathers the shape in which each field is used."""

    constants: dict[str, Any]
    functions: dict[str, Any]
    shapes: dict[str, Any] = field(default_factory=lambda: dict(SPECIAL))

    def name(self, n: Any) -> None:
        need(isinstance(n, str) and n != "", f"{n!r} is no name")

    def scalar(self, s: Any) -> None:
        match s:
            case ("q", int(p), int(q)) if q > 0 and gcd(p, q) == 1:
                pass
            case ("pi",):
                pass
            case ("c", str(n)) if n in self.constants:
                pass
            case ("v", n):
                self.name(n)
            case ("f", str(n), a) if n in self.functions or n.rstrip("'") in self.functions:
                self.scalar(a)
            case ("+" | "*", _, _, *_):
                for a in s[1:]:
                    self.scalar(a)
            case ("^", a, ("q", int(p), 1 | 2 as q)) if gcd(p, q) == 1:
                self.scalar(a)
            case ("exp", a):
                self.scalar(a)
            case _:
                raise Bad(f"no scalar, or of an undeclared name: {thaw(s)}")

    def arg(self, a: Any) -> None:
        match a:
            case ("pt", n):
                self.name(n)
            case ("at" | "along", n, s):
                self.name(n)
                self.scalar(s)
            case ("sc", s):
                self.scalar(s)
            case _:
                raise Bad(f"no argument: {thaw(a)}")

    def expr(self, e: Any, hole: bool = False) -> None:
        match e:
            case ("num", s):
                self.scalar(s)
            case ("field", str(n), tuple(args), tuple(comps)):
                for a in args:
                    self.arg(a)
                for i in (n, *comps):
                    self.name(i)
                need(hole or n != "□", "a hole outside a context")
                shape = tuple("v" if a[0] == "sc" else "pt" for a in args), len(comps)
                need(self.shapes.setdefault(n, shape) == shape, f"{n} is used with other arguments elsewhere")
            case ("add" | "mul", _, *_):
                for a in e[1:]:
                    self.expr(a, hole)
            case ("pow", a, int()) | ("log", a):
                self.expr(a, hole)
            case ("d", a, v, i):
                self.name(v)
                self.name("time" if i is None else i)
                self.expr(a, hole)
            case ("bind", str(kind), v, low, high, a) if kind in SORT:
                self.name(v)
                if kind in ("con", "int", "path"):
                    need(high is None and (kind == "path" or low is None), f"bounds at a binder {kind}")
                    self.name(low if kind == "path" else v)
                else:
                    self.scalar(low)
                    self.scalar(high)
                self.expr(a, hole)
            case _:
                raise Bad(f"no expression: {thaw(e)}")

    def definition(self, h: Any) -> None:
        match h:
            case ("where" | "where log" as kind, str(n), tuple(params), tuple(comps), e):
                need(n not in SPECIAL and (kind == "where" or not comps), f"{n} can't be defined so")
                for x in (n, *params, *comps):
                    self.name(x)
                need(len({*params, *comps}) == len(params) + len(comps), f"{n}: parameters of one name")
                self.expr(e)
                sorts = {name: sort for sort, name in sorted(free(e)) if sort != "i"}
                want = {("i", i) for i in comps} | {(sorts.get(x, "v"), x) for x in params}
                need(free(e) <= want, f"{n} is defined with a variable that is no parameter")
            case _:
                raise Bad(f"no definition: {thaw(h)}")

    def chain(self, h: Any) -> None:
        match h:
            case ("chain", law, q, m, r, x0, last) if len({q, m, r}) == 3 and not {q, m, r} & set(SPECIAL):
                for n in (law, q, m, r, x0):
                    self.name(n)
                self.scalar(last)
            case _:
                raise Bad(f"no chain: {thaw(h)}")


# ---------------------------------------------------------------------------------------------------- walking about
@lru_cache(10**5)
def free(e: Any) -> frozenset[tuple[str, str]]:
    """The free variables, as (sort, name), of an expression, argument or scalar."""
    match e:
        case ("v" | "pt", n):
            return frozenset([(e[0], n)])
        case ("at", w, k):
            return free(k) | {("path", w)}
        case ("field", _, args, comps, *_):
            return frozenset(("i", c) for c in comps if isinstance(c, str)).union(*map(free, args))
        case ("d", a, v, i):
            return free(a) | ({("v", v)} if i is None else {("pt", v), ("i", i)})
        case ("bind", kind, v, low, high, a):
            return (free(a) - {(SORT[kind], v)}) | free(low) | free(high)
    return frozenset().union(*(free(a) for a in e if isinstance(a, tuple))) if isinstance(e, tuple) else frozenset()


def children(e: Tree) -> Tree:
    match e[0]:
        case "add" | "mul":
            return e[1:]
        case "pow" | "log" | "d":
            return (e[1],)
    return (e[5],) if e[0] == "bind" else ()


def walk(e: Tree) -> Iterator[Tree]:
    yield e
    for a in children(e):
        yield from walk(a)


def outermost(e: Tree, wanted: Callable[[Tree], bool]) -> Iterator[Tree]:
    if wanted(e):
        yield e
    else:
        for a in children(e):
            yield from outermost(a, wanted)


def binds(e: Tree) -> bool:
    return e[0] == "bind" and e[1] in ANALYTIC


def reached(e: Tree, where: Where) -> set[str]:
    """The names of the fields in e, also through definitions."""
    out: set[str] = set()
    todo = {a[1] for a in walk(e) if a[0] == "field"}
    while todo:
        out |= todo
        todo = {a[1] for n in todo if n in where for a in walk(where[n][4]) if a[0] == "field"} - out
    return out


def scalars(e: Tree) -> Iterator[Tree]:
    """Every scalar in e, and every scalar in it."""

    def inside(s: Tree) -> Iterator[Tree]:
        yield s
        for a in s[1:]:
            if isinstance(a, tuple):
                yield from inside(a)

    for a in walk(e):
        match a:
            case ("num", s):
                yield from inside(s)
            case ("field", _, args, _):
                for b in args:
                    if b[0] != "pt":
                        yield from inside(b[-1])
            case ("bind", _, _, low, high, _):
                for b in (low, high):
                    if isinstance(b, tuple):
                        yield from inside(b)


def put(e: Any, var: tuple[str, str], to: Tree) -> Any:
    """e with a free time or step (to: a scalar) or point (to: an argument) replaced; capture is refused."""
    if not isinstance(e, tuple) or var not in free(e):
        return e
    match e:
        case (("v" | "pt"), _):
            return to
        case ("d", a, v, i):
            if v == var[1] and var[0] == ("v" if i is None else "pt"):
                need(to[0] == var[0], "something that is no variable is put for what is differentiated by")
                v = to[1]
            return ("d", put(a, var, to), v, i)
        case ("bind", kind, v, low, high, a):
            mine = (SORT[kind], v)
            need(mine == var or var not in free(a) or mine not in free(to), f"{v} would be captured")
            return ("bind", kind, v, put(low, var, to), put(high, var, to), a if mine == var else put(a, var, to))
    return tuple(put(a, var, to) for a in e)


def fill(context: Tree, by: Tree) -> Any:
    """The holes filled.  What is bound around a hole binds in `by` too: that is what it is for."""
    return by if context == HOLE else tuple(fill(a, by) if isinstance(a, tuple) else a for a in context)


# ---------------------------------------------------------------------------------------------------- derivatives
def add(*a: Tree) -> Tree:
    return ("add", *a)


def mul(*a: Tree) -> Tree:
    return ("mul", *a)


def num(p: int) -> Tree:
    return ("num", ("q", p, 1))


def integral(x: str, e: Tree) -> Tree:
    return ("bind", "int", x, None, None, e)


def minus(e: Tree) -> Tree:
    return ("mul", num(-1), e)


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
def diff(e: Tree, var: tuple[str, str], i: int, dim: int, leave: bool) -> Tree:
    """∂e/∂var as a tree: in coordinate i of a point, or in a time (i = 0).

    The index is a number, so that no binder inside can capture it.  A field gets its derivatives as a fifth entry: pairs
    (argument, coordinate).  `leave` is the leave to differentiate under an integral.
    """
    if var not in free(e):
        return ZERO

    def d(a: Tree) -> Tree:
        return diff(a, var, i, dim, leave)

    match e:
        case ("num", s):
            return ("num", slope(s, var[1]))
        case ("field", "@", (("pt", _),), (c,), *_):
            return ("is", c, i) if len(e) == 4 else ZERO
        case ("field", n, args, comps, *old):
            out = []
            for k, a in enumerate(args):
                if var in free(a):
                    need(a[0] != "at", "a derivative by a step of a path")
                    inner = ONE if a[0] == "pt" else slope(a[-1], var[1])
                    for j in range(1, dim + 1) if a[0] == "along" and n != "@" else [i]:
                        seen = ("field", n, args, comps, tuple(sorted([*(old[0] if old else ()), (k, j)])))
                        moved = [("field", "@", (a,), (j,), ((0, 0),))] if j != i else []
                        out.append(mul(("num", inner), seen, *moved))
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
        case ("log", ("bind", "prod", v, low, high, a)):
            return d(("bind", "sum", v, low, high, ("log", a)))
        case ("log", a):
            return mul(d(a), ("pow", a, -1))
        case ("d", a, v, j):
            return ("d", d(a), v, j)
        case ("bind", kind, v, low, high, a):
            need(var not in free(low) | free(high), "a derivative by a variable of a bound")
            need(kind != "prod", "a derivative of a product over steps")
            need(leave or kind not in ANALYTIC, "a derivative is taken inside an integral without `under_integral`")
            return ("bind", kind, v, low, high, d(a))
    raise Bad(f"no derivative of {thaw(e)}")


# ---------------------------------------------------------------------------------------------------- finite models
@dataclass
class Rules:
    """What a line may use."""

    where: Where = field(default_factory=dict)
    normalised: frozenset[str] = frozenset()
    ito: bool = False
    leave: bool = False
    positive: frozenset[tuple[str, str]] = frozenset()


class Model:
    def __init__(self, rules: Rules, dim: int, sites: int, formal: bool = False) -> None:
        self.rules, self.dim, self.sites, self.formal = rules, dim, sites, formal
        self.modulus = P**3 if rules.ito else P
        self.squares = self.modulus // P * ((P - 1) // 2)  # how many units are squares: an odd number
        self.random = random.Random(secrets.randbits(256))
        self.signs: Tree = ()
        self.table: dict[Any, int] = {}
        self.source: dict[int, Any] = {}
        self.memo: dict[Any, int] = {}

    def draw(self, *key: Any) -> int:
        if key not in self.table:
            r = self.random.randrange(1, self.modulus)
            if key[:2] in self.rules.positive or key[0] in ("pi", "exp"):
                r = r * r % self.modulus
            self.table[key] = r
            self.source[r] = key
        return self.table[key]

    def retry(self, f: Callable[[], Any]) -> Any:
        """f(), with draws taken again while they are unlucky.  Only those that a root depends on: others stay good."""
        for attempt in range(TRIES):
            self.memo.clear()
            try:
                return f()
            except Unlucky as u:
                if not u.again and attempt > 2:
                    raise
                for key in [self.random.choice(u.again)] if u.again else list(self.table):
                    self.table.pop(key, None)
        raise Unlucky

    # scalars
    def power(self, a: int, n: int) -> int:
        if n < 0 and a % P == 0:
            raise Unlucky
        return int(pow(a, n, self.modulus))

    def scalar(self, s: Tree, env: dict[Any, Any]) -> int:
        match s:
            case ("q", p, q):
                return int(p) * self.power(q, -1) % self.modulus
            case ("c", "D"):
                return self.dim
            case ("c", n):
                return self.draw("c", n)
            case ("pi",):
                return self.draw("pi")
            case ("v", _):
                return int(env[s])
            case ("f", n, a):
                return self.draw("f", n, self.scalar(a, env))
            case ("+", *terms):
                return sum(self.scalar(a, env) for a in terms) % self.modulus
            case ("*", *factors):
                return prod(self.scalar(a, env) for a in factors) % self.modulus
            case ("^", a, ("q", p, 1)):
                return self.power(self.scalar(a, env), p)
            case ("^", a, ("q", p, 2)):
                return self.power(self.root(a, env), p)
            case ("exp", a):
                out = 1
                for m, c in self.linear(a, env).items():
                    n = c * EXPONENTS
                    need(n.denominator == 1, "an exponent with a denominator that replay doesn't know")
                    out = out * self.power(self.draw("exp", m), n.numerator) % self.modulus
                return out
        raise Bad(f"no scalar: {thaw(s)}")

    def root(self, a: Tree, env: dict[Any, Any]) -> int:
        value = self.scalar(a, env)
        if self.formal:
            return self.draw("root", value)
        for f in factors(a):
            v = self.scalar(f, env)
            if pow(v, (P - 1) // 2, P) != 1:
                leaves = (b for b in scalars(("num", f)) if b[0] in ("c", "v", "f"))
                raise Unlucky(self.source[w] for b in leaves if (w := self.scalar(b, env)) in self.source)
        return pow(value, (self.squares + 1) // 2, self.modulus)

    def linear(self, s: Tree, env: dict[Any, Any]) -> dict[int, Fraction]:
        """A scalar as a sum of rationals times monomials, these known by their values: {monomial: rational}."""
        match s:
            case ("q", p, q):
                return {1: Fraction(p, q)}
            case ("+", *terms):
                pairs = [mc for a in terms for mc in self.linear(a, env).items()]
            case ("*", a, *rest):
                right = self.linear(("*", *rest), env) if rest else {1: Fraction(1)}
                left = self.linear(a, env)
                pairs = [(m * n % self.modulus, b * c) for m, b in left.items() for n, c in right.items()]
            case ("^", a, ("q", p, 1)) if 1 < p < 9:
                return self.linear(("*", *[a] * p), env)
            case _:
                return {self.scalar(s, env): Fraction(1)}
        out: dict[int, Fraction] = {}
        for m, c in pairs:
            out[m] = out.get(m, Fraction(0)) + c
        return out

    # expressions
    def arg(self, a: Tree, env: dict[Any, Any]) -> Any:
        match a:
            case ("pt", _):
                return env[a]
            case ("at", w, k):
                return ("at", env["path", w], self.scalar(k, env))
            case ("along", z, t):
                return ("along", z, self.scalar(t, env))
        return self.scalar(a[1], env)

    def places(self, e: Tree, env: dict[Any, Any]) -> list[tuple[int, Any]]:
        """What a binder runs through, with weights."""
        _, kind, _, low, high, _ = e
        if kind == "con":
            return [(1, i) for i in range(1, self.dim + 1)]
        if kind == "int":
            return [(self.draw("dx", x), x) for x in range(self.sites)]
        if kind == "path":
            weights = [self.draw("weight", low, n) for n in range(self.sites - 1)]
            return [(w, ("path", low, n)) for n, w in enumerate([*weights, 1 - sum(weights)])]
        of = ("time" if kind == "time" else "steps", self.scalar(low, env), self.scalar(high, env))
        return [(self.draw("weight", *of, n), self.draw("place", *of, n)) for n in range(self.sites)]

    def __call__(self, e: Tree, env: dict[Any, Any]) -> int:
        match e:
            case ("num", s):
                return self.scalar(s, env)
            case ("is", c, i):
                return int(env["i", c] == i)
            case ("field", n, args, comps, *derivs):
                at, on = (
                    tuple(self.arg(a, env) for a in args),
                    tuple(env["i", c] if isinstance(c, str) else c for c in comps),
                )
                return self.field(n, at, on, derivs[0] if derivs else (), args)
            case ("add", *terms):
                return sum(self(a, env) for a in terms) % self.modulus
            case ("mul", *factors):
                out = 1
                for a in factors:
                    out = out * self(a, env) % self.modulus
                return out
            case ("pow", a, n):
                return self.power(self(a, env), n)
            case ("log", a):
                return self.log(a, env) % self.modulus
            case ("d", a, v, None):
                return self(diff(a, ("v", v), 0, self.dim, self.rules.leave), env)
            case ("d", a, x, i):
                return self(diff(a, ("pt", x), env["i", i], self.dim, self.rules.leave), env)
            case ("bind", kind, v, _, _, a):
                values = [(w, self(a, {**env, (SORT[kind], v): at})) for w, at in self.places(e, env)]
                if kind == "prod":
                    return prod(self.power(x, w) for w, x in values) % self.modulus
                return sum(w * x for w, x in values) % self.modulus
        raise Bad(f"no expression: {thaw(e)}")

    def inside(self, name: str, at: Tree, on: Tree, args: Tree) -> tuple[Tree, dict[Any, Any], list[tuple[str, str]]]:
        """The body of a definition, the environment it is evaluated in (nothing but its parameters), and these."""
        _, _, params, comps, body = self.rules.where[name]
        need(len(params) == len(at) and len(comps) == len(on), f"{name} is defined with other arguments")
        slots = [("v" if a[0] == "sc" else "pt", x) for x, a in zip(params, args, strict=True)]
        return body, dict(zip(slots, at, strict=True)) | {("i", c): i for c, i in zip(comps, on, strict=True)}, slots

    def field(self, n: str, at: Tree, on: Tree, derivs: Tree, args: Tree) -> int:
        if n == "δ":
            return int(on[0] == on[1])
        if self.rules.ito and n in ("dt", "dw"):
            return P * P if n == "dt" else P * int(self.signs[on[0] - 1])
        if n in self.rules.where:
            if (n, at, on, derivs) not in self.memo:
                self.memo[n, at, on, derivs] = self.defined(n, at, on, derivs, args)
            return self.memo[n, at, on, derivs]
        return self.plain(n, at, on, derivs)

    def plain(self, n: str, at: Tree, on: Tree, derivs: Tree) -> int:
        if n in self.rules.normalised and not derivs and at[0] == self.sites - 1:
            rest = sum(self.draw("dx", x) * self.plain(n, (x, *at[1:]), on, ()) for x in range(self.sites - 1))
            return (1 - rest) * self.power(self.draw("dx", at[0]), -1) % self.modulus
        return self.draw("field", n, at, on, derivs)

    def defined(self, n: str, at: Tree, on: Tree, derivs: Tree, args: Tree) -> int:
        body, env, slots = self.inside(n, at, on, args)
        log = self.rules.where[n][0] == "where log"
        if log and not derivs:
            return self.plain(n, at, on, ())
        ratio: Tree = ("num", ONE)  # for `where log`, ∂…∂q = q · ratio
        for k, i in derivs:

            def d(e: Tree, k: int = k, i: int = i) -> Tree:
                return diff(e, slots[k], i, self.dim, self.rules.leave)

            ratio, body = add(mul(ratio, d(body)), d(ratio)) if log else ratio, body if log else d(body)
        return self.plain(n, at, on, ()) * self(ratio, env) % self.modulus if log else self(body, env)

    def log(self, e: Tree, env: dict[Any, Any]) -> int:
        match e:
            case ("num", s):
                return self.log_scalar(s, env)
            case ("mul", *factors):
                return sum(self.log(a, env) for a in factors)
            case ("pow", a, n):
                return int(n) * self.log(a, env)
            case ("bind", "prod", v, _, _, a):
                return sum(w * self.log(a, {**env, ("v", v): k}) for w, k in self.places(e, env))
            case ("field", n, args, comps, *_):
                at, on = tuple(self.arg(a, env) for a in args), tuple(env["i", c] for c in comps)
                if n in self.rules.where:
                    body, inner, _ = self.inside(n, at, on, args)
                    if self.rules.where[n][0] == "where log":
                        return self(body, inner)
                    if monomial(body):
                        return self.log(body, inner)
                return self.draw("log", n, at, on)
        raise Bad("a logarithm of what is no product: name it first")

    def log_scalar(self, s: Tree, env: dict[Any, Any]) -> int:
        match s:
            case ("q", p, q):
                need(p > 0, "a logarithm of what isn't positive")
                primes = [(f, 1) for f in prime_factors(p)] + [(f, -1) for f in prime_factors(q)]
                return sum(sign * self.draw("log", f) for f, sign in primes)
            case ("*", *factors):
                return sum(self.log_scalar(a, env) for a in factors)
            case ("^", a, n):
                return self.scalar(n, env) * self.log_scalar(a, env)
            case ("exp", a):
                return self.scalar(a, env)
        return self.draw("log", self.scalar(s, env))


def prime_factors(n: int) -> Iterator[int]:
    f = 2
    while n > 1:
        if f * f > n or f > 10**4:
            f = n
        while n % f == 0:
            yield f
            n //= f
        f += 1


def monomial(e: Tree) -> bool:
    product = e[0] in ("mul", "pow") or e[:2] == ("bind", "prod")
    return e[0] in ("num", "field") or (product and all(map(monomial, children(e))))


def factors(s: Tree) -> list[Tree]:
    """The factors of a scalar: (ab²)^½ has a and b."""
    if s[0] == "*":
        return [f for a in s[1:] for f in factors(a)]
    return factors(s[1]) if s[0] == "^" else [s]


def breadth(e: Tree, con: bool, where: Where, nd: int = 0) -> tuple[int, int]:
    """How many contractions and factors D (con), or other binders, a product in e has: in a numerator, in denominators.

    An upper bound.  `nd` derivatives stand over e: each may differentiate a power, a log or a `where log` once more.
    """
    match e:
        case ("num", s):
            return (degree(s), 0) if con else (0, 0)
        case ("field", n, args, _):
            along = nd if con and any(a[0] == "along" for a in args) else 0
            if n not in where:
                return along, 0
            times = max(1, nd) if where[n][0] == "where log" else 1
            up, down = breadth(where[n][4], con, where, nd)
            return along + times * up, times * down
        case ("add", *terms):
            ups, downs = zip(*(breadth(a, con, where, nd) for a in terms), strict=True)
            return max(ups), sum(downs)
        case ("mul", *terms):
            ups, downs = zip(*(breadth(a, con, where, nd) for a in terms), strict=True)
            return sum(ups), sum(downs)
        case ("pow", a, n):
            up, down = breadth(a, con, where, nd)
            return (n * up, n * down) if n >= 0 else (nd * (up + down), (nd - n) * (up + down))
        case ("log", a):
            up, down = breadth(a, con, where, nd)
            return up * (1 + nd), (down + up) * (1 + nd)
        case ("d", a, _, _):
            return breadth(a, con, where, nd + 1)
    up, down = breadth(e[5], con, where, nd)
    return up + ((e[1] == "con") == con), down


def degree(s: Tree) -> int:
    """At most the degree of a scalar in D."""
    if s == ("c", "D"):
        return 1
    inner = [degree(a) for a in s[1:] if isinstance(a, tuple)]
    return abs(s[2][1]) * inner[0] if s[0] == "^" else sum(inner)


def patterns(names: list[str], dim: int) -> Iterator[dict[Any, Any]]:
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
    tried = 0
    for dim in range(1, dims + 4):
        model = Model(rules, dim, sites)
        try:
            for indices in patterns(names, dim):
                if not model.retry(partial(vanishes_in, model, e, indices)):
                    return False
        except Unlucky:
            continue
        tried += 1
        if tried == dims:
            return True
    raise Bad("no model has the roots and quotients of this line: is something under a root negative?")


def vanishes_in(model: Model, e: Tree, indices: dict[Any, Any]) -> bool:
    def value() -> int:
        model.memo.clear()
        env = {var: model.draw(*var) if var[0] == "v" else ("free", *var) for var in free(e) if var[0] != "i"}
        return model(e, env | indices)

    if not model.rules.ito:
        return value() == 0
    total = 0
    for signs in product((1, -1), repeat=model.dim):
        model.signs = signs
        here = value()
        if here % P**2:
            return False
        total += here
    return total % P**3 == 0


class Formal(Model):
    """Scalars compared by their values, roots being known by their radicands only: for shapes that substitution made."""

    def __init__(self, *trees: Tree) -> None:
        super().__init__(Rules(), secrets.randbelow(P), 1, formal=True)
        self.env = {var: self.draw(*var) for e in trees for var in free(e)}

    def shape(self, e: Any, env: dict[Any, Any] | None = None, depth: int = 0) -> Any:
        """e with values for scalars, bound names numbered, sums of sums and products of products made flat."""
        env = self.env if env is None else env
        match e:
            case ("num", s):
                return ("num", self.scalar(s, env))
            case ("field", n, args, comps):
                return (e[0], n, *[(a[0] == "sc", self.arg(a, env)) for a in args], *[env["i", c] for c in comps])
            case ("add" | "mul" as op, *parts):
                inner = [self.shape(a, env, depth) for a in parts]
                return (op, *(b for a in inner for b in (a[1:] if a[0] == op else (a,))))
            case ("d", a, v, i):
                by = ("v", v) if i is None else ("pt", v)
                return ("d", self.shape(a, env, depth), env[by], None if i is None else env["i", i])
            case ("bind", kind, v, low, high, a):
                bounds = [self.scalar(b, env) if isinstance(b, tuple) else b for b in (low, high)]
                inner_env = {**env, (SORT[kind], v): self.draw("bound", depth)}
                return ("bind", kind, *bounds, self.shape(a, inner_env, depth + 1))
        return tuple(self.shape(a, env, depth) if isinstance(a, tuple) else a for a in e)


def same(a: Tree, b: Tree) -> bool:
    model = Formal(a, b)
    return bool(model.shape(a) == model.shape(b))


def number(s: Tree) -> int | None:
    """The whole number that a scalar is, if it is one (and not a huge one)."""
    model = Formal(s)
    value = (model.scalar(s, model.env) + P // 2) % P - P // 2
    return value if abs(value) < 2**31 else None


# ---------------------------------------------------------------------------------------------------- hypotheses
def difference(v: Tree, u: Tree) -> Tree:
    return ("+", v, ("*", ("q", -1, 1), u))


def at_most(u: Tree, v: Tree) -> list[Tree]:
    """The hypothesis u ≤ v, unless it is evident."""
    gap = number(difference(v, u))
    return [] if gap is not None and gap >= 0 else [("range", u, v)]


def at_end(h: Tree, k: str, low: Tree, high: Tree | None) -> list[Tree]:
    """The range h for every k from low to high, from its worse end."""
    gap = difference(h[2], h[1])
    grows = number(difference(put(gap, ("v", k), ("+", ("v", k), ONE)), gap))
    need(grows is not None, f"a range that isn't affine in {k}")
    end = low if grows is not None and grows >= 0 else high
    if end is None:
        raise Bad(f"a range that falls with {k}")
    return at_most(put(h[1], ("v", k), end), put(h[2], ("v", k), end))


class Conditions:
    """Which hypotheses expressions bring along."""

    def __init__(self, positive: frozenset[tuple[str, str]]) -> None:
        self.positive = positive

    def evident(self, s: Tree) -> bool:
        return s[0] in ("pi", "exp") or (s[0] == "q" and s[1] > 0) or s[:2] in self.positive or s == ("c", "D")

    def of(self, kind: str, e: Tree) -> Iterator[Tree]:
        """Of a base under a log (positive) or in a denominator (nonzero)."""
        match e:
            case ("num", s):
                yield from self.of_scalar(kind, s)
            case ("field", n, *_) if n not in SPECIAL:
                yield (kind, n)
            case ("mul" | "pow" | "bind", *_) if e[0] != "bind" or (e[1] == "prod" and kind == "positive"):
                for a in children(e):
                    yield from self.of(kind, a)
            case _:
                raise Bad("a log or reciprocal of what is no product: name it first")

    def of_scalar(self, kind: str, s: Tree) -> Iterator[Tree]:
        for f in factors(s):
            if not self.evident(f) and not (kind == "nonzero" and f[0] == "q" and f[1]):
                yield (kind, ("num", f))

    def inside(self, e: Tree) -> Iterator[Tree]:
        for a in walk(e):
            if a[0] == "log":
                yield from self.of("positive", a[1])
            elif a[0] == "pow" and a[2] < 0:
                yield from self.of("nonzero", a[1])
        for s in scalars(e):
            if s[0] == "^" and s[2][2] == 2:
                yield from self.of_scalar("positive", s[1])
            if s[0] == "^" and s[2][1] < 0:
                yield from self.of_scalar("nonzero", s[1])


def held(h: Tree) -> frozenset[tuple[str, str]]:
    """The variables that a hypothesis shares with the statement; every other hypothesis is one for all values of its own."""
    if h[0] == "chain":
        return free(h[6]) | {("pt", h[5])}
    return free(h[1]) | free(h[2]) if h[0] == "range" else frozenset()


def mentions(h: Any, name: str) -> bool:
    """Whether a hypothesis names a field."""
    return isinstance(h, tuple) and any(a == name or mentions(a, name) for a in h)


# ---------------------------------------------------------------------------------------------------- rules
@dataclass
class Step:
    rule: str
    lhs: Tree
    rel: str
    rhs: Tree
    hyps: tuple[Tree, ...]
    premises: list[Step]
    params: dict[str, Any]


PARAMS: dict[str, dict[str, str]] = {
    rule: dict(param.split(":") for param in params.split())
    for rule, params in {
        "line": "definitions:definitions normalised:names ito:flag under_integral:flag reason:name",
        "chain": "",
        "congruence": "context:context",
        "given": "label:name",
        "divergence theorem": "field:expr index:name x:name",
        "Jensen": "context:context ratio:expr name:expr",
        "first term": "body:expr k:name low:scalar high:scalar",
        "last term": "body:expr k:name low:scalar high:scalar",
        "empty sum": "body:expr k:name low:scalar",
        "induction": "n:name low:scalar left:expr right:expr",
        "exponential": "",
        "independent": "name:name",
        "path marginal": "chain:chain k:scalar y:name h:expr w:name",
        "path posterior": "chain:chain k:scalar y:name h:expr w:name",
        "chain start": "chain:chain x:name",
        "fundamental theorem": "of:expr t:name low:scalar high:scalar",
        "Dynkin": "phi:name x:name t:name p:expr drift:expr noise:expr index:name dx:name",
        "fundamental lemma": "phi:name x:name left:expr right:expr",
        "uniqueness": "name:name params:names by:expr",
    }.items()
}
PREMISES = {"congruence": 1, "induction": 2, "exponential": 1, "independent": 1, "Dynkin": 1, "fundamental lemma": 1}
PREMISES |= {"uniqueness": 2, "line": -1, "chain": -1}  # −1: any number; rules not named here have none
LOGICAL = ("line", "chain", "congruence", "independent")  # every other rule is an axiom


def union(premises: Iterable[Step]) -> list[Tree]:
    return [h for s in premises for h in s.hyps]


class Checker:
    """One method a rule: it checks the statement's shape and returns the hypotheses that it must have."""

    def __init__(self, positive: frozenset[tuple[str, str]], where: Where) -> None:
        self.positive, self.where, self.conditions = positive, where, Conditions(positive)

    def states(self, s: Step, lhs: Tree, rhs: Tree, rel: str = "=") -> None:
        need(s.rel == rel, f"the relation must be {rel}")
        need(same(s.lhs, lhs), "the left-hand side isn't what the rule says")
        need(same(s.rhs, rhs), "the right-hand side isn't what the rule says")

    def line(self, s: Step) -> list[Tree]:
        p, cond = s.params, self.conditions
        where = {h[1]: h for h in p["definitions"]}
        need(len(where) == len(p["definitions"]), "a definition stands twice")
        need(
            not set(where) & set(p["normalised"]) - {n for n in where if where[n][0] == "where log"},
            "a defined density can't be taken as normalised",
        )
        need(
            s.rel == (">=" if any(t.rel == ">=" for t in s.premises) else "="),
            "the relation isn't that of the premises",
        )
        lhs, rhs = s.lhs, s.rhs
        if not (s.premises or where or p["normalised"] or p["ito"] or p["under_integral"]):
            while lhs[0] == rhs[0] == "bind" and lhs[:5] == rhs[:5]:
                lhs, rhs = lhs[5], rhs[5]
        sides = [lhs, rhs] + [e for t in s.premises for e in (t.lhs, t.rhs)]
        everything = sides + [h[4] for h in where.values()]
        hyps = union(s.premises) + list(where.values()) + [("normalised", n) for n in p["normalised"]]
        hyps += [("converges", b) for e in sides for b in outermost(e, binds)]
        for e in everything:
            hyps += cond.inside(e)
            if p["under_integral"]:
                hyps += [("dominated", d) for d in outermost(e, lambda d: d[0] == "d" and self.integral(d[1], where))]
        gap = add(lhs, minus(rhs), *(e for t in s.premises for e in (minus(t.lhs), t.rhs)))
        rules = Rules(where, frozenset(p["normalised"]), p["ito"], p["under_integral"], self.positive)
        need(vanishes(gap, rules), "the two sides differ")
        return hyps

    def integral(self, e: Tree, where: Where) -> bool:
        bodies = [where[n][4] for n in reached(e, where) if n in where]
        return any(binds(a) for b in [e, *bodies] for a in walk(b))

    def chain(self, s: Step) -> list[Tree]:
        need(bool(s.premises), "no premises")
        need(s.lhs == s.premises[0].lhs and s.rhs == s.premises[-1].rhs, "the ends aren't those of the chain")
        need(all(a.rhs == b.lhs for a, b in zip(s.premises, s.premises[1:], strict=False)), "the chain is broken")
        need(
            s.rel == (">=" if any(t.rel == ">=" for t in s.premises) else "="),
            "the relation isn't that of the premises",
        )
        return union(s.premises)

    def congruence(self, s: Step) -> list[Tree]:
        context, (t,) = s.params["context"], s.premises
        need(s.rel == t.rel == "=", "congruence is for equations")
        need(HOLE in walk(context), "a context without a hole")
        need(s.lhs == fill(context, t.lhs) and s.rhs == fill(context, t.rhs), "the sides aren't the context filled")
        return self.close(context, list(t.hyps))

    def close(self, e: Tree, hyps: list[Tree]) -> list[Tree]:
        """The premise's hypotheses for every value of what the context binds around its holes."""
        if e == HOLE:
            return hyps
        out = [h for a in children(e) if HOLE in walk(a) for h in self.close(a, hyps)]
        if e[0] not in ("d", "bind"):
            return out
        var = (SORT[e[1]], e[2]) if e[0] == "bind" else ("v" if e[3] is None else "pt", e[2])
        if e[:2] not in (("bind", "sum"), ("bind", "prod")):
            return self.for_all(out, var)
        self.for_all([h for h in out if h[0] != "range"], var)
        return [r for h in out for r in (at_end(h, e[2], e[3], e[4]) if var in held(h) else [h])]

    def for_all(self, hyps: list[Tree], *variables: tuple[str, str]) -> list[Tree]:
        """The hypotheses, if none holds one of these variables fixed."""
        for h in hyps:
            need(not held(h) & set(variables), f"{thaw(h)} holds a variable fixed")
        return hyps

    def given(self, s: Step) -> list[Tree]:
        need(s.rel in ("=", ">="), "no such relation")
        need(s.params["label"] != "equal at one time", "a label that uniqueness keeps for itself")
        return [("given", s.params["label"], s.lhs, s.rel, s.rhs)]

    def divergence_theorem(self, s: Step) -> list[Tree]:
        f, i, x = (s.params[k] for k in ("field", "index", "x"))
        self.states(s, integral(x, ("bind", "con", i, None, None, ("d", f, x, i))), ZERO)
        return [("integrable field", f, i, x)]

    def jensen(self, s: Step) -> list[Tree]:
        context, ratio, name = (s.params[k] for k in ("context", "ratio", "name"))
        mean, log = fill(context, ratio), fill(context, ("log", ratio))
        need(s.rel == ">=" and s.lhs == ("log", name) and s.rhs == log, "not what Jensen's inequality says")
        need(
            name[0] == "field" and not name[3] and all(a[0] == "pt" for a in name[2]),
            "the name must be that of a scalar at points",
        )
        hyps = [("where", name[1], tuple(a[1] for a in name[2]), (), mean), ("converges", mean), ("converges", log)]
        hyps += [*self.conditions.of("positive", ratio), *self.conditions.inside(ratio)]
        match context:
            case ("bind", "path", _, _, None, body) if body == HOLE:
                return hyps
            case ("bind", "int", y, None, None, ("mul", *parts)) if parts.count(HOLE) == 1 and len(parts) > 1:
                weight = tuple(a for a in parts if a != HOLE)
                need(all(HOLE not in walk(a) for a in weight), "a hole in the weight")
                return [*hyps, ("probability", ("mul", *weight) if len(weight) > 1 else weight[0], y)]
        raise Bad("the context must be an average")

    def sum_rule(self, s: Step) -> list[Tree]:
        body, k, low = (s.params[n] for n in ("body", "k", "low"))
        down, high = ("+", low, ("q", -1, 1)), s.params.get("high")

        def total(a: Tree, b: Tree) -> Tree:
            return ("bind", "sum", k, a, b, body)

        if high is None:
            self.states(s, total(low, down), ZERO)
            return []
        up = ("+", high, ONE)
        if s.rule == "first term":
            self.states(s, total(low, high), add(put(body, ("v", k), low), total(("+", low, ONE), high)))
            return at_most(low, high)
        self.states(s, total(low, up), add(total(low, high), put(body, ("v", k), up)))
        return at_most(down, high)

    def induction(self, s: Step) -> list[Tree]:
        n, low, left, right = (s.params[k] for k in ("n", "low", "left", "right"))
        var, (base, step) = ("v", n), s.premises
        need(var not in free(low), "the base depends on the variable")
        self.states(s, left, right)
        self.states(base, put(left, var, low), put(right, var, low))
        left1, right1 = (put(e, var, ("+", ("v", n), ONE)) for e in (left, right))
        self.states(step, add(left1, minus(left)), add(right1, minus(right)))
        hyps = list(base.hyps) + at_most(low, ("v", n))
        for h in step.hyps:
            hyps += at_end(h, n, low, None) if h[0] == "range" and var in held(h) else [h]
        return hyps

    def exponential(self, s: Step) -> list[Tree]:
        (t,) = s.premises
        need(
            s.rel == t.rel == "=" and t.lhs == ("log", s.lhs) and t.rhs == ("log", s.rhs),
            "not the logarithms of the sides",
        )
        return list(t.hyps)

    def independent(self, s: Step) -> list[Tree]:
        (t,) = s.premises
        need((s.lhs, s.rel, s.rhs) == (t.lhs, t.rel, t.rhs), "not the statement of the premise")
        need(s.params["name"] not in reached(s.rhs, self.where), "the right-hand side depends on it")
        return list(t.hyps)

    def path_rule(self, s: Step) -> list[Tree]:
        chain, k, y, h, w = (s.params[n] for n in ("chain", "k", "y", "h", "w"))
        _, law, _, m, r, x0, last = chain
        need(y != x0, "the variable is the start of the paths")

        def mean(e: Tree) -> Tree:
            return ("bind", "path", w, law, None, e)

        here: Tree = ("at", w, k)
        if s.rule == "path marginal":
            need(("path", w) not in free(h), "h depends on the path")
            density: Tree = ("field", m, (("sc", k), ("pt", y), ("pt", x0)), ())
            left = mean(put(h, ("pt", y), here))
            self.states(s, left, integral(y, mul(density, h)))
        else:
            need(
                ("path", w) not in free(swap(h, here, ("pt", "")) if stable(h, free(here)) else h),
                "h depends on the path elsewhere",
            )
            density = ("field", r, (("sc", k), ("pt", y), here, ("pt", x0)), ())
            left = mean(put(h, ("pt", y), ("at", w, ("+", k, ("q", -1, 1)))))
            self.states(s, left, mean(integral(y, mul(density, h))))
        first = 1 if s.rule == "path marginal" else 2
        return [chain, *at_most(("q", first, 1), k), *at_most(k, last), ("converges", s.lhs), ("converges", s.rhs)]

    def chain_start(self, s: Step) -> list[Tree]:
        _, _, q, m, _, x0, _ = s.params["chain"]
        args = (("sc", ONE), ("pt", s.params["x"]), ("pt", x0))
        self.states(s, ("field", q, args, ()), ("field", m, args, ()))
        return [s.params["chain"]]

    def fundamental_theorem(self, s: Step) -> list[Tree]:
        e, t, low, high = (s.params[k] for k in ("of", "t", "low", "high"))
        ends = add(put(e, ("v", t), high), minus(put(e, ("v", t), low)))
        self.states(s, ("bind", "time", t, low, high, ("d", e, t, None)), ends)
        return [("converges", s.lhs)]

    def dynkin(self, s: Step) -> list[Tree]:
        phi, x, t, p, drift, noise, i, dx = (s.params[k] for k in PARAMS["Dynkin"])
        (line,) = s.premises
        f, j = ("field", phi, (("pt", x),), ()), i + "'"

        def con(k: str, e: Tree) -> Tree:
            return ("bind", "con", k, None, None, e)

        def step(k: str) -> Tree:
            return ("field", dx, (("pt", x), ("sc", ("v", t))), (k,))

        second = con(i, con(j, mul(("d", ("d", f, x, i), x, j), step(i), step(j))))
        first = con(i, mul(("d", f, x, i), step(i)))
        moves = add(mul(drift, ("field", "dt", (), ())), con(i, mul(noise, ("field", "dw", (), (i,)))))
        self.states(line, add(first, mul(("num", ("q", 1, 2)), second)), moves)
        need(not {"dt", "dw"} & reached(add(drift, noise), self.where), "drift or noise contains a differential")

        self.states(s, ("d", integral(x, mul(f, p)), t, None), integral(x, mul(p, drift)))
        hyps = [("law", x, t, p, dx), ("square integrable", noise, i), ("test function", phi)]
        return (
            self.for_all(list(line.hyps), ("pt", x), ("v", t)) + hyps + [("converges", s.lhs[1]), ("converges", s.rhs)]
        )

    def fundamental_lemma(self, s: Step) -> list[Tree]:
        phi, x, a, b = (s.params[k] for k in PARAMS["fundamental lemma"])
        f, (t,) = ("field", phi, (("pt", x),), ()), s.premises
        self.states(s, a, b)
        self.states(t, integral(x, mul(f, a)), integral(x, mul(f, b)))
        need(phi not in reached(add(a, b), self.where), "a side depends on the test function")
        hyps = [
            ("for every test function", phi, h) if mentions(h, phi) else h
            for h in t.hyps
            if h != ("test function", phi)
        ]
        return [*hyps, ("continuous", s.lhs), ("continuous", s.rhs)]

    def uniqueness(self, s: Step) -> list[Tree]:
        rho, names, by = (s.params[k] for k in PARAMS["uniqueness"])
        first, second = s.premises
        need(
            s.lhs[:2] == ("field", rho) and not s.lhs[3] and len(set(names)) == len(s.lhs[2]) == len(names),
            "not the field at its parameters",
        )
        slots = [("v" if a[0] == "sc" else "pt", n) for n, a in zip(names, s.lhs[2], strict=True)]
        self.states(s, ("field", rho, tuple(("sc", v) if v[0] == "v" else v for v in slots), ()), by)
        replaced = [self.replace(e, rho, slots, by) for e in (first.lhs, first.rhs)]
        need(first.rel == "=", "the equation isn't one")
        self.states(second, *replaced)
        given = ("given", "equal at one time", s.lhs, "=", s.rhs)
        return [*self.for_all(union(s.premises), *slots), ("unique", first.lhs, first.rhs, rho), given]

    def replace(self, e: Tree, rho: str, slots: list[tuple[str, str]], by: Tree) -> Any:
        """e with by(a, b) for every rho(a, b)."""
        match e:
            case ("field", n, args, _) if n == rho:
                for sort, name in slots:  # by way of new names, for all at once
                    by = put(by, (sort, name), (sort, "·" + name))
                for (sort, name), a in zip(slots, args, strict=True):
                    by = put(by, (sort, "·" + name), a[1] if a[0] == "sc" else a)
                return by
            case ("bind", kind, v, *_) if rho in {a[1] for a in walk(e) if a[0] == "field"}:
                need((SORT[kind], v) not in free(by) - set(slots), f"{v} would be captured")
        return tuple(self.replace(a, rho, slots, by) if isinstance(a, tuple) else a for a in e)


def swap(e: Any, old: Tree, new: Tree) -> Any:
    return new if e == old else tuple(swap(a, old, new) for a in e) if isinstance(e, tuple) else e


def stable(e: Tree, variables: frozenset[tuple[str, str]]) -> bool:
    """Whether no binder in e binds any of these."""
    return not any(a[0] == "bind" and (SORT[a[1]], a[2]) in variables for a in walk(e))


RULES: dict[str, Callable[[Checker, Step], list[Tree]]] = {
    "line": Checker.line,
    "chain": Checker.chain,
    "congruence": Checker.congruence,
    "given": Checker.given,
    "divergence theorem": Checker.divergence_theorem,
    "Jensen": Checker.jensen,
    "first term": Checker.sum_rule,
    "last term": Checker.sum_rule,
    "empty sum": Checker.sum_rule,
    "induction": Checker.induction,
    "exponential": Checker.exponential,
    "independent": Checker.independent,
    "path marginal": Checker.path_rule,
    "path posterior": Checker.path_rule,
    "chain start": Checker.chain_start,
    "fundamental theorem": Checker.fundamental_theorem,
    "Dynkin": Checker.dynkin,
    "fundamental lemma": Checker.fundamental_lemma,
    "uniqueness": Checker.uniqueness,
}


# ---------------------------------------------------------------------------------------------------- certificates
@dataclass
class Report:
    """What a certificate proves, by which rules, and what it assumes: axioms of the calculus, and its hypotheses."""

    claim: str
    steps: int
    rules: dict[str, int]
    axioms: list[str]
    statement: tuple[Any, str, Any]
    hyps: list[Any]


def assumptions(cert: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """The names declared positive.  Assumptions come in one order, and everything is real."""
    positive = set()
    for tag, kind, known in (
        ("c", "constants", ["positive", "real", "integer"]),
        ("f", "functions", ["positive", "real"]),
    ):
        need(isinstance(cert[kind], dict), f"{kind} must be an object")
        for n, said in cert[kind].items():
            need(said == [a for a in known if a in said] and "real" in said, f"assumptions of {n}: {said!r}")
            need((tag, n) != ("c", "D") or said == known, "D is the dimension, a positive whole number")
            positive |= {(tag, n)} if "positive" in said else set()
    return frozenset(positive)


def read(reader: Reader, k: int, s: Any, steps: list[Step]) -> Step:
    """A step in the format, or Bad."""
    need(
        isinstance(s, dict) and set(s) == {"rule", "lhs", "rel", "rhs", "hyps", "premises", "params"},
        "not the keys of a step",
    )
    rule, premises = s["rule"], s["premises"]
    need(isinstance(rule, str) and rule in RULES, f"no rule {rule!r}")
    need(
        isinstance(premises, list) and all(type(j) is int and 0 <= j < k for j in premises),
        "premises must be earlier steps",
    )
    need(PREMISES.get(rule, 0) in (-1, len(premises)), "the wrong number of premises")
    need(isinstance(s["params"], dict) and set(s["params"]) == set(PARAMS[rule]), "not the parameters of this rule")
    params = {}
    for n, kind in PARAMS[rule].items():
        v = s["params"][n]
        if kind == "flag":
            need(type(v) is bool, f"{n} must be true or false")
            params[n] = v
            continue
        params[n] = v = freeze(v)
        if kind in ("names", "definitions"):
            need(isinstance(v, tuple) and len(set(v)) == len(v), f"{n} must be a list, of nothing twice")
            for a in v:
                reader.name(a) if kind == "names" else reader.definition(a)
        elif kind == "context":
            reader.expr(v, hole=True)
        else:
            getattr(reader, kind)(v)
    sides = freeze(s["lhs"]), freeze(s["rhs"])
    for e in sides:
        reader.expr(e)
    need(s["rel"] in ("=", ">="), "no such relation")
    need(isinstance(s["hyps"], list), "hyps must be a list")
    text = [thaw(h) for h in s["hyps"]]
    need(text == sorted(set(text)), "hyps must be sorted, with nothing twice")
    return Step(rule, sides[0], s["rel"], sides[1], freeze(s["hyps"]), [steps[j] for j in premises], params)


def gather(reader: Reader, steps: list[Step]) -> Where:
    """The definitions of a certificate: one for a field, one chain for a law, no circles."""
    where: Where = {}
    chains: Where = {}

    def note(h: Tree) -> None:
        if h[0] == "for every test function":
            note(h[2])
        elif h[0] in ("where", "where log"):
            reader.definition(h)
            need(where.setdefault(h[1], h) == h, f"two definitions of {h[1]}")
        elif h[0] == "chain":
            need(chains.setdefault(h[1], h) == h, f"two chains of the law {h[1]}")

    for s in steps:
        for h in [*s.hyps, *s.params.get("definitions", ()), *([s.params["chain"]] if "chain" in s.params else [])]:
            note(h)
        for n in s.params.get("normalised", ()):
            need(
                n in reader.shapes and reader.shapes[n][0][:1] == ("pt",) and n not in SPECIAL,
                f"{n} can't be normalised",
            )
    for n, h in where.items():
        need(n not in reached(h[4], where), f"{n} is defined by itself")
        need(h[0] == "where log" or all(n not in c[2:5] for c in chains.values()), f"{n} is both defined and a chain's")
    return where


def check(cert: dict[str, Any]) -> Report:
    """Check a certificate.  Raises `Bad`, whatever is wrong with it."""
    try:
        return _check(cert)
    except Bad:
        raise
    except (Exception, RecursionError) as e:
        raise Bad(f"malformed: {type(e).__name__}: {e}") from e


def _check(cert: dict[str, Any]) -> Report:
    need(
        isinstance(cert, dict) and set(cert) == {"format", "claim", "constants", "functions", "steps"},
        "not the keys of a certificate",
    )
    need(type(cert["format"]) is int and cert["format"] == 1 and isinstance(cert["claim"], str), "format must be 1")
    need(isinstance(cert["steps"], list) and bool(cert["steps"]), "no steps")
    positive = assumptions(cert)
    reader = Reader(cert["constants"], cert["functions"])
    steps: list[Step] = []
    for k, raw in enumerate(cert["steps"]):
        with named(k, raw):
            steps.append(read(reader, k, raw, steps))
    where = gather(reader, steps)
    checker = Checker(positive, where)
    model = Formal()

    def known(h: Tree) -> Tree:
        """A hypothesis as it is compared: ranges, which substitution makes, by the values of their ends."""
        return (
            h if h[0] != "range" else ("range", *(model.scalar(s, {v: model.draw(*v) for v in free(s)}) for s in h[1:]))
        )

    for k, s in enumerate(steps):
        with named(k, cert["steps"][k]):
            due, stated = {known(h) for h in RULES[s.rule](checker, s)}, {known(h) for h in s.hyps}
            need(due <= stated, f"hypotheses used but not stated: {thaw(sorted(due - stated, key=thaw))[:300]}")
            need(stated <= due, f"hypotheses stated but not used: {thaw(sorted(stated - due, key=thaw))[:300]}")
    last = cert["steps"][-1]
    rules = Counter(s.rule for s in steps)
    axioms = sorted(r for r in rules if r not in LOGICAL)
    return Report(cert["claim"], len(steps), dict(rules), axioms, (last["lhs"], last["rel"], last["rhs"]), last["hyps"])


@contextmanager
def named(k: int, raw: Any) -> Iterator[None]:
    """Says in which step it was refused."""
    rule = raw.get("rule") if isinstance(raw, dict) else None
    try:
        yield
    except Bad as e:
        raise Bad(f"step {k} ({rule}): {e}") from e
    except Exception as e:
        raise Bad(f"step {k} ({rule}): malformed: {type(e).__name__}: {e}") from e


def main(paths: list[str]) -> int:
    """Check the certificates in these files; 1 if one is refused."""
    worst = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                report = check(json.load(f))
        except (Bad, ValueError, OSError) as e:
            print(f"{path}: REFUSED: {e}")
            worst = 1
        else:
            print(f"{path}: {report.claim}: {report.steps} steps hold; axioms: {', '.join(report.axioms) or 'none'}")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
