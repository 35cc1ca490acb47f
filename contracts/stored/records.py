"""The values in Redis: compact binary records with encode and decode, tested for round trip.

Numbers are big-endian where Lua reads them (``streaming/state/apply_events.lua``), little-endian otherwise.
"""

from __future__ import annotations

import json
import math
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.events import EVENT_TYPES, RATING, RETRACT
from contracts.stored.hotness import HOTNESS_STEP

MICROS = 1_000_000  # values are summed as integers, so that no order of adding changes a sum
# type code, event time in ms, the event id's bytes (Lua reads them as four words), value in millionths
_ENTRY = struct.Struct(">Bd16si")
ENTRY_SIZE = _ENTRY.size
_EARLIER = struct.Struct(">Bd")  # type code, event time in ms
EARLIER_SIZE = _EARLIER.size
TYPE_CODES: dict[str, int] = {name: code for code, name in enumerate(EVENT_TYPES, 1)}
# Types that are counted; a retraction only takes away.
COUNTED_TYPES = tuple(name for name in EVENT_TYPES if name != RETRACT)
# distinct users, sum of ratings in millionths, then one count per counted type
_POPULARITY = struct.Struct(">Id" + "I" * len(COUNTED_TYPES))
POPULARITY_SIZE = _POPULARITY.size
# The default of TREND_HALF_LIVES, in seconds. A new one goes to the end: stored sums name its place.
TREND_HALF_LIVES = (3600, 86_400, 604_800, 300, 900)
# place of the half-life in TREND_HALF_LIVES, octave, sum of weights in millionths
_OCTAVE = struct.Struct(">Bid")
OCTAVE_SIZE = _OCTAVE.size
USER_GRAMIAN = (
    "user_gramian"  # field of keyspace.model_factors: XᵀX of the user factors, float64 (rank, rank)
)
RANKED_SIZE = 8  # bytes of an item of a ranked list
# A user who asked to be forgotten keeps an empty list in each version: deleted, it would be missing, and the
# version would no longer count as whole (completeness.is_whole). Readers treat it as no list.
EMPTIED_LIST = b""
_HAS_HOTNESS = 0x80  # a bit in the byte of the version's length, which needs the other seven only
OCTAVES = 32  # kept of each half-life; older ones weigh less than one in four billion
_CATALOG_TIME_DIGITS = 16


class HistoryEntry(NamedTuple):
    """The last writer of one (user, item, event type)."""

    event_type: str
    event_time: int  # epoch ms
    event_id: str
    value: float


def encode_entry(entry: HistoryEntry) -> bytes:
    """29 bytes. Raises KeyError for an unknown type."""
    event_id = bytes.fromhex(entry.event_id.replace("-", ""))
    return _ENTRY.pack(TYPE_CODES[entry.event_type], entry.event_time, event_id, round(entry.value * MICROS))


def decode_history(raw: bytes) -> list[HistoryEntry]:
    """The entries of one item, in the order of their type codes."""
    entries = []
    for code, moment, event_id, micros in _ENTRY.iter_unpack(raw):
        text = str(uuid.UUID(bytes=event_id))
        entries.append(HistoryEntry(EVENT_TYPES[code - 1], int(moment), text, micros / MICROS))
    return entries


class EarlierEvent(NamedTuple):
    """An event that is not the last one of its user, item and type."""

    event_type: str
    event_time: int  # epoch ms


def encode_earlier(events: Iterable[EarlierEvent]) -> bytes:
    """9 bytes each, newest first, at one time the higher type code first. KeyError for an unknown type."""
    coded = sorted(((moment, TYPE_CODES[name]) for name, moment in events), reverse=True)
    return b"".join(_EARLIER.pack(code, moment) for moment, code in coded)


def decode_earlier(raw: bytes) -> list[EarlierEvent]:
    """The reverse of encode_earlier."""
    return [EarlierEvent(EVENT_TYPES[code - 1], int(moment)) for code, moment in _EARLIER.iter_unpack(raw)]


