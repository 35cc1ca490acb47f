from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.files.rejected_lines import RejectedLines, SourceError
from ingest.meaning.options import ReadingOptions
from ingest.sources.recognise import open_source

WHEN = "2024-03-01T10:00:00Z"
ANSWERS: list[tuple[dict[str, Any], int]] = [
    (
        {
            "data": [
                {"user": {"id": 1}, "item": "a", "at": WHEN},
                {"user": {"id": 2}, "item": "b", "at": WHEN},
            ]
        },
        2,
    ),
    ({"data": [{"user": 1, "item": "a", "at": WHEN}], "next": None, "page": 1}, 1),
    ({"data": {"orders": [{"user": 1, "item": "a", "at": WHEN}]}, "meta": {}}, 1),
    # The orders of a shop, with the lines of each.
    ({"orders": [{"user_id": 1, "at": WHEN, "lines": [{"product_id": 3}, {"product_id": 4}]}]}, 2),
    ({"orders": [{"customer": {"id": 1}, "at": WHEN, "lines": [{"sku": "a"}, {"sku": "b"}]}]}, 2),
]


@pytest.mark.parametrize(("answer", "events"), ANSWERS)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_only_list_in_a_json_object_holds_the_records(
    tmp_path: Path, answer: dict[str, Any], events: int, indent: int | None
) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(answer, indent=indent))
    refused: list[str] = []
    source = open_source(path, ReadingOptions())
    found = list(source.events(RejectedLines(refused.append)))
    source.close()
    assert (len(found), refused) == (events, [])


@pytest.mark.parametrize("end", [",\n", "\r\n"])
def test_json_lines_may_end_with_commas_and_in_two_ways(tmp_path: Path, end: str) -> None:
    path = tmp_path / "events.json"
    lines = (json.dumps({"user": n, "item": "a", "at": WHEN}) for n in range(3))
    path.write_bytes((end.join(lines) + "\n").encode())
    refused: list[str] = []
    source = open_source(path, ReadingOptions())
    found = list(source.events(RejectedLines(refused.append)))
    source.close()
    assert (len(found), refused) == (3, [])


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        ({"user": [1, 2], "item": [3, 4]}, "one object of lists is not a list of records: write one record"),
        (
            {"u1": {"a": 5}, "u2": {"b": 3}},
            "one object of objects is not a list of records: write one record",
        ),
        ('[{"user": 1, "item": 2},\n', "is damaged or cut off (a JSON array without an end)"),
        ('[{"user": 1, "item": 2},\n]', "fetch it again if it was cut off, or write one record a line"),
    ],
)
def test_json_that_is_no_list_of_records_is_an_error_with_the_cure(
    tmp_path: Path, content: Any, cure: str
) -> None:
    path = tmp_path / "events.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(SourceError) as refused:
        open_source(path, ReadingOptions())
    assert cure in str(refused.value)
