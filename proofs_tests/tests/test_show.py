"""Statements and derivations in print: golden strings, and what must hold of all."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest
import sympy as sp

from concordant.theory.derivation import Derivation, derive, slugs
from concordant.theory.kernel.formula import plain, tex
from concordant.theory.kernel.notation import TEX
from concordant.theory.kernel.rules import Theorem
from concordant.theory.kernel.sentences import RULES, Speaker
from concordant.theory.kernel.show import Hypothesis, Line, Story, _all, axioms, hypothesis_text, statement
from concordant.theory.kernel.terms import (
    Expr,
    Field,
    Index,
    Point,
    const,
    coords,
    delta,
    dot,
    function,
    grad,
    lift,
    norm2,
    scalar,
    time,
    vector,
    walk,
)

STATEMENTS = {
    "tweedie": "x + σ² ∇log p(x) = (∫ α x_0 q(x|x_0) p_0(x_0) dx_0)/p(x)",
    "fokker-planck-any-drift": "∂_t p_t(x) = −∇·(p_t(x) f(x, t)) + ½ g(t)² Δp_t(x)",
    "ito-formula": "(∂_t h(x, t)) dt + ∇h(x, t)·dx + ½ dx·(∇²h(x, t)) dx "
    "= (∂_t h(x, t) + f(x, t)·∇h(x, t) + ½ g(t)² Δh(x, t)) dt + g(t) ∇h(x, t)·dw",
    "elbo": "log p_φ(x) ≥ ∫ q(z|x) log p_φ(x|z) dz − KL(q(z|x) ‖ π(z))",
    "ddpm-elbo-terms": "log p_{φ,L}(x_0) ≥ E_q[log p_{φ,1}(x_0|x_1)] − KL(q̄_L(y|x_0) ‖ π(y)) "
    "− Σ_{k=2}^L E_q[KL(q_k(y|x_k, x_0) ‖ p_{φ,k}(y|x_k))]",
    "posterior-kernel": "log q(x_s|x_t, x_0) = log N(x_s; (α_{t|s} σ_s²/σ_t²) x_t + (α_s σ_{t|s}²/σ_t²) x_0, (σ_s² σ_{t|s}²/σ_t²) I)",
    "implicit-score-matching": "½ ∫ p(x) ‖s(x) − ∇log p(x)‖² dx − ∫ p(x) (∇·s(x) + ½ ‖s(x)‖²) dx = ½ ∫ p(x) ‖∇log p(x)‖² dx",
    "anderson-reversal": "ρ_τ(x) = p_{T−τ}(x)",
    "ode-likelihood": "log p_0(z(0)) = log p_T(z(T)) + ∫_0^T (∇·v)(z(t), t) dt",
}
IN_TEX = {
    "tweedie": r"\mathbf{x} + \sigma^{2} \nabla \log p(\mathbf{x}) = \frac{\int \alpha \mathbf{x}_{0} q(\mathbf{x}\mid "
    r"\mathbf{x}_{0})\,p_{0}(\mathbf{x}_{0})\,\mathrm{d}\mathbf{x}_{0}}{p(\mathbf{x})}",
    "fokker-planck-any-drift": r"\partial_{t} p_{t}(\mathbf{x}) = -\nabla\cdot (p_{t}(\mathbf{x})\,\mathbf{f}(\mathbf{x}, t)) + "
    r"\tfrac{1}{2} g(t)^{2} \Delta p_{t}(\mathbf{x})",
}


def derivations() -> list[Derivation]:
    return [d for d in map(derive, slugs()) if d is not None]


@cache
def stories() -> list[tuple[str, Story]]:
    return [(d.slug, Story(t, d.notation)) for d in derivations() for t in d.theorems]


@cache
def told() -> list[tuple[str, list[Line], list[Hypothesis]]]:
    return [(slug, story.lines(), story.hypotheses()) for slug, story in stories()]


def formulas() -> Iterator[tuple[str, str, str]]:
    """(slug, tex, plain) of all that is printed."""
    for slug, story in stories():
        said = story.statement()
        yield slug, f"${said.tex}$", said.plain
        yield slug, said.note_tex, said.note
    for slug, lines, hypotheses in told():
        for line in lines:
            yield slug, f"${line.tex}$", line.plain
            yield slug, line.reason_tex, line.reason
        for h in hypotheses:
            yield slug, h.tex, h.plain


@pytest.mark.parametrize("slug", STATEMENTS)
def test_statements(slug: str) -> None:
    made = derive(slug)
    assert made is not None
    assert statement(made.theorems[0], made.notation).plain == STATEMENTS[slug]


@pytest.mark.parametrize("slug", IN_TEX)
def test_statements_in_tex(slug: str) -> None:
    made = derive(slug)
    assert made is not None
    assert statement(made.theorems[0], made.notation).tex == IN_TEX[slug]


x, y, t = Point("x"), Point("y"), time("t")
i, j = Index("i"), Index("j")
a, b = vector("a")(x), vector("b")(x)
s, alpha = const("s", positive=True), function("α", positive=True)
f = scalar("f")(x)


@pytest.mark.parametrize(
    ("e", "text"),
    [
        (f - norm2(a), "f(x) − ‖a(x)‖²"),
        (f - (f - lift(1)), "f(x) − (f(x) − 1)"),
        (-f * (f + 1), "−f(x) (f(x) + 1)"),
        (f / s, "f(x)/s"),
        (lift(1) / (2 * lift(s)) * f, "f(x)/(2 s)"),
        (lift(1 / (2 * s)) * norm2(a), "‖a(x)‖²/(2 s)"),
        (dot(lift(s) * a, b), "s a(x)·b(x)"),
        (dot(a, b) * f, "f(x) a(x)·b(x)"),
        (dot(a + b, a), "(a(x) + b(x))·a(x)"),
        (f**2 * lift(alpha(t)) ** 2, "α_t² f(x)²"),
        (grad(scalar("q")(x, y), x).at(i), "∂_{x_i} q(x, y)"),
        (coords(x).at(i) * delta(i, j), "x_i δ_{ij}"),
        (lift(alpha(s - t)), "α_{s−t}"),
        (lift((s + 1) ** 2 / s), "(s + 1)²/s"),
        (lift(sp.sqrt(1 - s)), "√(1 − s)"),
        (scalar("f")(x) * lift(0) + f, "f(x)"),
    ],
)
def test_brackets_signs_and_fractions(e: Expr, text: str) -> None:
    assert plain(e) == text


def test_notation_of_a_field() -> None:
    q = scalar("q")(x, y, t)
    assert plain(q, {"q": "|"}) == "q(x|y, t)"
    assert plain(q, {"q": "_t"}) == "q_t(x, y)"
    assert plain(q, {"q": "p_φ_t|", "y": "x0"}) == "p_{φ,t}(x|x_0)"
    assert tex(scalar("x̂")(x)) == r"\hat{x}(\mathbf{x})"
    assert tex(vector("ε̂")(x).at(i), hide=i) == r"\hat{\boldsymbol{\varepsilon}}(\mathbf{x})"


def test_an_abbreviation_is_told() -> None:
    made = derive("posterior-kernel")
    assert made is not None
    found = Story(made.theorems[0], made.notation).hypotheses()
    assert [h.plain for h in found if h.kind == "abbreviation"] == [
        "α_{t|s} := α_t/α_s",
        "σ_{t|s}² := σ_t² − α_{t|s}² σ_s²",
    ]


def test_a_gaussian_is_told_as_one() -> None:
    made = derive("tweedie")
    assert made is not None
    assert "q(x|x_0) := N(x; α x_0, σ² I)" in [h.plain for h in Story(made.theorems[0], made.notation).hypotheses()]


def test_what_is_declared_of_scalars_is_told() -> None:
    made = derive("tweedie")
    assert made is not None
    told_ = [h.plain for h in Story(made.theorems[0], made.notation).hypotheses()]
    assert "σ > 0" in told_
    assert not {"α > 0", "D > 0"} & set(told_)


def test_hypotheses_know_their_lines() -> None:
    for slug, lines, hypotheses in told():
        places = {(line.step, line.number) for line in lines}
        for h in hypotheses:
            assert set(h.used_at) <= places, slug
            assert h.used_at or h.kind == "abbreviation", (slug, h.plain)


def test_each_hypothesis_is_a_sentence_by_itself() -> None:
    for d in derivations():
        for theorem in d.theorems:
            for h in theorem.hyps:
                assert all(hypothesis_text(h, d.notation))


def test_lines_begin_with_an_expression_and_cite_what_came_before() -> None:
    for slug, lines, _ in told():
        for line in lines:
            assert (line.relation == "") == (line.number == 0) == (line.reason == ""), slug
            assert all(cited < line.step for cited in line.cites), slug
            assert not line.reason or line.reason.startswith(("by ", "since ")), line.reason


def test_balanced_and_free_of_code() -> None:
    for slug, in_tex, in_plain in formulas():
        depth = 0
        for c in re.sub(r"\\[{}]", "", in_tex):
            depth += {"{": 1, "}": -1}.get(c, 0)
            assert depth >= 0, (slug, in_tex)
        assert depth == 0, (slug, in_tex)
        assert in_tex.count(r"\left") == in_tex.count(r"\right"), (slug, in_tex)
        assert in_plain.count("(") == in_plain.count(")"), (slug, in_plain)
        for code in ("Field(", "Num(", "Point(", "Index(", "Bind(", "Symbol", "lambda", "None", "**"):
            assert code not in in_tex.replace(r"\lambda", "") + in_plain, (slug, in_plain)
        assert "+ −" not in in_plain, (slug, in_plain)
        assert "$$" not in in_tex, (slug, in_tex)


def fields(theorem: Theorem) -> set[Field]:
    parts = [e for th in _all(theorem) for side in (th.lhs, th.rhs) for e in walk(side)]
    bodies = [e for h in theorem.hyps for part in h if isinstance(part, Expr) for e in walk(part)]
    return {e for e in parts + bodies if isinstance(e, Field)}


def test_different_fields_print_differently() -> None:
    """In one derivation no two fields, at their arguments, have one text: in neither style, as components or as vectors."""
    for d in derivations():
        for theorem in d.theorems:
            for speaker in Story(theorem, d.notation).speakers:
                for vectors in (False, True):
                    shown: dict[str, Field] = {}
                    for field in fields(theorem):
                        if field.name == "dx":
                            continue  # dx and dρ are told without their arguments
                        hide = field.comps[0] if vectors and len(field.comps) == 1 else None
                        text = speaker.shown(field, hide)
                        if hide is not None:
                            field = Field(field.name, field.args)
                        assert shown.setdefault(text, field) == field, (d.slug, text)


def test_different_definitions_have_different_names() -> None:
    """What is defined in a derivation is told under names that differ."""
    for slug, _, hypotheses in told():
        names = [h.plain.partition(" := ")[0] for h in hypotheses if h.is_definition]
        assert len(set(names)) == len(names), slug


def test_different_sides_print_differently() -> None:
    """Expressions of one derivation that print alike are made of the same fields."""
    for d in derivations():
        for theorem in d.theorems:
            speaker = Speaker(TEX, d.notation)
            sides = {e for th in _all(theorem) if th.rule != "congruence" for e in (th.lhs, th.rhs)}
            shown: dict[str, set[str]] = {}
            for e in sides:
                names = {f.name for f in walk(e) if isinstance(f, Field)}
                assert shown.setdefault(speaker.side(e, [e]), names) == names, (d.slug, speaker.side(e, [e]))


def test_axioms() -> None:
    made = derive("fokker-planck")
    assert made is not None
    found = " ".join(axioms(made.theorems[0]))
    assert all(word in found for word in ("Itô", "Dynkin", "divergence theorem", "fundamental lemma", "Fubini"))
    made = derive("velocity-is-not-unique")
    assert made is not None
    assert "given: the continuity equation" in axioms(made.theorems[0])


def test_every_rule_is_told() -> None:
    """No rule is used that `axioms` would pass over."""
    rules = {th.rule for d in derivations() for theorem in d.theorems for th in _all(theorem)}
    assert rules <= {*RULES, "chain", "congruence", "given", "definition", "independent"}


def test_katex_reads_all() -> None:
    """Every formula parses in KaTeX, without warnings.  NODE_PATH says where katex is."""
    node = shutil.which("node")
    if node is None or subprocess.run([node, "-e", "require('katex')"], capture_output=True, check=False).returncode:
        pytest.skip("no node with katex")
    texts = sorted({part for _, in_tex, _ in formulas() for part in re.findall(r"\$([^$]+)\$", in_tex)})
    program = (
        "const k = require('katex'); const all = JSON.parse(require('fs').readFileSync(0)); const bad = [];"
        "for (const s of all) try { k.renderToString(s, {strict: 'error', displayMode: true}) } catch (e) { bad.push(s + ' :: ' + e) }"
        "console.log(JSON.stringify(bad))"
    )
    done = subprocess.run([node, "-e", program], input=json.dumps(texts), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


# ------------------------------------------------------------------------------------------------ the command
def concordant(*args: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "concordant", *args], capture_output=True, text=True, env=environment, check=False
    )


def test_show_tells_the_derivation() -> None:
    done = concordant("show", "CD-0006")
    assert done.returncode == 0, done.stderr
    assert STATEMENTS["tweedie"] in done.stdout
    assert "by the definition of p and differentiation under the integral over x_0" in done.stdout


def test_show_a_script_of_sympy_alone() -> None:
    done = concordant("show", "tweedie", "--sympy")
    assert done.returncode == 0, done.stderr
    compile(done.stdout, "tweedie", "exec")
    assert "import sympy" in done.stdout or "from sympy" in done.stdout
    done = concordant("show", "flow-map", "--sympy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no script" in done.stderr


def test_show_in_latex_and_for_machines() -> None:
    done = concordant("show", "tweedie", "--latex")
    assert done.returncode == 0, done.stderr
    assert IN_TEX["tweedie"] in done.stdout
    assert done.stdout.count(r"\begin{") == done.stdout.count(r"\end{")
    made = json.loads(concordant("show", "tweedie", "--json").stdout)
    assert made["derivation"]["theorems"][0]["statement"]["plain"] == STATEMENTS["tweedie"]
    done = concordant("show", "flow-map", "--latex")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no derivation" in done.stderr


def test_axioms_command_and_what_it_imports() -> None:
    made = json.loads(concordant("axioms", "--json").stdout)
    assert any("Jensen" in entry["axiom"] and entry["claims"] for entry in made["axioms"])
    assert "rules and axioms" in concordant("axioms").stdout
    program = (
        "import sys; from click.testing import CliRunner; from concordant.cli import main;"
        "r = CliRunner().invoke(main, {args!r}); assert r.exit_code == 0, r.output;"
        "print([m for m in ('torch', 'sympy') if m in sys.modules])"
    )
    for args, heavy in ((["--help"], "[]"), (["axioms"], "['sympy']"), (["show", "tweedie", "--latex"], "['sympy']")):
        done = subprocess.run(
            [sys.executable, "-c", program.format(args=args)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == heavy, args
