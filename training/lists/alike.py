"""Items whose factors are the same, number for number: what is near one of them is near each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.fit.factors import Matrix

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Alike:
    """Items in groups: ``distinct`` (groups, rank) and the items of each group, in their order, as CSR."""

    distinct: Matrix
    items: Integers
    bounds: Integers

    @classmethod
    def of(cls, vectors: Matrix) -> Alike:
        """Group equal rows."""
        distinct, group = np.unique(vectors, axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        return cls(distinct, order, np.searchsorted(group[order], np.arange(len(distinct) + 1)))

    def members(self, group: int, most: int) -> Integers:
        """The first items of a group."""
        start, stop = self.bounds[group], self.bounds[group + 1]
        return self.items[start : min(stop, start + most)]

    def lists(
        self, group: int, others: NDArray[np.int32], cosines: NDArray[np.float32], n: int
    ) -> Iterator[tuple[int, list[int], list[float]]]:
        """For each item of a group, its ``n`` nearest other items and their cosines, best first.

        ``others`` are the nearest other groups, -1 behind. An item of a group of zeros has no list, and
        neither has an item to which nothing is near. Of equal cosines the lower item comes first.
        """
        if not self.distinct[group].any():
            return
        near, scores = [self.members(group, n + 1)], [np.ones(1, np.float32)]
        for other, cosine in zip(others.tolist(), cosines, strict=True):
            if other < 0 or sum(map(len, near[1:])) >= n:
                break
            near.append(self.members(other, n))
            scores.append(cosine[None])
        items = np.concatenate(near)
        cosine_of = np.minimum(np.repeat(np.concatenate(scores), [len(each) for each in near]), 1.0)
        best = np.lexsort((items, -cosine_of))[: n + 1]
        items, cosine_of = items[best], cosine_of[best]
        of_all = items[:n].tolist(), cosine_of[:n].tolist()
        listed = set(items.tolist())
        for item in self.items[self.bounds[group] : self.bounds[group + 1]].tolist():
            if item not in listed:
                yield item, *of_all
                continue
            kept = items != item
            if kept.any():
                yield item, items[kept].tolist(), cosine_of[kept].tolist()
