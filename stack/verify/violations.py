"""The findings of a check of the ledgers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MOST_EXAMPLES = 3


class Violation(NamedTuple):
    """How many cases of one fault there are, and the first places."""

    cases: int
    what: str  # continues the sentence after the count
    examples: list[str]


class NotChecked(NamedTuple):
    """Why an invariant was not checked, and what a check would need."""

    reason: str


def actual(violations: Iterable[Violation]) -> list[Violation]:
    """The violations that have a case."""
    return [violation for violation in violations if violation.cases]
