"""The blend of the served model as it was fitted, loaded when first needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import Blend, Signals
from algorithms.blending.serialization import ServedBlend, read_blend
from algorithms.blending.stored_arrays import decode_arrays, field_names
from algorithms.fold_in import UNKNOWN
from algorithms.signals.factors import Factors
from contracts.stored import keyspace
from contracts.stored.manifest import BlendRecord
from serving.memory.factors import FactorCache, ItemFactors
from serving.memory.version_cache import VersionCache
from serving.redis.model_cache import Model
from serving.redis.store import LOAD_SECONDS, Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelBlend:
    """What ranks in one model version: its blend, the signals, and the factors with the items' places.

    With present trends (`serving.memory.live_blend`), it also ranks new items: their places follow those of
    the model's items.
    """

    record: BlendRecord
    served: ServedBlend
    factors: ItemFactors
    new_places: Mapping[str, int] = field(default_factory=dict)
    newest_ms: int = 0  # event time of the newest event in its trends; 0: trends as fitted

    @property
    def signals(self) -> Signals:
        """The signals by name."""
        return self.served.signals

    @property
    def size(self) -> int:
        """How many items are ranked."""
        return len(self.factors.matrix) + len(self.new_places)

    def places(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """The place of each item among those that are ranked, UNKNOWN where it has none."""
        places = self.factors.places(item_ids)
        if not self.new_places:
            return places
        return np.array(
            [
                place if place != UNKNOWN else self.new_places.get(item_id, UNKNOWN)
                for item_id, place in zip(item_ids, places.tolist(), strict=True)
            ],
            np.int64,
        )

    def now_ms(self, clock_ms: int) -> int:
        """The time (epoch ms) that trends take for now: where an old log is sent again, its end."""
        return self.newest_ms or clock_ms

    def at(self, hotness: float) -> Blend:
        """The blend with the weights of one hotness, whatever the times of the history and the question.

        A stored list says its hotness, and a session's is always 1.
        """
        blend = self.served.blend
        weights = {name: float(weight) for name, (weight,) in blend.weights_at(np.array([hotness])).items()}
        return replace(blend, hot=weights, cold=weights)


class BlendCache:
    """Holds the newest version asked for, where its arrays fit into FACTORS_MAX_BYTES, as its factors must.

    Where a blend's arrays are missing, damaged or too large, lists are made by the factors alone, and the log
    says so once.
    """

    def __init__(self, store: Store, max_bytes: int, factors: FactorCache) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._factors = factors
        self._newest = VersionCache[ModelBlend]("the blend")

    async def get(self, model: Model | None) -> ModelBlend | None:
        """The blend; None for a version without one, or where it or its factors cannot be loaded in time."""
        if model is None or model.blend is None:
            return None
        factors, record = await self._factors.get(model), model.blend
        if factors is None:
            return None
        return await self._newest.get(model.version, lambda: self._load_blend(record, factors))

    async def _load_blend(self, record: BlendRecord, factors: ItemFactors) -> ModelBlend | None:
        version, items = factors.model.version, len(factors.model.item_ids)
        names, key = field_names(record, items), keyspace.model_signals(version)
        fields: dict[str, bytes | None] = {}
        if names:
            sizes = await self._store.ask_alone(*(("HSTRLEN", key, name) for name in names))
            if sum(sizes) > self._max_bytes:
                _say_alone(version, f"its signals take {sum(sizes)} bytes, more than FACTORS_MAX_BYTES")
                return None
            (found,) = await self._store.ask_alone(("HMGET", key, *names), seconds=LOAD_SECONDS)
            fields = dict(zip(names, found, strict=True))
        try:
            # In a thread, because a large model's arrays would hold up all other requests.
            served = await asyncio.to_thread(_read, record, fields, factors)
        except (KeyError, ValueError) as error:
            _say_alone(version, str(error))
            return None
        return ModelBlend(record, served, factors)


def _read(record: BlendRecord, fields: Mapping[str, bytes | None], factors: ItemFactors) -> ServedBlend:
    signal = Factors(
        item_factors=factors.matrix,
        reg_param=factors.reg_param,
        alpha=factors.alpha,
        nonnegative=factors.nonnegative,
        given_gramian=factors.gramian,
    )
    return read_blend(record, decode_arrays(record, fields, len(factors.matrix)), signal)


def _say_alone(version: str, why: str) -> None:
    _log.warning("sessions and explanations of model %s go by its factors alone: %s", version, why)
