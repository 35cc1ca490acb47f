from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from training import files


def test_a_file_is_written_whole_read_back_and_deleted(spark: SparkSession, tmp_path: Path) -> None:
    uri = f"file://{tmp_path}/models/v1/manifest.json"
    files.write_text(spark, uri, "long text " * 10)
    files.write_text(spark, uri, '{"é": 1}')
    assert files.read_text(spark, uri) == '{"é": 1}'
    assert files.list_folders(spark, f"{tmp_path}/models") == ["v1"]
    files.delete_folder(spark, f"{tmp_path}/models/v1")
    files.delete_folder(spark, f"{tmp_path}/models/v1")
    assert files.list_folders(spark, f"{tmp_path}/models") == []
    assert files.list_folders(spark, f"{tmp_path}/none") == []


def test_a_missing_file_names_the_cure(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="MODELS_URI"):
        files.read_text(spark, f"{tmp_path}/none.json")
