"""The exact live figures that Redis has lost come back from the lake: real Redis, real Delta table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from contracts.live_figures import BATCH, DEPTH, FALLBACK, FRESH, day_of, figures_of, kept_field
from contracts.live_outcomes import Outcome, Scored, day_fields
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.lake import OUTCOMES as OUTCOMES_TABLE
from streaming.lake.outcomes import take_outcomes
from streaming.recovery.live_figures import differences, write_live_figures
from streaming.state.client import StateClient, connect

NOW = time.time_ns() // 1_000_000
AN_HOUR, A_DAY = 3_600_000, 86_400_000
OUTCOMES = [
    Outcome(0, 1, NOW - A_DAY, NOW - A_DAY, Scored("v", FRESH, 2, 5, None)),
    Outcome(0, 2, NOW - A_DAY, NOW - A_DAY, Scored("v", FRESH, 2, 5, None)),
    Outcome(0, 3, NOW, NOW, Scored("w", FALLBACK, None, None, DEPTH + 1)),
    Outcome(1, 1, NOW, NOW, Scored("v", BATCH, 1, 1, 1)),
]
SCORED = st.builds(
    Scored,
    st.sampled_from(["v", "w|x"]),
    st.sampled_from([FRESH, BATCH]),
    *[st.none() | st.integers(1, 120)] * 3,
)


def test_the_figures_of_a_flushed_redis_are_restored_and_a_second_restore_changes_nothing(
    spark: SparkSession, tmp_path: Path, redis_url: str
) -> None:
    settings = StreamingSettings(redis_url=redis_url, redis_shards=2, lake_uri=str(tmp_path))
    client = connect(redis_url)
    spark.sql(f"CREATE TABLE delta.`{OUTCOMES_TABLE.path(str(tmp_path))}` ({OUTCOMES_TABLE.ddl}) USING delta")
    assert write_live_figures(spark, client, settings) == 0
    client.rpush(keyspace.outcomes(0), *(each.encode() for each in OUTCOMES[:3]))
    take_outcomes(spark, settings)
    # As after a kill between the lake and Redis; one event was scored again after Redis had lost it.
    again = OUTCOMES[0]._replace(scored_at=NOW + 1, scored=Scored("v", FRESH, 9, None, None))
    client.rpush(keyspace.outcomes(1), *(each.encode() for each in (OUTCOMES[1], again, OUTCOMES[3])))
    assert write_live_figures(spark, client, settings) > 0
    expected = day_fields((each.through, each.scored, 1) for each in (again, *OUTCOMES[1:]))
    found = _figures(client, settings)
    assert {day: figures_of(fields) for day, fields in found.items()} == {
        day: figures_of(fields) for day, fields in expected.items()
    }
    assert found[day_of(NOW)][kept_field(NOW // AN_HOUR % 24, "v")] == 1
    assert all(client.ttl(keyspace.live(day, 0)) > 0 for day in found)
    assert write_live_figures(spark, client, settings) == 0


def _figures(client: StateClient, settings: StreamingSettings) -> dict[str, dict[str, int]]:
    days: dict[str, dict[str, int]] = {}
    for shard in range(settings.redis_shards):
        for key in client.scan_iter(keyspace.live("*", shard).replace("{", "[{]").replace("}", "[}]")):
            fields: Any = client.hgetall(key)
            day = days.setdefault(key.decode().rsplit(":", 1)[1], {})
            for field, amount in fields.items():
                day[field.decode()] = day.get(field.decode(), 0) + int(amount)
    return days


def _fields_of(scored: list[Scored]) -> dict[str, int]:
    """A day's fields of events of its first hour, each of which was kept."""
    fields = day_fields((0, each, 1) for each in scored).get("19700101", {})
    for each in scored:
        field = kept_field(0, each.model_version)
        fields[field] = fields.get(field, 0) + 1
    return fields


@given(st.lists(SCORED, max_size=6), st.lists(SCORED, max_size=6))
def test_the_added_amounts_make_each_day_equal_to_the_sum_of_its_outcomes(
    lake: list[Scored], redis: list[Scored]
) -> None:
    wanted, present = _fields_of(lake), _fields_of(redis)
    moves = differences(wanted, present)
    after = {field: present.get(field, 0) + moves.get(field, 0) for field in {*present, *moves}}
    assert {field: amount for field, amount in after.items() if amount} == wanted


def test_an_hour_with_incomplete_outcomes_is_not_changed() -> None:
    (scored,) = [Scored("v", FRESH, 1, 1, 1)]
    present = {field: 2 * amount for field, amount in _fields_of([scored]).items()} | {kept_field(0, "v"): 1}
    assert differences(_fields_of([scored]), present) == {}
    other = Scored("w", FRESH, 1, 1, 1)
    assert differences(_fields_of([scored, other]), present) == _fields_of([other])
