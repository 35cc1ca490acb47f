"""Creates the topics of ``contracts/topics.py``, and reads the first and next offsets of their partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError, RetriableError, TopicAlreadyExistsError

from clients.event_producer import BrokerUnavailableError, unavailable, wait_for_broker
from clients.kafka_options import Servers, for_kafka_python
from contracts.topics import (
    LAKE_SOURCES,
    SOURCES,
    TOPICS,
    PartitionOffsets,
    Topic,
    TopicFault,
    TopicIds,
    by_partition,
    topic_faults,
)

_REPLICATION_FACTOR = -1  # the broker's own default: 1 on the embedded broker, more on a cluster
_NO_ID = UUID(int=0)  # what a broker before Kafka 2.8 answers


class Prepared(NamedTuple):
    """The topics as streaming finds them: what is wrong with them, and their ids."""

    faults: list[TopicFault]
    ids: TopicIds


@contextmanager
def _while_it_answers(servers: Servers) -> Iterator[None]:
    """Raise BrokerUnavailableError where a broker that answered at first goes away meanwhile."""
    try:
        yield
    except (RetriableError, OSError) as error:
        raise BrokerUnavailableError(servers) from error


@contextmanager
def _admin(servers: Servers, timeout: float) -> Iterator[KafkaAdminClient]:
    answering = wait_for_broker(servers, timeout)
    try:
        admin = KafkaAdminClient(**for_kafka_python(answering), bootstrap_timeout_ms=round(timeout * 1000))
    except (KafkaError, OSError) as error:
        raise unavailable(servers, error) from error
    with _while_it_answers(servers):
        try:
            yield admin
        finally:
            admin.close()


@contextmanager
def quiet_consumer(servers: Servers, timeout: float) -> Iterator[KafkaConsumer]:
    """A consumer without a group that commits nothing. Raises BrokerUnavailableError after ``timeout`` s."""
    answering = wait_for_broker(servers, timeout)
    try:
        consumer = KafkaConsumer(
            **for_kafka_python(answering),
            bootstrap_timeout_ms=round(timeout * 1000),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
    except (KafkaError, OSError) as error:
        raise unavailable(servers, error) from error
    with _while_it_answers(servers):
        try:
            yield consumer
        finally:
            consumer.close()


def create_topics(
    servers: Servers,
    topics: Sequence[Topic] = TOPICS,
    timeout: float = 10.0,
    replication: int = _REPLICATION_FACTOR,
) -> list[str]:
    """Create the topics that do not exist, wait until they have leaders, and return their names.

    An existing topic is not changed. Raises BrokerUnavailableError within ``timeout`` seconds.
    """
    with _admin(servers, timeout) as admin:
        return _create_absent(admin, topics, replication)


def prepare_topics(servers: Servers, timeout: float = 10.0) -> Prepared:
    """`create_topics`, `find_topic_faults` and `topic_ids` by one connection."""
    with _admin(servers, timeout) as admin:
        _create_absent(admin, TOPICS, _REPLICATION_FACTOR)
        return Prepared(_faults_of(admin, TOPICS), _ids_of(admin, LAKE_SOURCES))


def topic_ids(servers: Servers, topics: Sequence[str] = LAKE_SOURCES, timeout: float = 10.0) -> TopicIds:
    """The ids of the topics; a topic that does not exist, or whose id the broker does not tell, is absent.

    Raises BrokerUnavailableError within ``timeout`` seconds.
    """
    with _admin(servers, timeout) as admin:
        return _ids_of(admin, topics)


def _ids_of(admin: KafkaAdminClient, topics: Sequence[str]) -> TopicIds:
    described = admin.describe_topics(list(topics))
    return _known_ids({each["name"]: each.get("topic_id") for each in described})


def ids_from(consumer: KafkaConsumer, topics: Sequence[str]) -> TopicIds:
    """`topic_ids` as the consumer learned them when it asked for all topics; asks nothing."""
    cluster = consumer._cluster  # the only place where a consumer keeps them
    return _known_ids({name: cluster.topic_id(name) for name in topics})


def _known_ids(found: Mapping[str, UUID | str | None]) -> TopicIds:
    ids = {name: UUID(str(number or _NO_ID)) for name, number in found.items()}
    return {name: str(number) for name, number in ids.items() if number != _NO_ID}


def _create_absent(admin: KafkaAdminClient, topics: Sequence[Topic], replication: int) -> list[str]:
    existing = set(admin.list_topics())
    absent = [topic for topic in topics if topic.name not in existing]
    return [topic.name for topic in absent if _create(admin, topic, replication)]


def _create(admin: KafkaAdminClient, topic: Topic, replication: int) -> bool:
    wanted = {
        "num_partitions": topic.partitions,
        "replication_factor": replication,
        "configs": topic.config,
    }
    try:
        admin.create_topics({topic.name: wanted}, wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another service was faster
        return False
    return True


def find_topic_faults(
    servers: Servers, topics: Sequence[Topic] = TOPICS, timeout: float = 10.0
) -> list[TopicFault]:
    """What is wrong with existing topics (`contracts.topics.topic_faults`).

    Raises BrokerUnavailableError within ``timeout`` seconds. Without
    permission to read the topics' configuration, its faults are not reported.
    """
    with _admin(servers, timeout) as admin:
        existing = set(admin.list_topics())
        return _faults_of(admin, [topic for topic in topics if topic.name in existing])


def _faults_of(admin: KafkaAdminClient, topics: Sequence[Topic]) -> list[TopicFault]:
    if not topics:
        return []
    names = [topic.name for topic in topics]
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    try:
        described = admin.describe_configs(resources, config_filter="all")["topic"]
        replicas = {
            each["name"]: min(len(partition["replica_nodes"]) for partition in each["partitions"])
            for each in admin.describe_topics(names)
        }
    except AuthorizationError:
        return []
    values = {
        name: {key: str(entry["value"]) for key, entry in entries.items()}
        for name, entries in described.items()
    }
    faults = (topic_faults(topic, values[topic.name], replicas[topic.name]) for topic in topics)
    return list(chain.from_iterable(faults))


def end_offsets(servers: Servers, topic: str, timeout: float = 10.0) -> dict[int, int]:
    """The next offset of each partition; empty if the topic does not exist.

    Raises BrokerUnavailableError within ``timeout`` seconds.
    """
    with quiet_consumer(servers, timeout) as consumer:
        ends = consumer.end_offsets(partitions_of(consumer, topic))
    return {partition.partition: int(end) for partition, end in ends.items()}


def begin_offsets(servers: Servers, topic: str, timeout: float = 10.0) -> dict[int, int]:
    """The oldest offset that each partition keeps; otherwise like `end_offsets`."""
    with quiet_consumer(servers, timeout) as consumer:
        begins = consumer.beginning_offsets(partitions_of(consumer, topic))
    return {partition.partition: int(begin) for partition, begin in begins.items()}


def topic_ends(servers: Servers, timeout: float = 10.0, topics: Sequence[str] = SOURCES) -> PartitionOffsets:
    """`end_offsets` by "topic:partition" of several topics, by default those that the online query reads."""
    return by_partition({topic: end_offsets(servers, topic, timeout) for topic in topics})


def topic_begins(
    servers: Servers, timeout: float = 10.0, topics: Sequence[str] = SOURCES
) -> PartitionOffsets:
    """`begin_offsets` by "topic:partition" of several topics, by default those that the online query
    reads."""
    return by_partition({topic: begin_offsets(servers, topic, timeout) for topic in topics})


def partitions_of(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    """The topic's partitions in order; empty if it does not exist."""
    return [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
