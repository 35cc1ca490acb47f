from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.memory import World
from training.data.load import Learnt
from training.fit.als import ranking
from training.fit.factors import factors_frame
from training.registry import model_folder
from training.registry.model_folder import Fit
from training.registry.outcome import DamagedModelError
from training.rounds.start import load_champion, start_from

PARAMETERS = {
    "als_rank": 2,
    "als_reg_param": 0.5,
    "als_alpha": 3.0,
    "als_nonnegative": False,
    "explicit_rank": 1,
}


def test_the_champions_items_are_found_again_at_their_new_places(spark: SparkSession, tmp_path: Path) -> None:
    items = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    users = spark.createDataFrame([("u", 0)], "user_id STRING, user_index INT")
    ids = "item_id STRING, item_index INT"
    old = spark.createDataFrame([("a", 0), ("b", 1), ("d", 2)], ids)
    now = spark.createDataFrame([("b", 0), ("c", 1), ("d", 2)], ids)
    factors = factors_frame(spark, items)
    model_folder.save(
        spark, str(tmp_path), "v1", Fit(users, old, factors, factors, measured_item_factors=factors)
    )
    manifest: dict[str, Any] = {
        "version": "v1",
        "parameters": PARAMETERS,
        "evaluation": {"split": "global_time"},
        "checksums": model_folder.checksums(spark, str(tmp_path), "v1"),
    }
    learnt = Learnt(now, users, now, {"items": 3}, 1, World(1, 3, 3), blocks=1)
    before = load_champion(spark, str(tmp_path), manifest)
    assert before is not None
    start = start_from(before, manifest, learnt)
    assert not start.same_indexes
    appended = spark.createDataFrame([("a", 0), ("b", 1), ("d", 2), ("c", 3)], ids)
    assert start_from(before, manifest, replace(learnt, items=appended)).same_indexes
    np.testing.assert_array_equal(start.items, [[3, 4], [0, 0], [5, 6]])
    np.testing.assert_array_equal(start.measured_items, start.items)
    assert start.rating_items is None
    assert start.evaluation["split"] == "global_time"
    served = start.as_served(ranking(TrainingSettings()))
    assert (served.rank, served.alpha, served.reg_param) == (2, 3.0, 0.5)

    assert load_champion(spark, str(tmp_path), None) is None
    assert load_champion(spark, str(tmp_path), {**manifest, "version": "gone"}) is None
    with pytest.raises(DamagedModelError):
        load_champion(spark, str(tmp_path), {**manifest, "checksums": {"item_factors/x.parquet": "y"}})
