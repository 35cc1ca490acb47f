"""Tables with features that only Spark reads; what Spark writes is in
tests/training/in_memory/test_stored_events.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from clients.storage.lake_tables import TableFeatureError, kept_since, open_table, open_version
from contracts.stored.lake import INTERACTIONS, KEPT_SINCE

MAPPING = "delta.columnMapping"


@pytest.fixture
def uri(tmp_path: Path) -> str:
    write_deltalake(INTERACTIONS.path(str(tmp_path)), pa.table({"user_id": ["ann"]}))
    return str(tmp_path)


def change_log(uri: str, protocol: dict[str, Any], configuration: dict[str, str]) -> None:
    """Change what the first entry of the table's log says."""
    log = Path(INTERACTIONS.path(uri)) / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["configuration"] = configuration
            schema = json.loads(action["metaData"]["schemaString"])
            for number, column in enumerate(schema["fields"], 1):
                column["metadata"] = {f"{MAPPING}.id": number, f"{MAPPING}.physicalName": f"col-{number}"}
            action["metaData"]["schemaString"] = json.dumps(schema)
        if "protocol" in action:
            action["protocol"] = protocol
    log.write_text("\n".join(map(json.dumps, actions)))


def test_a_table_is_read_without_spark_and_a_version_of_it(uri: str) -> None:
    write_deltalake(INTERACTIONS.path(uri), pa.table({"user_id": ["bob"]}), mode="append")
    assert sorted(open_table(INTERACTIONS, uri).to_table()["user_id"].to_pylist()) == ["ann", "bob"]
    assert open_version(INTERACTIONS, uri, 0).to_table()["user_id"].to_pylist() == ["ann"]


@pytest.mark.parametrize("mode", ["name", "id"])
def test_columns_that_have_other_names_in_the_files_are_told_with_the_cure(uri: str, mode: str) -> None:
    protocol = {"minReaderVersion": 2, "minWriterVersion": 5}
    change_log(uri, protocol, {f"{MAPPING}.mode": mode, KEPT_SINCE: "7"})
    for read in (lambda: open_table(INTERACTIONS, uri), lambda: open_version(INTERACTIONS, uri, 0)):
        with pytest.raises(TableFeatureError, match=r"columnMapping.*DROP FEATURE"):
            read()
    assert kept_since(uri) == 7


def test_deletion_vectors_are_told_with_the_cure(uri: str) -> None:
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    change_log(uri, {"minReaderVersion": 3, "minWriterVersion": 7, **features}, {})
    with pytest.raises(TableFeatureError, match=r"deletionVectors.*DROP FEATURE"):
        open_table(INTERACTIONS, uri)


def test_a_mapping_that_was_taken_off_is_none(uri: str) -> None:
    change_log(uri, {"minReaderVersion": 2, "minWriterVersion": 5}, {f"{MAPPING}.mode": "none"})
    assert open_table(INTERACTIONS, uri).to_table()["user_id"].to_pylist() == ["ann"]
