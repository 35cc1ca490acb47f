"""Scores the lists that users had by the events that follow, before these are applied and folded in.

Only live events are scored: those of a backlog, a replay or a rebuild did not happen after these lists.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from contracts.live_figures import BATCH, DEPTH, FALLBACK, FRESH, HOUR_MS, day_of, hour_of, kept_field
from contracts.live_outcomes import Scored, place_text, scored_text
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.records import decode_ranked, holds_index, ranked_of
from contracts.strengths import is_positive_event
from contracts.topics import SEPARATOR
from streaming.fold_in.lists import served_model
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import NewItems, read_new_items
from streaming.online.rows import RecordRow
from streaming.state.client import StateClient

_POPULAR_READ, _POPULAR_SECONDS = 2 * DEPTH, 1.0
_MANY_KNOWN = 5000  # items; of a longer history only a part is read


class _UserLists(NamedTuple):
    """A user's ranked lists of the served model, as stored; empty if the user has no such list."""

    fresh: bytes
    batch: bytes

    def served_list(self) -> tuple[str, bytes]:
        """The list that an answer would begin with: its name in the live figures, and the stored list."""
        if self.fresh:
            return FRESH, self.fresh
        return (BATCH, self.batch) if self.batch else (FALLBACK, b"")


class _Candidate(NamedTuple):
    """An event that may be a new positive one for its item, with the lists that its user had."""

    place: int  # the event's index in the micro-batch
    row: RecordRow
    item_index: int  # the model's index of the item; -1 if it does not know the item
    lists: _UserLists

    def is_listed(self, popular: Collection[str]) -> bool:
        """Whether any list holds the item. Only then the user's known items are needed."""
        return self.row.item_id in popular or any(holds_index(each, self.item_index) for each in self.lists)


@lru_cache(1024)
def _cached_texts(hours: int, scored: Scored) -> tuple[str, str]:
    """The end of an outcome's line for the lake, and its line of counters.

    Cached, because most items are in no list, so most outcomes are equal. ``hours``: hours since 1970.
    """
    day, hour = day_of(hours * HOUR_MS), hour_of(hours * HOUR_MS)
    counters = {"day": day, "kept": kept_field(hour, scored.model_version), "amounts": scored.amounts(hour)}
    return scored_text(scored), json.dumps(counters)


