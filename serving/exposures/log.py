"""Gives each answer its id, and notes what it shows. No answer waits for Kafka, or fails because of it.

What was shown waits here for milliseconds and goes to a process that only sends (sender_process.py): a
client of Kafka in this one would take the interpreter's lock from answers. Lists that find no room, or that
Kafka does not acknowledge in time, are dropped and counted; what a killed process loses is counted too
(losses.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from contracts.exposures import ListKind
from contracts.recommendation_id import RecommendationIds
from contracts.settings import ServingSettings
from serving.exposures.count import ExposureCount
from serving.exposures.text import Shown, line_of, line_of_answer, shown_items, shown_json
from serving.memory.newest_list import NewItems
from serving.question.candidate import User
from serving.question.list_options import ListOptions
from serving.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)
HAND_OVER_SECONDS = 0.02  # while lists are shown: often, so that each time costs no more than an answer
IDLE_SECONDS = 0.5
_WHOLE = ListOptions(0)  # for a page from the first place on, in no experiment


class Sender(Protocol):
    """Takes lists to Kafka, and counts there what became of each."""

    def take(self, waiting: deque[bytes]) -> None:
        """Take lines (text.py) from the left, as many as there is room for. Never waits, never raises."""

    async def end(self, waiting: deque[bytes]) -> None:
        """Take the rest, and send it in bounded time. What is not counted then is lost."""


class ExposureLog:
    """The exposures of one API process."""

    def __init__(
        self,
        settings: ServingSettings,
        sender: Sender,
        count: ExposureCount,
        metrics: Metrics,
        new_items: NewItems | None = None,
    ) -> None:
        key = settings.recommendation_key
        self.ids = RecommendationIds(key.get_secret_value() if key else None)
        self._sender, self._count, self._metrics, self._new_items = sender, count, metrics, new_items
        self._enabled, self._most = settings.exposures, settings.exposures_waiting
        self._waiting: deque[bytes] = deque()
        self._sent = self._dropped = 0  # as far as the metrics say it

    def issue(self, user: User, source: str | None, arm: str = "") -> str:
        """The id of an answer whose first item has this source."""
        return self.ids.issue(user.user_id, user.model_version, source, arm)

    def note(
        self,
        kind: ListKind,
        recommendation_id: str,
        user: User,
        page: Sequence[Shown],
        options: ListOptions = _WHOLE,
        session_id: str | None = None,
        body: bytes | None = None,
    ) -> None:
        """Note that an answer showed a page. Its first place and its arm are those in the options.

        ``body`` is the answer where it is whole (list_json.py), which costs least.
        """
        if self._new_items is not None:
            self._new_items.note(item_id for item_id, _, _ in page)
        if not self._enabled or not page:
            return
        if body is not None:
            self._add(line_of_answer(body, user, session_id))
            return
        items = shown_items(page, options.offset)
        self._add(line_of(shown_json(kind, recommendation_id, user, items, options.arm, session_id)))

    def add(self, *exposures: str) -> None:
        """Add exposures (contracts/exposures.py, as JSON) to those that wait."""
        for each in exposures:
            self._add(line_of(each))

    def _add(self, line: bytes) -> None:
        # The bound is on all that Kafka has not taken, here and in the sender.
        if self._count.unsettled_lists < self._most:
            self._count.note(1)
            self._waiting.append(line)
        else:
            self._metrics.exposures.labels("dropped").inc()

    async def run(self) -> None:
        """Hand over what waits, until cancelled."""
        while True:
            await asyncio.sleep(HAND_OVER_SECONDS if self._waiting else IDLE_SECONDS)
            self.hand_over()

    def hand_over(self) -> None:
        """Give the sender what waits, and bring the metrics up to what it has counted."""
        self._sender.take(self._waiting)
        self._update_metrics()

    async def close(self) -> None:
        """Let the sender send what waits, in bounded time; the log says how many lists are left then.

        Nobody reads the metrics of a process that ends, so its count says what was dropped here.
        """
        await self._sender.end(self._waiting)
        self._update_metrics()
        if lost := self._count.unsettled_lists:
            _log.warning(
                "the API stopped before Kafka took its last exposures: %d lists are not in the topic", lost
            )
        self._count.close()

    def _update_metrics(self) -> None:
        # Read in this order, a list that is dropped at this moment is not counted as sent.
        settled, dropped = self._count.settled_lists, self._count.dropped_lists
        if dropped > self._dropped:
            self._metrics.exposures.labels("dropped").inc(dropped - self._dropped)
            self._dropped = dropped
        if settled - dropped > self._sent:
            self._metrics.exposures.labels("sent").inc(settled - dropped - self._sent)
            self._sent = settled - dropped
