"""Expressions in print: vector notation recovered from coordinates.

    Σ_i a_i b_i       a · b,  ‖a‖² where b is a
    Σ_i ∂_i v_i       ∇·v,    Δe where v is ∇e
    Σ_ij H_ij a_i b_j a·(∇²φ) b  for H the second derivatives of φ
    ∂_i e             ∇e,  where i is the coordinate of a vector equation
    -‖a - m‖²/(2v) - (D/2) log 2πv     log N(a; m, v I)
    ∫ a (log a - log b) dy             KL(a ‖ b)

The text says what the expression says: factors are sorted, and a factor without i is drawn before Σ_i, but nothing is
multiplied out or cancelled, except numbers and powers of scalars within one product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef

from concordant.theory.kernel.notation import (
    ATOM,
    FRACTION,
    PLAIN,
    POWER,
    PREFIX,
    PRODUCT,
    TEX,
    Notation,
    Printer,
    Shown,
    Style,
    split,
)
from concordant.theory.kernel.terms import (
    COORDINATE,
    DELTA,
    DIM,
    DT,
    HOLE,
    Add,
    Along,
    Arg,
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
    Time,
    free,
    substitute,
)


class NotAVector(Exception):
    """No vector notation for this: it is printed in coordinates."""


class Product(NamedTuple):
    """A product taken apart: number · Π scalar powers · above / below."""

    number: sp.Rational
    scalars: dict[sp.Expr, sp.Rational]
    above: list[Expr]
    below: list[Expr]


def take_apart(e: Expr) -> Product:
    """The factors of e; what does not depend on the index of a contraction is drawn before it."""
    scalars: list[sp.Expr] = []
    above: list[Expr] = []
    below: list[Expr] = []

    def take(a: Expr, n: int) -> None:
        match a:
            case Num(c):
                scalars.append(c**n)
            case Mul(factors):
                for b in factors:
                    take(b, n)
            case Power(base, m):
                take(base, n * m)
            case Bind("con", Index() as i, body) if n == 1 and not isinstance(body, Add):
                inner = take_apart(body)
                out = [b for b in inner.above if i not in free(b)]
                core = [b for b in inner.above if i in free(b)]
                if any(i in free(b) for b in inner.below) or not core:
                    above.append(a)
                    return
                scalars.extend([inner.number, *(b**e for b, e in inner.scalars.items())])
                above.extend(out)
                below.extend(inner.below)
                above.append(Bind("con", i, core[0] if len(core) == 1 else Mul(tuple(core))))
            case Bind(kind, var, Mul() as body, low, high, law) if n == 1 and kind not in ("con", "prod"):
                if take_apart(body).number < 0:  # a minus sign is drawn before an integral
                    scalars.append(sp.Integer(-1))
                    a = Bind(kind, var, negated(body) or Mul((Num(sp.Integer(-1)), *body.factors)), low, high, law)
                above.append(a)
            case _:
                (above if n > 0 else below).extend([a] * abs(n))

    take(e, 1)
    number, powers = split(scalars)
    return Product(number, powers, above, below)


def negated(e: Expr) -> Expr | None:
    """a, where e is written as -a with a whole minus sign."""
    match e:
        case Mul((Num(c), *rest)) if c == -1:
            return rest[0] if len(rest) == 1 else Mul(tuple(rest))
        case Num(c):
            return Num(-c)
    return None


class Formula(Printer):
    """Prints expressions."""

    def __init__(self, style: Style, notation: Notation, kl: bool = True) -> None:
        super().__init__(style, notation)
        self.kl = kl
        self.clock = "t"  # the name of the time of which dt is the differential

    # ------------------------------------------------------------------------------------------------ the recursion
    def show(self, e: Expr, hide: Index | None = None) -> Shown:
        """e; with `hide`, the vector whose coordinate `hide` e is."""
        match e:
            case Num(c):
                if hide is not None:
                    if c == 0:
                        return Shown(self.sign("zero"))
                    raise NotAVector
                return self.scalar(c)
            case Field():
                return self.of_field(e, hide)
            case Add(terms):
                kept = [a for a in terms if take_apart(a).number != 0]
                return self.normal(e) or self.sum(self.term(a, hide) for a in kept or terms[:1])
            case Log(of):
                shown = self.show(of)
                return Shown(self.sign("log") + self.bracket(shown, FRACTION), PREFIX, True, shown.tall)
            case D():
                return self.derivative(e, hide)
            case Bind("con", Index() as i, Add(terms)):
                return self.show(Add(tuple(Bind("con", i, a) for a in terms)), hide)
            case Mul() | Power() | Bind():
                negative, shown = self.term(e, hide)
                return self.sum([(True, shown)]) if negative else shown
        raise TypeError(e)

    def term(self, e: Expr, hide: Index | None) -> tuple[bool, Shown]:
        """A term of a sum: whether it is subtracted, and the rest."""
        if not isinstance(e, (Num, Mul, Power, Bind)):
            return False, self.show(e, hide)
        if isinstance(e, Num) and hide is not None:
            return False, self.show(e, hide)
        p = take_apart(e)
        if p.number == 0:
            return False, Shown(self.sign("zero") if hide is not None else "0")
        if len(p.above) == 1 and p.above[0] == e:  # it comes apart no further
            return False, self.factor(e, hide)
        if hide is not None and (sum(hide in free(a) for a in p.above) != 1 or any(hide in free(a) for a in p.below)):
            raise NotAVector
        above = [_ranked(a, self.power(self.factor(a, hide), n)) for a, n in _counted(p.above)]
        below = [self.power(self.factor(a, None), n) for a, n in _counted(p.below)]
        if isinstance(e, Num) and isinstance(e.value, sp.Add):
            return False, self.scalar(e.value)
        return bool(p.number < 0), self.scaled(abs(p.number), p.scalars, above, below)

    def factor(self, e: Expr, hide: Index | None) -> Shown:
        """A factor of a product."""
        hidden = hide if hide is not None and hide in free(e) else None
        if isinstance(e, Bind):
            return self.contraction(e, hidden) if e.kind == "con" else self.binder(e, hidden)
        return self.show(e, hidden)

    # ------------------------------------------------------------------------------------------------ fields
    def of_field(self, e: Field, hide: Index | None) -> Shown:
        """A field at its arguments, as a vector if its index is hidden."""
        comps = [i for i in e.comps if i != hide]
        if hide is not None and hide not in e.comps:
            raise NotAVector
        bold, indices = hide is not None, [self.index(i) for i in comps]
        if e.name == COORDINATE:
            return self.arg(e.args[0], bold, indices)
        if e.name == DELTA:
            return self.name("e" if bold else "δ", bold, ["".join(indices)])
        if e.name == DT:
            return Shown(self.sign("d") + self.clock)
        if e.name == HOLE.name:
            return Shown(r"\square" if self.style.tex else "□")
        if (
            e.name.startswith("d") and len(e.name) > 1 and e.comps
        ):  # a differential: its arguments are in the text around
            of = self.display(e.name).removeprefix("d")
            return Shown(self.sign("d") + self.name(of, bold, indices).text)
        said = self.field(e.name)
        if len(e.args) == 1 and isinstance(e.args[0], sp.Basic) and not said.subscript:
            shown = self.name(said.name, bold, indices)
            return Shown(f"{shown.text}({self.scalar(e.args[0]).text})")
        plain_args = [a for a in e.args if not (said.subscript and isinstance(a, sp.Basic))]
        subs = [self.scalar(a).text.replace(" ", "") for a in e.args if said.subscript and isinstance(a, sp.Basic)]
        shown = self.name(said.name, bold, subs + indices)
        if not plain_args:
            return shown
        args = [self.arg(a).text for a in plain_args]
        inside = args[0] + self.sign("bar") + ", ".join(args[1:]) if said.bar and len(args) > 1 else ", ".join(args)
        return Shown(f"{shown.text}({inside})")

    def arg(self, a: Arg, bold: bool = True, indices: Sequence[str] = ()) -> Shown:
        """A point, a point of a path or a curve, a time."""
        match a:
            case Point(name):
                return self.name(self.display(name), bold, indices)
            case At(path, k):
                shown = self.notation.get(path.name, "x")
                return self.name(shown, bold, [self.scalar(k).text.replace(" ", ""), *indices])
            case Along(curve, t):
                shown_ = self.name(self.display(curve), bold, indices)
                return Shown(f"{shown_.text}({self.scalar(t).text})")
        return self.scalar(a)

    def index(self, i: Index) -> str:
        return i.name

    # ------------------------------------------------------------------------------------------------ derivatives
    def derivative(self, e: D, hide: Index | None) -> Shown:
        """∂_i, ∇, ∂_t or d/dt; a prime for a function of time alone."""
        if e.index is None:
            return self.rate(e, hide)
        by = self.by(e.by, e.body)
        if hide == e.index:
            if hide in free(e.body):
                raise NotAVector
            return self.prefix(self.sign("nabla").rstrip() + self.sub(by), self.show(e.body))
        if by:
            by = self.name(self.display(e.by.name), False, [self.index(e.index)]).text
        index = by or self.index(e.index)
        return self.prefix(self.sign("del") + self.sub(index), self.show(e.body, hide))

    def prefix(self, operator: str, of: Shown) -> Shown:
        """An operator before what it applies to."""
        inside = self.bracket(of, PREFIX)
        gap = not inside.startswith(("(", "\\left(", "∇", "∂", "\\nabla", "\\partial")) and (
            self.style.tex or "_" in operator
        )
        return Shown(operator + " " * gap + inside, PREFIX, True, of.tall)

    def by(self, x: Point | Time, body: Expr) -> str:
        """The point by which a derivative is taken, unless no other is in sight."""
        points = {v for v in free(body) if isinstance(v, Point)}
        return "" if points == {x} else self.name(self.display(x.name), True).text

    def rate(self, e: D, hide: Index | None) -> Shown:
        """A derivative by a time."""
        t, body = e.by, e.body
        if isinstance(body, Num):
            c = self.abbreviated(body.value)
            if isinstance(c, AppliedUndef) and c.args == (t,):
                return self.scalar(sp.Function(c.func.__name__ + "'")(t))
        match body:
            case Field(name, (at,), comps) if at == t and name != COORDINATE and not self.field(name).subscript:
                shown = self.name(self.field(name).name, hide in comps, [i.name for i in comps if i != hide], 1)
                return Shown(f"{shown.text}({self.scalar(t).text})")
        time = self.scalar(t).text
        of = self.show(body, hide)
        if any(isinstance(v, Point) for v in free(body)):
            return self.prefix(self.sign("del") + self.sub(time), of)
        d = self.sign("d")
        inside = self.bracket(of, PREFIX)
        if self.style.tex:
            return Shown(rf"\frac{{{d}}}{{{d}{time}}} {inside}", PREFIX, True, True)
        return Shown(f"d/d{time} {inside}", PREFIX, True, True)

    # ------------------------------------------------------------------------------------------------ contractions
    def contraction(self, e: Bind, hide: Index | None) -> Shown:
        """Σ_i in vector notation, or as it is."""
        i = e.var
        assert isinstance(i, Index)
        try:
            return self.vectors(e.body, i, hide)
        except NotAVector:
            if hide is not None:
                raise
            shown = self.show(e.body, hide)
            limits = f"_{{{i.name}=1}}^{{{self.scalar(DIM).text}}}"
            return Shown(f"{self.sign('sum')}{limits} {self.bracket(shown, PRODUCT)}", PRODUCT, True, True)

    def vectors(self, body: Expr, i: Index, hide: Index | None) -> Shown:
        """Σ_i body, for a product of factors that all mention i."""
        match body:
            case D(D(inner, y, j), x, k) if x == y and j == k == i and i not in free(inner):
                by = self.by(x, inner)
                return self.prefix(self.sign("laplace").rstrip() + self.sub(by), self.show(inner, hide))
            case D(inner, x, j) if j == i and i in free(inner) and hide is None:
                of, by = self.show(inner, i), self.sub(self.by(x, inner))
                operator = self.sign("nabla").rstrip() + by + self.sign("dot")
                return Shown(operator + self.bracket(of, PREFIX), PREFIX, True, of.tall)
        p = take_apart(body)
        if p.below or p.number != 1 or p.scalars or len(p.above) != 2:
            raise NotAVector
        a, b = p.above
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Field) and one.name == DELTA:
                j = next((c for c in one.comps if c != i), None)
                if j is not None and j not in free(other):
                    return self.show(substitute(other, {i: j}), hide)
        if hide is not None:
            return self.hessian_times(a, b, i, hide)
        if a == b:
            of = self.show(a, i)
            return Shown(
                f"{(self.style.tall_norm if of.tall else self.style.norm) % of.text}{self.squared}", POWER, tall=of.tall
            )
        left, right = self.show(a, i), self.show(b, i)
        text = self.bracket(left, PREFIX, left.level != PREFIX) + self.sign("dot") + self.bracket(right, PREFIX)
        return Shown(text, PRODUCT, True, left.tall or right.tall)

    @property
    def squared(self) -> str:
        return "^2" if self.style.tex else "²"

    def hessian_times(self, a: Expr, b: Expr, i: Index, hide: Index) -> Shown:
        """Σ_i H_hi b_i as (∇²φ) b."""
        for matrix, v in ((a, b), (b, a)):
            match matrix:
                case D(D(phi, x, j), y, k) if x == y and {j, k} == {i, hide} and not {i, hide} & free(phi):
                    by = self.sub(self.by(x, phi))
                    hess = self.prefix(self.sign("nabla").rstrip() + by + self.squared, self.show(phi))
                    return Shown(f"({hess.text}) {self.bracket(self.show(v, i), PREFIX)}", PREFIX, True)
        raise NotAVector

    # ------------------------------------------------------------------------------------------------ binders
    def binder(self, e: Bind, hide: Index | None) -> Shown:
        """Integrals, sums, products, means."""
        if e.kind == "int":
            return self.divergence(e, hide) or self.integral(e, hide)
        if e.kind == "path":
            inside = self.show(e.body, hide)
            law = self.name(self.display(e.law)).text
            return Shown(self.style.mean % (law, inside.text), ATOM, tall=True)
        assert e.low is not None
        assert e.high is not None
        low, high = (self.scalar(b).text.replace(" ", "") for b in (e.low, e.high))
        body = self.show(e.body, hide)
        if e.kind == "time":
            limits = f"_{self.braced(low)}^{self.braced(high)}"
            measure = self.sign("measure") + self.scalar(e.var).text
            return Shown(f"{self.sign('int')}{limits} {self.bracket(body, PRODUCT)}{measure}", PREFIX, tall=True)
        limits = f"_{{{self.scalar(e.var).text}={low}}}^{self.braced(high)}"
        return Shown(f"{self.sign(e.kind)}{limits} {self.bracket(body, PRODUCT)}", PRODUCT, True, True)

    def braced(self, text: str) -> str:
        return text if len(text) == 1 else f"{{{text}}}"

    def integral(self, e: Bind, hide: Index | None) -> Shown:
        """∫ … dx, ∬ … dx dy."""
        points, body = [e.var], e.body
        while isinstance(body, Bind) and body.kind == "int" and len(points) < 3:
            if self.kl and self.divergence(body, hide) is not None:
                break
            points.append(body.var)
            body = body.body
        measure = "".join(self.sign("measure") + self.arg(x).text for x in points if isinstance(x, Point))
        shown = self.show(body, hide)
        text = f"{self.sign('i' * (len(points) - 1) + 'int')} {self.bracket(shown, PRODUCT)}{measure}"
        return Shown(text, PREFIX, tall=True)

    def divergence(self, e: Bind, hide: Index | None) -> Shown | None:
        """KL(a ‖ b) times what does not depend on the variable."""
        if not self.kl or hide is not None or not isinstance(e.body, Mul):
            return None
        p = take_apart(e.body)
        logs = [a for a in p.above if isinstance(a, Add)]
        if p.below or len(logs) != 1 or len(logs[0].terms) != 2:
            return None
        match logs[0].terms[0], negated(logs[0].terms[1]):
            case Log(Field() as a), Log(Field() as b) if a in p.above and _of(a, e.var) and _of(b, e.var):
                rest = list(p.above)
                rest.remove(a)
                rest.remove(logs[0])
                if any(e.var in free(r) for r in rest) or e.var not in free(a) & free(b):
                    return None
                inside = self.show(a).text + self.sign("parallel") + self.show(b).text
                kl = Shown(self.sign("kl") + self.style.bracket % inside)
                if p.number < 0:
                    return None
                return self.scaled(p.number, p.scalars, [*map(self.show, rest), kl])
        return None

    # ------------------------------------------------------------------------------------------------ Gaussians
    def normal(self, e: Add) -> Shown | None:
        """log N(a; m, v I), where e is exactly that."""
        match e.terms:
            case (first, Mul((Num(minus), Num(half), Log(Mul((Num(two_pi), Num(v))))))):
                if (minus, half, two_pi) != (-1, DIM / 2, 2 * sp.pi):
                    return None
            case (first, Mul((Num(c), Log(Mul((Num(two_pi), Num(v))))))):
                if (c, two_pi) != (-DIM / 2, 2 * sp.pi):
                    return None
            case _:
                return None
        match first:
            case Mul((Num(c), Bind("con", Index() as i, Mul(both)))) if c == -1 / (2 * v):
                pass
            case _:
                return None
        if len(both) % 2 or both[: len(both) // 2] != both[len(both) // 2 :]:
            return None
        apart = both[0] if len(both) == 2 else Mul(both[: len(both) // 2])
        match apart:
            case Add((at, *rest)) if isinstance(at, Field):
                mean = [negated(r) or Mul((Num(sp.Integer(-1)), r)) for r in rest]
            case _:
                return None
        try:
            middle = self.show(mean[0] if len(mean) == 1 else Add(tuple(mean)), i)
            point = self.show(at, i)
        except NotAVector:
            return None
        variance = self.show(Num(v))
        unit = self.sign("unit")
        scale = unit if v == 1 else self.product([variance, Shown(unit)]).text
        inside = point.text + self.sign("semi") + middle.text + ", " + scale
        tall = middle.tall or variance.tall
        text = (
            self.sign("log") + self.sign("normal") + (self.style.tall_bracket if tall else self.style.bracket) % inside
        )
        return Shown(text, PREFIX, True, tall)


def _ranked(e: Expr, shown: Shown) -> Shown:
    """A factor with its rank among factors: functions of time, fields, sums and norms, integrals, what is open, dt."""
    if isinstance(e, Field) and e.name == DT:
        rank = 5
    elif shown.open:
        rank = 4
    elif isinstance(e, Bind):
        rank = 2 if e.kind == "con" else 3
    elif isinstance(e, Field):
        rank = 1
    else:
        rank = 2 if any(isinstance(v, (Point, Index, Path)) for v in free(e)) else 0
    return shown._replace(rank=rank)


def _of(e: Field, x: object) -> bool:
    """Whether x is the first point of e, and no other."""
    points = [a for a in e.args if not isinstance(a, sp.Basic)]
    return points.count(x) == 1 and points[0] == x


def _counted(factors: Iterable[Expr]) -> list[tuple[Expr, int]]:
    """Equal factors together."""
    out: dict[Expr, int] = {}
    for a in factors:
        out[a] = out.get(a, 0) + 1
    return list(out.items())


STYLES = {"tex": TEX, "plain": PLAIN}


def tex(e: Expr, notation: Notation | None = None, hide: Index | None = None) -> str:
    """e in LaTeX, as KaTeX reads it.

    >>> from concordant.theory.kernel.terms import Point, grad, integral, log, norm2, scalar
    >>> x, p = Point("x"), scalar("p")
    >>> tex(integral(p(x) * norm2(grad(log(p(x)), x)), x))
    '\\\\int p(\\\\mathbf{x})\\\\,\\\\lVert \\\\nabla \\\\log p(\\\\mathbf{x})\\\\rVert^2\\\\,\\\\mathrm{d}\\\\mathbf{x}'
    """
    return Formula(TEX, notation or {}).show(e, hide).text


def plain(e: Expr, notation: Notation | None = None, hide: Index | None = None) -> str:
    """e in unicode, for terminals.

    >>> from concordant.theory.kernel.terms import Point, grad, integral, log, norm2, scalar
    >>> x, p = Point("x"), scalar("p")
    >>> plain(integral(p(x) * norm2(grad(log(p(x)), x)), x))
    '∫ p(x) ‖∇log p(x)‖² dx'
    """
    return Formula(PLAIN, notation or {}).show(e, hide).text
