"""Nearest vectors among very many: an index proposes candidates, and their exact scores decide.

The index is a hierarchical navigable small world graph (Malkov and Yashunin 2016) by usearch, over vectors of
int8 numbers. It misses few of the nearest (docs/decisions/0039-approximate-neighbours.md). Up to LARGE
vectors, `algorithms.top_n` is used, which misses nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indexes = NDArray[np.int32]

LARGE = 100_000  # above this number of vectors, comparing all with all takes longer than an index
# Edges of a node, and how many candidates are held while one is added and while one is searched for.
_CONNECTIVITY, _ADDING, _SEARCHING = 16, 128, 256
_SPARE = 1.5  # candidates for each place in a list: int8 changes the order a little
_BLOCK = 1024  # queries that are asked and scored at once


class NeighbourIndex:
    """An index of vectors by the cosine with them. A vector of zeros is never found."""

    def __init__(self, vectors: Floats, threads: int = 1) -> None:
        """``vectors`` (items, rank) have length 1, or 0. Raises ValueError where they are not finite.

        With more than one thread, two indexes of the same vectors may differ in what they miss.
        """
        # Imported here, because small catalogues do not need it.
        from usearch.index import Index

        if not np.isfinite(vectors).all():
            raise ValueError("the vectors are not all finite numbers")
        self._vectors = vectors
        self._threads = threads
        self._index: Any = Index(
            ndim=vectors.shape[1],
            metric="cos",
            dtype="i8",
            connectivity=_CONNECTIVITY,
            expansion_add=_ADDING,
            expansion_search=_SEARCHING,
        )
        there = np.flatnonzero(vectors.any(axis=1))
        self._index.add(there.astype(np.uint64), vectors[there], threads=threads)

    def __getstate__(self) -> tuple[Floats, bytes]:
        """For other processes, such as Spark's workers, which search in it with one thread each."""
        return self._vectors, bytes(self._index.save())

    def __setstate__(self, state: tuple[Floats, bytes]) -> None:
        from usearch.index import Index

        self._vectors, saved = state
        self._threads = 1
        self._index = Index.restore(saved)
        self._index.expansion_search = _SEARCHING

    @property
    def nbytes(self) -> int:
        """The memory that the index takes, without the vectors that were given."""
        return int(self._index.memory_usage)

    def nearest(self, queries: Floats, itself: Indexes, n: int) -> tuple[Indexes, Floats]:
        """(queries, n) indexes and cosines of each query's nearest vectors, best first; -1 and -inf behind.

        ``queries`` (queries, rank) have length 1, or 0: those get none. ``itself`` (queries) is the index
        that a query's list leaves out. Equal scores are ordered by the lower index.
        """
        indexes = np.full((len(queries), n), -1, np.int32)
        scores = np.full((len(queries), n), -np.inf, np.float32)
        if not len(self._index):
            return indexes, scores
        for start in range(0, len(queries), _BLOCK):
            block = slice(start, start + _BLOCK)
            found = self._find(queries[block], min(round((n + 1) * _SPARE), len(self._index)))
            exact = self._score(queries[block], found, itself[block])
            order = np.argsort(-exact, axis=1, kind="stable")[:, :n]
            width = order.shape[1]
            scores[block, :width] = np.take_along_axis(exact, order, axis=1)
            indexes[block, :width] = np.take_along_axis(found, order, axis=1)
        indexes[np.isneginf(scores)] = -1
        return indexes, scores

    def _find(self, queries: Floats, count: int) -> Indexes:
        """(queries, count) candidates by ascending index; -1 where fewer are found."""
        matches: Any = self._index.search(queries, count, threads=self._threads)
        keys = np.atleast_2d(matches.keys)
        counts = np.atleast_1d(matches.counts) if len(queries) > 1 else np.array([keys.shape[1]])
        found = np.where(np.arange(keys.shape[1]) < counts[:, None], keys.astype(np.int64), -1)
        return np.sort(found, axis=1).astype(np.int32)

    def _score(self, queries: Floats, found: Indexes, itself: Indexes) -> Floats:
        """The candidates' exact scores; -inf for none, for the query itself and for a query of zeros."""
        scores = np.einsum("qk,qck->qc", queries, self._vectors[found])
        is_zero = np.abs(queries).max(axis=1, keepdims=True, initial=0.0) == 0
        without = (found < 0) | (found == itself[:, None]) | is_zero
        return np.asarray(np.where(without, np.float32(-np.inf), scores), np.float32)
