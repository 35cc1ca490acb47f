"""Items by their categories and attributes."""

from __future__ import annotations

from collections.abc import Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question


def keep_matching(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Keep only items that meet the ``filter`` expression."""
    matching, facts = question.options.matching, question.facts
    if matching is None:
        return candidates
    return [candidate for candidate in candidates if matching.holds(facts(candidate.item_id))]
