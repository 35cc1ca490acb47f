from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from serving.answer.strategies.strategy import PAGE, Strategy, list_strategy
from serving.question.candidate import Candidate, User
from serving.question.list_options import ListOptions
from serving.question.question import Question

ASKED = Question(User("u"), ListOptions(10))


async def pages_of(strategy: Strategy) -> list[list[Candidate]]:
    return [list(page) async for page in strategy(ASKED)]


@given(st.lists(st.floats(0, 1), max_size=60))
def test_the_pages_of_a_strategy_hold_the_whole_list_in_order(scores: list[float]) -> None:
    entries = [(f"i{n}", score) for n, score in enumerate(scores)]
    pages = asyncio.run(pages_of(list_strategy(entries, "test")))
    assert all(1 <= len(page) <= PAGE for page in pages)
    assert [(each.item_id, each.score) for page in pages for each in page] == entries
    assert {each.source for page in pages for each in page} <= {"test"}
