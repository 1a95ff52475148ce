"""Sparse polynomials with rational exponents, as dictionaries from monomials to rational numbers.

A monomial is a sorted tuple of (variable, exponent) with no exponent zero; a variable is a number.  Exponents may be negative
(monomials are units) and, for variables known to be positive, fractions.  So x^(1/2) needs no radical, and e^x, as a power
of the variable e^(x/6) or whichever is met, no special treatment.

Factors are found by sympy's polynomial rings (not by its expressions), and their product is checked here: an error there
could only miss an identity.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from sympy import QQ
from sympy.polys.rings import PolyRing

Rational = int | Fraction
Monomial = tuple[tuple[int, Rational], ...]
Poly = dict[Monomial, Rational]
Factor = frozenset[tuple[Monomial, Rational]]  # a polynomial as a key

ONE: Poly = {(): 1}


def times_monomial(a: Monomial, b: Monomial) -> Monomial:
    """The product of two monomials.

    >>> times_monomial(((1, 2),), ((0, 1), (1, -2)))
    ((0, 1),)
    """
    if not a or not b:
        return a or b
    exponents = dict(a)
    for variable, exponent in b:
        total = exponents.get(variable, 0) + exponent
        if total:
            exponents[variable] = total
        else:
            del exponents[variable]
    return tuple(sorted(exponents.items()))


def power_monomial(a: Monomial, n: Rational) -> Monomial:
    return tuple((variable, exponent * n) for variable, exponent in a) if n else ()


def add(a: Poly, b: Poly) -> Poly:
    result = dict(a)
    for monomial, coefficient in b.items():
        total = result.get(monomial, 0) + coefficient
        if total:
            result[monomial] = total
        else:
            del result[monomial]
    return result


def scale(a: Poly, number: Rational, monomial: Monomial = ()) -> Poly:
    """a times one term, whose number is not zero."""
    return {times_monomial(m, monomial): c * number for m, c in a.items()}


def times(a: Poly, b: Poly) -> Poly:
    if a == ONE or b == ONE:
        return b if a == ONE else a
    result: Poly = {}
    for m1, c1 in a.items():
        for m2, c2 in b.items():
            monomial = times_monomial(m1, m2)
            total = result.get(monomial, 0) + c1 * c2
            if total:
                result[monomial] = total
            else:
                del result[monomial]
    return result


def power(a: Poly, n: int) -> Poly:
    """a^n for n >= 0."""
    result = ONE
    for _ in range(n):
        result = times(result, a)
    return result


def content(a: Poly) -> Monomial:
    """The greatest monomial that leaves no negative exponent when it is divided out; a is not zero.

    >>> content({((0, -1), (1, 2)): 1, ((1, 1),): 3})
    ((0, -1), (1, 1))
    """
    exponents = [dict(monomial) for monomial in a]
    variables = sorted({variable for monomial in exponents for variable in monomial})
    least = ((variable, min(monomial.get(variable, 0) for monomial in exponents)) for variable in variables)
    return tuple((variable, exponent) for variable, exponent in least if exponent)


def normalised(a: Poly) -> tuple[Fraction, Monomial, Poly]:
    """a = number × monomial × polynomial: no content, and the coefficient of its greatest monomial is 1."""
    unit = content(a)
    rest = scale(a, 1, power_monomial(unit, -1))
    number = Fraction(rest[max(rest)])
    return number, unit, scale(rest, 1 / number)


def divide(a: Poly, b: Poly) -> tuple[Poly, Poly]:
    """Quotient and remainder by the lexicographic order; no negative exponents.  Both are unique, and linear in a."""
    variables = sorted({variable for poly in (a, b) for monomial in poly for variable, _ in monomial})

    def dense(monomial: Monomial) -> tuple[Rational, ...]:
        exponents = dict(monomial)
        return tuple(exponents.get(variable, 0) for variable in variables)

    lead = max(b, key=dense)
    quotient: Poly = {}
    remainder: Poly = {}
    rest = dict(a)
    while rest:
        top = max(rest, key=dense)
        ratio = times_monomial(top, power_monomial(lead, -1))
        if any(exponent < 0 for _, exponent in ratio):
            remainder[top] = rest.pop(top)
        else:
            number = Fraction(rest[top]) / b[lead]
            quotient[ratio] = number
            rest = add(rest, scale(b, -number, ratio))
    return quotient, remainder


def factors(a: Poly) -> tuple[Fraction, Monomial, list[tuple[Poly, int]]]:
    """a = number × monomial × Π factor^multiplicity, the factors normalised, and irreducible where that could be found.

    >>> number, monomial, found = factors({((0, 2),): 2, (): -2})
    >>> number == 2, monomial == (), found == [({((0, 1),): 1, (): -1}, 1), ({((0, 1),): 1, (): 1}, 1)]
    (True, True, True)
    """
    number, unit, rest = normalised(a)
    if len(rest) == 1:
        return number, unit, []
    if _is_linear(rest):
        return number, unit, [(rest, 1)]
    found: list[tuple[Poly, int]] = []
    product = ONE
    for factor, multiplicity in _by_sympy(rest):
        factor = normalised(factor)[2]
        found.append((factor, multiplicity))
        product = times(product, power(factor, multiplicity))
    top = max(rest)
    ratio = Fraction(rest[top]) / product.get(top, 1)  # the greatest monomials of the factors need not multiply to it
    if scale(product, ratio) != rest:
        raise ArithmeticError(f"the factors of {rest} do not multiply to it")
    return number * ratio, unit, found


def _is_linear(a: Poly) -> bool:
    """Whether a = m v + b with one monomial m, so that it is irreducible, having no content."""
    exponents = [dict(monomial) for monomial in a]
    variables = {variable for monomial in exponents for variable in monomial}
    if any(e != int(e) for monomial in exponents for e in monomial.values()):
        return False
    return any([m[v] for m in exponents if v in m] == [1] for v in variables)


def _by_sympy(a: Poly) -> list[tuple[Poly, int]]:
    exponents = [dict(monomial) for monomial in a]
    variables = sorted({variable for monomial in exponents for variable in monomial})
    steps = [lcm(*(Fraction(m[v]).denominator for m in exponents if v in m)) for v in variables]
    ring = PolyRing([f"v{variable}" for variable in variables], QQ)
    terms = {
        tuple(int(m.get(v, 0) * step) for v, step in zip(variables, steps, strict=True)): QQ(
            Fraction(c).numerator, Fraction(c).denominator
        )
        for m, c in zip(exponents, a.values(), strict=True)
    }
    result = []
    for factor, multiplicity in ring.from_dict(terms).factor_list()[1]:
        poly: Poly = {}
        for powers, coefficient in factor.items():
            pairs = zip(variables, powers, steps, strict=True)
            monomial = tuple((v, n // step if n % step == 0 else Fraction(n, step)) for v, n, step in pairs if n)
            poly[monomial] = Fraction(int(coefficient.numerator), int(coefficient.denominator))
        result.append((poly, multiplicity))
    return result
