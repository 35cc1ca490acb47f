from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.files.rejected_lines import RejectedLines
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
    # The orders of a shop, with the lines of each.
    ({"orders": [{"user_id": 1, "at": WHEN, "lines": [{"product_id": 3}, {"product_id": 4}]}]}, 2),
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
