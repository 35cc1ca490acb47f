"""Checks after a fault, by a plain recount and by `headwater verify`."""

from __future__ import annotations

import json
from typing import Any

import redis

from clients.rejected_reader import read_rejected
from contracts.events import Interaction
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry, Popularity, Trend, decode_history
from contracts.strengths import effective
from experiments.observations.outcomes import read_outcomes
from stack.status.redis_state import redis_state
from stack.verify.check import Verified, verify
from stack.verify.ledgers import Ledgers, read_lake, read_poison, read_sent
from stack.verify.ledgers import read_rejected as rejected_ledger
from stack.verify.state_file import export_state, read_state
from streaming.recovery.rejects import as_line
from streaming.state.apply import UserEvent
from tests.faults.processes import Service
from tests.faults.producer import Producer
from tests.streaming import state_oracle

STATE = StateSettings()


def assert_verified(service: Service, producer: Producer) -> None:
    """Check that every invariant of `headwater verify` holds."""
    verdicts = verify_run(service, producer).verdicts
    assert [list(verdict.sentences()) for verdict in verdicts if not verdict.holds] == []


def verify_run(service: Service, producer: Producer) -> Verified:
    """The result of `headwater verify` for the ledgers that a user would give it."""
    folder = service.folder
    rejects, state = folder / "rejected.jsonl", folder / "state.jsonl"
    events = read_rejected(service.env["KAFKA_BOOTSTRAP_SERVERS"])
    rejects.write_text("".join(json.dumps(as_line(event)) + "\n" for event in events))
    with redis_state(service.env["REDIS_URL"]) as exported:
        export_state(exported, STATE, state)
    producer.poison_ledger.touch()
    ledgers = Ledgers(
        read_sent([producer.ledger]),
        read_lake(service.env["LAKE_URI"]),
        rejected_ledger(rejects),
        read_poison(producer.poison_ledger),
        read_state(state),
        outcomes=read_outcomes(service.env["LAKE_URI"]),
    )
    return verify(ledgers)


def assert_nothing_lost(service: Service, producer: Producer) -> None:
    """Check that every acknowledged event is in the lake once, and that Redis equals a plain recount."""
    rows = service.lake_rows()
    places = [(row["kafka_partition"], row["kafka_offset"]) for row in rows]
    assert sorted(places) == sorted((sent.partition, sent.offset) for sent in producer.sent)
    assert {row["event_id"] for row in rows} == {sent.event.event_id for sent in producer.sent}
    assert_state(service.client, producer)
    assert_verified(service, producer)


def assert_state(client: redis.Redis, producer: Producer) -> None:
    """Check histories, popularity, trends and pairs against a plain recount."""
    events = [_user_event(sent.event) for sent in producer.sent]
    winners = state_oracle.last_writers(events)
    for user, items in winners.items():
        stored: Any = client.hgetall(keyspace.history(user, 1))
        known = {i.decode(): {e.event_type: e for e in decode_history(raw)} for i, raw in stored.items()}
        assert known == {i: by_type for i, by_type in items.items() if effective(by_type.values())}
    together = state_oracle.together(winners, STATE)
    for item in {event.item_id for event in events}:
        counted: Any = client.hget(keyspace.POPULARITY, item)
        assert Popularity.decode(counted) == state_oracle.popularity(winners, item)
        trend: Any = client.hget(keyspace.trend_shard(0), item)
        assert Trend.decode(trend) == state_oracle.trend(winners, item, STATE)
        pairs: Any = client.zrange(keyspace.together(item, 0), 0, -1, withscores=True)
        assert {other.decode(): int(n) for other, n in pairs} == dict(together.get(item, {}))


def _user_event(event: Interaction) -> UserEvent:
    entry = HistoryEntry(event.event_type, event.event_time, event.event_id, float(event.value or 0))
    return UserEvent(event.user_id, event.item_id, entry)
