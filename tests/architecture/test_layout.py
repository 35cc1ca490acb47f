from __future__ import annotations

import ast
import io
import statistics
import tokenize
from bisect import bisect_left, bisect_right
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

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
_NOT_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _code_lines(path: Path) -> list[int]:
    """The numbers of the lines that hold code, in order: no blank line, comment or docstring."""
    text = path.read_text()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {
        number
        for token in tokens
        if token.type not in _NOT_CODE
        for number in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(_tree(path)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return sorted(lines)


def test_no_folder_holds_more_than_fifteen_modules() -> None:
    folders = Counter(path.parent for path in (*FILES, *BESIDE) if path.name != "__init__.py")
    assert {str(p.relative_to(ROOT)): n for p, n in folders.items() if n > MOST_MODULES_IN_FOLDER} == {}


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_a_package_with_a_cli(service: str) -> None:
    assert (ROOT / service / "__init__.py").is_file()
    assert (ROOT / service / "cli.py").is_file()


def test_no_file_is_longer_than_three_hundred_code_lines() -> None:
    for paths in (FILES, BESIDE):
        lengths = {path: len(_code_lines(path)) for path in paths}
        assert {str(p): n for p, n in lengths.items() if n > MOST_LINES_IN_FILE} == {}
        assert statistics.median(lengths.values()) <= MEDIAN_LINES_IN_FILE


def test_no_function_is_longer_than_sixty_code_lines() -> None:
    too_long = {}
    for path in (*FILES, *BESIDE):
        code = _code_lines(path)
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = bisect_right(code, node.end_lineno or node.lineno) - bisect_left(code, node.lineno)
                if length > MOST_LINES_IN_FUNCTION:
                    too_long[f"{path.relative_to(ROOT)}:{node.name}"] = length
    assert too_long == {}


def test_no_module_or_class_has_a_vague_name_like_manager_or_helper() -> None:
    names = [(path, path.stem) for path in FILES]
    for path in FILES:
        tree = _tree(path)
        names += [(path, node.name) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {
        (str(path.relative_to(ROOT)), name) for path, name in names if FORBIDDEN_WORDS & set(_words(name))
    }
    assert found == set()


def _words(name: str) -> list[str]:
    """The words of a snake_case or CamelCase name."""
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in name).replace("_", " ")
    return spaced.split()


def test_every_module_has_a_docstring() -> None:
    assert [str(path) for path in FILES if not ast.get_docstring(_tree(path))] == []
