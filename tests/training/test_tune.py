"""A real study on a real Spark: resumed, seeded, and its winner no worse than the present settings."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import optuna
import pytest
from pyspark.sql import Row, SparkSession

from contracts import lake
from contracts.settings import TuneSettings
from training.classic_grid import classic_grid
from training.outcome import TrainingError
from training.tune import STUDY, Validation, suggest, tune, winner

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def settings_of(folder: Path) -> TuneSettings:
    return TuneSettings(
        lake_uri=str(folder),
        als_rank=2,
        als_max_iter=2,
        gate_min_users=5,
        train_min_events=10,
        tune_rank=(2, 4),
        tune_iterations=(2, 2),
        tune_rating_strengths=({0.0: -0.5, 4.0: 1.0},),
        spark_shuffle_partitions=1,
    )


def test_a_study_is_resumed_and_its_winner_is_not_worse_than_the_present(
    spark: SparkSession, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(TrainingError, match="not enough in the lake"):
        tune(Validation(spark, settings), "sqlite://", trials=1, jobs=1)
    rows = []
    for n in range(300):
        user, item = n % 15, (n * 7) % 20
        value = 5.0 if user % 2 == item % 2 else 1.0
        event_id = f"{n:08x}-0000-4000-8000-000000000000"
        moment = START + timedelta(minutes=n)
        rows.append(
            Row(event_id, "rating", f"u{user}", f"i{item}", value, moment, 1, None, None, 0, n, START)
        )
    frame = spark.createDataFrame(rows, lake.INTERACTIONS.ddl)
    frame.write.format("delta").save(lake.INTERACTIONS.path(str(tmp_path)))
    storage = f"sqlite:///{tmp_path / 'study.sqlite'}"
    validation = Validation(spark, settings)
    tune(validation, storage, trials=1, jobs=1)
    # A trial that was at work when its process was killed.
    optuna.load_study(study_name=STUDY, storage=storage).ask()
    study = tune(validation, storage, trials=1, jobs=1)
    assert [trial.state.name for trial in study.trials][:2] == ["COMPLETE", "RUNNING"]
    assert len(study.trials) == 3
    assert study.trials[0].params["als_rank"] == 2
    assert study.best_value >= (study.trials[0].value or 0.0)
    best = winner(study, settings)
    assert best.rating_strengths in settings.tune_rating_strengths
    assert best.als_reg_param == study.best_params["als_reg_param"]


def test_every_suggestion_lies_within_the_settings_bounds(tmp_path: Path) -> None:
    settings, study = settings_of(tmp_path), optuna.create_study()
    for _ in range(20):
        found = suggest(study.ask(), settings)
        assert 2 <= found["als_rank"] <= 4
        assert settings.tune_alpha[0] <= found["als_alpha"] <= settings.tune_alpha[1]
        assert found["mapping"] == 0
        assert found["fold_half_life_items"] in settings.tune_half_life_items


def test_the_classic_grid_is_ordered_by_its_rmse(spark: SparkSession) -> None:
    rows = [(user, item, 1.0 + (user * item) % 5) for user in range(20) for item in range(20)]
    frame = spark.createDataFrame(rows, "user_index INT, item_index INT, rating DOUBLE")
    found = classic_grid(frame, 1, 1, ranks=(2,), reg_params=(0.1, 10.0), iterations=(1,))
    assert sorted(row.reg_param for row in found) == [0.1, 10.0]
    assert 0 < found[0].rmse <= found[1].rmse
