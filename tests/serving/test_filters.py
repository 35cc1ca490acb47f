from __future__ import annotations

from serving.candidates.candidate import Candidate, User
from serving.filters import leave_out_known_items

CANDIDATES = [Candidate("a", 3.0, "x"), Candidate("b", 2.0, "x"), Candidate("c", 1.0, "x")]


def test_known_items_are_left_out_and_the_order_stays() -> None:
    assert [c.item_id for c in leave_out_known_items(User("u", known_items={"b"}), CANDIDATES)] == ["a", "c"]


def test_without_a_history_nothing_is_left_out() -> None:
    assert leave_out_known_items(User("u"), CANDIDATES) == CANDIDATES
