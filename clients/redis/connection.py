"""Opens clients and connection pools for an address: of one server, behind Sentinel, of a Redis Cluster."""

from __future__ import annotations

from typing import Any

import redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from clients.redis.address import cluster_address, sentinel_address
from clients.redis.cluster_client import ClusterClient

# After a Sentinel that does not answer, the next one is asked.
_ASK = {"socket_timeout": 2.0, "socket_connect_timeout": 2.0}


def redis_client(url: str, **options: Any) -> redis.Redis:
    """A client with redis-py's options. Raises ValueError for an address that cannot be read."""
    if cluster := cluster_address(url):
        return ClusterClient(cluster, options)
    address = sentinel_address(url)
    if address is None:
        return redis.Redis.from_url(url, **options)
    ask = {**_ASK, "retry": Retry(NoBackoff(), 0)}
    opens: Any = Sentinel  # redis-py does not type its constructor
    sentinel = opens(address.sentinels, sentinel_kwargs={**ask, **address.sentinel_options})
    wanted = {**address.options, **options, **({"ssl": True} if address.uses_tls else {})}
    client: redis.Redis = sentinel.master_for(address.service, **wanted)
    return client


class _BlockingSentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """A pool of connections to the server that Sentinel names; a caller waits until one is free."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close the connections; all of them: those to the Sentinels too."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def redis_pool(url: str, **options: Any) -> BlockingConnectionPool:
    """A pool of asyncio with redis-py's options; a cluster has one for each server.

    Raises ValueError for an address that cannot be read.
    """
    address = sentinel_address(url)
    if address is None:
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(url, **options)
        return pool
    ask = {**_ASK, "retry": AsyncRetry(NoBackoff(), 0)}
    opens: Any = AsyncSentinel
    sentinel = opens(address.sentinels, sentinel_kwargs={**ask, **address.sentinel_options})
    wanted = {**address.options, **options, "ssl": address.uses_tls}
    opens_pool: Any = _BlockingSentinelPool
    behind_sentinel: BlockingConnectionPool = opens_pool(address.service, sentinel, **wanted)
    return behind_sentinel
