from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import redis

from contracts.stored import keyspace
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics
from serving.writes.erasures import describe_erasure, read_erasure
from serving.writes.receipt import ErasureReceipt
from tests.manifests import a_manifest
from tests.serving.conftest import NOBODY, settings_of, through_store

RECEIPT = ErasureReceipt(1000, 0, 7)


@pytest.mark.parametrize(
    ("online", "in_lake", "through", "state"),
    [
        (0, 0, [], "accepted"),
        (7, 8, [], "accepted"),  # 7 is the next offset: 7 itself is not applied
        (8, 7, [], "applied"),
        (8, 8, [], "complete"),
        (8, 8, [8, 7], "applied"),  # an older version may be served again
        (8, 8, [8, 9], "complete"),
    ],
)
def test_an_erasure_is_complete_when_state_and_lake_and_every_model_are(
    online: int, in_lake: int, through: list[int], state: str
) -> None:
    assert describe_erasure(RECEIPT, online, in_lake, through).state == state


def test_the_status_of_an_erasure_lists_what_still_holds_the_user_and_until_when() -> None:
    """The states are those of the table in docs/operations.md."""
    open_, done = describe_erasure(RECEIPT, 8, 8, [0]), describe_erasure(RECEIPT, 8, 8, [])
    until = {each.where: each.until for each in open_.remains}
    days = 24 * 3600 * 1000
    assert until["Kafka: interactions"] == until["Kafka: exposures"] == 1000 + 7 * days
    assert until["Kafka: interactions.rejected"] == 1000 + 30 * days
    assert all(each.ends for each in open_.remains)
    text = Path("docs/operations.md").read_text(encoding="utf-8")
    table = text.partition("The receipt lists what remains")[2].partition("`headwater rebuild`")[0]
    for where in until:
        for name in where.replace("Kafka: ", "").split(": ")[-1].split(", "):
            assert name.split(" and ")[0] in table, name
    assert {each.where for each in open_.remains} - {each.where for each in done.remains} == {"MODELS_URI"}


@pytest.mark.parametrize("text", [a_manifest("v1").to_json(), "damaged"])
def test_a_model_whose_manifest_does_not_mention_erasures_may_hold_the_user(
    redis_url: str, text: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    client.set(keyspace.STATE_VERSION, keyspace.STATE)
    client.hset(keyspace.APPLIED_ONLINE, "catalog:0", 8)
    client.hset(keyspace.APPLIED_LAKE, "catalog:0", 8)
    client.zadd(keyspace.MODEL_VERSIONS, {"v1": 1})
    client.set(keyspace.manifest("v1"), text)
    client.close()
    found = through_store(redis_url, lambda store: read_erasure(store, RECEIPT))
    assert (found.state, found.online, found.lake, found.models) == ("applied", True, True, False)


def test_the_progress_of_an_erasure_is_read_from_the_status_of_the_services(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.set(keyspace.STATE_VERSION, keyspace.STATE)
    client.hset(keyspace.APPLIED_ONLINE, "catalog:0", 8)
    client.hset(keyspace.APPLIED_LAKE, "catalog:0", 9)
    client.zadd(keyspace.MODEL_VERSIONS, {"v1": 1, "v2": 2})  # v2 is being written: it has no manifest
    client.set(keyspace.manifest("v1"), a_manifest("v1", catalog_through={"0": 8}).to_json())

    def read() -> str:
        return through_store(redis_url, lambda store: read_erasure(store, RECEIPT)).state

    assert read() == "complete"
    client.delete(keyspace.STATE_VERSION)  # lost, or of a topic that was created again since
    assert read() == "accepted"
    client.close()


def test_without_redis_the_progress_of_an_erasure_is_unknown() -> None:
    async def read() -> None:
        store = Store(settings_of(redis_url=f"redis://{NOBODY}/0"), 1.0, Metrics())
        try:
            await read_erasure(store, RECEIPT)
        finally:
            await store.close()

    with pytest.raises(StoreError):
        asyncio.run(read())
