"""Statements become numbers: true ones agree with the oracle, false ones don't, and no mutant survives unexplained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sympy as sp
import torch

from concordant.impl.batch import f64
from concordant.impl.schedules import schedule
from concordant.impl.targets import target
from concordant.proofs_tests import agreement
from concordant.proofs_tests.arbitrary import wave
from concordant.proofs_tests.bridge import check, evaluate
from concordant.proofs_tests.bridge import law as bridge_law
from concordant.proofs_tests.bridge.classify import counts, verdicts
from concordant.proofs_tests.bridge.fields import Setting, cube
from concordant.proofs_tests.bridge.holds import HypothesisFails, compare, statement_holds
from concordant.proofs_tests.bridge.tame import why_not
from concordant.proofs_tests.bridge.values import Unevaluable
from concordant.proofs_tests.bridge.witness import Said, Witness
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.mutants import Mutant, mutants
from concordant.proofs_tests.tests.statements import EXAMPLES, Example, i, p, p0, q, s, setting, t, x, x0, y
from concordant.theory.kernel import terms as T
from concordant.theory.kernel.terms import D, const, coords, div, function, integral, lift, log, norm2, over_time

CELLS = [(name, dimension) for name, e in EXAMPLES.items() for dimension in e.dimensions]
TRUE_ON_A_LINE = {"Gaussian by its logarithm", "second-order Tweedie"}  # a forgotten D, a forgotten δ


@pytest.mark.parametrize(("name", "dimension"), CELLS)
def test_what_is_true_holds(name: str, dimension: int) -> None:
    e = EXAMPLES[name]
    assert compare(e.right, e.witness(dimension)).outcome().discrepancy < 1e-9


@pytest.mark.parametrize(("name", "dimension"), [c for c in CELLS if c[1] > 1 or c[0] not in TRUE_ON_A_LINE])
def test_what_is_false_does_not(name: str, dimension: int) -> None:
    e = EXAMPLES[name]
    assert compare(e.wrong, e.witness(dimension)).outcome().discrepancy > 1e-4


@pytest.mark.parametrize(("name", "dimension"), CELLS)
def test_hypotheses_hold_at_the_witness(name: str, dimension: int) -> None:
    e = EXAMPLES[name]
    assert check.problems(e.witness(dimension), e.right) == []


#: Mutants that numbers don't refute: true ones, which need another derivation, and one whose error has no sign.
TRUE = {
    "denoising score matching": {"right: p for p0"},  # |∇log q|² is constant in the mean, whatever x_0
    "Gaussian by its logarithm": {  # E[(x - αx_0)·(x - c x_0)] is the same for every c, E[x - αx_0] being zero
        *("left: sign of term 2", "left: ×2 of term 2", "left: ×½ of term 2", "left: drop term 2"),
        *("left: drop factor alpha", "left: drop factor @", "left: alpha to sigma"),
    },
    # log r ≤ r; and what is no probability any more may be anything
    "Gibbs": {"left: no log of p", "right: no log of r", "right: x0 for x in r"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_mutant_survives_unexplained(name: str) -> None:
    e = EXAMPLES[name]
    found = list(verdicts(e.right, e.witnesses()))
    alive = {v.mutant.label for v in found if v.kind != "refuted" and "diverges" not in v.reason}
    assert alive - TRUE.get(name, set()) == set()
    assert counts(found)["refuted"] >= 0.55 * len(found)
    assert all(
        v.kind == "unprovable" for v in verdicts(e.right, e.witnesses(), lambda *_: False) if v.kind != "refuted"
    )


def test_mutants_are_distinct_and_in_order() -> None:
    e = EXAMPLES["denoising score matching"].right
    found = list(mutants(e.lhs, e.rel, e.rhs))
    assert found == list(mutants(e.lhs, e.rel, e.rhs))
    assert len({(m.lhs, m.rhs) for m in found}) == len(found)
    assert (e.lhs, e.rhs) not in {(m.lhs, m.rhs) for m in found}


def test_classes_of_mutants() -> None:
    squares = norm2(s(x)), norm2(T.vector("v")(x))
    e = Said(squares[0] + squares[1], ">=", squares[0] + sp.Rational(1, 2) * squares[1])
    w = EXAMPLES["denoising score matching"].witness(2)
    w = replace(w, fields={**w.fields, "v": wave("v", 2)})
    by_label = {v.mutant.label: v for v in verdicts(e, [w], equal=lambda *_: False)}
    assert by_label["right: drop term 2"].kind == "weaker"
    assert by_label["right: ×2 of term 1"].kind == "refuted"
    assert by_label["turned round"].kind == "refuted"
    same = Mutant("turned", e.lhs, squares[1] * sp.Rational(1, 2) + squares[0])
    (one,) = verdicts(e, [w], lambda *_: True, lambda *_: True, altered=[same])
    assert one.kind == "equivalent"
    (one,) = verdicts(e, [w], lambda *_: True, lambda *_: False, altered=[same])
    assert one.kind == "unexplained"  # accepted, and neither refuted nor shown to be the same


# ------------------------------------------------------------------------------------------------ laws and uniqueness
def process(drift: Any, noise: Any) -> tuple[Any, ...]:
    """dx := drift dt + noise dw, and p as its density."""
    body = drift * T.Field(T.DT) + lift(noise) * T.Field(T.DW, (), (i,))
    return ("where", "dx", (x, t), (i,), body), ("law", x, t, T.scalar("p")(x, t), "dx")


def test_a_law_whose_density_is_another_is_noticed() -> None:
    w, f, g = EXAMPLES["Fokker-Planck"].witness(2), T.vector("f"), T.function("g")
    for drift, noise, wrong in (
        (f(x, t).at(i), g(t), False),
        (f(x, t).at(i), 2 * g(t), True),
        (2 * f(x, t).at(i), g(t), True),
    ):
        found = check.problems(w, Said(lift(1), "=", lift(1), frozenset(process(drift, noise))))
        assert bool(found) == wrong, found
        assert not wrong or "fails by" in found[0]


def test_uniqueness_needs_the_equation_and_a_steady_slope() -> None:
    """∂_t p = -∇·(p b) for p that does not move: for b = 0 it does, for b = x³ the slope grows."""
    p = T.scalar("p")(x, t)
    w = Witness({"": cube(1, 2.0, 0.5)}, {"p": lambda x, t: (-x.square()).exp().sum(-1)}, at={"t": 0.5})
    still = ("unique", T.d_dt(p, t), lift(0), "p")
    moving = ("unique", T.d_dt(p, t), p, "p")
    definition, law = process(0 * T.coords(x).at(i), 0)
    steep, _ = process(T.coords(x).at(i) ** 3, 0)
    assert check.problems(w, Said(p, ">=", p, frozenset([still, definition, law]))) == []
    (one,) = check.problems(w, Said(p, ">=", p, frozenset([moving, definition, law])))
    assert one.startswith("unique")
    assert "fails by" in one
    found = check.problems(w, Said(p, ">=", p, frozenset([still, steep, law])))
    assert any("slope of the drift grows" in one for one in found)
    (one,) = check.problems(w, Said(p, ">=", p, frozenset([("equal at one time", p, 2 * p)])))
    assert one.startswith("equal at one time")


def test_what_is_no_differential() -> None:
    for body in (
        T.Field(T.DT) ** 2,
        lift(1),
        T.Field(T.DT) * T.Field(T.DW, (), (i,)),
        T.Field(T.DW, (), (T.Index("j"),)),
    ):
        with pytest.raises(bridge_law.NoDifferential):
            bridge_law.split(body, i)


def test_a_false_statement_has_no_mutants() -> None:
    e = EXAMPLES["Tweedie"]
    with pytest.raises(ValueError, match="the statement itself is off"):
        list(verdicts(e.wrong, [e.witness(1)]))


# ------------------------------------------------------------------------------------------------ the evaluator
def value(e: Any, w: Witness, **at: Any) -> torch.Tensor:
    names: dict[str, Any] = {"x": x, "y": y, "t": t, "i": i}
    return w.evaluator().value(lift(e), {names[n]: v for n, v in at.items()})


def test_derivatives_see_their_own_variable_only() -> None:
    """∂_x f(x, y) at y = x, where both are one tensor, and inside another derivative."""
    f, g = T.scalar("f"), T.vector("g")
    w = Witness({"": cube(1, 1.0, 0.5)}, {"f": lambda x, y: (x * y**2).sum(-1)})
    ev = w.evaluator([("where", "g", (x, y), (i,), D(f(x, y), x, i))])
    at = {x: f64([[1.5]]), i: 0}
    assert float(ev.value(g(x, x).at(i), at)) == pytest.approx(1.5**2)
    assert float(ev.value(D(g(x, x).at(i), x, i), at)) == pytest.approx(2 * 1.5)


def test_partial_derivatives_along_a_curve_stay_partial() -> None:
    """w(x, t) = ∂_t (x² t³) = 3 x² t², so that at z(t) = t its total derivative is 12 t³."""
    f, w, z = T.scalar("f"), T.scalar("w"), T.Along("z", t)
    fields = {"f": lambda x, t: x.square().sum(-1) * t**3}
    made = Witness({"": cube(1, 1.0, 0.5)}, fields, curves={"z": lambda t: t[..., None]}, at={"t": f64([0.5, 2.0])})
    ev = made.evaluator([("where", "w", (x, t), (), D(f(x, t), t))])
    (got,) = made.values(ev, D(w(z, t), t))
    assert torch.allclose(got[0], 12 * f64([0.5, 2.0]) ** 3)
    (got,) = made.values(ev, D(w(z, 2), t))  # 3 t² 2²
    assert torch.allclose(got[0], 24 * f64([0.5, 2.0]))


def test_what_is_forgotten_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that are dropped in the middle of a derivative are not mixed up with later ones."""
    e = EXAMPLES["second-order Tweedie"]
    monkeypatch.setattr(evaluate, "KEPT", 50)
    assert compare(e.right, e.witness(2)).outcome().discrepancy < 1e-12


