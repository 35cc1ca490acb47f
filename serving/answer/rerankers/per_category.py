"""Limits the number of items of each category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question


def limit_categories(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Put at most ``per_category`` items of each category first. The others follow in their order."""
    limit = question.options.per_category
    if limit is None:
        return candidates
    taken: Counter[str] = Counter()
    within, beyond = [], []
    for candidate in candidates:
        categories = question.facts(candidate.item_id).categories
        if all(taken[category] < limit for category in categories):
            taken.update(categories)
            within.append(candidate)
        else:
            beyond.append(candidate)
    return within + beyond
