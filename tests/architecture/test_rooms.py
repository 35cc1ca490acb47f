"""docs/architecture.md names every room in its layer, and every path and symbol that it names exists."""

from __future__ import annotations

import re

import pytest

from tests.architecture.test_layout import PACKAGES, ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", PAGE)))
SYMBOLS = re.findall(r"`(\w+)`(?: of| in) `([\w/]+\.py)`", PAGE)
LAYERED = ("experiments", "ingest", "streaming", "training", "serving", "stack")


def rooms_on_disk() -> list[str]:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")}
    return sorted(f"{folder.relative_to(ROOT)}/" for folder in folders)


def layers_of_the_page(package: str) -> list[set[str]]:
    """The names of the package's rooms and root modules, a set for each layer, the top layer first."""
    layers: dict[int, set[str]] = {}
    for layer, name in re.findall(rf"^\| (\d+) \| `{package}/(\w+)(?:/|\.py)` \|", PAGE, re.MULTILINE):
        layers.setdefault(int(layer), set()).add(name)
    assert list(layers) == list(range(1, len(layers) + 1))
    return list(layers.values())


def layers_of_the_linter(package: str) -> list[set[str]]:
    contract = re.search(rf'containers = \["{package}"\]\nlayers = \[\n(.+?)\n\]', PYPROJECT, re.DOTALL)
    assert contract is not None
    return [
        set(re.split(r" [:|] ", layer)) for layer in re.findall(r'^\s*"(.+)",$', contract[1], re.MULTILINE)
    ]


@pytest.mark.parametrize("room", rooms_on_disk())
def test_the_page_lists_every_room_on_disk(room: str) -> None:
    assert f"`{room}`" in PAGE


@pytest.mark.parametrize("path", PATHS)
def test_every_path_that_the_page_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_symbol_that_the_page_names_is_in_its_file() -> None:
    missing = [
        (symbol, path)
        for symbol, path in SYMBOLS
        if not re.search(
            rf"^\s*(?:async def|def|class)? ?{symbol}\b", (ROOT / path).read_text(), re.MULTILINE
        )
    ]
    assert SYMBOLS
    assert missing == []


@pytest.mark.parametrize("package", LAYERED)
def test_the_page_shows_the_layers_that_the_linter_enforces(package: str) -> None:
    assert layers_of_the_page(package) == layers_of_the_linter(package)
