"""Reads of the live figures."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from contracts.live_figures import LiveFigures, days_until, decode_day, first_moment
from contracts.stored import keyspace
from serving.redis.store import BACKGROUND_SECONDS, Store


class LiveHour(NamedTuple):
    """The figures of one version in one hour."""

    hour: int  # its beginning, epoch ms
    version: str
    figures: LiveFigures


async def live_hours(store: Store, now_ms: int, hours: int) -> list[LiveHour]:
    """Those of the last hours, the present one included, oldest first; hours without an event are absent."""
    days = days_until(now_ms, hours)
    keys = [keyspace.live(day, shard) for day in days for shard in range(store.shards)]
    replies = await store.ask_alone(*(("HGETALL", key) for key in keys), seconds=BACKGROUND_SECONDS)
    first = first_moment(now_ms, hours)
    found = [
        LiveHour(_moment(day, hour), version, figures)
        for place, day in enumerate(days)
        for (hour, version), figures in decode_day(
            replies[place * store.shards : (place + 1) * store.shards]
        ).items()
    ]
    return sorted((each for each in found if each.hour >= first), key=lambda each: (each.hour, each.version))


def _moment(day: str, hour: int) -> int:
    begins = datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc) + timedelta(hours=hour)
    return round(begins.timestamp() * 1000)
