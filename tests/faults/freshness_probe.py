"""Measures, through the API, the time from an acknowledged event to a list without the event's item."""

from __future__ import annotations

import itertools
import threading
import time

from stack.status.api_client import ApiError, recommendations, send_events

_PAUSE_SECONDS, _POLL_SECONDS, _LONGEST_SECONDS = 2.0, 0.05, 30.0
_USERS = 60  # used in turn, so that no user likes everything


class FreshnessProbe:
    """Likes the first item of a user's list, and waits until the list no longer has it."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._seconds: list[float] = []
        self.failures: list[str] = []

    def run(self) -> None:
        """Probe until `stop` is called."""
        for number in itertools.count():
            if self._stopping.wait(_PAUSE_SECONDS):
                return
            try:
                seconds = self._probe(f"probe-{number % _USERS}")
            except (ApiError, KeyError, IndexError) as error:
                self.failures.append(f"probe {number}: {error!r}")
                continue
            with self._lock:
                self._seconds.append(seconds)

    def stop(self) -> None:
        """Stop after the current probe."""
        self._stopping.set()

    def take(self) -> dict[str, float]:
        """The longest probe since the last call; empty if none has ended."""
        with self._lock:
            seconds, self._seconds = self._seconds, []
        return {"freshness: seconds": round(max(seconds), 3)} if seconds else {}

    def _probe(self, user: str) -> float:
        item = recommendations(self._api, user, 10)["items"][0]["item_id"]
        send_events(self._api, [{"event_type": "like", "user_id": user, "item_id": item}])
        acknowledged = time.monotonic()
        while time.monotonic() - acknowledged < _LONGEST_SECONDS:
            answer = recommendations(self._api, user, 10)
            if item not in {each["item_id"] for each in answer["items"]}:
                return time.monotonic() - acknowledged
            time.sleep(_POLL_SECONDS)
        self.failures.append(f"{user}'s answer did not change within {_LONGEST_SECONDS:g} s")
        return _LONGEST_SECONDS
