"""Checks a command's servers before it starts Spark, which takes long to start and longer to give up."""

from __future__ import annotations

from collections.abc import Sequence

from clients.event_producer import wait_for_broker
from contracts.settings import KafkaSettings, RedisSettings
from stack.status.redis_state import redis_state

_KAFKA_SECONDS = 2.0


def connect_first(servers: Sequence[str]) -> None:
    """Return once each of the servers, "redis" and "kafka", answers.

    Raises RedisUnavailableError and BrokerUnavailableError.
    """
    if "redis" in servers:
        with redis_state(RedisSettings().redis_url.get_secret_value()) as redis:
            redis.state_version()
    if "kafka" in servers:
        wait_for_broker(KafkaSettings(), _KAFKA_SECONDS)
