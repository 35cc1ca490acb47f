"""Gives each answer its id, and sends exposures to Kafka. No answer waits for that, or fails because of it.

Exposures wait in memory, up to a bound, and go to the topic ``exposures`` twice a second, many in a record.
Those that find no room, or that Kafka does not acknowledge in time, are dropped and counted. What a killed
process loses is counted too (lost_exposures.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring as quoted

from contracts.exposures import ListKind, batch_of
from contracts.recommendation_id import RecommendationIds
from contracts.settings import ServingSettings
from contracts.topics import EXPOSURES
from serving.memory.newest_list import NewItems
from serving.question.candidate import EXPLORED, User
from serving.question.list_options import ListOptions
from serving.telemetry.metrics import Metrics
from serving.writes.event_log import EventLog, EventLogError
from serving.writes.exposure_count import ExposureCount

_log = logging.getLogger(__name__)
SEND_SECONDS = 0.5
LAST_SECONDS = 2.0  # to send what still waits when the API stops
_WHOLE = ListOptions(0)  # for a page from the first place on, in no experiment
# A record costs kafka-python about a millisecond, whatever it holds: few large ones (topics.MAX_EVENT_BYTES).
_BYTES_A_RECORD = 950_000
Shown = tuple[str, float, str]  # item, score, source, as in a Candidate


class ExposureBatch:
    """One record of the topic."""

    key = b"exposures"

    def __init__(self, exposures: Sequence[str]) -> None:
        self._exposures = exposures

    def to_json(self) -> bytes:
        """The record's value."""
        return batch_of(self._exposures)


class ExposureLog:
    """The exposures of one API process."""

    def __init__(
        self,
        settings: ServingSettings,
        event_log: EventLog,
        metrics: Metrics,
        new_items: NewItems | None = None,
        count: ExposureCount | None = None,
    ) -> None:
        key = settings.recommendation_key
        self.ids = RecommendationIds(key.get_secret_value() if key else None)
        self._event_log, self._metrics, self._new_items = event_log, metrics, new_items
        self._enabled, self._most = settings.exposures, settings.exposures_waiting
        self._waiting: deque[str] = deque()
        self._is_dropping = False
        self._count = count
        self._sending: asyncio.Task[None] | None = None
        self._is_ending = False
        self._dropped_at_the_end = 0  # lists

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
    ) -> None:
        """Note that an answer showed a page. Its first place and its arm are those in the options."""
        if self._new_items is not None:
            self._new_items.note(item_id for item_id, _, _ in page)
        if self._enabled and (items := shown_items(page, options.offset)):
            self.add(shown_json(kind, recommendation_id, user, items, options.arm, session_id))

    def add(self, *exposures: str) -> None:
        """Add exposures (contracts/exposures.py, as JSON) to those that wait, as far as there is room."""
        if self._count is not None:
            self._count.note(len(exposures))
        room = max(0, self._most - len(self._waiting))
        self._waiting.extend(exposures[:room])
        if room < len(exposures):
            self._count_dropped(len(exposures) - room)

    async def run(self) -> None:
        """Send what waits, until cancelled; a batch that is on its way then is awaited by `close`."""
        while True:
            await asyncio.sleep(SEND_SECONDS)
            self._sending = asyncio.create_task(self.send())
            await asyncio.shield(self._sending)

    async def send(self) -> None:
        """Send what waits now.

        What answers add meanwhile waits for the next time: otherwise, on a busy API, each acknowledgement
        would be followed by a record of the few lists since, two hundred times a second.
        """
        left = len(self._waiting)
        while left > 0 and (batch := self._take_batch()):
            left -= len(batch)
            try:
                await self._event_log.append([ExposureBatch(batch)], EXPOSURES)
            except asyncio.CancelledError:  # by `close`, whose time is over
                self._count_dropped(len(batch))  # Kafka may have taken it
                raise
            except EventLogError as error:
                self._count_dropped(len(batch))
                if not self._is_dropping:  # logged once, until Kafka takes records again
                    _log.warning("what is shown is dropped from now on: %s", error)
                self._is_dropping = True
            else:
                self._is_dropping = False
                self._metrics.exposures.labels("sent").inc(len(batch))
                self._settle(len(batch))

    async def close(self) -> None:
        """Send what waits, in bounded time; what is left then is dropped, and the log says how many lists.

        Nobody reads the metrics of a process that ends, so its count says what was dropped here.
        """
        self._is_ending = True
        try:
            await asyncio.wait_for(self._send_last(), LAST_SECONDS)
        except (TimeoutError, asyncio.TimeoutError):
            self._count_dropped(len(self._waiting))
            self._waiting.clear()
        if self._dropped_at_the_end:
            _log.warning(
                "the API stopped before Kafka took its last exposures: %d lists are not in the topic",
                self._dropped_at_the_end,
            )
        if self._count is not None:
            self._count.close()
            self._count = None

    async def _send_last(self) -> None:
        if self._sending is not None:
            await self._sending
        await self.send()

    def _count_dropped(self, count: int) -> None:
        self._metrics.exposures.labels("dropped").inc(count)
        if self._is_ending:
            self._dropped_at_the_end += count
        else:
            self._settle(count)

    def _settle(self, count: int) -> None:
        if self._count is not None:
            self._count.settle(count)

    def _take_batch(self) -> list[str]:
        batch: list[str] = []
        size = 0
        while self._waiting:
            size += _most_bytes(self._waiting[0]) + 1
            if batch and size > _BYTES_A_RECORD:
                break
            batch.append(self._waiting.popleft())
        return batch


def _most_bytes(text: str) -> int:
    """How many bytes a text has at most in UTF-8, found without encoding it."""
    return len(text) if text.isascii() else 4 * len(text)


def shown_items(page: Iterable[Shown], offset: int) -> str:
    """The items of an exposure as JSON, without the list's brackets; an explored item has its propensity."""
    return ",".join(
        [
            f'{{"item_id":{quoted(item_id)},"rank":{rank},"source":"{source}"}}'
            if source != EXPLORED
            else f'{{"item_id":{quoted(item_id)},"rank":{rank},"source":"{source}","propensity":{score}}}'
            for rank, (item_id, score, source) in enumerate(page, offset + 1)
        ]
    )


def shown_json(
    kind: ListKind,
    recommendation_id: str,
    user: User,
    items: str,
    arm: str = "",
    session_id: str | None = None,
) -> str:
    """An Exposure as JSON, put together from text; a test compares it with the model's own JSON."""
    named = f',"user_id":{quoted(user.user_id)}' if user.user_id else ""
    if user.model_version is not None:
        named += f',"model_version":{quoted(user.model_version)}'
    if user.applied_through is not None:
        named += f',"applied_through":{user.applied_through}'
    if user.fresh_list:
        named += f',"history_read_at":{user.fresh_read_at_ms}'
    if session_id:
        named += f',"session_id":{quoted(session_id)}'
    if arm:
        named += f',"arm":{quoted(arm)}'
    return (
        f'{{"recommendation_id":"{recommendation_id}","kind":"{kind}"{named},"items":[{items}],'
        f'"event_time":{time.time_ns() // 1_000_000}}}'
    )
