from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from pyspark.sql import Row, SparkSession

from training.data import split as splits
from training.data.split import (
    SPLITS,
    Split,
    global_time,
    leave_last_out,
    parts,
    per_user_temporal,
    random_rows,
)

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SIZES = {0: 1, 1: 2, 2: 5, 3: 11}
DDL = "user_index INT, item_index INT, first_time TIMESTAMP"
TEMPORAL = [split for name, split in SPLITS if name in splits.TEMPORAL]


def corpus(seed: int) -> list[Row]:
    """Some times are equal on purpose: ties must neither lose nor repeat a row."""
    rng = random.Random(seed)
    rows = []
    for user, size in SIZES.items():
        rows += [Row(user, item, START + timedelta(hours=rng.randrange(6))) for item in range(size)]
    rng.shuffle(rows)
    return rows


def both(spark: SparkSession, split: Split, seed: int) -> tuple[list[Row], list[Row]]:
    marked = split(spark.createDataFrame(corpus(seed), DDL), 0.2, seed).collect()
    return [row for row in marked if not row.held_out], [row for row in marked if row.held_out]


@pytest.mark.parametrize("split", [split for _, split in SPLITS])
def test_every_row_is_on_exactly_one_side_of_the_split(spark: SparkSession, split: Split) -> None:
    train, held_out = both(spark, split, 3)
    assert train
    assert held_out
    assert sorted(row[:2] for row in train + held_out) == sorted(row[:2] for row in corpus(3))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("split", TEMPORAL)
def test_no_training_row_of_a_user_is_later_than_a_held_out_row(
    spark: SparkSession, split: Split, seed: int
) -> None:
    train, held_out = both(spark, split, seed)
    for user in SIZES:
        kept = [row.first_time for row in train if row.user_index == user]
        tested = [row.first_time for row in held_out if row.user_index == user]
        assert not kept or not tested or max(kept) <= min(tested)
    if split is global_time:
        assert max(row.first_time for row in train) < min(row.first_time for row in held_out)


def test_a_users_newest_fifth_or_last_row_is_held_out(spark: SparkSession) -> None:
    for split, expected in ((per_user_temporal, [0, 1, 1, 2]), (leave_last_out, [0, 1, 1, 1])):
        held_out = both(spark, split, 3)[1]
        assert [sum(row.user_index == user for row in held_out) for user in SIZES] == expected


def test_the_random_split_is_the_same_for_the_same_seed(spark: SparkSession) -> None:
    rows = [Row(n % 50, n // 50, START) for n in range(5000)]
    halves = [
        {row[:2] for row in parts(random_rows(spark.createDataFrame(rows, DDL), 0.2, seed))[1].collect()}
        for seed in (1, 1, 2)
    ]
    assert halves[0] == halves[1] != halves[2]
    assert 900 < len(halves[0]) < 1100
