"""Do a statement's hypotheses hold at a witness, as far as numbers can say?

    positive, nonzero       values of the field, or of the scalar, at points of the witness
    normalised, probability the integral is 1
    where, where log        the witness's field, where it has one, is the definition's value (by quadrature)
    given, range            both sides evaluated
    chain                   m and r are q's marginals and posteriors:  m_k = ∫ q_k m_{k-1},  r_k m_k = q_k m_{k-1}
    law                     the density obeys the Fokker-Planck equation of the differential: what a law implies, not that it is one
    equal at one time       both sides evaluated
    unique                  the field solves the equation; where it is a law's, the drift's slope does not grow far out, so that it
                            is Lipschitz and of linear growth as far as one sees
    converges               the integral of absolute values does not change when the box grows
    integrable field        the same for |F| and |∇·F|, and ∫ ∇·F = 0
    converges, dominated, integrable field    also by form: the tame class, where the witness declares its fields' kinds

What numbers can't say, or not all of (continuous, law, uniqueness, …), `unchecked` lists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from concordant.impl.batch import f64
from concordant.proofs_tests.bridge import law
from concordant.proofs_tests.bridge.evaluate import Evaluator
from concordant.proofs_tests.bridge.tame import why_not
from concordant.proofs_tests.bridge.values import Unevaluable
from concordant.proofs_tests.bridge.witness import Hypothesis, Said, Statement, Witness, definitions
from concordant.theory.kernel.terms import Add, Bind, D, Expr, Field, Num, Point, Step, Time, integral, walk

#: Relative error that quadratures are allowed here.
CLOSE = 1e-8
#: How far out slopes are looked at, in boxes.
FAR = 1e6
TAME = ("converges", "dominated", "integrable field")
UNSPOKEN = (
    "law",
    "square integrable",
    "test function",
    "continuous",
    "unique",
    "for every test function",
    "dominated",
)


def problems(w: Witness, statement: Statement) -> list[str]:
    """What is wrong with a witness; empty if nothing is."""
    check = _Check(w, statement)
    found: list[str] = []
    for h in sorted(statement.hyps, key=lambda h: (h[0], str(h[1]))):
        if h[0] not in check.how:
            continue
        try:
            found += [f"{h[0]} {_name(h)}: {what}" for what in check.how[h[0]](h)]
        except Unevaluable as error:
            found.append(f"{h[0]} {_name(h)}: not evaluated, {error}")
    return found


def unchecked(statement: Statement) -> list[str]:
    """The hypotheses on which numbers have nothing to say."""
    return sorted({f"{h[0]} {_name(h)}".strip() for h in statement.hyps if h[0] in UNSPOKEN})


def untame(w: Witness, statement: Statement) -> list[str]:
    """The analytic hypotheses that do not hold by form alone, and why."""
    where = definitions(statement.hyps)
    reasons = ((h, why_not(_with_derivatives(h), w.kinds, where)) for h in map(inner, statement.hyps) if h[0] in TAME)
    return sorted(f"{h[0]}: {why}" for h, why in reasons if why)


def inner(h: Hypothesis) -> Hypothesis:
    """What is assumed for every test function, or what is assumed."""
    return inner(h[2]) if h[0] == "for every test function" else h


def _with_derivatives(h: Hypothesis) -> Expr:
    """The expression that must lie in the class: a field F stands for its integral and that of its divergence."""
    e: Expr = Bind("int", h[3], h[1]) if h[0] == "integrable field" else h[1]
    return e


def _name(h: Hypothesis) -> str:
    return h[1] if len(h) > 1 and isinstance(h[1], str) else ""


def with_values(w: Witness, statement: Statement, e: Expr, ev: Evaluator | None = None) -> Witness:
    """The witness with values for all that is free in e: 2 for a step that it doesn't name, its times for a time."""
    times = [v for v in w.at.values() if isinstance(v, (float, Tensor)) and getattr(v, "ndim", 0) < 2]
    more: dict[str, Any] = {}
    for v in (ev or w.evaluator(statement.hyps)).variables(e):
        if v.name in w.at:
            continue
        if isinstance(v, Step):
            more[v.name] = 2
        elif isinstance(v, Time) and times:
            more[v.name] = times[0]
    return replace(w, at={**w.at, **more})


