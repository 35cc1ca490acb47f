"""Experiments over a real Redis: definition, start, answers of arms, stop, and refusals."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import redis

from contracts.events import MAX_ID_LENGTH
from contracts.experiments.assignment import Arms, arms_of
from contracts.experiments.record import Experiment
from contracts.stored import keyspace
from serving.redis.store import Store, StoreError
from serving.routes.hot_route import Api
from tests.manifests import a_manifest
from tests.serving.conftest import Client, until
from tests.serving.requests import ids
from tests.serving.world import World

ARMS = [{"name": "control"}, {"name": "popular", "parameters": {"strategies": ["popular"], "known": "keep"}}]
DEFINITION: dict[str, Any] = {
    "name": "by-popularity",
    "hypothesis": "People like what is liked.",
    "arms": ARMS,
}
BY_POPULARITY = "/v1/experiments/by-popularity"
FORCED = DEFINITION | {"testers": {"ann": "popular", "bob": "control"}}
ANN = "/v1/users/ann/recommendations"


async def arm_of(client: httpx.AsyncClient, path: str = ANN, **params: Any) -> str:
    """The arm that an answer names."""
    return str((await client.get(path, params=params)).json()["arm"])


async def define_and_start(client: httpx.AsyncClient, definition: dict[str, Any]) -> None:
    assert (await client.post("/v1/experiments", json=definition)).status_code == 201
    name = definition["name"]
    assert (await client.post(f"/v1/experiments/{name}/start")).json()["state"] == "running"


def test_an_experiment_runs_from_its_definition_to_its_stop(redis_url: str, api: Client) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client, api(redis_url) as other:
            before = await ids(client)
            assert await arm_of(client) == ""
            await define_and_start(client, FORCED)
            await until(lambda: arm_of(other), "by-popularity/1:popular!")
            await until(lambda: arm_of(client), "by-popularity/1:popular!")
            # The arm's strategies make the list, known items come again, in every process.
            assert await ids(client, n=2) == await ids(other, n=2) == ["i00", "i01"]
            assert "i00" not in await ids(client, known="skip")  # what the request names itself
            counted = {await arm_of(client, f"/v1/users/u{n}/recommendations") for n in range(30)}
            assert {arms_of(text)["by-popularity/1"] for text in counted} == {"control", "popular"}
            listed = (await client.get("/v1/experiments")).json()["experiments"]
            assert [(each["definition"]["name"], each["state"]) for each in listed] == [
                ("by-popularity", "running")
            ]
            refused = await client.post("/v1/experiments", json=DEFINITION)
            assert (refused.status_code, "stop it, define it again" in refused.json()["detail"]) == (
                409,
                True,
            )
            assert (await client.delete("/v1/experiments/by-popularity")).status_code == 409
            stopped = await client.post("/v1/experiments/by-popularity/stop", json={"reason": "seen enough"})
            assert stopped.json()["stop_reason"] == "seen enough"
            await until(lambda: arm_of(client), "")
            assert await ids(client) == before
            changes = (await client.get("/v1/experiment-changes")).json()["changes"]
            assert [(each["action"], each["by"]) for each in changes] == [
                ("define", "api"),
                ("start", "api"),
                ("stop", "api"),
            ]
            again = await client.post("/v1/experiments", json=DEFINITION)
            assert again.json()["run"] == 2
            assert (await client.delete("/v1/experiments/by-popularity")).status_code == 204
            assert (await client.get("/v1/experiments/by-popularity")).status_code == 404

    asyncio.run(scenario())


def test_a_deleted_experiment_that_is_defined_again_assigns_its_users_independently(
    redis_url: str, api: Client
) -> None:
    World().write(redis_url)
    users = [f"u{n}" for n in range(40)]

    async def scenario() -> None:
        async with api(redis_url) as client:
            salts, arms = [], []
            for _ in range(3):
                await define_and_start(client, DEFINITION)
                started = Experiment.model_validate((await client.get(BY_POPULARITY)).json())
                salts.append(started.salt)
                assigned = map(Arms(started).assign, users)
                arms.append([each.arm.name for each in assigned if each is not None])
                await client.post(f"{BY_POPULARITY}/stop", json={})
                assert (await client.delete(BY_POPULARITY)).status_code == 204
            assert salts == ["by-popularity/1", "by-popularity/2", "by-popularity/3"]
            assert arms[0] != arms[1] != arms[2] != arms[0]
            # Nobody was in an arm of a draft, so deleting it takes no number.
            for _ in range(2):
                assert (await client.post("/v1/experiments", json=DEFINITION)).json()["run"] == 4
                assert (await client.delete(BY_POPULARITY)).status_code == 204

    asyncio.run(scenario())


ODD_IDS = {
    "a slash and dots": "../a/b",
    "an id that looks like a route": "ann/recommendations",
    "colons, commas and an exclamation mark": "e/1:popular!,x",
    "what a URL quotes": "a b?c=d&e#f%2F+",
    "letters of many alphabets": "Ünï-日本-עברית-🎬",
    "braces": "{0}",
    "quotes": '"it\'s"',
    "a number": "-1",
    "as long as an id may be": "x" * MAX_ID_LENGTH,
}


def test_testers_with_odd_ids_are_in_their_arms_and_are_never_counted(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    testers = dict.fromkeys(ODD_IDS.values(), "popular")

    async def scenario() -> None:
        async with api(redis_url) as client:
            await define_and_start(client, DEFINITION | {"testers": testers})
            shown = (await client.get("/v1/experiments/by-popularity")).json()["definition"]
            assert shown["testers"] == testers
            await until(lambda: _names_experiment(client, _path_of("-1")), True)
            arms = {name: await arm_of(client, _path_of(user)) for name, user in ODD_IDS.items()}
            assert arms == dict.fromkeys(ODD_IDS, "by-popularity/1:popular!")
            assert all(arms_of(text) == {} for text in arms.values())
            # The id beside an odd one is a user as any other.
            assert arms_of(await arm_of(client, _path_of("a/b")))

    asyncio.run(scenario())


@pytest.mark.parametrize("user", ["", "x" * (MAX_ID_LENGTH + 1), "a\nb", "\ud800"])
def test_a_tester_whose_id_no_user_can_have_is_refused(redis_url: str, api: Client, user: str) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            body = json.dumps(DEFINITION | {"testers": {user: "popular"}})
            refused = await client.post(
                "/v1/experiments", content=body, headers={"Content-Type": "application/json"}
            )
            assert refused.status_code in (400, 422)
            assert refused.headers["content-type"] == "application/problem+json"

    asyncio.run(scenario())


def _path_of(user: str) -> str:
    return f"/v1/users/{quote(user, safe='')}/recommendations"


def test_the_hot_route_and_the_full_route_give_the_same_arm_even_without_redis(
    redis_url: str, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    World().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            await define_and_start(client, DEFINITION)
            users = [f"/v1/users/u{n}/recommendations" for n in range(10)]
            await until(lambda: _names_experiment(client, users[0]), True)
            short = [await arm_of(client, user) for user in users]
            app = client._transport.app  # type: ignore[attr-defined]
            assert isinstance(app, Api)
            monkeypatch.setattr(app, "hot_route", None)
            assert [await arm_of(client, user) for user in users] == short
            monkeypatch.setattr(Store, "ask", no_answer)
            down = [(await client.get(user)).json() for user in users]
            assert all(answer["stale"] for answer in down)
            assert [answer["arm"] for answer in down] == short

    asyncio.run(scenario())


async def no_answer(*_: object) -> list[Any]:
    raise StoreError("Redis does not answer")


async def _experiments(client: httpx.AsyncClient, params: dict[str, str]) -> set[str]:
    """The experiments that an answer to Ann takes part in."""
    return set(arms_of((await client.get(ANN, params=params)).json()["arm"]))


async def _names_experiment(client: httpx.AsyncClient, path: str) -> bool:
    return await arm_of(client, path) != ""


def test_an_arm_serves_another_version_and_sessions_and_segments_are_assigned(
    redis_url: str, api: Client
) -> None:
    world = World(users={"ann": {"age_group": "adult"}, "bob": {"age_group": "child"}})
    world.write(redis_url)
    store = redis.Redis.from_url(redis_url)
    world.top = {"ann": [("i20", 0.9), ("i21", 0.8)], "bob": [("i22", 0.7)]}
    world.write_model(store, "old")
    sizes = {"lists": 2, "similar": 1, "users": 1, "factors": 0}
    store.set(keyspace.manifest("old"), a_manifest("old", sizes=sizes).to_json())
    store.set(keyspace.CURRENT_MODEL, "v1")
    served = [{"name": name, "parameters": {"model_version": "old"}} for name in ("a", "b")]
    versions = DEFINITION | {"name": "versions", "arms": served, "audience": {"segment": "age_group = adult"}}
    sessions = {"name": "sessions", "unit": "session", "arms": [{"name": "c"}, {"name": "c2"}]}

    async def scenario() -> None:
        async with api(redis_url) as client:
            await define_and_start(client, versions)
            await define_and_start(client, DEFINITION | sessions)
            await until(lambda: _experiments(client, {"session_id": "s-1"}), {"versions/1", "sessions/1"})
            answer = (await client.get(ANN, params={"n": 2, "session_id": "s-1"})).json()
            assert [answer["model_version"], *(each["item_id"] for each in answer["items"])] == [
                "old",
                "i20",
                "i21",
            ]
            assert set(arms_of(answer["arm"])) == {"versions/1", "sessions/1"}
            # Not in the segment, and no session: in neither.
            other = (await client.get("/v1/users/bob/recommendations")).json()
            assert (other["model_version"], other["arm"]) == ("v1", "")
            body = {"items": [{"item_id": "i03"}]}
            named = await client.post("/v1/recommendations", json=body, params={"session_id": "s-1"})
            assert arms_of(named.json()["arm"]) == {"sessions/1": arms_of(answer["arm"])["sessions/1"]}
            # The version is pruned by hand while it is served: the API keeps answering.
            store.delete(keyspace.top_n(0, "old"))
            assert (await client.get(ANN)).status_code == 200

    asyncio.run(scenario())
    store.close()


def test_an_experiment_that_cannot_run_is_refused_with_the_reason(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    bad: list[tuple[dict[str, Any], int, str]] = [
        ({"arms": [{"name": "a", "weight": 0}, {"name": "b", "weight": 0}]}, 422, "sum to zero"),
        ({"arms": [{"name": f"a{n}"} for n in range(10_000)]}, 422, "at most 20 items"),
        ({"arms": [ARMS[0], {"name": "b", "parameters": {"colour": "red"}}]}, 422, "Extra inputs"),
        ({"arms": [ARMS[0], {"name": "b", "parameters": {"filter": "year >"}}]}, 422, "expected"),
        ({"audience": {"segment": "and and"}}, 422, "expected"),
        ({"name": "\x00<b>"}, 422, "match pattern"),
    ]
    missing = DEFINITION | {"arms": [ARMS[0], {"name": "b", "parameters": {"model_version": "gone"}}]}

    async def scenario() -> None:
        async with api(redis_url) as client:
            for changes, status, reason in bad:
                answer = await client.post("/v1/experiments", json=DEFINITION | changes)
                assert (answer.status_code, answer.headers["content-type"]) == (
                    status,
                    "application/problem+json",
                )
                (error,) = answer.json()["errors"]
                assert reason in error["reason"]
            assert (await client.post("/v1/experiments", json=missing)).status_code == 201
            answer = await client.post("/v1/experiments/by-popularity/start")
            assert (answer.status_code, "the version gone" in answer.json()["detail"]) == (409, True)
            assert (await client.post("/v1/experiments/by-popularity/stop", json={})).status_code == 409
            assert (await client.post("/v1/experiments/no such/start")).status_code == 404
            arms = DEFINITION | {"arms": [*ARMS, {"name": "third"}]}
            await define_and_start(client, arms)
            one = await client.post("/v1/experiments/by-popularity/arms/third/stop", json={"reason": "harm"})
            assert one.json()["stopped_arms"][0]["reason"] == "harm"
            nobody = await client.post("/v1/experiments/by-popularity/arms/x/stop", json={})
            assert (nobody.status_code, "has no arm" in nobody.json()["detail"]) == (409, True)
            twin = await client.post("/v1/experiments", json=DEFINITION | {"name": "twin"})
            assert twin.status_code == 201
            answer = await client.post("/v1/experiments/twin/start")
            assert "by-popularity is running and changes" in answer.json()["detail"]

    asyncio.run(scenario())


def test_a_damaged_experiment_is_left_out_and_the_others_run(redis_url: str, api: Client) -> None:
    World().write(redis_url)
    store = redis.Redis.from_url(redis_url)
    store.hset(keyspace.EXPERIMENTS, "broken", "nonsense")

    async def scenario() -> None:
        async with api(redis_url) as client:
            store.hdel(keyspace.EXPERIMENTS, "broken")
            await define_and_start(client, DEFINITION)
            store.hset(keyspace.EXPERIMENTS, "broken", "nonsense")
            store.incr(keyspace.EXPERIMENTS_REVISION)
            await until(lambda: _names_experiment(client, "/v1/users/u1/recommendations"), True)
            listed = await client.get("/v1/experiments")
            assert (listed.status_code, listed.json()["detail"].startswith("broken: ")) == (500, True)
            assert (await client.delete("/v1/experiments/broken")).status_code == 204
            assert (await client.get("/v1/experiments")).status_code == 200

    asyncio.run(scenario())
    store.close()
