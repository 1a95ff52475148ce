"""The ring in which test A computes: Q(atoms)[e^q, √v, sin], with inverses.

    coefficient   polynomial / Π factor^n                 in the atoms; cosines and logarithms are atoms too
    sum           { monomial of e^q, √v, sin : coefficient }
    value         sum / Π sum^n                           so that 1/(e^x + 1) is a value

A value is zero if and only if its numerator has no entry, as long as the exponentials and roots are independent, which
`normal_form` sees to.  Denominators stay products of the factors they came in: nothing is ever cancelled, but common
denominators are least.  The square of a root or a sine is replaced as soon as it appears.
"""

from __future__ import annotations

from typing import TypeVar

from concordant.theory.kernel.polynomial import (
    ONE,
    Monomial,
    Poly,
    Rational,
    add,
    normalised,
    power,
    power_monomial,
    scale,
    times,
    times_monomial,
)

Coefficient = tuple[Poly, Monomial]
Sum = dict[Monomial, Coefficient]
Value = tuple[Sum, Monomial]

_T = TypeVar("_T")

UNIT: Sum = {(): (ONE, ())}


def constant(number: Rational) -> Value:
    return {(): ({(): number}, ())} if number else {}, ()


class Ring:
    """The variables met so far, and the arithmetic of their values."""

    def __init__(self) -> None:
        self.names: dict[object, int] = {}
        self.high: set[int] = set()  # exponentials, roots and sines: they stand in keys, not in coefficients
        self.positive: set[int] = set()
        self.square: dict[int, Sum] = {}  # of a root or a sine
        self.small: list[Poly] = []  # denominators of coefficients
        self.big: list[Sum] = []  # denominators of values
        self._numbers: dict[object, int] = {}

    def variable(self, name: object, high: bool = False, positive: bool = False, square: Sum | None = None) -> int:
        """The number of a variable, made when it is first named."""
        if name not in self.names:
            number = self.names[name] = len(self.names)
            if high:
                self.high.add(number)
            if positive:
                self.positive.add(number)
            if square is not None:
                self.square[number] = square
        return self.names[name]

    def monomial(self, variable: int, exponent: Rational = 1) -> Value:
        term = ((variable, exponent),)
        return ({term: (ONE, ())} if variable in self.high else {(): ({term: 1}, ())}), ()

    # ------------------------------------------------------------ coefficients
    def _add_coefficients(self, a: Coefficient, b: Coefficient) -> Coefficient:
        if a[1] == b[1]:
            return add(a[0], b[0]), a[1]
        common = _least_common(a[1], b[1])
        left, right = (
            times(numerator, self._product(times_monomial(common, power_monomial(denominator, -1))))
            for numerator, denominator in (a, b)
        )
        return add(left, right), common

    def _product(self, factors: Monomial) -> Poly:
        result = ONE
        for factor, multiplicity in factors:
            result = times(result, power(self.small[factor], int(multiplicity)))
        return result

    def _invert_coefficient(self, a: Coefficient) -> Coefficient:
        number, unit, rest = normalised(a[0])
        numerator = scale(self._product(a[1]), 1 / number, power_monomial(unit, -1))
        if len(rest) == 1:
            return numerator, ()
        return numerator, ((self._number(frozenset(rest.items()), rest, self.small), 1),)

    def _number(self, key: object, item: _T, table: list[_T]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(table)
            table.append(item)
        return self._numbers[key]

    # -------------------------------------------------------------------- sums
    def _enter(self, result: Sum, key: Monomial, coefficient: Coefficient) -> None:
        """Add one term to a sum, in place."""
        if key in result:
            coefficient = self._add_coefficients(result[key], coefficient)
        if coefficient[0]:
            result[key] = coefficient
        else:
            result.pop(key, None)

    def add_sums(self, a: Sum, b: Sum) -> Sum:
        result = dict(a)
        for key, coefficient in b.items():
            self._enter(result, key, coefficient)
        return result

    def times_sums(self, a: Sum, b: Sum) -> Sum:
        if a == UNIT or b == UNIT:
            return b if a == UNIT else a
        result: Sum = {}
        for k1, (n1, d1) in a.items():
            for k2, (n2, d2) in b.items():
                coefficient = times(n1, n2), times_monomial(d1, d2)
                key = times_monomial(k1, k2)
                twice = [variable for variable, exponent in key if exponent == 2 and variable in self.square]
                if not twice:
                    self._enter(result, key, coefficient)
                    continue
                product: Sum = {tuple(power for power in key if power[0] not in twice): coefficient}
                for variable in twice:
                    product = self.times_sums(product, self.square[variable])
                for key, coefficient in product.items():
                    self._enter(result, key, coefficient)
        return result

    # ------------------------------------------------------------------ values
    def add(self, a: Value, b: Value) -> Value:
        if a[1] == b[1]:
            return self.add_sums(a[0], b[0]), a[1]
        common = _least_common(a[1], b[1])
        left, right = (
            self.times_sums(numerator, self._big_product(times_monomial(common, power_monomial(denominator, -1))))
            for numerator, denominator in (a, b)
        )
        return self.add_sums(left, right), common

    def times(self, a: Value, b: Value) -> Value:
        return self.times_sums(a[0], b[0]), times_monomial(a[1], b[1])

    def scale(self, a: Value, number: Rational) -> Value:
        return self.times(a, constant(number))

    def power(self, a: Value, n: int) -> Value:
        if n < 0:
            a, n = self.invert(a), -n
        result = constant(1)
        for _ in range(n):
            result = self.times(result, a)
        return result

    def invert(self, a: Value) -> Value:
        """1/a; `ZeroDivisionError` if a is zero."""
        numerator, denominator = a
        if not numerator:
            raise ZeroDivisionError
        if len(numerator) > 1:
            # a number in front would make 2p and p different factors
            number = 1 / normalised(numerator[max(numerator)][0])[0]
            monic: Sum = {key: (scale(poly, number), over) for key, (poly, over) in numerator.items()}
            name = frozenset((key, frozenset(poly.items()), over) for key, (poly, over) in monic.items())
            inverse: Value = self.scale((UNIT, ((self._number(name, monic, self.big), 1),)), number)
        else:
            ((key, coefficient),) = numerator.items()
            plain = tuple((v, -e) for v, e in key if v not in self.square)
            inverse = {plain: self._invert_coefficient(coefficient)}, ()
            for variable in (v for v, _ in key if v in self.square):  # 1/√v = √v/v
                inverse = self.times(inverse, self.monomial(variable))
                inverse = self.times(inverse, self.invert((self.square[variable], ())))
        return self.times(inverse, (self._big_product(denominator), ())) if denominator else inverse

    def _big_product(self, factors: Monomial) -> Sum:
        result = UNIT
        for factor, multiplicity in factors:
            for _ in range(int(multiplicity)):
                result = self.times_sums(result, self.big[factor])
        return result

    # ------------------------------------------------- to one polynomial and back
    def lift(self, poly: Poly) -> Value:
        """A polynomial in all variables as a value."""
        result: Sum = {}
        for monomial, number in poly.items():
            key = tuple(power for power in monomial if power[0] in self.high)
            low = tuple(power for power in monomial if power[0] not in self.high)
            self._enter(result, key, ({low: number}, ()))
        return result, ()

    def flatten(self, a: Value) -> tuple[Poly, Poly]:
        """A value as a fraction of polynomials in all variables, roots being treated as if they were free."""
        numerator, below = self._flatten_sum(a[0])
        denominator, above = ONE, ONE
        for factor, multiplicity in a[1]:
            top, bottom = self._flatten_sum(self.big[factor])
            denominator = times(denominator, power(top, int(multiplicity)))
            above = times(above, power(bottom, int(multiplicity)))
        return times(numerator, above), times(denominator, below)

    def _flatten_sum(self, a: Sum) -> tuple[Poly, Poly]:
        common: Monomial = ()
        for _, denominator in a.values():
            common = _least_common(common, denominator)
        result: Poly = {}
        for key, (numerator, denominator) in a.items():
            missing = self._product(times_monomial(common, power_monomial(denominator, -1)))
            result = add(result, scale(times(numerator, missing), 1, key))
        return result, self._product(common)


def _least_common(a: Monomial, b: Monomial) -> Monomial:
    if not a or not b:
        return a or b
    exponents = dict(a)
    for factor, multiplicity in b:
        exponents[factor] = max(exponents.get(factor, 0), multiplicity)
    return tuple(sorted(exponents.items()))
