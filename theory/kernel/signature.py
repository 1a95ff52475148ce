"""Test B: is a scalar zero?  Evaluate it in finite fields, where everything is exact (after Gonnet 1984).

A map that respects sums and products takes zero to zero, and takes what is not zero to zero rarely, if it is random.  Four
primes are used, each twice the one below and one more,

    R < Q = 2R + 1 < P = 2Q + 1 < L = 2P + 1,

and in each an atom gets a random value of its own.  The expression lives in F_P.

    exponentials   e^w in F_P is g^w with g of order Q and the exponent w evaluated in F_Q, whose own exponentials have
                   exponents in F_R; so e^u e^v = e^(u+v).
    logarithms     log v in F_P is the discrete logarithm, in the subgroup of order P, of v² evaluated in F_L; so
                   log uv = log u + log v, log 1/u = -log u and log e^w = w.
    signs          "positive" is "a square".  That is multiplicative, and -1 is no square as the primes are 3 mod 4.
                   Atoms declared positive are drawn as squares.  What is positive by its form (a sum of positive terms), or
                   is declared to be, is not always a square: the atoms are drawn again until it is.
    square roots   of a square: the root that is itself a square.  Of anything else, i √(-v) in F_P[i], as for the principal
                   root of a negative number.  Hence √(x²) is x for one half of the draws of x.
    angles         cos θ and sin θ are a rational point of the circle that depends on θ alone, up to sign; sums of angles are
                   not taken apart.

Zero is reported after independent trials only.  Each is deceived with a chance of about degree/P; where n signs that are not
known matter to roots, with a chance of up to 1 - 1/2^n, so that there are 40 trials then, good for n = 2 or 3, and the rest
is up to test A.  Not zero is certain, except where angles are sums, a prime above 41 stands under a root, or something is
positive for another reason than its form.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef

from concordant.theory.kernel.scalars import Unsupported, check

R, Q, P, L = 498830639, 997661279, 1995322559, 3990645119  # 2, 3, 5, ..., 41 are squares in F_P
BELOW = {P: Q, Q: R, L: P}  # where the exponents of exponentials live
ABOVE = {P: L}  # where the arguments of logarithms live
GENERATOR = 4  # a square, so it generates the squares: the subgroup of order (modulus - 1)/2, the prime below
TRIALS, UNKNOWN_SIGN, REDRAWS = 3, 40, 2000


class Gauss(NamedTuple):
    """re + i im over a prime field with i² = -1."""

    re: int
    im: int


class Retry(Exception):
    """A denominator, or something that must be positive, vanished at this point: draw another one."""


def is_zero_b(expr: sp.Expr, positive: tuple[sp.Expr, ...] = (), seed: int = 0) -> bool:
    """Whether `expr` vanishes identically, where all of `positive` are positive.

    >>> a, b = sp.symbols("a b", positive=True)
    >>> is_zero_b(sp.sqrt(a**2 + a * b) - sp.sqrt(a) * sp.sqrt(a + b))
    True
    >>> x = sp.Symbol("x")
    >>> is_zero_b(sp.sqrt(x**2) - x)
    False
    """
    for part in (expr, *positive):
        check(part)
    rng = random.Random(seed)
    trials = max(_trials(part, positive) for part in (expr, *positive))
    sums = [part for known in (*positive, expr) for part in _positive_sums(known)]
    if trials == TRIALS:
        attempts: list[tuple[tuple[sp.Expr, ...], int]] = [((), TRIALS)]
    else:
        # some sums can't be made squares, as 3 + √3, which has no atoms: then one must do without, at all signs
        attempts = [((*sums, *positive, *_hidden_sums(expr, rng)), trials), (positive, UNKNOWN_SIGN)]
    for demands, trials in attempts:
        done = 0
        for _ in range(REDRAWS + trials):
            try:
                value = Point(rng, tuple(dict.fromkeys(demands))).value(expr, P)
            except Retry:
                continue
            if value != (0, 0):
                return False
            done += 1
            if done == trials:
                return True
    raise Unsupported(f"{expr}: no point found where it is defined; is a denominator zero, or a hypothesis impossible?")


@cache
def _trials(expr: sp.Expr, positive: tuple[sp.Expr, ...]) -> int:
    """How many trials there should be: more where there are roots, many where the sign of a radicand is not known."""
    most = max((_trials(arg, positive) for arg in expr.args), default=TRIALS)
    if expr.is_Pow and expr.exp.q == 2:
        return max(most, 4 * TRIALS if _is_positive(expr.base) or expr.base in positive else UNKNOWN_SIGN)
    return most


@cache
def _positive_sums(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """The sums of positive terms in `expr`: their sign is in no atom, so where there are roots points are chosen for it."""
    own = (expr,) if expr.is_Add and _is_positive(expr) else ()
    return tuple(dict.fromkeys([*(part for arg in expr.args for part in _positive_sums(arg)), *own]))


def _hidden_sums(expr: sp.Expr, rng: random.Random) -> Iterator[sp.Expr]:
    """Parts of sums, all of positive terms, that have the same square as another term: a + b in √(a² + 2ab + b²) - a - b."""
    point = Point(rng)
    for node in sp.preorder_traversal(expr):
        if not (node.is_Add and any(_trials(arg, ()) > TRIALS for arg in node.args)):
            continue
        try:
            values = {arg: point.value(arg, P) for arg in node.args}
        except Retry:
            continue
        squares = {_times(value, value, P) for value in values.values()}
        for sign in (1, -1):
            terms = [arg for arg in node.args if _is_positive(sign * arg)][:8]
            for some in (some for size in range(2, len(terms) + 1) for some in combinations(terms, size)):
                total = Gauss(sum(values[arg].re for arg in some) % P, sum(values[arg].im for arg in some) % P)
                if _times(total, total, P) in squares:
                    yield sp.Add(*(sign * arg for arg in some))


@cache
def _is_positive(expr: sp.Expr, or_zero: bool = False) -> bool:
    """Whether `expr` is positive (or zero) by its form alone."""
    if expr.is_Rational:
        return bool(expr > 0 or (or_zero and expr == 0))
    if expr.is_Add:
        return all(_is_positive(arg, True) for arg in expr.args) and (or_zero or any(map(_is_positive, expr.args)))
    if expr.is_Mul:
        return all(_is_positive(arg, or_zero) for arg in expr.args)
    if expr.is_Pow:
        even = bool(or_zero and expr.exp.is_Integer and expr.exp % 2 == 0)
        return even or _is_positive(expr.base, or_zero and bool(expr.exp > 0))
    return isinstance(expr, sp.exp) or bool((expr.is_Atom or isinstance(expr, AppliedUndef)) and expr.is_positive)


class Point:
    """A random point: the values of the atoms and of all that is made of them, in each field, found when asked for."""

    def __init__(self, rng: random.Random, demands: tuple[sp.Expr, ...] = ()) -> None:
        self.rng = rng
        self.salt = rng.getrandbits(64)
        self.atoms: dict[tuple[object, int], Gauss] = {}
        self.memo: dict[int, dict[sp.Expr, Gauss]] = {R: {}, Q: {}, P: {}, L: {}}
        for demand in demands:
            self._satisfy(demand, P)

    def _satisfy(self, demand: sp.Expr, modulus: int) -> None:
        """Draw the atoms of `demand` that are not drawn yet until it is a square, keeping the others as they are."""
        tables: list[dict[Any, Gauss]] = [self.atoms, *self.memo.values()]
        sizes = [len(table) for table in tables]
        for _ in range(16):
            if _is_square(self.value(demand, modulus), modulus):
                return
            if len(self.atoms) == sizes[0]:
                break
            for table, size in zip(tables, sizes, strict=True):
                while len(table) > size:
                    table.popitem()  # the last one in
        raise Retry

    def value(self, expr: sp.Expr, modulus: int) -> Gauss:
        """The value of an expression in F_modulus[i]."""
        memo = self.memo[modulus]
        found = memo.get(expr)
        if found is None:
            found = memo[expr] = self._value(expr, modulus)
        return found

    def _value(self, expr: sp.Expr, m: int) -> Gauss:
        if expr.is_Rational:
            return Gauss(expr.p * pow(expr.q, -1, m) % m, 0)
        if expr.is_Add:
            terms = [self.value(arg, m) for arg in expr.args]
            return Gauss(sum(t.re for t in terms) % m, sum(t.im for t in terms) % m)
        if expr.is_Mul:
            product = Gauss(1, 0)
            for arg in expr.args:
                product = _times(product, self.value(arg, m), m)
            return product
        if expr.is_Pow:
            base = self.value(expr.base, m)
            return _power(base if expr.exp.q == 1 else _root(base, m), expr.exp.p, m)
        if isinstance(expr, sp.exp):
            return self._exponential(expr.args[0], m)
        if expr is sp.E:
            return self._exponential(sp.S.One, m)
        if isinstance(expr, sp.log):
            return self._logarithm(expr.args[0], m)
        if isinstance(expr, (sp.cos, sp.sin)):
            return self._circle(expr, m)
        if isinstance(expr, AppliedUndef):
            return self._atom((expr.func, self.value(expr.args[0], m)), bool(expr.is_positive), m)
        return self._atom(expr, bool(expr.is_positive), m)

    def _atom(self, key: object, positive: bool, m: int) -> Gauss:
        found = self.atoms.get((key, m))
        if found is None:
            drawn = self.rng.randrange(1, m)
            found = self.atoms[key, m] = Gauss(drawn * drawn % m if positive else drawn, 0)
        return found

    def _exponential(self, exponent: sp.Expr, m: int) -> Gauss:
        if m not in BELOW:
            raise Unsupported(f"exp({exponent}): exponentials are nested too deeply")
        return Gauss(pow(GENERATOR, _real(self.value(exponent, BELOW[m])), m), 0)

    def _logarithm(self, argument: sp.Expr, m: int) -> Gauss:
        if m not in ABOVE:
            raise Unsupported(f"log({argument}): a logarithm inside an exponent or another logarithm; name it first")
        value = _real(self.value(argument, ABOVE[m]))
        if value == 0:
            raise Retry
        return Gauss(discrete_logarithm(value * value % L) * pow(2, -1, P) % P, 0)

    def _circle(self, expr: sp.Expr, m: int) -> Gauss:
        """(1 - u²)/(1 + u²) or 2u/(1 + u²), u drawn for the value of the angle; opposite angles have opposite u."""
        angle = _real(self.value(expr.args[0], m))
        sign = 1 if angle <= m - angle else -1
        u = sign * random.Random(f"{self.salt} {m} {min(angle, m - angle)}").randrange(1, m)
        over = pow(1 + u * u, -1, m)  # never zero: -1 is no square
        return Gauss((1 - u * u if isinstance(expr, sp.cos) else 2 * u) * over % m, 0)


def _times(a: Gauss, b: Gauss, m: int) -> Gauss:
    if a.im == b.im == 0:
        return Gauss(a.re * b.re % m, 0)
    return Gauss((a.re * b.re - a.im * b.im) % m, (a.re * b.im + a.im * b.re) % m)


def _power(a: Gauss, n: int, m: int) -> Gauss:
    if n < 0:
        norm = (a.re * a.re + a.im * a.im) % m
        if norm == 0:
            raise Retry
        over = pow(norm, -1, m)
        a, n = Gauss(a.re * over % m, -a.im * over % m), -n
    if a.im == 0:
        return Gauss(pow(a.re, n, m), 0)
    result = Gauss(1, 0)
    for bit in f"{n:b}":
        result = _times(result, result, m)
        if bit == "1":
            result = _times(result, a, m)
    return result


def _real(a: Gauss) -> int:
    """What a field of exponents, logarithms or angles must be given; a point where it is imaginary is no point."""
    if a.im:
        raise Retry
    return a.re


def _is_square(a: Gauss, m: int) -> bool:
    return pow(_real(a), (m - 1) // 2, m) == 1


def _root(a: Gauss, m: int) -> Gauss:
    """The principal square root: for m = 3 mod 4, v^((m+1)/4) is a root of v if v is a square, and is a square itself."""
    value = _real(a)
    if value == 0 or _is_square(a, m):
        return Gauss(pow(value, (m + 1) // 4, m), 0)
    return Gauss(0, pow(-value, (m + 1) // 4, m))


BABY = 1 << 17


@cache
def _baby_steps() -> dict[int, int]:
    def powers() -> Iterator[tuple[int, int]]:
        value = 1
        for exponent in range(BABY):
            yield value, exponent
            value = value * GENERATOR % L

    return dict(powers())


@lru_cache(maxsize=1 << 12)
def discrete_logarithm(value: int) -> int:
    """The n < P with 4^n = value in F_L, for a square `value`: baby steps and giant steps.

    >>> discrete_logarithm(pow(4, 123456789, L))
    123456789
    """
    steps, giant = _baby_steps(), pow(GENERATOR, -BABY, L)
    turns = 0
    while value not in steps:  # ends, as every square is a power of the generator
        value = value * giant % L
        turns += 1
    return turns * BABY + steps[value]
