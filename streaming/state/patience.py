"""While Redis is full, cannot write to its disk or does not answer: log that once, wait, and then go on.

Only writes to Redis wait; the lake query never does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

log = logging.getLogger("headwater.online")
# Must match in the text of a failed Python task too, but never Java's OutOfMemoryError.
_FULL = re.compile(r"OOM command not allowed|command not allowed when used memory > 'maxmemory'")
_DISK = re.compile(r"MISCONF ")
_AWAY = re.compile(r"redis\.exceptions\.(ConnectionError|TimeoutError|BusyLoadingError)")
PAUSE_SECONDS = 1.0
FULL = (
    "Redis is full (maxmemory): no event is applied until there is room, the lake goes on. Give it more "
    "memory (`redis-cli CONFIG SET maxmemory ...`), or lower TOP_N, FRESH_N or KEEP_VERSIONS"
)
DISK = (
    "Redis cannot write to its disk: no event is applied until it can, the lake goes on. Free space where "
    "its append-only file is"
)
AWAY = "Redis does not answer: no event is applied until it does, the lake goes on"


def redis_trouble(error: BaseException | str) -> str | None:
    """What to log for an error that passes once Redis takes writes or answers again; None for other
    errors."""
    kind = "" if isinstance(error, str) else f"{type(error).__module__}.{type(error).__name__}: "
    text = f"{kind}{error}"
    if _FULL.search(text):
        return FULL
    if _DISK.search(text):
        return DISK
    return AWAY if _AWAY.search(text) else None


class Patience:
    """Logs when a trouble begins and when it has ended. Each waiting part has its own."""

    def __init__(self, pause: Callable[[float], object]) -> None:
        self._pause = pause
        self._said: str | None = None

    def wait(self, error: BaseException | str) -> bool:
        """Wait a moment and return True. Return False at once if waiting does not help against the error."""
        trouble = redis_trouble(error)
        if trouble is None:
            return False
        if trouble != self._said:
            log.error("%s", trouble)
        self._said = trouble
        self._pause(PAUSE_SECONDS)
        return True

    def is_over(self) -> None:
        """Note that writing works again. To be called after each success."""
        if self._said is not None:
            log.info("Redis takes writes again")
        self._said = None
