"""The built site in a browser: formulas, colours, widths, search, links, accessibility; and how long 500 claims take.

`make site-test` builds the site and says where it is in CONCORDANT_SITE.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from concordant.proofs_tests import ledger
from concordant.proofs_tests.pages import book as books
from concordant.proofs_tests.pages import check, katex
from concordant.proofs_tests.pages.book import Book
from concordant.theory import registry

pytestmark = [pytest.mark.site, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = [
    "",
    "claims/",
    "map/",
    "coverage/",
    "notation/",
    "checking/",
    "conventions/",
    "topics/score/",
    "topics/calculus/",
    "t/CD-0006/",
    "t/CD-0015/",
]
LOOKS = ((375, "dark"), (1280, "light"))


def missing(what: str) -> None:
    """Skip where a reader has no browser; in CI that is a failure."""
    said = f"{what}: run `make site-test` on a machine with Node and Chromium"
    if os.environ.get("CI"):
        pytest.fail(said)
    pytest.skip(said)


@pytest.fixture(scope="session")
def site() -> Path:
    path = ROOT / os.environ.get("CONCORDANT_SITE", "site")
    if not (path / "index.html").is_file():
        missing("the site is not built")
    return path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("there is no Chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


class Look:
    """A page as it is opened, with what went wrong in its console and what it asked of others."""

    def __init__(self, page: Any, address: str, path: str) -> None:
        self.page, self.complaints, self.outside = page, list[str](), list[str]()
        self.inside = (address, "data:", "blob:")
        page.on("console", self.on_console)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("requestfailed", lambda r: self.complaints.append(f"failed: {r.url}"))
        page.on("request", self.on_request)
        page.goto(address + path)
        page.evaluate("document.fonts.ready.then(() => true)")

    def on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def on_request(self, request: Any) -> None:
        if not request.url.startswith(self.inside):
            self.outside.append(request.url)


@contextlib.contextmanager
def looking(
    browser: Any, address: str, path: str, width: int = 1280, colour: str = "light", **options: Any
) -> Iterator[Look]:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colour, **options)
    try:
        yield Look(page, address, path)
    finally:
        page.close()


def every_page(site: Path) -> list[str]:
    return [p.parent.relative_to(site).as_posix().replace(".", "", 1) + "/" for p in sorted(site.rglob("index.html"))]


UNSEEN = """() => [...document.querySelectorAll('.katex')].filter(e => {
  if (e.closest('details:not([open])')) return false;
  const flat = b => !(b.width > 1 && b.height > 1);
  const roots = [...e.querySelectorAll('.sqrt svg')].map(s => s.getBoundingClientRect());
  return flat(e.querySelector('.katex-html').getBoundingClientRect()) || roots.some(flat) || getComputedStyle(e).visibility !== 'visible';
}).map(e => e.textContent)"""
WIDE = "() => document.documentElement.scrollWidth - innerWidth"


def test_every_page_is_typeset_quiet_and_asks_nobody_else(site: Path, address: str, browser: Any) -> None:
    wrong = []
    for path in every_page(site):
        path = "" if path == "/" else path
        with looking(browser, address, path, 375) as look:
            wrong += [f"{path}: {text}" for text in look.complaints + look.outside]
            wrong += [f"{path}: not seen: {text[:60]}" for text in look.page.evaluate(UNSEEN)]
            if look.page.locator(".katex-error, span.tex").count():
                wrong.append(f"{path}: a formula is not typeset")
            if (over := look.page.evaluate(WIDE)) > 0:
                wrong.append(f"{path}: {over} px too wide at 375")
    assert not wrong, "\n".join(wrong)


def test_formulas_are_set_in_katex_fonts(address: str, browser: Any) -> None:
    with looking(browser, address, "t/CD-0006/") as look:
        assert look.page.locator(".statement .katex").count() == 2
        assert look.page.evaluate(
            "document.fonts.check('16px KaTeX_Main') && document.fonts.check('16px \"Source Serif 4\"')"
        )


@pytest.mark.parametrize("path", PAGES)
def test_readable_in_both_colours_and_widths(address: str, browser: Any, path: str) -> None:
    axe = (ROOT / "build" / "npm" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    wrong = []
    for width, colour in LOOKS:
        with looking(browser, address, path, width, colour) as look:
            assert look.page.evaluate(WIDE) <= 0
            look.page.evaluate(axe)
            found = look.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            for one in found["violations"]:
                if one["impact"] in ("serious", "critical"):
                    nodes = "; ".join(n["html"][:120] for n in one["nodes"][:3])
                    wrong.append(f"{width} {colour} {one['id']}: {one['help']}: {nodes}")
    assert not wrong, "\n".join(wrong)


def test_colours_follow_the_system(address: str, browser: Any) -> None:
    seen = set()
    for colour in ("light", "dark"):
        with looking(browser, address, "t/CD-0006/", colour=colour) as look:
            seen.add(look.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        ("tweedie", "CD-0006"),
        ("CD-0013", "CD-0013"),
        ("∇²", "CD-0007"),
        ("ᾱ", "CD-0011"),
        ("ddim_step", "CD-0017"),
        ("flow matching path", "CD-0005"),
        ("explicit affine map", "CD-0022"),
    ],
)
def test_search_finds_a_claim_by_name_tag_and_symbol(address: str, browser: Any, words: str, tag: str) -> None:
    with looking(browser, address, "") as look:
        look.page.locator("input.md-search__input").press_sequentially(words)
        look.page.keyboard.press("End")  # letters that are on no key raise no event of a key
        look.page.wait_for_selector(f".md-search-result__link[href*='t/{tag}/']", timeout=10_000)


def test_readable_without_javascript(address: str, browser: Any) -> None:
    for path in ("t/CD-0006/", "map/", "notation/"):
        with looking(browser, address, path, java_script_enabled=False) as look:
            assert look.page.locator(".katex, svg a.node").first.is_visible()
            assert look.page.locator("button.copy:visible, .map-tools:visible").count() == 0
            assert look.page.locator("h1").is_visible()


def test_copy_buttons_copy(address: str, browser: Any) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address + "t/CD-0006/")
    copied = []
    for name in ("Copy BibTeX", "Copy TeX", "Copy JSON"):
        page.get_by_role("button", name=name).click()
        page.wait_for_function("[...document.querySelectorAll('button.copy')].some(b => b.textContent === 'Copied')")
        copied.append(page.evaluate("navigator.clipboard.readText()"))
        page.wait_for_timeout(1600)
    context.close()
    assert copied[0].startswith("@misc{concordant-CD-0006,\n")
    assert r"\mathbb{E}[x_0\mid x_t=x]" in copied[1]
    assert json.loads(copied[2])["slug"] == "tweedie"


def test_the_map_finds_zooms_and_leads_to_a_claim(address: str, browser: Any) -> None:
    with looking(browser, address, "map/#CD-0029") as look:
        page = look.page
        assert page.locator("#CD-0029.lit").count() == 1
        before = page.locator(".cd-map").bounding_box()["width"]
        page.get_by_role("link", name="Solvers", exact=True).last.click()
        assert page.locator("#lane-solvers").bounding_box()["y"] < 900
        page.get_by_label("Larger").click()
        assert page.locator(".cd-map").bounding_box()["width"] > before
        page.get_by_label("Find a claim on the map").fill("tweedie second")
        assert page.locator("a.node:not(.dim)").count() == 1
        page.keyboard.press("Enter")
        page.wait_for_url("**/t/CD-0007/")


def test_hypotheses_say_what_breaks_without_them_and_lead_to_lines(address: str, browser: Any) -> None:
    with looking(browser, address, "t/CD-0009/") as look:
        page = look.page
        words = page.locator("ul.hypotheses").first
        assert words.locator("li").count() == words.locator("li .without").count() == 3
        page.get_by_text("What the lines of the derivation assume").click()
        page.locator("dl.assumed").first.wait_for(state="visible")
        page.locator("dl.assumed a[href='#line-2']").first.click()
        page.wait_for_url("**#line-2")


def test_slogans_are_under_titles_and_in_lists(address: str, browser: Any) -> None:
    slogan = registry.claim("tweedie").slogan
    for path, place in (("t/CD-0006/", "p.slogan"), ("claims/", "ul.claims"), ("topics/score/", "ul.claims")):
        with looking(browser, address, path) as look:
            assert look.page.locator(place).filter(has_text=slogan).first.is_visible()


def test_a_claim_is_reached_by_keyboard(address: str, browser: Any) -> None:
    with looking(browser, address, "claims/") as look:
        for _ in range(60):
            look.page.keyboard.press("Tab")
            if "/t/CD-" in (look.page.evaluate("document.activeElement.href") or ""):
                return
        pytest.fail("no claim within 60 steps")


def test_every_link_and_anchor_resolves(site: Path) -> None:
    assert list(check.broken(site)) == []


def test_every_bibtex_entry_parses(site: Path) -> None:
    from bibtexparser.entrypoint import parse_string

    for tag in [one.tag for one in registry.claims().values()]:
        page = check.html_text(site / "t" / tag / "index.html", "pre", "bibtex")
        parsed = parse_string(page)
        assert not parsed.failed_blocks, tag
        (entry,) = parsed.entries
        assert entry.key == f"concordant-{tag}"
        assert tag in entry["note"]


def test_a_stale_ledger_stops_the_build(tmp_path: Path) -> None:
    from mkdocs.config import load_config
    from mkdocs.exceptions import PluginError

    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site"))
    with (
        mock.patch.dict(os.environ, {"CONCORDANT_STALE_LEDGER": ""}),
        mock.patch.object(ledger, "stale", return_value=True),
        pytest.raises(PluginError, match="is stale"),
    ):
        config.plugins.on_config(config)


def many(count: int, formulas: int) -> Book:
    """A book of so many claims, each with so many formulas that no other has."""
    from concordant.proofs_tests.pages.derivation import Certificate, DerivationPage, Line

    claims, entries = {}, []
    found = ledger.read(ROOT / "docs" / "ledger.json")
    run = {entry["slug"] for entry in found["claims"]}
    real = [one for one in registry.claims().values() if one.slug in run]
    for n in range(count):
        old = real[n % len(real)]
        slug = f"{old.slug}-{n}"
        uses = tuple(s for s in (f"{real[k % len(real)].slug}-{k}" for k in (n - 7, n - 31, n // 2 - 1)) if s in claims)
        claims[slug] = replace(old, tag=f"CD-{n + 1:04d}", slug=slug, rows=old.rows if n < len(real) else (), uses=uses)
        entries.append(
            {**next(e for e in found["claims"] if e["slug"] == old.slug), "slug": slug, "tag": f"CD-{n + 1:04d}"}
        )

    def derivation(slug: str) -> DerivationPage:
        n = slug.rsplit("-", 1)[1]
        tex = [
            rf"\mathbb{{E}}_{{p_{{{n}}}}}\Bigl[\tfrac12\int_0^{{{k}}}g(t)^2\,\bigl\|s_\varphi(x_t,t)-\nabla\log p_t(x_t)\bigr\|^2dt\Bigr]"
            for k in range(formulas)
        ]
        return DerivationPage(
            "", tex[0], [], [Line("=", t, "By algebra.") for t in tex[1:]], Certificate("0" * 64, True)
        )

    return Book(claims, {**found, "claims": entries}, books.load(found).agreements, derivation)


@pytest.mark.slow
def test_five_hundred_claims_build_in_time(tmp_path: Path) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    book, real = many(500, 15), katex.Typesetter
    seconds, busy = [], []
    with (
        mock.patch.object(katex, "Typesetter", lambda npm, cache: real(npm, tmp_path / cache.name)),
        mock.patch.object(books, "load", return_value=book),
        mock.patch.object(ledger, "stale", return_value=False),
    ):
        for _ in range(2):
            start, used = time.perf_counter(), time.process_time()
            build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site")))
            seconds.append(time.perf_counter() - start)
            busy.append(time.process_time() - used)
    assert len(list((tmp_path / "site" / "t").glob("*/index.html"))) == 500
    print(
        f"500 claims of 15 formulas: {seconds[0]:.0f} s cold, {seconds[1]:.0f} s from the cache ({busy[1]:.0f} s of it busy)"
    )
    assert seconds[0] < 120
    assert busy[1] < 30  # a machine that does other things meanwhile must not matter here
