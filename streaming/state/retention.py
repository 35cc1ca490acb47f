"""Since when events count: one bound of event time, which only ever moves forwards.

EVENTS_KEEP_DAYS moves it in steps, because the state is written again after each step: a function of the
events that are kept, as after `headwater rebuild`.
"""

from __future__ import annotations

import time

from contracts.stored import keyspace
from streaming.state.client import StateClient

DAY_MS = 86_400_000
STEPS = 20  # in what is kept; a step is a day or longer
# KEYS: the bound. ARGV: where it is to be. Returns where it is.
_MOVE_FORWARDS = """
local present = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) <= present then return present end
redis.call('SET', KEYS[1], ARGV[1])
return tonumber(ARGV[1])
"""


def now_ms() -> int:
    """The present moment."""
    return time.time_ns() // 1_000_000


def bound_at(now_ms: int, keep_days: float) -> int:
    """The event time (epoch ms) before which events do not count at a moment; 0 if they are kept for good.

    An event is kept for ``keep_days``, and up to a step longer.
    """
    kept_ms = round(keep_days * DAY_MS)
    if not kept_ms:
        return 0
    step_ms = max(DAY_MS, kept_ms // STEPS)
    return max(0, (now_ms - kept_ms) // step_ms * step_ms)


def move_bound(client: StateClient, to_ms: int) -> int:
    """Move the bound forwards, never back. Returns where it is now."""
    return int(client.eval(_MOVE_FORWARDS, 1, keyspace.KEPT_SINCE, to_ms))


def read_bound(client: StateClient) -> int:
    """The bound (epoch ms); 0 if all events count."""
    return _number(client.get(keyspace.KEPT_SINCE))


def note_bound_of_state(client: StateClient, bound: int) -> None:
    """To be called once the state holds no older events any more."""
    client.set(keyspace.STATE_KEPT_SINCE, bound)


def has_older_events(client: StateClient) -> bool:
    """Whether the bound has moved since the state was written."""
    return _number(client.get(keyspace.STATE_KEPT_SINCE)) < read_bound(client)


def _number(raw: object) -> int:
    return int(raw) if isinstance(raw, bytes) else 0
