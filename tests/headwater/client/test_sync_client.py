"""What differs from the client with asyncio; over a real API it is tried in
tests/serving/routes/test_api_events.py."""

from __future__ import annotations

import httpx
import pytest

from headwater.client import Client, ProblemError, Retries, UnreachableError

URL = "http://localhost"


def test_the_client_waits_as_long_as_the_api_asks_and_repeats_the_call() -> None:
    answers = [
        httpx.Response(429, headers={"Retry-After": "0"}),
        httpx.Response(504, text="<html>gateway</html>"),
        httpx.Response(200, json={"items": [{"item_id": "i1", "rank": 1}]}),
    ]
    with httpx.Client(transport=httpx.MockTransport(lambda _: answers.pop(0))) as http:
        assert Client(URL, retries=Retries(first=0.001), http=http).popular().items[0].item_id == "i1"


def test_an_answer_that_is_not_from_the_api_is_shown_in_the_error() -> None:
    not_found = httpx.MockTransport(lambda _: httpx.Response(404, text="not here"))
    with (
        httpx.Client(transport=not_found) as http,
        pytest.raises(ProblemError, match="404 no problem description: not here"),
    ):
        Client(URL, http=http).popular()


def test_a_client_closes_the_connections_that_it_opened() -> None:
    client = Client("http://127.0.0.1:1", retries=Retries(attempts=1))
    with client, pytest.raises(UnreachableError):
        client.popular()
    with pytest.raises(RuntimeError, match="closed"):
        client.popular()
