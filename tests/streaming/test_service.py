"""The parts of the service's process that need no Spark."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from clients.event_producer import BrokerUnavailableError
from contracts import topics
from contracts.exit_codes import NEEDS_OPERATOR
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from stack.machine import doctor
from streaming import service
from streaming.lake.writer import TAKEN as LAKE_TAKEN
from streaming.recovery.faults import RUNBOOK, CheckpointFault, CheckpointFaultError
from streaming.state.applied_offsets import write_applied, write_topic_ids
from streaming.state.client import connect
from streaming.state.keys import is_there, mark_written
from streaming.state.lease import Lease


@pytest.fixture
def evicting_url(redis_url: str) -> Iterator[str]:
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "volatile-ttl")
        yield redis_url
        client.config_set("maxmemory-policy", "noeviction")


@pytest.fixture
def compacted_interactions(fresh_topics: str) -> Iterator[str]:
    """A broker whose topic of interactions is compacted."""
    admin = KafkaAdminClient(bootstrap_servers=fresh_topics)
    name = topics.INTERACTIONS.name
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"cleanup.policy": "compact"})])
    yield fresh_topics
    admin.delete_topics([name])
    admin.close()


def test_topics_that_would_lose_events_are_refused_with_the_cure(
    compacted_interactions: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", compacted_interactions)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert service.serve(StreamingSettings()) == NEEDS_OPERATOR
    assert "the topic interactions is compacted, which deletes events of a user" in caplog.text
    assert "--add-config cleanup.policy=delete" in caplog.text
    checked = doctor.check_topics()
    assert not checked.ok
    assert "interactions is compacted" in checked.found
    assert "cleanup.policy=delete" in checked.cure


def test_the_state_of_a_newer_version_is_refused_and_not_changed(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with redis.Redis.from_url(redis_url) as client:
        client.set(keyspace.STATE_VERSION, keyspace.STATE + 1)
        assert service.serve(StreamingSettings()) == NEEDS_OPERATOR
        assert client.get(keyspace.STATE_VERSION) == str(keyspace.STATE + 1).encode()
    assert f"not started: Redis holds the state of version {keyspace.STATE + 1}" in caplog.text
    assert "start the newer Headwater again" in caplog.text


def test_a_service_that_was_replaced_needs_an_operator_and_one_that_failed_does_not(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        lease, other = Lease(client), Lease(client)
        assert lease.take(lambda _: None)
        assert service._exit_code("query lake ended: a full disk", lease) == 1
        assert service._exit_code(f"query lake ended: {LAKE_TAKEN}", lease) == NEEDS_OPERATOR
        client.delete(keyspace.STREAMING_LEASE)  # as if it had been asleep
        assert other.take(lambda _: None)
        assert service._exit_code("online ended: replaced", lease) == NEEDS_OPERATOR


def test_a_redis_that_may_evict_is_refused_with_the_cure(
    evicting_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDIS_URL", evicting_url)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert service.serve(StreamingSettings()) == NEEDS_OPERATOR
    assert (
        "not started: Redis deletes keys when its memory is full (maxmemory-policy volatile-ttl)"
        in caplog.text
    )


FAULT = CheckpointFault("online", "is of an earlier topic: interactions was deleted and created again")
SENTENCE = (
    f"ended, or events would be lost or doubled: the checkpoint of query online {FAULT.reason}. Run "
    f"`headwater repair` ({RUNBOOK})"
)


@pytest.mark.parametrize(
    ("end_reason", "seen", "asked", "faults", "ends_with"),
    [
        (None, "new", "unasked", [FAULT], SENTENCE),
        ("query lake ended: partitions are gone", "old", "new", [FAULT], SENTENCE),  # Spark was faster
        (None, "new", "unasked", [], 1),  # nothing was read of it: the next start reads the new one
        ("query lake ended: a full disk", "old", "old", [FAULT], 1),
    ],
)
def test_a_topic_that_is_created_again_ends_the_service_as_it_would_not_start(
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    end_reason: str | None,
    seen: str,
    asked: str,
    faults: list[CheckpointFault],
    ends_with: str | int,
) -> None:
    stopped: list[Any] = []
    pipeline: Any = SimpleNamespace(
        queries=[],
        online=SimpleNamespace(topic_ids={"interactions": seen}),
        end_reason=lambda: end_reason,
        stop=stopped.append,
    )
    monkeypatch.setattr(service, "build_pipeline", lambda *_: pipeline)
    monkeypatch.setattr(service, "topic_ids", lambda _: {"interactions": asked})
    monkeypatch.setattr(service, "checkpoint_faults", lambda *_: faults)
    spark: Any = "spark"
    settings = StreamingSettings(redis_url=redis_url)  # type: ignore[arg-type]
    client = connect(redis_url)
    mark_written(client)
    write_topic_ids(client, {"interactions": "old"})
    write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:0": 7})

    def run() -> int:
        return service._run(spark, settings, threading.Event(), {"interactions": "old"})

    if isinstance(ends_with, int):
        assert run() == ends_with
    else:
        with pytest.raises(CheckpointFaultError, match=re.escape(ends_with)):
            run()
    assert stopped == (["spark"] if "new" in (seen, asked) else [])
    assert is_there(client) == isinstance(ends_with, int)  # else answers say that they are stale


def test_a_service_that_is_asked_to_end_gets_a_time_limit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Any] = {}
    limits: list[None] = []
    monkeypatch.setattr("signal.signal", handlers.__setitem__)
    monkeypatch.setattr(service, "end_in_time", lambda: limits.append(None))
    stopping = service._set_by_signals()
    assert not stopping.is_set()
    for number in (signal.SIGTERM, signal.SIGINT):
        handlers[number](number, None)
    assert stopping.is_set()
    assert len(limits) == 1


@pytest.mark.parametrize("is_to_stop", [False, True])
def test_a_broker_that_goes_away_before_the_lake_is_prepared_is_waited_for(is_to_stop: bool) -> None:
    tries: list[int] = []

    def prepare() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise BrokerUnavailableError("no broker answers")

    assert service.prepare_with_kafka(prepare, lambda _: is_to_stop) is not is_to_stop
    assert len(tries) == (1 if is_to_stop else 3)
