"""A list of the model as Redis holds it: item indexes, which become ids where an answer reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import overload

from contracts.stored.records import RANKED_SIZE, decode_ranked
from serving.redis.model_cache import Model

Entry = tuple[str, float]
Ranked = tuple[Sequence[int], Sequence[float]]  # indexes and scores


class RankedList(Sequence[Entry]):
    """(item, score) pairs, best first. A slice leaves out indexes that no known item has.

    The list is decoded when it is first read, because most answers only need their first list.
    """

    def __init__(self, model: Model, ranked: bytes | Ranked) -> None:
        self._model = model
        self._stored = ranked  # as records.encode_ranked makes it, or decoded already

    @cached_property
    def _indexes_and_scores(self) -> Ranked:
        return decode_ranked(self._stored) if isinstance(self._stored, bytes) else self._stored

    def __len__(self) -> int:
        stored = self._stored
        return len(stored) // RANKED_SIZE if isinstance(stored, bytes) else len(stored[0])

    @overload
    def __getitem__(self, at: int) -> Entry: ...

    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...

    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        if isinstance(at, int):
            item_id = self._model.item_at(self._indexes_and_scores[0][at])
            if item_id is None:
                raise IndexError(at)
            return item_id, self._indexes_and_scores[1][at]
        indexes, scores = self._indexes_and_scores[0][at], self._indexes_and_scores[1][at]
        trained = self._model.item_ids
        if indexes and max(indexes) < len(trained):  # nearly always: no new item among them
            return [(trained[index], score) for index, score in zip(indexes, scores, strict=True)]
        named = zip(map(self._model.item_at, indexes), scores, strict=True)
        return [(item_id, score) for item_id, score in named if item_id is not None]


def ranked_list(model: Model | None, stored: bytes | None) -> Sequence[Entry]:
    """A stored list of the model as items and scores, best first; empty without a model or a list."""
    return RankedList(model, stored) if model and stored else ()
