"""The servers of a Redis Cluster: each command goes to the one that has its key.

Replies are read by the same code as those of one server (`serving.redis.round_trip`): redis-py's own cluster
client runs three coroutines for each reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool
from redis.exceptions import AskError, ConnectionError, MovedError, RedisError, ResponseError

from clients.redis.address import ClusterAddress
from clients.redis.connection import redis_pool
from clients.redis.slots import command_in_cluster, slot_of
from serving.redis.batches import Command, Reply
from serving.redis.round_trip import round_trip
from serving.redis.slot_map import Place, SlotMap, slot_map

_MAP_SECONDS = 2.0  # how long a server may take to answer which server has which slot; then the next is asked
_TRIES = 3
_SLOTS: Command = ("CLUSTER", "SLOTS")
_ASKING: Command = ("ASKING",)


class ClusterServers:
    """The servers of a cluster, in the form of `serving.redis.servers.Servers`."""

    def __init__(self, address: ClusterAddress, options: Mapping[str, Any]) -> None:
        self._address, self._options = address, options
        self._pools: dict[Place, BlockingConnectionPool] = {}
        self._map: asyncio.Task[SlotMap] | None = None

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """A round trip to each server, all at the same time.

        The server of the last command is asked when the others have answered, because the last command must
        not run before the others.
        """
        placed = [cast(Command, command_in_cluster(command)) for command in commands]
        replies: list[Reply] = [None] * len(placed)
        unanswered: Sequence[int] = range(len(placed))
        for _ in range(_TRIES):
            parts = await self._by_server(placed, unanswered)
            last_server = next(server for server, places in parts.items() if unanswered[-1] in places)
            last_part = (last_server, parts[last_server])
            await self._ask_parts(placed, parts.items() - {last_part}, replies)
            await self._ask_parts(placed, [last_part], replies)
            await self._ask_importing_servers(placed, unanswered, replies)
            unanswered = [place for place in unanswered if isinstance(replies[place], MovedError)]
            if not unanswered:
                break
            self._forget_map()
        return replies

    async def names(self) -> Sequence[Place]:
        """Every server that holds keys."""
        return (await self._slot_map()).servers

    async def ask_one(self, name: Place, commands: Sequence[Command]) -> list[Reply]:
        """The replies of this server to commands about itself."""
        return await self._round_trip(name, commands)

    async def close(self) -> None:
        """Release the connections."""
        if self._map is not None:
            self._map.cancel()
            await asyncio.gather(self._map, return_exceptions=True)
        for pool in self._pools.values():
            await pool.disconnect()

    async def _by_server(
        self, commands: Sequence[Command], places: Sequence[int]
    ) -> dict[Place, tuple[int, ...]]:
        places_by_server: dict[Place, tuple[int, ...]] = {}
        slots = await self._slot_map()
        for place in places:
            server = slots.server_of(slot_of(commands[place]))
            if server is None:
                self._forget_map()
                raise ConnectionError(f"no server of the Redis Cluster has {commands[place][:2]}")
            places_by_server[server] = (*places_by_server.get(server, ()), place)
        return places_by_server

    async def _ask_parts(
        self, commands: Sequence[Command], parts: Iterable[tuple[Place, Sequence[int]]], replies: list[Reply]
    ) -> None:
        async def ask(server: Place, places: Sequence[int]) -> None:
            part_replies = await self._round_trip(server, [commands[place] for place in places])
            for place, reply in zip(places, part_replies, strict=True):
                replies[place] = reply

        asking = [asyncio.create_task(ask(server, places)) for server, places in parts]
        try:
            await asyncio.gather(*asking)
        finally:
            for task in asking:  # if one has failed, nobody waits for the others
                task.cancel()

    async def _ask_importing_servers(
        self, commands: Sequence[Command], places: Sequence[int], replies: list[Reply]
    ) -> None:
        """Repeat commands whose reply was ASK, at the server that the reply names.

        While a slot moves, its old server answers so for keys that may have moved already.
        """
        for place in places:
            error = replies[place]
            if isinstance(error, AskError) and not isinstance(error, MovedError):
                target = (error.host, error.port)
                replies[place] = (await self._round_trip(target, (_ASKING, commands[place])))[1]

    async def _round_trip(self, server: Place, commands: Sequence[Command]) -> list[Reply]:
        try:
            return await round_trip(self._pool(server), commands)
        except (RedisError, OSError):
            self._forget_map()  # another server may have its slots by now
            raise

    def _pool(self, server: Place) -> BlockingConnectionPool:
        if server not in self._pools:
            host, port = server
            scheme = "rediss" if self._address.uses_tls else "redis"
            url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/0"
            self._pools[server] = redis_pool(url, **{**self._address.options, **self._options})
        return self._pools[server]

    def _forget_map(self) -> None:
        if self._map is not None and self._map.done():
            self._map = None

    async def _slot_map(self) -> SlotMap:
        """Which server has which slot. All callers share one question, even if some of them give up."""
        if self._map is None:
            self._map = asyncio.create_task(self._ask_for_map())
        try:
            return await asyncio.shield(self._map)
        except (RedisError, OSError):
            self._forget_map()
            raise

    async def _ask_for_map(self) -> SlotMap:
        error: Exception = ConnectionError("no server of the Redis Cluster answers")
        for server in dict.fromkeys((*self._address.servers, *self._pools)):
            try:
                (reply,) = await asyncio.wait_for(round_trip(self._pool(server), (_SLOTS,)), _MAP_SECONDS)
            except (RedisError, OSError, asyncio.TimeoutError) as failure:
                error = failure
                continue
            if isinstance(reply, ResponseError):
                raise ConnectionError(f"Redis Cluster: {reply}") from reply
            return slot_map(reply, server)
        raise ConnectionError(f"Redis Cluster: {error}") from error
