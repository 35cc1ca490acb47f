"""The behaviour that all filters share, and what each of them removes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answer.filters import FILTERS
from serving.answer.filters.availability import leave_out_unavailable
from serving.answer.filters.exclusion import leave_out_excluded
from serving.answer.filters.filter import Filter
from serving.answer.filters.known_items import leave_out_known
from serving.answer.filters.matching import keep_matching
from serving.answer.filters.operator_lists import keep_to_operator_lists
from serving.question.candidate import Candidate, User
from serving.question.expression import parse
from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts
from serving.question.list_options import ListOptions
from serving.question.question import Question

FACTS = {
    "b": ItemFacts(categories=("Comedy",), hidden=True),
    "c": ItemFacts(categories=("Comedy",), expires_at=1000),
    "d": ItemFacts(categories=("Drama",)),
}
PLAIN = Question(User("u"), ListOptions(10))
# As much as can be asked at once.
DEMANDING = Question(
    User("u", known_items={"a"}),
    ListOptions(10, exclude={"e"}, matching=parse("not category = Drama")),
    lambda item: FACTS.get(item, UNKNOWN_ITEM),
    denied={"f"},
    allowed=set("abcdefg"),
    now_ms=2000,
)
CASES = [
    (leave_out_known, "bcdefgh"),
    (leave_out_excluded, "abcdfgh"),
    (keep_to_operator_lists, "abcdeg"),
    (leave_out_unavailable, "adefgh"),
    (keep_matching, "abcefgh"),
]


def candidates_of(items: str) -> list[Candidate]:
    return [Candidate(item, float(-at), "test") for at, item in enumerate(items)]


@pytest.mark.parametrize("leave_out", FILTERS)
@given(st.text("abcdefgh", max_size=12))
def test_a_filter_removes_items_and_keeps_the_order_and_has_no_effect_when_repeated(
    leave_out: Filter, items: str
) -> None:
    candidates = candidates_of(items)
    assert list(leave_out(PLAIN, candidates)) == candidates
    left = leave_out(DEMANDING, candidates)
    assert [each for each in candidates if each in left] == list(left)
    assert list(leave_out(DEMANDING, left)) == list(left)


@pytest.mark.parametrize(("leave_out", "left"), CASES)
def test_each_filter_leaves_out_the_items_that_it_is_for(leave_out: Filter, left: str) -> None:
    found = leave_out(DEMANDING, candidates_of("abcdefgh"))
    assert "".join(each.item_id for each in found) == left


def test_these_tests_cover_every_filter() -> None:
    assert [leave_out for leave_out, _ in CASES] == list(FILTERS)


def test_where_users_come_back_to_items_the_models_lists_keep_known_ones_unless_told_to_skip() -> None:
    returning = replace(DEMANDING, user=User("u", known_items={"a", "b"}, with_known_items=True))
    candidates = [Candidate("a", 1.0, "fresh"), Candidate("b", 0.5, "als"), Candidate("a", 0.2, "popular")]
    assert leave_out_known(returning, candidates) == candidates[:2]
    skipping = replace(returning, options=replace(returning.options, known="skip"))
    assert leave_out_known(skipping, candidates) == []


def test_a_request_can_ask_for_known_items() -> None:
    keeping = replace(DEMANDING, options=replace(DEMANDING.options, known="keep"))
    assert len(leave_out_known(keeping, candidates_of("abc"))) == 3
