"""Publishes a version to Redis: writes all of it, verifies it, then moves the pointer by compare-and-set.

If it is killed at any point, the old version stays served, and the next round deletes what was written.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from clients.redis.connection import redis_client
from contracts.experiments.record import Experiment, ExperimentError
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.completeness import counted_keys, sizes_of
from contracts.stored.manifest import Manifest, Sizes
from contracts.stored.pointer import (
    AUDIT_LINES,
    MOVE_KEYS,
    MOVE_SCRIPT,
    AuditLine,
    audit_line,
    move_arguments,
)
from contracts.stored.records import (
    EMPTIED_LIST,
    USER_GRAMIAN,
    decode_catalog,
    decode_ids,
    decode_ranked,
    encode_ids,
    without_ids,
)
from contracts.stored.statuses import TrainingStatus
from training.registry.outcome import DamagedModelError, TrainingError, parse_manifest

_CHUNK = 500
# Copies fields of one hash to another of the same slot. Returns how many existed.
_COPY_FIELDS = """
local values, found = redis.call('HMGET', KEYS[1], unpack(ARGV)), {}
for place, value in ipairs(values) do
  if value then
    found[#found + 1] = ARGV[place]
    found[#found + 1] = value
  end
end
if #found > 0 then redis.call('HSET', KEYS[2], unpack(found)) end
return #found / 2
"""


class MemoryBudgetError(TrainingError):
    """Publishing would fill Redis beyond REDIS_MEMORY_BUDGET; nothing was written."""


class IncompletePublishError(TrainingError):
    """Redis holds fewer fields than were written; the pointer has not moved."""


@cache
def connect(url: str) -> redis.Redis:
    """One client per process and address (Spark keeps its Python workers)."""
    return redis_client(url, socket_timeout=30, socket_connect_timeout=5)


@dataclass(frozen=True)
class Publisher:
    """The Redis side of training."""

    url: str
    shards: int

    @classmethod
    def of(cls, settings: TrainingSettings) -> Publisher:
        """The publisher that the settings name."""
        return cls(settings.redis_url.get_secret_value(), settings.redis_shards)

    @property
    def _client(self) -> redis.Redis:
        return connect(self.url)

    def current_version(self) -> str | None:
        """The served version; None before the first model."""
        return self._text(keyspace.CURRENT_MODEL)

    def current_manifest(self) -> Manifest | None:
        """The served version's manifest, None before the first model. Raises as `manifest_of`."""
        version = self.current_version()
        return self.manifest_of(version) if version else None

    def manifest_of(self, version: str) -> Manifest | None:
        """The manifest of a version, None where Redis does not hold it.

        Raises DamagedModelError where it cannot be read, TrainingError where a newer Headwater wrote it.
        """
        text = self._text(keyspace.manifest(version))
        return parse_manifest(text, version) if text else None

    def check_budget(self, needed: int, budget: int) -> None:
        """Check that ``needed`` more bytes fit into ``budget``, which is for all of Redis (0: no bound).

        Raises MemoryBudgetError.
        """
        info: Any = self._client.info("memory") if budget else {"used_memory": 0}
        used = int(info["used_memory"])
        if budget and used + needed > budget:
            raise MemoryBudgetError(
                f"Publishing needs about {needed / 1e6:,.1f} MB, Redis holds {used / 1e6:,.1f} MB, and "
                f"REDIS_MEMORY_BUDGET is {budget / 1e6:,.1f} MB: raise it, or lower TOP_N or KEEP_VERSIONS "
                "(see `headwater plan`). Nothing was written, the old model stays served"
            )

    def begin(self, version: str) -> None:
        """Enter a version in the list by which unfinished ones are found."""
        self._client.zadd(keyspace.MODEL_VERSIONS, {version: time.time()})

    def write_items(self, version: str, item_ids: list[str]) -> None:
        """The id of every item index."""
        self._client.set(keyspace.model_items(version), encode_ids(item_ids))

    def write_factors(
        self, version: str, item_factors: NDArray[np.float32], user_gramian: NDArray[np.float64]
    ) -> None:
        """What fold-in needs: the (items, rank) factors by index, in parts, and XᵀX of the user factors.

        Raises IncompletePublishError where Redis does not hold all of it.
        """
        key = keyspace.model_factors(version)
        self._client.hset(key, USER_GRAMIAN, np.asarray(user_gramian, "<f8").tobytes())
        parts = self._write_parts(key, item_factors)
        self.verify([key], written=parts + 1)

    def write_rating_factors(self, version: str, item_factors: NDArray[np.float32]) -> None:
        """The (items, rank) factors of the explicit model. Raises IncompletePublishError."""
        key = keyspace.rating_factors(version)
        self.verify([key], written=self._write_parts(key, item_factors))

    def write_signals(self, version: str, fields: dict[str, bytes]) -> None:
        """The arrays of the version's blend by field. Raises IncompletePublishError."""
        key = keyspace.model_signals(version)
        for name, value in fields.items():  # each may have megabytes
            self._client.hset(key, name, value)
        self.verify([key], written=len(fields))

    def write_content(self, version: str, placement: bytes) -> None:
        """What places items by their content."""
        self._client.set(keyspace.model_content(version), placement)

    def catalogue_entries(self, item_ids: list[str]) -> list[dict[str, Any]]:
        """What the catalogue says of each item; {} where it has no entry."""
        entries: list[dict[str, Any]] = []
        for start in range(0, len(item_ids), _CHUNK):
            raws: Any = self._client.hmget(keyspace.CATALOG_ITEMS, item_ids[start : start + _CHUNK])
            entries += [decode_catalog(raw) if raw else {} for raw in raws]
        return entries

    def _write_parts(self, key: str, factors: NDArray[np.float32]) -> int:
        size = keyspace.ITEMS_PER_PART
        parts = [factors[start : start + size] for start in range(0, len(factors), size)]
        for name, part in enumerate(parts):
            self._client.hset(key, str(name), np.asarray(part, "<f4").tobytes())
        return len(parts)

    def promote(self, manifest: Manifest, expected: str | None) -> bool:
        """Write the manifest and move the pointer. False if another trainer was faster."""
        self.write_manifest(manifest)
        gate = manifest.gate.reason if manifest.gate else ""
        reason = "; ".join(filter(None, (gate, manifest.cause)))
        return self.move(manifest.version, expected, "publish", reason)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest. Readers treat a version with a manifest as finished."""
        self._client.set(keyspace.manifest(manifest.version), manifest.to_json())

    def move(self, version: str, expected: str | None, action: str, reason: str) -> bool:
        """Move the pointer from ``expected``, with an audit line. False if it names another version."""
        line = audit_line(_who(), action, expected, version, reason)
        return bool(self._client.eval(MOVE_SCRIPT, len(MOVE_KEYS), *MOVE_KEYS, *move_arguments(line)))

    def record(self, action: str, current: str | None, version: str, reason: str) -> None:
        """Write an audit line for something that does not move the pointer: a refusal, a pruning."""
        line = audit_line(_who(), action, current, version, reason)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.rpush(keyspace.MODEL_AUDIT, line.encode())
            pipeline.ltrim(keyspace.MODEL_AUDIT, -AUDIT_LINES, -1)
            pipeline.execute()

    def audit(self) -> list[AuditLine]:
        """All audit lines that are kept, oldest first."""
        lines: Any = self._client.lrange(keyspace.MODEL_AUDIT, 0, -1)
        return [AuditLine.decode(line) for line in lines]

    def sizes(self, version: str) -> Sizes:
        """How many fields each hash of a version has: for its manifest, and before it is served again."""
        lengths = [int(self._client.hlen(key)) for key in counted_keys(version, self.shards)]
        return sizes_of(lengths, self.shards)

    def applied_offsets(self, key: str) -> dict[str, int]:
        """How far a query has come (keyspace.APPLIED_...): "topic:partition" -> next offset."""
        fields: Any = self._client.hgetall(key)
        return {place.decode(): int(offset) for place, offset in fields.items()}

    def erased_users(self) -> dict[str, int]:
        """Users who asked to be forgotten -> the moment up to which their events are erased (epoch ms)."""
        found: dict[str, int] = {}
        for shard in range(self.shards):
            fields: Any = self._client.hgetall(keyspace.erased_users(shard))
            found |= {user.decode(): int(until) for user, until in fields.items()}
        return found

    def empty_lists(self, version: str, users: Set[str]) -> None:
        """Empty these users' lists in a version, and remove them from the lists of items."""
        for user in users:
            key = keyspace.top_n(keyspace.shard_of(user, self.shards), version)
            if self._client.hexists(key, user):
                self._client.hset(key, user, EMPTIED_LIST)
        key = keyspace.top_users(version)
        for item, raw in self._client.hscan_iter(key, count=_CHUNK):
            left = without_ids(raw, users)
            if left is not None:
                self._client.hset(key, item, left)

    def versions(self) -> list[str]:
        """Every version in Redis, also unfinished ones, oldest first."""
        found: Any = self._client.zrange(keyspace.MODEL_VERSIONS, 0, -1)
        return [version.decode() for version in found]

    def versions_begun(self) -> dict[str, float]:
        """As `versions`, with when each was begun (epoch seconds)."""
        found: Any = self._client.zrange(keyspace.MODEL_VERSIONS, 0, -1, withscores=True)
        return {version.decode(): float(begun) for version, begun in found}

    def versions_before(self, version: str) -> list[str]:
        """The versions begun before one, oldest first."""
        begun: Any = self._client.zscore(keyspace.MODEL_VERSIONS, version)
        older: Any = self._client.zrangebyscore(keyspace.MODEL_VERSIONS, "-inf", f"({begun!r}")
        return [found.decode() for found in older]

    def superseded_versions(self, version: str, keep: int) -> list[str]:
        """The versions begun before one, except the newest ``keep`` that were served, this one among them.

        Versions that were never finished are among the superseded. One that was begun later belongs to
        another trainer that is still at work, and stays.
        """
        manifest = self.current_manifest()
        kept = {version}
        in_use = self.experiment_versions()
        while manifest and manifest.previous and len(kept) < keep:
            kept.add(manifest.previous)
            try:
                manifest = self.manifest_of(manifest.previous)
            except DamagedModelError:
                manifest = None
        return [older for older in self.versions_before(version) if older not in kept | in_use]

    def experiment_versions(self) -> set[str]:
        """The versions that arms of running experiments serve: they stay. A damaged record names none."""
        raw: Any = self._client.hvals(keyspace.EXPERIMENTS)
        found: set[str] = set()
        for each in raw:
            with suppress(ExperimentError):
                experiment = Experiment.from_json(each)
                if experiment.state == "running":
                    found |= experiment.definition.named_versions()
        return found

    def delete(self, version: str) -> None:
        """Delete a version's keys."""
        self._client.unlink(*keyspace.version_keys(version, self.shards))
        self._client.zrem(keyspace.MODEL_VERSIONS, version)

    def requests(self) -> int:
        """How many rounds have been asked for so far."""
        return int(self._text(keyspace.TRAINING_REQUESTS) or 0)

    def request(self) -> int:
        """Ask for a round; returns the request's number."""
        return int(self._client.incr(keyspace.TRAINING_REQUESTS))

    def write_status(self, status: TrainingStatus) -> None:
        """Write what the trainer is doing. Fields that are not set stay unchanged."""
        fields = [text for pair in status.encode().items() for text in pair]
        self._client.hset(keyspace.TRAINING_STATUS, items=fields)

    def read_status(self) -> TrainingStatus:
        """The trainer's last status."""
        fields: Any = self._client.hgetall(keyspace.TRAINING_STATUS)
        return TrainingStatus.decode(fields)

    def item_ids(self, version: str) -> list[str]:
        """A version's item ids, in index order."""
        raw: Any = self._client.get(keyspace.model_items(version))
        return decode_ids(raw or b"")

    def popular(self, n: int) -> list[tuple[str, float]]:
        """The most popular items with their scores, best first."""
        found: Any = self._client.zrevrange(keyspace.POPULAR, 0, n - 1, withscores=True)
        return [(item.decode(), float(score)) for item, score in found]

    def lists_of(self, version: str, users: Set[str]) -> dict[str, tuple[int, ...] | None]:
        """The item indexes of these users' lists, best first; None for a user without one."""
        by_shard: dict[int, list[str]] = {}
        for user in users:
            by_shard.setdefault(keyspace.shard_of(user, self.shards), []).append(user)
        found: dict[str, tuple[int, ...] | None] = {}
        for shard, names in by_shard.items():
            lists: Any = self._client.hmget(keyspace.top_n(shard, version), names)
            found |= {
                user: decode_ranked(raw)[0] if raw else None for user, raw in zip(names, lists, strict=True)
            }
        return found

    def _text(self, key: str) -> str | None:
        raw: Any = self._client.get(key)
        return None if raw is None else str(raw.decode())

    def verify(self, keys: list[str], written: int) -> None:
        """Count the fields in Redis. Raises IncompletePublishError if they are not as many as were
        written."""
        found = sum(int(self._client.hlen(key)) for key in keys)
        if found != written:
            raise IncompletePublishError(
                f"{keys[0]}: {written} fields were written, Redis holds {found}: is its memory full, or did "
                "somebody flush it? The old model stays served; the next round writes all again"
            )


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def write_fields(url: str, key: str, fields: dict[str, bytes]) -> None:
    """Write the fields of a hash in chunks; called on the executors."""
    with connect(url).pipeline(transaction=False) as pipeline:
        for names in _chunks(list(fields)):
            pipeline.hset(key, items=[x for name in names for x in (name, fields[name])])
        pipeline.execute()


def read_fields(url: str, key: str, names: list[str]) -> list[bytes | None]:
    """The values of some fields of a hash, in chunks; called on the executors."""
    with connect(url).pipeline(transaction=False) as pipeline:
        for chunk in _chunks(names):
            pipeline.hmget(key, chunk)
        return [value for values in pipeline.execute() for value in values]


def copy_fields(url: str, source: str, key: str, names: list[str]) -> int:
    """Copy fields within Redis, in chunks, so that no call blocks it for long. Returns how many existed."""
    with connect(url).pipeline(transaction=False) as pipeline:
        for chunk in _chunks(names):
            pipeline.eval(_COPY_FIELDS, 2, source, key, *chunk)
        return sum(pipeline.execute())


def _chunks(names: list[str]) -> list[list[str]]:
    return [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
