from __future__ import annotations

from stack.demo.story import show, titles_of, why

LISTED = [
    {"item_id": "a", "rank": 1, "title": "Alpha", "source": "als"},
    {"item_id": "b", "rank": 2, "title": None, "source": "als"},
]


def test_an_item_is_explained_by_the_new_ratings_that_it_is_similar_to() -> None:
    reasons = why(LISTED, {"x": ["q", "a"], "y": ["a"]}, {"x": "Xi", "y": "Ypsilon"})
    assert reasons == {"a": "  because it is similar to Ypsilon (neighbour 1), Xi (neighbour 2)"}


def test_new_items_of_a_list_are_marked() -> None:
    said: list[str] = []
    show(said.append, LISTED, {"a": "  because"}, was={"b"})
    assert said == ["   1 + Alpha [als]  because", "   2   b [als]"]


def test_an_item_without_a_title_is_shown_without_one() -> None:
    assert titles_of(LISTED) == {"a": "Alpha"}
