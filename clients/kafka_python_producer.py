"""The default producer: kafka-python, pure Python, with a bound on memory that the library lacks."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from functools import lru_cache
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.partitioner import Partitioner, murmur2
from kafka.producer.future import FutureRecordMetadata

from clients.event_producer import Delivery, OnDelivery, ProducerLimits, checked_size, unavailable
from clients.kafka_options import Servers, connection, for_kafka_python

_log = logging.getLogger(__name__)
_CLOSE_SECONDS = 3.0
_PATIENCE_SECONDS = 0.05  # how long a slow partition may delay the reports of others
_PAUSE_SECONDS = 0.001


# (future, bytes, callback): a plain tuple, because one is made for every event
_Pending = tuple[FutureRecordMetadata, int, OnDelivery]


class _KeyPartitioner(Partitioner):  # type: ignore[misc]
    """Chooses the partition of a key as Kafka's Java client does. Hashes are cached, since users recur."""

    def partition(
        self,
        topic: str,
        key: bytes,
        serialized_key: bytes,
        value: bytes,
        serialized_value: bytes,
        cluster: Any,
    ) -> int:
        return _positive_murmur2(serialized_key) % len(cluster.partitions_for_topic(topic))


@lru_cache(maxsize=100_000)
def _positive_murmur2(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def _open(servers: Servers, limits: ProducerLimits) -> KafkaProducer:
    delivery_ms = round(limits.delivery_timeout_seconds * 1000)
    try:
        return KafkaProducer(
            **for_kafka_python(connection(servers)),
            acks="all",
            partitioner=_KeyPartitioner(),
            enable_idempotence=True,
            linger_ms=limits.linger_ms,
            batch_size=limits.batch_bytes,
            delivery_timeout_ms=delivery_ms,
            # The library requires that linger and one request fit into the delivery timeout.
            request_timeout_ms=min(30_000, delivery_ms - limits.linger_ms),
            max_block_ms=min(10_000, delivery_ms),
            bootstrap_timeout_ms=round(limits.connect_timeout_seconds * 1000),
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
    except (KafkaError, OSError) as error:
        raise unavailable(servers, error) from error


class KafkaPythonProducer:
    """An EventProducer over ``kafka.KafkaProducer``.

    The library's own callbacks on futures cost a quarter of its speed. Instead one thread waits for the
    futures in the order of sending, and reports them.
    """

    def __init__(self, servers: Servers, limits: ProducerLimits) -> None:
        self._producer = _open(servers, limits)
        self._limits = limits
        self._pending: deque[_Pending] = deque()
        self._sending = threading.Lock()
        self._sent = self._sent_bytes = 0  # written under the lock
        self._reported = self._reported_bytes = 0  # written by the reporting thread only
        self._work, self._closed = threading.Event(), False
        self._reporter = threading.Thread(target=self._report, name="delivery-reports", daemon=True)
        self._reporter.start()

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        """See EventProducer."""
        size = checked_size(key, value)
        with self._sending:
            while self._full(size):
                time.sleep(_PAUSE_SECONDS)
            self._sent += 1
            self._sent_bytes += size
        try:
            future = self._producer.send(topic, value, key)
        except KafkaError as error:  # the topic does not exist, or the producer was closed
            with self._sending:
                self._sent -= 1
                self._sent_bytes -= size
            on_delivery(None, error)
            return
        self._pending.append((future, size, on_delivery))
        if not self._work.is_set():
            self._work.set()

    def _full(self, size: int) -> bool:
        events, held = self._sent - self._reported, self._sent_bytes - self._reported_bytes
        # A single event always fits, or it would wait for ever.
        return events > 0 and (events >= self._limits.max_events or held + size > self._limits.max_bytes)

    def _report(self) -> None:
        while not self._closed or self._pending:
            if not self._pending:
                self._work.clear()
                # Looked at again, as `send` and `close` may have set it in between. To wake up for nothing
                # would take the interpreter's lock from an event loop.
                if not self._pending and not self._closed:
                    self._work.wait()
                continue
            if not self._pending[0][0].is_done:
                self._await_first()
            if self._pending[0][0].is_done:
                self._report_head()
            else:
                self._report_any()

    def _await_first(self) -> None:
        try:
            self._pending[0][0].get(_PATIENCE_SECONDS)
        except KafkaError as error:
            _log.debug("not acknowledged yet, or failed and about to be reported: %s", error)

    def _report_head(self) -> None:
        pending, report = self._pending, self._report_one
        while pending and pending[0][0].is_done:
            report(*pending.popleft())

    def _report_any(self) -> None:
        """Report finished events that were sent after a slow first one."""
        for _ in range(len(self._pending)):
            entry = self._pending.popleft()
            if entry[0].is_done:
                self._report_one(*entry)
            else:
                self._pending.append(entry)

    def _report_one(self, future: FutureRecordMetadata, size: int, on_delivery: OnDelivery) -> None:
        record = future.value
        try:
            if record is not None:
                on_delivery(Delivery(record[0], record[1], record[3]), None)
            else:
                on_delivery(None, future.exception)
        except Exception:
            _log.exception("a delivery callback failed")
        self._reported_bytes += size
        self._reported += 1

    def flush(self, timeout: float) -> int:
        """See EventProducer."""
        deadline = time.monotonic() + timeout
        try:
            self._producer.flush(timeout)
        except KafkaError as error:
            _log.debug("flush ended early: %s", error)
        while self._sent > self._reported and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        return self._sent - self._reported

    def close(self) -> None:
        """See EventProducer."""
        if self._closed:
            return
        if self.flush(_CLOSE_SECONDS):
            # The library's close would raise an error here and leave its thread running.
            self._producer._sender.force_close()
            self._producer._sender.join(_CLOSE_SECONDS)
        self._producer.close(timeout=_CLOSE_SECONDS)
        self._closed = True
        self._work.set()
        self._reporter.join(_CLOSE_SECONDS)
