from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_are_written_read_listed_and_moved(spark: SparkSession, tmp_path: Path, scheme: str) -> None:
    files, folder = StoredFiles(spark), f"{scheme}{tmp_path}/some"
    assert not files.exists(folder)
    assert files.names(folder) == []
    files.write(f"{folder}/a", "text: ä\n")
    assert files.names(folder) == ["a"]
    assert files.read(f"{folder}/a") == "text: ä\n"
    files.move(folder, f"{folder}-else")
    assert not files.exists(folder)
    assert files.read(f"{folder}-else/a") == "text: ä\n"
    files.delete(f"{folder}-else")
    files.delete(f"{folder}-else")
    assert not files.exists(f"{folder}-else")


def test_a_file_that_cannot_be_read_raises_an_oserror(spark: SparkSession, tmp_path: Path) -> None:
    files = StoredFiles(spark)
    with pytest.raises(OSError, match="nowhere"):
        files.read(f"{tmp_path}/nowhere")
    files.write(f"{tmp_path}/a", "0123456789")
    (tmp_path / "a").write_text("012345678X")
    with pytest.raises(OSError, match=r"[Cc]hecksum"):
        files.read(f"{tmp_path}/a")


def test_an_existing_file_is_not_overwritten(spark: SparkSession, tmp_path: Path) -> None:
    files = StoredFiles(spark)
    files.write(f"{tmp_path}/a", "first")
    with pytest.raises(OSError, match="exists"):
        files.write(f"{tmp_path}/a", "second")
    assert files.read(f"{tmp_path}/a") == "first"


def test_a_file_is_replaced_and_folders_are_listed_apart(spark: SparkSession, tmp_path: Path) -> None:
    files, uri = StoredFiles(spark), f"file://{tmp_path}/models/v1/manifest.json"
    files.replace(uri, "long text " * 10)
    files.replace(uri, '{"é": 1}')
    assert files.read(uri) == '{"é": 1}'
    files.write(f"{tmp_path}/models/notes", "no folder")
    assert files.folders(f"{tmp_path}/models") == ["v1"]
    files.delete(f"{tmp_path}/models/v1")
    assert files.folders(f"{tmp_path}/models") == []
    assert files.folders(f"{tmp_path}/none") == []


def test_the_error_names_a_missing_file(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        StoredFiles(spark).read(f"{tmp_path}/none.json")
