from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from tests.manifests import a_manifest
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


def test_the_items_of_the_champion_are_mapped_to_their_new_indexes(
    spark: SparkSession, tmp_path: Path
) -> None:
    items = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    users = spark.createDataFrame([("u", 0)], "user_id STRING, user_index INT")
    ids = "item_id STRING, item_index INT"
    old = spark.createDataFrame([("a", 0), ("b", 1), ("d", 2)], ids)
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
    before = load_champion(spark, str(tmp_path), manifest)
    assert before is not None
    start = match_champion(before, manifest, ["b", "c", "d"])
    assert not start.same_indexes
    assert match_champion(before, manifest, ["a", "b", "d", "c"]).same_indexes
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
