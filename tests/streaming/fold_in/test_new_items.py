from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import redis

from algorithms.fold_in import fold_in
from clients.redis.connection import redis_client
from contracts.stored import keyspace
from streaming.fold_in import new_items
from streaming.fold_in.model import OnlineModel, load
from streaming.fold_in.new_items import NewItems, Touch, learn_new_items, read_new_items
from tests.streaming.model_in_redis import publish

pytestmark = pytest.mark.redis_cluster_too

VECTORS = np.random.default_rng(3).normal(size=(4, 3)).astype(np.float32)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def model(client: redis.Redis) -> OnlineModel:
    publish(client, "v1", ["a", "b"])
    found = load(client, "v1")
    assert found is not None
    return found


def touches(item: str, *strengths: float) -> list[Touch]:
    return [Touch(item.encode(), f"u{n}", s, VECTORS[n]) for n, s in enumerate(strengths)]


def test_an_item_with_too_few_users_gets_no_factors(client: redis.Redis, model: OnlineModel) -> None:
    assert learn_new_items(client, model, touches("x", 1.0, 1.0, -0.5), min_users=3) == 0
    assert read_new_items(client, model, NewItems()).index == {}


def test_the_factors_of_a_new_item_are_the_exact_solution_for_its_users(
    client: redis.Redis, model: OnlineModel
) -> None:
    assert learn_new_items(client, model, touches("x", 1.0, 2.0, -0.5), min_users=2) == 1
    found = read_new_items(client, model, NewItems())
    expected = fold_in(
        VECTORS[:3],
        np.array([0, 3]),
        np.arange(3),
        np.array([1.0, 2.0, -0.5]),
        reg_param=model.reg_param,
        alpha=model.alpha,
        gramian=model.user_gramian,
    )
    assert found.index == {b"x": 0}
    assert np.allclose(found.factors, expected)


def test_the_users_of_several_batches_add_up_and_each_counts_once(
    client: redis.Redis, model: OnlineModel
) -> None:
    for touch in [*touches("x", 1.0), *touches("x", 1.0)]:
        assert learn_new_items(client, model, [touch], min_users=2) == 0
    assert learn_new_items(client, model, touches("x", 1.0, 1.0), min_users=2) == 1


def test_a_new_item_keeps_its_index_when_its_factors_change(client: redis.Redis, model: OnlineModel) -> None:
    learn_new_items(client, model, touches("x", 1.0, 1.0), min_users=2)
    learn_new_items(client, model, touches("y", 1.0, 1.0), min_users=2)
    first = read_new_items(client, model, NewItems())
    assert read_new_items(client, model, first) is first
    learn_new_items(client, model, touches("x", 1.0, 1.0, 2.0), min_users=2)
    second = read_new_items(client, model, first)
    assert second.index == first.index == {b"x": 0, b"y": 1}
    assert not np.allclose(second.factors[0], first.factors[0])
    assert np.array_equal(second.factors[1], first.factors[1])


def test_a_very_popular_new_item_stores_a_limited_number_of_users(
    client: redis.Redis, model: OnlineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_items, "_MAX_USERS", 3)
    assert learn_new_items(client, model, touches("x", 1.0, 1.0, 1.0), min_users=2) == 1
    before = read_new_items(client, model, NewItems())
    assert learn_new_items(client, model, touches("x", *[2.0] * 4), min_users=2) == 0
    assert client.hlen(keyspace.new_item_users(model.version, "x")) == 3
    assert read_new_items(client, model, before) is before
    assert learn_new_items(client, model, touches("y", 1.0, 1.0), min_users=2) == 1


def test_without_touched_items_there_is_nothing_to_do(client: redis.Redis, model: OnlineModel) -> None:
    assert learn_new_items(client, model, [], min_users=1) == 0
