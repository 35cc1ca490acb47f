from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from contracts.stored.lake import INTERACTIONS
from stack.demo.story_choice import choose_favourites, choose_user


def test_the_story_is_about_a_user_with_few_but_enough_events(tmp_path: Path) -> None:
    users = ["few"] * 3 + ["right"] * 21 + ["many"] * 50
    write_deltalake(INTERACTIONS.path(str(tmp_path)), pa.table({"user_id": users}))
    assert choose_user(tmp_path) == "right"


def test_without_such_a_user_the_one_with_most_events_is_chosen(tmp_path: Path) -> None:
    write_deltalake(INTERACTIONS.path(str(tmp_path)), pa.table({"user_id": ["a", "b", "b"]}))
    assert choose_user(tmp_path) == "b"
    assert choose_user(tmp_path / "empty") is None


def test_new_ratings_are_neither_known_nor_at_the_head_of_the_list() -> None:
    listed = [{"item_id": item} for item in ("a", "b", "c")]
    assert choose_favourites(listed, {"k"}, lambda item: ["k", "a", "x", "y", "z"]) == ["c", "x", "y"]
    assert choose_favourites([], set(), lambda item: []) == []
