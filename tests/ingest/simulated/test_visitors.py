from __future__ import annotations

import numpy as np
import pytest

from contracts.events import Interaction
from ingest.simulated.source import DAY_MS, START_MS, SyntheticWorld, WorldSize
from ingest.simulated.visitors import PATIENCE, Visitors, as_events, attraction

WORLD = SyntheticWorld(WorldSize())
NOW = START_MS + 200 * DAY_MS


def _visitors(seed: int) -> Visitors:
    return Visitors(WORLD, np.random.default_rng(seed))


def test_a_list_of_what_a_user_likes_is_rated_more_than_one_of_what_is_popular() -> None:
    """The difference that makes the personal arm of the demo's experiment better by construction."""
    popular = [WORLD.item_id(item) for item in np.argsort(-_popularity(), kind="stable")]
    best, common = 0, 0
    visitors = _visitors(1)
    for user in range(WORLD.size.users):
        liked = np.argsort(-WORLD.expected_rating(user, NOW))[:10]
        best += len(visitors.ratings(user, [WORLD.item_id(item) for item in liked], NOW))
        common += len(visitors.ratings(user, popular[:10], NOW))
    assert best > 1.5 * common > 0


def _popularity() -> np.ndarray:
    _, items, _, _ = WORLD.history()
    return np.bincount(items, minlength=WORLD.size.items)


def test_items_further_down_are_looked_at_less() -> None:
    visitors = _visitors(2)
    user = 3
    loved = WORLD.item_id(int(np.argmax(WORLD.expected_rating(user, NOW))))
    # One attractive item, at the first and at the tenth place; the others are unknown to the world.
    first = sum(bool(visitors.ratings(user, [loved, *["x"] * 9], NOW)) for _ in range(2000))
    tenth = sum(bool(visitors.ratings(user, [*["x"] * 9, loved], NOW)) for _ in range(2000))
    assert tenth / first == pytest.approx(PATIENCE**9, rel=0.25)


def test_an_item_attracts_by_its_expected_rating() -> None:
    assert attraction(4.0) == 0.5
    assert attraction(1.0) < 0.01
    assert attraction(5.0) > 0.85


def test_events_follow_the_contract_and_name_their_list_and_session() -> None:
    found = as_events("u1", "visit-1", "r1", {"i5": 4.5, "i6": 3.0})
    events = [Interaction.model_validate(each) for each in found]
    assert [(each.item_id, each.value, each.recommendation_id, each.session_id) for each in events] == [
        ("i5", 4.5, "r1", "visit-1"),
        ("i6", 3.0, "r1", "visit-1"),
    ]


def test_each_visit_is_by_a_user_of_the_world_and_has_its_own_session() -> None:
    visitors = _visitors(3)
    visits = [visitors.visit() for _ in range(300)]
    assert len({each.session_id for each in visits}) == 300
    assert all(0 <= each.user < WORLD.size.users and each.lists >= 1 for each in visits)
    assert 1.5 < np.mean([each.lists for each in visits]) < 4


def test_items_outside_of_the_world_attract_no_visitor() -> None:
    assert _visitors(4).ratings(0, ["i0", "i501", "film", "i-1", "i٣", "i01"], NOW) == {}
