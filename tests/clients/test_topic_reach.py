from __future__ import annotations

import time

from clients.topic_admin import topic_begins
from clients.topic_reach import TopicReach
from contracts import topics
from stack.machine.ports import free_port
from tests.faults.processes import wait_until
from tests.integration.flow import send


def test_the_ends_are_known_soon_and_followed(fresh_topics: str) -> None:
    reach = TopicReach(fresh_topics)
    reach.start()
    before = int(time.time() * 1000)
    assert reach.newest().ends == {**{f"interactions:{p}": 0 for p in range(4)}, "catalog:0": 0}
    send(fresh_topics, topics.CATALOG.name, [(b"a", b"{}"), (b"b", b"{}")])
    wait_until(lambda: reach.newest().ends["catalog:0"] == 2, "the end is followed")
    assert reach.newest().asked_at >= before
    assert topic_begins(fresh_topics)["catalog:0"] == 0
    reach.stop()
    reach.join(30)
    assert not reach.is_alive()


def test_a_caller_that_waits_for_a_broker_that_does_not_answer_returns_at_the_end() -> None:
    reach = TopicReach(f"127.0.0.1:{free_port()}")
    reach.stop()
    assert reach.newest().ends == {}
