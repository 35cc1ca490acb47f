from __future__ import annotations

import dataclasses
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import DEFAULT_WEIGHTS, EVENT_TYPES, MAX_EVENT_TIME_MS
from contracts.stored.hotness import HOTNESS_STEP
from contracts.stored.records import (
    COUNTED_TYPES,
    EARLIER_SIZE,
    ENTRY_SIZE,
    MICROS,
    POPULARITY_SIZE,
    TYPE_CODES,
    EarlierEvent,
    FreshList,
    HistoryEntry,
    Popularity,
    Trend,
    decode_catalog,
    decode_earlier,
    decode_fresh,
    decode_history,
    decode_ids,
    decode_ranked,
    decode_ranked_ids,
    encode_catalog,
    encode_earlier,
    encode_entry,
    encode_fresh,
    encode_ids,
    encode_ranked,
    encode_ranked_ids,
    holds_index,
    hotness_of_ranked,
    ranked_of,
)

IDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
ENTRIES = st.builds(
    HistoryEntry,
    event_type=st.sampled_from(EVENT_TYPES),
    event_time=st.integers(0, MAX_EVENT_TIME_MS),
    event_id=st.uuids().map(str),
    value=st.integers(500_000, 5_000_000).map(lambda micros: micros / MICROS),
)
POPULARITIES = st.builds(
    Popularity,
    users=st.integers(0, 2**31),
    rating_sum_micros=st.integers(0, 2**50),
    counts=st.tuples(*[st.integers(0, 2**31)] * len(COUNTED_TYPES)),
)


@given(st.lists(ENTRIES, max_size=6))
def test_an_encoded_history_is_decoded_unchanged(entries: list[HistoryEntry]) -> None:
    raw = b"".join(map(encode_entry, entries))
    assert len(raw) == ENTRY_SIZE * len(entries)
    assert decode_history(raw) == entries


@given(st.sets(st.builds(EarlierEvent, st.sampled_from(EVENT_TYPES), st.integers(0, MAX_EVENT_TIME_MS))))
def test_encoded_earlier_events_are_decoded_newest_first(events: set[EarlierEvent]) -> None:
    raw = encode_earlier(events)
    assert len(raw) == EARLIER_SIZE * len(events)
    found = decode_earlier(raw)
    assert set(found) == events
    assert [each.event_time for each in found] == sorted((e.event_time for e in events), reverse=True)
    assert encode_earlier(found[::-1]) == raw


@given(ENTRIES, ENTRIES)
def test_entries_of_one_type_have_the_same_order_as_their_bytes(a: HistoryEntry, b: HistoryEntry) -> None:
    a, b = a._replace(event_type="rating", value=1.0), b._replace(event_type="rating", value=1.0)
    first = (a.event_time, uuid.UUID(a.event_id).int) < (b.event_time, uuid.UUID(b.event_id).int)
    assert (encode_entry(a) < encode_entry(b)) == first


def test_the_codes_of_stored_entries_never_change() -> None:
    assert list(TYPE_CODES.items())[:7] == [
        ("view", 1),
        ("click", 2),
        ("like", 3),
        ("rating", 4),
        ("purchase", 5),
        ("dislike", 6),
        ("retract", 7),
    ]


def test_an_unknown_type_has_no_code() -> None:
    with pytest.raises(KeyError):
        encode_entry(HistoryEntry("stare", 0, str(uuid.UUID(int=0)), 1.0))


@given(POPULARITIES)
def test_an_encoded_popularity_is_decoded_unchanged(popularity: Popularity) -> None:
    assert Popularity.decode(popularity.encode()) == popularity


@given(POPULARITIES)
def test_a_popularity_without_the_newest_event_type_has_a_count_of_zero_for_it(
    popularity: Popularity,
) -> None:
    short = popularity.encode()[: POPULARITY_SIZE - 4]
    expected = dataclasses.replace(popularity, counts=(*popularity.counts[:-1], 0))
    assert Popularity.decode(short) == expected


@given(st.lists(POPULARITIES.filter(lambda p: p.users < 2**20), min_size=1, max_size=5))
def test_popularities_may_be_added_in_any_order(parts: list[Popularity]) -> None:
    total, reverse = Popularity(), Popularity()
    for part in parts:
        total += part
    for part in reversed(parts):
        reverse += part
    assert total == reverse
    assert total.raters == sum(part.raters for part in parts)


def test_the_score_of_a_popularity_is_raters_times_mean_plus_weighted_counts() -> None:
    counts = [0] * len(COUNTED_TYPES)
    counts[COUNTED_TYPES.index("rating")], counts[COUNTED_TYPES.index("view")] = 4, 3
    popularity = Popularity(users=5, rating_sum_micros=14 * MICROS, counts=tuple(counts))
    assert popularity.mean == 3.5
    assert (
        popularity.score(DEFAULT_WEIGHTS) == popularity.raters * popularity.mean + 3 * DEFAULT_WEIGHTS["view"]
    )
    assert Popularity().mean is None


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), FLOAT32), max_size=50))
def test_an_encoded_ranked_list_is_decoded_unchanged(pairs: list[tuple[int, float]]) -> None:
    indexes, scores = [i for i, _ in pairs], [s for _, s in pairs]
    raw = encode_ranked(indexes, scores)
    assert len(raw) == 8 * len(pairs)
    assert hotness_of_ranked(raw) == 0.0
    found = tuple(indexes), tuple(np.float32(scores).tolist())
    assert decode_ranked(raw) == found
    hot = encode_ranked(indexes, scores, 0.5)
    assert (len(hot), decode_ranked(hot)) == (8 * len(pairs) + 1, found)
    assert hotness_of_ranked(hot) == pytest.approx(0.5, abs=HOTNESS_STEP / 2)
    assert holds_index(hot, 7) == (7 in indexes)


