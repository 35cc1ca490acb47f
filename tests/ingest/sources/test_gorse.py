from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.sources.gorse import gorse_export

Written = Callable[..., Path]
FEEDBACK = [
    {
        "FeedbackType": "star",
        "UserId": "bob",
        "ItemId": "vue",
        "Timestamp": "2022-02-24T00:00:00Z",
        "Value": 0,
    },
    {
        "FeedbackType": "read",
        "UserId": "bob",
        "ItemId": "d3",
        "Timestamp": "2022-02-25T00:00:00Z",
        "Value": 1,
    },
]
ITEMS: list[dict[str, Any]] = [
    {
        "ItemId": "vue",
        "IsHidden": True,
        "Categories": ["js", "ui"],
        "Timestamp": "2021-01-01T00:00:00Z",
        "Labels": {"licence": "MIT", "topics": ["a", "b"], "embedding": [0.1, 0.2]},
        "Comment": "The framework",
    },
    {"ItemId": "d3", "IsHidden": False, "Categories": None, "Labels": None, "Comment": ""},
    {"IsHidden": False},
]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_an_export_of_gorse_is_read_with_its_items_and_users(
    write_file: Written, read_back: Any, tmp_path: Path
) -> None:
    write_file("feedback.jsonl", lines(FEEDBACK))
    write_file("items.jsonl", lines(ITEMS) + "{bad\n")
    write_file("users.jsonl", lines([{"UserId": "bob", "Labels": ["x"], "Comment": "Bob"}]))
    read = read_back(tmp_path, types="star=like,read=view")
    assert [(kind, user, item) for kind, user, item, _, _ in read.rows] == [
        ("like", "bob", "vue"),
        ("view", "bob", "d3"),
    ]
    assert read.rows[0][4] == 1_645_660_800_000
    vue, d3, bob = read.catalog
    assert (vue.id, vue.title, vue.categories) == ("vue", "The framework", ("js", "ui"))
    assert vue.attributes == {
        "licence": "MIT",
        "topics": '["a", "b"]',
        "hidden": "true",
        "published_at": "2021-01-01T00:00:00Z",
    }
    assert (d3.title, d3.categories, d3.attributes) == (None, (), {})
    assert (bob.kind, bob.title, bob.attributes) == ("user", "Bob", {"labels": '["x"]'})
    assert [line.partition("items.jsonl:")[2].partition(":")[0] for line in read.shown[:2]] == ["3", "4"]


def test_event_types_without_a_mapping_are_refused_with_the_option(
    write_file: Written, read_back: Any, tmp_path: Path
) -> None:
    write_file("feedback.jsonl", lines(FEEDBACK))
    write_file("items.jsonl", lines(ITEMS[:1]))
    read = read_back(tmp_path)
    assert read.rows == []
    assert "--type" in read.block


def test_files_that_only_have_the_names_of_an_export_are_not_read_as_one() -> None:
    assert gorse_export([Path("a/feedback.jsonl")]) is None
    assert gorse_export([Path("a/items.jsonl"), Path("a/users.jsonl")]) is None
    assert gorse_export([Path("a/feedback.csv"), Path("a/items.jsonl")]) is None
    export = gorse_export([Path("a/Feedback.json.gz"), Path("a/users.jsonl")])
    assert export is not None
    assert export[0] == [Path("a/Feedback.json.gz")]
