"""Exact top-N lists for everyone, by blocked products on the executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.core.broadcast import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.top_n import top_n

Matrix = NDArray[np.float32]
_LIST_DDL = "row INT, columns ARRAY<INT>, scores ARRAY<FLOAT>"
_LIST = pa.schema(
    [("row", pa.int32()), ("columns", pa.list_(pa.int32())), ("scores", pa.list_(pa.float32()))]
)
_ROWS_AT_ONCE = 4096  # whose lists are in a worker's memory


def matrix(factors: DataFrame, size: int, rank: int) -> Matrix:
    """Factors (id, features) as one (size, rank) matrix; a row that was not fitted is zero."""
    table = factors.select("id", "features").toArrow()
    dense = np.zeros((size, rank), np.float32)
    flat = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    dense[table["id"].to_numpy()] = flat.reshape(-1, rank)
    return dense


def known_columns(preferences: DataFrame, row: str, column: str) -> DataFrame:
    """What each row index is known to have: (row, column), each pair once."""
    return preferences.select(F.col(row).alias("row"), F.col(column).alias("column"))


def ranked_lists(rows: DataFrame, known: DataFrame, columns: Matrix, n: int, blocks: int) -> DataFrame:
    """The n best columns of each row without its known ones: (row, columns, scores), best first.

    ``rows`` are factors (id, features), ``known`` pairs (row, column); both go to their row's one of so many
    blocks in one shuffle, flat, which is cheaper than grouping and joining. ``columns`` is the other side,
    broadcast to the executors. Zeros were not fitted: such rows have no taste to rank by and get no list,
    such columns are in nobody's.
    """
    shared = rows.sparkSession.sparkContext.broadcast(columns)
    factors = rows.select(F.col("id").alias("row"), F.lit(-1).alias("column"), "features")
    nothing = F.lit(None).cast("array<float>").alias("features")
    both = factors.unionByName(known.select("row", "column", nothing))
    return both.repartition(blocks, "row").mapInArrow(_ranker(shared, n), _LIST_DDL)


def _ranker(
    shared: Broadcast[Matrix], n: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def rank(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        some = [batch for batch in batches if batch.num_rows]
        if some:
            yield from rank_table(pa.Table.from_batches(some), shared.value, n)

    return rank


def rank_table(table: pa.Table, columns: Matrix, n: int) -> Iterator[pa.RecordBatch]:
    """All of some rows, in any order: their factors (column -1) and their known columns, to lists."""
    row, column = table["row"].to_numpy(), table["column"].to_numpy()
    own = np.flatnonzero(column < 0)
    own = own[np.argsort(row[own], kind="stable")]
    ids, pairs = row[own], np.flatnonzero(column >= 0)
    pairs = pairs[np.argsort(row[pairs], kind="stable")]
    starts = np.searchsorted(row[pairs], ids, "left")
    ends = np.searchsorted(row[pairs], ids, "right")
    known, fitted = column[pairs].astype(np.int32), np.abs(columns).max(axis=1) > 0
    flat = table["features"].take(pa.array(own)).combine_chunks().flatten()
    factors = flat.to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(own), -1)
    for first in range(0, len(own), _ROWS_AT_ONCE):
        some = slice(first, first + _ROWS_AT_ONCE)
        indptr, indices = _csr(starts[some], ends[some], known)
        found, scores = top_n(factors[some], columns, indptr, indices, n, item_mask=fitted)
        has_taste = np.abs(factors[some]).max(axis=1) > 0
        yield _as_lists(ids[some], found, scores, (found >= 0) & has_taste[:, None])


def _csr(
    starts: NDArray[np.int64], ends: NDArray[np.int64], known: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The known columns of consecutive rows; those of rows without factors lie between and are left out."""
    counts = ends - starts
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    places = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], counts)
    return indptr, known[places]


def _as_lists(
    rows: NDArray[np.int32], found: NDArray[np.int32], scores: Matrix, keep: NDArray[np.bool_]
) -> pa.RecordBatch:
    offsets = np.concatenate([[0], np.cumsum(keep.sum(axis=1))]).astype(np.int32)
    lists = [pa.ListArray.from_arrays(offsets, pa.array(values[keep])) for values in (found, scores)]
    arrays = [pa.array(rows, pa.int32()), *lists]
    return pa.RecordBatch.from_arrays(arrays, schema=_LIST).filter(pa.array(keep.any(axis=1)))
