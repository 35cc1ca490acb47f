"""What a Redis reports about its memory and its disk (INFO): whether it refuses writes or may evict keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

NO_EVICTION = "noeviction"
_FULL_SHARE = 0.99  # a server that refuses writes moves a little around its limit
_FILE = "aof_last_write_status"
# Sections of INFO. Each is asked for by itself, because a question for several needs Redis 7.
SECTIONS = ("memory", "stats", "persistence")


@dataclass(frozen=True)
class RedisMemory:
    """A server's memory. One that does not report its policy is taken for one that keeps its keys."""

    policy: str = NO_EVICTION
    used_bytes: int = 0
    max_bytes: int = 0  # 0: no limit but the machine's
    evicted_keys: int = 0  # since the server was started
    writes_its_file: bool = True  # False: it cannot write its append-only file, mostly for a full disk

    @property
    def may_evict(self) -> bool:
        """Whether the server may delete keys by itself when its memory is full."""
        return self.policy != NO_EVICTION

    @property
    def is_full(self) -> bool:
        """Whether the server refuses writes now, or will with the next ones."""
        return self.max_bytes > 0 and self.used_bytes >= _FULL_SHARE * self.max_bytes

    @property
    def refuses_writes(self) -> bool:
        """Whether the server refuses writes: its memory is full, or it cannot write its append-only file."""
        return self.is_full or not self.writes_its_file

    @property
    def may_evict_state(self) -> bool:
        """Whether it may delete keys of the state. They do not expire, so "volatile" policies spare them."""
        return self.may_evict and not self.policy.startswith("volatile-")


def memory_of(info: Mapping[str, Any]) -> RedisMemory:
    """Read from the fields of all SECTIONS of INFO; what is missing has its default."""
    return RedisMemory(
        policy=str(info.get("maxmemory_policy", NO_EVICTION)),
        used_bytes=int(info.get("used_memory", 0)),
        max_bytes=int(info.get("maxmemory", 0)),
        evicted_keys=int(info.get("evicted_keys", 0)),
        writes_its_file=info.get(_FILE, "ok") == "ok",
    )


def info_of_all(infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of a cluster's servers as those of one server (bytes and counts are sums).

    The limit is what all servers together hold when the fullest one is full, because that one then refuses
    writes. Where one server may evict keys, the result says that it may.
    """
    memories = [memory_of(info) for info in infos]
    used = sum(memory.used_bytes for memory in memories)
    fullest = max(
        (memory.used_bytes / memory.max_bytes for memory in memories if memory.max_bytes), default=0
    )
    evicting = [memory.policy for memory in memories if memory.may_evict_state]
    evicting += [memory.policy for memory in memories if memory.may_evict]
    first = dict(infos[0]) if infos else {}
    together = {
        "used_memory": used,
        "maxmemory": round(used / fullest) if fullest else 0,
        "maxmemory_policy": evicting[0] if evicting else NO_EVICTION,
        "evicted_keys": sum(memory.evicted_keys for memory in memories),
        _FILE: "ok" if all(memory.writes_its_file for memory in memories) else "err",
    }
    return first | {name: value for name, value in together.items() if name in first}


def fields_of(text: str) -> dict[str, str]:
    """The fields in the text of an answer to INFO."""
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in lines if colon}


class Fault(NamedTuple):
    """What is wrong, and what an operator does about it."""

    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}: {self.cure}"


def eviction_fault(memory: RedisMemory) -> Fault | None:
    """What is wrong with a Redis that may evict; None where it keeps its keys."""
    if not memory.may_evict:
        return None
    return Fault(
        f"Redis deletes keys when its memory is full (maxmemory-policy {memory.policy}), so histories and "
        "lists would vanish one by one",
        "set `maxmemory-policy noeviction`, at once by `redis-cli CONFIG SET maxmemory-policy noeviction`, "
        "for good in redis.conf or in your provider's settings",
    )


def memory_fault(memory: RedisMemory) -> Fault | None:
    """What is wrong with a Redis that refuses writes or may evict keys; None where all is well."""
    if not memory.writes_its_file:
        return Fault(
            "Redis cannot write to its disk, so events wait and answers fall behind; nothing is lost, the "
            "lake goes on",
            "free space where its append-only file is, and it goes on by itself",
        )
    if not memory.is_full:
        return eviction_fault(memory)
    return Fault(
        f"Redis is full ({memory.used_bytes} of {memory.max_bytes} bytes of maxmemory), so events wait and "
        "answers fall behind; nothing is lost, the lake goes on",
        "give it more memory (`redis-cli CONFIG SET maxmemory ...`), or lower TOP_N, FRESH_N, KEEP_VERSIONS",
    )
