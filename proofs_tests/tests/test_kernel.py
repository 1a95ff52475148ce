"""The kernel says yes to what is true, and no to all else."""

from __future__ import annotations

import inspect
import json
import re
import time
from itertools import permutations
from pathlib import Path

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import concordant
from concordant.errors import BadInput
from concordant.proofs_tests import history, prove
from concordant.proofs_tests.traps import TRAPS, Trap
from concordant.theory import derivation as derivations
from concordant.theory import registry
from concordant.theory.derivation import derive, slugs
from concordant.theory.kernel import hypotheses, rules
from concordant.theory.kernel.certificate import certificate, text
from concordant.theory.kernel.rules import algebra, line
from concordant.theory.kernel.terms import (
    Add,
    Bind,
    Expr,
    Field,
    Index,
    Mul,
    Num,
    Point,
    Power,
    Refused,
    const,
    contract,
    d_dt,
    dot,
    fill,
    function,
    integral,
    lift,
    scalar,
    step,
    substitute,
    total,
    vector,
)
from concordant.theory.kernel.terms import (
    time as time_variable,
)

KERNEL = Path(concordant.__file__).parent / "theory" / "kernel"
x, y = Point("x"), Point("y")


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_traps_are_refused_with_the_step_named(trap: Trap) -> None:
    assert trap.sprung() == ""


def test_a_trap_that_is_walked_into_says_so() -> None:
    assert "accepted" in Trap("no trap", lambda: line(1, 1, algebra)).sprung()
    assert "another reason" in Trap("wrong words", lambda: line(1, 2, algebra), says="name it first").sprung()
    assert "without the hypothesis" in Trap("nothing assumed", lambda: line(1, 1, algebra), carries="positive").sprung()
    assert "true under a hypothesis" in Trap("false", lambda: line(1, 2, algebra), carries="positive").sprung()


@pytest.mark.parametrize("slug", slugs())
def test_derivations_hold_and_every_reason_is_needed(slug: str) -> None:
    made = derive(slug)
    assert made is not None
    for th in made.theorems:
        assert prove.idle_reasons(th) == []
        again = json.loads(text(certificate(slug, th)))
        assert again["steps"][-1]["rhs"]


def test_derivations_are_of_claims_and_are_quick() -> None:
    assert set(slugs()) <= set(registry.claims())
    derive.cache_clear()
    began = time.perf_counter()
    for slug in slugs():
        derive(slug)
    assert time.perf_counter() - began < 30
    assert derive("no-such-claim") is None


def test_certificates_are_the_same_when_made_again() -> None:
    for slug in ("denoising-score-matching", "ddpm-elbo-terms", "anderson-reversal"):
        first = derive(slug)
        derive.cache_clear()
        second = derive(slug)
        assert first is not None
        assert second is not None
        assert first is not second
        for a, b in zip(first.theorems, second.theorems, strict=True):
            assert text(certificate(slug, a)) == text(certificate(slug, b))


def test_a_derivation_is_registered_once_and_says_its_idea(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivations, "_builders", dict(derivations._builders))
    with pytest.raises(ValueError, match="must say its idea"):
        derivations.derivation("x")(lambda: None)
    with pytest.raises(ValueError, match="two derivations"):

        @derivations.derivation("tweedie")
        def other() -> None:
            """Another."""


# -------------------------------------------------------------------- components: every D up to the number of contractions
def components(e: Expr, dimension: int, at: dict[Index, int] | None = None) -> sp.Expr:
    """A pointwise expression with its indices written out in D dimensions."""
    at = at or {}
    match e:
        case Num(c):
            return c.xreplace({rules_dim(): sp.Integer(dimension)})
        case Field("δ", _, (i, j)):
            return sp.Integer(at[i] == at[j])
        case Field(name, _, comps):
            return sp.Symbol("_".join([name, *(str(at[i]) for i in comps)]))
        case Add(terms):
            return sp.Add(*(components(a, dimension, at) for a in terms))
        case Mul(factors):
            return sp.Mul(*(components(a, dimension, at) for a in factors))
        case Power(base, n):
            return components(base, dimension, at) ** n
        case Bind("con", i, body):
            assert isinstance(i, Index)
            return sp.Add(*(components(body, dimension, {**at, i: k}) for k in range(dimension)))
    raise AssertionError(e)