@dataclass(frozen=True)
class Popularity:
    """How an item is liked: a sum over users of what each did last, per event type."""

    users: int = 0
    rating_sum_micros: int = 0
    counts: tuple[int, ...] = field(default=(0,) * len(COUNTED_TYPES))

    @property
    def raters(self) -> int:
        """How many users rated the item."""
        return self.counts[COUNTED_TYPES.index(RATING)]

    @property
    def mean(self) -> float | None:
        """The mean rating, None without one."""
        return self.rating_sum_micros / MICROS / self.raters if self.raters else None

    def score(self, weights: dict[str, float]) -> float:
        """Raters x mean rating (the classic formula), plus the weighted counts of the other types."""
        others = sum(weights.get(name, 0.0) * n for name, n in zip(COUNTED_TYPES, self.counts, strict=True))
        return self.rating_sum_micros / MICROS + others

    def __add__(self, other: Popularity) -> Popularity:
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Popularity(self.users + other.users, self.rating_sum_micros + other.rating_sum_micros, counts)

    def encode(self) -> bytes:
        """POPULARITY_SIZE bytes."""
        return _POPULARITY.pack(self.users, self.rating_sum_micros, *self.counts)

    @classmethod
    def decode(cls, raw: bytes) -> Popularity:
        """The reverse of encode. A record older than the newest event types lacks their counts: none yet."""
        users, micros, *counts = _POPULARITY.unpack(raw.ljust(POPULARITY_SIZE, b"\0"))
        return cls(users, int(micros), tuple(counts))


@dataclass(frozen=True)
class Trend:
    """Forward-decayed sums of what was done with an item, one per half-life, exact in any order.

    Cormode et al., Forward Decay (2009): an event at time t weighs w * 2**(t / h), so that no stored sum ever
    changes with the clock. Kept as whole numbers by octave k = floor(t / h), where the event adds
    round(w * 2**(t / h - k)): whole numbers add up to the same sum in any order.
    """

    octaves: Mapping[tuple[int, int], int] = field(
        default_factory=dict
    )  # (half-life's place, k) -> millionths

    def score(self, place: int) -> float | None:
        """log2 of the decayed sum, in half-lives since 1970; None where it is not above zero.

        Scores of one half-life compare as the sums do at any moment; 2 ** (score - now / h) is the sum now.
        """
        # Sums that are zero are left out: beside a newest octave that is empty, old ones would round to 0.
        sums = {k: total for (at, k), total in self.octaves.items() if at == place and total}
        if not sums:
            return None
        newest = max(sums)
        total = sum(sums[k] * 2.0 ** (k - newest) for k in sorted(sums))
        return newest + math.log2(total / MICROS) if total > 0 else None

    def __add__(self, other: Trend) -> Trend:
        summed = dict(self.octaves)
        for key, total in other.octaves.items():
            summed[key] = summed.get(key, 0) + total
        return Trend(summed)

    def encode(self) -> bytes:
        """13 bytes an octave, ordered by half-life and octave."""
        return b"".join(_OCTAVE.pack(*key, self.octaves[key]) for key in sorted(self.octaves))

    @classmethod
    def decode(cls, raw: bytes) -> Trend:
        """The reverse of encode."""
        return cls({(place, k): int(total) for place, k, total in _OCTAVE.iter_unpack(raw)})


class FreshList(NamedTuple):
    """A folded-in list, and from which model and events it was made."""

    version: str  # of the model
    read_at: int  # Redis' clock (microseconds) when the history was read: the newest list wins
    offsets: Mapping[int, int]  # partition of `interactions` -> next offset that the history surely holds
    indexes: tuple[int, ...]
    scores: tuple[float, ...]
    # From 1 (made right after the user's last event) to 0 (long after it), in steps of HOTNESS_STEP: which
    # of a blend's weights made the list. None in lists that were made by the factors alone.
    hotness: float | None = None


def encode_fresh(fresh: FreshList) -> bytes:
    """The time first, where the script compares it; then version, hotness, offsets, and `encode_ranked`."""
    version, hotness = fresh.version.encode(), b""
    length = len(version)
    if fresh.hotness is not None:
        length |= _HAS_HOTNESS
        hotness = struct.pack("B", round(fresh.hotness / HOTNESS_STEP))
    head = struct.pack(">dBB", fresh.read_at, length, len(fresh.offsets)) + version
    offsets = b"".join(struct.pack("<IQ", *pair) for pair in sorted(fresh.offsets.items()))
    return head + hotness + offsets + encode_ranked(fresh.indexes, fresh.scores)


