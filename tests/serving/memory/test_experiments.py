"""A process' copy of the experiments, over a real Redis."""

from __future__ import annotations

from typing import Any

import redis

from contracts.experiments.definition import Definition
from contracts.experiments.record import define, start
from contracts.stored import keyspace
from serving.memory.experiments import ExperimentsInForce
from serving.redis.store import Store
from serving.writes.experiments import (
    define_experiment,
    delete_experiment,
    experiments,
    start_experiment,
    stop_experiment,
)
from tests.serving.conftest import through_store

SHAPE: dict[str, Any] = {
    "name": "lists",
    "hypothesis": "h",
    "arms": [{"name": "control"}, {"name": "popular", "parameters": {"strategies": ["popular"]}}],
}


def definition_of(name: str) -> Definition:
    return Definition.model_validate(SHAPE | {"name": name})


async def names(store: Store) -> set[str]:
    return {each.name for each in await experiments(store)}


def test_an_experiment_goes_on_and_users_keep_their_arms_when_redis_is_emptied(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)

    async def scenario(store: Store) -> None:
        ours, later = ExperimentsInForce(store), ExperimentsInForce(store)
        await ours.refresh()
        for name in ("lists", "draft", "deleted"):
            await define_experiment(store, definition_of(name))
        await start_experiment(store, "deleted")
        await stop_experiment(store, "deleted", "why")
        await start_experiment(store, "lists")
        await ours.refresh()
        await delete_experiment(store, "deleted")
        await ours.refresh()
        before = [await ours.treatment(f"u{user}") for user in range(20)]
        assert {each.arm for each in before} == {"lists/1:control", "lists/1:popular"}
        kept = client.hgetall(keyspace.EXPERIMENTS)
        client.flushall()
        await ours.refresh()
        await later.refresh()
        for each in (ours, later):
            assert [await each.treatment(f"u{user}") for user in range(20)] == before
        assert client.hgetall(keyspace.EXPERIMENTS) == kept
        assert await names(store) == {"lists", "draft"}
        assert (await define_experiment(store, definition_of("deleted"))).run == 2

    through_store(redis_url, scenario)
    client.close()


def test_a_change_made_after_redis_was_emptied_is_not_overwritten(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)

    async def scenario(store: Store) -> None:
        ours = ExperimentsInForce(store)
        await define_experiment(store, definition_of("lists"))
        await start_experiment(store, "lists")
        await ours.refresh()
        client.flushall()
        restored = start(define(definition_of("restored"), None, now_ms=1), [], now_ms=2)
        client.hset(keyspace.EXPERIMENTS, "restored", restored.to_json())
        client.set(keyspace.EXPERIMENTS_REVISION, 7)
        await ours.refresh()
        assert await names(store) == {"restored"}
        assert (await ours.treatment("u1")).arm.startswith("restored/1:")

    through_store(redis_url, scenario)
    client.close()


def test_a_process_that_begins_with_an_empty_redis_writes_nothing(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)

    async def scenario(store: Store) -> None:
        ours = ExperimentsInForce(store)
        await ours.refresh()
        await ours.refresh()
        assert client.dbsize() == 0

    through_store(redis_url, scenario)
    client.close()
