from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from tests.manifests import a_manifest
from training.fit.factors import Matrix, factors_frame, matrix
from training.registry import local_models, model_folder
from training.registry.model_folder import ModelFrames, item_ids
from training.registry.outcome import DamagedModelError


def fit_of(spark: SparkSession, items: Matrix) -> ModelFrames:
    users = spark.createDataFrame([("u", 0)], "user_id STRING, user_index INT")
    ids = spark.createDataFrame([("b", 1), ("a", 0), ("c", 2)], "item_id STRING, item_index INT")
    return ModelFrames(users, ids, factors_frame(spark, items[:1]), factors_frame(spark, items))


def test_a_version_is_read_back_and_a_changed_file_is_found_with_and_without_spark(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path)
    items = np.array([[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]], np.float32)
    saved = model_folder.save(spark, uri, "v1", fit_of(spark, items))
    np.testing.assert_array_equal(matrix(saved.item_factors, 3, 2), items)
    assert saved.item_factors.count() == 2
    assert item_ids(saved.items) == ["a", "b", "c"]
    assert saved.measured_item_factors is None

    manifest = a_manifest("v1", checksums=model_folder.checksums(spark, uri, "v1"))
    model_folder.write_manifest(spark, uri, manifest)
    assert model_folder.read_manifest(spark, uri, "v1") == local_models.read_manifest(uri, "v1") == manifest
    model_folder.check(spark, uri, "v1", manifest)
    local_models.check(uri, "v1", manifest)
    for part in (tmp_path / "v1" / "item_factors").glob("*.parquet"):
        part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(DamagedModelError, match="v1"):
        local_models.check(uri, "v1", manifest)
    with pytest.raises(DamagedModelError, match="v1"):
        model_folder.check(spark, uri, "v1", manifest)


def test_a_matrix_without_a_row_is_an_empty_frame(spark: SparkSession) -> None:
    assert factors_frame(spark, np.zeros((3, 2), np.float32)).collect() == []


def test_local_functions_leave_folders_on_other_file_systems_to_spark() -> None:
    assert local_models.local_folder("s3a://bucket/models", "v1") is None
    assert local_models.local_folder("file:///data/models", "v1") == Path("/data/models/v1")
    assert local_models.read_manifest("s3a://bucket/models", "v1") is None
    local_models.check("s3a://bucket/models", "v1", {"checksums": {"x": "y"}})
    local_models.delete("s3a://bucket/models", "v1")
