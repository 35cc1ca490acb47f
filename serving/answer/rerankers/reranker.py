"""The interface of a re-ranker, and the new order that most of them use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question

Reranker = Callable[[Question, Sequence[Candidate]], Sequence[Candidate]]


def by_boosted_place(
    candidates: Sequence[Candidate], factor: Callable[[Candidate], float]
) -> Sequence[Candidate]:
    """Order by what the place is worth (first: 1, last: 1 / N) x factor; ties keep their order."""
    n = len(candidates)
    worth = {each.item_id: (n - index) / n * factor(each) for index, each in enumerate(candidates)}
    return sorted(candidates, key=lambda each: -worth[each.item_id])
