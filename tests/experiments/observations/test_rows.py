"""Rows of a real Delta lake, written without Spark."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from contracts.stored.lake import EXPOSURES, INTERACTIONS
from experiments.observations.rows import read_rows
from experiments.observations.units import observe
from tests.experiments.lake_rows import DAY, START, exposure, interaction, rows, running, users_of


def as_in_the_lake(table: pa.Table) -> pa.Table:
    place = table.column_names.index("event_time")
    times = pa.array([each * 1000 for each in table["event_time"].to_pylist()], pa.timestamp("us", "UTC"))
    return table.set_column(place, "event_time", times)


def test_the_rows_of_a_run_are_read_from_the_lake_as_they_were_written(tmp_path: Path) -> None:
    experiment = running()
    (user,) = users_of(experiment, "b", 1)
    written = rows(
        [exposure(user, "b", "xy", START), exposure(user, "b", "x", START) | {"arm": "other/1:b"}],
        [interaction(user, "x", START + 5), interaction(user, "y", START - 30 * DAY)],
    )
    write_deltalake(EXPOSURES.path(str(tmp_path)), as_in_the_lake(written.exposures))
    write_deltalake(INTERACTIONS.path(str(tmp_path)), as_in_the_lake(written.interactions))
    found = read_rows(str(tmp_path), experiment.salt, START - DAY, START)
    assert found.exposures.to_pylist() == written.exposures.slice(0, 1).to_pylist()
    assert found.interactions.to_pylist() == written.interactions.slice(0, 1).to_pylist()
    observed = observe(experiment, found, DAY, START + DAY, 4.0)
    assert observed.counts["clicks"].by_unit(1).tolist() == [1.0]


def test_an_event_that_was_sent_again_counts_once_and_another_user_s_with_the_same_id_too(
    tmp_path: Path,
) -> None:
    sent = [interaction("ann", "x", START + at, event_id="e") for at in (0, 5, 3)]
    written = rows([], [*sent, interaction("bob", "x", START, event_id="e")])
    write_deltalake(INTERACTIONS.path(str(tmp_path)), as_in_the_lake(written.interactions))
    found = read_rows(str(tmp_path), "e/1", START, START).interactions
    assert [(row["user_id"], row["event_time"] - START) for row in found.to_pylist()] == [
        ("ann", 5),
        ("bob", 0),
    ]


def test_a_lake_without_tables_has_no_rows(tmp_path: Path) -> None:
    found = read_rows(str(tmp_path), "e/1", 0, 0)
    assert len(observe(running(), found, DAY, START + DAY, 4.0).unit_ids) == 0
