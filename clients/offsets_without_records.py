"""Finds offsets without a record: the end of each transaction takes one, and compaction leaves others."""

from __future__ import annotations

import time

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from clients.event_producer import unavailable
from clients.kafka_options import Servers
from clients.topic_admin import quiet_consumer
from contracts.topics import Partition

_ANSWER_SECONDS = 5.0


def has_no_record(servers: Servers, partition: str, start: int, end: int) -> bool:
    """Whether a partition ("topic:partition") certainly never had a record from ``start`` to before ``end``.

    If the partition no longer keeps ``start``, that is not certain, and the answer is False. Raises
    BrokerUnavailableError if Kafka does not answer within seconds.
    """
    with quiet_consumer(servers, _ANSWER_SECONDS) as consumer:
        try:
            return _next_record(consumer, TopicPartition(*Partition.parse(partition)), start, end) >= end
        except (KafkaError, OSError) as error:
            raise unavailable(servers, error) from error


def _next_record(consumer: KafkaConsumer, partition: TopicPartition, start: int, end: int) -> int:
    """The offset of the first record from ``start`` on; ``end`` or more if there is none before ``end``."""
    consumer.assign([partition])
    consumer.seek(partition, start)
    if consumer.beginning_offsets([partition])[partition] > start:
        return start
    deadline = time.monotonic() + _ANSWER_SECONDS
    # Kafka sends only records. At an offset without one, just the consumer's position moves on.
    while (position := int(consumer.position(partition))) < end:
        for record in consumer.poll(200, max_records=1).get(partition, ()):
            return int(record.offset)
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {_ANSWER_SECONDS:g} s")
    return position
