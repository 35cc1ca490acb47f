from __future__ import annotations

from serving.answer.strategies.content import CATEGORIES, most_liked


def test_the_strength_of_an_item_is_divided_among_its_categories() -> None:
    liked = [(("Comedy", "Drama"), 2.0), (("Drama",), 1.0), ((), 9.0)]
    assert most_liked(liked) == [("Drama", 2.0), ("Comedy", 1.0)]


def test_only_the_most_liked_categories_count() -> None:
    assert len(most_liked(((f"c{n}",), float(n)) for n in range(10))) == CATEGORIES
    assert most_liked([]) == []
