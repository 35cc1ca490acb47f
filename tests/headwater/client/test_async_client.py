"""The client with asyncio over the real API and a real Redis; it tests what both clients share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from headwater.client import AsyncClient, Event, ProblemError, Retries, UnreachableError, answers, calls
from tests.serving.conftest import _client
from tests.serving.world import World

URL = "http://localhost"
CONTRACT = Path(__file__).parents[2] / "serving" / "http" / "contract.json"


def _through(redis_url: str, ask: Callable[[AsyncClient], Awaitable[Any]], **settings: object) -> Any:
    async def scenario() -> Any:
        async with _client(redis_url, **settings) as http:
            return await ask(AsyncClient(URL, key="secret", retries=Retries(attempts=1), http=http))

    return asyncio.run(scenario())


def test_lists_are_read_with_their_types(redis_url: str) -> None:
    World(trending={86_400: {"i07": 3.0}}).write(redis_url)

    async def ask(client: AsyncClient) -> list[Any]:
        return [
            await client.recommendations("ann", n=2, exclude=["i11"]),
            await client.popular(3),
            await client.trending(1, half_life=86_400),
            await client.similar_items("i00", 2),
            await client.rank("ann", ["i03", "i10"]),
            await client.history("ann"),
        ]

    listed, popular, trending, similar, ranked, history = _through(redis_url, ask)
    assert [item.item_id for item in listed.items][:1] == ["i10"]
    assert (listed.user_id, listed.known_items, listed.model_version) == ("ann", 2, "v1")
    assert len(popular.items) == 3
    assert [item.item_id for item in trending.items] == ["i07"]
    assert [item.item_id for item in similar.items] == ["i01", "i02"]
    assert {item.item_id for item in ranked.items} == {"i03", "i10"}
    assert {item.item_id for item in history.items} == {"i00", "i01"}


def test_a_refused_request_raises_an_error_that_names_the_fields(redis_url: str) -> None:
    async def ask(client: AsyncClient) -> None:
        with pytest.raises(ProblemError) as refused:
            await client.recommendations("ann", n=5_000)
        assert (refused.value.status, "n" in str(refused.value.fields)) == (422, True)
        with pytest.raises(ProblemError) as unknown:
            await client.popular(3, colour="red")
        assert unknown.value.status == 422
        # No broker answers here.
        with pytest.raises(ProblemError) as unavailable:
            await client.send_events([Event("view", "ann", "i1")])
        assert unavailable.value.status == 503

    _through(redis_url, ask)


@pytest.mark.parametrize(("key", "status"), [("secret", 503), ("another", 401)])
def test_the_client_sends_its_key(redis_url: str, key: str, status: int) -> None:
    async def ask(client: AsyncClient) -> None:
        # With the right key the request fails only at the broker, which does not run.
        with pytest.raises(ProblemError) as refused:
            await client.put_item("i1", title="Alien")
        assert refused.value.status == status

    _through(redis_url, ask, api_key=key)


def test_a_call_is_repeated_until_the_api_answers() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.read().decode())
        if len(seen) == 1:
            raise httpx.ConnectError("refused", request=request)
        if len(seen) == 2:
            return httpx.Response(503, headers={"Retry-After": "0"}, json={"title": "later"})
        return httpx.Response(202, json={"accepted": 1, "rejected": [], "token": "t", "new": 1})

    async def scenario() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            client = AsyncClient(URL, retries=Retries(first=0.001), http=http)
            assert (await client.send_events([Event("view", "ann", "i1")])).token == "t"

    asyncio.run(scenario())
    # The same id each time, so the event counts once.
    assert len(seen) == 3
    assert len({json.loads(body)["events"][0]["event_id"] for body in seen}) == 1


def test_an_api_that_does_not_answer_is_an_error_after_all_attempts() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async def scenario() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            await AsyncClient(URL, retries=Retries(attempts=2, first=0.001), http=http).popular()

    with pytest.raises(UnreachableError, match=r"did not answer after 2 attempts \(ConnectError: refused\)"):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("call", "route", "schema"),
    [
        (calls.recommendations("u", 1, {}), "GET /v1/users/{user_id}/recommendations", "Recommendations"),
        (calls.popular(1, {}), "GET /v1/popular", "Popular"),
        (calls.trending(1, {}), "GET /v1/trending", "Trending"),
        (calls.similar_items("i", 1, {}), "GET /v1/items/{item_id}/similar", "SimilarItems"),
        (calls.rank("u", [], {}), "POST /v1/users/{user_id}/rank", "RankedItems"),
        (calls.history("u", 1), "GET /v1/users/{user_id}/history", "History"),
        (calls.send_events([]), "POST /v1/events", "Accepted"),
        (calls.put_item("i", {}), "PUT /v1/items/{entry_id}", "CatalogAccepted"),
        (calls.put_user("u", {}), "PUT /v1/users/{entry_id}", "CatalogAccepted"),
        (calls.erase_user("u"), "DELETE /v1/users/{entry_id}", "Erasure"),
        (calls.erasure("r"), "GET /v1/erasures/{receipt}", "Erasure"),
    ],
)
def test_every_call_is_a_route_of_the_api_with_the_fields_of_the_contract(
    call: calls.Call[Any], route: str, schema: str
) -> None:
    contract = json.loads(CONTRACT.read_text())
    method, path = route.split()
    assert route in contract
    assert (call.method, call.path.count("/")) == (method, path.count("/"))
    wanted = {name for name, field in call.answer.model_fields.items() if field.is_required()}
    assert wanted <= set(contract[schema]["required"])
    assert set(call.answer.model_fields) <= set(contract[schema]["properties"])


def test_an_id_with_a_slash_is_one_segment_of_the_path() -> None:
    assert calls.history("a/b?c", 1).path == "/v1/users/a%2Fb%3Fc/history"
    assert (
        answers.Accepted.model_validate({"accepted": 1, "rejected": [], "token": "t", "more": 2}).token == "t"
    )
