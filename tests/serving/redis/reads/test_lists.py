from __future__ import annotations

from serving.redis.reads import lists as reads
from tests.serving.conftest import through_store
from tests.serving.world import World

HOUR, DAY = 3600, 86_400


def world() -> World:
    made = World(categories={"i03": ["Drama"], "i01": ["Drama"]}, newest={"i05": 10, "i06": 30, "i07": 20})
    made.trending = {HOUR: {"i01": 5.0, "i02": 6.0}, DAY: {"i03": 1.0}}
    return made


def test_pages_of_popular_and_trending_items_are_read_best_first(redis_url: str) -> None:
    world().write(redis_url)
    page = through_store(redis_url, lambda store: reads.popular_page(store, 1, 2))
    assert [item for item, _ in page] == ["i01", "i02"]
    of_category = through_store(redis_url, lambda store: reads.popular_page(store, 0, 9, "Drama", 1.0))
    assert [item for item, _ in of_category] == ["i01", "i03"]
    assert through_store(redis_url, lambda store: reads.popular_in_categories(store, ["x", "Drama"], 1)) == [
        [],
        ["i01"],
    ]
    assert through_store(redis_url, lambda store: reads.popular_in_categories(store, [], 1)) == []
    assert through_store(redis_url, lambda store: reads.trending_pages(store, (HOUR, DAY), 1)) == {
        HOUR: [("i02", 6.0)],
        DAY: [("i03", 1.0)],
    }
    assert through_store(redis_url, lambda store: reads.trending_page(store, HOUR, 1, 9, None)) == [
        ("i01", 5.0)
    ]


def test_the_newest_items_are_those_already_published(redis_url: str) -> None:
    world().write(redis_url)
    assert through_store(redis_url, lambda store: reads.newest_page(store, 25, 0, 1)) == [("i07", 20.0)]
    assert through_store(redis_url, lambda store: reads.newest_page(store, 25, 1, 5)) == [("i05", 10.0)]
