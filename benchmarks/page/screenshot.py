"""``python -m benchmarks.page.screenshot``: the README's picture, taken of the real page over a real stack.

``--url`` takes it of a stack that runs already.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect

from benchmarks.page.browser import chromium
from benchmarks.page.visit import PATIENCE_MS, open_first_user
from benchmarks.startup.stack import served_stack

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "page.png"
MOST_BYTES = 150_000
_SIZE = ViewportSize(width=1180, height=730)


def main() -> None:
    """Take it, and write PICTURE."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page.screenshot", description=__doc__)
    parser.add_argument("--url", help="the page of a stack that runs; else one is started")
    url = parser.parse_args().url
    with chromium() as browser:
        if url is not None:
            take(browser, url)
            return
        with tempfile.TemporaryDirectory() as folder, served_stack(Path(folder)) as status:
            take(browser, f"{status['addresses']['api']}/")


def take(browser: Browser, url: str) -> None:
    """Take the picture of a user who has just rated an item, with reasons beside the new list."""
    page = browser.new_page(viewport=_SIZE, reduced_motion="reduce", color_scheme="light")
    open_first_user(page, url)
    page.get_by_role("button", name="5 of 5 stars").first.click()
    expect(page.locator("#note")).to_contain_text("after the acknowledgement", timeout=PATIENCE_MS)
    page.locator("details > summary").first.click()
    PICTURE.parent.mkdir(exist_ok=True)
    page.screenshot(path=PICTURE)
    page.close()
    if PICTURE.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{PICTURE} has more than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
