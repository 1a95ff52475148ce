"""The Rosetta page and the playground in a browser: their figures are the library's, and they draw, whatever is chosen."""

from __future__ import annotations

import functools
import http.server
import itertools
import math
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from concordant.impl.conventions import CONVENTIONS, Theirs, from_ours, to_ours
from concordant.impl.predictions import KINDS, Prediction
from concordant.impl.schedules import Level, schedule

pytestmark = pytest.mark.site
sync_api = pytest.importorskip("playwright.sync_api")

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


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site served on this machine: the folder that CONCORDANT_SITE names, else built here without its hooks.

    The hooks ask for a fresh ledger and typeset formulas, which these tests do not need.
    """
    built = os.environ.get("CONCORDANT_SITE")
    if built is None:
        folder = tmp_path_factory.mktemp("site")
        config = folder / "mkdocs.yml"
        bare = "hooks: []\nplugins: [search]\nextra_css: []\nextra_javascript: []\n"
        config.write_text(
            f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: {ROOT / 'docs'}\nsite_dir: {folder / 'site'}\n{bare}"
        )
        subprocess.run(
            [sys.executable, "-m", "mkdocs", "build", "-q", "-f", config],
            check=True, env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"}, capture_output=True, cwd=ROOT,
        )  # fmt: skip
        built = str(folder / "site")
    handler = functools.partial(_Quiet, directory=str(ROOT / built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


class Tab:
    """A page with what went wrong in it: console errors, exceptions, requests to other hosts."""

    def __init__(self, browser: Any, address: str, path: str, **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.faults: list[str] = []
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.faults.append(str(e)))
        self.page.on(
            "request", lambda r: self.faults.append(r.url) if not r.url.startswith((address, "data:")) else None
        )
        self.page.goto(f"{address}/{path}/")

    def choose(self, **values: object) -> None:
        for name, value in values.items():
            element = self.page.locator(f"#pg-{name}")
            if element.evaluate("e => e.tagName") == "SELECT":
                element.select_option(str(value))
            else:
                element.evaluate(
                    "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', { bubbles: true })); }", str(value)
                )
        self.settle()

    def settle(self) -> None:
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def picture(self, which: str = "#pg-stage") -> str:
        found: str = self.page.locator(which).evaluate("c => c.toDataURL()")
        return found

    def inked(self, which: str) -> float:
        """The share of a canvas's pixels that something was drawn on."""
        share: float = self.page.locator(which).evaluate(
            "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
            " for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return (4 * n) / d.length; }"
        )
        return share


@pytest.fixture
def open_tab(browser: Any, address: str) -> Iterator[Any]:
    tabs: list[Tab] = []

    def opened(path: str, **options: Any) -> Tab:
        tabs.append(Tab(browser, address, path, **options))
        return tabs[-1]

    yield opened
    for tab in tabs:
        assert tab.faults == []
        tab.page.close()


# ------------------------------------------------------------------------------------------------ the converter
def fill(tab: Tab, source: str, **fields: object) -> None:
    tab.page.select_option("#cv-from", source)
    for name, value in fields.items():
        element = tab.page.locator(f"#cv-{name}")
        element.select_option(str(value)) if name == "schedule" else element.fill(str(value))


def kinds_shown(tab: Tab) -> dict[str, float]:
    found = tab.page.eval_on_selector_all("#converter dd", "e => e.map((d) => [d.dataset.kind, d.dataset.value])")
    return {kind: float(value) if value != "null" else math.nan for kind, value in found}


def networks_shown(tab: Tab) -> dict[str, dict[str, float]]:
    rows = tab.page.eval_on_selector_all(
        "#converter tbody tr",
        "e => e.map((r) => [r.dataset.convention, Object.assign({}, ...[...r.children].map((c) => ({ ...c.dataset })))])",
    )
    return {name: {key: float(v) for key, v in cells.items()} for name, cells in rows}


@pytest.mark.parametrize("kind", KINDS)
def test_converter_gives_our_figures(open_tab: Any, kind: Any) -> None:
    tab = open_tab("rosetta")
    fill(tab, f"kind:{kind}", value="-0.7", x="1.3", schedule="sub-vp", t="0.35")
    clock, x = schedule("sub-vp"), tensor(1.3)
    prediction = Prediction(kind, tensor(-0.7))
    shown = kinds_shown(tab)
    for to in KINDS:
        assert shown[to] == pytest.approx(float(prediction.to(to, x, clock.at(0.35)).value), rel=1e-12)
    networks = networks_shown(tab)
    assert list(networks) == list(CONVENTIONS)
    reached = 0
    for name, cells in networks.items():
        if not cells:
            continue
        want = from_ours(name, prediction, x, 0.35, clock)
        for key, value in (("c", want.c), ("x", want.x), ("output", want.output)):
            assert cells[key] == pytest.approx(float(value), rel=1e-9), (name, key)
        reached += 1
    assert reached >= len(CONVENTIONS) - 1  # λ is below NCSN's largest level here


