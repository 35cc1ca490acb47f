"""The statuses that the streaming service and the trainer publish, as Redis hashes of text.

Each writes some fields at a time; a field that nobody wrote yet, or that cannot be read, is None. Fields that
this version does not know are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

RoundOutcome = Literal["published", "not_enough_data", "refused_by_gate", "lost_race", "refused_older"]
ROUND_OUTCOMES: tuple[str, ...] = (*get_args(RoundOutcome), "failed")

Fields = Mapping[bytes, bytes]
T = TypeVar("T")
# The field that the API asks for with each list (keyspace.STREAMING_STATUS).
ONLINE_THROUGH = "online_through"
STATE_LOST = "state_lost"
NEWEST_EVENT = "newest_event"


@dataclass(frozen=True)
class StreamingStatus:
    """The hash keyspace.STREAMING_STATUS. Moments are epoch milliseconds."""

    heartbeat: int | None = None  # when streaming last said that it is well
    online_through: int | None = None  # broker's time up to which the online query has applied all
    online_batch_seconds: float | None = None
    lake_batch: int | None = None
    lake_batch_seconds: float | None = None
    pending_users: int | None = None  # users who wait to be folded in
    fresh_version: str | None = None  # the model by which the fresh lists were last made
    state_lost: int | None = None  # when it was seen that Redis has lost the state, or a part of it
    topic_events: int | None = None  # events in the topic of interactions, counted by offsets
    unread_share: float | None = None  # of what Kafka keeps, the part that the lake lacks
    writable: int | None = None  # when the online query last saw that Redis takes writes
    evicted_keys: int | None = None  # by Redis since its start, as last seen
    newest_event: int | None = None  # the event time to which the applied events reach: what trends call now

    def encode(self) -> dict[str, str]:
        """The fields that are set, as text."""
        return _encode(self)

    @classmethod
    def decode(cls, fields: Fields) -> StreamingStatus:
        """The reverse of encode."""
        return cls(
            heartbeat=_read(fields, "heartbeat", _whole),
            online_through=_read(fields, ONLINE_THROUGH, _whole),
            online_batch_seconds=_read(fields, "online_batch_seconds", float),
            lake_batch=_read(fields, "lake_batch", _whole),
            lake_batch_seconds=_read(fields, "lake_batch_seconds", float),
            pending_users=_read(fields, "pending_users", _whole),
            fresh_version=_read(fields, "fresh_version", str),
            state_lost=_read(fields, STATE_LOST, _whole),
            topic_events=_read(fields, "topic_events", _whole),
            unread_share=_read(fields, "unread_share", float),
            writable=_read(fields, "writable", _whole),
            evicted_keys=_read(fields, "evicted_keys", _whole),
            newest_event=_read(fields, NEWEST_EVENT, _whole),
        )


@dataclass(frozen=True)
class TrainingStatus:
    """The hash keyspace.TRAINING_STATUS: what the trainer does, and how its last round ended."""

    phase: str | None = None
    heartbeat: int | None = None  # when the trainer last said that it is well (epoch ms)
    served_request: int | None = None  # the newest request for a round that has been answered
    outcome: str | None = None  # one of ROUND_OUTCOMES
    version: str | None = None  # "" where the round made none
    reason: str | None = None  # why a round failed; "" where it did not
    gate: str | None = None  # the gate's reason
    leads: str | None = None  # GateRecord.leads
    cause: str | None = None  # what asked for the last round: "drift: ...", "" for its time or a person

    def encode(self) -> dict[str, str]:
        """The fields that are set, as text."""
        return _encode(self)

    @classmethod
    def decode(cls, fields: Fields) -> TrainingStatus:
        """The reverse of encode."""
        return cls(
            phase=_read(fields, "phase", str),
            heartbeat=_read(fields, "heartbeat", _whole),
            served_request=_read(fields, "served_request", _whole),
            outcome=_read(fields, "outcome", str),
            version=_read(fields, "version", str),
            reason=_read(fields, "reason", str),
            gate=_read(fields, "gate", str),
            leads=_read(fields, "leads", str),
            cause=_read(fields, "cause", str),
        )

    def has_served(self, request: int) -> bool:
        """Whether the trainer has answered a request for a round."""
        return (self.served_request or 0) >= request


def _encode(status: StreamingStatus | TrainingStatus) -> dict[str, str]:
    return {name: _text(value) for name, value in vars(status).items() if value is not None}


def _text(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _read(fields: Fields, name: str, parse: Callable[[str], T]) -> T | None:
    raw = fields.get(name.encode())
    try:
        return None if raw is None else parse(raw.decode())
    except (ValueError, OverflowError):
        return None


def _whole(text: str) -> int:
    """A whole number; earlier versions wrote some with a fraction."""
    return int(float(text))
