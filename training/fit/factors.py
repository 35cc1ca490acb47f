"""Factors as a frame (id, features) and as a matrix by dense index."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

Matrix = NDArray[np.float32]


def matrix(factors: DataFrame, size: int, rank: int) -> Matrix:
    """Factors (id, features) as one (size, rank) matrix; a row that was not fitted is zero."""
    table = factors.select("id", "features").toArrow()
    dense = np.zeros((size, rank), np.float32)
    flat = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    dense[table["id"].to_numpy()] = flat.reshape(-1, rank)
    return dense


def factors_frame(spark: SparkSession, factors: Matrix) -> DataFrame:
    """A matrix as (id, features), without its zero rows."""
    kept = np.flatnonzero(factors.any(axis=1)).astype(np.int32)
    width = factors.shape[1]
    offsets = np.arange(0, width * len(kept) + 1, width, dtype=np.int32)
    features = pa.ListArray.from_arrays(offsets, pa.array(factors[kept].ravel(), pa.float32()))
    # Spark takes an empty list's type from nowhere: the schema says it.
    schema = pa.schema([("id", pa.int32()), ("features", pa.list_(pa.float32()))])
    return spark.createDataFrame(pa.Table.from_arrays([pa.array(kept), features], schema=schema))
