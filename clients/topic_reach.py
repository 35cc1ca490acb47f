"""Polls Kafka a few times a second for the ends of the topics that streaming reads."""

from __future__ import annotations

import logging
import threading
import time
from typing import NamedTuple

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from clients.event_producer import BrokerUnavailableError
from clients.kafka_options import Servers
from clients.topic_admin import ids_from, partitions_of, quiet_consumer
from contracts.topics import LAKE_SOURCES, SOURCES, Partition, PartitionOffsets, TopicIds

log = logging.getLogger("headwater.topics")
_POLL_SECONDS = 0.2
_IDLE_POLL_SECONDS = 0.5
_IDLE_AFTER_SECONDS = 5.0  # without a new record
_ANSWER_SECONDS = 10.0
_PARTITIONS_SECONDS = 5.0  # between two looks at whether partitions were added, or a topic created again


class Reach(NamedTuple):
    """The partitions' next offsets. Every record written before ``asked_at`` has a lower one."""

    ends: PartitionOffsets
    asked_at: int  # epoch ms


class TopicReach(threading.Thread):
    """Polls until ``stop``. While the broker does not answer, the last reach stays valid."""

    def __init__(self, servers: Servers) -> None:
        super().__init__(name="topic_reach", daemon=True)
        self._servers = servers
        self._stopping, self._is_known = threading.Event(), threading.Event()
        self._newest = Reach({}, 0)
        self._moved_at = 0.0
        self._partitions_at = 0.0  # when partitions are to be asked for next
        self.ids: TopicIds = {}  # of all topics that streaming reads; asked for with the partitions

    def newest(self) -> Reach:
        """The last answer; waits for the first one."""
        self._is_known.wait()
        return self._newest

    def pause_seconds(self) -> float:
        """How long to wait before the next poll: longer if nothing has been written lately."""
        is_idle = time.monotonic() - self._moved_at > _IDLE_AFTER_SECONDS
        return _IDLE_POLL_SECONDS if is_idle and self._is_known.is_set() else _POLL_SECONDS

    def stop(self) -> None:
        """End soon. A caller that waits for the first answer gets an empty one."""
        self._stopping.set()
        self._is_known.set()

    def run(self) -> None:
        """The loop."""
        while not self._stopping.is_set():
            try:
                with quiet_consumer(self._servers, _ANSWER_SECONDS) as consumer:
                    self._ask(consumer)
                    while not self._stopping.wait(self.pause_seconds()):
                        self._ask(consumer)
            except (BrokerUnavailableError, KafkaError, OSError) as error:
                log.warning("Kafka does not say how far its topics reach: %r", error)
                self._stopping.wait(1.0)

    def _ask(self, consumer: KafkaConsumer) -> None:
        asked_at = int(time.time() * 1000)
        if time.monotonic() >= self._partitions_at:
            # The consumer caches partitions and ids for minutes; this makes it ask again.
            consumer.topics()
            self.ids = ids_from(consumer, LAKE_SOURCES)
            self._partitions_at = time.monotonic() + _PARTITIONS_SECONDS
        partitions = [partition for topic in SOURCES for partition in partitions_of(consumer, topic)]
        ends = {
            Partition(partition.topic, partition.partition).name: int(end)
            for partition, end in consumer.end_offsets(partitions).items()
        }
        if ends != self._newest.ends:
            self._moved_at = time.monotonic()
        self._newest = Reach(ends, asked_at)
        self._is_known.set()
