from __future__ import annotations

from typing import Any

import pytest
import redis

from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from streaming.online import micro_batch
from streaming.online.micro_batch import apply_micro_batch
from streaming.online.position import Position, StateWentBackError
from streaming.online.rows import RecordRow
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import connect
from streaming.state.keys import state_digest

pytestmark = pytest.mark.redis_cluster_too

PARTITION = "interactions:0"
NOTHING: dict[str, Any] = dict.fromkeys(RecordRow._fields)


def like(user: str, item: str, offset: int) -> RecordRow:
    return RecordRow(
        **NOTHING
        | {
            "partition": PARTITION,
            "offset": offset,
            "through": 1000 + offset,
            "accepted": "interactions",
            "user_id": user,
            "item_id": item,
            "event_type": "like",
            "event_id": f"00000000-0000-4000-8000-{offset:012x}",
            "value": 1.0,
            "event_time": 5000 + offset,
        }
    )


def rejected_row(offset: int) -> RecordRow:
    return RecordRow(**NOTHING | {"partition": PARTITION, "offset": offset, "through": 1000 + offset})


def item(item_id: str, offset: int) -> RecordRow:
    fields = {"partition": "catalog:0", "offset": offset, "through": 2000, "accepted": "catalog"}
    entry = {"kind": "item", "id": item_id, "updated_at": 7, "json": f'{{"id":"{item_id}"}}'}
    return RecordRow(**NOTHING | fields | entry)


@pytest.fixture
def settings(redis_url: str) -> StreamingSettings:
    return StreamingSettings(redis_url=redis_url)


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    client = connect(redis_url)
    write_applied(client, keyspace.APPLIED_ONLINE, {PARTITION: 3, "catalog:0": 0})
    return client


def position(settings: StreamingSettings) -> Position:
    return Position(settings.kafka_bootstrap_servers)


def test_a_batch_changes_the_state_and_the_touched_items_and_the_offsets(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    rows = [like("ann", "x", 3), rejected_row(4), item("y", 0), like("ann", "z", 5)]
    apply_micro_batch(client, rows, position(settings), settings)
    assert set(client.hkeys(keyspace.history("ann", 1))) == {b"x", b"z"}  # type: ignore[arg-type]
    assert client.hkeys(keyspace.CATALOG_ITEMS) == [b"y"]
    assert client.smembers(keyspace.TOUCHED) == {b"x", b"y", b"z"}
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {PARTITION: 6, "catalog:0": 1}
    assert read_applied(client, keyspace.APPLIED_TIMES) == {PARTITION: 2000, "catalog:0": 2000}


def test_a_batch_that_ends_between_two_steps_is_repeated_and_gives_the_same_state(
    client: redis.Redis, settings: StreamingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    rows = [like("ann", "x", 3)]
    with monkeypatch.context() as patched:
        patched.setattr(micro_batch, "fold_in_active", die)
        with pytest.raises(KeyboardInterrupt):
            apply_micro_batch(client, rows, position(settings), settings)
    # State and touched items are written before the fold-in, and offsets after it.
    assert client.hkeys(keyspace.history("ann", 1)) == [b"x"]
    assert client.smembers(keyspace.TOUCHED) == {b"x"}
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {PARTITION: 3, "catalog:0": 0}
    digest = state_digest(client)
    apply_micro_batch(client, rows, position(settings), settings)
    assert state_digest(client) == digest
    assert read_applied(client, keyspace.APPLIED_ONLINE) == {PARTITION: 4, "catalog:0": 0}


def test_a_redis_that_went_back_is_noticed_before_anything_is_written(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    task = position(settings)
    apply_micro_batch(client, [like("ann", "x", 3)], task, settings)
    write_applied(client, keyspace.APPLIED_ONLINE, {PARTITION: 2})
    with pytest.raises(StateWentBackError, match=f"{PARTITION} was applied to 4, Redis says 2"):
        apply_micro_batch(client, [like("ann", "z", 4)], task, settings)
    assert client.hkeys(keyspace.history("ann", 1)) == [b"x"]