class _Check:
    def __init__(self, w: Witness, statement: Statement) -> None:
        self.w, self.statement, self.hyps = w, statement, statement.hyps
        self.ev = w.evaluator(self.hyps)
        self.wide: Evaluator | None = None
        self.how: dict[str, Callable[[Hypothesis], Iterator[str]]] = {
            "positive": self.positive,
            "nonzero": self.nonzero,
            "normalised": self.normalised,
            "probability": self.probability,
            "where": self.where,
            "where log": self.where,
            "given": self.given,
            "range": self.range,
            "law": self.law,
            "equal at one time": lambda h: self.equation(h[1], "=", h[2]),
            "unique": self.unique,
            "chain": self.chain,
            "converges": self.converges,
            "integrable field": self.integrable,
        }

    # ---------------------------------------------------------------- values of a field by its name
    def applied(self, name: str) -> Field | None:
        """The field as it occurs somewhere, with its definition's variables where it has one."""
        d = definitions(self.hyps).get(name)
        if d is not None:
            return Field(name, d.params, d.comps)
        everything = [self.statement.lhs, self.statement.rhs]
        everything += [a for h in self.hyps for a in h if isinstance(a, Expr)]
        return next((one for e in everything for one in walk(e) if isinstance(one, Field) and one.name == name), None)

    def env_defaults(self, e: Expr) -> Witness:
        return with_values(self.w, self.statement, e, self.ev)

    def values(self, *many: Expr, ev: Evaluator | None = None, sizes: bool = False) -> list[Tensor]:
        together = Add(many)
        return self.env_defaults(together).values(ev or self.ev, *many, sizes=sizes)

    def signs(self, h: Hypothesis) -> Tensor | None:
        if isinstance(h[1], Num):
            return self.values(h[1])[0]
        e = self.applied(h[1])
        return None if e is None else self.values(_points_for(e))[0]

    # ---------------------------------------------------------------- one method a kind
    def positive(self, h: Hypothesis) -> Iterator[str]:
        got = self.signs(h)
        if got is not None and not bool((got > 0).all()):
            yield f"a value of {float(got.min()):.3g}"

    def nonzero(self, h: Hypothesis) -> Iterator[str]:
        got = self.signs(h)
        if got is not None and not bool((got != 0).all() & got.isfinite().all()):
            yield "a value of 0"

    def normalised(self, h: Hypothesis) -> Iterator[str]:
        e = self.applied(h[1])
        if e is not None:
            yield from self.mass(_points_for(e), None)

    def probability(self, h: Hypothesis) -> Iterator[str]:
        yield from self.mass(h[1], h[2])
        (low,) = self.values(Bind("int", h[2], h[1]), sizes=True)
        if bool((low > 1 + CLOSE).any()):
            yield "it has both signs"

    def mass(self, e: Expr, x: Point | None) -> Iterator[str]:
        if x is None:
            assert isinstance(e, Field)
            x = next(a for a in e.args if isinstance(a, Point))
        (got,) = self.values(integral(e, x))
        if not bool(((got - 1).abs() < CLOSE).all()):
            yield f"an integral of {float(got.flatten()[0]):.9g}"

    def where(self, h: Hypothesis) -> Iterator[str]:
        name = h[1]
        if name not in self.w.fields:
            return
        e = Field(name, tuple(h[2]), tuple(h[3]))
        alone = self.w.evaluator(self.hyps, without=name)
        (ours,), (defined,) = self.values(e), self.values(e, ev=alone)
        sizes = defined.abs() if h[0] == "where log" else self.values(h[4], ev=alone, sizes=True)[0]
        gap = float(((ours - defined).abs() / (sizes + 1e-300)).max())
        if not gap < CLOSE:
            yield f"the witness's field differs from the definition by {gap:.3g}"

    def given(self, h: Hypothesis) -> Iterator[str]:
        yield from self.equation(*h[2:])

    def equation(self, lhs: Expr, rel: str, rhs: Expr) -> Iterator[str]:
        left, right, scale = self.env_defaults(Add((lhs, rhs))).sides(Said(lhs, rel, rhs, self.hyps), self.ev)
        gap = torch.where(left == right, 0.0, (left - right) / scale)
        worst = float((-gap if rel == ">=" else gap.abs()).max())
        if not worst < CLOSE:
            yield f"it fails by {worst:.3g}"

    def law(self, h: Hypothesis) -> Iterator[str]:
        d = law.differential(h, self.hyps)
        if d is not None:
            said = law.fokker_planck(law.with_density(h, self.statement), d[4], d[3][0], self.hyps)
            yield from self.equation(said.lhs, said.rel, said.rhs)

    def unique(self, h: Hypothesis) -> Iterator[str]:
        _, lhs, rhs, name = h
        yield from self.equation(law.solved(lhs, name, self.statement), "=", law.solved(rhs, name, self.statement))
        for one in (g for g in self.hyps if g[0] == "law" and g[3].name == name):
            d = law.differential(one, self.hyps)
            if d is not None:
                yield from self.steady(law.slope(one, d[4], d[3][0]), one[1])

    def steady(self, slope: Expr, x: Point) -> Iterator[str]:
        """Whether a slope is no larger far out than near by, but for what random points near by may miss."""
        w, box = self.env_defaults(slope), self.w.boxes.get(x.name, self.w.boxes[""])
        middle, half = (f64(box.high) + f64(box.low)) / 2, (f64(box.high) - f64(box.low)) / 2
        random = torch.Generator().manual_seed(0)
        unit = 2 * torch.rand(8, w.batch, w.dimension, generator=random, dtype=torch.float64) - 1
        near, far = (
            max(
                float(replace(w, at={**w.at, x.name: middle + out * half * u}).values(self.ev, slope)[0].abs().max())
                for u in unit
            )
            for out in (1, FAR)
        )
        if not far <= math.sqrt(FAR) * (1 + near):  # what grows like |x| would be a million times larger
            yield f"the slope of the drift grows from {near:.3g} to {far:.3g} far out"

    def range(self, h: Hypothesis) -> Iterator[str]:
        low, high = self.values(Num(sp.sympify(h[1])), Num(sp.sympify(h[2])))
        if not bool((low <= high).all()):
            yield f"{h[1]} > {h[2]}"

    def chain(self, h: Hypothesis) -> Iterator[str]:
        _, _, q, m, r, x0, last = h
        x, y = Point("x~"), Point("y~")
        (end,) = self.values(Num(sp.sympify(last)))
        for k in range(2, int(end.flatten()[0]) + 1):
            here, before = sp.Integer(k), sp.Integer(k - 1)
            joint = Field(q, (here, x, y)) * Field(m, (before, y, x0))
            left, right = self.values(Field(m, (here, x, x0)), integral(joint, y))
            if not bool(((left - right).abs() < CLOSE * left.abs().max()).all()):
                yield f"m({k}) is not the marginal"
            try:
                left, right = self.values(Field(r, (here, y, x, x0)) * Field(m, (here, x, x0)), joint)
            except Unevaluable:
                continue  # the statement has no posterior
            if not bool(((left - right).abs() < CLOSE * left.abs().max()).all()):
                yield f"r({k}) is not the posterior"
        first, start = self.values(Field(q, (sp.Integer(1), x, x0)), Field(m, (sp.Integer(1), x, x0)))
        if not bool(((first - start).abs() < CLOSE * first.abs().max()).all()):
            yield "m(1) is not q(1)"

    def converges(self, h: Hypothesis) -> Iterator[str]:
        yield from self.settled(h[1])

    def settled(self, e: Expr) -> Iterator[str]:
        if self.wide is None:
            self.wide = self.w.evaluator(self.hyps, wider=1.25)
        (near,), (far,) = self.values(e, sizes=True), self.values(e, ev=self.wide, sizes=True)
        gap = float(((near - far).abs() / near.abs().max().clamp_min(1e-300)).max())
        if not gap < CLOSE:
            yield f"it changes by {gap:.3g} when the box grows"

    def integrable(self, h: Hypothesis) -> Iterator[str]:
        _, f, i, x = h
        divergence = Bind("int", x, Bind("con", i, D(f, x, i)))
        yield from self.settled(Bind("int", x, f))
        (total,), (size,) = self.values(divergence), self.values(divergence, sizes=True)
        if not bool((total.abs() <= CLOSE * size).all()):
            yield f"∫ ∇·F = {float(total.abs().max()):.3g}"


def _points_for(e: Expr) -> Expr:
    """A field at variables of its own in place of path and curve points, so that it can be evaluated alone."""
    assert isinstance(e, Field)
    given: tuple[Any, ...] = e.args
    args = (a if isinstance(a, Point) or hasattr(a, "free_symbols") else Point(f"x~{n}") for n, a in enumerate(given))
    return Field(e.name, tuple(args), e.comps)
