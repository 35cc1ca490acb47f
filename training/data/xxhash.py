"""Spark's xxhash64 of integers, so that the same users are drawn in one process as on the executors.

Spark class: org.apache.spark.sql.catalyst.expressions.XXH64 (hashInt), seed 42, columns chained.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_PRIME_1, _PRIME_2, _PRIME_3 = (
    np.uint64(0x9E3779B185EBCA87),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
)
_PRIME_5 = np.uint64(0x27D4EB2F165667C5)
_SEED = 42


def xxhash64(*columns: NDArray[np.integer[Any]] | int) -> NDArray[np.int64]:
    """The signed hash of each row of 32-bit integer columns; a plain number is the same in every row."""
    hashed: NDArray[np.uint64] = np.array(_SEED, np.uint64)
    for column in columns:
        hashed = _hash_int(np.asarray(column, np.int64).astype(np.uint64) & np.uint64(0xFFFFFFFF), hashed)
    return hashed.astype(np.int64)


def _hash_int(values: NDArray[np.uint64], seed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        hashed = (seed + _PRIME_5 + np.uint64(4)) ^ (values * _PRIME_1)
        hashed = _rotate(hashed, 23) * _PRIME_2 + _PRIME_3
        hashed = (hashed ^ (hashed >> np.uint64(33))) * _PRIME_2
        hashed = (hashed ^ (hashed >> np.uint64(29))) * _PRIME_3
        mixed: NDArray[np.uint64] = hashed ^ (hashed >> np.uint64(32))
        return mixed


def _rotate(values: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    rotated: NDArray[np.uint64] = (values << np.uint64(bits)) | (values >> np.uint64(64 - bits))
    return rotated
