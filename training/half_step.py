"""One half-step of ALS on Spark: every row of one side solved by the fold-in kernel, the other side fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.core.broadcast import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.fold_in import fold_in, gramian
from training.fit import Matrix, Problem

_FACTORS = pa.schema([("id", pa.int32()), ("features", pa.list_(pa.float32()))])
_FACTORS_DDL = "id INT, features ARRAY<FLOAT>"


class Fixed(NamedTuple):
    """The side that stands still, and its Gramian."""

    factors: Matrix
    gramian: NDArray[np.float64]


def grouped(rows: DataFrame, row: str, column: str, value: str) -> DataFrame:
    """(row, of): per row the (column, value) of all its interactions."""
    of = F.collect_list(F.struct(F.col(column).alias("column"), F.col(value).alias("value"))).alias("of")
    return rows.groupBy(F.col(row).alias("row")).agg(of)


def half_step(rows: DataFrame, fixed: Matrix, problem: Problem) -> DataFrame:
    """Factors (id, features) of the grouped rows for the other side's ``fixed``, without those that are zero.

    Exact as Spark's are (algorithms.fold_in); the fixed side travels to each executor once.
    """
    shared = rows.sparkSession.sparkContext.broadcast(Fixed(fixed, gramian(fixed)))
    return rows.mapInArrow(_solver(shared, problem), _FACTORS_DDL)


def _solver(
    shared: Broadcast[Fixed], problem: Problem
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def solved(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield solve_batch(batch, shared.value, problem)

    return solved


def solve_batch(batch: pa.RecordBatch, fixed: Fixed, problem: Problem) -> pa.RecordBatch:
    """One Arrow batch of grouped rows to factors."""
    of = batch.column("of")
    indptr = np.asarray(of.offsets, np.int64)
    inner: Any = of.values.slice(indptr[0], indptr[-1] - indptr[0])
    factors = fold_in(
        fixed.factors,
        indptr - indptr[0],
        inner.field("column").to_numpy(zero_copy_only=False).astype(np.int32),
        inner.field("value").to_numpy(zero_copy_only=False).astype(np.float64),
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
    return pa.RecordBatch.from_arrays([batch.column("row").filter(pa.array(kept)), features], schema=_FACTORS)
