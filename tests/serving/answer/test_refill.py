from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from serving.answer.filters import FILTERS
from serving.answer.refill import refill
from serving.answer.strategies.strategy import Strategy
from serving.question.candidate import Candidate, User
from serving.question.list_options import ListOptions
from serving.question.question import Question

CATALOGUE = [f"i{place}" for place in range(30)]
NOBODY = Question(User("u"), ListOptions(5))
LISTS = st.lists(st.sampled_from(CATALOGUE), max_size=40)


def strategy_of(name: str, pages: Sequence[Sequence[str]], asked: list[str] | None = None) -> Strategy:
    async def candidates(_: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        for page in pages:
            if asked is not None:
                asked.append(name)
            yield [Candidate(item, 1.0, name) for item in page]

    return candidates


def pages_of(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


@given(LISTS, LISTS, st.frozensets(st.sampled_from(CATALOGUE)), st.integers(1, 40), st.integers(1, 7))
def test_an_answer_is_as_long_as_the_catalogue_allows_and_never_known_or_twice(
    first: list[str], second: list[str], known: frozenset[str], n: int, page_size: int
) -> None:
    question = Question(User("u", known_items=known), ListOptions(n))
    strategies = [
        strategy_of("first", pages_of(first, page_size)),
        strategy_of("second", pages_of(second, page_size)),
        strategy_of("all", pages_of(CATALOGUE, page_size)),
    ]
    chosen = asyncio.run(refill(question, n, strategies, FILTERS))
    ids = [candidate.item_id for candidate in chosen]
    assert len(ids) == min(n, len(CATALOGUE) - len(known))
    assert len(set(ids)) == len(ids)
    assert not known & set(ids)
    # The order is that of the strategies, each item by the first that has it.
    expected = dict.fromkeys(item for item in [*first, *second, *CATALOGUE] if item not in known)
    assert ids == list(expected)[:n]


def test_a_later_strategy_is_not_asked_once_the_answer_is_full() -> None:
    asked: list[str] = []
    strategies = [strategy_of("a", [["i1", "i2"], ["i3"]], asked), strategy_of("b", [["i4"]], asked)]
    chosen = asyncio.run(refill(NOBODY, 2, strategies, ()))
    assert [candidate.item_id for candidate in chosen] == ["i1", "i2"]
    assert asked == ["a"]


def test_without_candidates_the_answer_is_empty() -> None:
    assert asyncio.run(refill(NOBODY, 5, [strategy_of("none", [])], FILTERS)) == []
