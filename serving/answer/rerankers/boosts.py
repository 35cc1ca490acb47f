"""The operator's boosts by category."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from serving.answer.rerankers.reranker import by_boosted_place
from serving.question.candidate import Candidate
from serving.question.question import Question


def boost_categories(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Multiply each place by the factors of the item's categories.

    A factor above 1 moves the item up, one below 1 moves it down.
    """
    boosts = question.rules.boosts
    if not boosts:
        return candidates

    def factor(candidate: Candidate) -> float:
        return prod(boosts.get(category, 1.0) for category in question.facts(candidate.item_id).categories)

    return by_boosted_place(candidates, factor)
