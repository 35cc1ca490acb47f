from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.types import Scope

from serving.admission import admission
from serving.admission.admission import Admission
from tests.serving.conftest import Client


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def request_of(host: str, path: str = "/v1/popular") -> Scope:
    return {"type": "http", "path": path, "headers": [], "client": (host, 1)}


def by_host(scope: Scope) -> bytes:
    return str(scope["client"][0]).encode()


def test_a_client_may_send_a_burst_and_then_only_at_its_rate() -> None:
    clock = Clock()
    gate = Admission(100, rate=2.0, burst=3, client_of=by_host, clock=clock)
    assert [gate.refusal(request_of("a")) is None for _ in range(5)] == [True, True, True, False, False]
    assert gate.refusal(request_of("b")) is None
    clock.now = 1.0
    refusals = [gate.refusal(request_of("a")) for _ in range(3)]
    assert [refusal is None for refusal in refusals] == [True, True, False]
    assert refusals[2] is not None
    assert refusals[2].status == 429


def test_the_client_that_was_silent_for_longest_is_forgotten_first() -> None:
    gate = Admission(100, rate=1.0, burst=1, client_of=by_host, clock=Clock())
    for number in range(admission.MAX_CLIENTS + 10):
        gate.refusal(request_of(str(number)))
    assert len(gate._buckets) == admission.MAX_CLIENTS
    assert gate.refusal(request_of(str(admission.MAX_CLIENTS + 9))) is not None
    assert gate.refusal(request_of("0")) is None


def test_probes_are_always_admitted() -> None:
    gate = Admission(0, rate=0.001, burst=0, client_of=by_host)
    for path in ("/livez", "/readyz", "/metrics"):
        assert gate.refusal(request_of("a", path=path)) is None
    refusal = gate.refusal(request_of("a"))
    assert refusal is not None
    assert refusal.status == 503


def test_beyond_the_slots_and_the_queue_the_answer_is_a_fast_503_and_later_requests_succeed(
    api: Client,
) -> None:
    async def scenario() -> None:
        async with api(max_requests_at_once=5) as client:
            responses = await asyncio.gather(
                *(client.get("/v1/users/u/history") for _ in range(50)), return_exceptions=False
            )
            refused = [r for r in responses if "at once" in r.text]
            assert refused
            assert all(r.status_code == 503 and r.headers["retry-after"] == "1" for r in refused)
            assert (await client.get("/v1/popular")).status_code == 200

    asyncio.run(scenario())


def test_the_rate_limit_holds_for_the_hot_route_too(api: Client) -> None:
    async def scenario() -> None:
        async with api(rate_limit_per_second=0.01, rate_limit_burst=2) as client:
            responses: list[httpx.Response] = [
                await client.get("/v1/users/u/recommendations") for _ in range(3)
            ]
            assert [response.status_code for response in responses] == [200, 200, 429]
            assert responses[2].headers["content-type"] == "application/problem+json"

    asyncio.run(scenario())


def test_a_request_whose_body_is_still_arriving_holds_no_slot() -> None:
    gate = Admission(1, rate=0.0, burst=1, client_of=by_host)
    gate.at_work += 1
    assert gate.refusal(request_of("a")) is not None
    with gate.without_slot():
        assert gate.refusal(request_of("a")) is None
        with pytest.raises(HTTPException) as refused, gate.without_slot():
            pass
    assert refused.value.status_code == 503
    assert (gate.at_work, gate.reading) == (1, 0)
