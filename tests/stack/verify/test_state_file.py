from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.settings import StateSettings
from contracts.stored import keyspace
from stack.status.redis_state import redis_state
from stack.verify import state_file
from stack.verify.state_file import StateFileError, StateMovedError, export_state, read_state
from streaming.state.applied_offsets import write_applied
from streaming.state.apply import UserEvent, apply_events
from streaming.state.keys import mark_written
from streaming.state.merged_lists import merge_items
from tests.stack.ledger_world import SETTINGS, oracle_state, user_events

WITH_REDIS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@WITH_REDIS
@given(st.lists(user_events(), max_size=20))
def test_an_exported_state_is_read_back_from_the_file(
    client: redis.Redis, redis_url: str, tmp_path: Path, events: list[UserEvent]
) -> None:
    client.flushall()
    apply_events(client, events, SETTINGS)
    merge_items(client, {event.item_id for event in events}, SETTINGS)
    write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:0": 20})
    mark_written(client)
    file = tmp_path / "state.jsonl"
    with redis_state(redis_url) as state:
        head = export_state(state, SETTINGS, file)
    exported = read_state(file)
    assert exported.head == head
    assert head.applied_online == {"interactions:0": 20}
    assert head.state_version == str(keyspace.STATE)
    assert exported.state == oracle_state(events, SETTINGS)
    assert list(tmp_path.iterdir()) == [file]


def test_an_item_whose_id_looks_like_a_historys_key_is_not_read_as_a_history(
    client: redis.Redis, redis_url: str
) -> None:
    client.zadd(keyspace.together("x}:history:y", 0), {"a": 1})
    with redis_state(redis_url) as state:
        assert list(state.histories()) == []


def test_a_state_during_a_rebuild_is_not_exported(
    client: redis.Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "_PAUSE_SECONDS", 0.01)
    client.zadd(keyspace.STATE_WRITERS, {"interactions:0": 4_000_000_000_000})
    with redis_state(redis_url) as state, pytest.raises(StateMovedError, match="export again"):
        export_state(state, StateSettings(), tmp_path / "state.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}\n", "user,item\n", '{"head": {"redis_shards": 1}}\n'])
def test_the_error_names_a_file_that_is_not_a_state_with_the_cure(text: str, tmp_path: Path) -> None:
    file = tmp_path / "state.jsonl"
    file.write_text(text)
    with pytest.raises(StateFileError, match=r"state\.jsonl is no exported state .*export-state FILE"):
        read_state(file)


def test_an_export_of_a_state_without_earlier_events_is_read(tmp_path: Path) -> None:
    file = tmp_path / "old.jsonl"
    head = {"state_version": "3", "redis_shards": 1, "event_weights": {}, "trend_half_lives": [3600]}
    offsets = {"applied_online": {"interactions:0": 1}, "applied_lake": {"interactions:0": 1}}
    history = {"user": "a", "item": "x", "history": "00ff"}
    file.write_text("\n".join(json.dumps(line) for line in ({"head": head | offsets}, history)))
    exported = read_state(file)
    assert exported.head.earlier_events == 0
    assert exported.state.histories == {("a", "x"): b"\x00\xff"}
    assert exported.state.earlier == {}
