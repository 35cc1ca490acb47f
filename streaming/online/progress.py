"""How far a batch reaches in each partition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from contracts.topics import PartitionOffsets
from streaming.online.rows import RecordRow


@dataclass
class BatchProgress:
    """The first and the next offset of each partition of a batch."""

    first: PartitionOffsets = field(default_factory=dict)
    next: PartitionOffsets = field(default_factory=dict)
    through: int = 0  # the broker's time (ms) of the newest record
    records: int = 0

    def add(self, partition: str, first_offset: int, next_offset: int, through: int, records: int) -> None:
        """Add records of one partition."""
        self.first[partition] = min(first_offset, self.first.get(partition, first_offset))
        self.next[partition] = max(next_offset, self.next.get(partition, next_offset))
        self.through = max(through, self.through)
        self.records += records

    def add_rows(self, rows: Iterable[RecordRow]) -> None:
        """Add rows."""
        for row in rows:
            self.add(row.partition, row.offset, row.offset + 1, row.through, 1)
