from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

from pyspark.sql import SparkSession

from training.split import per_user_temporal

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SIZES = {0: 1, 1: 2, 2: 5, 3: 11}


def test_a_users_newest_fifth_is_held_out_and_nothing_held_out_is_older(spark: SparkSession) -> None:
    rng = random.Random(3)
    # Some times are equal on purpose: ties must neither lose nor repeat a row.
    rows = []
    for user, size in SIZES.items():
        rows += [(user, item, START + timedelta(hours=rng.randrange(6))) for item in range(size)]
    rng.shuffle(rows)
    frame = spark.createDataFrame(rows, "user_index INT, item_index INT, event_time TIMESTAMP")
    train, test = (half.collect() for half in per_user_temporal(frame, 0.2))
    assert sorted((r.user_index, r.item_index) for r in train + test) == sorted(r[:2] for r in rows)
    for user, size in SIZES.items():
        held_out = [row for row in test if row.user_index == user]
        kept = [row for row in train if row.user_index == user]
        assert len(held_out) == (0 if size == 1 else max(1, size // 5))
        if held_out:
            assert min(r.event_time for r in held_out) >= max(r.event_time for r in kept)
