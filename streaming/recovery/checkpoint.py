"""Reads a query's checkpoint in Spark's format.

``metadata`` holds the query's id, ``offsets/N`` is written before batch N runs, ``commits/N`` after it. Our
own ``start.json`` says from where a query begins to which `headwater repair` gave a new checkpoint, and our
``topics.json`` which ids the topics had whose offsets these are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from clients.stored_files import StoredFiles
from contracts.topics import PartitionOffsets, TopicIds, TopicOffsets, by_partition, by_topic
from streaming.records.source import EARLIEST

_START, _TOPICS = "start.json", "topics.json"
_VERSION_LINES = ("v1", "v2")
NEVER = -1


class BrokenCheckpointError(ValueError):
    """A checkpoint that Spark cannot, or must not, go on from; the message reads on after its name."""


class StartingPoint(NamedTuple):
    """What ``start.json`` holds."""

    offsets: TopicOffsets  # the first to read
    lake_version: int  # of the interactions table when the offsets were found
    # Who had written to the query's table by then, and up to which batch; None in those of earlier versions.
    writers: dict[str, int] | None = None

    def later_writer(self, now: Mapping[str, int], writer: str) -> str | None:
        """Who else has written since; None where nobody has, or it was not kept who had before."""
        if self.writers is None:
            return None
        before = self.writers
        others = (name for name, batch in now.items() if name != writer and batch > before.get(name, NEVER))
        return next(others, None)


FIRST_START = StartingPoint({}, NEVER, {})


class Checkpoint(NamedTuple):
    """Batches count from 0; NEVER where there was none."""

    query_id: str | None = None
    planned: int = NEVER  # the newest of offsets/
    committed: int = NEVER  # the newest of commits/
    start: StartingPoint | None = None
    sources: tuple[Any, ...] = ()  # the newest offsets of each source, parsed
    topic_ids: Mapping[str, str] = MappingProxyType({})  # empty in those of earlier versions
    committed_sources: tuple[Any, ...] = ()  # as `sources`, of the newest of commits/

    @property
    def planned_offsets(self) -> PartitionOffsets:
        """The next offset of each partition that its one source, Kafka, has been planned to."""
        return self._offsets(self.sources)

    @property
    def committed_offsets(self) -> PartitionOffsets:
        """The offset of each partition from which a restart reads Kafka."""
        return self._offsets(self.committed_sources)

    def _offsets(self, sources: tuple[Any, ...]) -> PartitionOffsets:
        begin = self.start.offsets if self.start else {}
        return by_partition({**begin, **(sources[0] if sources else {})})

    @property
    def has_run(self) -> bool:
        """Whether a batch was planned."""
        return self.planned != NEVER


def read_checkpoint(files: StoredFiles, uri: str) -> Checkpoint:
    """The checkpoint at a URI; an empty one where there is no folder. Raises BrokenCheckpointError."""
    offsets, commits = _batches(files, f"{uri}/offsets"), _batches(files, f"{uri}/commits")
    planned, committed = max(offsets, default=NEVER), max(commits, default=NEVER)
    if committed > planned:
        raise BrokenCheckpointError(f"has committed batch {committed}, whose offsets are gone")
    query_id = _query_id(files, uri)
    if planned != NEVER and query_id is None:
        raise BrokenCheckpointError("has lost its metadata, by which Delta knows its batches")
    found = {
        batch: _entry(files, f"{uri}/offsets/{batch}", has_sources=True)
        for batch in range(max(planned - 1, 0), planned + 1)  # a restart reads both
    }
    if committed != NEVER:
        _entry(files, f"{uri}/commits/{committed}", has_sources=False)
    start, topic_ids = _start(files, uri), _topic_ids(files, uri)
    sources, done = found.get(planned, ()), found.get(committed, ())
    return Checkpoint(query_id, planned, committed, start, sources, topic_ids, done)


def write_topic_ids(files: StoredFiles, uri: str, ids: TopicIds) -> None:
    """Write which topics the checkpoint's offsets are of."""
    files.delete(f"{uri}/{_TOPICS}")
    files.write(f"{uri}/{_TOPICS}", json.dumps(ids))


def begin_anew(files: StoredFiles, uri: str, start: StartingPoint | None) -> str | None:
    """Move a checkpoint aside and write where the next one begins; returns where the old one is now."""
    number = 1
    while files.exists(aside := f"{uri}.broken-{number}"):
        number += 1
    moved = files.exists(uri)
    if moved:
        files.move(uri, aside)
    if start is not None:
        files.write(f"{uri}/{_START}", json.dumps(start._asdict()))
    return aside if moved else None


def clear_killed_start(files: StoredFiles, uri: str, found: Checkpoint) -> str | None:
    """Move aside what a first start left that was killed before its first batch was planned; returns where.

    It may be part of a file, and Spark begins no query beside that. What `start.json` says stays.
    """
    logs = ("offsets", "commits", "state")
    if found.has_run or not any(files.names(f"{uri}/{log}") for log in logs):
        return None
    return begin_anew(files, uri, found.start)


def starting_offsets(files: StoredFiles, uri: str, partitions: Callable[[], Iterable[str]]) -> str:
    """What a Kafka source begins with, where its checkpoint does not say so yet.

    Spark wants an offset for each partition, also for those that were added since `headwater repair`;
    ``partitions`` asks for their names.
    """
    start = _start(files, uri)
    if start is None:
        return "earliest"
    return json.dumps(by_topic(dict.fromkeys(partitions(), EARLIEST) | by_partition(start.offsets)))


def _batches(files: StoredFiles, uri: str) -> list[int]:
    return [int(name) for name in files.names(uri) if name.isdecimal()]


def _start(files: StoredFiles, uri: str) -> StartingPoint | None:
    path = f"{uri}/{_START}"
    if not files.exists(path):
        return None
    found = _parse(_text(files, path), _START)
    return StartingPoint(found["offsets"], found["lake_version"], found.get("writers"))


def _topic_ids(files: StoredFiles, uri: str) -> TopicIds:
    path = f"{uri}/{_TOPICS}"
    if not files.exists(path):
        return {}
    found = _parse(_text(files, path), _TOPICS)
    return {str(topic): str(number) for topic, number in dict(found).items()}


def _query_id(files: StoredFiles, uri: str) -> str | None:
    if not files.exists(f"{uri}/metadata"):
        return None
    found = _parse(_text(files, f"{uri}/metadata"), "metadata")
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise BrokenCheckpointError("has metadata without the query's id")
    return str(found["id"])


def _entry(files: StoredFiles, uri: str, has_sources: bool) -> tuple[Any, ...]:
    """A log entry's JSON lines after the first two: one for each source."""
    name = "/".join(uri.rsplit("/", 2)[1:])
    version, *lines = _text(files, uri).split("\n")
    if version not in _VERSION_LINES or len(lines) < 1 + has_sources:
        raise BrokenCheckpointError(f"ends within {name}")
    parsed = [_parse(line, name) for line in lines if line != "-"]
    return tuple(parsed[1:])


def _text(files: StoredFiles, uri: str) -> str:
    try:
        return files.read(uri)
    except OSError as error:
        raise BrokenCheckpointError(f"cannot be read ({error})") from error


def _parse(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BrokenCheckpointError(f"ends within {name}") from error
