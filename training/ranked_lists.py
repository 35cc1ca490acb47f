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


def matrix(factors: DataFrame, size: int, rank: int) -> Matrix:
    """Factors (id, features) as one (size, rank) matrix; a row that was not fitted is zero."""
    table = factors.select("id", "features").toArrow()
    dense = np.zeros((size, rank), np.float32)
    flat = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    dense[table["id"].to_numpy()] = flat.reshape(-1, rank)
    return dense


def known_columns(preferences: DataFrame, row: str, column: str) -> DataFrame:
    """Per row index the column indexes it is known to have: (row, known). A pair is there once.

    (Grouped in the JVM: flat pairs beside the factors are no faster, and null arrays take Arrow seven seconds
    a million.)
    """
    return preferences.groupBy(F.col(row).alias("row")).agg(F.collect_list(column).alias("known"))


def ranked_lists(rows: DataFrame, known: DataFrame, columns: Matrix, n: int) -> DataFrame:
    """The n best columns of each row without its known ones: (row, columns, scores), best first.

    ``rows`` are factors (id, features); ``columns`` the other side's, broadcast to the executors. Zeros were
    not fitted: such rows have no taste to rank by and get no list, such columns are in nobody's.
    """
    shared = rows.sparkSession.sparkContext.broadcast(columns)
    factors = rows.select(F.col("id").alias("row"), "features")
    joined = factors.join(known, "row", "left").select("row", "features", "known")
    return joined.mapInArrow(_ranker(shared, n), _LIST_DDL)


def _ranker(
    shared: Broadcast[Matrix], n: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def rank(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield rank_batch(batch, shared.value, n)

    return rank


def rank_batch(batch: pa.RecordBatch, columns: Matrix, n: int) -> pa.RecordBatch:
    """One Arrow batch (row, features, known) to lists of at most n."""
    features = batch.column("features").flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    features = features.reshape(batch.num_rows, -1)
    known = batch.column("known").fill_null([]) if batch.column("known").null_count else batch.column("known")
    indptr = np.asarray(known.offsets, np.int64)
    indices = known.values.to_numpy(zero_copy_only=False).astype(np.int32)
    found, scores = top_n(features, columns, indptr, indices, n, item_mask=np.abs(columns).max(axis=1) > 0)
    has_taste = np.abs(features).max(axis=1) > 0
    return _as_lists(batch.column("row"), found, scores, (found >= 0) & has_taste[:, None])


def _as_lists(
    rows: pa.Array, found: NDArray[np.int32], scores: Matrix, keep: NDArray[np.bool_]
) -> pa.RecordBatch:
    offsets = np.concatenate([[0], np.cumsum(keep.sum(axis=1))]).astype(np.int32)
    lists = [pa.ListArray.from_arrays(offsets, pa.array(values[keep])) for values in (found, scores)]
    return pa.RecordBatch.from_arrays([rows, *lists], schema=_LIST).filter(pa.array(keep.any(axis=1)))