def rules_dim() -> sp.Symbol:
    from concordant.theory.kernel.terms import DIM

    return DIM


def accepted(left: Expr, right: Expr) -> bool:
    try:
        line(left, right, algebra)
    except Refused:
        return False
    return True


@st.composite
def contractions(draw: st.DrawFn) -> tuple[Expr, Expr, int]:
    """Two sums of products of up to three scalar products of vectors, and the number of contractions in one product."""
    vectors = [vector(name)(x) for name in "abc"]
    pairs = draw(st.integers(1, 3))

    def term() -> Expr:
        chosen = [draw(st.sampled_from(vectors)) for _ in range(2 * pairs)]
        order = draw(st.permutations(range(2 * pairs)))
        out: Expr = lift(draw(st.integers(-2, 2)))
        for n in range(pairs):
            out = out * dot(chosen[order[2 * n]], chosen[order[2 * n + 1]])
        return out

    left: list[Expr] = [term() for _ in range(draw(st.integers(1, 2)))]
    right: list[Expr]
    if draw(st.booleans()):  # a true identity: the terms in another order, their factors too
        right = [
            Mul(tuple(draw(st.permutations(t.factors)))) for t in draw(st.permutations(left)) if isinstance(t, Mul)
        ]
        assert len(right) == len(left)
    else:
        right = [term() for _ in range(draw(st.integers(1, 2)))]
    return Add(tuple(left)), Add(tuple(right)), pairs


@settings(max_examples=80, deadline=None)
@given(contractions())
def test_abstract_indices_agree_with_components(case: tuple[Expr, Expr, int]) -> None:
    left, right, pairs = case
    truth = all(
        sp.expand(components(left, dimension) - components(right, dimension)) == 0 for dimension in range(1, pairs + 1)
    )
    assert accepted(left, right) == truth


def test_an_identity_that_holds_up_to_two_dimensions_needs_three() -> None:
    names = [(vector(f"a{n}")(x), vector(f"b{n}")(x)) for n in range(3)]
    out: Expr = lift(0)
    for order in permutations(range(3)):
        sign = sp.Integer(-1) ** sum(order[q] > order[p] for p in range(3) for q in range(p))
        out = out + lift(sign) * Mul(tuple(dot(names[p][0], names[q][1]) for p, q in enumerate(order)))
    assert [sp.expand(components(out, d)) == 0 for d in (1, 2, 3)] == [True, True, False]
    assert not accepted(out, lift(0))


# -------------------------------------------------------------------- canonical forms
@settings(max_examples=40, deadline=None)
@given(st.permutations(range(4)), st.permutations(range(3)))
def test_dummies_have_no_names(outer: list[int], inner: list[int]) -> None:
    p, k = scalar("p"), scalar("k")

    def chain_of(name: str, order: list[int]) -> Expr:
        z = [Point(f"{name}{n}") for n in order]
        return integral(k(z[0], z[1]) * k(z[1], z[2]) * k(z[2], z[3]) * p(z[inner[0]]), *(z[n] for n in outer))

    left, right = chain_of("z", [0, 1, 2, 3]), chain_of("w", outer)
    assert accepted(left, right)


def test_many_contractions_are_quick() -> None:
    s, f = vector("s")(x), vector("f")(x)
    e: Expr = lift(1)
    for n in range(5):
        e = e * (dot(s, s) if n % 2 else dot(s, f))
    began = time.perf_counter()
    assert accepted(integral(e, x), integral(e, x) + 0 * scalar("p")(x))
    assert time.perf_counter() - began < 5


# -------------------------------------------------------------------- expressions
def test_what_an_expression_refuses() -> None:
    i = Index("i")
    with pytest.raises(BadInput, match="plain"):
        const("a b")
    with pytest.raises(BadInput, match="exact"):
        lift(0.5)
    with pytest.raises(BadInput, match="no constant"):
        lift(sp.Symbol("free"))
    with pytest.raises(BadInput, match="other assumptions"):
        function("α", real=True)
    with pytest.raises(Refused, match="captured"):
        substitute(integral(scalar("k")(x, y), x), {y: x})
    with pytest.raises(Refused, match="a derivative is taken by it"):
        substitute(vectors_derivative(), {x: rules_along()})
    assert substitute(scalar("p")(x), {}) == scalar("p")(x)
    assert fill(contract(lambda j: vector("a")(x).at(j) * Field("□")), vector("b")(x).at(i)) == dot(
        vector("a")(x), vector("b")(x)
    )


