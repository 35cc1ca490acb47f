from __future__ import annotations

from streaming.state.client import chunks, connect


def test_rows_are_split_in_order_into_lists_that_fit_one_pipeline() -> None:
    rows = list(range(2500))
    lists = list(chunks(rows))
    assert [len(each) for each in lists] == [1000, 1000, 500]
    assert [row for each in lists for row in each] == rows
    assert list(chunks([])) == []


def test_a_process_has_one_client_for_each_address() -> None:
    assert connect("redis://127.0.0.1:1/0") is connect("redis://127.0.0.1:1/0")
    assert connect("redis://127.0.0.1:1/0") is not connect("redis://127.0.0.1:1/1")
