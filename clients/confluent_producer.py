"""The fast producer for bulk loads: confluent-kafka (librdkafka), an extra of the package."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from confluent_kafka import KafkaException, Producer

from clients.event_producer import BrokerUnavailableError, Delivery, OnDelivery, ProducerLimits, checked_size

_log = logging.getLogger(__name__)
_CLOSE_SECONDS = 5.0
_POLL_SECONDS = 0.05


def _configuration(bootstrap: str, limits: ProducerLimits) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "acks": "all",
        "enable.idempotence": True,
        # The partitioner of Kafka's own clients and of kafka-python: a user stays on one partition.
        "partitioner": "murmur2_random",
        "linger.ms": limits.linger_ms,
        "batch.size": limits.batch_bytes,
        "queue.buffering.max.messages": limits.max_events,
        "queue.buffering.max.kbytes": max(1, limits.max_bytes // 1024),
        "message.timeout.ms": round(limits.delivery_timeout_seconds * 1000),
        "allow.auto.create.topics": False,
    }


def _reported(on_delivery: OnDelivery) -> Any:
    """The library's callback form of ours. An error in it would end the polling thread, so it is logged."""

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
    """An EventProducer over ``confluent_kafka.Producer``; a thread polls, so reports come by themselves."""

    def __init__(self, bootstrap: str, limits: ProducerLimits) -> None:
        self._producer = Producer(_configuration(bootstrap, limits), logger=logging.getLogger("librdkafka"))
        self._last: tuple[OnDelivery, Any] | None = None
        self._closed, self._flushing = threading.Event(), threading.Event()
        self._serving = threading.Lock()  # held by whoever runs callbacks
        try:
            self._producer.list_topics(timeout=limits.connect_timeout_seconds)
        except KafkaException as error:
            raise BrokerUnavailableError(bootstrap) from error
        self._thread = threading.Thread(target=self._poll_until_closed, name="confluent-poll", daemon=True)
        self._thread.start()

    def _poll_until_closed(self) -> None:
        while not self._closed.is_set():
            if self._flushing.is_set():
                time.sleep(0.005)
                continue
            with self._serving:
                self._producer.poll(_POLL_SECONDS)

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        """See EventProducer."""
        checked_size(key, value)
        last = self._last
        if last is None or last[0] is not on_delivery:  # callers mostly pass the same one
            last = self._last = (on_delivery, _reported(on_delivery))
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, on_delivery=last[1])
            except BufferError:
                time.sleep(0.002)  # the buffer is full: that is the bound on memory
            except KafkaException as error:
                on_delivery(None, error)
                return
            else:
                return

    def flush(self, timeout: float) -> int:
        """See EventProducer."""
        self._flushing.set()
        try:
            # Only one thread runs callbacks, so that none is still running when this returns 0.
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
