"""`headwater doctor` checks each Redis in use: whether it keeps its keys, and holds the state."""

from __future__ import annotations

import os
from collections.abc import Iterator

from stack.machine.doctor import Check
from stack.processes.run_state import RunState
from stack.processes.running_stacks import running_stacks
from stack.status.redis_state import RedisUnavailableError, redis_state


def check_states() -> list[Check]:
    """One check for REDIS_URL if it is set, else one for each stack that runs here."""
    return [_check(place, url) for place, url in _servers()]


def _servers() -> Iterator[tuple[str, str]]:
    if url := os.environ.get("REDIS_URL"):
        yield "REDIS_URL", url
        return
    for folders in running_stacks():
        state = RunState.read(folders)
        if state is not None and state.phase == "running":
            yield str(folders.data), state.ports.redis_url


def _check(place: str, url: str) -> Check:
    name = f"state of {place}"
    try:
        with redis_state(url) as redis:
            fault = redis.trouble()
    except RedisUnavailableError as error:
        return Check(name, False, f"Redis does not answer: {error}", "start Redis, or correct REDIS_URL")
    if fault is None:
        return Check(name, True, "in Redis, which keeps its keys (noeviction)", "")
    return Check(name, False, fault.what, fault.cure)
