"""The fast producer for bulk loads: confluent-kafka (librdkafka), an extra of the package."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from confluent_kafka import KafkaException, Producer

from clients.event_producer import Delivery, OnDelivery, ProducerLimits, checked_size, unavailable
from clients.kafka_options import Servers, connection, for_confluent

_log = logging.getLogger(__name__)
_CLOSE_SECONDS = 3.0
_POLL_SECONDS = 0.05
_PAUSE_SECONDS = 0.01
_EVENTS_A_POLL = 256  # a busy sender runs the waiting callbacks after this number of events


def _configuration(servers: Servers, limits: ProducerLimits) -> dict[str, Any]:
    return {
        **for_confluent(connection(servers)),
        "acks": "all",
        "enable.idempotence": True,
        # The partitioner of Kafka's Java clients and of kafka-python, so that each user stays on one
        # partition.
        "partitioner": "murmur2_random",
        "linger.ms": limits.linger_ms,
        "batch.size": limits.batch_bytes,
        "queue.buffering.max.messages": limits.max_events,
        "queue.buffering.max.kbytes": max(1, limits.max_bytes // 1024),
        "message.timeout.ms": round(limits.delivery_timeout_seconds * 1000),
        "allow.auto.create.topics": False,
    }


def _library_callback(on_delivery: OnDelivery) -> Any:
    """Our callback in the form that the library calls. Errors are logged: they would end the polling
    thread."""

    def report(error: Any, message: Any) -> None:
        try:
            if error is None:
                on_delivery(Delivery(message.topic(), message.partition(), message.offset()), None)
            else:
                on_delivery(None, KafkaException(error))
        except Exception:
            _log.exception("a delivery callback failed")

    return report


class ConfluentProducer:
    """An EventProducer over ``confluent_kafka.Producer``.

    A busy sender runs the callbacks itself, because with a second thread the two wait for each other's hold
    of the interpreter's lock, at half the speed. When nobody sends, a thread polls, so that callbacks still
    run.
    """

    def __init__(self, servers: Servers, limits: ProducerLimits) -> None:
        self._producer = Producer(_configuration(servers, limits), logger=logging.getLogger("librdkafka"))
        self._sent = 0  # not exact: a count that threads lose only delays a poll
        self._last: tuple[OnDelivery, Any] | None = None
        self._closed, self._flushing = threading.Event(), threading.Event()
        self._serving = threading.Lock()  # held while callbacks run: only one thread runs them at a time
        try:
            self._producer.list_topics(timeout=limits.connect_timeout_seconds)
        except KafkaException as error:
            raise unavailable(servers, error) from error
        self._thread = threading.Thread(target=self._poll_until_closed, name="confluent-poll", daemon=True)
        self._thread.start()

    def _poll_until_closed(self) -> None:
        before = 0
        while not self._closed.is_set():
            busy, before = self._sent - before >= _EVENTS_A_POLL, self._sent
            if busy or self._flushing.is_set():
                time.sleep(_PAUSE_SECONDS)
                continue
            with self._serving:
                self._producer.poll(_POLL_SECONDS)

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        """See EventProducer."""
        checked_size(key, value)
        last = self._last
        if last is None or last[0] != on_delivery:  # callers usually pass the same callback
            last = self._last = (on_delivery, _library_callback(on_delivery))
        while True:
            try:
                self._producer.produce(topic, value, key, -1, last[1])
            except BufferError:
                self._serve(_PAUSE_SECONDS)  # the buffer is full; waiting here bounds the memory
            except KafkaException as error:
                on_delivery(None, error)
                return
            else:
                break
        self._sent = sent = self._sent + 1
        if not sent % _EVENTS_A_POLL:
            self._serve(0)

    def _serve(self, seconds: float) -> None:
        """Run waiting callbacks, unless another thread does so."""
        if self._serving.acquire(blocking=False):
            try:
                self._producer.poll(seconds)
            finally:
                self._serving.release()
        elif seconds:
            time.sleep(seconds)

    def flush(self, timeout: float) -> int:
        """See EventProducer."""
        self._flushing.set()
        try:
            # The lock keeps other threads out, so that no callback still runs when this returns 0.
            with self._serving:
                return int(self._producer.flush(timeout))
        finally:
            self._flushing.clear()

    def close(self) -> None:
        """See EventProducer."""
        if self._closed.is_set():
            return
        if self.flush(_CLOSE_SECONDS):
            self._producer.purge()
            self.flush(_CLOSE_SECONDS)
        self._closed.set()
        self._thread.join(1.0)
