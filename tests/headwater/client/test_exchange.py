"""What the client concludes from an answer, or from a missing one."""

from __future__ import annotations

import httpx
import pytest

from headwater.client import calls
from headwater.client.exchange import Exchange, Pause
from headwater.client.problem import ProblemError, UnreachableError
from headwater.client.retries import Retries

EXCHANGE = Exchange("http://api/", "secret", Retries(attempts=2, first=1.0))
POPULAR = calls.popular(3, {"category": "go"})


def test_a_call_becomes_a_request_that_carries_the_key() -> None:
    with httpx.Client() as http:
        request = EXCHANGE.request(http, POPULAR)
    assert (request.method, str(request.url)) == ("GET", "http://api/v1/popular?n=3&category=go")
    assert request.headers["X-API-Key"] == "secret"


def test_a_failure_gives_a_pause_before_the_next_attempt_and_the_last_one_an_error() -> None:
    no_answer = httpx.ConnectError("refused")
    for came in (no_answer, httpx.Response(503)):
        pause = EXCHANGE.result(POPULAR, 1, came)
        assert isinstance(pause, Pause)
        assert 0.5 <= pause.seconds <= 1.0
    with pytest.raises(UnreachableError, match=r"http://api did not answer after 2 attempts \(ConnectError"):
        EXCHANGE.result(POPULAR, 2, no_answer)
    with pytest.raises(ProblemError, match="503"):
        EXCHANGE.result(POPULAR, 2, httpx.Response(503))
