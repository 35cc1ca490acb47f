"""The applied offsets of the queries, by partition, stored in Redis beside the state."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from contracts.stored import keyspace
from contracts.topics import PartitionOffsets, TopicIds, of_topics
from streaming.state.client import StateClient
from streaming.state.script import lua


def write_applied(client: StateClient, key: str, next_offsets: PartitionOffsets) -> None:
    """Store how far a query has come: the next offset of each partition."""
    if next_offsets:
        client.hset(key, items=[text for pair in next_offsets.items() for text in map(str, pair)])


def read_applied(client: StateClient, key: str) -> PartitionOffsets:
    """The stored offsets. A partition without an applied batch is absent."""
    fields: Any = client.hgetall(key)
    return {partition.decode(): int(offset) for partition, offset in fields.items()}


def forget_applied(client: StateClient, key: str, topics: Collection[str]) -> None:
    """Delete the stored offsets of these topics' partitions."""
    if names := of_topics(topics, read_applied(client, key)):
        client.hdel(key, *names)


def read_topic_ids(client: StateClient) -> TopicIds:
    """The ids that the topics had whose offsets are applied; a topic without a stored id is absent."""
    fields: Any = client.hgetall(keyspace.APPLIED_TOPICS)
    return {topic.decode(): number.decode() for topic, number in fields.items()}


def write_topic_ids(client: StateClient, ids: Mapping[str, str]) -> None:
    """Store the ids of the topics whose offsets are applied."""
    if ids:
        client.hset(keyspace.APPLIED_TOPICS, items=[text for pair in ids.items() for text in pair])


class Move(NamedTuple):
    """A step of a partition's applied offset, from where the writer stored it last to the next one."""

    left_at: int | None  # None: whatever it is
    to: int


class ReplacedError(RuntimeError):
    """Another streaming service has taken over, so this one must no longer move the applied offsets."""


def advance_applied(client: StateClient, moves: Mapping[str, Move], epoch: int = 0) -> str | None:
    """Move the online query's applied offsets, all or none ("topic:partition" -> move).

    ``epoch`` is that of the service's lease (0: it has none). If an offset in Redis is not the one that the
    writer stored last, nothing moves and that partition is returned; else None. Raises ReplacedError.
    """
    script = client.register_script(lua(__package__, "advance_applied.lua"))
    elsewhere: Any = script(
        keys=[keyspace.APPLIED_ONLINE, keyspace.STREAMING_EPOCH],
        args=[epoch, *(text for name, move in moves.items() for text in _as_text(name, move))],
    )
    if elsewhere == b"":
        raise ReplacedError("another streaming service works on this state since: this one ends")
    return None if elsewhere is None else str(elsewhere.decode())


def move_applied(client: StateClient, ends: PartitionOffsets, epoch: int = 0) -> None:
    """Set the online query's applied offsets, whatever they were. Raises ReplacedError."""
    advance_applied(client, {name: Move(None, end) for name, end in ends.items()}, epoch)


def _as_text(partition: str, move: Move) -> tuple[str, str, str]:
    return partition, "" if move.left_at is None else str(move.left_at), str(move.to)
