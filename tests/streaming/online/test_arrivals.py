from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from queue import Queue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.online.arrivals import group_arrivals


@given(st.lists(st.integers()), st.integers(1, 5))
def test_every_row_comes_once_and_in_order(rows: list[int], most: int) -> None:
    batches = list(group_arrivals(iter(rows), 0.0, most))
    assert [row for batch in batches for row in batch] == rows
    assert all(1 <= len(batch) <= most for batch in batches)


def test_a_row_does_not_wait_for_the_next_one_and_waiting_rows_form_one_batch() -> None:
    rows: Queue[int | None] = Queue()
    batches = group_arrivals(iter(rows.get, None), 0.0, 10)
    rows.put(1)
    assert next(batches) == [1]
    for row in (2, 3, 4):
        rows.put(row)
    while not rows.empty():  # read meanwhile
        time.sleep(0.01)
    time.sleep(0.1)
    assert next(batches) == [2, 3, 4]
    rows.put(None)
    assert list(batches) == []


def test_the_next_batch_comes_only_after_the_pause() -> None:
    begun = [time.monotonic() for _ in group_arrivals(iter(range(3)), 0.2, 1)]
    assert len(begun) == 3
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(begun))


def test_an_error_comes_after_the_rows_before_it() -> None:
    def rows() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    batches = group_arrivals(rows(), 0.0, 10)
    assert next(batches) == [1]
    with pytest.raises(OSError, match="gone"):
        next(batches)


def test_at_most_one_batch_is_read_ahead() -> None:
    read, may_end = list[int](), threading.Event()

    def rows() -> Iterator[int]:
        for n in range(100):
            read.append(n)
            yield n
        may_end.wait()

    batches = group_arrivals(rows(), 0.0, 3)
    next(batches)
    time.sleep(0.3)
    assert len(read) <= 3 + 3 + 1
    may_end.set()
    assert sum(map(len, batches)) + 3 >= 99
