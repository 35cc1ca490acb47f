"""I7: compares the live figures in Redis with their recount from the lake's outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import pyarrow as pa

from contracts.live_figures import KEEP_SECONDS, KEPT, LISTS, split_field, whole_hours
from contracts.live_outcomes import Outcome
from experiments.observations.outcomes import newest_of_each, recount, rows_of
from stack.verify.ledgers import Ledgers
from stack.verify.places import rows_without, violation_of
from stack.verify.violations import MOST_EXAMPLES, NotChecked, Violation, actual

_Days = Mapping[str, Mapping[str, int]]  # day -> field -> amount


def live_figures(ledgers: Ledgers) -> list[Violation] | NotChecked:
    """I7: each figure is exactly the sum of the outcomes in the lake and of those that wait for the lake.

    Each outcome belongs to an event in the lake. Hours that an earlier version counted in part are left out.
    """
    live = ledgers.state.live if ledgers.state else None
    if live is None:
        return NotChecked("no state of this version was given: `headwater verify export-state FILE`")
    waiting = rows_of(Outcome.decode(line) for line in live.waiting)
    rows = newest_of_each(pa.concat_tables([ledgers.outcomes, waiting]))
    counted = recount(rows)
    unlike = list(_differences(live.days, {day: counted[day] for day in _kept_days(live.days, counted)}))
    found = [Violation(len(unlike), "live figures are not the lake's recount", unlike[:MOST_EXAMPLES])]
    if not ledgers.erased:  # an erasure deletes the event and keeps the count
        arrived = rows.filter(_is_read(rows, ledgers.lake))
        found.append(
            violation_of(rows_without(arrived, ledgers.lake), "outcomes are of no event of the lake")
        )
    return actual(found)


def _kept_days(redis: _Days, counted: _Days) -> list[str]:
    """The days of the recount that Redis still has; a day's key expires."""
    newest = max([*redis, *counted], default="")
    if not newest:
        return []
    oldest = datetime.strptime(newest, "%Y%m%d") - timedelta(days=KEEP_SECONDS // 86_400 - 1)
    return [day for day in counted if day >= oldest.strftime("%Y%m%d")]


def _differences(redis: _Days, counted: _Days) -> Iterator[str]:
    for day in sorted(redis.keys() | counted.keys()):
        in_redis, in_lake = redis.get(day, {}), counted.get(day, {})
        whole = whole_hours(in_redis)
        partial = {split_field(field)[:2] for field in in_redis} - whole
        for field in sorted(in_redis.keys() | in_lake.keys()):
            hour, version, name, _ = split_field(field)
            if name == KEPT or name not in LISTS or (hour, version) in partial:
                continue
            if in_redis.get(field, 0) != in_lake.get(field, 0):
                yield f"{day} {field}: Redis {in_redis.get(field, 0):,}, recount {in_lake.get(field, 0):,}"


def _is_read(rows: pa.Table, lake: pa.Table) -> pa.Array:
    """Which outcomes have an offset that the lake query has passed."""
    newest = lake.group_by("partition").aggregate([("offset", "max")])
    ends = dict(zip(newest["partition"].to_pylist(), newest["offset_max"].to_pylist(), strict=True))
    places = zip(rows["partition"].to_pylist(), rows["offset"].to_pylist(), strict=True)
    return pa.array([offset <= ends.get(partition, -1) for partition, offset in places], pa.bool_())
