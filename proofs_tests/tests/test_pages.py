"""The makers of pages, without a browser: formulas, derivations, references, drawings, links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from concordant.errors import BadInput
from concordant.proofs_tests import ledger
from concordant.proofs_tests.agreement import AGREEMENTS
from concordant.proofs_tests.pages import (
    assumptions,
    check,
    claim,
    code,
    expand,
    graph,
    later,
    lists,
    maths,
    notation,
    plot,
    topics,
    unicode,
)
from concordant.proofs_tests.pages import book as books
from concordant.proofs_tests.pages.assumptions import Hypothesis
from concordant.proofs_tests.pages.book import Book
from concordant.proofs_tests.pages.derivation import Certificate, DerivationPage, Line, derivation_of
from concordant.proofs_tests.pages.katex import Formula, Typesetter
from concordant.theory import registry
from concordant.theory.registry import Claim

ROOT = Path(__file__).resolve().parents[2]
NPM = ROOT / "build" / "npm"

SAMPLE = DerivationPage(
    title="Tweedie's formula",
    statement=r"\alpha\,\mathbb{E}[x_0\mid x_t=x]=x+\sigma^2\nabla\log p_t(x)",
    hypotheses=[
        Hypothesis(r"$\sigma>0$", used_in=(1, 2), kind="positive"),
        Hypothesis("differentiation under the integral over $x_0$", used_in=(1,), kind="dominated"),
    ],
    lines=[
        Line("", r"\nabla p_t(x)=\int p_0(x_0)\,\nabla q(x\mid x_0)\,dx_0", "The gradient goes under the integral."),
        Line("=", r"\int p_0(x_0)\,q(x\mid x_0)\,\frac{\alpha x_0-x}{\sigma^2}\,dx_0", r"The score of a normal law is $-(x-m)/\sigma^2$."),
        Line("=", r"p_t(x)\,\frac{\alpha\,\mathbb{E}[x_0\mid x]-x}{\sigma^2}", "Bayes' rule."),
    ],
    certificate=Certificate("ab" * 32, True, rules=["under-integral", "algebra"], axioms=["Bayes"], dimensions=[1, 2, 3]),
    script="from sympy import *\nx = symbols('x')\nprint(diff(exp(-x**2 / 2), x))",
)  # fmt: skip


@pytest.fixture(scope="module")
def book() -> Book:
    return books.load(ledger.read(ROOT / "docs" / "ledger.json"))


@pytest.fixture(scope="module")
def derived(book: Book) -> Book:
    return Book(book.claims, book.ledger, AGREEMENTS, lambda slug: SAMPLE if slug == "tweedie" else None)


@pytest.fixture
def typesetter(tmp_path: Path) -> Iterator[Typesetter]:
    if not (NPM / "node_modules").is_dir():
        pytest.skip("KaTeX is installed by `make docs`")
    made = Typesetter(NPM, tmp_path / "cache.sqlite")
    yield made
    made.close()


def test_every_claim_has_a_page_with_its_parts(book: Book) -> None:
    for one in book.claims.values():
        page = claim.page(book, one)
        for part in (
            "# Hypotheses",
            "# Derivation",
            "# How it was checked",
            "# What rests on what",
            "# Sources",
            "# Cite",
        ):
            assert part in page or ("checked" in part and not book.entry(one.slug)["agreements"]), (one.tag, part)
        assert notation.found_in(claim.words_tex(one)) or "\\" not in claim.words_tex(one), one.tag
        assert f'<p class="slogan">{unicode.words(one.slogan)}</p>' in page
        for said in (*one.hypotheses, *map(unicode.whole, one.without)):
            assert unicode.words(said) in page


def test_figures_of_a_page_are_the_ledgers(book: Book) -> None:
    one = book.claims["tweedie"]
    entry = book.entry("tweedie")
    page = later.restore(claim.page(book, one))
    held = sum(a["ok"] for a in entry["agreements"])
    assert f"<b>{held} of {len(entry['agreements'])}</b> cells held" in page
    for cell in entry["agreements"]:
        assert claim.number(cell["discrepancy"]) in page
    assert entry["statement_sha256"][:16] in page
    assert f"<b>{entry['mutants']['refuted']} of {entry['mutants']['total']}</b> refuted" in page


def test_a_derivation_is_laid_out_line_by_line(derived: Book) -> None:
    page = later.restore(claim.page(derived, derived.claims["tweedie"]))
    for number, line in enumerate(SAMPLE.lines, 1):
        assert f'<li id="line-{number}">' in page
        assert maths.text(line.reason) in page
    assert "the lines that use it" in page
    assert '<b>Without it</b> Where <span class="tex" data-tex="p = 0">' in page
    assert "replayed" in page.lower()
    assert SAMPLE.script in page
    assert "Copy sympy" in page
    assert "Not derived here yet" not in page
    assert "Not derived here yet" in claim.page(derived, derived.claims["fokker-planck"])


def test_every_named_function_is_there() -> None:
    for slug, names in code.NAMED.items():
        assert slug in registry.claims()
        assert [s.name for s in code.of_claim(slug, [])] == [f"{code.IMPL}.{name}" for name in names]


def test_every_paper_is_there() -> None:
    papers = claim._papers()
    for slug, keys in papers["claims"].items():
        assert slug in registry.claims()
        assert set(keys) <= set(papers["paper"])


def test_formulas_are_typeset_once_and_kept(typesetter: Typesetter, tmp_path: Path) -> None:
    wanted = [Formula(r"x_0"), Formula(r"x_0", True), Formula(r"x_0")]
    got = typesetter.render(wanted, "here")
    assert typesetter.made == 2
    assert 'class="katex-display"' in got[wanted[1]]
    again = Typesetter(NPM, tmp_path / "cache.sqlite")
    assert again.render(wanted, "here") == got
    assert again.made == 0


def test_a_bad_formula_names_its_page_and_harms_no_other(typesetter: Typesetter) -> None:
    with pytest.raises(BadInput, match=r"topics/score\.md: KaTeX refuses .*\\\\frac"):
        typesetter.render([Formula("a"), Formula(r"\frac{a"), Formula("b")], "topics/score.md")
    assert "katex" in typesetter.render([Formula("c")], "here")[Formula("c")]
    with pytest.raises(BadInput, match="x"):
        typesetter.render([Formula("é")], "x")  # no letter that KaTeX has no measure of


def test_placeholders_are_replaced_and_search_words_removed(typesetter: Typesetter) -> None:
    page = maths.text(r"with $x_0$ and $$y_1 \tag{3}$$") + maths.search_only("α")
    assert "x_0" in page.replace("&#95;", "_")
    done = maths.typeset(page, typesetter, "here")
    assert done.count('class="katex"') == 2
    assert '<span class="equation" id="eq-3">' in done
    assert "data-tex" not in done
    assert "search-only" not in done


def test_plain_words_get_their_subscripts() -> None:
    assert (
        maths.text("x_0 and E_{p_0}") == "<var>x<sub>0</sub></var> and <var>E<sub><var>p<sub>0</sub></var></sub></var>"
    )
    assert maths.text("log_prob, a_long_name") == "log_prob, a_long_name"


LETTERS = str.maketrans(
    {"ϕ": "φ", "ϵ": "ε", "𝔼": "E", "−": "-", "½": "1/2", "‖": "|", " ": "", "{": "", "}": "", "^": "", "_": ""}
)


def letters(text: str) -> list[str]:
    """What a formula is made of, whatever way it is written."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).translate(LETTERS)
    return sorted(c for c in plain if c.isalnum() or c in "=<>≤≥≠+∇∂∫√∞")


