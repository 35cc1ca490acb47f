"""The report on exposures: its groups, and its words."""

from __future__ import annotations

from pathlib import Path

from contracts.settings import ExperimentSettings
from experiments.report.exposures import as_text, exposure_report, report_of_rows
from tests.experiments.lake_rows import HOUR, START, exposure, interaction, rows


def test_the_report_has_figures_by_version_and_by_arm() -> None:
    exposures = [
        exposure("ann", "a", "ij", START),
        exposure("bob", "b", "ik", START, model_version="v2"),
        exposure("carl", "a", "il", START, model_version=None) | {"arm": ""},
        exposure("dora", "a", "im", START) | {"arm": "e/1:b,f/2:x"},
    ]
    events = [interaction("ann", "j", START + 1), interaction("bob", "z", START + 1, "purchase")]
    report = report_of_rows(rows(exposures, events), START, 24 * HOUR, 4.0)
    assert {name: each.lists for name, each in report.versions.items()} == {"none": 1, "v1": 2, "v2": 1}
    assert {name: each.lists for name, each in report.arms.items()} == {"e/1:a": 1, "e/1:b": 2, "f/2:x": 1}
    assert report.total.impressions == 8
    assert report.versions["v1"].click_through_rate == 1 / 4
    assert report.arms["e/1:b"].conversions_per_user == 1 / 2
    assert report.total.coverage == 5 / 6
    lines = as_text(report).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]][:2] == ["all", "version none"]
    assert len(lines) == 1 + 1 + 3 + 3
    forged = interaction("ann", "j", START + 2, recommendation_id="forged")
    told = as_text(report_of_rows(rows(exposures, [*events, forged]), START, 24 * HOUR, 4.0)).splitlines()
    assert told[-1].startswith("1 of 1 interactions that name an answer count for none")
    assert report.named_not_shown == 0


def test_the_report_of_a_lake_without_exposures_is_one_sentence(tmp_path: Path) -> None:
    report = exposure_report(ExperimentSettings(lake_uri=str(tmp_path)), START, 24)
    assert report.total.click_through_rate is None
    assert as_text(report).startswith("nothing was shown")
