"""The recount of the live figures from a real Delta table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from contracts.live_figures import BATCH, FALLBACK, figures_of
from contracts.live_outcomes import Outcome, Scored
from contracts.stored.lake import OUTCOMES
from experiments.observations.outcomes import newest_of_each, read_outcomes, recount, rows_of

AT = 1_767_225_600_123
HIT, MISS = Scored("v", BATCH, 2, 2, None), Scored("v", FALLBACK, None, None, None)


def write_outcomes(lake_uri: Path, outcomes: list[Outcome]) -> None:
    """Write outcomes into the lake as the streaming service does."""
    rows = rows_of(outcomes)
    for name in ("through", "scored_at"):
        moments = rows[name].cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp("us", "UTC"))
        rows = rows.set_column(rows.schema.get_field_index(name), name, moments)
    stored = {"partition": "kafka_partition", "offset": "kafka_offset", "through": "ingest_time"}
    named = rows.rename_columns([stored.get(name, name) for name in rows.column_names])
    write_deltalake(OUTCOMES.path(str(lake_uri)), named, mode="append")


def test_outcomes_of_the_lake_are_read_as_they_were_counted(tmp_path: Path) -> None:
    outcomes = [Outcome(0, 5, AT, AT + 9, HIT), Outcome(1, 5, AT + 3_600_000, AT, MISS)]
    assert read_outcomes(str(tmp_path)).num_rows == 0
    write_outcomes(tmp_path, outcomes)
    assert read_outcomes(str(tmp_path)).equals(rows_of(outcomes))
    assert read_outcomes(str(tmp_path), since_ms=AT + 1).equals(rows_of(outcomes[1:]))


def test_an_event_that_was_scored_twice_counts_once_as_scored_last() -> None:
    before, after = Outcome(0, 5, AT, AT + 1, MISS), Outcome(0, 5, AT, AT + 2, HIT)
    other_topic = Outcome(0, 5, AT + 7, AT, MISS)  # created again: its offsets begin anew
    rows = rows_of([after, other_topic, before, after])
    assert newest_of_each(rows).equals(rows_of([after, other_topic]))
    figures = figures_of(recount(rows)["20260101"])[0, "v"]
    assert (figures.served_lists.events, figures.served_lists.hits) == (2, 1)
    assert recount(rows_of([])) == {}
