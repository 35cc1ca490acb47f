from __future__ import annotations

from contracts.stored.records import Popularity
from serving.redis.reads import item as reads
from tests.serving.conftest import through_store
from tests.serving.world import World


def test_similar_items_and_top_users_of_items_come_best_first(redis_url: str) -> None:
    World().write(redis_url)
    found = through_store(redis_url, lambda store: reads.similar_items(store, "i00"))
    assert (found.known, found.model_version, found.entries[:]) == (True, "v1", [("i01", 0.5), ("i02", 0.25)])
    lists = through_store(redis_url, lambda store: reads.similar_to_many(store, ["i05", "i00"]))
    assert [each[:] for each in lists] == [(), [("i01", 0.5), ("i02", 0.25)]]
    users = through_store(redis_url, lambda store: reads.top_users(store, "i00"))
    assert (users.known, list(users.entries)) == (True, [("ann", 0.5), ("bob", 0.25)])
    assert through_store(redis_url, lambda store: reads.top_users_of_many(store, ["i05", "i00"])) == [
        [],
        ["ann", "bob"],
    ]


def test_an_item_of_the_catalogue_is_known_and_no_items_cost_no_round_trip(redis_url: str) -> None:
    World().write(redis_url, version=None)
    assert through_store(redis_url, lambda store: reads.similar_items(store, "i00")).known
    assert not through_store(redis_url, lambda store: reads.top_users(store, "unheard of")).known
    assert through_store(redis_url, lambda store: reads.similar_to_many(store, [])) == []
    assert through_store(redis_url, lambda store: reads.top_users_of_many(store, ["i00"])) == [[]]


def test_the_popularity_and_the_facts_of_items_are_read(redis_url: str) -> None:
    World(categories={"i00": ["Drama"]}).write(redis_url)
    raw, nothing = through_store(redis_url, lambda store: reads.popularity(store, ["i00", "unheard of"]))
    assert (Popularity.decode(raw).raters, nothing) == (7, None)
    facts, unknown = through_store(redis_url, lambda store: reads.catalogue_entries(store, ["i00", "x"]))
    assert (facts.title, facts.categories, unknown.title) == ("Title i00", ("Drama",), None)
