from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import Row, SparkSession

from contracts.events import EVENT_TYPES
from contracts.settings import TrainingSettings
from contracts.stored import lake
from contracts.stored.records import HistoryEntry
from contracts.strengths import effective, is_positive, strength
from training.data.dataset import (
    last_writers,
    newest_version,
    preferences,
    read_interactions,
    with_anything_counting,
)

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SETTINGS = TrainingSettings(rating_strengths={0.0: -0.5, 3.0: 0.3, 4.0: 1.0, 5.0: 2.0})


def interaction(
    n: int, user: str, item: str, value: float = 4.0, event_type: str = "rating", second: int = 0
) -> Row:
    moment = START + timedelta(seconds=second)
    event_id = f"{n:08x}-0000-4000-8000-000000000000"
    return Row(event_id, event_type, user, item, value, moment, 1, None, None, 0, n, START)


def preferences_of(spark: SparkSession, given: list[Row]) -> dict[tuple[str, str], Row]:
    writers = last_writers(spark.createDataFrame(given, lake.INTERACTIONS.ddl))
    rows = with_anything_counting(preferences(writers, SETTINGS, 4.0)).collect()
    return {(row.user_id, row.item_id): row for row in rows}


def test_the_last_writer_per_user_item_and_type_counts_in_any_order(spark: SparkSession) -> None:
    given = [
        interaction(1, "a", "x", 2.0, second=1),
        interaction(2, "a", "x", 5.0, second=3),
        interaction(3, "a", "x", 1.0, second=2),
        interaction(4, "a", "x", 3.0, second=3),  # same time: the greater event id wins
        interaction(5, "a", "x", 1.0, "view", second=9),
        interaction(4, "a", "x", 3.0, second=3),  # delivered twice
    ]
    random.Random(7).shuffle(given)
    (row,) = last_writers(spark.createDataFrame(given, lake.INTERACTIONS.ddl)).collect()
    assert (row.rating.value, row.view.value, row.like) == (3.0, 1.0, None)
    assert row.first_time.timestamp() == START.timestamp() + 1
    assert row.last_time.timestamp() == START.timestamp() + 9


def random_corpus(rng: random.Random, pairs: int) -> list[Row]:
    """Every type, few instants and ids, so that ties are common; some events come twice."""
    rows = []
    for pair in range(pairs):
        for _ in range(rng.randrange(1, 9)):
            event_type = rng.choice(EVENT_TYPES)
            value = rng.choice([0.5, 2.5, 3.0, 4.0, 4.5, 5.0]) if event_type == "rating" else 1.0
            # One id is one event: its value and type follow from it.
            n = (EVENT_TYPES.index(event_type) * 6 + int(value)) * 4 + rng.randrange(4)
            rows.append(interaction(n, "u", str(pair), value, event_type, rng.randrange(3)))
    return rows + rng.sample(rows, len(rows) // 3)


def test_counting_interactions_and_their_strengths_equal_those_of_the_contract(spark: SparkSession) -> None:
    given = random_corpus(random.Random(11), pairs=300)
    rng = random.Random(12)
    rng.shuffle(given)
    found = preferences_of(spark, given)
    winners: dict[str, dict[str, HistoryEntry]] = {}
    for row in given:
        entry = HistoryEntry(row[1], int(row[5].timestamp() * 1000), row[0], row[4])
        of_pair = winners.setdefault(row[3], {})
        if entry[1:] > of_pair.get(entry.event_type, HistoryEntry("", -1, "", 0.0))[1:]:
            of_pair[entry.event_type] = entry
    expected = {("u", item): effective(of_pair.values()) for item, of_pair in winners.items()}
    assert set(found) == {pair for pair, entries in expected.items() if entries}
    assert len(found) < len(expected), "the corpus retracts some pairs whole"
    for pair, row in found.items():
        entries = expected[pair]
        worth = strength(entries, SETTINGS.event_weights, SETTINGS.rating_strengths)
        assert abs(row.strength - worth) < 1e-6
        assert int(row.event_time.timestamp() * 1000) == max(entry.event_time for entry in entries)
        types = {entry.event_type for entry in entries}
        rated = [entry.value for entry in entries if entry.event_type == "rating"]
        assert row.rating == (rated[0] if rated else None)
        liked = bool(types & {"view", "click", "like", "purchase"}) or bool(rated and rated[0] >= 4)
        assert row.positive == (liked and "dislike" not in types)
        assert row.positive == is_positive(entries, SETTINGS.event_weights, 4.0)


def test_ratings_become_graded_strengths_with_dislikes_below_zero(spark: SparkSession) -> None:
    values = [0.5, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    rows = preferences_of(spark, [interaction(n, "a", str(n), value) for n, value in enumerate(values)])
    strengths = [round(rows["a", str(n)].strength, 3) for n in range(len(values))]
    assert strengths == [-0.5, -0.5, 0.3, 0.3, 1.0, 1.0, 2.0]
    assert [rows["a", str(n)].positive for n in range(len(values))] == [value >= 4 for value in values]


def test_rows_that_no_check_would_accept_are_left_out(spark: SparkSession) -> None:
    sound = interaction(1, "a", "x")
    broken = [
        interaction(2, "a", "y", float("nan")),
        interaction(3, "a", "z", float("inf")),
        Row(*sound[:4], None, *sound[5:]),
        Row(*sound[:2], None, *sound[3:]),
        Row(*sound[:5], None, *sound[6:]),
    ]
    assert list(preferences_of(spark, [sound, *broken])) == [("a", "x")]


def test_a_table_is_found_even_if_its_log_was_empty_at_the_first_look(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Streaming makes the folder of the log a moment before the first version in it."""
    path, uri = Path(lake.INTERACTIONS.path(str(tmp_path))), str(tmp_path)
    assert newest_version(spark, uri) is None
    (path / "_delta_log").mkdir(parents=True)
    assert newest_version(spark, uri) is None
    write_deltalake(
        path, pa.table({"user_id": ["a"]})
    )  # by another program than Spark, as by another process
    assert newest_version(spark, uri) == 0
    assert read_interactions(spark, uri, 0).count() == 1


def test_a_pinned_version_has_no_later_rows(spark: SparkSession, tmp_path: Path) -> None:
    uri = str(tmp_path)
    assert newest_version(spark, uri) is None
    for n in range(2):
        frame = spark.createDataFrame([interaction(n, "a", str(n))], lake.INTERACTIONS.ddl)
        frame.write.format("delta").mode("append").save(lake.INTERACTIONS.path(uri))
    assert newest_version(spark, uri) == 1
    assert read_interactions(spark, uri, 0).count() == 1
    assert read_interactions(spark, uri, 1).count() == 2
