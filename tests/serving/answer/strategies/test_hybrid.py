from __future__ import annotations

import asyncio

import pytest

from serving.answer.strategies.fusion import SMOOTHING
from serving.answer.strategies.hybrid import SOURCE, hybrid
from serving.answer.strategies.strategy import Strategy, list_strategy
from serving.question.candidate import Candidate, User
from serving.question.list_options import ListOptions
from serving.question.question import Question

FIRST = list_strategy([("a", 9.0), ("b", 8.0)], "first")
SECOND = list_strategy([("b", 0.2), ("c", 0.1)], "second")


def propose(*weighted: tuple[float, Strategy]) -> list[Candidate]:
    async def scenario() -> list[Candidate]:
        question = Question(User("u"), ListOptions(10))
        return [each async for page in hybrid(weighted)(question) for each in page]

    return asyncio.run(scenario())


def test_a_hybrid_ranks_by_places_and_not_by_scores() -> None:
    best = propose((1.0, FIRST), (1.0, SECOND))
    assert [each.item_id for each in best] == ["b", "a", "c"]
    assert best[0].score == pytest.approx(1 / (SMOOTHING + 2) + 1 / (SMOOTHING + 1))
    assert {each.source for each in best} == {SOURCE}


def test_the_list_with_the_largest_weight_leads() -> None:
    assert [each.item_id for each in propose((1.0, FIRST), (9.0, SECOND))] == ["b", "c", "a"]
    assert propose() == []


def test_a_long_list_is_read_only_as_far_as_it_counts() -> None:
    endless = list_strategy([(f"i{n}", 1.0) for n in range(10_000)], "endless")
    assert len(propose((1.0, endless))) == 200
