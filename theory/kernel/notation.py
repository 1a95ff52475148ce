"""Names, numbers and scalars in print: the lower half of the text of a formula.

There are two styles, TeX (for KaTeX) and plain (unicode, for terminals).  A style is a table of templates; what uses it is
written once.  A printed piece is `Shown`: its text, how tightly it binds, and whether it is open to the right, as log p is and
∫ p dx is not.

A *notation* says how the names of one derivation are displayed.  It maps

    a field      to [name][_t][|]:  "|" prints q(x|x_0), "_t" prints p_t(x), "q_t|" prints q_t(x|x_0), "p_φ|" p_φ(z|x)
    a point, a constant, a path, a law   to another name:  "x_{i-1}", "ᾱ_i"
    "=name"      to a scalar that is abbreviated so:  {"=ᾱ_i": "(1 - β)*ā", "=c(t)": "α(t) + σ(t)", "=σ_{t|s}²": …}; the
                 abbreviation is listed with the definitions
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef

from concordant.theory.kernel import names as declared
from concordant.theory.kernel import terms
from concordant.theory.kernel.terms import Const

Notation = Mapping[str, str]

# how tightly a piece binds
SUM, QUOTIENT, PRODUCT, PREFIX, POWER, FRACTION, ATOM = range(7)


class Shown(NamedTuple):
    """A printed piece: how tightly it binds, whether it is open to the right, whether it is taller than a line."""

    text: str
    level: int = ATOM
    open: bool = False
    tall: bool = False
    rank: int = 0  # where it stands among factors: see `formula._ranked`


@dataclass(frozen=True)
class Style:
    """The templates of a style."""

    tex: bool
    frac: str
    small: str
    sqrt: str
    bracket: str
    tall_bracket: str
    norm: str
    tall_norm: str
    mean: str
    bold: str
    bold_greek: str
    roman: str
    accents: dict[str, str]
    signs: dict[str, str]  # nabla, partial, int, sum, …
    space: str  # between factors


LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "varepsilon": "ε", "varphi": "φ", "varsigma": "ς", "ell": "ℓ", "cdot": "·",
    "Gamma": "Γ", "Delta": "Δ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
GREEK = {letter: "\\" + name for name, letter in LETTERS.items()}
HAT, BAR, TILDE = "\u0302", "\u0304", "\u0303"
SUPERSCRIPT = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
VULGAR = {(1, 2): "½", (1, 3): "⅓", (2, 3): "⅔", (1, 4): "¼", (3, 4): "¾", (1, 6): "⅙", (1, 8): "⅛"}

TEX = Style(
    tex=True,
    frac=r"\frac{%s}{%s}",
    small=r"\tfrac{%s}{%s}",
    sqrt=r"\sqrt{%s}",
    bracket="(%s)",
    tall_bracket=r"\left(%s\right)",
    norm=r"\lVert %s\rVert",
    tall_norm=r"\left\lVert %s\right\rVert",
    mean=r"\mathbb{E}_{%s}\left[%s\right]",
    bold=r"\mathbf{%s}",
    bold_greek=r"\boldsymbol{%s}",
    roman=r"\mathrm{%s}",
    accents={HAT: r"\hat{%s}", BAR: r"\bar{%s}", TILDE: r"\tilde{%s}"},
    signs={
        "nabla": r"\nabla ", "del": r"\partial", "laplace": r"\Delta ", "int": r"\int", "iint": r"\iint", "iiint": r"\iiint",
        "sum": r"\sum", "prod": r"\prod", "log": r"\log ", "d": r"\mathrm{d}", "measure": r"\,\mathrm{d}", "dot": r"\cdot ",
        "normal": r"\mathcal{N}", "unit": r"\mathbf{I}", "zero": r"\mathbf{0}", "kl": r"\mathrm{KL}", "parallel": r"\,\Vert\,",
        "minus": "-", "=": "=", ">=": r"\ge", ":=": ":=", "<=": r"\le", "!=": r"\ne", "bar": r"\mid ", "semi": r";\,",
        "in": r"\in ", "pi": r"\pi", "comma": r",\,", "exp": r"\exp", "sin": r"\sin", "cos": r"\cos",
        "e": r"\mathrm{e}",
    },
    space=r"\,",
)  # fmt: skip
PLAIN = Style(
    tex=False,
    frac="%s/%s",
    small="%s/%s",
    sqrt="√%s",
    bracket="(%s)",
    tall_bracket="(%s)",
    norm="‖%s‖",
    tall_norm="‖%s‖",
    mean="E_%s[%s]",
    bold="%s",
    bold_greek="%s",
    roman="%s",
    accents={c: "%s" + c for c in (HAT, BAR, TILDE)},
    signs={
        "nabla": "∇", "del": "∂", "laplace": "Δ", "int": "∫", "iint": "∬", "iiint": "∭", "sum": "Σ", "prod": "Π", "log": "log ",
        "d": "d", "measure": " d", "dot": "·", "normal": "N", "unit": "I", "zero": "0", "kl": "KL", "parallel": " ‖ ",
        "minus": "−", "=": "=", ">=": "≥", ":=": ":=", "<=": "≤", "!=": "≠", "bar": "|", "semi": "; ",
        "in": "∈ ", "pi": "π", "comma": ", ", "exp": "exp", "sin": "sin", "cos": "cos", "e": "e",
    },
    space=" ",
)  # fmt: skip

_NAME = re.compile(
    r"^(?P<base>[^\W\d_])(?P<marks>[\u0300-\u036f]*)(?P<digits>\d*)(?:_(?P<sub>\{.*\}|[^_']+))?(?P<primes>'*)$"
)

#: Names that stand for a shorter one everywhere.
SHORT = {"π0": "π"}


class Field(NamedTuple):
    """How a field is displayed."""

    name: str
    subscript: bool  # times and steps as subscripts
    bar: bool  # a bar after the first point


class Printer:
    """Prints names and scalars in one style and notation."""

    def __init__(self, style: Style, notation: Notation) -> None:
        self.style, self.notation = style, notation
        self.abbreviations = abbreviations(notation)

    def sign(self, name: str) -> str:
        return self.style.signs[name]

    # ------------------------------------------------------------------------------------------------ pieces
    def bracket(self, e: Shown, least: int = ATOM, closed: bool = False) -> str:
        """The text, in brackets unless it binds at least so tightly (and, where asked, is closed to the right)."""
        if e.level >= least and not (closed and e.open):
            return e.text
        return (self.style.tall_bracket if e.tall else self.style.bracket) % e.text

    def fraction(self, above: Shown, below: Shown) -> Shown:
        """above/below."""
        if self.style.tex:
            return Shown(self.style.frac % (above.text, below.text), FRACTION, tall=True)
        return Shown(
            self.style.frac
            % (self.bracket(above, ATOM if above.tall else PRODUCT, True), self.bracket(below, POWER, True)),
            QUOTIENT,
        )

    def power(self, base: Shown, n: sp.Rational | int) -> Shown:
        """base^n, for n > 0."""
        n = sp.Rational(n)
        if n == 1:
            return base
        if n == sp.Rational(1, 2):
            inside = base.text if self.style.tex else self.bracket(base, ATOM)
            return Shown(self.style.sqrt % inside, POWER, tall=base.tall)
        if self.style.tex:
            return Shown(f"{self.bracket(base)}^{{{n}}}", POWER, tall=base.tall)
        return Shown(self.bracket(base) + (str(n).translate(SUPERSCRIPT) if n.q == 1 else f"^({n})"), POWER)

    def sub(self, *parts: str) -> str:
        """A subscript of several parts, or nothing."""
        inside = ",".join(part for part in parts if part)
        if not inside:
            return ""
        return f"_{{{inside}}}" if self.style.tex or len(inside) > 1 else f"_{inside}"

    def product(self, factors: Iterable[Shown]) -> Shown:
        """Factors side by side; all but the last are closed."""
        all_ = list(factors)
        if len(all_) == 1:
            return all_[0]
        parts = [self.bracket(f, PRODUCT if f is all_[-1] else PREFIX, f is not all_[-1]) for f in all_]
        text = parts[0]
        for left, right in pairwise(parts):
            text += (self.style.space if left.endswith((")", "]", "Vert^2")) else " ") + right
        return Shown(text, PRODUCT, all_[-1].open, any(f.tall for f in all_))

    def sum(self, signed: Iterable[tuple[bool, Shown]]) -> Shown:
        """± a ± b …; True is minus."""
        text, tall, count = "", False, 0
        for negative, e in signed:
            body = self.bracket(e, QUOTIENT)
            if count:
                text += f" {self.sign('minus')} {body}" if negative else f" + {body}"
            else:
                text = f"{self.sign('minus')}{body}" if negative else e.text
            tall, count = tall or e.tall, count + 1
            first = (negative, e)
        if count == 1 and not first[0]:
            return first[1]
        return Shown(text, SUM, tall=tall)

    # ------------------------------------------------------------------------------------------------ names
    def chars(self, text: str) -> str:
        """Text of a subscript: Greek letters, minus signs."""
        if not self.style.tex:
            return text.replace("-", self.sign("minus"))
        out = "".join(GREEK.get(c, c) + (" " if c in GREEK else "") for c in text)
        return out.strip()

    def operated(self, name: str) -> str:
        """Names such as ∇·v and ∇p."""
        operator = self.sign("nabla").rstrip() + (self.sign("dot") if name[1] == "·" else " " * self.style.tex)
        return self.style.bracket % (operator + self.name(name.lstrip("∇·"), name[1] == "·").text)

    def name(self, name: str, bold: bool = False, subs: Iterable[str] = (), primes: int = 0) -> Shown:
        """A name: accents, trailing digits and what follows _ as subscripts, primes."""
        if name.startswith("∇"):
            return Shown(self.operated(name) + self.sub(*subs))
        name = unicodedata.normalize("NFD", SHORT.get(name, name))
        if self.style.tex:
            name = name.translate(LOWERED)
        found = _NAME.match(name)
        if found is None:
            inside = self.style.roman % self.chars(name.replace("_", " "))
            return Shown(inside + self.sub(*subs))
        base = found["base"]
        text = GREEK.get(base, base) if self.style.tex else base
        if bold:
            text = (self.style.bold_greek if base in GREEK else self.style.bold) % text
        for mark in found["marks"]:
            text = self.style.accents[mark] % text
        if not self.style.tex:
            text = unicodedata.normalize("NFC", text)
        sub = (found["sub"] or "").removeprefix("{").removesuffix("}")
        ticks = "'" * (primes + len(found["primes"]))
        return Shown(text + ticks + self.sub(found["digits"], self.chars(sub), *subs), POWER if ticks else ATOM)

    def display(self, name: str) -> str:
        """The name that is displayed for a point, a constant, a path or a law."""
        return self.notation.get(name, name)

    def field(self, name: str) -> Field:
        """How a field is displayed."""
        spec = self.notation.get(name, "")
        bar = spec.endswith("|")
        spec = spec.removesuffix("|")
        subscript = spec.endswith("_t")
        return Field(spec.removesuffix("_t") or name, subscript, bar)

    # ------------------------------------------------------------------------------------------------ scalars
    def scalar(self, c: sp.Expr) -> Shown:
        """A scalar of the whitelist."""
        return self._scalar(self.abbreviated(c))

    def abbreviated(self, c: sp.Expr) -> sp.Expr:
        """A scalar with what the notation abbreviates replaced by its name."""
        for symbol, what in self.abbreviations:
            c = _abbreviate(c, symbol, what)
        return c

    def _scalar(self, c: sp.Expr) -> Shown:
        if isinstance(c, sp.Add):
            return self._scalar_sum(c)
        if isinstance(c, (sp.Mul, sp.Pow)) or (c.is_Rational and not c.is_Integer):
            return self.scaled(*split([c]), [])
        if isinstance(c, sp.Integer):
            return Shown(str(abs(c))) if c >= 0 else Shown(f"{self.sign('minus')}{abs(c)}", SUM)
        if isinstance(c, AppliedUndef):
            return self._function(c)
        if isinstance(c, sp.Symbol):
            return self.name(self.display(c.name) if isinstance(c, Const) else c.name)
        if c is sp.pi:
            return Shown(self.sign("pi"))
        if c is sp.E or isinstance(c, sp.exp):
            return Shown(self.sign("e")) if c is sp.E else self._call("exp", c.args[0])
        return self._call(type(c).__name__, c.args[0])

    def _call(self, name: str, of: sp.Expr) -> Shown:
        inside = self._scalar(of)
        brackets = self.style.tall_bracket if inside.tall else self.style.bracket
        return Shown(self.sign(name).strip() + brackets % inside.text, PREFIX, tall=inside.tall)

    def _order(self, powers: dict[sp.Expr, sp.Rational]) -> list[tuple[sp.Expr, sp.Rational]]:
        """Numbers, names in the order of the alphabet, sums; roots after the rest."""

        def key(p: tuple[sp.Expr, sp.Rational]) -> tuple[Any, ...]:
            name = self.display(p[0].name) if isinstance(p[0], sp.Symbol) else str(p[0])
            return p[0].is_Add, p[1].q != 1, not p[0].is_number, unicodedata.normalize("NFD", name)

        return sorted(powers.items(), key=key)

    def _function(self, c: AppliedUndef) -> Shown:
        """α(t) as α_t for Greek letters, g(t) for others."""
        name = c.func.__name__.rstrip("'")
        primes, at = len(c.func.__name__) - len(name), self._scalar(c.args[0])
        if unicodedata.normalize("NFD", name)[0] in GREEK:
            return self.name(self.display(name), subs=[at.text.replace(" ", "")], primes=primes)
        shown = self.name(self.display(name), primes=primes)
        return Shown(f"{shown.text}({at.text})")

    def _scalar_sum(self, c: sp.Add) -> Shown:
        """Positive terms first; a factor common to all, ½ (a - b), before the brackets."""
        if _common(c) != 1:
            return self.scaled(*split([c]), [])
        parts = c.as_ordered_terms()
        negative = [part.as_coeff_Mul()[0] < 0 for part in parts]
        order = [i for i, n in enumerate(negative) if not n] + [i for i, n in enumerate(negative) if n]
        return self.sum((negative[i], self._scalar(-parts[i] if negative[i] else parts[i])) for i in order)

    def scaled(
        self, number: sp.Rational, powers: dict[sp.Expr, sp.Rational], rest: list[Shown], below: Iterable[Shown] = ()
    ) -> Shown:
        """number · Π base^exponent · rest / below: a fraction where something is below the line.

        Of the rest nothing is above the line unless something of it is below, or the line would have 1 above it.
        """
        for symbol, what in self.abbreviations:
            powers = _abbreviated(powers, symbol, what)
        below = list(below)
        above_, below_ = (
            [self.power(self._scalar(b), abs(e)) for b, e in self._order(powers) if (e > 0) == up]
            for up in (True, False)
        )
        negative, number = bool(number < 0), abs(number)
        rest = sorted(rest, key=lambda f: f.rank)
        line = bool(below_ or below)
        if line:
            if below:
                above_, rest = above_ + rest, []
            else:
                above_ += [f for f in rest if f.rank == 0 and f.level > SUM]
                rest = [f for f in rest if f.rank != 0 or f.level == SUM]
            if not above_ and number.p == 1 and rest and rest[0].rank < 4:
                one = next((f for f in rest if f.level == SUM), rest[0])
                above_, rest = [one], [f for f in rest if f is not one]
            if number.p != 1:
                above_ = [Shown(str(number.p)), *above_]
            if number.q != 1:
                below_ = [Shown(str(number.q)), *below_]
            shown = self.fraction(self._row(above_), self._row(below_ + below))
            out = self._row([shown, *rest])
        else:
            factors = above_ + rest
            if number != 1 or not factors:
                factors = [self._number(number), *factors]
            out = self._row(factors)
        return Shown(f"{self.sign('minus')}{self.bracket(out, QUOTIENT)}", SUM, out.open, out.tall) if negative else out

    def _row(self, factors: list[Shown]) -> Shown:
        return self.product(factors) if factors else Shown("1")

    def _number(self, r: sp.Rational) -> Shown:
        if r.q == 1:
            return Shown(str(r.p))
        if not self.style.tex and (r.p, r.q) in VULGAR:
            return Shown(VULGAR[r.p, r.q])
        return Shown(self.style.small % (r.p, r.q), ATOM if self.style.tex else PRODUCT)


# ------------------------------------------------------------------------------------------------ products of powers
def split(factors: Iterable[sp.Expr]) -> tuple[sp.Rational, dict[sp.Expr, sp.Rational]]:
    """A product of scalars as a rational number and powers of what is no product; nothing is multiplied out."""
    number, powers = sp.Integer(1), dict[sp.Expr, sp.Rational]()

    def take(c: sp.Expr, e: sp.Rational) -> None:
        nonlocal number
        if isinstance(c, sp.Mul):
            for a in c.args:
                take(a, e)
        elif isinstance(c, sp.Pow) and c.exp.is_Rational:
            take(c.base, e * c.exp)
        elif c.is_Rational and e.is_Integer:
            number *= c**e
        elif e.is_Integer and (common := _common(c)) != 1:
            number *= common**e
            take(sp.Add(*(part / common for part in c.args)), e)
        else:
            powers[c] = powers.get(c, sp.Integer(0)) + e

    for c in factors:
        take(c, sp.Integer(1))
    return number, {b: e for b, e in powers.items() if e != 0}


def _common(c: sp.Expr) -> sp.Rational:
    """The size of the rational factors of the terms of a sum, if it is the same in all."""
    if not isinstance(c, sp.Add):
        return sp.Integer(1)
    sizes = {abs(part.as_coeff_Mul()[0]) for part in c.args}
    return sizes.pop() if len(sizes) == 1 else sp.Integer(1)


def _abbreviated(powers: dict[sp.Expr, sp.Rational], symbol: sp.Expr, what: sp.Expr) -> dict[sp.Expr, sp.Rational]:
    """Powers with the abbreviation put for what it abbreviates: Π b^(n e) as symbol^e."""
    _, powers = split(_abbreviate(b, symbol, what) ** e for b, e in powers.items())
    number, pattern = split([what])
    if number != 1:
        return powers
    shares = {powers.get(b, sp.Integer(0)) / n for b, n in pattern.items()}
    if len(shares) == 1 and (e := shares.pop()) != 0:
        kept = {b: n for b, n in powers.items() if b not in pattern}
        return split([symbol**e])[1] | kept
    return powers


@lru_cache(maxsize=1 << 12)
def _abbreviate(c: sp.Expr, symbol: sp.Expr, what: sp.Expr) -> sp.Expr:
    if c == what:
        return symbol
    if not c.args:
        return c
    if isinstance(c, (sp.Mul, sp.Pow)):
        number, powers = split([c])
        put = _abbreviated(powers, symbol, what)
        if put != powers:
            return sp.Mul(number, *(b**e for b, e in put.items()))
        return c
    return c.func(*(_abbreviate(a, symbol, what) for a in c.args))


def abbreviations(notation: Notation) -> list[tuple[sp.Expr, sp.Expr]]:
    """Pairs of a name (its square, a function of time) and the scalar that it stands for, which may use those before."""
    out: list[tuple[sp.Expr, sp.Expr]] = []
    names: dict[str, Any] = {**declared._constants, "t": terms.time("t")}
    names |= {
        name: sp.Function(name, **assumed) for name, assumed in declared._functions.items() if name.isidentifier()
    }
    for key, value in notation.items():
        if key[0] != "=":
            continue
        name = key[1:].removesuffix("²").removesuffix("(t)")
        symbol = sp.Function(name)(names["t"]) if key.endswith("(t)") else sp.Symbol(name, positive=True)
        what: sp.Expr = sp.sympify(value, locals=names)
        for before, stands_for in out:
            what = _abbreviate(what, before, stands_for)
        out.append((symbol**2 if key.endswith("²") else symbol, what))
    return out