def test_converter_by_hand(open_tab: Any) -> None:
    tab = open_tab("rosetta")
    fill(
        tab,
        "kind:velocity",
        schedule="hand",
        value="0.4",
        x="-2",
        alpha="0.8",
        sigma="0.5",
        dAlpha="-1.5",
        dSigma="0.7",
    )
    level = Level(*(torch.tensor(v, dtype=torch.float64) for v in (0.8, 0.5, -1.5, 0.7, 0.7)))
    for to, got in kinds_shown(tab).items():
        want = Prediction("velocity", tensor(0.4)).to(to, tensor(-2.0), level).value
        assert got == pytest.approx(float(want), rel=1e-12)


@pytest.mark.parametrize("name", ["edm", "diffusers-v", "rectified-flow", "flow_matching-vp", "azula-karras", "ncsn"])
def test_converter_takes_what_a_network_says(open_tab: Any, name: str) -> None:
    tab = open_tab("rosetta")
    c = float(CONVENTIONS[name].clock(torch.tensor(0.8, dtype=torch.float64)))
    fill(tab, f"theirs:{name}", c=repr(c), x="0.6", value="-1.1", schedule="vp-linear")
    shown = kinds_shown(tab)
    for to in KINDS:
        want = to_ours(
            name, Theirs(tensor(c), tensor(0.6).unsqueeze(0), tensor(-1.1).unsqueeze(0)), schedule("vp-linear"), to
        )
        assert shown[to] == pytest.approx(float(want.prediction.value), rel=1e-8, abs=1e-10)
    assert networks_shown(tab)[name]["output"] == pytest.approx(-1.1, rel=1e-10)


def test_converter_says_what_is_wrong(open_tab: Any) -> None:
    tab = open_tab("rosetta")
    fill(tab, "kind:epsilon", t="1.5")
    assert "t must be a number, at least 0, at most 1" in tab.page.inner_text(".play-error")
    assert tab.page.get_attribute("#cv-t", "aria-invalid") == "true"
    fill(tab, "kind:epsilon", t="1")
    assert "does not fix both" in tab.page.inner_text(".play-error")
    assert math.isnan(kinds_shown(tab)["x0"])
    fill(tab, "kind:epsilon", t="0.5")
    assert tab.page.inner_text(".play-error") == ""


def test_converter_by_keyboard(open_tab: Any) -> None:
    tab = open_tab("rosetta")
    tab.page.focus("#cv-from")
    order = []
    for _ in range(5):
        order.append(tab.page.evaluate("document.activeElement.id"))
        tab.page.keyboard.press("Tab")
    assert order == ["cv-from", "cv-value", "cv-x", "cv-schedule", "cv-t"]
    tab.page.focus("#cv-value")
    tab.page.keyboard.press("Control+a")
    tab.page.keyboard.type("0.25")
    assert kinds_shown(tab)["x0"] == 0.25


# ------------------------------------------------------------------------------------------------ the playground
@pytest.mark.parametrize(("width", "scheme"), list(itertools.product((1280, 375), ("light", "dark"))))
def test_playground_draws(open_tab: Any, width: int, scheme: str) -> None:
    tab = open_tab("playground", viewport={"width": width, "height": 800}, color_scheme=scheme, device_scale_factor=2)
    tab.page.wait_for_selector("#pg-root[data-ready]")
    for which in ("#pg-stage", "#pg-common", *(f"[data-own={n}]" for n in ("ddpm", "ncsn", "sde", "flow"))):
        assert tab.inked(which) > 0.02, which
        assert tab.page.get_attribute(which, "aria-label")
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.page.locator("#pg-stage").evaluate("c => Math.abs(c.width - 2 * c.clientWidth) <= 1"), (
        "sharp at two pixels a dot"
    )


@pytest.mark.parametrize("page", ["rosetta", "playground"])
def test_no_sideways_scroll(open_tab: Any, page: str) -> None:
    tab = open_tab(page, viewport={"width": 375, "height": 800})
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_time_changes_the_picture(open_tab: Any) -> None:
    tab = open_tab("playground")
    tab.page.wait_for_selector("#pg-root[data-ready]")
    pictures = {(tab.picture(), tab.picture("#pg-common"))}
    tab.choose(time=200)
    pictures.add((tab.picture(), tab.picture("#pg-common")))
    tab.page.focus("#pg-time")
    for _ in range(30):
        tab.page.keyboard.press("ArrowRight")
    tab.settle()
    pictures.add((tab.picture(), tab.picture("#pg-common")))
    box = tab.page.locator("#pg-stage").bounding_box()
    tab.page.locator("#pg-stage").scroll_into_view_if_needed()
    box = tab.page.locator("#pg-stage").bounding_box()
    tab.page.mouse.move(box["x"] + 100, box["y"] + 150)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 400, box["y"] + 150, steps=4)
    tab.page.mouse.up()
    tab.settle()
    pictures.add((tab.picture(), tab.picture("#pg-common")))
    assert len(pictures) == 4
    assert tab.page.input_value("#pg-time") not in ("200", "230")


