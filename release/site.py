"""The documentation site: Sphinx reads docs/ and writes build/docs; every link of every page is followed."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from release.api_pages import markdown
from release.steps import BUILD, ROOT, ReleaseError, run, say

SOURCE, SITE = ROOT / "docs", BUILD / "docs"
# Documents outside of docs/ and the page of the site that holds each.
PAGES = {"benchmarks/results.md": "benchmarks", "CHANGELOG.md": "changelog"}
API_MARKER = "<!-- the routes -->"
_LINK = re.compile(r"(\]\()([^)#\s]+\.md)((?:#[^)]*)?\))")


def main() -> None:
    """Build the site and follow its links. Raises ReleaseError."""
    if importlib.util.find_spec("sphinx") is None:
        raise ReleaseError("The site needs Python 3.11 or newer: PYTHON=python3.11 make docs")
    shutil.rmtree(SITE, ignore_errors=True)
    doctrees = BUILD / "doctrees"
    shutil.rmtree(doctrees, ignore_errors=True)
    options: list[str | Path] = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet", "-d", doctrees]
    run(
        [sys.executable, "-m", "sphinx", *options, SOURCE, SITE],
        "The documentation is not whole",
        environment={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    faults, pages, links = follow(SITE)
    if faults:
        raise ReleaseError("\n".join(faults))
    say(f"{pages} pages, {links} links, all of which lead somewhere: {SITE / 'index.html'}")


def page_source(name: str, text: str) -> str:
    """The Markdown of a page as the site needs it: the API's routes put in, links to other pages of the site.

    ``name`` is the page's path below docs/ without suffix.
    """
    if API_MARKER in text:
        text = text.replace(API_MARKER, api_routes())
    folder = (SOURCE / name).parent

    def with_page(link: re.Match[str]) -> str:
        path = os.path.relpath((folder / link[2]).resolve(), ROOT)
        if path not in PAGES:
            return link[0]
        return link[1] + os.path.relpath(SOURCE / f"{PAGES[path]}.md", folder) + link[3]

    return _LINK.sub(with_page, text)


def api_routes() -> str:
    """The routes of the API as the code of this checkout has them."""
    from contracts.settings import ServingSettings  # only this page needs the API
    from serving.app import create_app

    return markdown(create_app(ServingSettings()).openapi())


class _Links(HTMLParser):
    """What a page loads and links to, and the names by which links reach its parts."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif "src" in given or (
            tag == "link" and given.get("rel") not in ("index", "search", "next", "prev")
        ):
            self.loaded.append(given.get("src") or given.get("href", ""))


def follow(site: Path) -> tuple[list[str], int, int]:
    """The faults of the built pages, the number of pages, and the number of links that were followed."""
    read = {}
    for path in sorted(site.rglob("*.html")):
        if "_static" not in path.parts:
            read[path] = _Links()
            read[path].feed(path.read_text(encoding="utf-8"))
    faults, followed = [], 0
    for path, page in read.items():
        shown = path.relative_to(site)
        faults += [f"{shown} loads {url} from another host" for url in page.loaded if urlsplit(url).netloc]
        for url in [*page.links, *page.loaded]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            followed += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                faults.append(f"{shown} links to {url}, which does not exist")
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].names:
                faults.append(f"{shown} links to {url}, a page that has no such part")
    return faults, len(read), followed
