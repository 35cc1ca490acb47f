from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answer.filters.availability import leave_out_unavailable
from serving.question.candidate import Candidate, User
from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts, facts_of
from serving.question.list_options import ListOptions
from serving.question.question import Question

NOW = 1_700_000_000_000


def is_available(facts: ItemFacts) -> bool:
    """Whether the filter that every answer passes keeps an item."""
    question = Question(User("u"), ListOptions(1), facts=lambda _: facts, now_ms=NOW)
    return bool(leave_out_unavailable(question, [Candidate("i", 1.0, "popular")]))


@pytest.mark.parametrize(
    ("attributes", "available"),
    [
        ({}, True),
        ({"hidden": "true"}, False),
        ({"hidden": "True"}, False),
        ({"hidden": "false"}, True),
        ({"expires_at": str(NOW)}, False),
        ({"expires_at": str(NOW + 1)}, True),
        ({"expires_at": "2020-01-01T00:00:00Z"}, False),
        ({"expires_at": "2099-01-01"}, True),
        ({"expires_at": "some day"}, True),
    ],
)
def test_hidden_and_expired_items_are_not_available(attributes: dict[str, str], available: bool) -> None:
    assert is_available(facts_of({"attributes": attributes})) is available


def test_an_incomplete_entry_is_read() -> None:
    full = facts_of(
        {"title": "T", "categories": ["a", "b"], "attributes": {"year": "1990", "published_at": "1970-01-02"}}
    )
    assert (full.title, full.categories, full.attributes["year"]) == ("T", ("a", "b"), "1990")
    assert full.published_at == 86_400_000
    assert facts_of({}) == facts_of({"title": None, "categories": None, "attributes": None}) == UNKNOWN_ITEM


@given(st.dictionaries(st.sampled_from(["hidden", "expires_at", "published_at"]), st.text()))
def test_an_entry_with_any_attributes_is_read(attributes: dict[str, str]) -> None:
    is_available(facts_of({"attributes": attributes}))
