"""Which topics the queries' offsets are of, by the ids that Kafka gave them when they were created.

A topic that was deleted and created again has other records at the same offsets. Offsets show that only until
the new topic has grown as long as the old one was. Brokers before Kafka 2.8 have no ids: there, and where an
earlier version of Headwater stored none, offsets alone are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.topics import TopicIds, created_again, of_topics
from streaming.recovery.checkpoint import BrokenCheckpointError, read_checkpoint, write_topic_ids
from streaming.runtime.checkpoint_folders import checkpoint
from streaming.state import applied_offsets
from streaming.state.client import RedisError, connect, connect_briefly
from streaming.state.keys import take_mark_away


def of_earlier_topics(
    stored: Mapping[str, str], present: Mapping[str, str], reached: Mapping[str, int]
) -> str | None:
    """What is wrong if offsets are of topics with other ids than the present ones; None if nothing.

    A topic of which nothing was read may be created again (``reached``: "topic:partition" -> next offset).
    The text continues a sentence after the name of the checkpoint.
    """
    again = [topic for topic in created_again(stored, present) if any(of_topics([topic], reached).values())]
    return f"is of an earlier topic: {' and '.join(again)} was deleted and created again" if again else None


def keep_topic_ids(spark: SparkSession, settings: StreamingSettings, present: Mapping[str, str]) -> None:
    """Store the ids beside the lake's checkpoint and the applied offsets, which must have no fault.

    Where Redis is full or away, the next start stores them there.
    """
    with suppress(RedisError):
        applied_offsets.write_topic_ids(connect_briefly(settings.redis_url.get_secret_value()), present)
    files, uri = StoredFiles(spark), checkpoint(settings, "lake")
    stored = read_checkpoint(files, uri).topic_ids
    if not present.items() <= stored.items():
        write_topic_ids(files, uri, {**stored, **present})


def stored_topic_ids(spark: SparkSession, settings: StreamingSettings) -> TopicIds:
    """The ids beside the lake's checkpoint; where they are lost with it, those beside the applied offsets."""
    client = connect(settings.redis_url.get_secret_value())
    try:
        in_checkpoint = dict(read_checkpoint(StoredFiles(spark), checkpoint(settings, "lake")).topic_ids)
    except BrokenCheckpointError:
        in_checkpoint = {}
    return in_checkpoint or applied_offsets.read_topic_ids(client)


def disown_offsets(settings: StreamingSettings, present: Mapping[str, str]) -> None:
    """Where topics were created again, let nothing be called fresh or erased by offsets of the earlier ones.

    Answers say that they are stale until the state is rebuilt, and the lake counts as without any record.
    The applied offsets stay, by which the fault is told and repaired. Redis may be away: it is best effort.
    """
    client = connect_briefly(settings.redis_url.get_secret_value())
    with suppress(RedisError):
        again = created_again(applied_offsets.read_topic_ids(client), present)
        if any(of_topics(again, applied_offsets.read_applied(client, keyspace.APPLIED_ONLINE)).values()):
            take_mark_away(client)
        applied_offsets.forget_applied(client, keyspace.APPLIED_LAKE, again)
