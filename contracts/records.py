"""How values lie in Redis: compact binary records with encode and decode, tested for round trip.

Numbers are big-endian where Lua reads them (``streaming/apply_events.lua``), little-endian otherwise.
"""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.events import EVENT_TYPES

MICROS = 1_000_000  # values are summed as integers, so that no order of adding changes a sum
# type code, event time in ms, the event id's four words, value in millionths
_ENTRY = struct.Struct(">BdIIIIi")
ENTRY_SIZE = _ENTRY.size
TYPE_CODES: dict[str, int] = {name: code for code, name in enumerate(EVENT_TYPES, 1)}
# distinct users, sum of ratings in millionths, then one count per event type
_POPULARITY = struct.Struct(">Id" + "I" * len(EVENT_TYPES))
_CATALOG_TIME_DIGITS = 16


class HistoryEntry(NamedTuple):
    """The last writer of one (user, item, event type)."""

    event_type: str
    event_time: int  # epoch ms
    event_id: str
    value: float


def encode_entry(entry: HistoryEntry) -> bytes:
    """29 bytes. Raises KeyError for an unknown type."""
    words = struct.unpack(">IIII", uuid.UUID(entry.event_id).bytes)
    return _ENTRY.pack(TYPE_CODES[entry.event_type], entry.event_time, *words, round(entry.value * MICROS))


def decode_history(raw: bytes) -> list[HistoryEntry]:
    """The entries of one item, in the order of their type codes."""
    entries = []
    for code, moment, a, b, c, d, micros in _ENTRY.iter_unpack(raw):
        event_id = str(uuid.UUID(bytes=struct.pack(">IIII", a, b, c, d)))
        entries.append(HistoryEntry(EVENT_TYPES[code - 1], int(moment), event_id, micros / MICROS))
    return entries


@dataclass(frozen=True)
class Popularity:
    """How an item is liked: a sum over users of what each did last, per event type."""

    users: int = 0
    rating_sum_micros: int = 0
    counts: tuple[int, ...] = field(default=(0,) * len(EVENT_TYPES))

    @property
    def raters(self) -> int:
        """How many users rated the item."""
        return self.counts[TYPE_CODES["rating"] - 1]

    @property
    def mean(self) -> float | None:
        """The mean rating, None without one."""
        return self.rating_sum_micros / MICROS / self.raters if self.raters else None

    def score(self, weights: dict[str, float]) -> float:
        """Raters x mean rating (the classic formula), plus the weighted counts of the other types."""
        others = sum(weights.get(name, 0.0) * n for name, n in zip(EVENT_TYPES, self.counts, strict=True))
        return self.rating_sum_micros / MICROS + others

    def __add__(self, other: Popularity) -> Popularity:
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Popularity(self.users + other.users, self.rating_sum_micros + other.rating_sum_micros, counts)

    def encode(self) -> bytes:
        """36 bytes."""
        return _POPULARITY.pack(self.users, self.rating_sum_micros, *self.counts)

    @classmethod
    def decode(cls, raw: bytes) -> Popularity:
        """The reverse of encode."""
        users, micros, *counts = _POPULARITY.unpack(raw)
        return cls(users, int(micros), tuple(counts))


def encode_ranked(indexes: Sequence[int], scores: Sequence[float]) -> bytes:
    """A ranked list of dense item indexes (uint32) with scores (float32): 8 bytes an item."""
    n = len(indexes)
    return struct.pack(f"<{n}I{n}f", *indexes, *scores)


def decode_ranked(raw: bytes) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Indexes and scores, best first."""
    n = len(raw) // 8
    numbers = struct.unpack(f"<{n}I{n}f", raw)
    return numbers[:n], numbers[n:]


def encode_ranked_ids(ids: Sequence[str], scores: Sequence[float]) -> bytes:
    """A ranked list of ids, for lists too rare to keep an index in readers' memory."""
    return struct.pack(f"<H{len(ids)}f", len(ids), *scores) + "\n".join(ids).encode()


def decode_ranked_ids(raw: bytes) -> tuple[list[str], tuple[float, ...]]:
    """Ids and scores, best first."""
    (n,) = struct.unpack_from("<H", raw)
    scores = struct.unpack_from(f"<{n}f", raw, 2)
    return raw[2 + 4 * n :].decode().split("\n") if n else [], scores


def encode_ids(ids: Sequence[str]) -> bytes:
    """Ids in index order, one a line (ids hold no control characters)."""
    return "\n".join(ids).encode()


def decode_ids(raw: bytes) -> list[str]:
    """The reverse of encode_ids."""
    return raw.decode().split("\n") if raw else []


def encode_catalog(updated_at: int, entry_json: str) -> bytes:
    """The entry's JSON behind its time in fixed width, which the script compares."""
    return f"{updated_at:0{_CATALOG_TIME_DIGITS}d}{entry_json}".encode()


def decode_catalog(raw: bytes) -> dict[str, object]:
    """The entry as the dictionary that was encoded."""
    entry: dict[str, object] = json.loads(raw[_CATALOG_TIME_DIGITS:])
    return entry
