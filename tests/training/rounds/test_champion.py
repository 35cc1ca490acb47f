from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Counts
from contracts.stored.memory import World
from tests.manifests import a_manifest
from training.data.load import TrainingData
from training.fit.als import ranking
from training.fit.factors import factors_frame
from training.registry import model_folder
from training.registry.model_folder import ModelFrames
from training.registry.outcome import DamagedModelError
from training.rounds.champion import load_champion, match_champion

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
        spark, str(tmp_path), "v1", ModelFrames(users, old, factors, factors, measured_item_factors=factors)
    )
    manifest = a_manifest(
        "v1",
        PARAMETERS,
        evaluation={"split": "global_time", "k": 10, "seed": 1},
        checksums=model_folder.checksums(spark, str(tmp_path), "v1"),
    )
    learnt = TrainingData(
        now, users, now, Counts(users=1, items=3, interactions=3), 1, World(1, 3, 3), blocks=1
    )
    before = load_champion(spark, str(tmp_path), manifest)
    assert before is not None
    start = match_champion(before, manifest, learnt)
    assert not start.same_indexes
    appended = spark.createDataFrame([("a", 0), ("b", 1), ("d", 2), ("c", 3)], ids)
    assert match_champion(before, manifest, replace(learnt, items=appended)).same_indexes
    np.testing.assert_array_equal(start.items, [[3, 4], [0, 0], [5, 6]])
    np.testing.assert_array_equal(start.measured_items, start.items)
    assert start.rating_items is None
    assert start.evaluation is not None
    assert start.evaluation.split == "global_time"
    served = start.as_served(ranking(TrainingSettings()))
    assert (served.rank, served.alpha, served.reg_param) == (2, 3.0, 0.5)

    assert load_champion(spark, str(tmp_path), None) is None
    assert load_champion(spark, str(tmp_path), manifest.with_parts(version="gone")) is None
    with pytest.raises(DamagedModelError):
        load_champion(spark, str(tmp_path), manifest.with_parts(checksums={"item_factors/x.parquet": "y"}))