def test_many_passes_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    e = EXAMPLES["denoising score matching"]
    whole = e.witness(1).sides(e.right)
    monkeypatch.setattr(evaluate, "CHUNK", 100)
    pieces = e.witness(1).sides(e.right)
    assert torch.allclose(whole.left, pieces.left, rtol=1e-13)


def test_integrals_over_time() -> None:
    """∫ ∂_t p(x, t) dt = p(x, b) - p(x, a), the bounds being scalars."""
    st = setting(1)
    a, b = const("a"), const("b₉")
    lhs = over_time(D(p(x, t), t), t, a, b)
    w = Witness(st.boxes, {"p": st.marginal}, {"a": 0.3, "b₉": 0.6}, at={"x": st.points()})
    assert compare(Said(lhs, "=", p(x, b) - p(x, a)), w).outcome().discrepancy < 1e-12


def test_primes_of_functions_by_differentiation() -> None:
    alpha = function("alpha", positive=True)
    w = Witness({"": cube(1, 1.0, 0.5)}, functions={"alpha": lambda t: t.cos()}, at={"t": f64([0.2, 0.4])})
    lhs, rhs = D(lift(alpha(t) ** 2), t), 2 * lift(alpha(t) * sp.Function("alpha'", real=True)(t))
    assert compare(Said(lhs, "=", rhs), w).outcome().discrepancy < 1e-14


