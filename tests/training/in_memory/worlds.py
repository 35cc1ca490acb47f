"""Worlds that both paths of a round read: as rows of the lake and as events in arrays."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta

import pyarrow as pa
from pyspark.sql import Row

from contracts.events import EVENT_TYPES
from contracts.stored.records import HistoryEntry
from tests.training.data.test_dataset import START, interaction
from training.in_memory.events import Events, events_of

_KINDS = ("rating", "rating", "rating", "like", "dislike", "view", "purchase", "retract")


def random_rows(seed: int, users: int = 40, items: int = 25, seconds: int = 400) -> list[Row]:
    """Pairs touched once to five times, with retractions and equal instants, some events twice."""
    rng, rows = random.Random(seed), []
    for user in range(users):
        for item in rng.sample(range(items), rng.randrange(1, items)):
            for _ in range(rng.choice((1, 1, 2, 5))):
                kind = rng.choice(_KINDS)
                value = rng.choice((1.0, 2.5, 3.0, 4.0, 5.0)) if kind == "rating" else 1.0
                row = interaction(
                    rng.randrange(10**6), f"u{user:02}", f"i{item}é", value, kind, rng.randrange(seconds)
                )
                rows.append(row)
    rows += rng.sample(rows, len(rows) // 5)
    rng.shuffle(rows)
    return rows


def last_writers(rows: list[Row]) -> dict[tuple[str, str], dict[str, HistoryEntry]]:
    """By (user, item) and event type: the newest event, as the state keeps it."""
    last: dict[tuple[str, str], dict[str, HistoryEntry]] = defaultdict(dict)
    for event_id, kind, user, item, value, moment, *_ in rows:
        entry = HistoryEntry(kind, round(moment.timestamp() * 1000), event_id, value)
        before = last[user, item].get(kind)
        if before is None or (before.event_time, before.event_id) < (entry.event_time, entry.event_id):
            last[user, item][kind] = entry
    return last


def as_events(rows: list[Row]) -> Events:
    """The same rows as `read_events` gives them."""
    return events_of(
        pa.table(
            {
                "user_id": [row[2] for row in rows],
                "item_id": [row[3] for row in rows],
                "type": pa.array([EVENT_TYPES.index(row[1]) for row in rows], pa.int8()),
                "value": [row[4] for row in rows],
                "time": [round((row[5] - START) / timedelta(milliseconds=1)) for row in rows],
                "event_id": [row[0] for row in rows],
            }
        )
    )
