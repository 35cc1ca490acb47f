"""Events whose time lies before anybody kept such logs: an earlier version took seconds for milliseconds."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from contracts.moments import EARLIEST_PLAUSIBLE_MS


def early_times(lake: pa.Table) -> str | None:
    """One sentence about the rows (of `read_lake`) before 1990 and their cure; None without such rows."""
    early = lake.filter(pc.less(lake["event_time"], EARLIEST_PLAUSIBLE_MS))
    if not early.num_rows:
        return None
    first = early.slice(0, 1).to_pylist()[0]
    users = pc.count_distinct(early["user_id"]).as_py()
    shown = f"user {first['user_id']!r}, item {first['item_id']!r}, {first['event_time']} ms"
    named = f"{early.num_rows:,} events of {users:,} users have a time before 1990 (the first: {shown})"
    cure = "`headwater ingest` their source again; the events with the right times then count"
    return f"{named}: where that is not meant (--time-from-zero), {cure}"
