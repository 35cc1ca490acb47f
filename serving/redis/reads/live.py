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
    """The figures of the last hours, the present one included, oldest first.

    Hours without an event are left out.
    """
    days = days_until(now_ms, hours)
    keys = [keyspace.live(day, shard) for day in days for shard in range(store.shards)]
    replies = await store.ask_alone(*(("HGETALL", key) for key in keys), seconds=BACKGROUND_SECONDS)
    first = first_moment(now_ms, hours)
    found = []
    for index, day in enumerate(days):
        of_day = replies[index * store.shards : (index + 1) * store.shards]  # one reply for each shard
        for (hour, version), figures in decode_day(of_day).items():
            found.append(LiveHour(_begin_of_hour(day, hour), version, figures))
    return sorted((each for each in found if each.hour >= first), key=lambda each: (each.hour, each.version))


def _begin_of_hour(day: str, hour: int) -> int:
    begins = datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc) + timedelta(hours=hour)
    return round(begins.timestamp() * 1000)
