"""Reports how far the lake is behind Kafka, and how soon Kafka may delete records that the lake lacks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clients.event_producer import BrokerUnavailableError
from clients.topic_admin import topic_begins, topic_ends
from contracts.settings import StreamingSettings
from contracts.stored.statuses import StreamingStatus
from contracts.topics import PartitionOffsets, events_in
from streaming.state.status import report

log = logging.getLogger("headwater.lake")
_EVERY_SECONDS = 30.0
_ANSWER_SECONDS = 5.0


class LakeMargin:
    """Asks Kafka twice a minute and reports. Without an answer the last figures stay."""

    def __init__(self, settings: StreamingSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._next = 0.0
        self._asking: threading.Thread | None = None

    def report_if_due(self, in_lake: PartitionOffsets) -> None:
        """Begin to report, if due. It does not wait for Kafka: the caller also keeps the service's lease.

        ``in_lake`` is the next offset that the lake lacks, by partition; {} before the first batch.
        """
        if not in_lake or self._clock() < self._next or (self._asking and self._asking.is_alive()):
            return
        self._next = self._clock() + _EVERY_SECONDS
        self._asking = threading.Thread(target=self._report, args=(in_lake,), name="margin", daemon=True)
        self._asking.start()

    def _report(self, in_lake: PartitionOffsets) -> None:
        servers = self._settings
        try:
            begins, ends = topic_begins(servers, _ANSWER_SECONDS), topic_ends(servers, _ANSWER_SECONDS)
        except BrokerUnavailableError as error:
            log.warning("Kafka does not say how far its topics reach: %s", error)
            return
        status = StreamingStatus(
            topic_events=events_in(ends), unread_share=unread_share(begins, ends, in_lake)
        )
        report(self._settings.redis_url.get_secret_value(), status)


def unread_share(begins: PartitionOffsets, ends: PartitionOffsets, in_lake: PartitionOffsets) -> float:
    """The largest share, over the partitions, of kept records that the lake lacks; at 1 they are deleted
    next."""
    shares = [
        min(1.0, (end - in_lake[name]) / (end - begins.get(name, 0)))
        for name, end in ends.items()
        if name in in_lake and end > max(begins.get(name, 0), in_lake[name])
    ]
    return max(shares, default=0.0)
