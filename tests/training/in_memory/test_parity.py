"""Both paths of a round, on the executors and in one process, give the same figures for the same lake."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.settings import TrainingSettings
from contracts.stored import lake
from contracts.stored.manifest import EvaluationRecord
from tests.training.data.test_dataset import START
from tests.training.in_memory.worlds import random_rows
from training.data import dataset, split
from training.data.as_known import as_known
from training.data.load import TrainingData, load
from training.data.time_quantile import time_quantile
from training.evaluation import held_out
from training.evaluation import slice as slices
from training.evaluation.item_scores import item_scores
from training.in_memory import slice as arrays
from training.in_memory import split as masks
from training.in_memory.events import read_events
from training.in_memory.load import RoundArrays, load_arrays
from training.in_memory.pairs import NONE, Pairs
from training.registry.model_folder import item_ids

CUT = round(START.timestamp() * 1000) + 350_000  # later than the split's own
Facts = dict[tuple[int, int], tuple[float, float | None, bool, int, bool]]


@pytest.fixture(scope="module")
def lake_uri(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = str(tmp_path_factory.mktemp("lake"))
    unsound = Row(
        "00000000-0000-4000-8000-000000000000", "rating", "u00", "i0é", float("nan"), *random_rows(1)[0][5:]
    )
    frame = spark.createDataFrame([*random_rows(1), unsound], lake.INTERACTIONS.ddl)
    frame.write.format("delta").save(lake.INTERACTIONS.path(uri))
    return uri


@pytest.fixture(scope="module")
def settings(lake_uri: str) -> TrainingSettings:
    return TrainingSettings(
        lake_uri=lake_uri,
        train_min_events=1,
        gate_min_users=5,
        evaluation_users=20,
        ranking="als",  # the executors fit no signals
    )


@pytest.fixture(scope="module")
def training_data(spark: SparkSession, settings: TrainingSettings) -> Iterator[TrainingData]:
    loaded = load(spark, settings, 0)
    assert loaded is not None
    yield loaded
    loaded.release()


@pytest.fixture(scope="module")
def data(spark: SparkSession, settings: TrainingSettings) -> RoundArrays:
    interactions = dataset.read_interactions(spark, settings.lake_uri, 0)
    loaded = load_arrays(read_events(interactions), interactions.count(), settings, 0)
    assert loaded is not None
    return loaded


def test_spark_and_memory_give_the_same_counts_and_ids_and_memory_figures(
    training_data: TrainingData, data: RoundArrays
) -> None:
    assert data.counts == training_data.counts
    assert data.world == training_data.world
    assert data.item_ids.to_pylist() == item_ids(training_data.items)
    users = training_data.users.toArrow().sort_by("user_index")["user_id"].to_pylist()
    assert data.user_ids.to_pylist() == users


def _facts_of_rows(rows: DataFrame) -> Facts:
    millis = F.unix_millis("event_time").alias("time")
    columns = ("user_index", "item_index", "strength", "rating", "positive")
    return {
        (r[0], r[1]): (r[2], r[3], r[4], r[5], r[6])
        for r in rows.select(*columns, millis, "held_out").collect()
    }


def _facts_of_arrays(pairs: Pairs, held_out: np.ndarray) -> Facts:  # type: ignore[type-arg]
    ratings = [None if np.isnan(rating) else rating for rating in pairs.ratings.tolist()]
    keys = zip(pairs.users.tolist(), pairs.items.tolist(), strict=True)
    values = zip(
        pairs.strengths.tolist(),
        ratings,
        pairs.positive.tolist(),
        pairs.event_times.tolist(),
        held_out.tolist(),
        strict=True,
    )
    return dict(zip(keys, values, strict=True))


@pytest.mark.parametrize("name", [name for name, _ in split.SPLITS])
def test_spark_and_memory_make_the_same_splits(
    training_data: TrainingData, data: RoundArrays, settings: TrainingSettings, name: str
) -> None:
    rows = dict(split.SPLITS)[name](training_data.preferences, 0.2, 42)
    if name in split.TEMPORAL:
        rows = as_known(rows, training_data.repeats)
    marked = masks.mark(data, name, settings)
    expected = _facts_of_rows(rows)
    assert len({fact[4] for fact in expected.values()}) == 2
    assert _facts_of_arrays(marked.pairs, marked.held_out) == expected


def test_spark_and_memory_name_the_splits_alike() -> None:
    assert [name for name, _ in masks.SPLITS] == [name for name, _ in split.SPLITS]


def test_spark_and_memory_agree_on_the_cut_and_on_the_events_known_at_it(
    training_data: TrainingData, data: RoundArrays, settings: TrainingSettings
) -> None:
    cutoff = time_quantile(training_data.preferences, 0.7)
    assert masks.time_cut(data.pairs, 0.7) == cutoff
    rows = as_known(split.newer_than(training_data.preferences, cutoff), training_data.repeats, cutoff)
    held = masks.Marked(data.pairs, masks.newer_than(data.pairs, cutoff))
    marked = masks.as_known(data, held, settings, cutoff)
    assert _facts_of_arrays(marked.pairs, marked.held_out) == _facts_of_rows(rows)
    assert (marked.pairs.event_times != NONE).all()


@pytest.mark.parametrize("cutoff", [None, CUT])
def test_spark_and_memory_measure_the_same_users_with_the_same_histories(
    training_data: TrainingData, data: RoundArrays, settings: TrainingSettings, cutoff: int | None
) -> None:
    champion = EvaluationRecord(split="global_time", k=10, seed=1, cutoff=cutoff)
    rows, about, counts = slices.split_rows(
        training_data.preferences, settings, champion, training_data.repeats
    )
    marked, about_arrays, counts_arrays = arrays.marked_rows(data, settings, champion)
    assert about_arrays == about
    assert counts_arrays == counts
    assert counts.tested > settings.evaluation_users  # a sample, drawn by the seed
    expected = held_out.collect(rows, counts, settings.evaluation_users, 7)
    found = arrays.collect(marked, counts, settings.evaluation_users, 7)
    for part in ("past", "later"):
        columns = vars(getattr(expected, part))
        assert columns.pop("grades") is None  # of the blend, which the executors have not
        for name, values in columns.items():
            np.testing.assert_array_equal(vars(getattr(found, part))[name], values, err_msg=name)
    until = about.cutoff
    assert until is not None
    scores = item_scores(split.parts(rows)[0], data.counts.items, until)
    in_memory = arrays.item_scores(marked.past, data.counts.items, until)
    np.testing.assert_array_equal(in_memory.users, scores.users)
    np.testing.assert_allclose(in_memory.popularity, scores.popularity)
    for half_life, values in scores.recent.items():
        np.testing.assert_allclose(in_memory.recent[half_life], values, rtol=1e-9, atol=1e-12)


def test_spark_and_memory_fall_back_from_a_split_without_enough_users(
    training_data: TrainingData, data: RoundArrays, settings: TrainingSettings
) -> None:
    strict = settings.model_copy(update={"gate_min_users": 10_000})
    _, about, counts = slices.split_rows(training_data.preferences, strict, None, training_data.repeats)
    _, about_arrays, counts_arrays = arrays.marked_rows(data, strict, None)
    assert about.split == "per_user_temporal"
    assert (about_arrays, counts_arrays) == (about, counts)


def test_spark_and_memory_keep_the_indexes_of_known_items(
    spark: SparkSession, training_data: TrainingData, data: RoundArrays, settings: TrainingSettings
) -> None:
    known = list(reversed(data.item_ids.to_pylist()[5:]))
    frame = spark.createDataFrame(
        list(zip(known, range(len(known)), strict=True)), "item_id STRING, item_index INT"
    )
    again = load(spark, settings, 0, frame)
    interactions = dataset.read_interactions(spark, settings.lake_uri, 0)
    arrays_again = load_arrays(
        read_events(interactions),
        interactions.count(),
        settings,
        0,
        data.item_ids.take([*range(len(known) + 4, 4, -1)]),
    )
    assert again is not None
    assert arrays_again is not None
    assert arrays_again.item_ids.to_pylist() == item_ids(again.items)
    assert arrays_again.item_ids.to_pylist()[: len(known)] == known
    again.release()
    gone = spark.createDataFrame([("gone", 0)], "item_id STRING, item_index INT")
    anew = load(spark, settings, 0, gone)
    assert anew is not None
    assert item_ids(anew.items) == data.item_ids.to_pylist()
    anew.release()
