from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.page.search import MAX_FOUND, best, year_of
from serving.question.item_facts import facts_of

SEARCHED = {
    "1": "the alien\n1",
    "2": "alien\n2",
    "3": "saliency\n3",
    "4": "alien 3\n4",
    "5": "comedy\n5",
}


def test_titles_that_begin_with_the_text_come_first_and_then_titles_with_such_a_word() -> None:
    assert best(SEARCHED, {}, "alien") == ["2", "4", "1", "3"]
    assert best(SEARCHED, {}, "iency") == ["3"]


def test_among_equal_matches_popular_items_come_first() -> None:
    assert best(SEARCHED, {"4": 0, "2": 1}, "alien") == ["4", "2", "1", "3"]
    assert best(SEARCHED, {"5": 0, "3": 1}, "")[:2] == ["5", "3"]


@given(st.dictionaries(st.text(), st.text(), max_size=80), st.text(max_size=3))
def test_every_match_contains_the_text_and_the_number_of_matches_is_bounded(
    searched: dict[str, str], wanted: str
) -> None:
    found = best(searched, {}, wanted)
    assert len(found) == min(MAX_FOUND, sum(wanted in text for text in searched.values()))
    assert all(wanted in searched[item_id] for item_id in found)


@pytest.mark.parametrize(
    ("attributes", "year"),
    [
        ({"year": "1979"}, "1979"),
        ({"published_at": "1994-01-01"}, "1994"),
        ({"published_at": "1700000000000"}, None),
        ({"year": "<b>"}, None),
        ({"year": "19790"}, None),
        ({}, None),
    ],
)
def test_the_year_of_an_item_is_read_from_its_attributes(
    attributes: dict[str, str], year: str | None
) -> None:
    assert year_of(facts_of({"attributes": attributes})) == year
