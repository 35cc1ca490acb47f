"""Sums XᵀX of one side's factors on the executors, which a fold-in of the other side needs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame


def gramian(factors: DataFrame, rank: int) -> NDArray[np.float64]:
    """The (rank, rank) sum of x xᵀ of the rows (id, features), in float64. One matrix a partition travels."""
    partial = factors.select("features").mapInArrow(_sum_products, "part ARRAY<DOUBLE>").collect()
    return sum((np.array(row.part).reshape(rank, rank) for row in partial), np.zeros((rank, rank)))


def _sum_products(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    total: NDArray[np.float64] | None = None
    for batch in batches:
        if batch.num_rows:
            flat = batch.column("features").flatten().to_numpy(zero_copy_only=False)
            rows = flat.astype(np.float64).reshape(batch.num_rows, -1)
            total = rows.T @ rows if total is None else total + rows.T @ rows
    if total is not None:
        yield pa.RecordBatch.from_arrays([pa.array([total.ravel().tolist()])], names=["part"])
