"""Finds and corrects events of 1970: an earlier version took seconds for milliseconds."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from clients.event_producer import Delivery, open_producer
from contracts import topics
from contracts.events import MAX_FUTURE_MS, RATING, Interaction
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from contracts.settings import KafkaSettings

_SECONDS = 1000  # the factor from seconds, which were taken for milliseconds
_WHAT = ["user_id", "item_id", "event_type"]
_FLUSH_SECONDS = 120.0


def still_early(lake: pa.Table) -> pa.Table:
    """The rows (of `read_lake`) before 1990, unless their user has the same event at a later time."""
    is_early = pc.less(lake["event_time"], EARLIEST_PLAUSIBLE_MS)
    later = lake.filter(pc.invert(is_early)).select(_WHAT).group_by(_WHAT).aggregate([])
    return lake.filter(is_early).join(later, _WHAT, join_type="left anti")


def early_times(lake: pa.Table) -> str | None:
    """One sentence about the rows before 1990 and their cure; None where there are none."""
    early = still_early(lake)
    if not early.num_rows:
        return None
    first = early.sort_by("event_time").slice(0, 1).to_pylist()[0]
    users = pc.count_distinct(early["user_id"]).as_py()
    shown = f"user {first['user_id']!r}, item {first['item_id']!r}, {first['event_time']} ms"
    named = f"{early.num_rows:,} events of {users:,} users have a time before 1990 (the first: {shown})"
    cure = "`headwater verify correct-times` sends them again with the times that they had in seconds"
    return f"{named}: where that is not meant (--time-from-zero), {cure}"


def corrected_events(lake: pa.Table, now_ms: int) -> Iterator[Interaction]:
    """The events before 1990 with their times read as seconds, where that is a plausible time.

    Each id is derived from the old one, so a second run sends the same events.
    """
    for row in still_early(lake).to_pylist():
        moment = row["event_time"] * _SECONDS
        if EARLIEST_PLAUSIBLE_MS <= moment <= now_ms + MAX_FUTURE_MS:
            yield Interaction(
                event_id=_id_after(row["event_id"]),
                event_type=row["event_type"],
                user_id=row["user_id"],
                item_id=row["item_id"],
                value=row["value"] if row["event_type"] == RATING else None,
                event_time=moment,
            )


def _id_after(event_id: str) -> str:
    digest = hashlib.md5(f"corrected time:{event_id}".encode(), usedforsecurity=False)
    return str(uuid.UUID(digest.hexdigest()))


def send_corrected(events: Iterable[Interaction], settings: KafkaSettings) -> tuple[int, int]:
    """Send the events. Returns how many were acknowledged, and how many not. BrokerUnavailableError."""
    failures: list[bool] = []

    def report(delivery: Delivery | None, error: Exception | None) -> None:
        failures.append(error is not None)

    sent = 0
    producer = open_producer(settings)
    try:
        for event in events:
            producer.send(topics.INTERACTIONS.name, event.key, event.to_json(), report)
            sent += 1
        producer.flush(_FLUSH_SECONDS)
    finally:
        producer.close()
    acknowledged = failures.count(False)
    return acknowledged, sent - acknowledged