def test_time_reads_as_the_schedule_has_it(open_tab: Any) -> None:
    tab = open_tab("playground")
    tab.page.wait_for_selector("#pg-root[data-ready]")
    tab.choose(formulation="sde", time=640)
    text = tab.page.inner_text("#pg-read").replace("−", "-")
    shown = {k: float(v) for k, v in re.findall(r"(t|α|σ|λ) = ([-\d.e]+)", text)}
    clock, t = schedule("sub-vp"), torch.tensor(shown["t"], dtype=torch.float64)
    assert shown["α"] == pytest.approx(float(clock.alpha(t)), rel=0.02)
    assert shown["σ"] == pytest.approx(float(clock.sigma(t)), rel=0.02)
    assert shown["λ"] == pytest.approx(float(clock.lam(t)), abs=0.02)


def test_every_choice_draws(open_tab: Any) -> None:
    """All targets, formulations and samplers, and all schedules: something is drawn, and no two samplers draw the same."""
    tab = open_tab("playground", viewport={"width": 800, "height": 700})
    tab.page.wait_for_selector("#pg-root[data-ready]")
    tab.choose(steps=10)
    for target, formulation in itertools.product(
        ("peaks", "uneven", "ring", "blades"), ("ddpm", "ncsn", "sde", "flow")
    ):
        tab.choose(target=target, formulation=formulation)
        pictures = set()
        for sampler in ("euler", "heun", "ddim", "ancestral", "sde"):
            tab.choose(sampler=sampler)
            pictures.add(tab.picture())
        assert len(pictures) >= 4, (target, formulation)  # Euler is DDIM where time is σ/α
        assert tab.inked("#pg-stage") > 0.02
    tab.choose(target="peaks", formulation="flow")
    for name, clock in itertools.product(
        ("vp-linear", "vp-cosine", "trigonometric", "sub-vp", "edm", "ve"), ("t", "lam")
    ):
        tab.choose(schedule=name, clock=clock)
        assert tab.inked("#pg-stage") > 0.02


def test_ddim_is_euler_of_the_exploding_twin(open_tab: Any) -> None:
    """On EDM's clock Euler's step and DDIM's are one step (CD-0017): the same picture."""
    tab = open_tab("playground")
    tab.page.wait_for_selector("#pg-root[data-ready]")
    tab.choose(formulation="ncsn", sampler="euler", steps=12)
    one = tab.picture()
    tab.choose(sampler="ddim")
    assert tab.picture() == one
    tab.choose(formulation="ddpm", sampler="euler")
    one = tab.picture()
    tab.choose(sampler="ddim")
    assert tab.picture() != one


def test_four_formulations_meet(open_tab: Any) -> None:
    tab = open_tab("playground")
    tab.page.wait_for_selector("#pg-root[data-ready]")
    for target in ("peaks", "uneven", "ring", "blades"):
        tab.choose(target=target)
        apart = re.search(r"([\d.]+e−\d+)", tab.page.inner_text("#pg-apart"))
        assert apart is not None
        assert float(apart[1].replace("−", "-")) < 1e-5


def test_the_same_noise_gives_the_same_picture(open_tab: Any) -> None:
    one, other = open_tab("playground"), open_tab("playground")
    for tab in (one, other):
        tab.page.wait_for_selector("#pg-root[data-ready]")
        tab.choose(sampler="sde")
    assert one.picture() == other.picture()
    before = one.picture()
    one.page.click("#pg-noise")
    one.settle()
    assert one.picture() != before


def test_colours_follow_the_page(open_tab: Any) -> None:
    tab = open_tab("playground", color_scheme="light")
    tab.page.wait_for_selector("#pg-root[data-ready]")
    before = tab.picture()
    tab.page.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
    tab.settle()
    assert tab.picture() != before


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_playing_respects_reduced_motion(open_tab: Any, motion: str, moves: bool) -> None:
    """Play runs smoothly; where motion is not wanted, nothing moves in the first half second, and then by a step."""
    tab = open_tab("playground", reduced_motion=motion)
    tab.page.wait_for_selector("#pg-root[data-ready]")
    tab.page.wait_for_timeout(300)
    assert tab.page.input_value("#pg-time") == "600", "nothing moves by itself"
    tab.page.click("#pg-play")
    assert tab.page.get_attribute("#pg-play", "aria-pressed") == "true"
    tab.page.wait_for_timeout(600)
    assert (tab.page.input_value("#pg-time") != "600") == moves
    if not moves:
        tab.page.wait_for_timeout(1200)
        assert tab.page.input_value("#pg-time") == "725"
    tab.page.click("#pg-play")
    assert tab.page.inner_text("#pg-play") == "Play"


def test_without_javascript(open_tab: Any) -> None:
    tab = open_tab("playground", java_script_enabled=False)
    image = tab.page.locator("#pg-root img")
    assert image.is_visible()
    assert len(image.get_attribute("alt")) > 60
    assert image.bounding_box()["height"] > 100
    tab = open_tab("rosetta", java_script_enabled=False)
    assert tab.page.locator("#converter .play-off").is_visible()
    assert tab.page.locator("#edm").is_visible()
