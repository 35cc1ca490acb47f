"""What a check of the ledgers found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MOST_EXAMPLES = 3


class Violation(NamedTuple):
    """How often one thing is wrong, and the first places where."""

    cases: int
    what: str  # reads on after the count
    examples: list[str]


class NotChecked(NamedTuple):
    """What an invariant would need."""

    reason: str


def actual(violations: Iterable[Violation]) -> list[Violation]:
    """Those that have a case."""
    return [violation for violation in violations if violation.cases]