def test_symbols_in_sentences_become_formulas_and_lose_nothing(typesetter: Typesetter) -> None:
    found, told = [], ""
    for one in registry.claims().values():
        for said in (one.slogan, *one.hypotheses, *one.without, one.statement):
            made = unicode.dollars(said)
            found += [(tex, one.tag) for _, tex in maths.DOLLARS.findall(made)]
            back = maths.DOLLARS.sub(lambda m: maths.plain(m[2]), made)
            assert letters(back) == letters(said), (one.tag, said, back)
            told += made
    assert len(found) > 300
    assert "$x_{t}$" in told
    typesetter.render([Formula(tex) for tex, _ in found], "the registry")  # KaTeX refuses none


def signs(text: str) -> set[str]:
    """The Greek letters and signs that can stand for nothing else."""
    import unicodedata

    return {c for c in unicodedata.normalize("NFKD", text) if "α" <= c <= "ω" or c in "ΓΔΛΠΣΦΨΩ∇∂∫≤≥≠∞"}


def test_the_statement_in_tex_has_all_symbols_of_the_one_in_words() -> None:
    for one in registry.claims().values():
        told = maths.DOLLARS.sub(lambda m: maths.plain(m[1] or m[2]), claim.words_tex(one))
        assert signs(one.statement) <= signs(told), (one.tag, signs(one.statement) - signs(told))


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("for a w that vanishes, other than 0", "for a $w$ that vanishes, other than 0"),
        ("σ > 0 (x_0 may have any law)", r"$\sigma > 0$ ($x_{0}$ may have any law)"),
        ("dx = f dt + g dw, of an SDE", r"$dx = f\,dt + g\,dw$, of an SDE"),
        ("β 1 % too large", r"$\beta$ 1 % too large"),
        ("at ½ |x|² it's 1e-9; I can", r"at $\tfrac12 |x|^{2}$ it's 1e-9; I can"),
        ("p_data and log_prob, a_long_name", r"$p_{\mathrm{data}}$ and log_prob, a_long_name"),
        ("I(x; y | z) is KL(q ‖ p)", r"$I(x; y \mid z)$ is $\mathrm{KL}(q\,\|\,p)$"),
        ("on data that are points, as $x$ is", "on data that are points, as $x$ is"),
    ],
)
def test_what_is_a_formula_and_what_is_not(said: str, made: str) -> None:
    assert unicode.dollars(said) == made


