"""Offsets without a record: the end of each transaction takes one, and a compacted topic has holes."""

from __future__ import annotations

import time

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from clients.event_producer import BrokerUnavailableError
from clients.topic_admin import quiet_consumer

_ANSWER_SECONDS = 5.0


def are_bare(bootstrap: str, place: str, start: int, end: int) -> bool:
    """Whether no record of a "topic:partition" lies, or lay, between two offsets (the end is not included).

    Where the partition no longer keeps ``start`` nobody knows, so the answer is no. Raises
    BrokerUnavailableError where there is no answer within seconds.
    """
    topic, partition = place.rsplit(":", 1)
    with quiet_consumer(bootstrap, _ANSWER_SECONDS) as consumer:
        try:
            return _next_record(consumer, TopicPartition(topic, int(partition)), start, end) >= end
        except (KafkaError, OSError) as error:
            raise BrokerUnavailableError(bootstrap) from error


def _next_record(consumer: KafkaConsumer, place: TopicPartition, start: int, end: int) -> int:
    """The offset of the first record from ``start`` on, or what is past ``end`` without one."""
    consumer.assign([place])
    consumer.seek(place, start)
    if consumer.beginning_offsets([place])[place] > start:
        return start
    deadline = time.monotonic() + _ANSWER_SECONDS
    # Kafka sends records alone; only the position moves over what is none.
    while (position := int(consumer.position(place))) < end:
        for record in consumer.poll(200, max_records=1).get(place, ()):
            return int(record.offset)
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {_ANSWER_SECONDS:g} s")
    return position
