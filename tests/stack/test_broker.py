from __future__ import annotations

from stack.broker import ready, server_properties
from stack.ports import free_port


def test_a_started_broker_answers_a_request_of_the_protocol(broker: str) -> None:
    assert ready(int(broker.rsplit(":", 1)[1]))


def test_where_nothing_listens_no_broker_is_ready() -> None:
    assert not ready(free_port(), timeout=0.5)


def test_the_broker_listens_on_loopback_only(tmp_path) -> None:  # type: ignore[no-untyped-def]
    settings = server_properties(tmp_path, 1, 2)
    assert {part.split("//")[1].split(":")[0] for part in settings["listeners"].split(",")} == {"127.0.0.1"}
