"""Whether Redis held the state at the last round trip: streaming's mark is read with every one of them."""

from __future__ import annotations

from contracts.stored import keyspace
from serving.redis.batches import Command, Reply

MARK: Command = ("GET", keyspace.STATE_VERSION)
_WRITTEN = str(keyspace.STATE).encode()


class StateMark:
    """What an answer may claim: without the mark, what Redis holds is empty or only a part.

    A flush takes the mark away, and so does a rebuild while it is at work. A state of a version that this
    code does not know counts as absent.
    """

    def __init__(self) -> None:
        self.is_there = False
        self.other_version = ""  # of the state that Redis holds, where this code does not read it
        self.is_full = False  # whether Redis refused writes when it was last asked

    def note(self, reply: Reply) -> None:
        """Take over what a round trip read; an error says nothing."""
        if not isinstance(reply, Exception):
            self.is_there = reply == _WRITTEN
            self.other_version = reply.decode() if isinstance(reply, bytes) and not self.is_there else ""

    def is_worth_less(self, found: int, kept: int) -> bool:
        """Whether what is kept in memory is better than what was just read, by the number of entries."""
        return not self.is_there and found < kept
