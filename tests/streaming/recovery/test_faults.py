from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from streaming.lake.sink import append, table_version, writers
from streaming.recovery.checkpoint import StartingPoint, begin_anew
from streaming.recovery.faults import CheckpointFault, beyond_reach, checkpoint_faults, refusal
from streaming.state.applied_offsets import write_applied
from streaming.state.client import connect
from streaming.state.keys import mark_written
from tests.empty_lake import EmptyLake
from tests.integration.flow import send
from tests.streaming.recovery.test_checkpoint import write_checkpoint


@pytest.fixture
def settings(spark: SparkSession, empty_lake: EmptyLake, redis_url: str, tmp_path: Path) -> StreamingSettings:
    made = StreamingSettings(
        redis_url=redis_url, lake_uri=str(tmp_path / "lake"), checkpoints_uri=str(tmp_path / "checkpoints")
    )
    empty_lake(made.lake_uri)
    return made


@pytest.fixture
def without_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kafka keeps is not looked at."""
    monkeypatch.setattr("streaming.recovery.faults.topic_begins", lambda *_, **__: {})
    monkeypatch.setattr("streaming.recovery.faults.topic_ends", lambda *_, **__: {})


def faults(spark: SparkSession, settings: StreamingSettings) -> dict[str, str]:
    return dict(checkpoint_faults(spark, settings, ids={}))


def append_row(spark: SparkSession, settings: StreamingSettings, table: lake.Table, writer: str) -> None:
    """Write a row as a query does; `writer` is its name in the table's log."""
    path = table.path(settings.lake_uri)
    options = {"txnAppId": writer, "txnVersion": "0"}
    spark.createDataFrame([], table.ddl).write.format("delta").mode("append").options(**options).save(path)


def write_row(spark: SparkSession, settings: StreamingSettings, table: lake.Table, writer: str) -> None:
    row = spark.createDataFrame([()], "").selectExpr(
        *(f"CAST(NULL AS {c.split(' ', 1)[1]}) AS {c.split(' ', 1)[0]}" for c in table.ddl.split(", "))
    )
    append(row, table, settings.lake_uri, writer, 0)


def test_a_first_start_has_no_fault(spark: SparkSession, settings: StreamingSettings) -> None:
    assert faults(spark, settings) == {}


def test_the_lakes_checkpoint_must_fit_the_lake(
    spark: SparkSession, settings: StreamingSettings, tmp_path: Path, without_topics: None
) -> None:
    folder = tmp_path / "checkpoints" / "lake-v1"
    write_row(spark, settings, lake.INTERACTIONS, "q")  # batch 0 of query q
    assert list(faults(spark, settings)) == ["lake"]
    assert faults(spark, settings)["lake"].startswith("is gone")

    write_checkpoint(folder, 0, 0)
    assert faults(spark, settings) == {}
    shutil.rmtree(folder)
    write_checkpoint(folder, 2, 1)
    assert faults(spark, settings)["lake"].startswith("is newer than the lake")
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "metadata").write_text('{"id":"q"}')
    assert faults(spark, settings)["lake"].startswith("is gone")

    files, version = StoredFiles(spark), table_version(spark, lake.INTERACTIONS.path(settings.lake_uri))
    begin_anew(files, str(folder), StartingPoint({}, version))
    assert faults(spark, settings) == {}
    (folder / "metadata").write_text('{"id":"q"}')
    assert faults(spark, settings)["lake"].startswith("is older than the lake")
    begin_anew(files, str(folder), StartingPoint({}, version - 1))
    assert faults(spark, settings)["lake"].startswith("is gone again")


