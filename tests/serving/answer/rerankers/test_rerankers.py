"""The behaviour that all re-rankers share, and what each of them prefers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answer.rerankers import RERANKERS
from serving.answer.rerankers.boosts import boost_categories
from serving.answer.rerankers.diversity import diversify
from serving.answer.rerankers.freshness import prefer_newly_published
from serving.answer.rerankers.per_category import limit_categories
from serving.answer.rerankers.reranker import Reranker
from serving.answer.rerankers.rotation import rotate
from serving.question.candidate import Candidate, User
from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts
from serving.question.list_options import ListOptions
from serving.question.operator_rules import Rules
from serving.question.question import Question

DAY = 86_400_000
NOW = 1000 * DAY
FACTS = {
    "a": ItemFacts(categories=("Comedy",), published_at=NOW - 900 * DAY),
    "b": ItemFacts(categories=("Comedy",)),
    "c": ItemFacts(categories=("Comedy", "Drama"), published_at=NOW - 30 * DAY),
    "d": ItemFacts(categories=("Horror",), published_at=NOW),
}
PLAIN = Question(User("u"), ListOptions(10), lambda item: FACTS.get(item, UNKNOWN_ITEM), now_ms=NOW)
DEMANDING = replace(
    PLAIN,
    user=User("u", {"c"}, shown=[("a", NOW), ("b", NOW - DAY), ("c", NOW)]),
    options=ListOptions(10, diversity=0.5, per_category=1, freshness=1.0, rotation=0.5),
    rules=Rules(boosts={"Horror": 3.0, "Comedy": 0.5}),
)
# In the order of the tuple: what becomes of a, b, c, d and the unknown e.
CASES = [
    (prefer_newly_published, "acbde"),  # 1.0, 0.8, 0.6 x 1.5, 0.4 x 2, 0.2
    (boost_categories, "dabce"),  # 0.5, 0.4, 0.3, 0.4 x 3, 0.2
    (rotate, "bcade"),  # 1.0 x 0.5, 0.8 x 0.75, 0.6: touched since, 0.4, 0.2
    (diversify, "adecb"),
    (limit_categories, "adebc"),
]


def candidates_of(items: str) -> list[Candidate]:
    return [Candidate(item, 1.0, "test") for item in items]


def ids(candidates: object) -> str:
    return "".join(each.item_id for each in candidates)  # type: ignore[attr-defined]


@pytest.mark.parametrize("rerank", RERANKERS)
@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_a_reranker_moves_items_and_never_adds_or_drops_any(rerank: Reranker, items: list[str]) -> None:
    candidates = candidates_of("".join(items))
    assert list(rerank(PLAIN, candidates)) == candidates
    moved = rerank(DEMANDING, candidates)
    assert sorted(moved) == sorted(candidates)
    assert list(rerank(DEMANDING, candidates)) == list(moved)


@pytest.mark.parametrize(("rerank", "order"), CASES)
def test_each_reranker_puts_first_the_items_that_it_prefers(rerank: Reranker, order: str) -> None:
    assert ids(rerank(DEMANDING, candidates_of("abcde"))) == order


def test_these_tests_cover_every_reranker() -> None:
    assert [rerank for rerank, _ in CASES] == list(RERANKERS)


def test_diversity_compares_items_by_the_models_factors_if_they_are_loaded() -> None:
    vectors = {"a": [1.0, 0.0], "d": [1.0, 0.0], "b": [0.0, 1.0]}
    by_factors = replace(DEMANDING, vectors=lambda items: np.array([vectors[item] for item in items]))
    assert ids(diversify(by_factors, candidates_of("adb"))) == "abd"


def test_more_freshness_lifts_new_items_further() -> None:
    mild = replace(PLAIN, options=ListOptions(10, freshness=0.2))
    assert ids(prefer_newly_published(mild, candidates_of("abcde"))) == "abcde"