def decode_fresh(raw: bytes) -> FreshList:
    """The reverse of encode_fresh."""
    read_at, length, sources = struct.unpack_from(">dBB", raw)
    start = 10 + (length & ~_HAS_HOTNESS)
    version, hotness = raw[10:start].decode(), None
    if length & _HAS_HOTNESS:
        hotness = raw[start] * HOTNESS_STEP
        start += 1
    end = start + 12 * sources
    offsets = {int(p): int(o) for p, o in struct.iter_unpack("<IQ", raw[start:end])}
    return FreshList(version, int(read_at), offsets, *decode_ranked(raw[end:]), hotness=hotness)


def ranked_of(raw: bytes, version: str) -> bytes:
    """The `encode_ranked` part of an encoded fresh list; empty where another model version made the list."""
    if not raw:
        return b""
    length, sources = raw[8], raw[9]
    start = 10 + (length & ~_HAS_HOTNESS)
    if raw[10:start] != version.encode():
        return b""
    return raw[start + bool(length & _HAS_HOTNESS) + 12 * sources :]


def holds_index(ranked: bytes, index: int) -> bool:
    """Whether a list of `encode_ranked` has an index, found without decoding the list."""
    if index < 0:
        return False
    wanted, end = struct.pack("<I", index), len(ranked) // RANKED_SIZE * 4
    at = ranked.find(wanted, 0, end)
    while at >= 0 and at % 4:
        at = ranked.find(wanted, at + 1, end)
    return at >= 0


def encode_ranked(indexes: Sequence[int], scores: Sequence[float], hotness: float = 0.0) -> bytes:
    """A ranked list of dense item indexes (uint32) with scores (float32): 8 bytes an item.

    One more byte says the ``hotness`` of a user's list that was made in a round, where it is above 0.
    """
    n, steps = len(indexes), round(hotness / HOTNESS_STEP)
    return struct.pack(f"<{n}I{n}f", *indexes, *scores) + (struct.pack("B", steps) if steps else b"")


def decode_ranked(raw: bytes) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Indexes and scores, best first."""
    n = len(raw) // RANKED_SIZE
    numbers = struct.unpack_from(f"<{n}I{n}f", raw)
    return numbers[:n], numbers[n:]


def hotness_of_ranked(raw: bytes) -> float:
    """The hotness of a list of encode_ranked."""
    return raw[-1] * HOTNESS_STEP if len(raw) % RANKED_SIZE else 0.0


def encode_ranked_ids(ids: Sequence[str], scores: Sequence[float]) -> bytes:
    """A ranked list of ids with scores, for lists so rarely read that readers keep no index of the ids."""
    return struct.pack(f"<H{len(ids)}f", len(ids), *scores) + "\n".join(ids).encode()


def decode_ranked_ids(raw: bytes) -> tuple[list[str], tuple[float, ...]]:
    """Ids and scores, best first."""
    (n,) = struct.unpack_from("<H", raw)
    scores = struct.unpack_from(f"<{n}f", raw, 2)
    return raw[2 + 4 * n :].decode().split("\n") if n else [], scores


def without_ids(raw: bytes, gone: Set[str]) -> bytes | None:
    """A list of encode_ranked_ids without some ids; None where it holds none of them."""
    if not any(each.encode() in raw for each in gone):  # most lists hold none, and need no decoding
        return None
    ids, scores = decode_ranked_ids(raw)
    left = [(each, score) for each, score in zip(ids, scores, strict=True) if each not in gone]
    if len(left) == len(ids):
        return None
    return encode_ranked_ids([each for each, _ in left], [score for _, score in left])


def encode_ids(ids: Sequence[str]) -> bytes:
    """Ids in index order, one a line (ids hold no control characters)."""
    return "\n".join(ids).encode()


def decode_ids(raw: bytes) -> list[str]:
    """The reverse of encode_ids."""
    return raw.decode().split("\n") if raw else []


def encode_catalog(updated_at: int, entry_json: str) -> bytes:
    """The entry's time in 16 digits, which the script compares, and behind it the entry's JSON."""
    return f"{updated_at:0{_CATALOG_TIME_DIGITS}d}{entry_json}".encode()


def decode_catalog(raw: bytes) -> dict[str, object]:
    """The entry as the dictionary that was encoded."""
    entry: dict[str, object] = json.loads(raw[_CATALOG_TIME_DIGITS:])
    return entry