def vectors_derivative() -> Expr:
    from concordant.theory.kernel.terms import D

    return D(scalar("p")(x), x, Index("i"))


def rules_along() -> object:
    from concordant.theory.kernel.terms import Along

    return Along("z", time_variable("t"))


def test_time_derivatives_go_through_arguments() -> None:
    t, end = time_variable("t"), const("T", positive=True)
    alpha, slope = function("α", positive=True), function("α'")
    assert accepted(d_dt(lift(alpha(end - t)), t), lift(-slope(end - t)))
    assert not accepted(d_dt(lift(alpha(end - t)), t), lift(slope(end - t)))
    p = scalar("p")
    assert accepted(d_dt(p(x, end - t) ** 2, t), 2 * p(x, end - t) * d_dt(p(x, end - t), t))


def test_sums_bind_their_steps() -> None:
    k, n = step("k"), step("n")
    h = scalar("h")
    assert accepted(total(2 * h(k), k, 1, n), 2 * total(h(k), k, 1, n))
    assert accepted(total(h(k), k, 1, n), total(h(n), n, 1, n))
    assert not accepted(total(h(k), k, 1, n), total(h(k), k, 1, n + 1))


# -------------------------------------------------------------------- the house rules of the kernel
def test_the_kernel_uses_nothing_of_sympy_that_is_wrong_in_places() -> None:
    forbidden = re.compile(r"\b(simplify|integrate|doit|subs|evalf|expand|cancel|solve)\(")
    for path in KERNEL.glob("*.py"):
        code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for number, text_ in enumerate(code.splitlines(), 1):
            if not text_.strip().startswith((">>>", "#")):
                assert not forbidden.search(text_), f"{path.name}:{number}: {text_}"


def test_only_rules_make_theorems() -> None:
    callers = {path.name for path in KERNEL.glob("*.py") if "make_theorem(" in path.read_text(encoding="utf-8")}
    assert callers == {"lines.py", "axioms.py", "inference.py"}
    for folder in (KERNEL.parent, KERNEL.parent.parent / "proofs_tests"):
        for path in folder.glob("*.py"):
            assert "make_theorem" not in path.read_text(encoding="utf-8"), path


def test_every_rule_has_an_example() -> None:
    for name in rules.__all__:
        made = getattr(rules, name)
        if inspect.isfunction(made) and name not in ("difference", "ito_expansion", "ito_form"):
            assert ">>>" in (made.__doc__ or ""), f"{name} has no example"


def test_hypotheses_of_ranges() -> None:
    k, n = step("k"), step("n")
    assert hypotheses.ranges((1, 3), (k, k + 2)) == set()
    h = ("range", sp.Integer(2), k)
    assert hypotheses.range_at_ends(h, k, sp.Integer(2), n) == set()
    assert hypotheses.range_at_ends(h, k, sp.Integer(1), n) == {("range", sp.Integer(2), sp.Integer(1))}
    assert hypotheses.range_at_ends(("range", k, n), k, sp.Integer(1), n) == set()
    with pytest.raises(Refused, match="fails for large"):
        hypotheses.range_at_ends(("range", k, n), k, sp.Integer(1), None)
    with pytest.raises(Refused, match="not affine"):
        hypotheses.range_at_ends(("range", k**2, n), k, sp.Integer(1), n)
    assert hypotheses.range_at_ends(("positive", "p"), k, sp.Integer(1), n) == {("positive", "p")}


# -------------------------------------------------------------------- what claims say may not change in silence
def test_statements_are_what_they_were_when_published() -> None:
    assert history.unexplained(history.committed(), history.current(), history.errata()) == []
    assert set(history.committed()) == set(history.current()), "run `python -m concordant.proofs_tests.history`"
