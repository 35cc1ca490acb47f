"""Everything the API reads, from Redis: typed reads with one deadline, no retries, behind a breaker."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from contracts import keyspace, records
from contracts.settings import RedisSettings
from serving.breaker import CircuitBreaker
from serving.candidates.candidate import User
from serving.metrics import Metrics
from serving.model_cache import Model, ModelCache

if sys.version_info >= (3, 11):
    from asyncio import timeout as deadline
else:
    from async_timeout import timeout as deadline

_log = logging.getLogger(__name__)
T = TypeVar("T")
MAX_CONNECTIONS = 64
# For reads no request waits for: the popular list, the item ids of a new model (100 MB at ten million items).
BACKGROUND_SECONDS = 2.0
LOAD_SECONDS = 10.0
SCAN_COUNT = 1000


class StoreError(Exception):
    """Redis did not answer in time, or is down."""


class ItemList(NamedTuple):
    """What the model says of one item."""

    known: bool  # whether the model, the events or the catalogue know the item
    model_version: str | None
    entries: list[tuple[str, float]]  # best first


class Store:
    """Reads. Every method raises StoreError; requests wait at most ``redis_timeout_seconds``."""

    def __init__(self, settings: RedisSettings, timeout_seconds: float, metrics: Metrics) -> None:
        self._shards = settings.redis_shards
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

    async def user(self, user_id: str) -> User:
        """History and batch list of one user, by one model version."""
        shard = keyspace.shard_of(user_id, self._shards)

        def history(pipe: Pipeline) -> None:
            pipe.hkeys(keyspace.history(user_id, self._shards))

        model, raw, (known,) = await self._read(
            lambda version: keyspace.top_n(shard, version), user_id, history
        )
        return User(
            user_id,
            known_items=frozenset(map(bytes.decode, known)),
            model_version=model.version if model else None,
            batch_list=_ranked(model, raw),
        )

    async def similar_items(self, item_id: str) -> ItemList:
        """The item's neighbours, best first."""
        model, raw, (score,) = await self._read(keyspace.similar_items, item_id, _membership(item_id))
        known = raw is not None or score is not None
        return ItemList(known, model.version if model else None, _ranked(model, raw))

    async def top_users(self, item_id: str) -> ItemList:
        """The users whom the item suits most, best first."""
        model, raw, (score,) = await self._read(keyspace.top_users, item_id, _membership(item_id))
        ids, scores = records.decode_ranked_ids(raw) if raw else ([], ())
        known = raw is not None or score is not None
        return ItemList(known, model.version if model else None, list(zip(ids, scores, strict=True)))

    async def history(self, user_id: str) -> list[tuple[str, records.HistoryEntry]]:
        """The user's interactions as (item_id, entry), in no order."""
        key = keyspace.history(user_id, self._shards)
        raw: dict[bytes, bytes] = await self._guarded(self._redis.hgetall(key))
        return [
            (item.decode(), entry) for item, each in raw.items() for entry in records.decode_history(each)
        ]

    async def popular_page(
        self, start: int, count: int, seconds: float | None = None
    ) -> list[tuple[str, float]]:
        """Items and popularity scores from rank ``start`` (from 0), the most popular first."""
        reading = self._redis.zrevrange(keyspace.POPULAR, start, start + count - 1, withscores=True)
        page: list[tuple[bytes, float]] = await self._guarded(reading, seconds)
        return [(item.decode(), score) for item, score in page]

    async def popularity(self, item_ids: Sequence[str]) -> list[records.Popularity]:
        """How each item is liked; all zero for one without an interaction."""
        if not item_ids:
            return []
        reading = self._redis.hmget(keyspace.POPULARITY, list(item_ids))
        found: list[bytes | None] = await self._guarded(reading, BACKGROUND_SECONDS)
        return [records.Popularity.decode(raw) if raw else records.Popularity() for raw in found]

    async def titles(self, item_ids: Sequence[str]) -> list[str | None]:
        """Each item's title in the catalogue, None where there is none."""
        found: list[bytes | None] = await self._guarded(
            self._redis.hmget(keyspace.CATALOG_ITEMS, list(item_ids))
        )
        return [
            cast("str | None", records.decode_catalog(raw).get("title")) if raw else None for raw in found
        ]

    async def current_version(self) -> str | None:
        """The version the pointer names, None before the first model."""
        raw: bytes | None = await self._guarded(self._redis.get(keyspace.CURRENT_MODEL))
        return raw.decode() if raw else None

    async def manifest(self) -> dict[str, Any] | None:
        """The current model's manifest, None before the first model."""
        version = await self.current_version()
        if version is None:
            return None
        raw: bytes | None = await self._guarded(self._redis.get(keyspace.manifest(version)))
        manifest: dict[str, Any] = json.loads(raw) if raw else {}
        return {"version": version} | manifest

    async def warm_up(self) -> None:
        """Load the current model's item ids before a request needs them."""
        await self._models.get(await self.current_version(), patience=BACKGROUND_SECONDS)

    async def users(self) -> AsyncIterator[str]:
        """Every user with a history or a list of the current model; one may come twice."""
        version = await self.current_version()
        top_ns = [keyspace.top_n(shard, version) for shard in range(self._shards)] if version else []
        pattern = keyspace.history_pattern()
        async for keys in self._scan(lambda at: self._redis.scan(at, match=pattern, count=SCAN_COUNT)):
            for key in keys:
                yield keyspace.user_of_history(key.decode())
        for top_n in top_ns:
            async for lists in self._scan(partial(self._redis.hscan, top_n, count=SCAN_COUNT)):
                for user_id in lists:
                    yield user_id.decode()

    async def _scan(self, page_at: Callable[[int], Any]) -> AsyncIterator[Iterable[bytes]]:
        cursor = -1
        while cursor != 0:
            cursor, page = await self._guarded(page_at(max(cursor, 0)))
            yield page

    async def _read(
        self, versioned: Callable[[str], str], field: str, add: Callable[[Pipeline], None]
    ) -> tuple[Model | None, bytes | None, list[Any]]:
        """One field of a hash of the current model, and what ``add`` asks for, in one round trip.

        The guess is that the model has not changed since the last request; when the pointer moved,
        the field is read again from the new version, so the answer is of one version only.
        """

        async def read() -> tuple[Model | None, bytes | None, list[Any]]:
            guess = self._models.latest
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.get(keyspace.CURRENT_MODEL)
                pipe.hget(versioned(guess.version if guess else ""), field)
                add(pipe)
                pointer, raw, *others = await pipe.execute()
            model = await self._models.get(pointer.decode() if pointer else None)
            if model is not guess:
                raw = (
                    await cast("Awaitable[bytes | None]", self._redis.hget(versioned(model.version), field))
                    if model
                    else None
                )
            return model, raw, others

        answer: tuple[Model | None, bytes | None, list[Any]] = await self._guarded(read())
        return answer

    async def _load_model(self, version: str) -> Model:
        reading = self._redis.get(keyspace.model_items(version))
        raw: bytes | None = await self._guarded(reading, LOAD_SECONDS)
        return Model(version, records.decode_ids(raw or b""))

    async def _guarded(self, reading: Any, seconds: float | None = None) -> Any:
        """Await with a deadline over connecting, waiting and reading; feeds breaker and metrics."""
        if not self._breaker.allows():
            reading.close()
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


def _membership(item_id: str) -> Callable[[Pipeline], None]:
    def add(pipe: Pipeline) -> None:
        pipe.zscore(keyspace.POPULAR, item_id)

    return add


def _ranked(model: Model | None, raw: bytes | None) -> list[tuple[str, float]]:
    if model is None or raw is None:
        return []
    indexes, scores = records.decode_ranked(raw)
    ids = model.item_ids
    return [(ids[index], score) for index, score in zip(indexes, scores, strict=True) if index < len(ids)]