def test_sixty_four_dimensions_pointwise() -> None:
    """Fokker-Planck for forty components in 64 dimensions: Hessians by automatic differentiation."""
    st = Setting(Case("crowd-64", target("crowd-64"), schedule("vp-linear")), 0.5)
    at = {"x": st.points(2), "t": st.t}
    w = Witness(st.boxes, {"p": st.marginal, "f": st.drift}, functions=st.functions, at=at)
    logged = EXAMPLES["Fokker-Planck as a continuity equation"].right
    assert compare(logged, w).outcome().discrepancy < 1e-9


def test_what_has_no_value_says_so() -> None:
    w = EXAMPLES["Tweedie"].witness(1)
    for e, message in [
        (T.scalar("nobody")(x), "field 'nobody'"),
        (T.Field(T.DT), "field 'dt'"),
        (lift(const("nothing")), "constant 'nothing'"),
        (lift(function("unknown")(t)), "function 'unknown'"),
        (p(y), "variable"),
    ]:
        with pytest.raises(Unevaluable, match=message):
            value(e, w, x=f64([[0.0]]), t=f64(0.5))


# ------------------------------------------------------------------------------------------------ hypotheses
def broken(name: str, *hyps: Any, **fields: Any) -> list[str]:
    e: Example = EXAMPLES[name]
    w = e.witness(1)
    said = Said(e.right.lhs, "=", e.right.rhs, e.right.hyps | set(hyps))
    return check.problems(replace(w, fields={**w.fields, **fields}), said)


def test_a_field_that_is_not_its_definition_is_noticed() -> None:
    other = replace(setting(1), lam=0.31)
    assert "differs from the definition" in broken("Tweedie", p=other.marginal)[0]


