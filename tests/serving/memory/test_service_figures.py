"""Alerts, dashboard and runbook name metrics of a real scrape, and each alert has an entry in the runbook."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from prometheus_client.parser import text_string_to_metric_families

from contracts.stored import keyspace
from contracts.stored.statuses import ROUND_OUTCOMES
from serving.app import create_app
from tests.serving.conftest import Client, settings_of
from tests.serving.world import World

ROOT = Path(__file__).parents[3]
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "watch/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "watch/grafana/dashboards/headwater.json").read_text())
PANELS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in ALERTS] + PANELS
OUTSIDE = {"up"}  # Prometheus' own
# Of events, of exposures, of ids that clients name.
OUTCOMES = {"accepted", "rejected", "failed", "sent", "dropped", "genuine", "forged"}
FUNCTIONS = {
    "sum",
    "rate",
    "by",
    "histogram_quantile",
    "ignoring",
    "group_left",
    "increase",
    "and",
    "or",
    "absent",
}
LABELS = {"le", "route", "reason", "source", "status", "kind", "outcome"}
WORDS = FUNCTIONS | LABELS


def written_figures(url: str) -> None:
    """Write the figures that streaming and training leave in Redis."""
    now = int(time.time() * 1000)
    client = redis.Redis.from_url(url)
    status = {"online_batch_seconds": "0.2", "lake_batch_seconds": "1.5", "pending_users": "3"}
    status |= {"topic_events": "15", "unread_share": "0.1"}
    moments = {"online_through": now - 2000, "heartbeat": now - 1000}
    client.hset(keyspace.STREAMING_STATUS, mapping={**status, **moments})
    client.hset(keyspace.TRAINING_STATUS, mapping={"phase": "idle", "outcome": "refused_by_gate"})
    client.hset(keyspace.TRAINING_STATUS, "heartbeat", now - 1000)
    client.hset(keyspace.APPLIED_ONLINE, mapping={"interactions:0": 10, "interactions:1": 5, "catalog:0": 9})
    client.hset(keyspace.APPLIED_LAKE, mapping={"interactions:0": 8})
    for action in ("publish", "refuse", "publish"):
        client.rpush(keyspace.MODEL_AUDIT, json.dumps({"action": action}))
    client.close()


@pytest.fixture
def scrape(redis_url: str, api: Client) -> str:
    World(online_through=int(time.time() * 1000)).write(redis_url)
    written_figures(redis_url)

    async def read_figures() -> str:
        async with api(redis_url) as client:
            await client.get("/v1/users/ann/recommendations")
            return (await client.get("/metrics")).text

    return asyncio.run(read_figures())


def test_every_metric_that_rules_and_dashboards_name_is_in_a_real_scrape(scrape: str) -> None:
    shown = {s.name for family in text_string_to_metric_families(scrape) for s in family.samples}
    # A counter with labels has no sample before the first event of its kind.
    shown |= set(re.findall(r"^# TYPE (\S+) counter$", scrape, re.MULTILINE))
    for title, expression in EXPRESSIONS:
        named = set(
            re.findall(
                r"\b[a-z_]{2,}\b", re.sub(r'\{[^{}]*(\{[^{}]*\})?[^{}]*\}|"[^"]*"|\[\w+\]', "", expression)
            )
        )
        assert named - WORDS <= shown | OUTSIDE, title
        assert expression.count("(") == expression.count(")"), title


def test_every_label_value_that_rules_and_dashboards_select_exists(scrape: str) -> None:
    paths = set(create_app(settings_of()).openapi()["paths"])
    values = {"outcome": {*ROUND_OUTCOMES, *OUTCOMES}, "route": paths}
    values |= {"job": {"headwater-api"}, "status": {"2xx", "3xx", "4xx", "5xx"}}
    for _, expression in EXPRESSIONS:
        for label, chosen in re.findall(r'(\w+)=~?"([^"]*)"', expression):
            assert set(chosen.split("|")) <= values[label], (label, chosen)


def test_the_metrics_have_figures_of_streaming_and_training(scrape: str) -> None:
    def value(sample: str) -> float:
        return float(re.findall(rf"^{re.escape(sample)} (\S+)$", scrape, re.MULTILINE)[0])

    assert value("headwater_streaming_online_events") == 15
    assert value("headwater_streaming_lake_events") == 8
    assert value("headwater_streaming_pending_users") == 3
    assert value("headwater_streaming_state_lost") == 0
    assert 2 <= value("headwater_streaming_online_lag_seconds") < 60
    assert value('headwater_training_last_outcome{outcome="refused_by_gate"}') == 1
    assert value('headwater_training_last_outcome{outcome="published"}') == 0
    assert value('headwater_training_drift{cause=""}') == 0
    assert value('headwater_model_decisions{action="publish"}') == 2
    assert value("headwater_api_freshness_seconds_count") == 1
    assert "ann" not in scrape


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_each_alert_has_a_description_and_an_entry_in_the_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    entry = re.search(rf"^### {alert['alert']}\n\n(.+?)(?=\n\n|\Z)", runbook, re.MULTILINE | re.DOTALL)
    assert entry is not None
    assert len(entry[1]) > 80


def test_every_alert_in_the_runbook_exists() -> None:
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (Headwater\w+)$", runbook, re.MULTILINE)) == {a["alert"] for a in ALERTS}


def test_grafana_finds_its_data_source_and_the_dashboard() -> None:
    folder = ROOT / "watch/grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}
    (provider,) = yaml.safe_load((folder / "dashboards/headwater.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    (job,) = yaml.safe_load((ROOT / "watch/prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["api:8000"]}]


# A rule with a bound that one scrape decides, as `name{label="value"} > 60` or `absent(name)`.
SIMPLE = re.compile(r'(absent\()?(\w+)(?:\{(\w+)="(\w+)"\})?(?: (>=|==|>) ([\d.* ]+?))?\)?(?: (==|>) (\d+))?')


def rings(expression: str, scrape: str) -> bool | None:
    """Whether one scrape makes a simple rule fire; None for a rule that is not simple."""
    found = SIMPLE.fullmatch(expression.strip())
    if found is None or found[2] == "absent":
        return None
    absent, name, label, value, operator, limit = found.groups()[:6]
    values = [
        sample.value
        for family in text_string_to_metric_families(scrape)
        for sample in family.samples
        if sample.name == name and (label is None or sample.labels.get(label) == value)
    ]
    if operator is not None:
        bound = math.prod(float(factor) for factor in limit.split("*"))
        compare = {">": float.__gt__, ">=": float.__ge__, "==": float.__eq__}[operator]
        values = [each for each in values if compare(float(each), bound)]
    return not values if absent else bool(values)


def simple_rings(scrape: str) -> set[str]:
    return {rule["alert"] for rule in ALERTS if rings(rule["expr"], scrape)}


def test_in_a_healthy_scrape_only_the_expected_alerts_fire(scrape: str) -> None:
    # The world's model is of long ago, and its last candidate was refused.
    assert simple_rings(scrape) == {"HeadwaterModelOld", "HeadwaterModelsRefused"}


def test_an_alert_names_the_cause_of_a_round_that_drift_asked_for(redis_url: str, api: Client) -> None:
    written_figures(redis_url)
    client = redis.Redis.from_url(redis_url)
    cause = 'drift: level of ratings went from 60.0% to 30.0%; "x"'
    client.hset(keyspace.TRAINING_STATUS, mapping={"cause": cause})
    client.close()

    async def read_figures() -> str:
        async with api(redis_url) as asked:
            return (await asked.get("/metrics")).text

    scrape = asyncio.run(read_figures())
    assert "HeadwaterDrift" in simple_rings(scrape)
    families = text_string_to_metric_families(scrape)
    (found,) = (family for family in families if family.name == "headwater_training_drift")
    assert [each.labels for each in found.samples] == [{"cause": cause}]


def test_without_figures_the_alerts_about_missing_figures_fire(redis_url: str, api: Client) -> None:
    async def read_figures() -> str:
        async with api(redis_url) as client:
            return (await client.get("/metrics")).text

    assert simple_rings(asyncio.run(read_figures())) == {
        "HeadwaterStreamingAbsent", "HeadwaterTrainerAbsent", "HeadwaterNoModel", "HeadwaterStateMissing",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "value", "alert"),
    [
        ("headwater_streaming_unread_share", "0.9", "HeadwaterLakeNearRetention"),
        ("headwater_streaming_heartbeat_age_seconds", "61", "HeadwaterStreamingSilent"),
        ("headwater_training_heartbeat_age_seconds", "7300", "HeadwaterTrainerSilent"),
        ("headwater_redis_full", "1", "HeadwaterRedisFull"),
        ("headwater_redis_may_evict", "1", "HeadwaterRedisMayEvict"),
        ("headwater_streaming_state_lost", "1", "HeadwaterStateLost"),
        ("headwater_streaming_online_lag_seconds", "31", "HeadwaterOnlineLag"),
        ("headwater_streaming_pending_users", "10001", "HeadwaterPendingUsers"),
    ],
)
def test_an_alert_fires_above_its_bound(scrape: str, figure: str, value: str, alert: str) -> None:
    before = simple_rings(scrape)
    changed = re.sub(rf"^{figure} .*$", f"{figure} {value}", scrape, flags=re.MULTILINE)
    assert simple_rings(changed) - before == {alert}
