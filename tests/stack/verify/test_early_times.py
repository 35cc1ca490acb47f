from __future__ import annotations

import pyarrow as pa

from contracts.moments import EARLIEST_PLAUSIBLE_MS
from stack.verify.early_times import early_times


def _rows(*times: int) -> pa.Table:
    users, items = [f"u{n}" for n in range(len(times))], ["i"] * len(times)
    return pa.table({"user_id": users, "item_id": items, "event_time": list(times)})


def test_events_before_1990_are_named_with_the_cure() -> None:
    sentence = early_times(_rows(EARLIEST_PLAUSIBLE_MS, 1_600_000_000, 1_600_000_001))
    assert sentence is not None
    assert sentence.startswith("2 events of 2 users have a time before 1990 (the first: user 'u1', item 'i'")
    assert "`headwater ingest` their source again" in sentence


def test_plausible_times_are_not_spoken_of() -> None:
    assert early_times(_rows(EARLIEST_PLAUSIBLE_MS, 1_600_000_000_000)) is None
