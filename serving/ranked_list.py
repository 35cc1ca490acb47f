"""A list of the model as it lies in Redis: indexes, named only as far as an answer reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from serving.model_cache import Model

Entry = tuple[str, float]


class RankedList(Sequence[Entry]):
    """(item, score) pairs, best first. A slice leaves out places that no item has."""

    def __init__(self, model: Model, indexes: Sequence[int], scores: Sequence[float]) -> None:
        self._model = model
        self._indexes = indexes
        self._scores = scores

    def __len__(self) -> int:
        return len(self._indexes)

    @overload
    def __getitem__(self, at: int) -> Entry: ...

    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...

    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        if isinstance(at, int):
            item_id = self._model.item_at(self._indexes[at])
            if item_id is None:
                raise IndexError(at)
            return item_id, self._scores[at]
        named = zip(map(self._model.item_at, self._indexes[at]), self._scores[at], strict=True)
        return [(item_id, score) for item_id, score in named if item_id is not None]
