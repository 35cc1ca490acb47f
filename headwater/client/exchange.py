"""What both clients share: a call's request, and what its answer, or a missing one, means. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import httpx

from headwater.client.answers import Answer
from headwater.client.calls import Call
from headwater.client.problem import UnreachableError, problem_of
from headwater.client.retries import Retries

T = TypeVar("T", bound=Answer)
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Pause:
    """How long to wait before the next attempt."""

    seconds: float


class Exchange:
    """Calls to the API at ``url``; ``key`` goes into the header X-API-Key."""

    def __init__(self, url: str, key: str | None, retries: Retries) -> None:
        self._url = url.rstrip("/")
        self._headers = {"X-API-Key": key} if key else {}
        self._retries = retries

    def request(self, http: httpx.Client | httpx.AsyncClient, call: Call[T]) -> httpx.Request:
        """The request of a call, for this client of httpx."""
        return http.build_request(
            call.method,
            f"{self._url}{call.path}",
            params=dict(call.query),
            json=call.body,
            headers=self._headers,
        )

    def result(
        self, call: Call[T], attempt: int, outcome: httpx.Response | httpx.TransportError
    ) -> T | Pause:
        """The answer, or the pause before the next attempt. Raises ProblemError, UnreachableError."""
        if isinstance(outcome, httpx.TransportError):
            wait = self._retries.wait_after(attempt, call.is_idempotent, None, {})
            if wait is None:
                failure = f"{type(outcome).__name__}: {outcome}"
                raise UnreachableError(f"{self._url} did not answer after {attempt} attempts ({failure})")
            return Pause(wait)
        if outcome.is_success:
            return call.answer.model_validate_json(outcome.content)
        wait = self._retries.wait_after(attempt, call.is_idempotent, outcome.status_code, outcome.headers)
        if wait is None:
            raise problem_of(outcome.status_code, outcome.content)
        return Pause(wait)
