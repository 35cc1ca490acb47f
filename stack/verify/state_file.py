"""The state of Redis as a file: `headwater verify export-state` writes it, `headwater verify` reads it.

Lines of JSON: a head (settings, applied offsets), the live figures, then histories, earlier events,
popularity and trending, one line for each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from sys import intern
from typing import Any

from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import Popularity
from stack.machine.errors import StackError
from stack.status.redis_state import RedisState

_TRIES, _PAUSE_SECONDS = 20, 0.25


class StateMovedError(StackError):
    """The online query or a rebuild wrote while the state was read."""

    def __init__(self) -> None:
        super().__init__(
            "the state in Redis changed while it was read: stop the producers, wait until `headwater status` "
            "shows no lag of the online query, and export again"
        )


class StateFileError(StackError):
    """A file is not an exported state."""


@dataclass(frozen=True)
class Head:
    """The settings that the state was made with, and the offsets that it has reached."""

    state_version: str  # "" where Redis does not hold a whole state
    redis_shards: int
    event_weights: dict[str, float]
    trend_half_lives: tuple[int, ...]
    applied_online: dict[str, int]  # "topic:partition" -> next offset
    applied_lake: dict[str, int]
    earlier_events: int = 0  # EARLIER_EVENTS; exports of states that held none do not have it
    lost_exposures: int = 0  # lists that killed API processes lost; exports of earlier versions have none
    kept_since: int = (
        0  # events before it (epoch ms) are not in the state; exports of earlier versions lack it
    )

    def encode(self) -> dict[str, Any]:
        """The file's first line."""
        return {"head": asdict(self)}

    @classmethod
    def decode(cls, line: dict[str, Any]) -> Head:
        """The head from the file's first line. Raises KeyError or TypeError where it is no head."""
        raw = line["head"]
        return cls(**raw | {"trend_half_lives": tuple(raw["trend_half_lives"])})


@dataclass(frozen=True)
class Live:
    """The live figures, and their outcomes that are not in the lake yet."""

    days: dict[str, dict[str, int]]  # day -> field -> amount (contracts/live_figures.py)
    waiting: list[str]  # live_outcomes.Outcome


@dataclass(frozen=True)
class State:
    """A state, exported or recounted from the lake. Entries are those of records.encode_entry, joined."""

    histories: dict[tuple[str, str], bytes]  # (user, item) -> its entries
    retracted: dict[tuple[str, str], bytes]  # the same for items of which retractions left nothing
    popularity: dict[str, Popularity]
    trending: dict[int, dict[str, float]]  # half-life -> item -> score
    earlier: dict[tuple[str, str], bytes] = field(default_factory=dict)  # records.encode_earlier


@dataclass(frozen=True)
class StateFile:
    """An exported state."""

    head: Head
    state: State
    live: Live | None = None  # exports of earlier versions have none


def export_state(redis: RedisState, settings: StateSettings, file: Path) -> Head:
    """Write the whole file or none. Raises StateMovedError where the state changes meanwhile."""
    beside = file.with_name(f".{file.name}.part")
    try:
        for attempt in range(_TRIES):
            time.sleep(_PAUSE_SECONDS * bool(attempt))
            if redis.is_being_written():
                continue
            head = _head(redis, settings)
            with beside.open("w", encoding="utf-8") as out:
                out.writelines(json.dumps(line) + "\n" for line in _lines(redis, head))
            if not redis.is_being_written() and _head(redis, settings) == head:
                beside.replace(file)
                return head
    finally:
        beside.unlink(missing_ok=True)
    raise StateMovedError


def _head(redis: RedisState, settings: StateSettings) -> Head:
    return Head(
        state_version=redis.state_version(),
        redis_shards=settings.redis_shards,
        event_weights=settings.event_weights,
        trend_half_lives=settings.trend_half_lives,
        applied_online=redis.applied_offsets(keyspace.APPLIED_ONLINE),
        applied_lake=redis.applied_offsets(keyspace.APPLIED_LAKE),
        earlier_events=settings.earlier_events,
        lost_exposures=redis.lost_exposures().lists,
        kept_since=redis.kept_since(),
    )


def _lines(redis: RedisState, head: Head) -> Iterator[dict[str, Any]]:
    yield head.encode()
    # Read first, so that outcomes that reach the lake meanwhile are in both and none is missing.
    waiting = redis.outcomes(head.redis_shards)
    yield {"live": {"days": redis.live_days(head.redis_shards, int(1000 * time.time())), "waiting": waiting}}
    for user, item, entries in redis.histories():
        yield {"user": user, "item": item, "history": entries.hex()}
    for user, item, entries in redis.retracted_items():
        yield {"user": user, "item": item, "retracted": entries.hex()}
    for user, item, events in redis.earlier():
        yield {"user": user, "item": item, "earlier": events.hex()}
    for item, popularity in redis.popularity():
        yield {"popular": item, **asdict(popularity)}
    for half_life in head.trend_half_lives:
        for item, score in redis.trending(half_life):
            yield {"trending": half_life, "item": item, "score": score}


def read_state(file: Path) -> StateFile:
    """The exported state. Raises StateFileError."""
    try:
        with file.open(encoding="utf-8") as lines:
            head = Head.decode(json.loads(next(lines)))
            others = map(json.loads, lines)
            first: dict[str, Any] = next(others, {})
            live = Live(**first["live"]) if "live" in first else None
            rest = others if live or not first else chain([first], others)
            return StateFile(head, _state(rest, head.trend_half_lives), live)
    except (OSError, StopIteration, ValueError, KeyError, TypeError) as error:
        raise StateFileError(
            f"{file} is no exported state ({error!r}): `headwater verify export-state FILE` writes one"
        ) from error


def _state(lines: Iterable[dict[str, Any]], half_lives: Iterable[int]) -> State:
    state = State(
        histories={},
        retracted={},
        popularity={},
        trending={half_life: {} for half_life in half_lives},
    )
    for line in lines:
        if "history" in line:
            state.histories[intern(line["user"]), intern(line["item"])] = bytes.fromhex(line["history"])
        elif "retracted" in line:
            state.retracted[intern(line["user"]), intern(line["item"])] = bytes.fromhex(line["retracted"])
        elif "earlier" in line:
            state.earlier[intern(line["user"]), intern(line["item"])] = bytes.fromhex(line["earlier"])
        elif "popular" in line:
            counts = tuple(line["counts"])
            popularity = Popularity(line["users"], line["rating_sum_micros"], counts)
            state.popularity[intern(line["popular"])] = popularity
        else:
            state.trending[line["trending"]][intern(line["item"])] = line["score"]
    return state
