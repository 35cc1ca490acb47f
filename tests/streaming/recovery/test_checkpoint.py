from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles
from streaming.records.source import EARLIEST
from streaming.recovery.checkpoint import (
    BrokenCheckpointError,
    Checkpoint,
    StartingPoint,
    begin_anew,
    clear_killed_start,
    read_checkpoint,
    starting_offsets,
)

OFFSETS = '{"interactions":{"0":%d}}'
START = StartingPoint({"interactions": {"0": 7}}, 3)


def write_checkpoint(folder: Path, planned: int, committed: int) -> Path:
    """Write a checkpoint as Spark does."""
    for name in ("offsets", "commits"):
        (folder / name).mkdir(parents=True)
    (folder / "metadata").write_text('{"id":"q"}')
    for batch in range(planned + 1):
        (folder / "offsets" / str(batch)).write_text('v1\n{"batchWatermarkMs":0}\n' + OFFSETS % batch)
    for batch in range(committed + 1):
        (folder / "commits" / str(batch)).write_text('v1\n{"nextBatchWatermarkMs":0}')
    return folder


def test_a_complete_checkpoint_gives_its_offsets(spark: SparkSession, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "q", planned=2, committed=1)
    found = read_checkpoint(StoredFiles(spark), str(folder))
    planned, committed = ({"interactions": {"0": 2}},), ({"interactions": {"0": 1}},)
    assert found == Checkpoint("q", 2, 1, None, planned, {}, committed)
    assert found.has_run
    assert found.planned_offsets == {"interactions:0": 2}
    assert found.committed_offsets == {"interactions:0": 1}


def test_a_repaired_query_begins_at_its_start_until_a_batch_is_committed(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path / "q", planned=0, committed=-1)
    (folder / "start.json").write_text(json.dumps(START._asdict()))
    found = read_checkpoint(StoredFiles(spark), str(folder))
    assert found.committed_offsets == {"interactions:0": 7}
    assert found.planned_offsets == {"interactions:0": 0}


def test_a_missing_folder_is_no_checkpoint(spark: SparkSession, tmp_path: Path) -> None:
    assert read_checkpoint(StoredFiles(spark), str(tmp_path / "q")) == Checkpoint()


def cut(*path: str) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        file = folder.joinpath(*path)
        file.write_text(file.read_text()[:-3])

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut("offsets", "2"), "ends within offsets/2"),
        (cut("offsets", "1"), "ends within offsets/1"),
        (cut("commits", "2"), "ends within commits/2"),
        (cut("metadata"), "ends within metadata"),
        (lambda f: (f / "offsets" / "2").write_text(""), "ends within offsets/2"),
        (lambda f: (f / "offsets" / "2").write_text('v1\n{"batchWatermarkMs":0}'), "ends within offsets/2"),
        (lambda f: (f / "metadata").write_text("{}"), "without the query's id"),
        (lambda f: (f / "metadata").unlink(), "has lost its metadata"),
        (lambda f: (f / "offsets" / "1").unlink(), "cannot be read"),
        (lambda f: (f / "offsets" / "2").unlink(), "committed batch 2, whose offsets are gone"),
        (lambda f: shutil.rmtree(f / "offsets"), "committed batch 2, whose offsets are gone"),
    ],
)
def test_the_error_names_the_damage_of_a_checkpoint(
    spark: SparkSession, tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    folder = write_checkpoint(tmp_path / "q", planned=2, committed=2)
    damage(folder)
    with pytest.raises(BrokenCheckpointError, match=reason):
        read_checkpoint(StoredFiles(spark), str(folder))


def test_a_new_beginning_keeps_the_old_checkpoint_beside_it(spark: SparkSession, tmp_path: Path) -> None:
    files, uri = StoredFiles(spark), str(write_checkpoint(tmp_path / "q", planned=2, committed=2))
    assert starting_offsets(files, uri, list) == "earliest"
    assert begin_anew(files, uri, START) == f"{uri}.broken-1"
    assert read_checkpoint(files, f"{uri}.broken-1").planned == 2
    found = read_checkpoint(files, uri)
    assert (found.has_run, found.start) == (False, START)
    assert json.loads(starting_offsets(files, uri, list)) == START.offsets
    present = ["interactions:0", "interactions:1", "exposures:0"]  # two of them added since
    found = json.loads(starting_offsets(files, uri, lambda: present))
    assert found == {"interactions": {"0": 7, "1": EARLIEST}, "exposures": {"0": EARLIEST}}
    assert begin_anew(files, uri, None) == f"{uri}.broken-2"
    assert read_checkpoint(files, uri) == Checkpoint()
    assert begin_anew(files, uri, None) is None


def test_the_remains_of_a_killed_first_start_are_moved_aside_so_that_spark_can_begin(
    spark: SparkSession, tmp_path: Path
) -> None:
    files, folder = StoredFiles(spark), tmp_path / "q"
    (folder / "offsets").mkdir(parents=True)
    (folder / "offsets" / ".0.part.tmp").write_text("v1")  # killed while it wrote its first offsets
    counts = spark.readStream.format("rate").load().groupBy("value").count().writeStream.format("noop")

    def run() -> None:
        query = counts.outputMode("update").option("checkpointLocation", str(folder)).start()
        query.processAllAvailable()
        query.stop()

    with pytest.raises(StreamingQueryException, match="should be empty on batch 0"):
        run()
    aside = clear_killed_start(files, str(folder), read_checkpoint(files, str(folder)))
    assert aside == f"{folder}.broken-1"
    run()
    assert clear_killed_start(files, str(folder), read_checkpoint(files, str(folder))) is None


def test_a_repaired_query_that_was_killed_at_its_start_keeps_its_first_offsets(
    spark: SparkSession, tmp_path: Path
) -> None:
    files, uri = StoredFiles(spark), str(tmp_path / "q")
    begin_anew(files, uri, START)
    assert clear_killed_start(files, uri, read_checkpoint(files, uri)) is None
    (tmp_path / "q" / "commits").mkdir()
    (tmp_path / "q" / "commits" / ".0.part.tmp").write_text("v1")
    assert clear_killed_start(files, uri, read_checkpoint(files, uri)) == f"{uri}.broken-1"
    assert read_checkpoint(files, uri) == Checkpoint(start=START)
