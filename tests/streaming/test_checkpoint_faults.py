from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts import keyspace, lake
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.checkpoint import Start, begin_anew
from streaming.checkpoint_faults import CheckpointFault, checkpoint_faults, refusal
from streaming.lake_sink import append, create_tables, table_version
from streaming.state_keys import mark_written
from streaming.stored_files import StoredFiles
from tests.streaming.test_checkpoint import written

APPLIED = {"interactions:0": 1}


@pytest.fixture
def settings(spark: SparkSession, redis_url: str, tmp_path: Path) -> StreamingSettings:
    made = StreamingSettings(
        redis_url=redis_url, lake_uri=str(tmp_path / "lake"), checkpoints_uri=str(tmp_path / "checkpoints")
    )
    create_tables(spark, made.lake_uri)
    return made


def faults(spark: SparkSession, settings: StreamingSettings) -> dict[str, str]:
    return dict(checkpoint_faults(spark, settings))


def write_row(spark: SparkSession, settings: StreamingSettings, table: lake.Table, writer: str) -> None:
    row = spark.createDataFrame([()], "").selectExpr(
        *(f"CAST(NULL AS {c.split(' ', 1)[1]}) AS {c.split(' ', 1)[0]}" for c in table.ddl.split(", "))
    )
    append(row, table, settings.lake_uri, writer, 0)


def test_at_a_first_start_nothing_is_wrong(spark: SparkSession, settings: StreamingSettings) -> None:
    assert faults(spark, settings) == {}


def test_the_lakes_checkpoint_must_fit_the_lake(
    spark: SparkSession, settings: StreamingSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints" / "lake-v1"
    written(tmp_path / "checkpoints" / "online-v1", 0, 0)
    write_row(spark, settings, lake.INTERACTIONS, "q")  # batch 0 of query q
    assert list(faults(spark, settings)) == ["lake"]
    assert faults(spark, settings)["lake"].startswith("is gone")

    written(folder, 0, 0)
    assert faults(spark, settings) == {}
    shutil.rmtree(folder)
    written(folder, 2, 1)
    assert faults(spark, settings)["lake"].startswith("is newer than the lake")
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "metadata").write_text('{"id":"q"}')
    assert faults(spark, settings)["lake"].startswith("is gone")

    files, version = StoredFiles(spark), table_version(spark, lake.INTERACTIONS.path(settings.lake_uri))
    begin_anew(files, str(folder), Start({}, version))
    assert faults(spark, settings) == {}
    (folder / "metadata").write_text('{"id":"q"}')
    assert faults(spark, settings)["lake"].startswith("is older than the lake")
    begin_anew(files, str(folder), Start({}, version - 1))
    assert faults(spark, settings)["lake"].startswith("is gone again")


def test_the_online_checkpoint_is_gone_where_redis_or_the_lake_know_better(
    spark: SparkSession, settings: StreamingSettings, tmp_path: Path
) -> None:
    client = redis_sink.connect(settings.redis_url.get_secret_value())
    redis_sink.write_applied(client, keyspace.APPLIED_ONLINE, APPLIED)
    assert faults(spark, settings) == {"online": "is gone, yet Redis holds what it has applied"}
    written(tmp_path / "checkpoints" / "online-v1", 0, 0)
    assert faults(spark, settings) == {}
    shutil.rmtree(tmp_path / "checkpoints" / "online-v1")

    client.flushall()
    write_row(spark, settings, lake.INTERACTIONS, "q")
    assert faults(spark, settings)["online"].startswith("is gone, and so is the state in Redis")
    mark_written(client)  # killed at the first start: the state is there, and no batch of it
    assert list(faults(spark, settings)) == ["lake"]


def test_the_activitys_checkpoint_must_fit_both_tables(
    spark: SparkSession, settings: StreamingSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints" / "item_activity-v1"
    write_row(spark, settings, lake.ITEM_ACTIVITY, "q")
    assert faults(spark, settings)["item_activity"].startswith("is gone")
    written(folder, 0, 0)
    assert faults(spark, settings) == {}
    (folder / "offsets" / "0").write_text('v1\n{}\n{"reservoirVersion":7}')
    assert faults(spark, settings)["item_activity"].startswith("is newer than the lake")


def test_a_refusal_is_one_sentence_that_names_the_cure() -> None:
    text = refusal([CheckpointFault("lake", "is gone"), CheckpointFault("online", "is gone")])
    assert "query lake is gone; the checkpoint of query online is gone. Run `headwater repair`" in text
    assert "docs/operations.md" in text
    runbook = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert "A checkpoint is lost" in runbook
