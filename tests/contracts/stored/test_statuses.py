from __future__ import annotations

from dataclasses import fields

import pytest

from contracts.stored.statuses import ROUND_OUTCOMES, StreamingStatus, TrainingStatus

STREAMING = StreamingStatus(
    heartbeat=1_700_000_000_123,
    online_through=1_700_000_000_000,
    online_batch_seconds=0.25,
    lake_batch=7,
    lake_batch_seconds=1.5,
    pending_users=0,
    fresh_version="v1",
    state_lost=1_700_000_000_999,
    topic_events=12,
    unread_share=0.125,
    writable=1_700_000_000_555,
    evicted_keys=12,
    newest_event=1_700_000_000_777,
)
TRAINING = TrainingStatus(
    phase="idle",
    heartbeat=1_700_000_000_777,
    served_request=3,
    outcome="published",
    version="v1",
    reason="",
    gate="the first model",
    leads="model",
    cause="drift: level of ratings went from 60.0% to 30.0%",
)


def as_stored(fields: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): text.encode() for name, text in fields.items()}


@pytest.mark.parametrize("status", [STREAMING, TRAINING])
def test_every_field_is_read_as_it_was_written(status: StreamingStatus | TrainingStatus) -> None:
    written = status.encode()
    assert set(written) == {field.name for field in fields(status)}
    assert type(status).decode(as_stored(written)) == status


@pytest.mark.parametrize("kind", [StreamingStatus, TrainingStatus])
def test_a_missing_field_is_read_as_none_and_not_written(
    kind: type[StreamingStatus] | type[TrainingStatus],
) -> None:
    assert kind.decode({}) == kind()
    assert kind().encode() == {}


def test_the_text_in_redis_does_not_change_between_versions() -> None:
    assert STREAMING.encode() == {
        "heartbeat": "1700000000123",
        "online_through": "1700000000000",
        "online_batch_seconds": "0.250",
        "lake_batch": "7",
        "lake_batch_seconds": "1.500",
        "pending_users": "0",
        "fresh_version": "v1",
        "state_lost": "1700000000999",
        "topic_events": "12",
        "unread_share": "0.125",
        "writable": "1700000000555",
        "evicted_keys": "12",
        "newest_event": "1700000000777",
    }
    assert TRAINING.encode()["served_request"] == "3"


def test_an_unreadable_field_is_read_as_none_and_an_unknown_one_is_ignored() -> None:
    text = {"heartbeat": "soon", "online_through": "12.0", "pending_users": "inf", "of_the_future": "1"}
    assert StreamingStatus.decode(as_stored(text)) == StreamingStatus(online_through=12)


def test_a_request_counts_as_served_when_a_newer_one_was_served() -> None:
    assert TrainingStatus(served_request=3).has_served(2)
    assert not TrainingStatus(served_request=3).has_served(4)
    assert not TrainingStatus().has_served(1)


def test_every_outcome_has_a_name() -> None:
    assert ROUND_OUTCOMES == (
        "published",
        "not_enough_data",
        "refused_by_gate",
        "lost_race",
        "refused_older",
        "failed",
    )
