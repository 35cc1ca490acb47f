"""Sphinx's settings for the documentation site, which `make docs` builds (docs/decisions/0018-release.md)."""

from __future__ import annotations

import sys
from pathlib import Path

import tomllib
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from release.site import page_source  # noqa: E402

project = "Headwater"
author = "The Headwater contributors"
project_copyright = author
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["images"]
# Links to headings are written as GitHub writes them.
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"Headwater {version}"
# Readers find the pages' sources in the repository.
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = ""


def _read_page(_: Sphinx, name: str, source: list[str]) -> None:
    source[0] = page_source(name, source[0])


def setup(app: Sphinx) -> None:
    """Every page passes through page_source when Sphinx reads it."""
    app.connect("source-read", _read_page)
