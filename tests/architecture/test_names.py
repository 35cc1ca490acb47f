"""A name says what it stands for.

No variable is named by a pronoun or a preposition, and no function by a past participle alone.
"""

from __future__ import annotations

import ast

import pytest

from tests.architecture.test_layout import BESIDE, FILES, PACKAGES, ROOT

SAY_NOTHING = frozenset({"its", "mine", "theirs", "some", "own", "of"})
# Left out are those that are verbs in the present too: read, run, fit, split, set, put, cut.
_IRREGULAR = """
    begun bought bound broken brought built caught chosen dealt done drawn driven fallen felt forgotten fought
    found frozen given gone got gotten grown had heard held hidden kept known laid learnt led left lent lost
    made meant met overtaken paid rebuilt redone rewritten said seen sent shown slept sold sought spent spun
    stolen stood struck sunk sworn taken taught thought thrown told torn undone unknown unseen withdrawn
    withheld won worn written
"""
IRREGULAR_PARTICIPLES = frozenset(_IRREGULAR.split())
# One-word names that end like a participle and are none.
NO_PARTICIPLES = frozenset(
    {"bed", "embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "succeed"}
)


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


def participles_alone(source: str) -> list[str]:
    """The functions, methods and properties among them, with their lines.

    A fixture of pytest is left out: a test takes it as a variable.
    """
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        f"{node.name} in line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, functions) and _is_participle(node.name.strip("_")) and not _is_fixture(node)
    ]


def _is_participle(word: str) -> bool:
    is_regular = word.endswith("ed") and "_" not in word and word not in NO_PARTICIPLES
    return is_regular or word in IRREGULAR_PARTICIPLES


def _is_fixture(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_a_function_a_method_and_a_property_are_found_and_a_noun_makes_a_name_whole() -> None:
    source = """
def mapped(): ...
async def _kept(): ...
class Run:
    @property
    def ended(self): ...
    def shown_items(self): ...
@pytest.fixture
def sent(): ...
def seed(): ...
def read(): ...
"""
    assert participles_alone(source) == ["mapped in line 2", "_kept in line 3", "ended in line 6"]


@pytest.mark.parametrize("folder", [*PACKAGES, "benchmarks", "release", "tests"])
def test_no_function_is_named_by_a_past_participle_alone(folder: str) -> None:
    paths = [path for path in (*FILES, *BESIDE) if path.is_relative_to(ROOT / folder)]
    names = {
        str(path.relative_to(ROOT)): participles_alone(path.read_text(encoding="utf-8")) for path in paths
    }
    assert {path: lines for path, lines in names.items() if lines} == {}
