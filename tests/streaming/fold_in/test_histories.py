from __future__ import annotations

import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.signals.history import grade_entries
from contracts.events import DEFAULT_WEIGHTS, EVENT_TYPES
from contracts.stored.records import EarlierEvent, HistoryEntry, encode_earlier, encode_entry
from contracts.strengths import effective, moments, strength
from streaming.fold_in.histories import StrengthTable, read_histories

GRADES = {0.0: -0.5, 3.0: 0.0, 4.0: 1.0, 5.0: 2.0}
STRENGTHS = StrengthTable.of(DEFAULT_WEIGHTS, GRADES)
ENTRIES = st.lists(
    st.builds(
        HistoryEntry,
        st.sampled_from(EVENT_TYPES),
        st.integers(0, 2**48),
        st.integers(0, 3).map(lambda n: str(uuid.UUID(int=n << 62))),
        st.sampled_from([0.5, 2.5, 3.0, 4.5, 5.0]),
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda entry: entry.event_type,
).filter(lambda entries: bool(effective(entries)))


def encode(entries: list[HistoryEntry]) -> bytes:
    return b"".join(encode_entry(e) for e in sorted(entries, key=lambda e: EVENT_TYPES.index(e.event_type)))  # type: ignore[arg-type]


@given(st.lists(st.lists(ENTRIES, max_size=5), max_size=5))
def test_strengths_and_times_are_those_of_the_entries_that_count(
    users: list[list[list[HistoryEntry]]],
) -> None:
    raw = [{b"i%d" % n: encode(item) for n, item in enumerate(user)} for user in users]
    histories = read_histories(raw, STRENGTHS)
    items = [item for user in users for item in user]
    assert histories.indptr.tolist() == np.concatenate([[0], np.cumsum([len(u) for u in users])]).tolist()
    assert histories.items == [b"i%d" % n for user in users for n in range(len(user))]
    assert histories.strengths.tolist() == pytest.approx(
        [strength(effective(item), DEFAULT_WEIGHTS, GRADES) for item in items]
    )
    newest = [max(effective(item), key=lambda e: (e.event_time, e.event_id)) for item in items]
    assert histories.times.tolist() == [entry.event_time for entry in newest]
    assert histories.grades.tolist() == [
        grade_entries((entry.event_type, entry.value) for entry in effective(item)) for item in items
    ]


EARLIER = st.sets(st.builds(EarlierEvent, st.sampled_from(EVENT_TYPES), st.integers(0, 9)), max_size=8)
LATE = st.lists(
    st.builds(
        HistoryEntry,
        st.sampled_from(EVENT_TYPES),
        st.integers(3, 9),
        st.integers(0, 3).map(lambda n: str(uuid.UUID(int=n << 62))),
        st.just(4.0),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda entry: entry.event_type,
).filter(lambda entries: bool(effective(entries)))


@given(st.lists(st.lists(st.tuples(LATE, EARLIER), max_size=4), max_size=3))
def test_moments_equal_those_of_the_contract(
    users: list[list[tuple[list[HistoryEntry], set[EarlierEvent]]]],
) -> None:
    raw = [{b"i%d" % n: encode(item) for n, (item, _) in enumerate(user)} for user in users]
    kept = [
        {b"i%d" % n: encode_earlier(earlier) for n, (_, earlier) in enumerate(user) if earlier}
        | {b"not read": encode_earlier([EarlierEvent("view", 1)])}
        for user in users
    ]
    found = read_histories(raw, STRENGTHS, kept).moments
    items = [item for user in users for item in user]
    expected = [
        (place, moment)
        for place, (entries, earlier) in enumerate(items)
        for moment in moments(entries, [e for e in earlier if e.event_time < newest_of(entries)])[:0:-1]
    ]
    assert list(zip(found.rows.tolist(), found.times.tolist(), strict=True)) == expected


def newest_of(entries: list[HistoryEntry]) -> int:
    """An earlier event is never as new as the newest counted one, because its type has a newer event."""
    return max(entry.event_time for entry in effective(entries))


def test_a_user_without_a_history_has_an_empty_row() -> None:
    histories = read_histories(
        [{}, {b"x": encode([HistoryEntry("like", 7, str(uuid.UUID(int=1)), 1.0)])}], STRENGTHS
    )
    assert histories.indptr.tolist() == [0, 0, 1]
    assert histories.strengths.tolist() == [4.0]
