"""The blend of the served model as it ranks now: its trends come from the counters that events move.

The online query ranks by the same counters (``streaming/fold_in/counters.py``), so the same history gives the
same list, scores and explanation there.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from algorithms.blending.blend import MANY_ITEMS
from algorithms.blending.live import (
    MOST_ITEMS,
    POPULARITY,
    Sums,
    as_sums,
    least_read,
    live_blend,
    live_half_lives,
    pause_after,
    place_sums,
    provisional_factors,
)
from contracts.stored import keyspace
from contracts.stored.statuses import NEWEST_EVENT
from serving.memory.model_blend import BlendCache, ModelBlend
from serving.redis.model_cache import Model
from serving.redis.store import BACKGROUND_SECONDS, Store

_REVISION = ""  # the field of new_factors that says how often a factor has changed
_MOST_NEW = 20_000


@dataclass(frozen=True)
class _NewFactors:
    version: str = ""
    revision: int = -1
    by_item: Mapping[bytes, bytes] = field(default_factory=dict)


class LiveBlendCache:
    """Holds the newest version asked for, with its counters as they were lately.

    A question reads the counters again, but not so often that reading takes more than a twentieth of the
    process' time.
    """

    def __init__(self, store: Store, fitted: BlendCache, half_lives: Sequence[int]) -> None:
        """``half_lives``: TREND_HALF_LIVES, in seconds."""
        self._store = store
        self._fitted = fitted
        self._kept = {1000.0 * seconds for seconds in half_lives} | {POPULARITY}
        self._newest: ModelBlend | None = None
        self._due_at = -math.inf
        self._new_factors = _NewFactors()
        self._lock = asyncio.Lock()

    async def get(self, model: Model | None) -> ModelBlend | None:
        """The blend with its trends and new items as they are now; None where `BlendCache.get` gives none.

        Raises StoreError.
        """
        fitted = await self._fitted.get(model)
        if model is None or fitted is None:
            return fitted
        half_lives = sorted(live_half_lives(fitted.served) & self._kept)
        if not half_lives and len(model.item_ids) > MANY_ITEMS:
            return fitted  # ranked without scoring all items, which new ones would need
        async with self._lock:  # a request that waits takes what the first one reads
            known = self._newest
            started = time.monotonic()
            if known is None or known.factors is not fitted.factors or started >= self._due_at:
                self._newest = known = await self._read(model, fitted, half_lives)
                now = time.monotonic()
                self._due_at = now + pause_after(now - started)
            return known

    async def _read(self, model: Model, fitted: ModelBlend, half_lives: Sequence[float]) -> ModelBlend:
        best = await self._store.ask_alone(
            *(("ZREVRANGE", keyspace.trend_counter(each), 0, 0, "WITHSCORES") for each in half_lives),
            ("HGET", keyspace.new_factors(model.version), _REVISION),
            ("HGET", keyspace.STREAMING_STATUS, NEWEST_EVENT),
            seconds=BACKGROUND_SECONDS,
        )
        newest_ms, revision = int(best.pop() or 0), int(best.pop() or 0)
        if not half_lives:
            newest_ms = 0
        ranges = [
            (
                "ZREVRANGEBYSCORE",
                keyspace.trend_counter(each),
                "+inf",
                least_read(each, top[0][1] if top else -math.inf),
                "WITHSCORES",
                "LIMIT",
                0,
                MOST_ITEMS,
            )
            for each, top in zip(half_lives, best, strict=True)
        ]
        found = await self._store.ask_alone(*ranges, seconds=BACKGROUND_SECONDS) if ranges else []
        await self._store.read_new_items(model, _MOST_NEW)
        new_ids = tuple(model.new_ids)
        if not half_lives and not new_ids:
            return fitted
        size = len(fitted.factors.matrix)
        new_places = {item: size + place for place, item in enumerate(new_ids)}
        by_field = await self._new_factors_of(model, revision)
        of_users = [by_field.get(item.encode()) for item in new_ids]
        by_content = [by_field.get(keyspace.placed_field(item).encode()) for item in new_ids]
        factors, placed = provisional_factors(of_users, by_content, fitted.factors.matrix.shape[1])
        known = replace(fitted, new_places=new_places, newest_ms=newest_ms)
        sums = {
            half_life: place_sums(
                known.places([item.decode() for item, _ in pairs]),
                as_sums(half_life, [score for _, score in pairs]),
                known.size,
            )
            for half_life, pairs in zip(half_lives, found, strict=True)
        }
        live = live_blend(fitted.served, Sums(sums, newest_ms), size, factors, placed)
        return replace(known, served=live)

    async def _new_factors_of(self, model: Model, revision: int) -> Mapping[bytes, bytes]:
        """The fields of `keyspace.new_factors`, which are read again where a factor has changed."""
        known = self._new_factors
        if (known.version, known.revision) != (model.version, revision):
            key = keyspace.new_factors(model.version)
            (by_item,) = await self._store.ask_alone(("HGETALL", key), seconds=BACKGROUND_SECONDS)
            self._new_factors = known = _NewFactors(model.version, revision, by_item)
        return known.by_item
