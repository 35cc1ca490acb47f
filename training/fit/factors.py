"""Factors as a frame or a table (id, features), and as a matrix by dense index."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

Matrix = NDArray[np.float32]
_FACTORS = pa.schema([("id", pa.int32()), ("features", pa.list_(pa.float32()))])


def dense(factors: pa.Table, size: int, rank: int) -> Matrix:
    """A table (id, features) as one (size, rank) matrix; a row that was not fitted is zero."""
    rows = np.zeros((size, rank), np.float32)
    flat = factors["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    rows[factors["id"].to_numpy()] = flat.reshape(-1, rank)
    return rows


def matrix(factors: DataFrame, size: int, rank: int) -> Matrix:
    """A frame (id, features) as one (size, rank) matrix; a row that was not fitted is zero."""
    return dense(factors.select("id", "features").toArrow(), size, rank)


def factors_table(factors: Matrix) -> pa.Table:
    """A matrix as a table (id, features), without its zero rows."""
    kept = np.flatnonzero(factors.any(axis=1)).astype(np.int32)
    width = factors.shape[1]
    offsets = np.arange(0, width * len(kept) + 1, width, dtype=np.int32)
    features = pa.ListArray.from_arrays(offsets, pa.array(factors[kept].ravel(), pa.float32()))
    return pa.Table.from_arrays([pa.array(kept), features], schema=_FACTORS)


def factors_frame(spark: SparkSession, factors: Matrix) -> DataFrame:
    """A matrix as a frame (id, features), without its zero rows."""
    return spark.createDataFrame(factors_table(factors))
