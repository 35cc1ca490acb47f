from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from contracts.stored import lake
from streaming.lake import erasure as lake_erasure
from streaming.lake.erasure import LakeErasures
from streaming.lake.sink import append
from tests.empty_lake import EmptyLake

QUOTED = "o'hara` -- \\"  # an id that would break a SQL statement


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)


def interactions(spark: SparkSession, rows: list[tuple[str, int]]) -> DataFrame:
    """Rows of interactions, from (user, event time in ms)."""
    columns = [
        (f"e{n}", "like", user, "x", 1.0, moment(at), 1, None, None, 0, n, moment(at))
        for n, (user, at) in enumerate(rows)
    ]
    return spark.createDataFrame(columns, lake.INTERACTIONS.ddl)


def entries(spark: SparkSession, rows: list[tuple[str, str, int]]) -> DataFrame:
    """Rows of the catalogue, from (kind, id, updated_at)."""
    columns = [
        (kind, name, None, [], {"age": "30"}, at, 0, n, moment(1)) for n, (kind, name, at) in enumerate(rows)
    ]
    return spark.createDataFrame(columns, lake.CATALOG.ddl)


def users(uri: str) -> list[tuple[str, int]]:
    rows = DeltaTable(lake.INTERACTIONS.path(uri)).to_pyarrow_table().to_pylist()
    return sorted((row["user_id"], round(row["event_time"].timestamp() * 1000)) for row in rows)


def test_a_tombstone_deletes_only_older_rows_of_its_user_and_deletes_their_files(
    spark: SparkSession, empty_lake: EmptyLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_erasure, "_USERS_PER_DELETE", 1)  # several deletions
    uri = str(tmp_path)
    empty_lake(uri)
    rows = [("ann", 1000), ("ann", 2001), ("bob", 1000), (QUOTED, 1000), (QUOTED, 2000)]
    append(interactions(spark, rows), lake.INTERACTIONS, uri, "q", 0)
    known = [("user", "ann", 5), ("user", "bob", 5), ("item", "ann", 5)]
    append(entries(spark, known), lake.CATALOG, uri, "q", 0)
    tombstones = entries(spark, [("erasure", "ann", 2000), ("erasure", QUOTED, 2000), ("user", "ann", 2000)])

    at_work = LakeErasures(uri)
    at_work.load(spark)
    late = interactions(spark, [("ann", 1500), ("ann", 3000), ("bob", 1)])
    assert at_work.without_erased(late) is late  # nobody is erased: nothing is joined
    at_work.erase(tombstones)
    append(tombstones, lake.CATALOG, uri, "q", 1)

    assert users(uri) == [("ann", 2001), ("bob", 1000)]
    catalog = DeltaTable(lake.CATALOG.path(uri)).to_pyarrow_table().to_pylist()
    left = sorted((row["kind"], row["id"], row["updated_at"]) for row in catalog if row["kind"] != "erasure")
    assert left == [("item", "ann", 5), ("user", "ann", 2000), ("user", "bob", 5)]

    after_a_restart = LakeErasures(uri)
    after_a_restart.load(spark)
    for erasures in (at_work, after_a_restart):
        kept = erasures.without_erased(late)
        assert kept.columns == late.columns
        assert sorted((row.user_id, row.event_time.timestamp()) for row in kept.collect()) == [
            ("ann", 3.0),
            ("bob", 0.001),
        ]
