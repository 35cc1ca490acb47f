"""The live figures of the lake, as a report."""

from __future__ import annotations

from pathlib import Path

from contracts.live_figures import BATCH, FALLBACK
from contracts.live_outcomes import Outcome, Scored
from experiments.report.live import as_text, live_report
from tests.experiments.observations.test_outcomes import write_outcomes

AT = 1_767_225_600_000


def test_the_report_equals_a_recount_by_version_and_list(tmp_path: Path) -> None:
    hit, miss = Scored("v", BATCH, 2, 2, None), Scored("w", FALLBACK, None, None, None)
    old = Outcome(0, 0, AT - 1, AT, hit)
    write_outcomes(tmp_path, [old, Outcome(0, 1, AT, AT, hit), Outcome(0, 2, AT + 5, AT, miss)])
    report = live_report(str(tmp_path), AT + 10, hours=1)
    assert (report.since_ms, report.events) == (AT, 2)
    assert {name: each.hit_rate for name, each in report.versions["v"].items()} == {
        "served": 1.0,
        BATCH: 1.0,
        "retrained": 1.0,
        "popular": 0.0,
    }
    assert report.versions["w"]["served"].hits == 0
    assert live_report(str(tmp_path), AT + 10, hours=2).events == 3
    assert "served:als" in as_text(report)
    assert len(as_text(report).splitlines()) == 1 + 4 + 4


def test_the_report_of_a_lake_without_outcomes_is_one_sentence(tmp_path: Path) -> None:
    assert as_text(live_report(str(tmp_path), AT, 24)).startswith("no event counted")