@given(st.lists(st.tuples(IDS, FLOAT32), max_size=20))
def test_encoded_ranked_ids_are_decoded_unchanged(pairs: list[tuple[str, float]]) -> None:
    ids, scores = [i for i, _ in pairs], [s for _, s in pairs]
    assert decode_ranked_ids(encode_ranked_ids(ids, scores)) == (ids, tuple(scores))


@given(st.lists(IDS))
def test_encoded_ids_are_decoded_unchanged(ids: list[str]) -> None:
    assert decode_ids(encode_ids(ids)) == ids


@given(st.integers(0, MAX_EVENT_TIME_MS), st.integers(0, MAX_EVENT_TIME_MS))
def test_catalogue_records_have_the_order_of_their_times(a: int, b: int) -> None:
    raw_a, raw_b = encode_catalog(a, '{"id": "1"}'), encode_catalog(b, '{"id": "2"}')
    assert decode_catalog(raw_a) == {"id": "1"}
    assert (raw_a[:16] < raw_b[:16]) == (a < b)


TRENDS = st.builds(
    Trend,
    st.dictionaries(
        st.tuples(st.integers(0, 7), st.integers(-(2**31), 2**31 - 1)),
        st.integers(-(2**53), 2**53),
        max_size=8,
    ),
)


@given(TRENDS)
def test_an_encoded_trend_is_decoded_unchanged(trend: Trend) -> None:
    assert Trend.decode(trend.encode()) == trend


def test_a_trend_score_is_the_logarithm_of_the_decayed_sum() -> None:
    # Weights 3, 2 and 1 in octaves 10, 9 and 7: 3 + 2/2 + 1/8 at octave 10.
    trend = Trend({(0, 10): 3 * MICROS, (0, 9): 2 * MICROS, (0, 7): MICROS, (1, 5): MICROS})
    assert trend.score(0) == pytest.approx(10 + np.log2(4.125))
    assert trend.score(1) == 5.0


def test_a_trend_without_anything_above_zero_has_no_score() -> None:
    assert Trend().score(0) is None
    assert Trend({(0, 3): -MICROS}).score(0) is None
    assert Trend({(0, 3): MICROS, (0, 2): -2 * MICROS}).score(0) is None


def test_an_emptied_octave_of_a_trend_does_not_change_the_score() -> None:
    assert (Trend({(0, 5): MICROS}) + Trend({(0, 5000): 0})).score(0) == 5.0


@given(st.lists(TRENDS, min_size=1, max_size=5), st.randoms())
def test_trends_may_be_added_in_any_order(trends: list[Trend], random: np.random.RandomState) -> None:
    shuffled = list(trends)
    random.shuffle(shuffled)
    assert sum(trends, Trend()) == sum(shuffled, Trend())


@given(
    st.text("0123456789T-abc", min_size=1, max_size=60),
    st.integers(0, 2**53),
    st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), max_size=8),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), FLOAT32), max_size=50),
    st.none() | st.integers(0, 255).map(lambda steps: steps * HOTNESS_STEP),
)
def test_an_encoded_fresh_list_is_decoded_unchanged(
    version: str,
    read_at: int,
    offsets: dict[int, int],
    pairs: list[tuple[int, float]],
    hotness: float | None,
) -> None:
    scores = tuple(np.float32([score for _, score in pairs]).tolist())
    fresh = FreshList(version, read_at, offsets, tuple(i for i, _ in pairs), scores, hotness)
    assert decode_fresh(encode_fresh(fresh)) == fresh


def test_a_fresh_list_without_a_hotness_is_still_read() -> None:
    stored = bytes.fromhex(
        "412e84800000000002017631" + "03000000" + "0700000000000000" + "05000000" + "0000003f"
    )
    assert decode_fresh(stored) == FreshList("v1", 1_000_000, {3: 7}, (5,), (0.5,), None)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), FLOAT32), max_size=20), st.integers(0, 2**32 - 1))
def test_whether_a_list_holds_an_item_is_known_without_decoding_it(
    pairs: list[tuple[int, float]], other: int
) -> None:
    indexes = [index for index, _ in pairs]
    raw = encode_ranked(indexes, [score for _, score in pairs])
    # Bytes that belong to two indexes must not be read as a third one.
    across = [int.from_bytes(raw[at : at + 4], "little") for at in range(1, max(1, 4 * len(pairs) - 3), 4)]
    for index in [*indexes, other, *across]:
        assert holds_index(raw, index) == (index in indexes)
    assert not holds_index(raw, -1)


@given(IDS, st.none() | st.just(5 * HOTNESS_STEP), st.dictionaries(st.integers(0, 9), st.integers(0, 99)))
def test_the_ranked_part_of_a_fresh_list_is_found_only_for_its_version(
    version: str, hotness: float | None, offsets: dict[int, int]
) -> None:
    raw = encode_fresh(FreshList(version, 7, offsets, (3, 1), (0.5, 0.25), hotness))
    assert decode_ranked(ranked_of(raw, version)) == ((3, 1), (0.5, 0.25))
    assert ranked_of(raw, version + "x") == b""
    assert ranked_of(b"", version) == b""
