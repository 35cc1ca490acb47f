from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

AT = [1_704_067_200_000_000, 1_704_067_260_000_000]


def test_each_entry_of_the_only_list_of_items_becomes_a_row(tmp_path: Path, read_back: Any) -> None:
    path = tmp_path / "ga4.parquet"
    columns = {
        "event_timestamp": AT,
        "event_name": ["view", "purchase"],
        "user_pseudo_id": ["1.1", "1.2"],
        "event_params": [[{"key": "page", "text": "x"}], []],
        "items": [
            [{"item_id": "a", "price": 1.0}, {"item_id": "b", "price": 1.0}],
            [{"item_id": "c", "price": 2.0}],
        ],
    }
    pq.write_table(pa.table(columns), path)
    read = read_back(path)
    found = [(row[0], row[1], row[2]) for row in read.rows]
    assert found == [("view", "1.1", "a"), ("view", "1.1", "b"), ("purchase", "1.2", "c")]
    assert "item = /items/item_id (guessed)" in read.block


def test_a_list_of_items_beside_a_column_of_items_is_left_alone(tmp_path: Path, read_back: Any) -> None:
    path = tmp_path / "pages.parquet"
    pq.write_table(pa.table({"user": [1], "item": [2], "others": [[{"item_id": 3}, {"item_id": 4}]]}), path)
    assert [row[1:3] for row in read_back(path).rows] == [("1", "2")]


def test_ids_are_whole_decimals_and_finite_numbers(tmp_path: Path, read_back: Any) -> None:
    path = tmp_path / "ids.parquet"
    large = Decimal("12345678901234567890.00")
    pq.write_table(pa.table({"user": [large, Decimal("7.00")], "item": [float("inf"), 2.0]}), path)
    read = read_back(path)
    assert ([row[1:3] for row in read.rows], read.rejected) == ([("7", "2")], 1)
    assert "item '' is empty" in read.shown[0]
    assert read.examination.rows[0].text == "12345678901234567890"
