"""The table of the nightly run; the scenarios themselves take minutes (`make nightly`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import nightly
from tests.faults.scenarios.scenario import CannotRunHereError, Row, run_scenario, table


@pytest.mark.parametrize(
    ("error", "outcome", "figures"),
    [
        (None, "holds", "5 events"),
        (AssertionError("2 lost"), "FAILED", "AssertionError: 2 lost"),
        (CannotRunHereError("no mount"), "not run", "no mount"),
    ],
)
def test_a_row_says_whether_a_scenario_holds_even_if_it_raises_an_error(
    tmp_path: Path, error: Exception | None, outcome: str, figures: str
) -> None:
    def scenario(folder: Path) -> str:
        assert folder == tmp_path
        if error is not None:
            raise error
        return "5 events"

    row = run_scenario("one", scenario, tmp_path)
    assert (row.name, row.outcome, row.figures) == ("one", outcome, figures)


def test_the_table_has_a_line_for_each_row() -> None:
    rows = [Row("kills", "holds", 1201.4, "20 kills"), Row("another-fault", "FAILED", 60.0, "why")]
    assert table(rows).splitlines() == [
        "kills          holds      1201 s  20 kills",
        "another-fault  FAILED       60 s  why",
    ]


def test_a_scenario_of_an_unknown_name_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nightly", "--only", "full-disc"])
    with pytest.raises(SystemExit):
        nightly.main()
    said = capsys.readouterr().err
    assert "unknown full-disc" in said
    assert "full-disk-redis" in said
