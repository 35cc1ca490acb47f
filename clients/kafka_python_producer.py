"""The default producer: kafka-python, pure Python, with a bound on memory that the library lacks."""

from __future__ import annotations

import threading

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.future import RecordMetadata

from clients.event_producer import BrokerUnavailableError, Delivery, OnDelivery, ProducerLimits, checked_size

_CLOSE_SECONDS = 5.0


class _Unacknowledged:
    """Counts events between send and report; entering waits while either bound is reached."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events, self._max_bytes = max_events, max_bytes
        self._events = self._bytes = self._waiting = 0
        self._changed = threading.Condition()

    def enter(self, size: int) -> None:
        with self._changed:
            self._waiting += 1
            while self._full(size):
                self._changed.wait()
            self._waiting -= 1
            self._events += 1
            self._bytes += size

    def _full(self, size: int) -> bool:
        # One event alone always fits, or it would wait for ever.
        over = self._events >= self._max_events or self._bytes + size > self._max_bytes
        return over and self._events > 0

    def leave(self, size: int) -> None:
        with self._changed:
            self._events -= 1
            self._bytes -= size
            if self._waiting:
                self._changed.notify_all()

    def wait_empty(self, timeout: float) -> int:
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self._events == 0, timeout)
            self._waiting -= 1
            return self._events


class KafkaPythonProducer:
    """An EventProducer over ``kafka.KafkaProducer``."""

    def __init__(self, bootstrap: str, limits: ProducerLimits) -> None:
        self._unacknowledged = _Unacknowledged(limits.max_events, limits.max_bytes)
        delivery_ms = round(limits.delivery_timeout_seconds * 1000)
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                acks="all",
                enable_idempotence=True,
                linger_ms=limits.linger_ms,
                batch_size=limits.batch_bytes,
                delivery_timeout_ms=delivery_ms,
                # The library wants linger and one request to fit into the delivery timeout.
                request_timeout_ms=min(30_000, delivery_ms - limits.linger_ms),
                max_block_ms=min(10_000, delivery_ms),
                bootstrap_timeout_ms=round(limits.connect_timeout_seconds * 1000),
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except (KafkaError, OSError) as error:
            raise BrokerUnavailableError(bootstrap) from error

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        """See EventProducer."""
        size = checked_size(key, value)
        leave = self._unacknowledged.leave
        self._unacknowledged.enter(size)

        def succeeded(record: RecordMetadata) -> None:
            leave(size)
            on_delivery(Delivery(record.topic, record.partition, record.offset), None)

        def failed(error: Exception) -> None:
            leave(size)
            on_delivery(None, error)

        try:
            future = self._producer.send(topic, value=value, key=key)
        except KafkaError as error:
            failed(error)
            return
        future.add_callback(succeeded).add_errback(failed)

    def flush(self, timeout: float) -> int:
        """See EventProducer."""
        try:
            self._producer.flush(timeout)
        except KafkaError:
            return self._unacknowledged.wait_empty(0)
        return self._unacknowledged.wait_empty(1.0)

    def close(self) -> None:
        """See EventProducer."""
        self._producer.close(timeout=_CLOSE_SECONDS)
