"""Checks that Redis still has the applied offsets that a task of the live query stored last."""

from __future__ import annotations

from clients.kafka_options import Servers
from clients.offsets_without_records import has_no_record
from contracts.stored import keyspace
from contracts.topics import PartitionOffsets
from streaming.online.progress import BatchProgress
from streaming.state.applied_offsets import Move, advance_applied, read_applied, write_applied
from streaming.state.client import StateClient


class StateWentBackError(RuntimeError):
    """Redis no longer has the offsets that this query stored: it was flushed, or restarted with old data."""


class Position:
    """The applied offsets of one task, from its first record on."""

    def __init__(self, servers: Servers, epoch: int = 0) -> None:
        self._servers, self._epoch = servers, epoch
        self._left_at: PartitionOffsets = {}  # where this task stored each partition's offset last

    def check(self, client: StateClient, first: PartitionOffsets) -> PartitionOffsets:
        """The applied offsets, read before a micro-batch that begins at ``first``.

        Raises StateWentBackError if records are missing between them and ``first``.
        """
        applied = read_applied(client, keyspace.APPLIED_ONLINE)
        for partition, offset in first.items():
            if not self._follows(partition, offset, applied.get(partition)):
                raise _went_back(partition, applied.get(partition), self._left_at.get(partition, offset))
            self._left_at[partition] = applied[partition]
        return applied

    def _follows(self, partition: str, first: int, applied: int | None) -> bool:
        """Whether no record is missing between what is applied and the first record of a micro-batch."""
        left_at = self._left_at.get(partition)
        if applied is None:
            return False
        if left_at is None:  # the task's first record; offsets without a record may lie before it
            return first <= applied or has_no_record(self._servers, partition, applied, first)
        # ``applied`` may lie beyond ``left_at``: the driver passes over offsets without a record
        # (streaming/online/offsets_without_records.py).
        return applied == left_at or left_at < applied <= first

    def advance(self, client: StateClient, batch: BatchProgress) -> None:
        """Store the offsets of a batch as applied.

        Raises StateWentBackError if Redis changed since `check`, ReplacedError if another service took over.
        """
        reached = {name: max(offset, self._left_at[name]) for name, offset in batch.next.items()}
        moves = {name: Move(self._left_at[name], offset) for name, offset in reached.items()}
        changed = advance_applied(client, moves, self._epoch)
        if changed is not None:
            applied = read_applied(client, keyspace.APPLIED_ONLINE).get(changed)
            raise _went_back(changed, applied, self._left_at[changed])
        write_applied(client, keyspace.APPLIED_TIMES, dict.fromkeys(reached, batch.through))
        self._left_at.update(reached)


def _went_back(partition: str, applied: int | None, left_at: int) -> StateWentBackError:
    return StateWentBackError(f"{partition} was applied to {left_at}, Redis says {applied}")
