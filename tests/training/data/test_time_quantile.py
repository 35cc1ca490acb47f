from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from training.data.time_quantile import quantile, time_quantile

TIMES = st.lists(
    st.one_of(st.integers(0, 40), st.integers(10**12, 10**12 + 10**9), st.integers(0, 10**13)), min_size=1
)


@given(TIMES, st.floats(0.05, 0.95))
def test_the_quantile_splits_as_near_to_the_share_as_equal_times_allow(
    times: list[int], share: float
) -> None:
    def count(low: int, width: int, buckets: int) -> list[int]:
        found = Counter((time - low) // width for time in times if low <= time < low + width * buckets)
        return [found[bucket] for bucket in range(buckets)]

    cutoff = quantile(count, min(times), max(times), share)
    if len(set(times)) == 1:
        assert cutoff == times[0]
        return
    assert min(times) <= cutoff < max(times)
    below = sum(time <= cutoff for time in times)
    # No other time comes nearer to the share, except within the part that is not searched.
    ends = [sum(time <= other for time in times) for other in sorted(set(times))[:-1]]
    nearest = min(abs(end - share * len(times)) for end in ends)
    assert abs(below - share * len(times)) <= nearest + 0.001 * len(times) + 1e-6


def test_spark_gives_the_same_quantile(spark: SparkSession) -> None:
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    rows = [(start + timedelta(seconds=n),) for n in range(100)]
    cutoff = time_quantile(spark.createDataFrame(rows, "first_time TIMESTAMP").repartition(3), 0.8)
    first = int(start.timestamp() * 1000)
    assert first + 79_000 <= cutoff < first + 80_000
    assert time_quantile(spark.createDataFrame([], "first_time TIMESTAMP"), 0.8) == 0
