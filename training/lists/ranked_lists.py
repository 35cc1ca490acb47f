"""Lists for everyone, made on the executors: exact by blocked products, or by an index of nearest vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.neighbours.index import NeighbourIndex
from algorithms.neighbours.product_scan import FactorLists
from training.fit.factors import Matrix

_LIST_DDL = "row INT, columns ARRAY<INT>, scores ARRAY<FLOAT>"
_LIST = pa.schema(
    [("row", pa.int32()), ("columns", pa.list_(pa.int32())), ("scores", pa.list_(pa.float32()))]
)
# Buckets a partition: their hashes spread evenly, and a bucket is in a worker's memory as a whole.
_BUCKETS = 4


class RankedRows(NamedTuple):
    """The lists of rows, in the order of the rows, and the factors that they were made from."""

    columns: NDArray[np.int32]  # (rows, n), -1 where fewer remain
    scores: Matrix
    features: Matrix
    known_indptr: NDArray[np.int64]  # known columns as CSR
    known: NDArray[np.int32]
    others: Matrix  # the columns' factors

    def select(self, rows: NDArray[np.int64]) -> RankedRows:
        """A selection of the rows, by their places."""
        counts = np.diff(self.known_indptr)[rows]
        starts = np.repeat(self.known_indptr[rows] - np.cumsum(counts) + counts, counts)
        known = self.known[starts + np.arange(len(starts))]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return RankedRows(
            columns=self.columns[rows],
            scores=self.scores[rows],
            features=self.features[rows],
            known_indptr=indptr,
            known=known,
            others=self.others,
        )


Emit = Callable[[pa.Table, RankedRows], pa.Table]


def ranked_lists(rows: DataFrame, known: DataFrame, columns: Matrix, n: int) -> DataFrame:
    """The n best columns of each row without its known ones: (row, columns, scores), best first.

    ``rows`` are factors (id, features), ``known`` pairs (row, column), and ``columns`` the other side's
    factors. Rows and columns of zeros were not fitted: such rows get no list, such columns are in no list.
    """
    return rank_rows(rows.withColumnRenamed("id", "row"), known, columns, n, as_lists, _LIST_DDL)


def nearest_lists(rows: DataFrame, index: NeighbourIndex, n: int) -> DataFrame:
    """As `ranked_lists`, of rows (id, features) of length 1 that are in the index by their ids.

    A list misses a few of the nearest. Each worker holds the index.
    """
    session = rows.sparkSession
    shared = session.sparkContext.broadcast(index)
    parts = int(str(session.conf.get("spark.sql.shuffle.partitions")))

    def find(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            ids = batch["row"].to_numpy()
            features = batch["features"].flatten().to_numpy().astype(np.float32).reshape(len(ids), -1)
            columns, scores = shared.value.nearest(features, ids, n)
            indptr = np.arange(len(ids) + 1, dtype=np.int64)
            ranked = RankedRows(columns, scores, features, indptr, ids, features)
            yield from as_lists(pa.table({"row": batch["row"]}), ranked).to_batches()

    spread = rows.withColumnRenamed("id", "row").repartition(parts)
    return spread.mapInArrow(find, _LIST_DDL)


def rank_rows(rows: DataFrame, known: DataFrame, columns: Matrix, n: int, emit: Emit, ddl: str) -> DataFrame:
    """Rank rows (row, features, and columns for ``emit``) on the executors. Returns what ``emit`` yields.

    Rows and known pairs are joined by bucket, one line a pair: to gather the pairs of each row in the JVM
    would take as long as the ranking, and no worker needs the factors of all rows.
    """
    session = rows.sparkSession
    shared = session.sparkContext.broadcast(FactorLists(columns))
    buckets = _BUCKETS * int(str(session.conf.get("spark.sql.shuffle.partitions")))
    bucket = F.pmod("row", F.lit(buckets))

    def rank(bucket_rows: pa.Table, bucket_known: pa.Table) -> pa.Table:
        return emit(bucket_rows, rank_bucket(bucket_rows, bucket_known, shared.value, n))

    grouped_rows = rows.groupBy(bucket.alias("bucket"))
    grouped_known = known.select("row", "column").groupBy(bucket.alias("bucket"))
    return grouped_rows.cogroup(grouped_known).applyInArrow(rank, ddl)


def rank_bucket(rows: pa.Table, known: pa.Table, lists: FactorLists, n: int) -> RankedRows:
    """The lists of a bucket's rows. Known pairs of other rows are ignored."""
    columns = lists.factors
    flat = rows["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    features = flat.astype(np.float32).reshape(-1, columns.shape[1])
    indptr, indices = _as_csr(rows["row"].to_numpy(), known["row"].to_numpy(), known["column"].to_numpy())
    found, scores = lists.best(features, indptr, indices, n)
    return RankedRows(found, scores, features, indptr, indices, columns)


def _as_csr(
    rows: NDArray[np.int32], owners: NDArray[np.int32], columns: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Pairs of owner and column as CSR by the owner's place in ``rows``."""
    there = np.isin(owners, rows)
    order = np.argsort(rows)
    place, columns = order[np.searchsorted(rows, owners[there], sorter=order)], columns[there]
    counts = np.bincount(place, minlength=len(rows))
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return indptr, columns[np.argsort(place, kind="stable")].astype(np.int32)


def as_lists(rows: pa.Table, ranked: RankedRows) -> pa.Table:
    """(row, columns, scores) of the rows that have a list."""
    keep = ranked.columns >= 0
    offsets = np.concatenate([[0], np.cumsum(keep.sum(axis=1))]).astype(np.int32)
    lists = [
        pa.ListArray.from_arrays(offsets, pa.array(values[keep]))
        for values in (ranked.columns, ranked.scores)
    ]
    every = pa.Table.from_arrays([rows["row"], *lists], schema=_LIST)
    return every.filter(pa.array(keep.any(axis=1)))
