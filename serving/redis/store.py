"""The API's one way to Redis: round trips with one deadline, no retries, behind a breaker."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from contracts.redis_memory import fields_of
from contracts.settings import RedisSettings
from contracts.stored import keyspace, records
from contracts.stored.manifest import Manifest, ManifestError
from serving.redis.batches import Batches, Command, Reply
from serving.redis.breaker import CircuitBreaker
from serving.redis.model_cache import Model, ModelCache
from serving.redis.servers import open_servers
from serving.redis.slot_map import Place
from serving.redis.state_mark import MARK, StateMark
from serving.telemetry.metrics import Metrics

if sys.version_info >= (3, 11):
    from asyncio import timeout as deadline
else:
    from async_timeout import timeout as deadline

_log = logging.getLogger(__name__)
T = TypeVar("T")
ModelCommands = Callable[[str], Sequence[Command]]
MAX_CONNECTIONS = 64
_LONG_HISTORIES = 10_000  # users remembered
# For reads that no request waits for: the popular list, a new model's item ids (100 MB at ten million items).
BACKGROUND_SECONDS = 2.0
LOAD_SECONDS = 10.0

_POINTER: Command = ("GET", keyspace.CURRENT_MODEL)


class StoreError(Exception):
    """Redis is down, did not answer in time, or refused a command."""


class Store:
    """Sends commands to Redis, for at most ``timeout_seconds``. Methods that ask Redis raise StoreError."""

    def __init__(self, settings: RedisSettings, timeout_seconds: float, metrics: Metrics) -> None:
        self.shards = settings.redis_shards
        self.state = StateMark()
        self._timeout = timeout_seconds
        self._metrics = metrics
        # Users whose history was too long to be read; from then on, its length is asked first.
        self.long_histories: set[str] = set()
        self._breaker = CircuitBreaker()
        self._breaker_of_large = CircuitBreaker()
        self._models = ModelCache(self.load_model, patience=timeout_seconds / 2)
        self._pinned: dict[str, Model] = {}
        # With redis-py's defaults (5 s a try, 10 retries), a request would wait up to a minute for a hung
        # server. Its own timeouts are off too: before Python 3.12 they swallow cancellation
        # (asyncio.wait_for), and our deadline limits connecting, waiting and reading together.
        self._servers = open_servers(
            settings.redis_url.get_secret_value(),
            max_connections=MAX_CONNECTIONS,
            timeout=timeout_seconds,
            protocol=3,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
        )
        self._batches = Batches(self._batch, timeout_seconds)

    async def close(self) -> None:
        """Release the connections."""
        await self._servers.close()

    def note_long_history(self, user_id: str) -> None:
        """Remember that the user's history is too long to be read for an answer."""
        if len(self.long_histories) >= _LONG_HISTORIES:
            self.long_histories.clear()
        self.long_histories.add(user_id)

    async def ask(self, *commands: Command) -> list[Reply]:
        """The replies to commands that only read, in one round trip shared with other requests."""
        return await self._with_breaker(lambda: self._batches.ask(commands))

    async def ask_alone(
        self, *commands: Command, seconds: float | None = None, breaker: CircuitBreaker | None = None
    ) -> list[Reply]:
        """Like `ask`, with a connection and a deadline of its own: for large replies, and for writes."""

        async def alone() -> list[Reply]:
            replies = await self._round_trip(commands)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return replies

        async def in_time() -> list[Reply]:
            async with deadline(seconds or self._timeout):
                return await alone()

        return await self._with_breaker(in_time, breaker)

    async def ask_large(self, *commands: Command) -> list[Reply]:
        """Like `ask`, for replies as large as a user's history.

        It has a breaker of its own, so that large reads that fail do not make other answers stale.
        """
        return await self.ask_alone(*commands, seconds=BACKGROUND_SECONDS, breaker=self._breaker_of_large)

    async def at_model(
        self, versioned: ModelCommands, *others: Command
    ) -> tuple[Model | None, list[Reply], list[Reply]]:
        """The served model, the replies to the commands of its version and to the others, in one round trip.

        ``versioned`` gives the commands for a version. Without a model, their replies are None. The method
        expects the model of the last request. If the pointer has moved, it sends the commands again for the
        new version, so that an answer never mixes two versions.
        """
        expected = self._models.latest
        commands = versioned(expected.version if expected else "")
        pointer, *replies = await self.ask(_POINTER, *others, *commands)
        other_replies, model_replies = replies[: len(others)], replies[len(others) :]
        model = expected
        if pointer != (expected.version.encode() if expected else None):
            model = await self._models.get(pointer.decode() if pointer else None)
        if model is None:
            model_replies = [None] * len(model_replies)
        elif model is not expected:
            model_replies = await self.ask(*versioned(model.version))
        return model, model_replies, other_replies

    async def model(self) -> Model | None:
        """The served model."""
        return (await self.at_model(lambda _: ()))[0]

    async def at_version(
        self, version: str, versioned: ModelCommands, *others: Command
    ) -> tuple[Model | None, list[Reply], list[Reply]]:
        """Like `at_model`, for a version that an experiment serves; the served model if it is not loaded."""
        model = self._pinned.get(version)
        if model is None:
            return await self.at_model(versioned, *others)
        replies = await self.ask(*others, *versioned(version))
        return model, replies[len(others) :], replies[: len(others)]

    async def pin(self, versions: Iterable[str]) -> None:
        """Keep the item ids of these versions, and of no others, in memory; loads those that are missing."""
        kept = {}
        for version in versions:
            kept[version] = self._pinned.get(version) or await self.load_model(version)
        # A deleted version has no items; the users of its arm get the served model.
        self._pinned = {version: model for version, model in kept.items() if model.item_ids}

    async def read_new_items(self, model: Model, needed: int) -> None:
        """Read the items that came after training into ``model.new_ids``, if it has fewer than ``needed``."""
        start = len(model.new_ids)
        if needed > start:
            (page,) = await self.ask(("LRANGE", keyspace.new_items(model.version), start, -1))
            # Another request may have read them meanwhile. Indexes never change, so its longer list is right.
            if start + len(page) > len(model.new_ids):
                model.new_ids[start:] = map(bytes.decode, page)

    async def warm_up(self) -> None:
        """Load the served model's item ids before a request needs them."""
        (raw,) = await self.ask(_POINTER)
        await self._models.get(raw.decode() if raw else None, patience=BACKGROUND_SECONDS)

    async def pages(self, scan: Callable[[int], Command]) -> AsyncIterator[Iterable[bytes]]:
        """The pages of a scan of one key, such as HSCAN. ``scan`` gives the command for a cursor."""
        cursor = -1
        while cursor != 0:
            ((raw, page),) = await self.ask_alone(scan(max(cursor, 0)))
            cursor = int(raw)
            yield page

    async def keys(self, pattern: str, count: int) -> AsyncIterator[Iterable[bytes]]:
        """The keys that match, a page at a time. A key may come twice."""
        for name in await self._in_time(self._servers.names):
            cursor = -1
            while cursor != 0:
                scan: Command = ("SCAN", max(cursor, 0), "MATCH", pattern, "COUNT", count)
                ((raw, page),) = await self._ask_server(name, scan)
                cursor = int(raw)
                yield page

    async def info(self, sections: Iterable[str]) -> list[dict[str, str]]:
        """INFO's fields of every server that holds keys."""
        commands: list[Command] = [("INFO", section) for section in sections]
        found = []
        for name in await self._in_time(self._servers.names):
            texts = await self._ask_server(name, *commands)
            found.append(fields_of(b"\n".join(texts).decode(errors="replace")))
        return found

    async def _ask_server(self, name: Place, *commands: Command) -> list[Reply]:
        replies = await self._in_time(lambda: self._servers.ask_one(name, commands))
        for reply in replies:
            if isinstance(reply, Exception):
                raise StoreError(f"Redis does not answer: {reply}") from reply
        return replies

    async def _in_time(self, read: Callable[[], Awaitable[T]]) -> T:
        async def in_time() -> T:
            async with deadline(self._timeout):
                return await read()

        return await self._with_breaker(in_time)

    async def _batch(self, commands: Sequence[Command]) -> list[Reply]:
        async with deadline(self._timeout):
            return await self._round_trip(commands)

    async def _round_trip(self, commands: Sequence[Command]) -> list[Reply]:
        """One reply for each command, in order; a reply may be an error.

        The state's mark is read after the commands. If it is there, they have read the whole state.
        """
        replies = await self._servers.ask((*commands, MARK))
        self.state.note(replies.pop())
        return replies

    async def load_model(self, version: str) -> Model:
        """A version's item ids, read from Redis at each call."""
        keys = (keyspace.model_items(version), keyspace.manifest(version))
        raw, text = await self.ask_alone(*(("GET", key) for key in keys), seconds=LOAD_SECONDS)
        trending_leads, blend, made_ms = False, None, 0
        try:
            if text:
                manifest = Manifest.from_json(text, version)
                trending_leads, blend = manifest.leads == "trending", manifest.blend
                made_ms = int(1000 * (manifest.created_seconds or 0))
        except ManifestError as error:  # the lists can still be served
            _log.warning("%s", error)
        return Model(version, records.decode_ids(raw or b""), [], trending_leads, blend, made_ms)

    async def _with_breaker(
        self, read: Callable[[], Awaitable[T]], breaker: CircuitBreaker | None = None
    ) -> T:
        """Await a read that has a deadline, if the breaker allows it, and record how it ended."""
        breaker = breaker or self._breaker
        if not breaker.allows():
            raise StoreError("Redis failed just now; it is tried again twice a second")
        try:
            answer = await read()
        except (RedisError, OSError, TimeoutError, asyncio.TimeoutError) as error:
            breaker.record_failure()
            self._metrics.redis_errors.labels(type(error).__name__).inc()
            raise StoreError(f"Redis does not answer: {type(error).__name__}") from error
        breaker.record_success()
        return answer
