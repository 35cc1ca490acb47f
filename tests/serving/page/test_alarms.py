"""Alarms of the page are those of Prometheus, with the runbook's words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from serving.page.alarms import ALARMS, STALE, Alarm, ringing

ROOT = Path(__file__).parents[3]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
EXPRESSIONS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load((ROOT / "watch" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
# A picture in which an alarm rings, and the limit that its expression in alerts.yml names.
RINGING = {
    "HeadwaterStreamingSilent": ({"streaming_heartbeat_age_seconds": 61.0}, "> 60"),
    "HeadwaterOnlineLag": ({"streaming_online_lag_seconds": 31.0}, "> 30"),
    "HeadwaterLakeLag": (
        {"streaming_online_events": 2_000_002.0, "streaming_lake_events": 1_000_001.0},
        "> 1000000",
    ),
    "HeadwaterPendingUsers": ({"streaming_pending_users": 10_001.0}, "> 10000"),
    "HeadwaterStateLost": ({"streaming_state_lost": 1.0}, "== 1"),
    "HeadwaterStateMissing": ({"redis_state_missing": 1.0}, "== 1"),
    "HeadwaterRedisMayEvict": ({"redis_may_evict": 1.0}, "== 1"),
    "HeadwaterTrainingFails": ({"training_last_outcome.failed": 1.0}, "== 1"),
    "HeadwaterModelsRefused": ({"training_last_outcome.refused_by_gate": 1.0}, "== 1"),
}


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_says_what_the_runbook_says(alarm: Alarm) -> None:
    entry = re.search(rf"^### {alarm.name}\n\n(.*?)(?=^#|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert entry is not None
    assert " ".join(entry[1].split()).startswith(alarm.advice)


def test_every_alarm_except_the_one_without_redis_has_a_picture_that_raises_it() -> None:
    assert [alarm.name for alarm in ALARMS if alarm.name != STALE] == list(RINGING)


@pytest.mark.parametrize("name", RINGING)
def test_an_alarm_is_raised_alone_above_the_limit_of_the_prometheus_rule(name: str) -> None:
    figures, limit = RINGING[name]
    assert [alarm["name"] for alarm in ringing(figures, redis_answers=True)] == [name]
    assert limit in EXPRESSIONS[name]
    below = {figure: value - 1 for figure, value in figures.items() if figure != "streaming_lake_events"}
    assert ringing(below, redis_answers=True) == []


def test_without_figures_no_alarm_is_raised_and_without_redis_only_that_one() -> None:
    assert ringing({}, redis_answers=True) == []
    old = {"streaming_heartbeat_age_seconds": 900.0}
    assert [alarm["name"] for alarm in ringing(old, redis_answers=False)] == [STALE]
