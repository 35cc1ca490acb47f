"""Applies interactions and the catalogue to Redis. Guarantee: any order, any repetition, the same state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry, encode_catalog, encode_entry
from streaming.state.client import StateClient, chunks
from streaming.state.script import lua, state_script

MOST_NEWEST = 10_000  # entries of the catalogue that a new version looks at
_EVENTS_PER_CALL = 1000  # a script's arguments are bounded by Lua's stack, a user's events are not


class UserEvent(NamedTuple):
    """One interaction, as far as the state needs it."""

    user_id: str
    item_id: str
    entry: HistoryEntry


class CatalogRecord(NamedTuple):
    """One catalogue entry, as far as the state needs it."""

    kind: str
    id: str
    updated_at: int
    json: str


def apply_events(
    client: StateClient,
    events: Iterable[UserEvent],
    settings: StateSettings,
    outcomes: Iterable[str] = (),
) -> int:
    """Apply interactions with one atomic script per user. Returns how many entries changed or came late.

    ``outcomes``, if given, has one text for each event: what it adds to the live figures if it makes its item
    newly liked (`streaming/online/outcomes.py`; "" adds nothing).
    """
    by_user: dict[str, list[bytes | str]] = defaultdict(list)
    for (user_id, item_id, entry), outcome in zip(events, chain(outcomes, repeat(""))):  # noqa: B905
        by_user[user_id] += (item_id, encode_entry(entry), outcome)
    script, changed = client.register_script(state_script(settings)), 0
    for users in chunks(by_user.items()):
        with client.pipeline(transaction=False) as pipeline:
            for user_id, arguments in users:
                keys = user_keys(user_id, settings.redis_shards)
                for start in range(0, len(arguments), 3 * _EVENTS_PER_CALL):
                    part = arguments[start : start + 3 * _EVENTS_PER_CALL]
                    script(keys=keys, args=[user_id, "", *part], client=pipeline)
            changed += sum(pipeline.execute())
    return changed


def user_keys(user_id: str, shards: int) -> list[str]:
    """The keys of ``apply_events.lua``: all in the user's slot."""
    shard = keyspace.shard_of(user_id, shards)
    return [
        keyspace.history(user_id, shards),
        keyspace.recent(user_id, shards),
        keyspace.retracted_items(user_id, shards),
        keyspace.popularity_shard(shard),
        keyspace.trend_shard(shard),
        keyspace.together("", shard),
        keyspace.erased_users(shard),
        keyspace.earlier(user_id, shards),
        keyspace.live("", shard),
        keyspace.outcomes(shard),
    ]


def apply_catalog(client: StateClient, entries: Sequence[CatalogRecord]) -> None:
    """Keep the newest entry of each item and user. Erasures are applied by ``streaming.state.erasure``."""
    script = client.register_script(lua(__package__, "apply_catalog.lua"))
    for kind, key in (("item", keyspace.CATALOG_ITEMS), ("user", keyspace.CATALOG_USERS)):
        for chunk in chunks(entry for entry in entries if entry.kind == kind):
            arguments = [part for e in chunk for part in (e.id, encode_catalog(e.updated_at, e.json))]
            script(keys=[key], args=arguments, client=client)
            if kind == "item" and chunk:
                _note_newest(client, chunk)


def _note_newest(client: StateClient, entries: Sequence[CatalogRecord]) -> None:
    """Keep the newest entries' items, which a new model version places by their content."""
    newest: dict[str, int] = {}
    for entry in entries:
        newest[entry.id] = max(entry.updated_at, newest.get(entry.id, entry.updated_at))
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zadd(keyspace.NEWEST_ENTRIES, newest, gt=True)
        pipeline.zremrangebyrank(keyspace.NEWEST_ENTRIES, 0, -1 - MOST_NEWEST)
        pipeline.execute()
