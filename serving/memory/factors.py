"""The item factors of the served model, loaded when first needed: sessions, explanations, diversity."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from algorithms.content.placement import Placement
from algorithms.fold_in import UNKNOWN, gramian
from algorithms.neighbours.product_scan import FactorLists
from algorithms.top_n import best_of_rows
from contracts.stored import keyspace
from contracts.stored.manifest import Manifest, ManifestError, Parameters
from contracts.stored.records import USER_GRAMIAN
from serving.memory.version_cache import VersionCache
from serving.redis.model_cache import Model
from serving.redis.store import LOAD_SECONDS, Store, StoreError

T = TypeVar("T")
# A product over more numbers than these runs in a thread: it would hold up all other requests.
MAX_NUMBERS_INLINE = 2_000_000


@dataclass(frozen=True)
class ItemFactors:
    """Rows of one model version by item index, and what solving a user's factors needs besides."""

    model: Model
    matrix: NDArray[np.float32]  # (items, rank)
    reg_param: float
    alpha: float
    nonnegative: bool
    content: Placement | None = None  # places other items by what the catalogue says of them

    @cached_property
    def gramian(self) -> NDArray[np.float64]:
        """The transposed matrix times the matrix, (rank, rank)."""
        return gramian(self.matrix)

    @cached_property
    def lists(self) -> FactorLists:
        """Makes lists by these factors alone."""
        return FactorLists(self.matrix)

    @cached_property
    def _lengths(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(self.matrix.astype(np.float64), axis=1))

    def nearest(self, vector: NDArray[np.float64], n: int) -> list[tuple[str, float]]:
        """The ``n`` items nearest to a vector (rank), with their cosines, where these are above 0."""
        length = float(np.linalg.norm(vector))
        if not length:
            return []
        lengths = self._lengths * length
        cosines = np.divide(self.matrix @ vector, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
        indexes, scores = best_of_rows(cosines[None], min(n, len(cosines)))
        pairs = zip(indexes[0].tolist(), np.minimum(scores[0], 1.0).tolist(), strict=True)
        return [(self.model.item_ids[index], cosine) for index, cosine in pairs if index >= 0]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {item_id: place for place, item_id in enumerate(self.model.item_ids)}

    def places(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """The row of each item, UNKNOWN where the model has none."""
        return np.array([self._places.get(item_id, UNKNOWN) for item_id in item_ids], np.int64)

    def vectors(self, item_ids: Sequence[str]) -> NDArray[np.float64]:
        """The row of each item; zeros, which are similar to no item, where the model has none."""
        places = self.places(item_ids)
        rows = self.matrix[np.maximum(places, 0)].astype(np.float64)
        rows[places == UNKNOWN] = 0.0
        return rows


class Kind(NamedTuple):
    """Which of a version's factors: their key, and the parameters of their fit in the manifest."""

    key: Callable[[str], str]
    reg_param: Callable[[Parameters], float]
    alpha: Callable[[Parameters], float]


RANKING = Kind(
    key=keyspace.model_factors,
    reg_param=lambda parameters: parameters.als_reg_param,
    alpha=lambda parameters: parameters.als_alpha,
)
# An explicit model has no alpha: all its confidences are 1.
RATING = Kind(
    key=keyspace.rating_factors,
    reg_param=lambda parameters: parameters.explicit_reg_param,
    alpha=lambda parameters: 1.0,
)


class FactorCache:
    """Holds the newest version asked for, where it fits into FACTORS_MAX_BYTES."""

    def __init__(self, store: Store, max_bytes: int, kind: Kind = RANKING) -> None:
        self._store = store
        self._kind = kind
        self._max_bytes = max_bytes
        self._newest = VersionCache[ItemFactors]("factors")

    async def get(self, model: Model | None) -> ItemFactors | None:
        """The factors; None without a model, or where they are missing, too large, or not loaded in time."""
        if model is None:
            return None
        return await self._newest.get(model.version, lambda: self._load_factors(model))

    async def _load_factors(self, model: Model) -> ItemFactors | None:
        key = self._kind.key(model.version)
        first, fields, text, content = await self._store.ask_alone(
            ("HSTRLEN", key, "0"),
            ("HLEN", key),
            ("GET", keyspace.manifest(model.version)),
            ("GET", keyspace.model_content(model.version)),
            seconds=LOAD_SECONDS,
        )
        if not first or not model.item_ids or first * fields > self._max_bytes:
            return None
        (parts,) = await self._store.ask_alone(("HGETALL", key), seconds=LOAD_SECONDS)
        parts.pop(USER_GRAMIAN.encode(), None)
        raw = b"".join(parts[name] for name in sorted(parts, key=int))
        matrix = np.frombuffer(raw, "<f4").reshape(len(model.item_ids), -1)
        if text is None:
            raise StoreError(f"Redis holds no manifest of {model.version}")
        try:
            parameters = Manifest.from_json(text, model.version).parameters
        except ManifestError as error:
            raise StoreError(str(error)) from error
        return ItemFactors(
            model=model,
            matrix=matrix,
            reg_param=self._kind.reg_param(parameters),
            alpha=self._kind.alpha(parameters),
            nonnegative=parameters.als_nonnegative,
            content=_read_content(content, matrix.shape[1]) if self._kind is RANKING else None,
        )


def _read_content(raw: bytes | None, rank: int) -> Placement | None:
    """What places items; None where the version has none that can be read."""
    try:
        return Placement.decode(raw, rank) if raw else None
    except ValueError:
        return None


async def in_thread_if_large(factors: ItemFactors, compute: Callable[[], T]) -> T:
    """What ``compute`` returns. It reads all factors or more, so where they are large it runs in a thread."""
    return await asyncio.to_thread(compute) if factors.matrix.size > MAX_NUMBERS_INLINE else compute()
