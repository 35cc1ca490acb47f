"""This code reads each record that earlier code stored, and writes the same bytes: no format changes unseen.

A change of a record or a key needs a new number (keyspace.STATE, manifest.FORMAT, archive.FORMAT) with the
reading of the old one, or its refusal; then `python -m tests.compatibility.format_samples` writes a new file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from contracts.stored import keyspace, manifest
from contracts.stored.manifest import Manifest
from stack.backup import archive
from stack.backup.archive import open_archive
from stack.backup.redis_parts import Part, read_parts
from streaming.recovery.checkpoint import StartingPoint, read_checkpoint
from tests.compatibility.format_samples import (
    FORMATS,
    LAKE_FILE,
    SAMPLES,
    STATE_FILE,
    present_lake,
    present_state,
)

STATE: dict[str, Any] = json.loads(STATE_FILE.read_text()) if STATE_FILE.exists() else {}


def test_each_newest_format_has_a_golden_file() -> None:
    assert STATE_FILE.exists(), "run `python -m tests.compatibility.format_samples`"
    assert (FORMATS / f"manifest_{manifest.FORMAT}.json").exists()
    assert (FORMATS / f"backup_{archive.FORMAT}.tar").exists()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stored_record_of_every_format_is_read_and_written_back_unchanged(name: str) -> None:
    stored = bytes.fromhex(STATE["records"][name])
    assert SAMPLES[name].decode(stored) == SAMPLES[name].value
    assert SAMPLES[name].encode() == stored


def test_every_redis_key_keeps_its_name() -> None:
    present = present_state()
    assert present["keys"].items() >= STATE["keys"].items()  # a new one is no change
    assert present["records"].keys() == STATE["records"].keys()


def _columns(ddl: str) -> list[str]:
    return re.split(r",\s*(?![^<]*>)", ddl)


def test_the_lake_keeps_its_columns_and_appends_new_ones() -> None:
    present = present_lake()
    for table, ddl in json.loads(LAKE_FILE.read_text()).items():
        stored = _columns(ddl)
        assert _columns(present[table])[: len(stored)] == stored, table


@pytest.mark.parametrize("path", sorted(FORMATS.glob("manifest_*.json")), ids=lambda path: str(path.name))
def test_a_stored_manifest_is_read_and_written_back_unchanged(path: Path) -> None:
    found = Manifest.from_json(path.read_text())
    assert json.loads(found.to_json()) == json.loads(path.read_text()) | {"format": manifest.FORMAT}
    assert found.blend is not None
    assert found.blend.signals["trend/0"].half_life == 3_600_000
    assert found.blend.hot_choice is not None
    assert found.blend.hot_choice.steps[0].gain == (0.1, 0.0, 0.2)


class PlainFiles:
    """The readers of a checkpoint that need no Spark (clients/stored_files.py)."""

    def names(self, uri: str) -> list[str]:
        return [path.name for path in Path(uri).iterdir()] if Path(uri).is_dir() else []

    def exists(self, uri: str) -> bool:
        return Path(uri).exists()

    def read(self, uri: str) -> str:
        return Path(uri).read_text()


def test_a_checkpoint_of_spark_is_read(tmp_path: Path) -> None:
    files = cast(Any, PlainFiles())
    lake = read_checkpoint(files, str(FORMATS / "checkpoint" / "lake-v1"))
    assert (lake.query_id, lake.planned, lake.committed) == ("8be2fcc7-bbac-43c2-8383-086c6d3c6e84", 0, 0)
    assert lake.sources == (
        {
            "exposures": {"0": 0},
            "catalog": {"0": 0},
            "interactions": {"0": 26176, "1": 14293, "2": 18085, "3": 22342},
        },
    )
    activity = read_checkpoint(files, str(FORMATS / "checkpoint" / "item_activity-v1"))
    assert (activity.planned, activity.committed) == (1, 1)
    assert activity.sources[0]["reservoirVersion"] == 2
    (tmp_path / "start.json").write_text((FORMATS / "checkpoint" / "start.json").read_text())
    (tmp_path / "topics.json").write_text((FORMATS / "checkpoint" / "topics.json").read_text())
    found = read_checkpoint(files, str(tmp_path))
    assert found.start == StartingPoint({"interactions": {"0": 7}}, 3)
    assert found.topic_ids["interactions"] == "3b8ba862-6dc3-4d60-8d3a-2a0c3c9b6d0f"
    assert lake.topic_ids == {}  # of an earlier version


@pytest.mark.parametrize("path", sorted(FORMATS.glob("backup_*.tar")), ids=lambda path: str(path.name))
def test_a_stored_backup_is_read(path: Path) -> None:
    with open_archive(path) as (summary, folder):
        assert (summary.served, summary.versions) == ("v1", {"v1": 1764374400.5})
        assert list(read_parts(folder / "redis.parquet")) == [
            Part(keyspace.SERVING_RULES, "string", value=b'{"deny": ["a"]}'),
            Part(keyspace.erased_users(0), "hash", b"gone", b"1000"),
            Part(keyspace.MODEL_AUDIT, "list", value=b"{}"),
            Part(keyspace.manifest("v1"), "string", value=b"{}"),
        ]
        assert (folder / "models" / "v1" / "items" / "part.parquet").read_bytes() == b"items"
