"""Looks and reports over a real Redis: what is kept of each run."""

from __future__ import annotations

import asyncio
from typing import Any

import redis

from contracts.experiments.record import Experiment
from contracts.experiments.report import KeptReport
from contracts.stored import keyspace
from experiments.observations.units import DAY_MS, observe
from experiments.report.make import make_report
from tests.experiments.lake_rows import START, rows
from tests.serving.conftest import Client
from tests.serving.world import World

BY_POPULARITY = "/v1/experiments/by-popularity"
DEFINITION: dict[str, Any] = {
    "name": "by-popularity",
    "hypothesis": "People like what is liked.",
    "arms": [{"name": "control"}, {"name": "popular", "parameters": {"strategies": ["popular"]}}],
}


def test_looks_at_running_arms_are_kept_in_order_until_the_next_run(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    looks = "/v1/experiments/by-popularity/looks"

    def look(at: int, run: int = 1, arm: str = "popular") -> dict[str, Any]:
        figures = {"arm": arm, "users": 9, "lift": 0.1, "low": -0.2, "high": None}
        return {"at": at, "run": run, "arms": [figures]}

    async def scenario() -> None:
        async with api(redis_url) as client:
            await client.post("/v1/experiments", json=DEFINITION)
            assert (await client.post(looks, json=look(1))).status_code == 409  # a draft
            await client.post("/v1/experiments/by-popularity/start")
            assert (await client.post(looks, json=look(1, arm="other"))).status_code == 422
            assert (await client.post(looks, json=look(1, run=2))).status_code == 409
            hour = 3_600_000
            for at in (0, 1, hour, hour + 1, 2 * hour):  # the second and the fourth come too soon
                assert (await client.post(looks, json=look(at))).status_code == 204
            kept = (await client.get(looks)).json()["looks"]
            assert [each["at"] for each in kept] == [0, hour, 2 * hour]
            assert kept[0] == look(0)
            await client.post("/v1/experiments/by-popularity/stop", json={})
            await client.post("/v1/experiments", json=DEFINITION)
            assert (await client.get(looks)).json() == {"looks": []}  # the next run has none yet
            await client.delete("/v1/experiments/by-popularity")

    asyncio.run(scenario())
    assert not redis.Redis.from_url(redis_url).exists(keyspace.experiment_looks("by-popularity"))


def test_the_newest_report_of_the_present_run_is_kept(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    path = f"{BY_POPULARITY}/report"

    async def scenario() -> None:
        async with api(redis_url) as client:
            await client.post("/v1/experiments", json=DEFINITION)
            draft = Experiment.model_validate((await client.get(BY_POPULARITY)).json())
            assert (await client.put(path, json=report_on(draft, 1))).status_code == 409
            started = Experiment.model_validate((await client.post(f"{BY_POPULARITY}/start")).json())
            none = await client.get(path)
            assert (none.status_code, "experiments report by-popularity" in none.json()["detail"]) == (
                404,
                True,
            )
            for at in (1, 2):
                assert (await client.put(path, json=report_on(started, at))).status_code == 204
            assert (await client.get(path)).json() == report_on(started, 2)
            other = report_on(started, 3)
            other["report"]["experiment"] = "other"
            assert (await client.put(path, json=other)).status_code == 409
            await client.post(f"{BY_POPULARITY}/stop", json={})
            assert (await client.get(path)).status_code == 200
            await client.post("/v1/experiments", json=DEFINITION)
            assert (await client.get(path)).status_code == 404  # of the run before
            await client.delete(BY_POPULARITY)

    asyncio.run(scenario())
    assert not redis.Redis.from_url(redis_url).exists(keyspace.EXPERIMENT_REPORTS)


def report_on(experiment: Experiment, at: int) -> dict[str, Any]:
    """A report on an experiment whose units have seen nothing."""
    begun = experiment.model_copy(update={"started_at": START})
    report = make_report(begun, observe(begun, rows([], []), DAY_MS, START + 1, 4.0))
    return KeptReport(at=at, report=report).model_dump(mode="json")
