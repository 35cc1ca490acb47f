from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.topics import lag
from streaming.online import backlog
from streaming.online.backlog import apply_between, may_go_live, next_part
from streaming.state.applied_offsets import read_applied, write_applied
from streaming.state.client import connect

sources = st.sampled_from(["interactions:0", "interactions:1", "catalog:0"])
counts = st.dictionaries(sources, st.integers(0, 10**7), min_size=1)


@given(counts, st.integers(1, 10**6), st.integers(0, 10**6))
def test_the_parts_of_a_backlog_end_with_it_and_have_about_the_given_size(
    left: dict[str, int], most: int, begin: int
) -> None:
    starts = dict.fromkeys(left, begin)
    ends = {source: begin + count for source, count in left.items()}
    part = next_part(starts, ends, most)
    assert part.keys() == ends.keys()
    assert all(starts[source] <= part[source] <= ends[source] for source in ends)
    assert lag(part, starts) <= most + len(ends)
    assert lag(part, starts) >= min(most, lag(ends, starts))


def test_a_partition_that_shrank_has_no_records_left() -> None:
    assert lag({"a:0": 4, "b:0": 3}, {"a:0": 9}) == 3
    assert next_part({"a:0": 9, "b:0": 0}, {"a:0": 4, "b:0": 3}, 10) == {"a:0": 9, "b:0": 3}


def test_the_query_goes_live_near_the_end_or_where_batches_come_no_nearer() -> None:
    assert may_go_live(0, None, 50)
    assert may_go_live(5, None, 50)
    assert not may_go_live(6, None, 50)  # the first look after a start
    assert not may_go_live(30, 60, 50)
    assert may_go_live(31, 60, 50)
    assert may_go_live(50, 20, 50)
    assert not may_go_live(51, 60, 50)


@pytest.mark.parametrize(("meanwhile", "then", "count"), [(5, 9, 4), (2, 2, 0), (None, None, 0)])
def test_a_backlog_moves_no_offset_of_a_redis_that_went_back_meanwhile(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, meanwhile: int | None, then: int | None, count: int
) -> None:
    """An older snapshot, or an empty one: the events between it and the batch would be missing for good."""
    client, nothing = connect(redis_url), Any
    place = "interactions:0"
    write_applied(client, keyspace.APPLIED_ONLINE, {place: 5})

    def apply(*_: object) -> SimpleNamespace:
        client.delete(keyspace.APPLIED_ONLINE)
        if meanwhile is not None:
            write_applied(client, keyspace.APPLIED_ONLINE, {place: meanwhile})
        return SimpleNamespace(records=4, next={place: 9}, through=1)

    monkeypatch.setattr(backlog, "read_partitions_between", lambda *_: None)
    monkeypatch.setattr(backlog, "apply_records", apply)
    settings = StreamingSettings(redis_url=redis_url)  # type: ignore[arg-type]
    assert apply_between(nothing, client, settings, {place: 5}, {place: 9}) == count
    assert read_applied(client, keyspace.APPLIED_ONLINE).get(place) == then
    assert client.hexists(keyspace.APPLIED_TIMES, place) == (count > 0)