def test_a_checkpoint_from_before_a_repair_is_refused_and_the_repaired_one_is_not(
    spark: SparkSession, settings: StreamingSettings, tmp_path: Path, without_topics: None
) -> None:
    """With the older checkpoint, the query would append rows again that it has appended since the repair."""
    for query, table in (("lake", lake.INTERACTIONS), ("item_activity", lake.ITEM_ACTIVITY)):
        folder, path = tmp_path / "checkpoints" / f"{query}-v1", table.path(settings.lake_uri)
        of_lake = f":{table.name}" if query == "lake" else ""
        append_row(spark, settings, table, f"q{of_lake}")
        write_checkpoint(folder, 0, 0)
        shutil.copytree(folder, backup := tmp_path / f"{query}-backup")
        begun = table_version(spark, lake.INTERACTIONS.path(settings.lake_uri))
        begin_anew(StoredFiles(spark), str(folder), StartingPoint({}, begun, writers(spark, path)))
        write_checkpoint(folder, 0, 0)
        (folder / "metadata").write_text('{"id":"repaired"}')
        append_row(spark, settings, table, f"repaired{of_lake}")
        assert query not in faults(spark, settings)
        repaired = shutil.move(folder, tmp_path / f"{query}-repaired")
        shutil.copytree(backup, folder)
        if query == "lake":
            assert faults(spark, settings)[query].startswith("is older than a repair: repaired has written")
        else:  # one that was repaired before start.json named the writers says nothing
            assert query not in faults(spark, settings)
        (folder / "start.json").write_text(json.dumps({"offsets": {}, "lake_version": 0, "writers": {}}))
        assert faults(spark, settings)[query].startswith("is older than a repair: repaired has written")
        shutil.rmtree(folder)
        shutil.move(repaired, folder)
    assert faults(spark, settings) == {}


@pytest.mark.parametrize(("offset", "is_fault"), [(0, False), (2, False), (3, True)])
def test_the_applied_offsets_in_redis_must_fit_the_topics(
    spark: SparkSession, settings: StreamingSettings, fresh_topics: str, offset: int, is_fault: bool
) -> None:
    settings = settings.model_copy(update={"kafka_bootstrap_servers": fresh_topics})
    send(fresh_topics, topics.CATALOG.name, [(b"item:a", b"{}"), (b"item:b", b"{}")])
    client = connect(settings.redis_url.get_secret_value())
    write_applied(client, keyspace.APPLIED_ONLINE, {"catalog:0": offset})
    assert faults(spark, settings) == {}  # no state: it is rebuilt at the start
    mark_written(client)
    expected = {"online": "(in Redis) stands at 3 of catalog:0, but Kafka keeps 0 to 2"} if is_fault else {}
    assert faults(spark, settings) == expected


def test_the_activitys_checkpoint_must_fit_both_tables(
    spark: SparkSession, settings: StreamingSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints" / "item_activity-v1"
    write_row(spark, settings, lake.ITEM_ACTIVITY, "q")
    assert faults(spark, settings)["item_activity"].startswith("is gone")
    write_checkpoint(folder, 0, 0)
    assert faults(spark, settings) == {}
    (folder / "offsets" / "0").write_text('v1\n{}\n{"reservoirVersion":7}')
    assert faults(spark, settings)["item_activity"].startswith("is newer than the lake")


@pytest.mark.parametrize(
    ("offset", "fault"),
    [
        (4, "stands at 4 of interactions:0, but Kafka keeps 5 to 9"),  # its retention passed during a stop
        (5, None),
        (9, None),
        (10, "stands at 10 of interactions:0, but Kafka keeps 5 to 9"),  # created again, or its end was lost
        (None, None),
    ],
)
def test_offsets_must_be_of_records_that_kafka_keeps(offset: int | None, fault: str | None) -> None:
    offsets = {} if offset is None else {"interactions:0": offset, "gone:0": 1}
    assert beyond_reach(offsets, {"interactions:0": 5}, {"interactions:0": 9}) == fault


def test_the_lake_query_does_not_start_where_kafka_has_deleted_what_it_reads_next(
    spark: SparkSession, settings: StreamingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.recovery.faults.topic_ends", lambda *_, **__: {"interactions:0": 9})
    write_row(spark, settings, lake.INTERACTIONS, "q")
    write_checkpoint(tmp_path / "checkpoints" / "lake-v1", planned=1, committed=0)
    for begin, expected in ((0, {}), (1, {"lake": "stands at 0 of interactions:0, but Kafka keeps 1 to 9"})):
        begins = {"interactions:0": begin}
        monkeypatch.setattr("streaming.recovery.faults.topic_begins", lambda *_, now=begins, **__: now)
        assert faults(spark, settings) == expected


def test_a_refusal_is_one_sentence_that_names_the_cure() -> None:
    text = refusal([CheckpointFault("lake", "is gone"), CheckpointFault("online", "is gone")])
    assert "query lake is gone; the checkpoint of query online is gone. Run `headwater repair`" in text
    assert "docs/operations.md" in text
    runbook = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert "A checkpoint is lost" in runbook
