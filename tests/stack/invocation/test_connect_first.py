from __future__ import annotations

import pytest

from clients.event_producer import BrokerUnavailableError
from stack.invocation import connect_first as connecting
from stack.invocation.connect_first import connect_first
from stack.machine.ports import LOOPBACK, free_port
from stack.status.redis_state import RedisUnavailableError


def test_each_server_that_a_command_needs_is_checked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://{LOOPBACK}:{free_port()}/0")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"{LOOPBACK}:{free_port()}")
    monkeypatch.setattr(connecting, "_KAFKA_SECONDS", 0.1)
    connect_first(())
    with pytest.raises(RedisUnavailableError):
        connect_first(("redis", "kafka"))
    with pytest.raises(BrokerUnavailableError):
        connect_first(("kafka",))
