"""The version of the state in Redis (keyspace.STATE_VERSION), and what is wrong where it cannot be read."""

from __future__ import annotations

from contracts.redis_memory import Fault
from contracts.stored import keyspace


def is_newer(mark: str) -> bool:
    """Whether a newer Headwater wrote the state."""
    return mark.isdecimal() and int(mark) > keyspace.STATE


def state_fault(mark: str) -> Fault | None:
    """Why answers are stale; None where the state is there. ``mark`` is "" where Redis has none."""
    if mark == str(keyspace.STATE):
        return None
    if is_newer(mark):
        return Fault(
            f"Redis holds the state of version {mark}, which a newer Headwater wrote, and this one reads "
            f"version {keyspace.STATE}, so answers are stale",
            "start the newer Headwater again, or run `headwater rebuild`, which writes the state of this one",
        )
    if mark:
        return Fault(
            f"Redis holds the state of version {mark}, and this Headwater reads version {keyspace.STATE}, so "
            "answers are stale",
            "start streaming again, which rebuilds the state, or run `headwater rebuild`",
        )
    return Fault(
        "the state is not in Redis, so answers are stale",
        "streaming writes it when it starts; if streaming runs, run `headwater rebuild`",
    )
