"""Derivations of determinants: a planar layer's, and a residual layer's as a series of traces.

A determinant is known to the kernel by Jacobi's formula only, d log|det J(s)|/ds = tr(J⁻¹ dJ/ds), which is a hypothesis; ℓ stands for log|det J|.
"""

from __future__ import annotations

from typing import Any

from concordant.theory.calculus import i, j
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Theorem,
    algebra,
    definition,
    derive,
    empty_sum,
    fundamental_theorem,
    given,
    induction,
    last_term,
    using,
)
from concordant.theory.kernel.terms import (
    Bind,
    Expr,
    Field,
    Index,
    contract,
    d_dt,
    delta,
    dot,
    lift,
    log,
    over_time,
    scalar,
    step,
    time,
    total,
    vector,
)

t = time("s")  # from the identity at s = 0 to the layer at s = 1


def entry(name: str, row: Index, column: Index) -> Expr:
    """An entry of a matrix that depends on s."""
    return Field(name, (t,), (row, column))


@derivation("planar-determinant", notation={"e": "ℓ"})
def planar_determinant() -> tuple[Theorem, Theorem, Theorem]:
    """Write down the inverse of J = I + s u wᵀ; the trace of inverse times derivative is the slope of log(1 + s w·u), so that
    Jacobi's formula, integrated over s from 0 to 1, gives the determinant."""
    u, w, size, det = vector("u")(), vector("w")(), scalar("m")(t), scalar("e")(t)
    named = definition("m", (t,), 1 + lift(t) * dot(u, w))
    by_size = 1 / size

    def jac(row: Index, column: Index) -> Expr:
        return delta(row, column) + lift(t) * u.at(row) * w.at(column)

    def inverse(row: Index, column: Index) -> Expr:
        return delta(row, column) - lift(t) * u.at(row) * w.at(column) * by_size

    sized = derive(size).to(1 + lift(t) * dot(u, w), by=named).qed()
    outer = lift(t) * u.at(i) * w.at(j) * by_size
    unit = (
        derive(contract(lambda m: jac(i, m) * inverse(m, j)))
        .to(delta(i, j) + outer * (size - (1 + lift(t) * dot(u, w))), by=algebra)
        .to(delta(i, j), by=using(sized.inside(lambda e: -outer * (size - e)), text="the definition of m"))
    ).qed()
    trace = contract(lambda m: contract(lambda n: inverse(m, n) * d_dt(jac(n, m), t)))
    slope = (
        derive(d_dt(log(size), t))
        .to(dot(u, w) * by_size, by=named)
        .to(
            dot(u, w) - lift(t) * dot(u, w) ** 2 * by_size,
            by=using(sized.inside(lambda e: -dot(u, w) * by_size * e), text="the definition of m"),
        )
        .to(trace, by=algebra)
    ).qed()
    jacobi = given("Jacobi's formula", d_dt(det, t), trace)
    no_change = (derive(d_dt(det - log(size), t)).to(0, by=using(jacobi, slope.inside(lambda e: -e)))).qed()
    start = given("the identity has determinant 1", scalar("e")(0), lift(0))
    at_one = derive(scalar("m")(0)).to(1, by=named).qed()
    no_log = derive(log(scalar("m")(0))).to(log(1), by=at_one.inside(log)).to(0, by=algebra).qed()
    whole = (
        derive(scalar("e")(1))
        .to(
            log(scalar("m")(1)) + (scalar("e")(0) - log(scalar("m")(0))) + over_time(d_dt(det - log(size), t), t, 0, 1),
            by=using(
                fundamental_theorem(det - log(size), t, 0, 1).inside(lambda e: -e),
                text="the fundamental theorem of calculus",
            ),
        )
        .to(
            log(scalar("m")(1)) + (scalar("e")(0) - log(scalar("m")(0))),
            by=using(no_change.inside(lambda e: over_time(e, t, 0, 1)), text="the two slopes are equal"),
        )
        .to(log(scalar("m")(1)), by=using(start, no_log.inside(lambda e: -e), text="both logarithms begin at 0"))
    ).qed()
    return unit, slope, whole


