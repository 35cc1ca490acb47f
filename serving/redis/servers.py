"""The servers that hold the keys: one Redis, or those of a Redis Cluster. The caller sets the deadline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from redis.asyncio import BlockingConnectionPool

from clients.redis.address import cluster_address
from clients.redis.connection import redis_pool
from serving.redis.batches import Command, Reply
from serving.redis.cluster_servers import ClusterServers
from serving.redis.round_trip import round_trip
from serving.redis.slot_map import Place


class Servers(Protocol):
    """What the store needs from the servers. Every method raises RedisError or OSError."""

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """One reply for each command, from the server that has its key; a reply may be an error.

        The last command runs together with the others or after them, never before.
        """

    async def names(self) -> Sequence[Place]:
        """Every server that holds keys, in an order that stays the same."""

    async def ask_one(self, name: Place, commands: Sequence[Command]) -> list[Reply]:
        """The replies of this server to commands about itself, such as SCAN and INFO."""

    async def close(self) -> None:
        """Release the connections."""


class OneServer:
    """A Redis of one server, behind Sentinel or not."""

    def __init__(self, pool: BlockingConnectionPool) -> None:
        self._pool = pool

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """One round trip."""
        return await round_trip(self._pool, commands)

    async def names(self) -> Sequence[Place]:
        """The one server, which needs no name."""
        return (("", 0),)

    async def ask_one(self, name: Place, commands: Sequence[Command]) -> list[Reply]:
        """The same as `ask`: there is one server."""
        return await round_trip(self._pool, commands)

    async def close(self) -> None:
        """Release the connections."""
        await self._pool.disconnect()


def open_servers(url: str, **options: Any) -> Servers:
    """The servers at an address (REDIS_URL), with redis-py's options for connections.

    Raises ValueError for an address that cannot be read.
    """
    address = cluster_address(url)
    return OneServer(redis_pool(url, **options)) if address is None else ClusterServers(address, options)
