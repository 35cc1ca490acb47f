from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.sources import parse, source_of

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "streaming", "training", "serving", "experiments")
PACKAGES = ("contracts", "algorithms", "clients", *SERVICES, "stack", "headwater")
FORBIDDEN_WORDS = frozenset(
    {"manager", "helper", "helpers", "util", "utils", "handler", "common", "misc", "base"}
)
MOST_MODULES_IN_FOLDER = 15
MOST_LINES_IN_FILE, MEDIAN_LINES_IN_FILE, MOST_LINES_IN_FUNCTION = 300, 80, 60
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BESIDE = [path for folder in ("tests", "benchmarks", "release") for path in (ROOT / folder).rglob("*.py")]


def test_no_folder_holds_more_than_fifteen_modules() -> None:
    folders = Counter(path.parent for path in (*FILES, *BESIDE) if path.name != "__init__.py")
    assert {str(p.relative_to(ROOT)): n for p, n in folders.items() if n > MOST_MODULES_IN_FOLDER} == {}


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_a_package_with_a_cli(service: str) -> None:
    assert (ROOT / service / "__init__.py").is_file()
    assert (ROOT / service / "cli.py").is_file()


def test_only_lines_with_code_are_counted() -> None:
    head = '"""Of the module."""\n\n# why\nX = """a\n\n# b"""\n'
    text = head + 'def f():\n    """Of f."""\n    return (1,  # c\n\n    )\n'
    assert parse(text).code_lines == [4, 5, 6, 7, 9, 11]


def test_no_file_is_longer_than_three_hundred_code_lines() -> None:
    for paths in (FILES, BESIDE):
        lengths = {path: len(source_of(path).code_lines) for path in paths}
        assert {str(p): n for p, n in lengths.items() if n > MOST_LINES_IN_FILE} == {}
        assert statistics.median(lengths.values()) <= MEDIAN_LINES_IN_FILE


def test_no_function_is_longer_than_sixty_code_lines() -> None:
    too_long = {}
    for path in (*FILES, *BESIDE):
        source = source_of(path)
        for name, first, last in source.functions:
            length = bisect_right(source.code_lines, last) - bisect_left(source.code_lines, first)
            if length > MOST_LINES_IN_FUNCTION:
                too_long[f"{path.relative_to(ROOT)}:{name}"] = length
    assert too_long == {}


def test_no_module_or_class_has_a_vague_name_like_manager_or_helper() -> None:
    names = [(path, path.stem) for path in FILES]
    names += [(path, name) for path in FILES for name in source_of(path).classes]
    found = {
        (str(path.relative_to(ROOT)), name) for path, name in names if FORBIDDEN_WORDS & set(_words(name))
    }
    assert found == set()


def _words(name: str) -> list[str]:
    """The words of a snake_case or CamelCase name."""
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in name).replace("_", " ")
    return spaced.split()


def test_every_module_has_a_docstring() -> None:
    assert [str(path) for path in FILES if not source_of(path).has_docstring] == []