@pytest.mark.parametrize(
    ("hypothesis", "message"),
    [
        (("positive", "s"), None),
        (("positive", T.Num(sp.Integer(1) - const("sigma", positive=True) * 9)), "positive"),
        (("normalised", "p0"), None),
        (("probability", 2 * p0(x), x), "an integral of 2"),
        (("given", "nonsense", p(x), "=", p0(x)), "it fails by"),
        (("range", sp.Integer(3), sp.Integer(2)), "3 > 2"),
        (("converges", integral(q(x, x0) * p0(x0), x0)), None),
        (("converges", integral(q(x, x0), x0)), "when the box grows"),  # the box of x0 is made for p0
        (("converges", integral(s(x).at(i), x)), "when the box grows"),
        (("integrable field", s(x).at(i), i, x), "when the box grows"),
        (("where", "s", (x,), (i,), coords(x).at(i)), "differs from the definition"),
    ],
)
def test_hypotheses_that_fail_are_noticed(hypothesis: Any, message: str | None) -> None:
    found = broken("denoising score matching", hypothesis)
    if message is None:
        assert found == [] or "positive" in found[0]
    else:
        assert any(message in one for one in found), found


KINDS = {"p": "density", "q": "density", "p0": "density", "s": "polynomial", "phi": "test"}
phi = T.scalar("phi")


@pytest.mark.parametrize(
    ("e", "reason"),
    [
        (integral(q(x, x0) * p0(x0) * norm2(s(x)) * log(p(x)), x, x0), None),
        (integral(phi(x) * div(s(x), x), x), None),
        (integral(norm2(T.grad(p(x), x)) / p(x), x), None),
        (integral(q(x, x0) * p0(x0), x0) / p(x), None),
        (integral(q(x, x0), x, x0), "over x0"),
        (integral(norm2(s(x)), x), "over x"),
        (integral(p0(x) / p(x) ** 2, x), "denominator"),
        (integral(p(x) * log(norm2(s(x))), x), "logarithm"),
        (integral(p(x) * T.scalar("u")(x), x), "nothing is known"),
    ],
)
def test_the_tame_class(e: Any, reason: str | None) -> None:
    got = why_not(e, KINDS)  # type: ignore[arg-type]
    assert got is None if reason is None else got is not None and reason in got


def test_analytic_hypotheses_by_form() -> None:
    e = EXAMPLES["implicit score matching"]
    w = e.witness(1)
    assert check.untame(w, e.right) == []
    assert check.untame(replace(w, kinds={}), e.right) != []
    chain = EXAMPLES["evidence bound of a chain"]
    assert check.untame(chain.witness(1), chain.right) == []
    assert "nothing makes" in why_not(integral(p0(y), x), KINDS)  # type: ignore[arg-type, operator]
    assert check.unchecked(Said(lift(1), "=", lift(1), frozenset([("continuous", p(x))]))) == ["continuous"]


# ------------------------------------------------------------------------------------------------ agreements
@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, agreement.Agreement]:
    monkeypatch.setattr(agreement, "AGREEMENTS", {})
    return agreement.AGREEMENTS


def denoising(case: Case) -> Witness:
    st = Setting(case.line())
    fields = {"p": st.marginal, "q": st.kernel, "p0": st.clean, "s": st.arbitrary("s")}
    return Witness(st.boxes, fields, name=str(case))


@pytest.mark.usefixtures("registered")
def test_statements_as_agreements() -> None:
    e = EXAMPLES["denoising score matching"]
    made = statement_holds("denoising-score-matching", lambda: e.right, denoising, bound=1e-10)
    case = Case("anisotropic", target("anisotropic"), schedule("ve"))
    assert made.applies(case)
    assert made.run(case).discrepancy < 1e-12
    with made.breaks[0].applied():
        assert made.run(case).discrepancy > 1e-3
    bad = statement_holds("wrong", Said(e.right.lhs, "=", e.wrong.rhs, e.right.hyps), denoising)
    assert bad.run(case).discrepancy > 1e-3
    hyps = frozenset([*e.right.hyps, ("positive", lift(-1))])
    with pytest.raises(HypothesisFails, match="positive"):
        statement_holds("none", Said(e.right.lhs, "=", e.right.rhs, hyps), denoising).run(case)


@pytest.mark.usefixtures("registered")
def test_bounds_as_agreements() -> None:
    e = EXAMPLES["Gibbs"]
    case = Case("two", setting(1).case.target, schedule("vp-linear"))
    made = statement_holds("gibbs", e.right, lambda case: [w() for w in e.more])
    assert made.run(case).discrepancy < 1e-12
    with made.breaks[0].applied():
        assert made.run(case).discrepancy > 1e-3
