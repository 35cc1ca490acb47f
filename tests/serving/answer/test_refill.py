from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answer.filters import FILTERS
from serving.answer.refill import refill
from serving.answer.strategies.strategy import Strategy
from serving.question.budget import MOST_CANDIDATES, OverBudgetError
from serving.question.candidate import Candidate, User
from serving.question.expression import parse
from serving.question.item_facts import ItemFacts
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
def test_an_answer_is_as_long_as_possible_without_known_or_repeated_items(
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


def test_a_filter_that_nothing_matches_ends_within_the_budget_and_says_so() -> None:
    asked: list[str] = []
    items = [f"i{place}" for place in range(MOST_CANDIDATES + 10_000)]
    strategies = [strategy_of("all", pages_of(items, 2000), asked)]
    nothing = Question(User("u"), ListOptions(5, matching=parse("category = Comedy")))
    with pytest.raises(OverBudgetError, match="matches 0 of the first 20,000"):
        asyncio.run(refill(nothing, 5, strategies, FILTERS))
    assert len(asked) == MOST_CANDIDATES // 2000

    # For a user who knows every item, an empty answer is no error.
    knows_all = Question(User("u", known_items=frozenset(items)), ListOptions(5))
    assert asyncio.run(refill(knows_all, 5, strategies, FILTERS)) == []


def test_a_short_pool_is_no_error_if_the_answer_is_full() -> None:
    items = [f"i{place}" for place in range(MOST_CANDIDATES + 10_000)]

    def facts(item: str) -> ItemFacts:
        return ItemFacts(categories=("Comedy",)) if int(item[1:]) < 50 else ItemFacts()

    comedies = Question(User("u"), ListOptions(5, matching=parse("category = Comedy")), facts=facts)
    strategies = [strategy_of("all", pages_of(items, 2000))]
    assert len(asyncio.run(refill(comedies, 200, strategies, FILTERS))) == 50
