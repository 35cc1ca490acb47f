"""A client of a Redis Cluster with the methods of redis-py's client of one server, pipelines included.

redis-py's own client of a cluster finds the servers, follows slots that move and tries again, but its
pipelines take no scripts and no reads of several keys. Here a pipeline is split by server, and each part is a
pipeline of that server's own client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis
from redis.client import Pipeline
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import (
    AskError,
    ClusterError,
    ConnectionError,
    CrossSlotTransactionError,
    MovedError,
    NoScriptError,
    RedisClusterException,
    TimeoutError,
    TryAgainError,
)

from clients.redis.address import ClusterAddress
from clients.redis.slots import COUNTS_OF_KEYS, command_in_cluster, slot_of
from contracts.redis_memory import info_of_all

_SERVERS = 1 << 16  # a scan's cursor is the server's own one times this, plus which server it is
_MOVES = 8  # how often a part of a pipeline follows a slot to another server
_LONGEST_PAUSE = 2.0
_FOR_ALL_SERVERS = frozenset({"SCRIPT LOAD", "FLUSHALL"})
_ELSEWHERE = (MovedError, AskError, TryAgainError)
_AWAY = (ConnectionError, TimeoutError)


class _Queued(NamedTuple):
    place: int  # in the pipeline
    command: tuple[Any, ...]
    options: Mapping[str, Any]


class ClusterClient(redis.Redis):
    """Connects when it is first used; an unreachable cluster is a redis.ConnectionError, as one server is."""

    def __init__(self, address: ClusterAddress, options: Mapping[str, Any]) -> None:
        host, port = address.servers[0]
        super().__init__(host=host, port=port)  # opens no connection: the response callbacks are needed
        self._address, self._options = address, dict(options)
        self._retry = self._options.pop("retry", None)
        self._opened: Any = None  # a RedisCluster; redis-py types few of its methods
        self._opening = threading.Lock()

    @property
    def _cluster(self) -> Any:
        with self._opening:
            if self._opened is None:
                opens: Any = RedisCluster
                node: Any = ClusterNode
                self._opened = opens(
                    startup_nodes=[node(host, port) for host, port in self._address.servers],
                    # What the operator wrote stays the way in: behind a name, addresses may change.
                    dynamic_startup_nodes=False,
                    retry=self._retry,
                    ssl=self._address.uses_tls,
                    **self._address.options,
                    **self._options,
                )
            return self._opened

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command to the server that has its keys."""
        command = command_in_cluster(args)
        if command[0] in COUNTS_OF_KEYS and len(by_slot := _by_slot(command[1:])) > 1:
            return sum(self.execute_command(command[0], *keys) for keys in by_slot)
        with _as_unreachable():
            if command[0] in _FOR_ALL_SERVERS:
                first, *_ = [server.execute_command(*command, **options) for server in self._servers()]
                return first
            if command[0] == "TIME":
                server: Any = self._server_of(command)
                return server.execute_command(*command, **options)
            return self._cluster.execute_command(*command, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """A pipeline over all servers; a transaction must be of one slot."""
        return ClusterPipeline(self, transaction)

    def info(self, section: str | None = None, *args: str, **kwargs: Any) -> Any:
        """INFO of all servers that hold keys, as of one (contracts/redis_memory.py)."""
        with _as_unreachable():
            sections = (section, *args) if section else args
            return info_of_all([server.info(*sections, **kwargs) for server in self._servers()])

    def scan(self, cursor: int | str = 0, *args: Any, **kwargs: Any) -> Any:
        """SCAN of one server after the other."""
        within, which = divmod(int(cursor), _SERVERS)
        with _as_unreachable():
            servers = self._servers()
            if which >= len(servers):  # one has gone meanwhile
                return 0, []
            within, keys = servers[which].scan(within, *args, **kwargs)
        if within:
            return within * _SERVERS + which, keys
        return (which + 1 if which + 1 < len(servers) else 0), keys

    def keys(self, pattern: Any = "*", **kwargs: Any) -> Any:
        """KEYS of all servers."""
        with _as_unreachable():
            return [key for server in self._servers() for key in server.keys(pattern, **kwargs)]

    def dbsize(self, **kwargs: Any) -> Any:
        """How many keys all servers hold."""
        with _as_unreachable():
            return sum(int(server.dbsize(**kwargs)) for server in self._servers())

    def close(self) -> None:
        """Close the connections to all servers."""
        opened, self._opened = getattr(self, "_opened", None), None
        if opened is not None:
            opened.disconnect_connection_pools()
            opened.close()

    def run(self, queued: Sequence[_Queued], scripts: Any, transaction: bool) -> list[Any]:
        """The replies to a pipeline, errors among them.

        One server after the other, in the order in which they first stand in the pipeline. A server's part
        has ended before the next one's begins: a flag is raised before the flag of another server is read.
        """
        replies: list[Any] = [None] * len(queued)
        left, failures = list(queued), 0
        while left:
            part, *others = self._parts(left)
            try:
                found = self._run_part(part, scripts, transaction)
            except (*_ELSEWHERE, *_AWAY, ClusterError) as error:
                found = [error] * len(part)
            left = [each for each, reply in zip(part, found, strict=True) if _is_passing(reply)]
            for each, reply in zip(part, found, strict=True):
                replies[each.place] = reply
            if left:
                failures += 1
                errors = [replies[each.place] for each in left]
                if failures > self._patience(errors):
                    raise ConnectionError(f"Redis Cluster: {errors[0]}") from errors[0]
                self._find_servers_again(failures)
            left += [each for other in others for each in other]
        return replies

    def _parts(self, queued: Sequence[_Queued]) -> list[list[_Queued]]:
        """The commands by server."""
        parts: dict[str, list[_Queued]] = {}
        with _as_unreachable():
            for each in queued:
                parts.setdefault(self._node_of(each.command).name, []).append(each)
        return list(parts.values())

    def _run_part(self, part: Sequence[_Queued], scripts: Any, transaction: bool) -> list[Any]:
        server = self._server_of(part[0].command)
        with server.pipeline(transaction=transaction) as pipeline:
            pipeline.scripts = set(scripts)  # loaded into the server where it lacks them
            for each in part:
                pipeline.command_stack.append((each.command, each.options))
            found = pipeline.execute(raise_on_error=False)
        return [
            self._ask_the_importing_server(each, scripts) if type(reply) is AskError else reply
            for each, reply in zip(part, found, strict=True)
        ]

    def _ask_the_importing_server(self, each: _Queued, scripts: Any) -> Any:
        """redis-py asks the server to which a slot is on its way."""
        try:
            for script in scripts:
                self._cluster.script_load(script.script)
            return self._cluster.execute_command(*each.command, **each.options)
        except (redis.RedisError, RedisClusterException) as error:
            return error

    def _patience(self, errors: Sequence[Exception]) -> int:
        if all(isinstance(error, _ELSEWHERE) for error in errors):
            return _MOVES
        return int(self._cluster.retry.get_retries())

    def _find_servers_again(self, failures: int) -> None:
        time.sleep(min(_LONGEST_PAUSE, 0.02 * 2**failures))
        try:
            self._cluster.nodes_manager.initialize()
        except (RedisClusterException, redis.RedisError):
            return  # none answers now: the next try says so

    def _node_of(self, command: Sequence[Any]) -> ClusterNode:
        node: ClusterNode = self._cluster.nodes_manager.get_node_from_slot(slot_of(command))
        return node

    def _server_of(self, command: Sequence[Any]) -> redis.Redis:
        server: redis.Redis = self._cluster.get_redis_connection(self._node_of(command))
        return server

    def _servers(self) -> list[Any]:
        """Those that hold keys, always in the same order."""
        primaries = sorted(self._cluster.get_primaries(), key=lambda node: str(node.name))
        return [self._cluster.get_redis_connection(node) for node in primaries]


class ClusterPipeline(Pipeline):
    """Collects commands as any pipeline does; `ClusterClient.run` sends them."""

    def __init__(self, client: ClusterClient, transaction: bool) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._client = client
        self._is_transaction = transaction

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """The replies in order. Raises the first error among them, if ``raise_on_error``."""
        queued = [
            _Queued(place, command_in_cluster(args), options)
            for place, (args, options) in enumerate(self.command_stack)
        ]
        scripts = set(self.scripts)
        self.reset()
        if self._is_transaction and len({slot_of(each.command) for each in queued}) > 1:
            raise CrossSlotTransactionError("a transaction in a Redis Cluster has the keys of one slot only")
        replies = self._client.run(queued, scripts, self._is_transaction)
        if raise_on_error:
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        return replies


def _is_passing(reply: Any) -> bool:
    return isinstance(reply, (*_ELSEWHERE, *_AWAY, ClusterError, NoScriptError))


def _by_slot(keys: Sequence[Any]) -> list[list[Any]]:
    slots: dict[int, list[Any]] = {}
    for key in keys:
        slots.setdefault(slot_of(("GET", key)), []).append(key)
    return list(slots.values())


@contextmanager
def _as_unreachable() -> Iterator[None]:
    """What only a cluster raises, as what a client of one server raises: callers know that."""
    try:
        yield
    except (RedisClusterException, ClusterError) as error:
        raise ConnectionError(f"Redis Cluster: {error}") from error