def term(*keys: str) -> frozenset[str]:
    return frozenset(keys)


def test_hypotheses_that_others_say_are_left_out_with_their_lines() -> None:
    square = Hypothesis("|s - g|²", (5,), kind="converges", terms=frozenset({term("ss"), term("sg"), term("gg")}))
    cross = Hypothesis("s g", (2, 5), kind="converges", terms=frozenset({term("sg")}))
    product = Hypothesis("∇(s g)", (7,), kind="converges", terms=frozenset({term("s∇g", "g∇s")}))
    other = Hypothesis("s ∇g", (1,), kind="converges", terms=frozenset({term("s∇g")}))
    unknown = Hypothesis("?", (9,), kind="converges")
    tested = Hypothesis("φ s g", (3,), kind="converges", terms=frozenset({term("sg")}), every=True)
    found = [cross, square, product, other, unknown, tested]
    short = assumptions.shortened(found)
    # the sum of two integrals says nothing of each; what is asked of test functions is another thing
    assert [h.text for h in short] == ["|s - g|²", "∇(s g)", "s ∇g", "?", "φ s g"]
    assert short[0].used_in == (2, 5)
    both = Hypothesis("g ∇s", (8,), kind="converges", terms=frozenset({term("g∇s")}))
    short = assumptions.shortened([product, other, both])
    assert [(h.text, h.used_in) for h in short] == [("s ∇g", (1, 7)), ("g ∇s", (7, 8))]
    twins = [Hypothesis("a", (1,), kind="converges", terms=frozenset({term("t")})), Hypothesis("b", (2,), kind="converges", terms=frozenset({term("t")}))]  # fmt: skip
    assert [h.used_in for h in assumptions.shortened(twins)] == [(1, 2)]


