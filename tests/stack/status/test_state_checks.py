from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from contracts.stored import keyspace
from stack.machine.ports import free_port
from stack.status.block import rows
from stack.status.picture import StackStatus, figures
from stack.status.redis_state import redis_state
from stack.status.state_checks import check_states
from tests.stack.status.test_picture import ports_of


@pytest.fixture
def client(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    monkeypatch.setenv("REDIS_URL", redis_url)
    with redis.Redis.from_url(redis_url) as connection:
        connection.set(keyspace.STATE_VERSION, keyspace.STATE)
        yield connection
        connection.config_set("maxmemory-policy", "noeviction")


def test_doctor_and_status_name_a_lost_state_a_rebuild_and_eviction_with_the_cure(
    client: redis.Redis, redis_url: str
) -> None:
    def check() -> tuple[bool, str]:
        (check,) = check_states()
        return check.ok, f"{check.found}: {check.cure}"

    assert check() == (True, "in Redis, which keeps its keys (noeviction): ")
    client.config_set("maxmemory-policy", "allkeys-lfu")
    assert "maxmemory-policy allkeys-lfu" in check()[1]
    client.delete(keyspace.STATE_VERSION)
    assert check() == (
        False,
        "the state is not in Redis, so answers are stale: streaming writes it when it starts; if streaming "
        "runs, run `headwater rebuild`",
    )
    client.set(keyspace.STATE_REBUILDING, "rebuild")
    sentence = "`headwater rebuild` is writing the state, so answers are stale: wait for its end"
    assert check() == (False, sentence)
    trouble = figures(ports_of(redis_url))["trouble"]
    assert dict(rows(StackStatus("/data", running=True, trouble=trouble)))["trouble"] == sentence


def test_before_the_first_event_an_empty_state_is_no_trouble(client: redis.Redis, redis_url: str) -> None:
    client.delete(keyspace.STATE_VERSION)
    with redis_state(redis_url) as state:
        assert state.trouble() is not None
        assert state.trouble(is_without_events=True) is None
        client.set(keyspace.STATE_VERSION, keyspace.STATE + 1)
        assert state.trouble(is_without_events=True) is not None


def test_without_a_redis_the_check_fails_and_without_a_stack_there_is_no_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    (check,) = check_states()
    assert not check.ok
    assert "does not answer" in check.found
    monkeypatch.delenv("REDIS_URL")
    assert check_states() == []
