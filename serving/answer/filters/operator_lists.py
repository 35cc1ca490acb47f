"""The operator's deny and allow lists."""

from __future__ import annotations

from collections.abc import Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question


def keep_to_operator_lists(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Remove denied items and, if there is an allow list, all items that are not on it."""
    denied, allowed = question.denied, question.allowed
    if denied:
        candidates = [candidate for candidate in candidates if candidate.item_id not in denied]
    if allowed:
        candidates = [candidate for candidate in candidates if candidate.item_id in allowed]
    return candidates
