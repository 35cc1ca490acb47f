"""``python -m benchmarks --only page``: how fast the page is for its user.

The click is a real one; the end is the first frame after the list's items have changed. The peer of each row
is the bound that was set for it.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from statistics import median
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, expect

from benchmarks.context import BenchContext, Ratio
from benchmarks.page.browser import chromium
from benchmarks.startup.stack import served_stack
from serving.page.files import FOLDER

CLICKS, VISITS = 30, 7
PATIENCE_MS = 30_000
_MOST_CPU_PERCENT, _MOST_BYTES = 2.0, 150_000
_WATCHED_MS = 10_000
# The time of a click, and of the first frame in which the list holds other items than before.
_WATCH = """() => {
  const list = document.querySelector('ol[aria-label="Recommended"]');
  const ids = () => [...list.children].map((item) => item.dataset.id).join();
  const before = ids();
  window.spent = new Promise((done) => {
    let clicked = null;
    const note = (event) => { clicked = event.timeStamp; };
    document.addEventListener("click", note, { capture: true, once: true });
    const watch = new MutationObserver(() => {
      if (ids() === before) return;
      watch.disconnect();
      requestAnimationFrame(() => done((performance.now() - clicked) / 1000));
    });
    watch.observe(list, { childList: true, subtree: true, attributes: true });
  });
}"""
_FIRST_VIEW = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"


def run(context: BenchContext) -> list[Ratio]:
    """Seconds to a changed list and to a first view, bytes, and the API's CPU for an open page."""
    with served_stack(context.work_dir / "stack") as status, chromium() as browser:
        return visit(browser, status)


def visit(browser: Browser, status: dict[str, Any]) -> list[Ratio]:
    """The rows for a stack that runs, given its status (`headwater status --json`)."""
    url = f"{status['addresses']['api']}/"
    first = first_view(browser, url)
    clicked = click_to_change(browser, url)
    process = psutil.Process(status["services"]["serving"]["pid"])
    without, beside = cpu_percent(process, browser, None), cpu_percent(process, browser, f"{url}#now")
    check_agreement(browser, url, status)
    weight = sum(len(gzip.compress(path.read_bytes())) for path in FOLDER.rglob("*") if path.is_file())
    spent = beside - without
    bound = "the bound"
    many = f"{bound}; {CLICKS} clicks"
    return [
        _below("click on five stars to a changed list, median", median(clicked), 1.0, "s", many),
        _below("the longest of them", max(clicked), 1.0, "s", bound),
        _below("first contentful view, empty cache", median(first), 0.5, "s", f"{bound}; {VISITS} visits"),
        _below("all files of the page, gzip", weight / 1000, _MOST_BYTES / 1000, "kB", bound),
        _below(
            "API's CPU for an open page",
            max(spent, 0.01),
            _MOST_CPU_PERCENT,
            "% of a core",
            f"{bound}; {without:.1f} % without a page",
        ),
    ]


def _below(name: str, ours: float, bound: float, unit: str, note: str) -> Ratio:
    return Ratio(name=name, ours=ours, peer=bound, ratio=bound / ours, unit=unit, target=1.0, note=note)


def first_view(browser: Browser, url: str) -> list[float]:
    """Seconds until the first content is visible, each time with an empty cache."""

    def once() -> float:
        page = browser.new_context().new_page()
        page.goto(url)
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)
        seconds = float(page.evaluate(_FIRST_VIEW))
        page.context.close()
        return seconds

    once()
    return [once() for _ in range(VISITS)]


def click_to_change(browser: Browser, url: str) -> list[float]:
    """Seconds from each of CLICKS clicks on five stars to a list with other items."""
    page = browser.new_page(reduced_motion="reduce")
    open_first_user(page, url)
    seconds = []
    for _ in range(CLICKS):
        page.evaluate(_WATCH)
        page.get_by_role("button", name="5 of 5 stars").first.click()
        seconds.append(float(page.evaluate("window.spent")))
        expect(page.locator("#note")).to_contain_text("after the acknowledgement", timeout=PATIENCE_MS)
    page.close()
    return seconds


def open_first_user(page: Page, url: str) -> None:
    """Open the page and wait for the list of the user that it shows first."""
    page.goto(url)
    first = page.get_by_role("list", name="Recommended").get_by_role("listitem").first
    expect(first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("main")).to_contain_text("Model ", timeout=PATIENCE_MS)


def cpu_percent(process: psutil.Process, browser: Browser, url: str | None) -> float:
    """The percent of a core that a process takes while a page is open at ``url``; None: without a page."""
    page = browser.new_page()
    if url is not None:
        page.goto(url)
        expect(page.locator("main")).to_contain_text("Live", timeout=PATIENCE_MS)
    used: Callable[[], float] = lambda: sum(process.cpu_times()[:2])  # noqa: E731
    before = used()
    page.wait_for_timeout(_WATCHED_MS)
    share = 100 * (used() - before) / (_WATCHED_MS / 1000)
    page.close()
    return share


def check_agreement(browser: Browser, url: str, status: dict[str, Any]) -> None:
    """Check that the page and `headwater status` name the same model. Raises AssertionError."""
    page = browser.new_page()
    page.goto(f"{url}#now")
    expect(page.locator(".health")).to_contain_text(status["model"]["version"], timeout=PATIENCE_MS)
    page.close()
