"""A real study on a real Spark: resumed, seeded, and its winner no worse than the present settings."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import optuna
import pytest
from pyspark.sql import Row, SparkSession

from contracts.settings import TuneSettings
from contracts.stored import lake
from tests.small_plans import SMALL_PLANS
from training.registry.outcome import TrainingError
from training.tuning.classic_grid import classic_grid
from training.tuning.study import Validation, suggest, tune, winner

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


def fill(spark: SparkSession, folder: Path) -> None:
    """A lake in which 15 users like the items of the same parity."""
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
    frame.write.format("delta").save(lake.INTERACTIONS.path(str(folder)))


def states(study: Path) -> list[str]:
    """The states of a study's trials; none where there is no study yet."""
    if not study.exists():
        return []
    with closing(sqlite3.connect(study)) as connection, suppress(sqlite3.OperationalError):
        return [state for (state,) in connection.execute("SELECT state FROM trials ORDER BY number")]
    return []


def kill_at_work(settings: TuneSettings, study: Path) -> None:
    """Run `headwater tune` in a process, and kill it in its first trial."""
    environment = {
        name.upper(): str(value) for name, value in settings.model_dump(exclude_unset=True).items()
    }
    for name in ("tune_rank", "tune_iterations", "tune_rating_strengths"):
        environment[name.upper()] = json.dumps(getattr(settings, name))
    environment["SPARK_CONF"] = json.dumps(SMALL_PLANS)
    words = [sys.executable, "-m", "stack", "tune", "--trials", "1000", "--storage", str(study)]
    process = subprocess.Popen(words, env=os.environ | environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 240
        while "RUNNING" not in states(study):
            assert process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline, "no trial began"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_killed_study_is_resumed_and_its_winner_is_at_least_as_good_as_the_present_parameters(
    spark: SparkSession, tmp_path: Path
) -> None:
    settings, file = settings_of(tmp_path), tmp_path / "study.sqlite"
    storage, validation = f"sqlite:///{file}", Validation(spark, settings)
    with pytest.raises(TrainingError, match="not enough in the lake"):
        tune(validation, storage, trials=1, jobs=1)
    fill(spark, tmp_path)
    kill_at_work(settings, file)
    before = states(file)
    study = tune(validation, storage, trials=2, jobs=1)
    again = tune(validation, storage, trials=1, jobs=1)
    assert states(file)[: len(before)] == before, "what is measured is kept"
    assert len(again.trials) == len(before) + 3

    complete = [trial for trial in again.trials if trial.state.name == "COMPLETE"]
    points = [trial.params["als_alpha"] for trial in complete]
    assert len(set(points)) == len(points), "a resumed study does not draw its first points again"
    (present,) = [trial for trial in complete if trial.params["als_alpha"] == settings.als_alpha]
    assert study.best_value >= (present.value or 0.0)
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


def test_the_classic_grid_is_ordered_by_its_rmse_and_scores_its_winner_on_what_it_never_saw(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A sample of so few ratings would be too thin: no setting would beat the mean.
    monkeypatch.setattr("training.tuning.classic_grid.SAMPLE", 1.0)
    monkeypatch.setattr("training.tuning.classic_grid.FOLDS", 2)
    rows = [(user, item, 1.0 + item % 5) for user in range(60) for item in range(60)]
    frame = spark.createDataFrame(rows, "user_index INT, item_index INT, rating DOUBLE")
    settings = settings_of(tmp_path).model_copy(
        update={"explicit_rank": 2, "explicit_reg_param": 10.0, "explicit_max_iter": 1}
    )
    found, test = classic_grid(frame, settings, 1, ranks=(2,), reg_params=(0.1, 10.0), iterations=(3,))
    assert sorted(row.reg_param for row in found) == [0.1, 10.0]
    assert 0 < found[0].rmse <= found[1].rmse
    assert found[0].reg_param == 0.1
    assert 0.15 * len(rows) < test.ratings < 0.25 * len(rows)
    # The present settings shrink every prediction towards zero, far below any rating.
    assert test.winner < test.mean < test.present
    assert test.improvement > 0.5
    assert 1.3 < test.mean < 1.5  # the deviation of ratings from 1 to 5
