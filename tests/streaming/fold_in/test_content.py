from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import redis

from algorithms.content.placement import Placement, fit_placement
from clients.redis.connection import redis_client
from contracts.catalog import content_of
from contracts.stored import keyspace
from streaming.fold_in import content
from streaming.fold_in.content import place_by_content, place_newest
from streaming.fold_in.model import OnlineModel, load
from streaming.fold_in.new_items import NewItems, Touch, learn_new_items, read_new_items
from streaming.state.apply import CatalogRecord, apply_catalog
from tests.streaming.model_in_redis import publish

pytestmark = pytest.mark.redis_cluster_too

ITEMS = [f"i{n}" for n in range(40)]
KINDS = ("Horror", "Comedy")
HORROR, COMEDY, NOTHING = ({"categories": [kind]} if kind else {} for kind in (*KINDS, ""))


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def placement(client: redis.Redis) -> Placement:
    factors = publish(client, "v1", ITEMS)
    entries = [{"categories": [KINDS[n % 2]]} for n in range(len(ITEMS))]
    found = fit_placement([content_of(entry) for entry in entries], factors)
    assert found is not None
    client.set(keyspace.model_content("v1"), found.encode())
    return found


@pytest.fixture
def model(client: redis.Redis, placement: Placement) -> OnlineModel:
    found = load(client, "v1")
    assert found is not None
    return found


def put(client: redis.Redis, item: str, entry: dict[str, object], moment: int = 1) -> None:
    apply_catalog(client, [CatalogRecord("item", item, moment, json.dumps(entry))])


def test_an_item_is_placed_by_the_newest_entry_and_moves_with_it(
    client: redis.Redis, model: OnlineModel, placement: Placement
) -> None:
    put(client, "new", HORROR, 5)
    put(client, "new", COMEDY, 4)  # comes late, and is older
    place_by_content(client, model, ["new", "i1"])
    found = read_new_items(client, model, NewItems())
    assert found.index == {b"new": 0}
    assert found.placed.tolist() == [True]
    assert found.factors == pytest.approx(placement.place([content_of(HORROR)]))
    put(client, "new", COMEDY, 6)
    place_by_content(client, model, ["new"])
    again = read_new_items(client, model, found)
    assert again.factors == pytest.approx(placement.place([content_of(COMEDY)]))
    put(client, "new", NOTHING, 7)
    place_by_content(client, model, ["new"])
    assert not read_new_items(client, model, again).factors.any()


def test_an_item_of_which_nothing_is_known_gets_no_place(client: redis.Redis, model: OnlineModel) -> None:
    put(client, "empty", NOTHING)
    put(client, "other", {"categories": ["unheard of"]})
    place_by_content(client, model, ["empty", "other", "without an entry"])
    assert read_new_items(client, model, NewItems()).index == {}


def test_a_repeated_placement_changes_nothing(client: redis.Redis, model: OnlineModel) -> None:
    put(client, "new", HORROR)
    place_by_content(client, model, ["new"])
    before = client.hgetall(keyspace.new_factors("v1"))
    place_by_content(client, model, ["new", "new"])
    assert client.hgetall(keyspace.new_factors("v1")) == before
    assert client.lrange(keyspace.new_items("v1"), 0, -1) == [b"new"]


def test_factors_from_users_go_before_those_by_content_in_either_order(
    client: redis.Redis, model: OnlineModel
) -> None:
    vector = np.ones(3, np.float32)
    put(client, "first put", HORROR)
    put(client, "first liked", HORROR)
    place_by_content(client, model, ["first put"])
    touches = [Touch(item, "u", 1.0, vector) for item in (b"first put", b"first liked")]
    assert learn_new_items(client, model, touches, min_users=1) == 2
    place_by_content(client, model, ["first liked"])
    found = read_new_items(client, model, NewItems())
    assert found.placed.tolist() == [False, False]
    assert (found.factors[0] == found.factors[1]).all()


def test_a_new_version_places_the_newest_entries(client: redis.Redis, model: OnlineModel) -> None:
    for moment, item in enumerate(("old", "newer", "newest")):
        put(client, item, HORROR, moment)
    place_newest(client, model)
    assert client.lrange(keyspace.new_items("v1"), 0, -1) == [b"newest", b"newer", b"old"]


def test_if_all_places_are_taken_only_listed_items_move(
    client: redis.Redis, model: OnlineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "MOST_LISTED", 1)
    for item in ("a", "b"):
        put(client, item, HORROR)
        place_by_content(client, model, [item])
    put(client, "a", COMEDY, 2)
    place_by_content(client, model, ["b", "a"])
    found = read_new_items(client, model, NewItems())
    assert found.index == {b"a": 0}
    assert found.revision == 2


@pytest.mark.parametrize("raw", [b"", b"damaged", b'{"columns": 1, "rank": 9, "knots": {}}\n' + bytes(40)])
def test_a_model_whose_placement_cannot_be_read_places_nothing(client: redis.Redis, raw: bytes) -> None:
    publish(client, "v1", ITEMS)
    client.set(keyspace.model_content("v1"), raw)
    model = load(client, "v1")
    assert model is not None
    assert model.content is None
    put(client, "new", HORROR)
    place_by_content(client, model, ["new"])
    place_newest(client, model)
    assert not client.exists(keyspace.new_items("v1"))
