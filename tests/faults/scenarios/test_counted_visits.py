"""What the nightly run's visitors hold the lake to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.experiments.lake_rows import START, exposure, interaction, rows
from tests.faults.scenarios import counted_visits
from tests.faults.scenarios.counted_visits import CountedVisits, Shown

RATED, TRIED = ("l1", "u1", "x"), ("l2", "u1", "y")


@pytest.fixture
def held_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str], list[tuple[str, str, str]]], int]:
    """How many of two lists are missing in a lake with these lists and ratings, where one may be lost."""
    visits = CountedVisits("http://nowhere", seed=1)
    visits.lists = {name: Shown("e/1:a", 1, 0.5) for name in ("l1", "l2")}
    visits.ratings, visits.tried = Counter([RATED]), Counter([RATED, TRIED])

    def check(lists: list[str], ratings: list[tuple[str, str, str]]) -> int:
        shown = [exposure("u1", "a", "x", START) | {"recommendation_id": name} for name in lists]
        done = [
            interaction(user, item, START, "rating", recommendation_id=name) for name, user, item in ratings
        ]
        monkeypatch.setattr(counted_visits, "read_all_rows", lambda *_: rows(shown, done))
        return visits.assert_in_lake_once("lake", lost=1)

    return check


@pytest.mark.parametrize("ratings", [[RATED], [RATED, TRIED]])
def test_each_list_is_there_once_or_lost_and_a_rating_without_an_answer_may_be_there(
    held_to: Callable[..., int], ratings: list[tuple[str, str, str]]
) -> None:
    assert held_to(["l1", "l2", "of somebody else"], ratings) == 0
    assert held_to(["l2"], ratings) == 1


@pytest.mark.parametrize(
    ("lists", "ratings"),
    [
        (["l1", "l2", "l2"], [RATED]),
        ([], [RATED]),
        (["l1", "l2"], []),
        (["l1", "l2"], [RATED, RATED]),
        (["l1", "l2"], [RATED, ("l2", "u1", "z")]),
    ],
)
def test_a_list_or_rating_twice_or_missing_or_invented_is_found(
    held_to: Callable[..., int], lists: list[str], ratings: list[tuple[str, str, str]]
) -> None:
    with pytest.raises(AssertionError):
        held_to(lists, ratings)
