"""Whether Redis still holds all of the state: it may have evicted a part, or somebody has deleted keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from contracts.redis_memory import SECTIONS, RedisMemory, memory_of
from contracts.stored import keyspace
from streaming.state.client import StateClient

_KEYS_PER_LOOK = 300  # of SCAN: a millisecond of Redis' time
_USER_KEY = re.compile(r"hw:\{(\d+)\}:(history|recent):(.*)", re.DOTALL)


def redis_memory(client: StateClient) -> RedisMemory:
    """What Redis says of its memory now."""
    sections: Any = [client.info(section) for section in SECTIONS]
    return memory_of({name: value for section in sections for name, value in section.items()})


class Wholeness:
    """Looks at some keys at a time, in Redis' own random order, until it begins again.

    Where a user's history is, there are the user's recent items, the shard's popularity and the popular list
    too: one script writes them. Eviction takes single keys, so what it leaves stands alone soon.
    """

    def __init__(self, client: StateClient) -> None:
        self._client = client
        self._cursor = 0
        self._alone: set[str] = set()

    def count_lone(self) -> int:
        """How many keys stood alone at the last look, and still do; looks at the next keys too.

        Only what stands alone at two looks counts: an erasure takes a user's keys one after the other.
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
    """Of which one at least must be there beside a user's key."""
    head, tail = f"hw:{{{match[1]}}}:", f":{match[3]}"
    names = ("recent",) if match[2] == "history" else ("history", "retracted")
    return [head + name + tail for name in names]
