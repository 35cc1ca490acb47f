"""In which slot of a Redis Cluster a command's keys lie, and how some keys are named there.

A script and a transaction reach one slot only. Most keys that are written together share a hash tag (in
braces) wherever they are stored. A few do not, and their names on one server are a contract: in a cluster,
such a key has the name of its companion as its tag, which gives it the slot of the companion itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis.crc import key_slot

from contracts.stored.keyspace import CLUSTER_NAMES, STATE_VERSION

_BYTES_NAMES: Mapping[bytes, str] = {name.encode(): there for name, there in CLUSTER_NAMES.items()}
_SCRIPTS = frozenset({"EVAL", "EVALSHA"})
_WITHOUT_KEYS = frozenset({"TIME", "PING"})
# These answer with a number that can be added up, so they need not be of one slot.
COUNTS_OF_KEYS = frozenset({"DEL", "UNLINK", "EXISTS"})
_ALL_ARE_KEYS = COUNTS_OF_KEYS | {"MGET", "RENAME"}
# The server whose clock counts: moments are compared, and each server has a clock of its own.
_CLOCK = STATE_VERSION


def key_places(command: Sequence[Any]) -> range:
    """Where the keys stand in a command; of those that may have more keys, the first is enough."""
    name = command[0]
    if name in _SCRIPTS:
        return range(3, 3 + int(command[2]))
    if name in _WITHOUT_KEYS:
        return range(0)
    return range(1, len(command) if name in _ALL_ARE_KEYS else min(2, len(command)))


def command_in_cluster(command: Sequence[Any]) -> tuple[Any, ...]:
    """The command with the names that its keys have in a cluster."""
    places = key_places(command)
    if not any(command[place] in CLUSTER_NAMES or command[place] in _BYTES_NAMES for place in places):
        return tuple(command)
    names: Mapping[Any, Any] = {**CLUSTER_NAMES, **_BYTES_NAMES}
    return tuple(names.get(part, part) if place in places else part for place, part in enumerate(command))


def slot_of(command: Sequence[Any]) -> int:
    """The slot of a command's first key; that of the clock where it has none."""
    places = key_places(command)
    key = command[places[0]] if places else _CLOCK
    return int(key_slot(key if isinstance(key, bytes) else str(key).encode()))
