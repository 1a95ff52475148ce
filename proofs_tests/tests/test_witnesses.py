"""Every derived statement becomes numbers at its witnesses, and those are the implementation's; no mutant is unexplained."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp
from torch import Tensor

from concordant.impl.flow import FlowMatching
from concordant.impl.schedules import schedule
from concordant.impl.sde import LinearSDE
from concordant.impl.targets import Marginal, Reverse, target
from concordant.impl.variational import DDPM
from concordant.proofs_tests.agreement import AGREEMENTS, scaled
from concordant.proofs_tests.agreements.statements import STATEMENTS, WitnessFails
from concordant.proofs_tests.alter import Judge, _judged, alter, sample, witnessed
from concordant.proofs_tests.bridge.check import problems
from concordant.proofs_tests.bridge.holds import compare
from concordant.proofs_tests.case import Case
from concordant.proofs_tests.mutants import Mutant, mutants
from concordant.proofs_tests.redefine import definitions, redefined
from concordant.proofs_tests.witnesses import WITNESSES, plain
from concordant.theory.derivation import Derivation, derive, slugs
from concordant.theory.kernel.rules import Theorem
from concordant.theory.kernel.terms import Add, Bind, lift, walk


def derived(slug: str) -> Derivation:
    made = derive(slug)
    assert made is not None
    return made


def deep(th: Theorem) -> bool:
    """Whether integrals stand in integrals: then hypotheses are looked at on a line only."""
    inner = (one for e in (th.lhs, th.rhs) for one in walk(e) if isinstance(one, Bind) and one.kind == "int")
    return any(isinstance(b, Bind) and b.kind == "int" for one in inner for b in walk(one.body))


def test_every_theorem_has_witnesses_and_an_agreement() -> None:
    counts = {slug: len(derived(slug).theorems) for slug in slugs()}
    assert {slug: len(factories) for slug, factories in WITNESSES.items()} == counts
    assert {slug: n for slug, (n, _) in STATEMENTS.items()} == counts
    assert sum(name.partition("-statement")[1] != "" for name in AGREEMENTS) == sum(counts.values())


@pytest.mark.parametrize("slug", WITNESSES)
def test_statements_hold_at_their_witnesses(slug: str) -> None:
    for th, factory in zip(derived(slug).theorems, WITNESSES[slug], strict=True):
        for w in factory(plain()):
            assert compare(th, w).outcome().discrepancy < 1e-7, w.name
            if w.dimension == 1 or not deep(th):
                assert problems(w, th) == [], w.name


def test_witnesses_that_are_meant_to_be_tight_are() -> None:
    for slug in ("elbo", "ddpm-elbo-terms"):
        th, factory = derived(slug).theorems[0], WITNESSES[slug][0]
        first, *tight = factory(plain())
        sides = first.sides(th)
        assert bool((sides.left - sides.right > 1e-4).any())
        for w in tight:
            left, right, scale = w.sides(th)
            assert bool(((left - right).abs() < 1e-9 * scale).all()), w.name
        assert bool((left > 0).any())  # log p > 0 at the last


SAMPLED = [
    "denoising-score-matching",
    "velocity-is-not-unique",
    "ito-formula",
    "ddpm-snr-kl",
    "probability-flow-ode",
    "elbo",
]


@pytest.mark.parametrize("slug", SAMPLED)
def test_no_mutant_is_unexplained(slug: str) -> None:
    found = alter(derived(slug), thorough=False)
    assert found.survivors == ()
    assert found.mutants["total"] == sum(n for kind, n in found.mutants.items() if kind != "total") <= 12
    assert found.mutants["refuted"] >= min(3, found.mutants["total"] / 2)
    assert all(": off by " in one for one in found.examples)


def test_the_flow_is_not_proved_by_what_is_assumed_of_one_time() -> None:
    """p = p and ρ = ρ are true; the theorem does not follow from them."""
    found = [v for v in alter(derived("probability-flow-ode")).verdicts if " := " not in v.mutant.label]
    assert {v.mutant.label: v.kind for v in found if v.kind != "refuted"} == {
        "left: p for ρ": "weaker",
        "right: ρ for p": "weaker",
    }


def test_the_kernel_is_asked_both_ways() -> None:
    th = derived("score-needs-no-normalisation").theorems[0]
    judge = Judge(th)
    assert judge.equal(th.lhs, th.rhs, th.rhs, th.lhs)
    assert judge.equal(th.lhs, th.rhs, 2 * th.lhs, 2 * th.rhs)
    assert not judge.provable(th.lhs, "=", 2 * th.rhs)
    wrong = Mutant("twice", th.lhs, 2 * th.rhs)
    assert not judge.same(wrong)
    assert judge.same(Mutant("turned", th.rhs, th.lhs))


def test_samples_are_spread_and_fixed() -> None:
    th = derived("tweedie").theorems[0]
    every = list(mutants(th.lhs, th.rel, th.rhs))
    few = sample(every, 12)
    assert len(few) == 12
    assert few == sample(every, 12)
    assert few[-1].label.startswith("right")
    assert sample(every[:5], 12) == every[:5]


def test_what_is_not_shown_by_form_is_listed() -> None:
    found = witnessed(derived("l2-projection"))
    assert found["problems"] == []
    assert any("'j'" in one for one in found["untame"])
    assert witnessed(derived("tweedie")) == {"problems": [], "untame": [], "unchecked": []}  # dominated: by form
    flow = witnessed(derived("fokker-planck"))
    assert flow["untame"] == []
    assert flow["unchecked"] == ["continuous", "law", "square integrable"]


# ------------------------------------------------------------------------------------------------ the implementation broken
def shifted(original: Callable[..., Any]) -> Callable[..., Any]:
    """The mean of a kernel off by one per cent; its variance as it was."""

    def made(*args: Any) -> Any:
        first, *rest = original(*args)
        return (1.01 * first, *rest)

    return made


def louder(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *args, **kwargs: scaled(original, 1.01)(*args, **kwargs)


@pytest.mark.parametrize(
    ("owner", "name", "make", "red"),
    [
        (
            Marginal,
            "score",
            louder,
            ["fokker-planck-any-drift", "denoising-score-matching", "log-density-along-the-flow"],
        ),
        (Marginal, "velocity", louder, ["continuity-from-flow", "flow-matching-loss", "continuity-equation"]),
        (Marginal, "x0", louder, ["l2-projection", "optimal-predictions-2"]),
        (Marginal, "epsilon", louder, ["optimal-predictions-1"]),
        (Marginal, "log_prob", louder, ["tweedie", "fokker-planck"]),
        (Marginal, "divergence", louder, ["log-density-along-the-flow"]),
        (Reverse, "log_prob", louder, ["elbo-gap-is-inference-error", "reverse-kernel-minimiser-1"]),
        (LinearSDE, "posterior", shifted, ["posterior-kernel", "ddpm-snr-kl"]),
        (LinearSDE, "transition", shifted, ["forward-transition"]),
        (LinearSDE, "diffusion", louder, ["fokker-planck", "linear-sde-moments-2"]),
        (LinearSDE, "reverse_drift", louder, ["anderson-reversal", "reverse-family"]),
        (FlowMatching, "one_sided", louder, ["continuity-equation"]),
        (DDPM, "posterior", shifted, ["ddpm-posterior"]),
    ],
)
def test_an_error_in_the_implementation_is_noticed(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, make: Any, red: list[str]
) -> None:
    """The statement fails, or the field that stands in it is not the one that it defines."""
    case = Case("anisotropic", target("anisotropic"), schedule("vp-linear"))
    agreements = [AGREEMENTS[_named(slug)] for slug in red]
    for one in agreements:
        assert one.run(case).discrepancy < 1e-7
    monkeypatch.setattr(owner, name, make(getattr(owner, name)))
    for one in agreements:
        try:
            assert one.run(case).discrepancy > 1e-4, one.name
        except WitnessFails as error:
            said = str(error)
            assert any(words in said for words in ("fails by", "differs from the definition", "an integral of")), said


def _named(slug: str) -> str:
    """The agreement of a claim's first statement, or of the one that is numbered."""
    if slug in WITNESSES:
        return f"{slug}-statement" if len(WITNESSES[slug]) == 1 else f"{slug}-statement-1"
    slug, _, n = slug.rpartition("-")
    return f"{slug}-statement-{n}"


