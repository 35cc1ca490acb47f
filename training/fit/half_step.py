"""One half-step of ALS on Spark: every row of one side solved by the fold-in kernel, the other side fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.core.broadcast import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.fold_in import fold_in, gramian
from training.fit.als import Problem
from training.fit.factors import Matrix

_FACTORS = pa.schema([("id", pa.int32()), ("features", pa.list_(pa.float32()))])
_FACTORS_DDL = "id INT, features ARRAY<FLOAT>"


class Fixed(NamedTuple):
    """The factors of the fixed side, and their Gramian."""

    factors: Matrix
    gramian: NDArray[np.float64]


def by_row(rows: DataFrame, row: str, column: str, value: str, blocks: int) -> DataFrame:
    """(row, column, value), partitioned by row into a given number of partitions."""
    named = rows.select(F.col(row).alias("row"), F.col(column).alias("column"), F.col(value).alias("value"))
    return named.repartition(blocks, "row")


def half_step(rows: DataFrame, fixed: Matrix, problem: Problem) -> DataFrame:
    """Factors (id, features) of the rows of `by_row` for the other side's ``fixed``, without zero ones.

    Exact as Spark's are (algorithms.fold_in); the fixed side travels to each executor once, and a partition's
    rows (12 bytes an interaction) are in a worker's memory together.
    """
    shared = rows.sparkSession.sparkContext.broadcast(Fixed(fixed, gramian(fixed)))
    return rows.mapInArrow(_solver(shared, problem), _FACTORS_DDL)


def _solver(
    shared: Broadcast[Fixed], problem: Problem
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def solve_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        filled = [batch for batch in batches if batch.num_rows]
        if filled:
            yield solve(pa.Table.from_batches(filled), shared.value, problem)

    return solve_partition


def solve(rows: pa.Table, fixed: Fixed, problem: Problem) -> pa.RecordBatch:
    """The factors of rows, from all of their interactions in any order."""
    row = rows["row"].to_numpy()
    order = np.argsort(row, kind="stable")
    ids, counts = np.unique(row, return_counts=True)
    factors = fold_in(
        fixed.factors,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        rows["column"].to_numpy()[order].astype(np.int32),
        rows["value"].to_numpy()[order].astype(np.float64),
        reg_param=problem.reg_param,
        alpha=problem.alpha,
        implicit=problem.implicit,
        nonnegative=problem.nonnegative,
        gramian=fixed.gramian,
    )
    kept = factors.any(axis=1)
    rank = fixed.factors.shape[1]
    offsets = np.arange(0, rank * kept.sum() + 1, rank, dtype=np.int32)
    features = pa.ListArray.from_arrays(offsets, pa.array(factors[kept].ravel(), pa.float32()))
    return pa.RecordBatch.from_arrays([pa.array(ids[kept], pa.int32()), features], schema=_FACTORS)
