"""The built-in news site in Redis, with a model that ranks by its trends."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import numpy as np
import redis
from numpy.typing import NDArray

from algorithms.blending.serialization import describe_signals, read_blend
from algorithms.blending.signal_options import TrendCounts, fit_offered
from algorithms.blending.stored_arrays import encode_arrays
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories, from_events
from algorithms.signals.trend_counts import counted_entries
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.manifest import BlendRecord
from contracts.stored.records import HistoryEntry
from ingest.simulated.news import HOUR_MS, NewsWorld, Reads
from streaming.online.touched_items import merge_touched, note_touched
from streaming.state.apply import UserEvent, apply_events
from streaming.state.status import note_newest_event
from tests.streaming.model_in_redis import publish

SETTINGS = StreamingSettings(redis_shards=2, fresh_n=10, new_item_min_users=0)
WORLD = NewsWorld(users=80, articles=120, hours=30)
CUT_MS = int(WORLD.rises_ms[0]) + 48 * HOUR_MS  # the model knows nothing after it
WEIGHTS = {"trend/5min": 1.0, "trend/hour": 0.5, "popularity": -0.1}


def event(user: int, item: int, moment: int) -> UserEvent:
    number = hash((user, item, moment)) % 2**64
    return UserEvent(f"u{user}", f"a{item}", HistoryEntry("view", moment, str(uuid.UUID(int=number)), 1.0))


def apply_reads(client: redis.Redis, reads: Reads, places: NDArray[np.int64]) -> None:
    columns = (reads.users[places], reads.items[places], reads.times_ms[places])
    events = [event(*each) for each in zip(*(column.tolist() for column in columns), strict=True)]
    apply_events(client, events, SETTINGS)
    note_touched(client, {each.item_id for each in events})
    merge_touched(client, SETTINGS)
    note_newest_event(client, max(each.entry.event_time for each in events))


def histories_of(reads: Reads, places: NDArray[np.int64]) -> Histories:
    weights = np.full(len(places), SETTINGS.event_weights["view"])
    return from_events(
        reads.users[places],
        reads.items[places],
        reads.times_ms[places],
        user_count=WORLD.users,
        weights=weights,
    )


def publish_trends(
    client: redis.Redis,
    reads: Reads,
    known: NDArray[np.int64],
    items: int,
    weights: Mapping[str, float] = WEIGHTS,
) -> list[str]:
    """Publish a model of the first items that ranks by trends, fitted on some reads; its items."""
    ids = [f"a{item}" for item in range(items)]
    factors = Factors(publish(client, "v1", ids), 0.01, 0.5)
    counts = TrendCounts(counted_entries(histories_of(reads, known)), is_state=True)
    histories = histories_of(reads, known)
    offered = fit_offered(histories, items, factors=factors, only=set(weights), counts=counts)
    signals, arrays = describe_signals(offered)
    record = BlendRecord(
        hot=dict(weights), cold=dict(weights), half_life_hours=8.0, with_known_items=False, signals=signals
    )
    publish(client, "v1", ids, blend=record)
    client.hset(keyspace.model_signals("v1"), mapping=encode_arrays(arrays))
    assert read_blend(record, arrays, factors).signals.keys() == weights.keys()
    return ids
