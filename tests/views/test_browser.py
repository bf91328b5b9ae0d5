"""The review in a real browser, offline: it asks for nothing, nothing is cut, covered or acts, anyone can read it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import erp_telemetry as et
from tests.hostile import SCRIPT, hostile_store

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e '.[dev]'")
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
START = datetime(2026, 7, 1, 8, tzinfo=UTC)
PAGES = ("samples", "hostile", "empty")
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")

# the boxes of all texts a reader sees: outside the page's width, or over one another by more than a hair
MISPLACED = """() => {
  const found = [], boxes = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest('svg, .skip, thead') || !parent.checkVisibility()) continue;
    const scrolls = parent.closest('pre, .wide');
    const range = document.createRange(); range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      if (!scrolls && (box.left < -1 || box.right > innerWidth + 1))
        found.push(['outside', node.data.trim().slice(0, 60), box.left, box.right]);
      boxes.push([box, node]);
    }
  }
  boxes.sort((a, b) => a[0].top - b[0].top);
  for (let i = 0; i < boxes.length; i++)
    for (let j = i + 1; j < boxes.length && boxes[j][0].top < boxes[i][0].bottom - 4; j++) {
      const [a, one] = boxes[i], [b, other] = boxes[j];
      if (one !== other && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3)
        found.push(['over', one.data.trim().slice(0, 40), other.data.trim().slice(0, 40), a.top]);
    }
  return found.slice(0, 10);
}"""


@pytest.fixture(scope="module")
def pages(sample_store: et.Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    hour = et.Window(START, START + timedelta(hours=1))
    reports = {
        "samples": et.report(sample_store, et.Window.parse("2026-06-22/2026-07-06")),
        "hostile": et.report(hostile_store(str(folder / "hostile.duckdb"), START), hour),
        "empty": et.report(et.Store(), hour),
    }
    return {name: report.save(folder / f"{name}.html") for name, report in reports.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield launched
        launched.close()


def opened(browser: Browser, path: Path, size: tuple[int, int], **options: Any) -> tuple[Page, list[str]]:
    """The page, and everything that it said or asked for beyond itself."""
    page = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, offline=True, **options).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: said.append(f"request: {request.url}") if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    return page, said


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_quiet_offline_and_nothing_cut_or_covered(
    browser: Browser, pages: dict[str, Path], name: str, size: str
) -> None:
    page, said = opened(browser, pages[name], SIZES[size])
    for details in page.locator("details").all():
        details.evaluate("one => { one.open = true }")
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.evaluate(MISPLACED) == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_print_holds_everything(browser: Browser, pages: dict[str, Path], name: str, tmp_path: Path) -> None:
    # the width of A4 between its margins, at 96 dots an inch
    page, said = opened(browser, pages[name], (703, 1000))
    page.emulate_media(media="print")
    assert page.evaluate(MISPLACED) == []
    hidden = page.evaluate("[...document.querySelectorAll('details pre')].filter(one => !one.checkVisibility({"
                           "contentVisibilityAuto: true})).length")
    assert hidden == 0
    assert page.pdf(path=tmp_path / "review.pdf", prefer_css_page_size=True).startswith(b"%PDF")
    assert said == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser: Browser, pages: dict[str, Path], name: str, scheme: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened(browser, pages[name], SIZES["desk"], color_scheme=scheme, bypass_csp=True)
    found = Axe().run(page).response["violations"]
    grave = [(one["id"], one["nodes"][0]["html"][:120]) for one in found if one["impact"] in ("serious", "critical")]
    assert grave == []
    page.context.close()


def test_hostile_text_is_read_not_run(browser: Browser, pages: dict[str, Path]) -> None:
    page, said = opened(browser, pages["hostile"], SIZES["desk"])
    assert said == []
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    assert page.inner_text("main").count(SCRIPT) > 20
    assert "49" not in page.inner_text("#incidents ~ article")
    page.context.close()


def test_the_keyboard_reaches_the_review(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["samples"], SIZES["desk"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.evaluate("one => one.open")
    page.context.close()


def test_a_newcomer_finds_every_planted_incident(
    browser: Browser, pages: dict[str, Path], sample_store: et.Store
) -> None:
    page, _ = opened(browser, pages["samples"], SIZES["desk"])
    planted = et.incidents(sample_store, et.Window.parse("2026-06-22/2026-07-06"))
    assert len(planted) == 6
    page.get_by_role("link", name="Incidents").click()
    for one in planted:
        card = page.get_by_role("article", name=one.title)
        text = card.inner_text()
        assert card.is_visible() and one.id in text and all(service in text for service in one.services)
        assert (one.cause or "") in text
        # and the shade of it stands in the charts of the services it touched
    assert page.locator(".panels svg").count() >= 30
    page.context.close()
