from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.blending.weights import (
    FACTORS,
    ITEM_TO_ITEM,
    LONG_VIEW,
    POPULARITY,
    REPEATS,
    TRANSITIONS,
    TREND,
)
from serving.lists.explanations.reasons import named_places, reason_of
from serving.lists.explanations.shares import Shares
from serving.lists.ranking_history import Interacted

FAMILIES = (FACTORS, ITEM_TO_ITEM, LONG_VIEW, TRANSITIONS, REPEATS, TREND, POPULARITY)
ENTRIES = np.array([0.1, 0.5, -0.7, 0.2])


def _reason(by_family: dict[str, float]) -> str | None:
    return reason_of(Shares(by_family, dict.fromkeys(by_family, ENTRIES)), "ABCD".__getitem__)


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        (FACTORS, "because of B and D"),
        (ITEM_TO_ITEM, "because of B and D"),
        (LONG_VIEW, "because of B and D"),
        (TRANSITIONS, "often follows B"),
        (REPEATS, "you have had this before"),
        (TREND, "rising now"),
        (POPULARITY, "popular"),
    ],
)
def test_the_largest_share_is_the_reason(family: str, reason: str) -> None:
    others = {each: 0.1 for each in FAMILIES if each != family}
    assert _reason({**others, family: 0.2}) == reason


@pytest.mark.parametrize(
    ("earlier", "is_bought", "reason"),
    [
        ((), True, "you have had this before"),
        ((2,), True, "you have had this before"),
        ((2, 1), True, "you buy this often"),
        ((2, 1), False, "you come back to this often"),
    ],
)
def test_a_reason_for_a_repeated_item_says_how_often_it_came_back(
    earlier: tuple[int, ...], is_bought: bool, reason: str
) -> None:
    known = Interacted("x", 1.0, 3, earlier_ms=earlier, is_bought=is_bought)
    assert reason_of(Shares({REPEATS: 1.0}, {REPEATS: ENTRIES}), "ABCD".__getitem__, known) == reason


@pytest.mark.parametrize(
    ("just_did", "reason"),
    [
        ("view", "because you just viewed B"),
        ("click", "because you just clicked B"),
        ("like", "because you just liked B"),
        ("rating", "because you just rated B"),
        ("purchase", "because you just bought B"),
        (None, "often follows B"),
    ],
)
def test_a_follower_of_an_item_that_the_user_just_came_to_says_what_the_user_did(
    just_did: str | None, reason: str
) -> None:
    shares = Shares({TRANSITIONS: 1.0}, {TRANSITIONS: ENTRIES})
    found = reason_of(shares, "ABCD".__getitem__, None, lambda place: just_did if place == 1 else None)
    assert found == reason


def test_without_a_share_above_zero_or_an_item_there_is_no_reason() -> None:
    assert _reason({}) is None
    assert _reason({FACTORS: 0.0, TREND: -0.1}) is None
    nobody = Shares({FACTORS: 1.0}, {FACTORS: np.zeros(2)})
    assert reason_of(nobody, "AB".__getitem__) is None
    one = Shares({FACTORS: 1.0}, {FACTORS: np.array([-0.5, 1.5])})
    assert reason_of(one, "AB".__getitem__) == "because of B"


@given(st.lists(st.floats(-5, 5)))
def test_a_reason_names_the_two_largest_shares_above_zero(shares: list[float]) -> None:
    named = [shares[place] for place in named_places(np.array(shares))]
    assert named == sorted((share for share in shares if share > 0), reverse=True)[:2]
