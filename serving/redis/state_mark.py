"""Whether Redis held the state at the last round trip: each one also reads streaming's mark of the state."""

from __future__ import annotations

from contracts.stored import keyspace
from serving.redis.batches import Command, Reply

MARK: Command = ("GET", keyspace.STATE_VERSION)
_WRITTEN = str(keyspace.STATE).encode()


class StateMark:
    """Whether the state is there. Without the mark, what Redis holds is empty or only a part of the state.

    A flush deletes the mark, and a rebuild removes it while it is at work. A state of a version that this
    code does not know counts as absent.
    """

    def __init__(self) -> None:
        self.is_there = False
        self.other_version = ""  # of the state that Redis holds, where this code does not read it
        self.is_full = False  # whether Redis refused writes when it was last asked

    def note(self, reply: Reply) -> None:
        """Take over the mark that a round trip read; an error changes nothing."""
        if not isinstance(reply, Exception):
            self.is_there = reply == _WRITTEN
            self.other_version = reply.decode() if isinstance(reply, bytes) and not self.is_there else ""

    def is_worth_less(self, found: int, kept: int) -> bool:
        """Whether the copy in memory is better than the one just read: the state is lost, and it has more."""
        return not self.is_there and found < kept
