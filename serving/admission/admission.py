"""Decides which requests are accepted: limits how many run at once, and the rate of each client."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.types import Scope

from serving.http.paths import ALWAYS_TAKEN
from serving.http.problems import ProblemError

MAX_CLIENTS = 10_000
BUSY_DETAIL, RETRY = "Too many requests at once; try again", {"Retry-After": "1"}
BUSY = ProblemError(503, BUSY_DETAIL, headers=RETRY)


class Admission:
    """Counts running requests, and where RATE_LIMIT_PER_SECOND is set keeps a token bucket for each client.

    A request whose body is still arriving does not count as running, so a slow client takes no slot from
    others.
    """

    def __init__(
        self,
        max_at_once: int,
        rate: float,
        burst: int,
        client_of: Callable[[Scope], bytes],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_at_once = max_at_once
        self._rate = rate
        self._burst = burst
        self._client_of = client_of
        self._clock = clock
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()  # tokens, when counted
        self.at_work = 0
        self.reading = 0  # requests whose body is still arriving

    def refusal(self, scope: Scope) -> ProblemError | None:
        """Why a request is refused: 503 where too many are running, 429 above the rate; None: it is taken."""
        if scope["path"] in ALWAYS_TAKEN:
            return None
        if self.at_work >= self.max_at_once:
            return BUSY
        if self._rate and not self._takes_a_token(self._client_of(scope)):
            detail = f"More than {self._rate:g} requests a second; slow down"
            return ProblemError(429, detail, headers={"Retry-After": "1"})
        return None

    @contextmanager
    def without_slot(self) -> Iterator[None]:
        """A context for the time in which a body arrives: the request does not count as running.

        Raises HTTPException 503 where the bodies of as many requests are arriving as may run at once.
        """
        if self.reading >= self.max_at_once:
            raise HTTPException(503, BUSY_DETAIL, headers=RETRY)
        self.at_work -= 1
        self.reading += 1
        try:
            yield
        finally:
            self.at_work += 1
            self.reading -= 1

    def _takes_a_token(self, client: bytes) -> bool:
        now = self._clock()
        tokens, counted = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - counted) * self._rate)
        self._buckets[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return tokens >= 1
