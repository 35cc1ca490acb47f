"""Reads the dead-letter topic: rejected events, where each came from, and why it was rejected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from clients.kafka_options import Servers
from clients.topic_admin import partitions_of, quiet_consumer
from contracts.topics import REJECT_OFFSET, REJECT_PARTITION, REJECT_REASON, REJECT_TOPIC, REJECTED

_POLL_MS = 1000


class RejectedEvent(NamedTuple):
    """A rejected event with its original bytes."""

    reason: str
    key: bytes | None
    value: bytes
    source_topic: str
    source_partition: int
    source_offset: int
    rejected_at: int  # epoch ms
    partition: int  # of the dead-letter topic itself
    offset: int


def _rejected_event(record: ConsumerRecord) -> RejectedEvent:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return RejectedEvent(
        reason=headers.get(REJECT_REASON, "no reason recorded"),
        key=record.key,
        value=record.value or b"",
        source_topic=headers.get(REJECT_TOPIC, ""),
        source_partition=int(headers.get(REJECT_PARTITION, -1)),
        source_offset=int(headers.get(REJECT_OFFSET, -1)),
        rejected_at=record.timestamp,
        partition=record.partition,
        offset=record.offset,
    )


def read_rejected(
    servers: Servers, timeout: float = 10.0, topic: str = REJECTED.name
) -> Iterator[RejectedEvent]:
    """All rejected events, from the oldest kept one to the newest at the time of the call; commits no offset.

    Raises BrokerUnavailableError within ``timeout`` seconds.
    """
    with quiet_consumer(servers, timeout) as consumer:
        ends = _assigned_ends(consumer, topic)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for partition, records in consumer.poll(timeout_ms=_POLL_MS).items():
                yield from (_rejected_event(r) for r in records if r.offset < ends[partition])


def _assigned_ends(consumer: KafkaConsumer, topic: str) -> dict[TopicPartition, int]:
    partitions = partitions_of(consumer, topic)
    if not partitions:
        return {}
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
    return ends
