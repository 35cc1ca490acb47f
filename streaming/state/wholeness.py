"""Checks that Redis still holds all of the state, as it may evict keys and people may delete some."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from contracts.redis_memory import SECTIONS, RedisMemory, memory_of
from contracts.stored import keyspace
from streaming.state.client import StateClient

_KEYS_PER_LOOK = 300  # keys by SCAN, about a millisecond of Redis' time
_USER_KEY = re.compile(r"hw:\{(\d+)\}:(history|recent):(.*)", re.DOTALL)


def redis_memory(client: StateClient) -> RedisMemory:
    """What Redis reports about its memory now."""
    sections: Any = [client.info(section) for section in SECTIONS]
    return memory_of({name: value for section in sections for name, value in section.items()})


class Wholeness:
    """Looks at a few keys at a time, in Redis' order, again and again.

    One script writes a user's history together with the recent items, the shard's popularity and the popular
    list. Eviction deletes single keys, so soon a key is left without the others.
    """

    def __init__(self, client: StateClient) -> None:
        self._client = client
        self._cursor = 0
        self._alone: set[str] = set()

    def count_lone(self) -> int:
        """How many keys lack their partners, both at the last look and now; then looks at the next keys.

        Only keys that lack them at two looks count, because an erasure deletes a user's keys one after
        another.
        """
        found: Any = self._client.scan(self._cursor, match="hw:{*", count=_KEYS_PER_LOOK)
        self._cursor, page = found
        before, self._alone = self._alone, set(self._find_alone([key.decode() for key in page]))
        return len(set(self._find_alone(before)))

    def _find_alone(self, keys: Iterable[str]) -> list[str]:
        found = [(key, match) for key in keys if (match := _USER_KEY.fullmatch(key))]
        with self._client.pipeline(transaction=False) as pipeline:
            for key, match in found:
                pipeline.exists(key)
                pipeline.exists(*_partners(match))
                pipeline.exists(keyspace.popularity_shard(int(match[1])))
                pipeline.exists(keyspace.POPULAR)
                pipeline.exists(keyspace.TOUCHED, keyspace.MERGING)
            answers = pipeline.execute()
        each = zip(*(answers[place::5] for place in range(5)), strict=True)
        return [
            key
            for (key, _), (itself, partners, counted, listed, unmerged) in zip(found, each, strict=True)
            if itself and not (partners and counted and (listed or unmerged))
        ]


def _partners(match: re.Match[str]) -> list[str]:
    """The keys of which at least one must exist beside a user's key."""
    head, tail = f"hw:{{{match[1]}}}:", f":{match[3]}"
    names = ("recent",) if match[2] == "history" else ("history", "retracted")
    return [head + name + tail for name in names]
