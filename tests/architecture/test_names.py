"""A variable says what it holds: none is named by a pronoun or a preposition."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.test_layout import FILES, PACKAGES, ROOT

SAY_NOTHING = frozenset({"its", "mine", "theirs", "some", "own", "of"})


def names_that_say_nothing(source: str) -> list[str]:
    """The variables and parameters among them, with their lines."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append((node.lineno, node.id))
        elif isinstance(node, ast.arg):
            names.append((node.lineno, node.arg))
    return [f"{name} in line {line}" for line, name in sorted(names) if name in SAY_NOTHING]


def test_a_variable_a_parameter_and_a_loop_variable_are_found() -> None:
    source = "its = 1\ndef f(some): ...\n[own for own in its]\nplain = its"
    assert names_that_say_nothing(source) == ["its in line 1", "some in line 2", "own in line 3"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_variable_of_a_package_says_what_it_holds(package: str) -> None:
    paths = [path for path in FILES if path.is_relative_to(ROOT / package)]
    names = {
        str(path.relative_to(ROOT)): names_that_say_nothing(path.read_text(encoding="utf-8"))
        for path in paths
    }
    assert {path: lines for path, lines in names.items() if lines} == {}
