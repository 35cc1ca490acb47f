"""Which requests are accepted: no more at once than can be answered, no more of a client than is allowed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

from starlette.types import Scope

from serving.http.problems import ProblemError

# Probes and metrics are answered whatever the load: they say that it is high.
ALWAYS_TAKEN = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
# An answer that ends only when its client goes.
PAGE_STREAM = "/page/stream"
MAX_CLIENTS = 10_000
_KEY_HEADER = b"x-api-key"
BUSY = ProblemError(503, "Too many requests at once; try again", headers={"Retry-After": "1"})


class Admission:
    """Counts requests at work; a token bucket for each client where RATE_LIMIT_PER_SECOND is set."""

    def __init__(
        self, max_at_once: int, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_at_once = max_at_once
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()  # tokens, when counted
        self.at_work = 0

    def refusal(self, scope: Scope) -> ProblemError | None:
        """Why a request is not taken: 503 where too many are at work, 429 over the rate; None where it is."""
        if scope["path"] in ALWAYS_TAKEN:
            return None
        if self.at_work >= self._max_at_once:
            return BUSY
        if self._rate and not self._takes_a_token(client_of(scope)):
            detail = f"More than {self._rate:g} requests a second; slow down"
            return ProblemError(429, detail, headers={"Retry-After": "1"})
        return None

    def _takes_a_token(self, client: bytes) -> bool:
        now = self._clock()
        tokens, counted = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - counted) * self._rate)
        self._buckets[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return tokens >= 1


def client_of(scope: Scope) -> bytes:
    """The API key (never kept as it is), else the address of the peer."""
    for name, value in scope["headers"]:
        if name == _KEY_HEADER:
            return blake2b(value, digest_size=16).digest()
    client = scope.get("client")
    return str(client[0]).encode() if client else b""
