"""Finds the instant before which a share of the rows lies: nearly exact, deterministic, in limited memory.

Spark's approximate percentile depends on the order in which partitions merge, and its exact one keeps every
distinct value. This counts rows in a fixed number of buckets, then divides one bucket again, and so avoids
both.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

_BUCKETS = 2048
_FINE = 0.001  # a bucket with a share as small as this is not divided again

# (low, width, buckets) -> how many values lie in each [low + b * width, low + (b + 1) * width)
Count = Callable[[int, int, int], list[int]]


def time_quantile(rows: DataFrame, share: float) -> int:
    """Epoch ms such that about ``share`` of the rows have a ``first_time`` not after it."""
    millis = F.unix_millis("first_time")
    row = rows.agg(F.min(millis), F.max(millis)).collect()[0]
    if row[0] is None:
        return 0

    def count(low: int, width: int, buckets: int) -> list[int]:
        bucket = F.floor((millis - low) / width).cast("int").alias("bucket")
        inside = rows.filter((millis >= low) & (millis < low + width * buckets))
        counts = [0] * buckets
        for bucket_, many in inside.groupBy(bucket).count().collect():
            counts[bucket_] = many
        return counts

    return quantile(count, row[0], row[1], share)


def quantile(count: Count, lowest: int, highest: int, share: float) -> int:
    """The last instant of the bucket whose end comes nearest to the share, refined until it is near.

    The highest instant is never returned unless it is the only one: something stays above.
    """
    if lowest == highest:
        return lowest
    low, below, total = lowest, 0, None
    width = -(-(highest - lowest + 1) // _BUCKETS)
    while True:
        counts = count(low, width, _BUCKETS)
        total = sum(counts) if total is None else total
        wanted, bucket = share * total - below, 0
        while bucket < len(counts) - 1 and counts[bucket] < wanted:
            wanted -= counts[bucket]
            below += counts[bucket]
            bucket += 1
        if width == 1 or counts[bucket] <= _FINE * total:
            # The nearer end of the bucket, but neither before all rows nor after all of them.
            end = low + (bucket + 1) * width - 1
            start = low + bucket * width - 1
            nearer = end if counts[bucket] - wanted < wanted else start
            return max(lowest, min(nearer, highest - 1))
        low, width = low + bucket * width, -(-width // _BUCKETS)
