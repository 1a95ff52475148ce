"""Test A: is a scalar zero?  Bring it into a normal form that is empty if and only if it is.

The form is a fraction over Q(atoms)[e^q, √v, sin] (see `ring`); what makes it normal is that the generators are independent.

    exponentials   All exponents are collected first.  Those whose denominators share a factor get one denominator D, and a
                   numerator N is divided by it, N/D = quotient + remainder/D, which is unique.  Then e^(N/D) is a product
                   of powers of e^m and e^(m/D), m running through monomials: independent, as the m and m/D are.
    roots          A radicand is a number times factors, irreducible ones.  Those known to be positive get roots of their
                   own, squares among them leave the root; primes likewise; positive atoms just get half an exponent.
                   Factors of unknown sign stay together under one root, and must occur once each: √(x²) is refused.
    logarithms     log|f| of each irreducible factor, prime and atom is an atom; log e^q = q.  (A logarithm's argument is
                   positive, so log uv = log|u| + log|v|.)
    angles         cos θ is an atom and sin² θ = 1 - cos² θ; angles that are equal, or opposite, share them.

"Positive" is read off a factor's terms: all coefficients of one sign, and positive variables or even powers in every monomial;
so it is for a sum before it is multiplied out; or it is a hypothesis.  Signs that are not known are taken to be independent:
√x √(1-x) = √(x(1-x)) is found only where x and 1 - x are said to be positive.  Roots inside roots are not taken apart, nor are
sums of angles.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

import sympy as sp
from sympy.core.function import AppliedUndef

from concordant.theory.kernel.polynomial import (
    ONE,
    Factor,
    Monomial,
    Poly,
    Rational,
    content,
    divide,
    factors,
    power,
    power_monomial,
    scale,
    times,
    times_monomial,
)
from concordant.theory.kernel.ring import UNIT, Ring, Value, constant
from concordant.theory.kernel.scalars import Unsupported, check

Factored = tuple[Fraction, Monomial, dict[Factor, int]]
Parts = dict[int | Factor, Rational]  # a product of powers of variables and polynomials


def is_zero_a(expr: sp.Expr, positive: tuple[sp.Expr, ...] = ()) -> bool:
    """Whether `expr` vanishes identically, where all of `positive` are positive.

    >>> x = sp.Symbol("x")
    >>> is_zero_a(1 / (sp.exp(x) + 1) + 1 / (sp.exp(-x) + 1) - 1)
    True
    >>> is_zero_a(sp.sqrt(x**2) - x)
    Traceback (most recent call last):
    concordant.theory.kernel.scalars.Unsupported: sqrt(x**2): the sign of a repeated factor is not known; state that it is positive
    """
    for part in (expr, *positive):
        check(part)
    form = NormalForm((expr, *positive))
    for part in positive:
        form.assume_positive(part)
    form.notice_positive_sums(expr)
    return not form.value(expr)[0]


def _depth(expr: sp.Expr, found: dict[sp.Expr, int]) -> int:
    """How deeply exponentials are nested in `expr`; the exponents in it are entered in `found` with their own depths."""
    depth = max((_depth(arg, found) for arg in expr.args), default=0)
    if expr is sp.E:
        expr = sp.exp(sp.S.One, evaluate=False)
    if not isinstance(expr, sp.exp):
        return depth
    found[expr.args[0]] = depth
    return depth + 1


@lru_cache(maxsize=1 << 16)
def _has_root(expr: sp.Expr) -> bool:
    return bool(expr.is_Pow and expr.exp.q == 2) or any(map(_has_root, expr.args))


def _is_never_negative(term: sp.Expr) -> bool:
    """Whether each factor of a term is a positive number or atom, or an even power of something that must be real."""
    return all(
        factor.is_positive
        if factor.is_Atom
        else factor.is_Pow and factor.exp.is_Integer and factor.exp % 2 == 0 and not _has_root(factor.base)
        for factor in sp.Mul.make_args(term)
    )


class NormalForm:
    """The normal forms of some expressions, over one set of variables."""

    def __init__(self, exprs: Iterable[sp.Expr]) -> None:
        self.ring = Ring()
        self.memo: dict[sp.Expr, Value] = {}
        self.signs: dict[Factor, int] = {}  # hypotheses
        self.exponents: dict[sp.Expr, Monomial] = {}  # the exponentials as monomials
        self.powers: dict[int, Value] = {}  # the exponent that a variable e^q stands for
        self.angles: list[tuple[Value, int, int]] = []  # angle, variables of its cosine and sine
        depths: dict[sp.Expr, int] = {}
        for expr in exprs:
            _depth(expr, depths)
        for depth in sorted(set(depths.values())):
            self._exponentials([exponent for exponent, own in depths.items() if own == depth])

    def value(self, expr: sp.Expr) -> Value:
        found = self.memo.get(expr)
        if found is None:
            found = self.memo[expr] = self._value(expr)
        return found

    def _value(self, expr: sp.Expr) -> Value:
        ring = self.ring
        if expr.is_Rational:
            return constant(expr.p if expr.q == 1 else Fraction(expr.p, expr.q))
        if expr.is_Add:
            result = constant(0)
            for arg in expr.args:
                result = ring.add(result, self.value(arg))
            return result
        if expr.is_Mul:
            result = constant(1)
            for arg in expr.args:
                result = ring.times(result, self.value(arg))
            return result
        if expr.is_Pow:
            base = self.value(expr.base)
            try:
                return ring.power(base if expr.exp.q == 1 else self._root(base, expr), expr.exp.p)
            except ZeroDivisionError:
                raise Unsupported(f"{expr}: the denominator is zero identically") from None
        if isinstance(expr, sp.exp) or expr is sp.E:
            return {self.exponents[expr.args[0] if expr.args else sp.S.One]: UNIT[()]}, ()
        if isinstance(expr, sp.log):
            return self._logarithm(self.value(expr.args[0]), expr)
        if isinstance(expr, (sp.cos, sp.sin)):
            return self._circle(self.value(expr.args[0]), isinstance(expr, sp.sin))
        return ring.monomial(ring.variable(self._name(expr), positive=bool(expr.is_positive)))

    def _name(self, expr: sp.Expr) -> object:
        """The identity of an atom: of an applied function, the function and the first argument met that is the same."""
        if not isinstance(expr, AppliedUndef):
            return expr
        argument = self.value(expr.args[0])
        for other in [name for name in self.ring.names if isinstance(name, AppliedUndef) and name.func == expr.func]:
            if self._same(argument, self.value(other.args[0])):
                return other
        return expr

    def _same(self, a: Value, b: Value, sign: int = 1) -> bool:
        """Whether a = sign b."""
        return not self.ring.add(a, self.ring.scale(b, -sign))[0]

    # ------------------------------------------------------------ exponentials
    def _exponentials(self, exponents: list[sp.Expr]) -> None:
        """Make each e^exponent a monomial, in variables that are independent."""
        fractions: list[tuple[sp.Expr, Poly, Parts]] = []
        groups: list[Parts] = []  # common denominators, which share no factor
        for exponent in exponents:
            numerator, denominator = self.ring.flatten(self.value(exponent))
            number, unit, over = self._factored(denominator)
            numerator = scale(numerator, 1 / number, power_monomial(unit, -1))
            below = tuple((v, -e) for v, e in (content(numerator) if numerator else ()) if e < 0)
            numerator = scale(numerator, 1, below)
            parts: Parts = dict(below)
            parts.update(over.items())
            fractions.append((exponent, numerator, parts))
            merged = dict(parts)
            for group in [group for group in groups if group.keys() & parts.keys()]:
                merged = {part: max(merged.get(part, 0), group.get(part, 0)) for part in {**merged, **group}}
                groups.remove(group)
            if merged:
                groups.append(merged)
        for exponent, numerator, parts in fractions:
            group = next((group for group in groups if group.keys() & parts.keys()), {})
            missing = {part: multiplicity - parts.get(part, 0) for part, multiplicity in group.items()}
            whole = self._multiply_out(group)
            quotient, remainder = divide(times(numerator, self._multiply_out(missing)), whole)
            monomial: Monomial = ()
            for terms, denominator in ((quotient, ONE), (remainder, whole)):
                for term, count in terms.items():
                    monomial = times_monomial(monomial, ((self._exponential(term, denominator), count),))
            self.exponents[exponent] = monomial

    def _exponential(self, term: Monomial, denominator: Poly) -> int:
        """The variable e^(term/denominator), in lowest terms as far as monomials go."""
        below = dict(content(denominator))
        common = tuple((v, min(e, below[v])) for v, e in term if v in below)
        term = times_monomial(term, power_monomial(common, -1))
        denominator = scale(denominator, 1, power_monomial(common, -1))
        variable = self.ring.variable(("exp", term, frozenset(denominator.items())), high=True, positive=True)
        if variable not in self.powers:
            over = self.ring.invert(self.ring.lift(denominator))
            self.powers[variable] = self.ring.times(self.ring.lift({term: 1}), over)
        return variable

    def _multiply_out(self, parts: Parts) -> Poly:
        result = ONE
        for part, multiplicity in parts.items():
            if isinstance(part, int):
                result = scale(result, 1, power_monomial(((part, 1),), multiplicity))
            else:
                result = times(result, power(dict(part), int(multiplicity)))
        return result

    # --------------------------------------------------------- roots, logarithms
    def _factored(self, above: Poly, below: Poly = ONE) -> Factored:
        """above/below = number × monomial × Π factor^multiplicity."""
        number, unit, tops = factors(above)
        over, under, bottoms = factors(below)
        result: dict[Factor, int] = {}
        for found, side in ((tops, 1), (bottoms, -1)):
            for factor, multiplicity in found:
                key = frozenset(factor.items())
                result[key] = result.get(key, 0) + side * multiplicity
        kept = {key: multiplicity for key, multiplicity in result.items() if multiplicity}
        return number / over, times_monomial(unit, power_monomial(under, -1)), kept

    def assume_positive(self, expr: sp.Expr) -> None:
        """A hypothesis.  It must leave one factor at most whose sign is not known otherwise."""
        sign, odd = self._unknown(expr)
        if len(odd) > 1:
            raise Unsupported(f"{expr}: a product of factors of unknown sign; say which of them are positive")
        self.signs.update((key, sign) for key in odd)

    def _unknown(self, expr: sp.Expr) -> tuple[int, list[Factor]]:
        """The factors of unknown sign that occur an odd number of times, and the sign of all else."""
        number, unit, found = self._factored(*self.ring.flatten(self.value(expr)))
        sign = 1 if number > 0 else -1
        odd = []
        for key, multiplicity in self._with_units(unit, found)[1].items():
            own = self._sign(key)
            sign *= own**multiplicity if own else 1
            if not own and multiplicity % 2:
                odd.append(key)
        return sign, odd

    def notice_positive_sums(self, expr: sp.Expr) -> None:
        """Sums such as 1 + (x - m)² show that they are positive only as long as they are not multiplied out."""
        if _has_root(expr):
            for part in sp.preorder_traversal(expr):
                if part.is_Add and all(map(_is_never_negative, part.args)):
                    sign, odd = self._unknown(part)
                    if len(odd) == 1:
                        self.signs[odd[0]] = sign

    def _with_units(self, unit: Monomial, found: dict[Factor, int]) -> tuple[Monomial, dict[Factor, int]]:
        """Move the variables that are not positive, or are roots, from the monomial to the factors."""
        plain = {variable for variable, _ in unit if variable in self.ring.positive - self.ring.square.keys()}
        moved: dict[Factor, int] = {
            frozenset([(((variable, 1),), 1)]): int(e) for variable, e in unit if variable not in plain
        }
        return tuple(power for power in unit if power[0] in plain), {**found, **moved}

    def _sign(self, key: Factor) -> int:
        """1 or -1 for a factor that is nowhere negative or positive; 0 if that is not known."""
        if key in self.signs:
            return self.signs[key]
        for monomial, _ in key:
            if any(variable not in self.ring.positive and exponent % 2 for variable, exponent in monomial):
                return 0
        signs = {1 if number > 0 else -1 for _, number in key}
        return signs.pop() if len(signs) == 1 else 0

    def _root(self, value: Value, expr: sp.Expr) -> Value:
        ring = self.ring
        if not value[0]:
            return value
        number, unit, found = self._factored(*ring.flatten(value))
        unit, found = self._with_units(unit, found)
        sign = 1 if number > 0 else -1
        result = ring.lift({power_monomial(unit, Fraction(1, 2)): Fraction(1, number.denominator)})
        for prime, multiplicity in sp.factorint(abs(number.numerator) * number.denominator).items():
            result = ring.times(result, self._half({(): prime}, multiplicity))
        unknown = ONE
        for key, multiplicity in found.items():
            own, factor = self._sign(key), dict(key)
            if own:
                sign *= own**multiplicity
                result = ring.times(result, self._half(scale(factor, own), multiplicity))
            elif multiplicity == 1:
                unknown = times(unknown, factor)
            else:
                raise Unsupported(f"{expr}: the sign of a repeated factor is not known; state that it is positive")
        if sign < 0 or unknown != ONE:
            if unknown == ONE:
                raise Unsupported(f"{expr}: the root of something negative")
            result = ring.times(result, self._half(scale(unknown, sign), 1, positive=False))
        return result

    def _half(self, radicand: Poly, multiplicity: int, positive: bool = True) -> Value:
        """radicand^(multiplicity/2)."""
        ring = self.ring
        square = ring.lift(radicand)
        result = ring.power(square, multiplicity // 2)
        if multiplicity % 2 == 0:
            return result
        name = ("root", frozenset(radicand.items()))
        return ring.times(result, ring.monomial(ring.variable(name, high=True, positive=positive, square=square[0])))

    def _logarithm(self, value: Value, expr: sp.Expr) -> Value:
        if not value[0]:
            raise Unsupported(f"{expr}: the logarithm of zero")
        number, unit, found = self._factored(*self.ring.flatten(value))
        result = constant(0)
        for integer, side in ((abs(number.numerator), 1), (number.denominator, -1)):
            for prime, multiplicity in sp.factorint(integer).items():
                result = self._plus_log(result, ("log", prime), side * multiplicity)
        for variable, exponent in unit:
            if variable in self.powers:
                result = self.ring.add(result, self.ring.scale(self.powers[variable], exponent))
            elif variable in self.ring.square:
                inner = self._logarithm((self.ring.square[variable], ()), expr)
                result = self.ring.add(result, self.ring.scale(inner, Fraction(exponent) / 2))
            else:
                result = self._plus_log(result, ("log", frozenset([(((variable, 1),), 1)])), exponent)
        for key, multiplicity in found.items():
            result = self._plus_log(result, ("log", key), multiplicity)
        return result

    def _plus_log(self, value: Value, name: object, number: Rational) -> Value:
        return self.ring.add(value, self.ring.scale(self.ring.monomial(self.ring.variable(name)), number))

    # ------------------------------------------------------------------ angles
    def _circle(self, angle: Value, is_sine: bool) -> Value:
        ring = self.ring
        for known, cosine, sine in self.angles:
            for sign in (1, -1):
                if self._same(angle, known, sign):
                    return ring.scale(ring.monomial(sine), sign) if is_sine else ring.monomial(cosine)
        cosine = ring.variable(("cos", len(self.angles)))
        square = ring.lift({(): 1, ((cosine, 2),): -1})[0]
        sine = ring.variable(("sin", len(self.angles)), high=True, square=square)
        self.angles.append((angle, cosine, sine))
        return ring.monomial(sine if is_sine else cosine)
