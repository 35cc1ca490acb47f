from __future__ import annotations

from dataclasses import replace

from contracts.exposures import Loss
from contracts.live_figures import FRESH, POPULAR, ListSums, LiveFigures
from contracts.stored.ingest_progress import IngestProgress
from stack.status.block import line, live_line, model_line, rows
from stack.status.picture import StackStatus
from tests.manifests import a_manifest

STATUS = StackStatus(
    "/data",
    running=True,
    phase="running",
    services={"redis": {"pid": 1, "running": True}, "broker": {"pid": 2, "running": False}},
    addresses={"api": "http://127.0.0.1:8000"},
    ingest=IngestProgress(1000, 990, 10),
    in_lake=900,
    lag_lake=90,
    lag_online=0,
    model=a_manifest("v7", metrics={"ndcg@10": 0.2, "popularity_ndcg@10": 0.1}),
)


def test_an_ingest_that_has_sent_its_whole_source_is_not_missed() -> None:
    services = {"redis": {"pid": 1, "running": True}, "ingest": {"pid": 3, "running": False}}
    for progress, state in (
        (IngestProgress(1000, 1000, 0, done=True), "running"),
        (IngestProgress(1000, 990, 10, done=True), "running; not running: ingest"),
        (IngestProgress(1000, 990, 0), "running; not running: ingest"),
    ):
        assert dict(rows(replace(STATUS, services=services, ingest=progress)))["state"] == state


def test_the_block_shows_the_counts_from_sent_to_served() -> None:
    shown = dict(rows(STATUS))
    assert rows(STATUS)[0] == ("page", "http://127.0.0.1:8000/")
    assert shown["sent"] == "1,000 (990 acknowledged, 10 failed)"
    assert shown["lag"] == "lake 90, online 0"
    assert shown["state"] == "running; not running: broker"
    assert shown["model"] == "v7, ndcg@10 0.200 (popularity 0.100)"
    assert shown["API"] == "http://127.0.0.1:8000/docs"


def test_the_line_has_the_same_counts_and_a_question_mark_for_unknown_ones() -> None:
    assert line(StackStatus("/data", running=False)).startswith("sent 0 acknowledged 0 in the lake ?")
    assert model_line(None) == "none yet"


def test_the_line_names_each_lag_before_its_figure() -> None:
    behind = replace(STATUS, lag_lake=0, lag_online=602_551)
    assert "; lag: lake 0, online 602,551; model: v7" in line(behind)
    assert "; lag: lake ?, online ?; model: none yet" in line(StackStatus("/data", running=False))


def test_losses_of_killed_processes_have_a_row_where_there_are_any() -> None:
    assert "lost" not in dict(rows(replace(STATUS, lost_exposures=Loss())))
    lossy = replace(STATUS, lost_exposures=Loss(1234, 1_764_417_600_000))
    assert dict(rows(lossy))["lost"].startswith("up to 1,234 lists")
    assert dict(rows(lossy))["lost"].endswith("2025-11-29 12:00 UTC")
    assert lossy.to_dict()["lost_exposures"] == {"lists": 1234, "found_at": 1_764_417_600_000}


def test_live_figures_are_shown_beside_those_of_the_last_training_and_of_popularity() -> None:
    live = LiveFigures({FRESH: ListSums(1000, 300, 150_000_000, 0), POPULAR: ListSums(0, 100, 50_000_000, 0)})
    shown = dict(rows(replace(STATUS, live=live)))["live"]
    assert shown == (
        "hit@10 0.300 (last training 0.000, popularity 0.100), "
        "ndcg@10 0.150 (last training 0.000, popularity 0.050), 1,000 events since yesterday"
    )
    assert live_line(LiveFigures()) == live_line(None) == "no new positive events yet"
    found = replace(STATUS, live=live).to_dict()["live"]
    assert (found["events"], found["served"]["hit_rate"], found["popular"]["hit_rate"]) == (1000, 0.3, 0.1)
