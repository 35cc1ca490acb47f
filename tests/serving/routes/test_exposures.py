"""Every answer has an id, and says what it showed; clients say what was on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import redis

from contracts.experiments.assignment import Arms
from contracts.experiments.definition import Definition
from contracts.experiments.record import define, start
from contracts.recommendation_id import RecommendationIds
from contracts.stored import keyspace
from serving.exposures.log import ExposureLog
from tests.serving.conftest import Client
from tests.serving.exposures.test_log import Kafka
from tests.serving.world import World

KEY = "the key of this test's ids"
IDS = RecommendationIds(KEY)
ANN = "/v1/users/ann/recommendations"
LIKED = {"items": [{"item_id": "i00"}]}


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    """Takes the place of sender and broker."""
    made, build = Kafka(), ExposureLog.__init__

    def over_this(self: ExposureLog, settings: Any, _: object, count: Any, *others: Any) -> None:
        made.count = count
        build(self, settings, made, count, *others)

    monkeypatch.setattr(ExposureLog, "__init__", over_this)
    return made


@contextmanager
def ask(
    api: Client, redis_url: str, *requests: tuple[str, str, dict[str, Any]]
) -> Iterator[list[httpx.Response]]:
    """The answers to requests, after the API has closed and sent what it noted."""

    async def scenario() -> list[httpx.Response]:
        async with api(redis_url, recommendation_key=KEY, exposures=True) as client:
            return [await client.request(method, path, **more) for method, path, more in requests]

    yield asyncio.run(scenario())


def test_every_list_has_an_id_and_lists_of_known_users_become_exposures(
    api: Client, redis_url: str, kafka: Kafka
) -> None:
    World().write(redis_url)
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"{ANN}?n=3&offset=1", {}),
        ("GET", f"{ANN}?n=3&fields=score", {}),
        ("POST", "/v1/recommendations?n=3", {"json": LIKED}),
        ("POST", "/v1/groups/recommendations?n=3", {"json": {"user_ids": ["ann", "bob"]}}),
        ("POST", "/v1/users/ann/rank", {"json": {"item_ids": ["i07", "i08"]}}),
        ("POST", "/v1/rank", {"json": {"item_ids": ["i07", "i08"], "session": LIKED["items"]}}),
        ("GET", "/v1/users/ann/because", {}),
        # These lists are the same for everybody, so they belong to no user:
        ("GET", "/v1/popular", {}),
        ("GET", "/v1/popular?offset=1", {}),
        ("GET", "/v1/trending", {}),
        ("GET", "/v1/items/i00/similar", {}),
    ]
    with ask(api, redis_url, *requests) as answers:
        bodies = [answer.json() for answer in answers]
    assert [answer.status_code for answer in answers] == [200] * len(requests)
    for body in bodies:
        named = IDS.read(body["recommendation_id"])
        assert named is not None, body
        assert named.is_of(body.get("user_id") or "")
    shown = kafka.exposures
    assert [each.kind for each in shown] == ["user", "user", "session", "group", "rank", "rank", "because"]
    assert [each.recommendation_id for each in shown] == [body["recommendation_id"] for body in bodies[:7]]
    assert [each.user_id for each in shown] == ["ann", "ann", None, None, "ann", None, "ann"]
    assert {each.model_version for each in shown} == {"v1"}
    first = bodies[0]["items"]
    assert [(item.item_id, item.rank, item.source) for item in shown[0].items] == [
        (item["item_id"], item["rank"], item["source"]) for item in first
    ]
    assert shown[0].items[0].rank == 2


def test_a_list_that_nobody_saw_is_no_exposure(api: Client, redis_url: str, kafka: Kafka) -> None:
    World().write(redis_url)
    unseen: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"{ANN}?exposure=false", {}),
        ("GET", f"{ANN}?exposure=false&explain=true", {}),
        ("POST", "/v1/recommendations?exposure=false", {"json": LIKED}),
        ("POST", "/v1/users/ann/rank?exposure=false", {"json": {"item_ids": ["i07"]}}),
        ("GET", "/v1/users/ann/because?exposure=false", {}),
        ("GET", "/v1/debug/users/ann/recommendations", {}),
        ("GET", "/livez", {}),
        ("GET", "/readyz", {}),
    ]
    with ask(api, redis_url, *unseen) as answers:
        assert [answer.status_code for answer in answers] == [200] * len(unseen)
    assert kafka.lists == []


def test_a_list_that_the_client_already_has_is_one_exposure(
    api: Client, redis_url: str, kafka: Kafka
) -> None:
    World().write(redis_url)

    async def scenario() -> tuple[httpx.Response, httpx.Response]:
        async with api(redis_url, exposures=True) as client:
            first = await client.get(ANN)
            return first, await client.get(ANN, headers={"if-none-match": first.headers["etag"]})

    first, second = asyncio.run(scenario())
    assert second.status_code == 304  # another id does not make it another list
    assert [shown.recommendation_id for shown in kafka.exposures] == [first.json()["recommendation_id"]]


def test_a_client_can_report_what_it_showed_and_forged_ids_are_refused(
    api: Client, redis_url: str, kafka: Kafka
) -> None:
    World().write(redis_url)
    item = {"item_id": "i10", "rank": 1}
    told = {"items": [item], "user_id": "ann", "model_version": "v1"}
    genuine = IDS.issue("ann", "v1", "als")
    bodies = [
        {**told, "recommendation_id": genuine, "event_time": 1000},
        {**told, "recommendation_id": genuine, "user_id": "bob"},
        {**told, "recommendation_id": genuine, "model_version": "v2"},
        {**told, "recommendation_id": genuine, "arm": "bold"},
        {**told, "recommendation_id": RecommendationIds("another").issue("ann", "v1", "als")},
        {**told, "recommendation_id": "r1"},
        {**told, "recommendation_id": genuine, "event_time": 99_999_999_999_999},
    ]
    posts = [("POST", "/v1/exposures", {"json": {"exposures": bodies}})]
    posts += [("POST", "/v1/exposures", {"json": {"exposures": []}}), ("GET", "/metrics", {})]
    with ask(api, redis_url, *posts) as (answer, empty, metrics):
        assert answer.status_code == 202
        assert answer.json()["accepted"] == 1
        assert [each["index"] for each in answer.json()["rejected"]] == [1, 2, 3, 4, 5, 6]
        assert empty.status_code == 422
        assert 'headwater_api_recommendation_ids_total{outcome="forged"} 5.0' in metrics.text
    (shown,) = kafka.exposures
    assert (shown.recommendation_id, shown.user_id, shown.reported_by) == (genuine, "ann", "client")
    answered_at = IDS.read(genuine)
    assert answered_at is not None
    assert shown.event_time == answered_at.at_ms  # no screen showed it in 1970


def test_a_report_without_an_arm_has_the_arm_of_its_answer(api: Client, redis_url: str, kafka: Kafka) -> None:
    World().write(redis_url)
    shape = {"name": "e", "hypothesis": "h", "arms": [{"name": "a"}, {"name": "b"}]}
    running = start(define(Definition.model_validate(shape), None, now_ms=1), [], now_ms=2)
    assignment = Arms(running).assign("ann")
    assert assignment is not None
    with redis.Redis.from_url(redis_url) as client:
        client.hset(keyspace.EXPERIMENTS, "e", running.to_json())
        client.set(keyspace.EXPERIMENTS_REVISION, 1)
    told = {"items": [{"item_id": "i10", "rank": 1}], "user_id": "ann"}
    arms = (assignment.text, "", "another/1:a")  # the last was stopped since the answer
    bodies = [told | {"recommendation_id": IDS.issue("ann", "v1", "als", arm)} for arm in arms]
    with ask(api, redis_url, ("POST", "/v1/exposures", {"json": {"exposures": bodies}})) as (answer,):
        assert answer.json()["accepted"] == 3
    assert [each.arm for each in kafka.exposures] == [assignment.text, "", ""]
