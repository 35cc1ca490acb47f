"""Whether Redis held the state at the last round trip.

Each round trip also reads the mark that streaming sets beside a whole state.
"""

from __future__ import annotations

from contracts.stored import keyspace
from serving.redis.batches import Command, Reply

MARK: Command = ("GET", keyspace.STATE_VERSION)
_WRITTEN = str(keyspace.STATE).encode()


class StateMark:
    """Whether the state is there. Without the mark, Redis holds nothing, or only a part of the state.

    A flush deletes the mark, and a rebuild removes it while it is at work. A state of a version that this
    code does not know counts as absent.
    """

    def __init__(self) -> None:
        self.is_there = False
        self.other_version = ""  # the version of a state in Redis that this code cannot read
        self.is_full = False  # whether Redis refused writes when it was last asked

    def note(self, reply: Reply) -> None:
        """Note the mark that a round trip read. An error instead of the mark changes nothing."""
        if not isinstance(reply, Exception):
            self.is_there = reply == _WRITTEN
            self.other_version = reply.decode() if isinstance(reply, bytes) and not self.is_there else ""

    def is_worth_less(self, found: int, kept: int) -> bool:
        """Whether memory should keep its list: the state is lost, and the list just read is shorter.

        ``found`` and ``kept`` are the lengths of the list just read and of the list in memory.
        """
        return not self.is_there and found < kept
