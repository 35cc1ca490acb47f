"""A name says what it stands for.

No variable is named by a pronoun or a preposition. No module, function or fixture is named by a past
participle alone. No test's name begins with a pronoun, because a test report does not say what it refers to.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.sources import Source, parse, source_of
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
# One-word names that end like a participle and are none; CUPED is a method of statistics.
NO_PARTICIPLES = frozenset(
    {"bed", "cuped", "embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "succeed"}
)


def names_that_say_nothing(source: Source) -> list[str]:
    """The variables and parameters among them, with their lines."""
    return [f"{name} in line {line}" for line, name in sorted(source.variables) if name in SAY_NOTHING]


def test_the_check_finds_a_variable_and_a_parameter_and_a_loop_variable() -> None:
    source = "its = 1\ndef f(some): ...\n[own for own in its]\nplain = its"
    assert names_that_say_nothing(parse(source)) == ["its in line 1", "some in line 2", "own in line 3"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_variable_of_a_package_is_named_by_a_pronoun_or_a_preposition(package: str) -> None:
    paths = [path for path in FILES if path.is_relative_to(ROOT / package)]
    names = {str(path.relative_to(ROOT)): names_that_say_nothing(source_of(path)) for path in paths}
    assert {path: lines for path, lines in names.items() if lines} == {}


def participles_alone(source: Source) -> list[str]:
    """The functions, methods, properties and fixtures among them, with their lines."""
    return [f"{name} in line {line}" for name, line, _ in source.functions if _is_participle(name.strip("_"))]


def _is_participle(word: str) -> bool:
    is_regular = word.endswith("ed") and "_" not in word and word not in NO_PARTICIPLES
    return is_regular or word in IRREGULAR_PARTICIPLES


def test_the_check_finds_participles_as_names_of_functions_and_accepts_those_with_a_noun() -> None:
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
    assert participles_alone(parse(source)) == [
        "mapped in line 2",
        "_kept in line 3",
        "sent in line 9",
        "ended in line 6",
    ]


@pytest.mark.parametrize("folder", [*PACKAGES, "benchmarks", "release", "tests"])
def test_no_function_is_named_by_a_past_participle_alone(folder: str) -> None:
    paths = [path for path in (*FILES, *BESIDE) if path.is_relative_to(ROOT / folder)]
    names = {str(path.relative_to(ROOT)): participles_alone(source_of(path)) for path in paths}
    assert {path: lines for path, lines in names.items() if lines} == {}


def is_named_by_a_participle(module: str) -> bool:
    """Whether a module, or the module that a test module tests, has such a name."""
    return _is_participle(module.removeprefix("test_"))


def test_the_check_finds_participles_as_names_of_modules_and_accepts_those_with_a_noun() -> None:
    modules = ["served", "test_applied", "known", "ranked_lists", "cuped", "seed"]
    assert [name for name in modules if is_named_by_a_participle(name)] == ["served", "test_applied", "known"]


def test_no_module_is_named_by_a_past_participle_alone() -> None:
    paths = [str(path.relative_to(ROOT)) for path in (*FILES, *BESIDE)]
    assert [path for path in paths if is_named_by_a_participle(Path(path).stem)] == []


PRONOUNS = ("it", "they", "this", "what", "who", "whoever", "whatever")


def begins_with_a_pronoun(test: str) -> bool:
    """Whether the subject of a test's name is a pronoun."""
    return test.removeprefix("test_").startswith(tuple(f"{pronoun}_" for pronoun in PRONOUNS))


def test_no_test_name_begins_with_a_pronoun() -> None:
    assert begins_with_a_pronoun("test_it_is_the_sum")
    assert not begins_with_a_pronoun("test_items_are_sorted")
    names = {name for path in BESIDE for name, _, _ in source_of(path).functions if name.startswith("test_")}
    assert len(names) > 1000
    assert [name for name in sorted(names) if begins_with_a_pronoun(name)] == []