def _text(row: RecordRow, scored: Scored, now_ms: int) -> str:
    """An outcome as `apply_events.lua` takes it: a line for the lake, then one of counters to increase."""
    lake_line_end, counters = _cached_texts(row.through // HOUR_MS, scored)
    partition_number = row.partition.rpartition(SEPARATOR)[2]
    return f"{place_text(partition_number, row.offset, row.through, now_ms)}{lake_line_end}\n{counters}"


class Outcomes:
    """Scores events in one worker. Keeps the popular list and the model's new items in memory."""

    def __init__(self) -> None:
        self._popular: dict[str, None] = {}
        self._popular_at = float("-inf")
        self._new_items: tuple[str, NewItems] = ("", NewItems())

    def score_events(
        self, client: StateClient, events: Sequence[RecordRow], settings: StreamingSettings
    ) -> Sequence[str]:
        """One text for each event, in the form that `apply_events` takes; empty where no model is served."""
        places = [place for place, row in enumerate(events) if _may_count(row, settings)]
        if not places or not settings.live_figures:
            return ()
        model = served_model(client)
        if model is None:
            return ()
        self._read_popular(client)
        candidates = self._candidates(client, events, places, model, settings)
        listed = {each.place for each in candidates if each.is_listed(self._popular)}
        users = list(dict.fromkeys(each.row.user_id for each in candidates if each.place in listed))
        known = _read_known(client, users, list(self._popular), settings.redis_shards)
        texts, now_ms = [""] * len(events), time.time_ns() // 1_000_000
        for each in candidates:
            known_items = known.setdefault(each.row.user_id, set())
            if each.place in listed:
                scored = self._score(each, known_items, model)
            else:
                scored = Scored(
                    model_version=model.version,
                    served=each.lists.served_list()[0],
                    served_rank=None,
                    retrained_rank=None,
                    popular_rank=None,
                )
            texts[each.place] = _text(each.row, scored, now_ms)
            known_items.add(each.row.item_id)  # from now on, answers leave the item out
        return texts

    def _candidates(
        self,
        client: StateClient,
        events: Sequence[RecordRow],
        places: Sequence[int],
        model: OnlineModel,
        settings: StreamingSettings,
    ) -> list[_Candidate]:
        users = list(dict.fromkeys(events[place].user_id for place in places))
        lists = _read_lists(client, users, model.version, settings.redis_shards)
        indexes = self._item_indexes(client, [events[place].item_id.encode() for place in places], model)
        return [
            _Candidate(place, events[place], index, lists[events[place].user_id])
            for place, index in zip(places, indexes, strict=True)
        ]

    def _item_indexes(self, client: StateClient, items: Sequence[bytes], model: OnlineModel) -> list[int]:
        """The model's index of each item, new items included; -1 for an item that it does not know."""
        indexes = [model.index.get(item, -1) for item in items]
        if -1 not in indexes:
            return indexes
        new, first_new_index = self._read_new_items(client, model), len(model.index)
        return [
            first_new_index + new.index[item] if item in new.index else index
            for item, index in zip(items, indexes, strict=True)
        ]

    def _read_new_items(self, client: StateClient, model: OnlineModel) -> NewItems:
        version, known = self._new_items
        new = read_new_items(client, model, known if version == model.version else NewItems())
        self._new_items = (model.version, new)
        return new

    def _read_popular(self, client: StateClient) -> None:
        now = time.monotonic()
        if now - self._popular_at >= _POPULAR_SECONDS:
            found: Any = client.zrevrange(keyspace.POPULAR, 0, _POPULAR_READ - 1)
            self._popular, self._popular_at = dict.fromkeys(item.decode() for item in found), now

    def _score(self, event: _Candidate, known: Collection[str], model: OnlineModel) -> Scored:
        list_name, served = event.lists.served_list()
        with_known = model.blend is not None and model.blend.blend.with_known_items
        left_out = set() if with_known else {model.index.get(item.encode(), -1) for item in known}
        popular_rank = _rank(event.row.item_id, self._popular, known)
        return Scored(
            model_version=model.version,
            served=list_name,
            served_rank=(
                popular_rank if list_name == FALLBACK else _rank_by_index(event.item_index, served, left_out)
            ),
            retrained_rank=_rank_by_index(event.item_index, event.lists.batch, left_out),
            popular_rank=popular_rank,
        )


def _may_count(row: RecordRow, settings: StreamingSettings) -> bool:
    """Whether an event is a positive one. The script that applies it decides whether it is new."""
    return is_positive_event(row.event_type, row.value, settings.event_weights, settings.positive_rating)


def _rank(item: Any, ranked: Collection[Any], left_out: Collection[Any]) -> int | None:
    """The item's rank from 1 among the listed items that are not left out; None if it is not among them."""
    if item not in ranked or item in left_out:
        return None
    rank = 1
    for each in ranked:
        if each == item:
            return rank
        rank += each not in left_out
    return None


def _rank_by_index(index: int, ranked: bytes, left_out: Collection[int]) -> int | None:
    return _rank(index, decode_ranked(ranked)[0], left_out) if holds_index(ranked, index) else None


def _read_lists(
    client: StateClient, users: Sequence[str], version: str, shards: int
) -> dict[str, _UserLists]:
    """The lists of each user, read with two commands for each shard: redis-py is slow with many replies."""
    by_shard: dict[int, list[str]] = defaultdict(list)
    for user in users:
        by_shard[keyspace.shard_of(user, shards)].append(user)
    with client.pipeline(transaction=False) as pipeline:
        for shard, of_shard in by_shard.items():
            pipeline.mget([keyspace.fresh(user, shards) for user in of_shard])
            pipeline.hmget(keyspace.top_n(shard, version), of_shard)
        replies = pipeline.execute()
    lists: dict[str, _UserLists] = {}
    for of_shard, fresh, batch in zip(by_shard.values(), replies[::2], replies[1::2], strict=True):
        for user, raw_fresh, raw_batch in zip(of_shard, fresh, batch, strict=True):
            # As in an answer, a fresh list of another model does not count.
            lists[user] = _UserLists(ranked_of(raw_fresh or b"", version), raw_batch or b"")
    return lists


def _read_known(
    client: StateClient, users: Sequence[str], popular: Sequence[str], shards: int
) -> dict[str, set[str]]:
    """The known items of each user; of a long history, only those that may be in a list.

    These are its newest items, because the user's lists were made without the older ones, and its popular
    ones, because the popular list is the same for all users.
    """
    if not users:
        return {}
    histories = [keyspace.history(user, shards) for user in users]
    with client.pipeline(transaction=False) as pipeline:
        for history in histories:
            pipeline.hlen(history)
        lengths = pipeline.execute()
        for user, history, length in zip(users, histories, lengths, strict=True):
            if length <= _MANY_KNOWN:
                pipeline.hkeys(history)
            else:
                pipeline.zrevrange(keyspace.recent(user, shards), 0, _MANY_KNOWN - 1)
        known = [{item.decode() for item in items} for items in pipeline.execute()]
        long_histories = [place for place, length in enumerate(lengths) if popular and length > _MANY_KNOWN]
        for place in long_histories:
            pipeline.hmget(histories[place], list(popular))
        popular_entries = pipeline.execute()
    for place, entries in zip(long_histories, popular_entries, strict=True):
        known[place].update(item for item, entry in zip(popular, entries, strict=True) if entry is not None)
    return dict(zip(users, known, strict=True))
