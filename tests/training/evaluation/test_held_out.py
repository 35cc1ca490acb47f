from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import EvaluationRecord
from training.evaluation.held_out import MeasurableUsers, collect, count_users
from training.evaluation.item_scores import HALF_LIVES, item_scores
from training.evaluation.slice import Slice, make_slice, split_rows
from training.fit.als import Problem
from training.fit.factors import Matrix

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DDL = (
    "user_index INT, item_index INT, strength FLOAT, rating FLOAT, positive BOOLEAN, event_time TIMESTAMP, "
    "first_time TIMESTAMP, held_out BOOLEAN"
)


def row(user: int, item: int, rating: float | None, hour: int, held_out: bool = False) -> Row:
    liked = rating is None or rating >= 4
    moment = START + timedelta(hours=hour)
    return Row(user, item, 1.0 if liked else -0.5, rating, liked, moment, moment, held_out)


ROWS = [
    *(row(0, 1, 5.0, 1), row(0, 0, 2.0, 2), row(0, 2, None, 9, True), row(0, 3, 1.0, 9, True)),
    *(row(1, 0, 4.0, 1), row(1, 1, 1.0, 9, True)),  # nothing liked later
    *(row(2, 3, 5.0, 9, True),),  # nothing known
    *(row(3, 0, 5.0, 3),),  # nothing held out
]


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, DDL)


def test_training_items_and_held_out_items_are_collected_by_user(rows: DataFrame) -> None:
    counts = count_users(rows)
    assert counts == MeasurableUsers(tested=3, with_positives=2, warm=1)
    found = collect(rows, counts, limit=10, seed=1)
    assert found.past.indptr.tolist() == [0, 2, 3, 3]
    assert found.past.items.tolist() == [0, 1, 0]
    assert found.past.ratings.tolist() == [2.0, 5.0, 4.0]
    assert found.later.indptr.tolist() == [0, 2, 3, 4]
    assert np.isnan(found.later.ratings).tolist() == [True, False, False, False]
    assert found.positives.indptr.tolist() == [0, 1, 1, 2]
    assert found.positives.indices.tolist() == [2, 3]
    few = [collect(rows, counts, limit=2, seed=1) for _ in range(2)]
    assert len(few[0].past.indptr) == 3
    assert few[0].later.items.tolist() == few[1].later.items.tolist()


def test_scores_decay_to_an_instant_and_ignore_later_events(rows: DataFrame) -> None:
    until = int((START + timedelta(hours=3)).timestamp() * 1000)
    found = item_scores(rows, items=5, until=until)
    assert found.users.tolist() == [3, 1, 0, 0, 0]
    assert found.popularity.tolist() == [11.0, 5.0, 0, 0, 0]
    assert found.recent[1800][0] == pytest.approx(2 / 4 + 4 / 16 + 5)
    assert found.recent[HALF_LIVES[-1]][0] == pytest.approx(11, rel=1e-3)


class _FitsNothing:
    def fit_items(self, problem: Problem, start: Matrix | None, seed: int) -> Matrix:
        raise AssertionError("nothing is fitted here")


def _slice_of(
    rows: DataFrame, counts: MeasurableUsers, evaluation: EvaluationRecord, settings: TrainingSettings
) -> Slice | None:
    learnt = rows.filter("NOT held_out")
    held_out = collect(rows, counts, settings.evaluation_users, settings.seed)
    return make_slice(
        _FitsNothing(), held_out, lambda until: item_scores(learnt, 5, until), evaluation, settings
    )


def test_few_users_with_a_past_are_split_one_by_one_and_the_cutoff_of_the_champion_is_kept(
    rows: DataFrame,
) -> None:
    given = rows.drop("held_out")
    settings = TrainingSettings(gate_min_users=1, holdout_fraction=0.5)
    late = int((START + timedelta(hours=5)).timestamp() * 1000)
    found, about, counts = split_rows(
        given, settings, EvaluationRecord(split="global_time", k=10, seed=1, cutoff=late), None
    )
    assert about.cutoff == late
    assert counts == MeasurableUsers(3, 2, 1)
    made = _slice_of(found, counts, about, settings)
    assert made is not None
    assert made.evaluation.users_without_positives == 1
    assert made.evaluation.cold_users_share == 0.5
    assert made.evaluation.cold_items_share == 1.0
    assert made.scores.users.tolist() == [3, 1, 0, 0, 0]

    # The one user of a sample may have liked nothing later: nothing is measured, and nothing fails.
    for seed in range(4):
        one = TrainingSettings(evaluation_users=1, seed=seed)
        sampled = _slice_of(found, counts, about, one)
        assert sampled is None or sampled.held_out.later.liked.any()

    many = TrainingSettings(gate_min_users=2, holdout_fraction=0.5)
    _, about, _ = split_rows(given, many, None, None)
    assert about.split == "per_user_temporal"
    assert "global_time gives 1 users" in (about.split_reason or "")
