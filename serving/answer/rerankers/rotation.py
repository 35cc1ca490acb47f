"""Keeps lists from being the same every day (temporal diversity: Lathia et al., SIGIR 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from math import pow

from serving.answer.rerankers.reranker import by_boosted_place
from serving.question.candidate import Candidate
from serving.question.question import Question

HALF_LIFE_HOURS = 24.0
_HOUR_MS = 3_600_000


def rotate(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Multiply places by 1 - rotation x 2 ** (-age / 24 h).

    The age is the time since the item was shown to the user, who has done nothing with it.
    """
    rotation, user = question.options.rotation, question.user
    if not rotation or not user.shown:
        return candidates
    shown_at = {item_id: at for item_id, at in user.shown if item_id not in user.known_items}

    def factor(candidate: Candidate) -> float:
        at = shown_at.get(candidate.item_id)
        if at is None:
            return 1.0
        age_hours = max(0.0, question.now_ms - at) / _HOUR_MS
        return 1.0 - rotation * pow(2.0, -age_hours / HALF_LIFE_HOURS)

    return by_boosted_place(candidates, factor)
