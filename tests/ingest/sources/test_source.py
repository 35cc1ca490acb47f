from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import Interaction
from ingest.files.rejected_lines import SourceError
from ingest.meaning.encoding import EventEncoder

Written = Callable[..., Path]


def test_events_come_in_the_order_of_their_times_and_of_the_source(
    write_file: Written, read_back: Any
) -> None:
    rows = [(n, 1_500_000_000 + (n * 37) % 101) for n in range(400)]
    path = write_file("x.csv", "user_id,item_id,timestamp\n" + "".join(f"u,{n},{t}\n" for n, t in rows))
    events = read_back(path).events
    assert [int(e.item_id) for e in events] == [n for n, _ in sorted(rows, key=lambda row: row[1])]


@pytest.mark.parametrize("separator", ["\x01", "~", "||", " - ", "#"])
def test_the_user_can_name_a_separator_that_is_not_recognised(
    write_file: Written, read_back: Any, separator: str
) -> None:
    rows = [("user_id", "item_id", "rating", "timestamp"), ("u,1", "i;1", "4", "1500000000")]
    path = write_file("a.txt", "".join(separator.join(row) + "\n" for row in rows))
    assert read_back(path, separator=separator).rows == [("rating", "u,1", "i;1", 4.0, 1_500_000_000_000)]
    with pytest.raises(SourceError, match="is in none of its first lines"):
        read_back(path, separator="@")


def test_a_list_of_items_in_a_record_becomes_one_event_for_each_item(
    write_file: Written, read_back: Any
) -> None:
    steam = (
        "{'user_id': 'u', 'items_count': 2, 'items': [{'item_id': '10', 'item_name': \"Tom's\"}, "
        "{'item_id': '20', 'item_name': 'B', 'played': None}]}\n"
        "{'user_id': 'v', 'items_count': 0, 'items': []}\n"
    )
    read = read_back(write_file("users_items.json", steam))
    assert [(user, item) for _, user, item, _, _ in read.rows] == [("u", "10"), ("u", "20")]
    assert "with a list of items in each" in read.block
    reviews = {"user": "u", "reviews": [{"item": 1, "stars": 4, "date": "2020-01-01"}], "n": None}
    (row,) = read_back(write_file("reviews.json", json.dumps([reviews]))).rows
    assert row == ("rating", "u", "1", 4.0, 1_577_836_800_000)


def test_several_files_are_read_in_order_and_line_numbers_continue(
    write_file: Written, read_back: Any, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write_file(f"{name}.csv", f"user_id,item_id,rating,timestamp\n{name},i,3,1500000000\n")
    read = read_back(tmp_path)
    assert [event.key for event in read.encoded] == [b"a", b"b"]
    assert [event.ordinal for event in read.encoded] == [0, 1]


def test_the_user_can_name_the_event_type_of_rows_without_one(write_file: Written, read_back: Any) -> None:
    path = write_file("a.csv", "user_id,item_id,rating,timestamp\nu,i,3,1500000000\n")
    assert read_back(path, event_type="purchase").rows[0][::3] == ("purchase", 1.0)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffd"), min_size=1),
            st.sampled_from(["0.5", "1", "3.5", "4.123456", "5"]),
            st.integers(10**12, 16 * 10**11),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_the_engine_and_the_encoder_write_the_same_bytes(
    rows: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory, read_back: Any
) -> None:
    lines = (
        json.dumps(
            {"user_id": f"u{text}", "item_id": f"i{text}", "rating": float(value), "timestamp": moment}
        )
        for text, value, moment in rows
    )
    path = tmp_path_factory.mktemp("rows") / "x.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    read = read_back(path)
    encode = EventEncoder().encode
    wanted = []
    for ordinal, (text, value, moment) in enumerate(rows):
        if len(f"u{text}".strip()) <= 128:
            wanted.append(encode(ordinal, f"u{text}", f"i{text}", value, moment))
    assert read.encoded == sorted(wanted)
    assert all(Interaction.model_validate_json(event.value) for event in read.encoded)
