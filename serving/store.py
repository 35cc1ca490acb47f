"""The API's one connection to Redis: pipelines with one deadline, no retries, behind a breaker."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline as Pipeline  # what the functions of serving.reads add commands to
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from contracts import keyspace, records
from contracts.settings import RedisSettings
from serving.breaker import CircuitBreaker
from serving.metrics import Metrics
from serving.model_cache import Model, ModelCache

if sys.version_info >= (3, 11):
    from asyncio import timeout as deadline
else:
    from async_timeout import timeout as deadline

_log = logging.getLogger(__name__)
T = TypeVar("T")
Commands = Callable[[Pipeline], object]
ModelCommands = Callable[[Pipeline, str], object]
MAX_CONNECTIONS = 64
# For reads no request waits for: the popular list, the item ids of a new model (100 MB at ten million items).
BACKGROUND_SECONDS = 2.0
LOAD_SECONDS = 10.0


class StoreError(Exception):
    """Redis did not answer in time, or is down."""


class Store:
    """Round trips. Every method raises StoreError; requests wait at most ``redis_timeout_seconds``."""

    def __init__(self, settings: RedisSettings, timeout_seconds: float, metrics: Metrics) -> None:
        self.shards = settings.redis_shards
        self._timeout = timeout_seconds
        self._metrics = metrics
        self._breaker = CircuitBreaker()
        self._models = ModelCache(self._load_model, patience=timeout_seconds / 2)
        # redis-py's defaults would wait up to a minute on a hung server: 5 s a try, 10 retries. Its own
        # timeouts are off too: before Python 3.12 they swallow cancellation (asyncio.wait_for), and ours
        # bound connecting, waiting and reading together.
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            max_connections=MAX_CONNECTIONS,
            timeout=timeout_seconds,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis.from_pool(pool)

    async def close(self) -> None:
        """Release the connections."""
        await self._redis.aclose()

    async def ask(self, add: Commands, seconds: float | None = None) -> list[Any]:
        """The replies to the commands that ``add`` puts on a pipeline, in one round trip."""
        return await self._guarded(self._execute(add), seconds)

    async def at_model(
        self, versioned: ModelCommands, add: Commands | None = None
    ) -> tuple[Model | None, list[Any], list[Any]]:
        """The served model, the replies to the commands of its version and to all others, in one round trip.

        The guess is that the model has not changed since the last request; when the pointer moved, its
        commands are asked again of the new version, so the answer is of one version only.
        """
        return await self._guarded(self._read_at_model(versioned, add))

    async def new_items(self, model: Model, reaches: int) -> None:
        """Make ``model.new_ids`` hold ``reaches`` items, where Redis has them: those after its training."""
        start = len(model.new_ids)
        if reaches > start:
            key = keyspace.new_items(model.version)
            (page,) = await self.ask(lambda pipe: pipe.lrange(key, start, -1))
            # Another request may have been faster; places never change, so its longer list is right.
            if start + len(page) > len(model.new_ids):
                model.new_ids[start:] = map(bytes.decode, page)

    async def warm_up(self) -> None:
        """Load the current model's item ids before a request needs them."""
        (raw,) = await self.ask(lambda pipe: pipe.get(keyspace.CURRENT_MODEL))
        await self._models.get(raw.decode() if raw else None, patience=BACKGROUND_SECONDS)

    async def pages(self, scan: Callable[[Pipeline, int], object]) -> AsyncIterator[Iterable[bytes]]:
        """The pages of a SCAN; ``scan`` adds the command at a cursor."""
        cursor = -1
        while cursor != 0:
            at = max(cursor, 0)
            ((cursor, page),) = await self.ask(lambda pipe, at=at: scan(pipe, at))  # type: ignore[misc]
            yield page

    async def _execute(self, add: Commands) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            add(pipe)
            return await pipe.execute()

    async def _read_at_model(
        self, versioned: ModelCommands, add: Commands | None
    ) -> tuple[Model | None, list[Any], list[Any]]:
        guess = self._models.latest
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(keyspace.CURRENT_MODEL)
            if add is not None:
                add(pipe)
            others = len(pipe) - 1
            versioned(pipe, guess.version if guess else "")
            pointer, *replies = await pipe.execute()
        model = await self._models.get(pointer.decode() if pointer else None)
        of_model = replies[others:]
        if model is None:
            of_model = [None] * len(of_model)
        elif model is not guess:
            of_model = await self._execute(lambda pipe: versioned(pipe, model.version))
        return model, of_model, replies[:others]

    async def _load_model(self, version: str) -> Model:
        (raw,) = await self.ask(lambda pipe: pipe.get(keyspace.model_items(version)), LOAD_SECONDS)
        return Model(version, records.decode_ids(raw or b""), [])

    async def _guarded(self, reading: Awaitable[T], seconds: float | None = None) -> T:
        """Await with a deadline over connecting, waiting and reading; feeds breaker and metrics."""
        if not self._breaker.allows():
            reading.close()  # type: ignore[attr-defined]
            raise StoreError("Redis failed just now; it is tried again twice a second")
        try:
            async with deadline(seconds or self._timeout):
                answer = await reading
        except (RedisError, OSError, TimeoutError, asyncio.TimeoutError) as error:
            self._breaker.failed()
            self._metrics.redis_errors.labels(type(error).__name__).inc()
            raise StoreError(f"Redis does not answer: {type(error).__name__}") from error
        self._breaker.succeeded()
        return answer
