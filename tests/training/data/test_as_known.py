"""Data as it was known at a time in the past: later events change nothing of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from contracts.settings import TrainingSettings
from contracts.stored import lake
from tests.training.data.test_dataset import START, interaction
from training.data.as_known import as_known
from training.data.load import TrainingData, load
from training.data.split import leave_last_out, newer_than, per_user_temporal

CUT_SECOND = 50
CUT = int((START + timedelta(seconds=CUT_SECOND)).timestamp() * 1000)
Facts = dict[tuple[str, str], tuple[float, float | None, bool, datetime]]
TYPES = ("rating", "rating", "like", "dislike", "view", "retract")


def corpus(*seeds: int) -> list[Row]:
    """Pairs touched from once to five times around the cut, with retractions, and equal instants.

    Each seed makes twelve users of its own; in one lake they cost Spark no more than the first twelve.
    """
    rows: list[Row] = []
    for seed in seeds:
        rng = random.Random(seed)
        for user in range(12):
            for item in range(rng.randrange(1, 12)):
                for _ in range(rng.choice((1, 1, 2, 5))):
                    value, kind = rng.choice((1.0, 3.0, 5.0)), rng.choice(TYPES)
                    second = rng.choice((rng.randrange(100), CUT_SECOND, CUT_SECOND + 1))
                    value = value if kind == "rating" else 1.0
                    user_id, item_id = f"u{seed}-{user:02}", f"i{item:02}"
                    rows.append(interaction(len(rows), user_id, item_id, value, kind, second))
    return rows


@pytest.fixture
def learn(spark: SparkSession, tmp_path: Path) -> Iterator[Callable[[list[Row]], TrainingData]]:
    made: list[TrainingData] = []

    def load_rows(rows: list[Row]) -> TrainingData:
        uri = str(tmp_path / str(len(made)))
        frame = spark.createDataFrame(rows, lake.INTERACTIONS.ddl)
        frame.write.format("delta").save(lake.INTERACTIONS.path(uri))
        learnt = load(spark, TrainingSettings(lake_uri=uri, train_min_events=1), 0)
        assert learnt is not None
        made.append(learnt)
        return learnt

    yield load_rows
    for learnt in made:
        learnt.release()


def facts(rows: DataFrame) -> Facts:
    """The known row of each user and item; every pair occurs once."""
    columns = ("user_id", "item_id", "strength", "rating", "positive", "event_time")
    found = rows.select(*columns).collect()
    by_pair = {(row.user_id, row.item_id): tuple(row[2:]) for row in found}
    assert len(by_pair) == len(found)
    return by_pair  # type: ignore[return-value]


def test_the_training_part_is_what_the_lake_held_at_the_cut(
    learn: Callable[[list[Row]], TrainingData],
) -> None:
    events = corpus(1, 2, 3)
    now = learn(events)
    then = facts(
        learn([row for row in events if row[5] <= START + timedelta(seconds=CUT_SECOND)]).preferences
    )
    marked = as_known(newer_than(now.preferences, CUT), now.repeats, CUT)
    users, items = ({row[0] for row in ids.collect()} for ids in (now.users, now.items))
    assert facts(marked.filter("NOT held_out")) == {
        pair: fact for pair, fact in then.items() if pair[0] in users and pair[1] in items
    }
    everything = facts(now.preferences)
    assert facts(marked.filter("held_out")) == {
        pair: fact for pair, fact in everything.items() if pair not in then
    }
    assert len(facts(marked)) > len(everything) / 2


@pytest.mark.parametrize("split", [per_user_temporal, leave_last_out])
def test_with_a_cut_for_each_user_no_later_event_is_used(
    learn: Callable[[list[Row]], TrainingData],
    split: Callable[[DataFrame, float, int], DataFrame],
) -> None:
    events = corpus(4)
    now = learn(events)
    marked = as_known(split(now.preferences, 0.3, 1), now.repeats)
    rows = marked.collect()
    for user in {row.user_id for row in rows if row.held_out}:
        known = [row for row in rows if row.user_id == user and not row.held_out]
        if not known:
            continue
        cut = max(row.first_time for row in known)
        assert max(row.event_time for row in known) <= cut
        assert all(
            row.first_time >= cut or row.event_time > cut
            for row in rows
            if row.user_id == user and row.held_out
        )
    assert len(facts(marked)) == len(rows)


def test_a_lake_without_repeated_items_has_no_repeats(
    learn: Callable[[list[Row]], TrainingData],
) -> None:
    learnt = learn([interaction(n, f"u{n % 3}", f"i{n}", second=n) for n in range(9)])
    assert learnt.repeats is None
    marked = newer_than(learnt.preferences, CUT)
    assert as_known(marked, None) is marked


def test_a_known_item_that_is_rated_again_is_not_held_out(
    learn: Callable[[list[Row]], TrainingData],
) -> None:
    """An item that its user rates every day is nothing new to find: the user knew it in the past."""
    favourite = [interaction(n, "a", "x", 5.0, second=n * 10) for n in range(10)]
    learnt = learn(
        [*favourite, interaction(11, "a", "y", 5.0, second=60), interaction(12, "b", "y", second=1)]
    )
    rows = as_known(newer_than(learnt.preferences, CUT), learnt.repeats, CUT).collect()
    assert {(row.user_id, row.item_id): row.held_out for row in rows} == {
        ("a", "x"): False,
        ("a", "y"): True,
        ("b", "y"): False,
    }
    (x,) = [row for row in rows if row.item_id == "x"]
    assert x.event_time.timestamp() == START.timestamp() + CUT_SECOND