class Series:
    """The powers M(k) = A^k, the coefficients c(k) = (-s)^k, and R = (I + sA)⁻¹A, each by its equation."""

    n, k = step("n"), step("k")

    def a(self, row: Index, column: Index) -> Expr:
        return Field("A", (), (row, column))

    def power(self, at: Any, row: Index, column: Index) -> Expr:
        return Field("M", (lift(at).value,), (row, column))  # type: ignore[attr-defined]

    def sign(self, at: Any) -> Expr:
        return scalar("c")(at, t)

    def trace(self, at: Any) -> Expr:
        return contract(lambda m: self.power(at, m, m))

    def twice(self, of: Expr) -> Expr:
        return Bind("con", i, Bind("con", j, of))

    def rest(self, at: Any) -> Expr:
        """tr(M R)."""
        return self.twice(self.power(at, i, j) * entry("R", j, i))

    @property
    def whole(self) -> Expr:
        """tr R."""
        return contract(lambda m: entry("R", m, m))

    @property
    def summand(self) -> Expr:
        return self.sign(self.k - 1) * self.trace(self.k)

    def right(self) -> Expr:
        return total(self.summand, self.k, 1, self.n) + self.sign(self.n) * self.rest(self.n)

    # ---------------------------------------------------------------- hypotheses
    def resolvent(self) -> Theorem:
        again = contract(lambda m: self.a(i, m) * entry("R", m, j))
        return given("R is the inverse of I + s A, times A", entry("R", i, j), self.a(i, j) - lift(t) * again)

    def raised(self) -> Theorem:
        more = contract(lambda m: self.power(self.n, i, m) * self.a(m, j))
        return given("one power more", self.power(self.n + 1, i, j), more)

    def no_power(self) -> Theorem:
        return given("the power 0 is the identity", self.power(0, i, j), delta(i, j))

    def onward(self) -> Theorem:
        return given("one power of -s more", self.sign(self.n + 1), -lift(t) * self.sign(self.n))

    def no_sign(self) -> Theorem:
        return given("the power 0 of -s is 1", self.sign(0), lift(1))

    # ---------------------------------------------------------------- the identity
    def base(self) -> Theorem:
        none = empty_sum(self.summand, self.k, 1)
        return (
            derive(self.whole)
            .to(self.twice(delta(i, j) * entry("R", j, i)), by=algebra)
            .to(
                self.rest(0),
                by=using(
                    self.no_power().inside(lambda e: -self.twice(e * entry("R", j, i))),
                    text="the power 0 is the identity",
                ),
            )
            .to(
                total(self.summand, self.k, 1, 0) + self.sign(0) * self.rest(0),
                by=using(
                    none.inside(lambda e: -e),
                    self.no_sign().inside(lambda e: -e * self.rest(0)),
                    text="a sum of nothing, and a coefficient of 1",
                ),
            )
        ).qed()

    def shift(self) -> Theorem:
        """tr(M(n) R) = tr M(n+1) - s tr(M(n+1) R)."""
        n = self.n
        again = contract(lambda m: self.a(j, m) * entry("R", m, i))
        return (
            derive(self.rest(n))
            .to(
                self.twice(self.power(n, i, j) * (self.a(j, i) - lift(t) * again)),
                by=using(self.resolvent().inside(lambda e: self.twice(self.power(n, j, i) * e)), text="R = A - s A R"),
            )
            .to(
                self.trace(n + 1) - lift(t) * self.rest(n + 1),
                by=using(
                    self.raised().inside(lambda e: -self.twice(e * delta(i, j))),
                    self.raised().inside(lambda e: lift(t) * self.twice(e * entry("R", j, i))),
                    text="M A is the next power",
                ),
            )
        ).qed()

    def identity(self) -> Theorem:
        n = self.n
        right = self.right()
        later = total(self.summand, self.k, 1, n + 1) + self.sign(n + 1) * self.rest(n + 1)
        more = (
            derive(self.whole - self.whole)
            .to(
                self.sign(n) * self.trace(n + 1)
                - lift(t) * self.sign(n) * self.rest(n + 1)
                - self.sign(n) * self.rest(n),
                by=using(self.shift().inside(lambda e: self.sign(n) * e), text="one turn more"),
            )
            .to(
                later - right,
                by=using(
                    last_term(self.summand, self.k, 1, n).inside(lambda e: -e),
                    self.onward().inside(lambda e: -e * self.rest(n + 1)),
                    text="the last term of the sum, and one power of -s more",
                ),
            )
        ).qed()
        return induction(n, 0, self.whole, right, self.base(), more)


@derivation("trace-series-with-remainder", notation={"e": "ℓ"})
def trace_series() -> tuple[Theorem, Theorem]:
    """R = A - s A R, put into itself n times; Jacobi's formula and an integral over s from 0 to 1 make of the series for tr R
    one for the determinant of J = I + s A, with what is left."""
    s = Series()
    identity, k, n = s.identity(), s.k, s.n
    det, grown = scalar("e")(t), scalar("b")(k, t)
    jacobi = given("Jacobi's formula", d_dt(det, t), s.whole)
    primitive = given("b is the primitive of c", d_dt(grown, t), s.sign(k - 1))
    series = total(grown * s.trace(k), k, 1, n)
    rate = (
        derive(d_dt(det - series, t))
        .to(
            s.whole - total(s.summand, k, 1, n),
            by=using(
                jacobi,
                primitive.inside(lambda e: -total(e * s.trace(k), k, 1, n)),
                text="Jacobi's formula, and the primitives",
            ),
        )
        .to(s.sign(n) * s.rest(n), by=identity)
    ).qed()

    start = given("the identity has determinant 1", scalar("e")(0), lift(0))
    none = given("b begins at 0", scalar("b")(k, 0), lift(0))

    def at(when: int) -> Expr:
        return total(scalar("b")(k, when) * s.trace(k), k, 1, n)

    whole = (
        derive(scalar("e")(1))
        .to(
            at(1) + scalar("e")(0) - at(0) + over_time(d_dt(det - series, t), t, 0, 1),
            by=using(
                fundamental_theorem(det - series, t, 0, 1).inside(lambda e: -e),
                text="the fundamental theorem of calculus",
            ),
        )
        .to(
            at(1) + over_time(d_dt(det - series, t), t, 0, 1),
            by=using(
                start,
                none.inside(lambda e: -total(e * s.trace(k), k, 1, n)),
                text="the logarithm and the primitives begin at 0",
            ),
        )
        .to(
            at(1) + over_time(s.sign(n) * s.rest(n), t, 0, 1),
            by=using(rate.inside(lambda e: over_time(e, t, 0, 1)), text="its rate, as above"),
        )
    ).qed()
    return identity, whole
