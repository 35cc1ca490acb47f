"""Which server of a Redis Cluster has which slot, from a server's reply to CLUSTER SLOTS."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, int]  # host and port


@dataclass(frozen=True)
class SlotMap:
    """Ranges of slots in their order; a slot that no range holds has no server."""

    firsts: tuple[int, ...] = ()
    ranges: tuple[tuple[int, Place], ...] = field(default=())  # the last slot of each, and its server

    def server_of(self, slot: int) -> Place | None:
        """The server that has a slot; None where none has."""
        place = bisect_right(self.firsts, slot) - 1
        if place < 0:
            return None
        last, server = self.ranges[place]
        return server if slot <= last else None

    @property
    def servers(self) -> list[Place]:
        """Every server that has slots, in an order that stays the same."""
        return sorted({server for _, server in self.ranges})


def slot_map(reply: Sequence[Any], asked: Place) -> SlotMap:
    """Read the reply to CLUSTER SLOTS; where it names no host, the server is the one that was ``asked``."""
    found = sorted(
        (int(first), int(last), (_text(primary[0]) or asked[0], int(primary[1])))
        for first, last, primary, *_ in reply
    )
    return SlotMap(
        firsts=tuple(first for first, _, _ in found),
        ranges=tuple((last, server) for _, last, server in found),
    )


def _text(host: Any) -> str:
    return host.decode() if isinstance(host, bytes) else str(host or "")
