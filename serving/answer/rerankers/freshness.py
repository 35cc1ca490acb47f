"""Moves newly published items up."""

from __future__ import annotations

from collections.abc import Sequence
from math import pow

from serving.answer.rerankers.reranker import by_boosted_place
from serving.question.candidate import Candidate
from serving.question.question import Question

HALF_LIFE_DAYS = 30.0
_DAY_MS = 86_400_000


def prefer_newly_published(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Multiply each place by 1 + freshness x 2 ** (-age / 30 days); the age is by ``published_at``."""
    freshness = question.options.freshness
    if not freshness:
        return candidates

    def factor(candidate: Candidate) -> float:
        published = question.facts(candidate.item_id).published_at
        if published is None:
            return 1.0
        age_days = max(0, question.now_ms - published) / _DAY_MS
        return 1.0 + freshness * pow(2.0, -age_days / HALF_LIFE_DAYS)

    return by_boosted_place(candidates, factor)
