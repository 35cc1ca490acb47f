from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.moments import EARLIEST_PLAUSIBLE_MS, moment_of, ms_of

MOMENTS = st.datetimes(datetime(1991, 1, 1), datetime(2199, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)


@given(MOMENTS)
def test_all_accepted_ways_to_write_a_time_give_the_same_time(moment: datetime) -> None:
    aware = moment.replace(tzinfo=timezone.utc)
    wanted = int(aware.timestamp()) * 1000
    ways = [
        aware.isoformat(),
        moment.isoformat(),
        moment.isoformat(" ") + " UTC",
        aware.isoformat().replace("+00:00", "Z"),
        moment.strftime("%Y%m%d%H%M%S"),
        str(wanted // 1000),
        str(wanted),
        f"{wanted}000",
        f"{wanted}000000" if wanted < 9_000_000_000_000 else str(wanted),
        f"{wanted // 1000}.0",
    ]
    assert {moment_of(way) for way in ways} == {wanted} == {ms_of(moment)}


@pytest.mark.parametrize(
    "text", ["", "soon", "nan", "2000-13-01", "１２", "1e400", "9" * 30, "2000-01-01T25:00"]
)
def test_any_other_text_is_not_a_time(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        moment_of(text)


@pytest.mark.parametrize("text", ["0", "5", "20170", "-1", "1969-12-31", "1970-01-01"])
def test_a_time_before_1990_counts_as_implausibly_early(text: str) -> None:
    assert moment_of(text) < EARLIEST_PLAUSIBLE_MS
