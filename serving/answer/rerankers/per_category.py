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
    counts: Counter[str] = Counter()
    within_limit, beyond_limit = [], []
    for candidate in candidates:
        categories = question.facts(candidate.item_id).categories
        if all(counts[category] < limit for category in categories):
            counts.update(categories)
            within_limit.append(candidate)
        else:
            beyond_limit.append(candidate)
    return within_limit + beyond_limit