def test_registering_statements_derives_nothing() -> None:
    program = "import sys, concordant.proofs_tests.agreements as a; assert len(a.AGREEMENTS) > 60; assert 'sympy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


# ------------------------------------------------------------------------------------------------ altered definitions
def redefinitions(slug: str) -> dict[str, str]:
    """What became of every altered definition of a claim."""
    return {v.mutant.label: v.kind for v in alter(derived(slug)).verdicts if " := " in v.mutant.label}


def test_definitions_of_what_is_implemented_are_about_the_implementation() -> None:
    found = redefinitions("tweedie")
    assert set(found.values()) == {"refuted"}
    assert {"p := sign", "p := drop factor q", "q := drop term 2"} <= set(found)


def test_differentials_are_refuted_by_the_equation_of_their_density() -> None:
    found = redefinitions("probability-flow-ode")
    assert found["dx := ×2 of term 1"] == found["dρ := ×2"] == "refuted"
    assert found["dx := sign of term 2"] == "equivalent"  # -g dw has the law of g dw
    assert found["dx := drop factor dt"] == "unprovable"  # no differential
    assert list(found.values()).count("refuted") == 28


def test_a_definition_that_only_the_derivation_uses_says_nothing() -> None:
    found = redefinitions("log-density-along-the-flow")
    assert {kind for label, kind in found.items() if label.startswith("c := ")} == {"equivalent"}
    assert {kind for label, kind in found.items() if not label.startswith("c := ")} == {"refuted"}


def test_definitions_of_neither_kind_are_put_into_the_theorem() -> None:
    """dx in Itô's formula: the sides are dt and dw with it written in."""
    found = redefinitions("ito-formula")
    assert len(found) == 12
    assert set(found.values()) == {"refuted"}


def test_a_definition_altered_to_the_same_is_not_refuted() -> None:
    (th,) = derived("ito-formula").theorems
    (d,) = definitions(th)
    w = WITNESSES["ito-formula"][0].at(plain())
    assert isinstance(d.body, Add)
    turned = Mutant("turned", d.field, Add(tuple(reversed(d.body.terms))))
    (v,) = redefined(d, [w], [turned], lambda _: None)
    assert v.kind == "equivalent"
    (p,) = (d for d in definitions(derived("marginal-score-is-posterior-mean").theorems[0]) if d.name == "p")
    made = WITNESSES["marginal-score-is-posterior-mean"][0].at(plain())
    (v,) = redefined(p, [made], [Mutant("twice, halved", p.field, 2 * (lift(sp.Rational(1, 2)) * p.body))], _judged)
    assert v.kind == "equivalent"