def test_hypotheses_of_a_real_derivation() -> None:
    found = derivation_of("implicit-score-matching")
    assert found is not None
    short = assumptions.shortened(found.hypotheses)
    assert len(short) < len(found.hypotheses)
    lines = {n for h in found.hypotheses for n in h.used_in}
    assert {n for h in short for n in h.used_in} == lines
    assert all(h.kind in assumptions.KINDS for h in found.hypotheses)


def test_chapters_list_all_their_claims(book: Book) -> None:
    for topic, chapter in topics.CHAPTERS.items():
        page = ROOT / "docs" / "topics" / f"{topic}.md"
        assert page.is_file() == chapter.page
        if chapter.page:
            assert f"{{{{ chapter {topic} }}}}" in page.read_text(encoding="utf-8")
            shown = expand.expand(f"{{{{ chapter {topic} }}}}", book, f"topics/{topic}.md")
            assert all(f"t/{c.tag}/" in shown for c in book.claims.values() if c.topic == topic)
    assert lists._place("4.10.2") > lists._place("4.9")


def test_references(book: Book) -> None:
    made = expand.expand("By [CD-0006] and [this](x).", book, "topics/score.md")
    assert 'href="../../t/CD-0006/"' in made
    assert 'href="t/CD-0006/"' in expand.expand("[CD-0006]", book, "index.md")
    with pytest.raises(BadInput, match=r"a\.md: no claim 'CD-9999'"):
        expand.expand("[CD-9999]", book, "a.md")
    assert 'href="../../t/CD-0006/"' in expand.expand("[@tweedie]", book, "topics/score.md")
    assert "CD-0006" in expand.expand("{{ claimed tweedie no-such-claim }}", book, "index.md")
    assert expand.expand("{{ claimed no-such-claim }}", book, "index.md") == ""
    with pytest.raises(BadInput, match="did you mean 'coverage'"):
        expand.expand("{{ coverag }}", book, "a.md")


def test_edges_of_the_map_go_from_left_to_right(book: Book) -> None:
    depth = graph.levels(book)
    assert all(depth[used] < depth[one.slug] for one in book.claims.values() for used in one.uses)
    drawn = later.restore(expand.whole_map(book))
    assert all(f'id="{tag}"' in drawn for tag in book.by_tag)


def test_a_node_is_green_only_when_all_beneath_it_is() -> None:
    claims = {
        s: Claim(f"CD-000{i}", s, s, s, "score", "1", (), uses=u) for i, (s, u) in enumerate([("a", ()), ("b", ("a",))])
    }

    def of(a: str, b: str) -> Book:
        entries = [{**books.NOTHING, "slug": s, "status": x, "earned": x} for s, x in (("a", a), ("b", b))]
        return Book(claims, {"claims": entries}, {})

    assert of("derived", "derived").whole("b")
    assert not of("not run", "derived").whole("b")
    assert not of("evaluated", "evaluated").whole("b")


def test_the_plot_shows_zero_infinity_and_failure() -> None:
    cells = [{"name": "a", "target": "t", "schedule": "s", "tolerance": 1e-8, "discrepancy": d, "ok": ok} for d, ok in ((0.0, True), (1e-12, True), ("inf", False), ("nan", False))]  # fmt: skip
    drawn = plot.strip(cells)
    assert drawn.count('class="dot"') == 2
    assert drawn.count('class="dot bad"') == 2
    assert "nan" not in drawn.replace("nan against", "")
    assert plot.strip([]) == ""


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="a/#x">1</a><a href="a/#y">2</a><a href="b/">3</a><img src="https://h/i.png">'
    )
    (tmp_path / "a" / "index.html").write_text('<p id="x"><a href="../">up</a>')
    found = list(check.broken(tmp_path))
    assert len(found) == 3
    assert any("a/#y has no such anchor" in f for f in found)
    assert any("b/ leads nowhere" in f for f in found)
    assert any("https://h/i.png" in f for f in found)
