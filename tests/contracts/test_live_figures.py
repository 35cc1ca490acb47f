from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from contracts.live_figures import (
    BATCH,
    FRESH,
    POPULAR,
    RETRAINED,
    LiveFigures,
    amounts,
    day_of,
    days_until,
    decode_day,
    first_moment,
    hour_of,
)

RANKS = st.none() | st.integers(1, 200)
SCORED = st.lists(st.tuples(st.integers(0, 23), st.sampled_from("ab"), RANKS, RANKS), max_size=20)
NEW_YEAR = 1_767_225_600_000  # 2026-01-01 00:00 UTC


@given(SCORED, st.integers(1, 4))
def test_sums_do_not_depend_on_the_number_of_shards(
    scored: list[tuple[int, str, int | None, int | None]], shards: int
) -> None:
    hashes: list[Counter[str]] = [Counter() for _ in range(shards)]
    for place, (hour, version, served, popular) in enumerate(scored):
        hashes[place % shards].update(amounts(hour, version, FRESH, {FRESH: served, POPULAR: popular}))
    encoded = [{name.encode(): str(n).encode() for name, n in each.items()} for each in hashes]
    found = decode_day(encoded)
    total = sum(found.values(), LiveFigures())
    assert total.served_lists.events == len(scored)
    assert total.served_lists.hits == sum(rank is not None and rank <= 10 for _, _, rank, _ in scored)
    assert total.beside[POPULAR].hits == sum(rank is not None and rank <= 10 for *_, rank in scored)
    assert total.beside[RETRAINED].hits == 0
    assert {key for key, each in found.items() if each.served_lists.events} == {(h, v) for h, v, *_ in scored}


def test_figures_are_means_over_the_events() -> None:
    counts: Counter[str] = Counter()
    counts.update(amounts(0, "v", FRESH, {FRESH: 1, RETRAINED: 3}))
    counts.update(amounts(0, "v", BATCH, {BATCH: None, RETRAINED: 20}))
    (figures,) = decode_day([{name.encode(): str(n).encode() for name, n in counts.items()}]).values()
    served = figures.served_lists
    assert (served.hit_rate, served.ndcg, served.mrr) == (0.5, 0.5, 0.5)
    retrained = figures.beside[RETRAINED]
    assert (retrained.hit_rate, retrained.ndcg, retrained.mrr) == (0.5, 0.25, (333_333 + 50_000) / 2_000_000)
    assert LiveFigures().served_lists.hit_rate is None


def test_fields_of_a_later_format_are_left_out() -> None:
    assert decode_day([{b"00|v|another list|n": b"1"}]) == {}


def test_days_and_hours_are_in_utc() -> None:
    assert (day_of(NEW_YEAR - 1), hour_of(NEW_YEAR - 1)) == ("20251231", 23)
    assert (day_of(NEW_YEAR), hour_of(NEW_YEAR)) == ("20260101", 0)
    assert days_until(NEW_YEAR, 1) == ["20251231", "20260101"]
    assert days_until(NEW_YEAR + 7_200_000, 2) == ["20260101"]


def test_the_last_hours_begin_on_the_hour_and_include_the_present_one() -> None:
    assert first_moment(NEW_YEAR, 1) == NEW_YEAR
    assert first_moment(NEW_YEAR + 3_599_999, 1) == NEW_YEAR
    assert first_moment(NEW_YEAR + 3_599_999, 24) == NEW_YEAR - 23 * 3_600_000
