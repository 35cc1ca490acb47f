"""Both paths write the same lists to Redis from the same factors."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import redis
from pyspark.sql import DataFrame, SparkSession

from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.records import decode_ranked, decode_ranked_ids
from tests.training.in_memory.worlds import as_events, random_rows
from training.fit.factors import factors_frame
from training.in_memory import lists
from training.in_memory.als import FittedFactors
from training.in_memory.load import RoundArrays, load_arrays
from training.lists import items as distributed_items
from training.lists import writer
from training.lists.users import ReusedLists, write_user_lists
from training.registry.model_folder import ModelFrames
from training.registry.publish import Publisher

SETTINGS = TrainingSettings(train_min_events=1)


@dataclass(frozen=True)
class World:
    """One world in both forms."""

    data: RoundArrays
    factors: FittedFactors
    fit: ModelFrames
    preferences: DataFrame


@pytest.fixture(scope="module")
def world(spark: SparkSession) -> World:
    events = as_events(random_rows(11, users=70, items=60))
    data = load_arrays(events, len(events), SETTINGS, 0)
    assert data is not None
    rng = np.random.default_rng(2)
    users = rng.normal(size=(data.counts.users, 5)).astype(np.float32)
    items = rng.normal(size=(data.counts.items, 5)).astype(np.float32)
    users[3], items[4] = 0, 0  # without a taste; not fitted
    fit = ModelFrames(
        users=spark.createDataFrame(_number(data.user_ids.to_pylist()), "user_id STRING, user_index INT"),
        items=spark.createDataFrame(_number(data.item_ids.to_pylist()), "item_id STRING, item_index INT"),
        user_factors=factors_frame(spark, users),
        item_factors=factors_frame(spark, items),
    )
    rows = list(zip(data.pairs.users.tolist(), data.pairs.items.tolist(), strict=True))
    preferences = spark.createDataFrame(rows, "user_index INT, item_index INT")
    return World(data, FittedFactors(users, items), fit, preferences)


def _number(ids: list[str]) -> list[tuple[str, int]]:
    return [(each, index) for index, each in enumerate(ids)]


@pytest.fixture
def publisher(redis_url: str) -> Publisher:
    return Publisher(redis_url, shards=3)


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


def _fields(client: redis.Redis, key: str) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = client.hgetall(key)  # type: ignore[assignment]
    return fields


def _same_lists(first: dict[bytes, bytes], second: dict[bytes, bytes]) -> None:
    assert first.keys() == second.keys()
    for owner, raw in first.items():
        assert decode_ranked(raw)[0] == decode_ranked(second[owner])[0]
        np.testing.assert_allclose(
            decode_ranked(raw)[1], decode_ranked(second[owner])[1], rtol=1e-5, atol=1e-6
        )


def test_users_get_the_same_lists_on_every_shard(
    world: World, publisher: Publisher, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_BLOCK", 16)
    n = 20
    expected = write_user_lists(publisher, "a", world.fit, world.preferences, world.factors.items, n, None)
    found = lists.write_user_lists(publisher, "b", world.data, world.factors, n, None)
    assert found == expected
    assert found.written == world.data.counts.users - 1  # one has no taste
    for shard in range(3):
        keys = keyspace.top_n(shard, "a"), keyspace.top_n(shard, "b")
        assert client.hlen(keys[0])
        _same_lists(*(_fields(client, key) for key in keys))


def test_a_list_that_is_as_good_is_copied_from_the_version_before(
    world: World, publisher: Publisher, client: redis.Redis
) -> None:
    before = lists.write_user_lists(publisher, "a", world.data, world.factors, 10, None)
    kept = ReusedLists("a", 0.01)
    again = lists.write_user_lists(publisher, "b", world.data, world.factors, 10, kept)
    assert (again.written, again.kept) == (0, before.written)
    assert _fields(client, keyspace.top_n(0, "a")) == _fields(client, keyspace.top_n(0, "b"))


def test_items_get_the_same_neighbours_and_the_same_users(
    world: World, publisher: Publisher, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, data, factors = world.fit, world.data, world.factors
    writer.write_similar(publisher, "a", distributed_items.similar_items(fit, factors.items))
    lists.write_similar_items(publisher, "b", data, factors.items)
    similar = [_fields(client, keyspace.similar_items(version)) for version in "ab"]
    assert len(similar[0]) == data.counts.items - 1  # one was not fitted
    _same_lists(*similar)
    monkeypatch.setattr(lists, "LARGE", 10)  # of so few items the index misses none
    lists.write_similar_items(publisher, "c", data, factors.items)
    _same_lists(similar[0], _fields(client, keyspace.similar_items("c")))
    top_users = distributed_items.top_users(fit, world.preferences, data.counts.users, 5)
    writer.write_top_users(publisher, "a", top_users)
    lists.write_top_users(publisher, "b", data, factors)
    users = [_fields(client, keyspace.top_users(version)) for version in "ab"]
    assert users[0].keys() == users[1].keys()
    for item, raw in users[0].items():
        assert decode_ranked_ids(raw)[0] == decode_ranked_ids(users[1][item])[0]
        np.testing.assert_allclose(decode_ranked_ids(raw)[1], decode_ranked_ids(users[1][item])[1], rtol=1e-5)


def test_segments_like_what_enough_of_their_users_like(
    world: World, publisher: Publisher, client: redis.Redis
) -> None:
    data = world.data
    genders = {user: "F" if index % 2 else "M" for index, user in enumerate(data.user_ids.to_pylist())}
    about = [(user, json.dumps({"gender": gender})) for user, gender in genders.items()] + [("nobody", None)]
    lists.write_segment_lists(publisher, "b", data, about, ("gender",), n=5, least=8)
    found = _fields(client, keyspace.segment_lists("b"))
    assert set(found) == {b"gender=F", b"gender=M"}
    columns, scores = decode_ranked(found[b"gender=F"])
    women = np.array([index % 2 == 1 for index in range(data.counts.users)])
    liked = data.pairs.where(data.pairs.positive & women[data.pairs.users])
    counts = np.bincount(liked.items, minlength=data.counts.items)
    assert list(scores) == sorted(counts.tolist(), reverse=True)[: len(scores)]
    assert [counts[column] for column in columns] == list(scores)
    assert 0 < len(scores) <= 5
    assert min(scores) >= 8
