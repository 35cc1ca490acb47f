from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.files.mapped import mapped_file, parse_columns
from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]
MAPPING = {"user": "who", "item": "what", "value": "stars", "time": "when"}
WANTED = [("rating", "1", "31", 2.5, 1_260_759_144_000)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "what,extra,who,stars,when\n31,-,1,2.5,1260759144\n"),
        ("x.csv", "what;extra;who;stars;when\n31;-;1;2.5;1260759144\n"),
        ("x.tsv", "what\textra\twho\tstars\twhen\n31\t-\t1\t2.5\t1260759144\n"),
        ("x.jsonl", json.dumps({"who": 1, "what": "31", "stars": 2.5, "when": 1260759144}) + "\n"),
    ],
)
def test_any_file_can_be_mapped(name: str, content: str, written: Written, read_file: Any) -> None:
    assert read_file(mapped_file(written(name, content), MAPPING)).rows == WANTED


def test_parquet_can_be_mapped(tmp_path: Path, read_file: Any) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"who": [1], "what": [31], "stars": [2.5], "when": [1260759144]}), path)
    assert read_file(mapped_file(path, MAPPING)).rows == WANTED


def test_numbers_map_a_file_without_a_header(written: Written, read_file: Any) -> None:
    path = written("x.csv", "31,1,2.5,1260759144\n")
    mapping = {"user": "2", "item": "1", "value": "3", "time": "4"}
    assert read_file(mapped_file(path, mapping)).rows == WANTED


def test_usual_names_need_no_mapping(written: Written, read_file: Any) -> None:
    path = written("x.csv", "user_id,item_id,event_type,timestamp\n1,31,like,1260759144\n")
    assert read_file(mapped_file(path, {})).rows == [("like", "1", "31", 1.0, 1_260_759_144_000)]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"user": "who", "item": "nope"}, "has no column 'nope'; it has who, what"),
        ({"user": "who"}, "has no column 'item_id': say with --columns item=NAME which of who, what"),
        ({"user": "1", "item": "9"}, "has 2 columns, so --columns item=9 names none of them"),
        ({"user": "1"}, "needs at least user=... and item=..."),
    ],
)
def test_a_missing_column_is_one_sentence(mapping: dict[str, str], message: str, written: Written) -> None:
    with pytest.raises(SourceError) as caught:
        mapped_file(written("x.csv", "who,what\n1,2\n"), mapping)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.parquet"])
def test_an_empty_file_is_one_sentence(name: str, written: Written) -> None:
    with pytest.raises(SourceError, match="is empty: there is nothing to ingest"):
        mapped_file(written(name, ""), {})


@pytest.mark.parametrize("content", ["[1]\n", "{\n", "1\n"])
def test_json_lines_without_an_object_are_one_sentence(content: str, written: Written) -> None:
    with pytest.raises(SourceError, match="the first line is no JSON object"):
        mapped_file(written("x.jsonl", content), {})


@pytest.mark.parametrize("text", ["user", "user=", "who=user", "user=a,,item=b", ""])
def test_a_mapping_that_is_not_understood_is_explained(text: str) -> None:
    with pytest.raises(SourceError, match="--columns does not understand"):
        parse_columns(text)


def test_a_mapping_reads_as_it_is_written() -> None:
    assert parse_columns("user=who, item=what") == {"user": "who", "item": "what"}
