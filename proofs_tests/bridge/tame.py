"""The tame class: integrals that converge, and may be differentiated under, by their form alone.

A *density* is a finite mixture of Gaussians in its first argument, whose centres are affine in (or grow at most linearly with)
the other arguments, on compact sets of times: p_t, the kernel q(x | x_0), p_0, a posterior.  For such,

    |∂^a p| ≤ (polynomial) · p,     |∂^a log p| ≤ polynomial,     ∫ |x|^n q(x | y) dx ≤ polynomial in y,

where ∂^a may be in any point or time.  A field of *polynomial growth* is one with all its derivatives; a *test function* is
smooth with compact support in its first argument.  So an integrand, multiplied out, is a product of integer powers of densities
and test functions times something polynomial, and its integral over bound points converges absolutely, together with all its
derivatives and locally uniformly in free variables (hence it may be differentiated under), if

- each bound point is *covered*: it is the first argument of a density, or of a test function, that stands there with a positive
  power, and whose other arguments are free or covered before it.  (Integrate in the reverse order: each integral is bounded
  by a polynomial in what is left.  Positive powers that cover nothing are bounded.)
- no density of a bound point is left with a negative power.

An expectation over the paths of a chain of such kernels converges if what stands in it does, its points being held fixed.

`why_not(e, kinds, definitions)` says what is missing, or None.  This is a syntactic check, not an estimate, and it refuses much
that converges.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from concordant.proofs_tests.bridge.values import Definition
from concordant.theory.kernel.terms import (
    COORDINATE,
    DELTA,
    Add,
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
    substitute,
)

Kind = Literal["density", "polynomial", "test"]
Factor = tuple[str, tuple[Any, ...]]


class NotTame(Exception):
    """Why an expression is not in the class."""


@dataclass(frozen=True)
class Monomial:
    """Powers of densities and test functions, times something polynomial; the points that it is integrated over."""

    powers: Mapping[Factor, int] = field(default_factory=dict)
    bound: frozenset[Any] = frozenset()

    def __mul__(self, other: Monomial) -> Monomial:
        powers = Counter(self.powers)
        for f, n in other.powers.items():
            powers[f] += n
        return Monomial({f: n for f, n in powers.items() if n}, self.bound | other.bound)


@dataclass
class _Reader:
    kinds: Mapping[str, Kind]
    definitions: Mapping[str, Definition]

    def __post_init__(self) -> None:
        self.fresh = itertools.count()

    def read(self, e: Expr) -> list[Monomial]:
        """The monomials of e, multiplied out.  A derivative changes none: it multiplies by something polynomial."""
        match e:
            case Num():
                return [Monomial()]
            case Field():
                return self.field(e)
            case Add(terms):
                return self.distinct(m for a in terms for m in self.read(a))
            case Mul(factors):
                return self.product([self.read(a) for a in factors])
            case Power(base, n) if n >= 0:
                return self.product([self.read(base)] * n)
            case Power(base, n):
                found = self.read(base)
                if len(found) != 1 or found[0].bound or not self.only_densities(base):
                    raise NotTame("the reciprocal of what is no product of densities")
                return [Monomial({f: n * m for f, m in found[0].powers.items()})]
            case Log(of):
                if not self.only_densities(of):
                    raise NotTame("the logarithm of what is no product of densities")
                return [Monomial()]
            case D(body):
                return self.read(body)
            case Bind("int", Point() as x, body):
                y = Point(f"{x.name}~{next(self.fresh)}")
                inner = self.read(substitute(body, {x: y}))
                return [Monomial(m.powers, m.bound | {y}) for m in inner]
            case Bind("path", Path() as w, body):
                v = Path(f"{w.name}~{next(self.fresh)}")
                inner = self.read(substitute(body, {w: v}))
                if any(n < 0 and _on(f, v) for m in inner for f, n in m.powers.items()):
                    raise NotTame("a density in a denominator under an expectation over paths")
                return inner  # the path's points have all moments, and what else is a density of them is bounded
            case Bind("con" | "sum" | "time", _, body):
                return self.read(body)
        raise NotTame(f"{type(e).__name__} has no place in the class")

    def field(self, e: Field) -> list[Monomial]:
        if e.name in (COORDINATE, DELTA):
            return [Monomial()]
        match self.kinds.get(e.name):
            case "density" | "test":
                return [Monomial({(e.name, e.args): 1})]
            case "polynomial":
                return [Monomial()]
        if e.name not in self.definitions:
            raise NotTame(f"nothing is known of the field {e.name!r}")
        d = self.definitions[e.name]
        if d.logged:
            raise NotTame(f"{e.name!r} is defined by its logarithm: declare it a density")
        stand_ins = {i: Index(f"{i.name}~") for i in d.comps}
        return self.read(substitute(d.body, dict(zip(d.params, e.args, strict=True)) | stand_ins))

    def only_densities(self, e: Expr) -> bool:
        """A product of densities and numbers, so that its logarithm is polynomial and its reciprocal known."""
        match e:
            case Num():
                return True
            case Mul(factors):
                return all(self.only_densities(a) for a in factors)
            case Power(base) | Bind("prod", _, base):
                return self.only_densities(base)
            case Field(name, args):
                if self.kinds.get(name) == "density":
                    return True
                if name in self.definitions and name not in self.kinds:
                    d = self.definitions[name]
                    return self.only_densities(substitute(d.body, dict(zip(d.params, args, strict=True))))
        return False

    def product(self, factors: list[list[Monomial]]) -> list[Monomial]:
        out = [Monomial()]
        for one in factors:
            out = self.distinct(a * b for a in out for b in one)
        return out

    def distinct(self, many: Iterable[Monomial]) -> list[Monomial]:
        seen: dict[Any, Monomial] = {}
        for m in many:
            seen.setdefault((frozenset(m.powers.items()), m.bound), m)
        return list(seen.values())


def _on(factor: Factor, path: Path) -> bool:
    return any(isinstance(a, At) and a.path == path for a in factor[1])


def _points(args: Iterable[Any]) -> list[Any]:
    """The points among arguments: those after a leading step or time."""
    return [a for a in args if not hasattr(a, "free_symbols")]


def _uncovered(m: Monomial) -> str | None:
    """What keeps the integral of a monomial from converging by form; None if nothing does."""
    for (name, args), n in m.powers.items():
        if n < 0 and m.bound & set(args):
            return f"{name} is left in a denominator, under an integral over its argument"
    covered: set[Any] = set()
    while more := {
        points[0]
        for points in (_points(args) for (_, args), n in m.powers.items() if n > 0)
        if points and points[0] in m.bound - covered and m.bound & set(points[1:]) <= covered
    }:
        covered |= more
    if left := m.bound - covered:
        return f"nothing makes the integral over {min(left).name.split('~')[0]} small far out"
    return None


def why_not(e: Expr, kinds: Mapping[str, Kind], definitions: Mapping[str, Definition] | None = None) -> str | None:
    """Why e is not in the tame class; None if it is.

    >>> from concordant.theory.kernel.terms import integral, log, scalar
    >>> x, y, p, q = Point("x"), Point("y"), scalar("p"), scalar("q")
    >>> kinds = {"p": "density", "q": "density"}
    >>> why_not(integral(q(x, y) * p(y) * log(p(x)) ** 2, x, y), kinds)
    >>> why_not(integral(q(x, y), y), kinds)
    'nothing makes the integral over y small far out'
    """
    try:
        for m in _Reader(kinds, definitions or {}).read(e):
            if missing := _uncovered(m):
                return missing
    except NotTame as error:
        return str(error)
    return None
