"""Reads from Redis what a fold-in of users needs: histories, the served model, when they were active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.statuses import NEWEST_EVENT
from streaming.state.client import StateClient
from streaming.state.script import lua


class Reading(NamedTuple):
    """What was read about some users."""

    read_at: int  # Redis' clock, microseconds
    version: str | None
    histories: list[dict[bytes, bytes]]  # per user, entries by item
    earlier: list[dict[bytes, bytes]]  # per user, earlier events by item; empty where none are kept
    further: list[list[bytes]]  # per user, known items beyond those whose entries were read
    arrivals: list[int]  # per user, when the last event arrived: epoch ms, not after `read_at`
    newest_event: int  # the newest event time of all users, epoch ms; 0: not known


def read_users(
    client: StateClient, users: Sequence[str], settings: StreamingSettings, just_arrived: bool
) -> Reading:
    """Read some users. ``just_arrived``: an event of each has arrived now; else the times are read, too.

    However long a history is, at most its newest HISTORY_CAP items are read, and the names of at most
    keyspace.MOST_KNOWN others.
    """
    shards = settings.redis_shards
    with client.pipeline(transaction=False) as pipeline:
        # The clock and the pointer are read first: what is read after them is at least as new.
        pipeline.time()
        pipeline.get(keyspace.CURRENT_MODEL)
        pipeline.hget(keyspace.STREAMING_STATUS, NEWEST_EVENT)
        for user in users:
            pipeline.hlen(keyspace.history(user, shards))
        for user in () if just_arrived else users:
            shard = keyspace.shard_of(user, shards)
            pipeline.zscore(keyspace.pending(shard), user)
            pipeline.zscore(keyspace.active(shard), user)
        (seconds, micros), version, newest_event, *found = pipeline.execute()
    lengths, queued = found[: len(users)], found[len(users) :]
    histories: list[dict[bytes, bytes]] = [{} for _ in users]
    earlier: list[dict[bytes, bytes]] = [{} for _ in users]
    further: list[list[bytes]] = [[] for _ in users]
    short = [place for place, length in enumerate(lengths) if length <= settings.history_cap]
    long = [place for place, length in enumerate(lengths) if length > settings.history_cap]
    for place, (history, before) in zip(short, _read_whole(client, users, short, settings), strict=True):
        histories[place], earlier[place] = history, before
    if long:
        for place, (read, more) in zip(long, _read_newest(client, users, long, settings), strict=True):
            histories[place], further[place] = dict(zip(read[::2], read[1::2], strict=True)), more
        _read_earlier(client, users, long, histories, earlier, settings)
    read_at = 1_000_000 * seconds + micros
    return Reading(
        read_at=read_at,
        version=version.decode() if version else None,
        histories=histories,
        earlier=earlier if settings.earlier_events else [],
        further=further,
        arrivals=_arrivals(queued, read_at // 1000) if queued else [read_at // 1000] * len(users),
        newest_event=int(newest_event or 0),
    )


def _arrivals(queued: Sequence[float | None], now: int) -> list[int]:
    """The later of each user's times in the two queues; a user in neither queue gets a cold list."""
    both = zip(queued[::2], queued[1::2], strict=True)
    return [min(now, int(max(pending or 0, active or 0))) for pending, active in both]


def _read_whole(
    client: StateClient, users: Sequence[str], places: Sequence[int], settings: StreamingSettings
) -> list[tuple[dict[bytes, bytes], dict[bytes, bytes]]]:
    """Entries and earlier events by item, of users with few items."""
    shards = settings.redis_shards
    with client.pipeline(transaction=False) as pipeline:
        # Not read by a script: data that passes through Lua takes Redis six times as long.
        for place in places:
            pipeline.hgetall(keyspace.history(users[place], shards))
        for place in places if settings.earlier_events else ():
            pipeline.hgetall(keyspace.earlier(users[place], shards))
        found = pipeline.execute()
    many = len(places)
    return list(zip(found[:many], found[many:] or [{} for _ in places], strict=True))


def _read_earlier(
    client: StateClient,
    users: Sequence[str],
    places: Sequence[int],
    histories: Sequence[dict[bytes, bytes]],
    earlier: list[dict[bytes, bytes]],
    settings: StreamingSettings,
) -> None:
    """Fill in the earlier events of the items that were read, for users with more."""
    asked = [place for place in places if histories[place] and settings.earlier_events]
    with client.pipeline(transaction=False) as pipeline:
        for place in asked:
            pipeline.hmget(keyspace.earlier(users[place], settings.redis_shards), list(histories[place]))
        found = pipeline.execute()
    for place, raws in zip(asked, found, strict=True):
        pairs = zip(histories[place], raws, strict=True)
        earlier[place] = {item: raw for item, raw in pairs if raw is not None}


def _read_newest(
    client: StateClient, users: Sequence[str], places: Sequence[int], settings: StreamingSettings
) -> list[tuple[list[bytes], list[bytes]]]:
    """For users with more items than are read: the newest as [item, entries, ...], and all item ids."""
    script, shards = client.register_script(lua(__package__, "read_history.lua")), settings.redis_shards
    with client.pipeline(transaction=False) as pipeline:
        for place in places:
            keys = [key(users[place], shards) for key in (keyspace.history, keyspace.recent)]
            script(keys=keys, args=[settings.history_cap, keyspace.MOST_KNOWN], client=pipeline)
        return [(read, more) for read, more in pipeline.execute()]
