"""Reads a run's state from Redis: applied offsets, the model, popularity. Its one write requests training."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

import redis

from clients.redis.connection import redis_client
from contracts.exposures import Loss, sum_of_losses
from contracts.live_figures import KEEP_SECONDS, LiveFigures, add_shards, days_until, decode_day
from contracts.redis_memory import SECTIONS, Fault, memory_fault, memory_of
from contracts.state_version import state_fault
from contracts.stored import keyspace
from contracts.stored.manifest import Manifest
from contracts.stored.records import Popularity
from contracts.stored.statuses import TrainingStatus
from contracts.topics import TopicIds

_TIMEOUT_SECONDS = 2.0
_SCAN_COUNT = 2000
_PIPELINE_KEYS = 100


class RedisUnavailableError(Exception):
    """Redis did not answer in time."""


class RedisState:
    """A view of one Redis."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def applied_offsets(self, key: str) -> dict[str, int]:
        """Next offset by "topic:partition", of APPLIED_ONLINE or APPLIED_LAKE."""
        return {field: int(value) for field, value in self._hash(key).items()}

    def topic_ids(self) -> TopicIds:
        """Topic -> the id that it had when the online query began."""
        return self._hash(keyspace.APPLIED_TOPICS)

    def training_status(self) -> TrainingStatus:
        """The status that the trainer reports."""
        fields = cast("dict[bytes, bytes]", self._client.hgetall(keyspace.TRAINING_STATUS))
        return TrainingStatus.decode(fields)

    def live(self, shards: int, now_ms: int, hours: int = 24) -> LiveFigures:
        """The live figures of the days that the last hours touch."""
        days = [
            decode_day(
                cast("dict[bytes, bytes]", self._client.hgetall(keyspace.live(day, shard)))
                for shard in range(shards)
            )
            for day in days_until(now_ms, hours)
        ]
        return sum((figures for day in days for figures in day.values()), LiveFigures())

    def live_days(self, shards: int, now_ms: int) -> dict[str, dict[str, int]]:
        """Every day of the live figures that Redis keeps: day -> field -> amount."""
        days = {
            day: add_shards(
                cast("dict[bytes, bytes]", self._client.hgetall(keyspace.live(day, shard)))
                for shard in range(shards)
            )
            for day in days_until(now_ms, KEEP_SECONDS // 3600)
        }
        return {day: fields for day, fields in days.items() if fields}

    def lost_exposures(self) -> Loss:
        """What API processes that were killed had shown and not sent."""
        return sum_of_losses(cast("dict[bytes, bytes]", self._client.hgetall(keyspace.LOST_EXPOSURES)))

    def outcomes(self, shards: int) -> list[str]:
        """Outcomes that counted in the live figures and are not in the lake yet (live_outcomes.Outcome)."""
        found = (
            cast("list[bytes]", self._client.lrange(keyspace.outcomes(shard), 0, -1))
            for shard in range(shards)
        )
        return [line.decode() for lines in found for line in lines]

    def model(self) -> Manifest | None:
        """The current model's manifest, None before the first. Raises ManifestError."""
        pointer = cast("bytes | None", self._client.get(keyspace.CURRENT_MODEL))
        if pointer is None:
            return None
        version = pointer.decode()
        raw = cast("bytes | None", self._client.get(keyspace.manifest(version)))
        return Manifest.from_json(raw, version) if raw else None

    def raters(self) -> int:
        """The number of raters, summed over all items."""
        found = self._client.hscan_iter(keyspace.POPULARITY, count=_SCAN_COUNT)
        # HSCAN may return a field twice while the hash grows.
        return sum({item: Popularity.decode(raw).raters for item, raw in found}.values())

    def state_version(self) -> str:
        """The version of the state that Redis holds, "" when it holds none."""
        raw = self._client.get(keyspace.STATE_VERSION)
        return cast(bytes, raw).decode() if raw else ""

    def trouble(self, is_without_events: bool = False) -> Fault | None:
        """Why answers are stale although Redis answers, or soon may be; None where all is well.

        Before the first event (``is_without_events``) nothing is missing from a state that is not there yet.
        """
        sections: Any = [self._client.info(section) for section in SECTIONS]
        if self._client.exists(keyspace.STATE_REBUILDING):
            return Fault("`headwater rebuild` is writing the state, so answers are stale", "wait for its end")
        version = self.state_version()
        if (version or not is_without_events) and (fault := state_fault(version)):
            return fault
        return memory_fault(
            memory_of({name: value for section in sections for name, value in section.items()})
        )

    def is_being_written(self) -> bool:
        """Whether the online query or a rebuild is writing the state, or has left unfinished work."""
        at_work = self._client.zcount(keyspace.STATE_WRITERS, int(1000 * time.time()), "+inf")
        unmerged = self._client.exists(keyspace.TOUCHED, keyspace.MERGING)
        is_rebuilt = self._client.exists(keyspace.STATE_REBUILDING)
        return bool(
            at_work or unmerged or is_rebuilt or self.kept_since() < self._moment(keyspace.KEPT_SINCE)
        )

    def kept_since(self) -> int:
        """The event time (epoch ms) before which the state holds no event; 0 where it holds all."""
        return self._moment(keyspace.STATE_KEPT_SINCE)

    def _moment(self, key: str) -> int:
        raw: Any = self._client.get(key)
        return int(raw) if raw else 0

    def histories(self) -> Iterator[tuple[str, str, bytes]]:
        """User, item and entries (records.encode_entry, joined) of all histories."""
        return self._entries(keyspace.history_pattern())

    def retracted_items(self) -> Iterator[tuple[str, str, bytes]]:
        """Like `histories`, for the items of which retractions left no entry."""
        return self._entries(keyspace.retracted_pattern())

    def earlier(self) -> Iterator[tuple[str, str, bytes]]:
        """User, item and earlier events (records.encode_earlier) of all items with repeated events."""
        return self._entries(keyspace.earlier_pattern())

    def _entries(self, pattern: str) -> Iterator[tuple[str, str, bytes]]:
        # A user's id may look like the end of another kind of key, so the whole key is matched.
        head, tail = pattern.removesuffix("*").split("*")
        of_user = re.compile(rf"{re.escape(head)}\d+{re.escape(tail)}(.*)", re.DOTALL)
        found = self._client.scan_iter(match=pattern, count=_SCAN_COUNT)
        matches = (of_user.fullmatch(key) for key in {key.decode() for key in found})
        users = ((match[0], match[1]) for match in matches if match)
        while chunk := list(islice(users, _PIPELINE_KEYS)):
            with self._client.pipeline(transaction=False) as pipeline:
                for key, _ in chunk:
                    pipeline.hgetall(key)
                fields = cast("list[dict[bytes, bytes]]", pipeline.execute())
            for (_, user), items in zip(chunk, fields, strict=True):
                yield from ((user, item.decode(), raw) for item, raw in items.items())

    def popularity(self) -> Iterator[tuple[str, Popularity]]:
        """Every item's counters over all shards."""
        found = dict(self._client.hscan_iter(keyspace.POPULARITY, count=_SCAN_COUNT))
        yield from ((item.decode(), Popularity.decode(raw)) for item, raw in found.items())

    def trending(self, half_life_seconds: int) -> Iterator[tuple[str, float]]:
        """The scores (records.Trend.score) of one half-life."""
        found = dict(self._client.zscan_iter(keyspace.trending(half_life_seconds), count=_SCAN_COUNT))
        yield from ((item.decode(), score) for item, score in found.items())

    def request_training(self) -> int:
        """Request a training round; the number of the request."""
        return int(self._client.incr(keyspace.TRAINING_REQUESTS))

    def _hash(self, key: str) -> dict[str, str]:
        raw = cast("dict[bytes, bytes]", self._client.hgetall(key))
        return {field.decode(): value.decode() for field, value in raw.items()}


@contextmanager
def redis_state(url: str) -> Iterator[RedisState]:
    """A view with short timeouts. Raises RedisUnavailableError when Redis does not answer."""
    client = redis_client(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=None,
    )
    try:
        yield RedisState(client)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise RedisUnavailableError(str(error)) from error
    finally:
        client.close()
