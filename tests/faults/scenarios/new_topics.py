"""A topic that is deleted and created again while streaming is live."""

from __future__ import annotations

from pathlib import Path

from clients.topic_admin import create_topics
from contracts import topics
from contracts.exit_codes import NEEDS_OPERATOR
from contracts.stored import keyspace
from streaming.online.touched_items import is_unmerged
from tests.clients.test_topic_admin import delete_topic
from tests.faults.processes import Service, wait_until
from tests.faults.producer import Producer
from tests.faults.recount import assert_nothing_lost
from tests.faults.scenarios.scenario import running, seconds_until

_FEWER, _MORE = 100, 3_000  # events of the new topic than the one before has: offsets show it, or do not


def topic_created_again(folder: Path) -> str:
    """Streaming ends with the sentence that its start would say; after a repair each event of all topics is
    there once."""
    with running(folder, seed=8) as stack:
        service, sent = stack.service, stack.producer.sent
        noticed = []
        for seed, count in enumerate((_FEWER, _MORE)):
            delete_topic(stack.broker.bootstrap, topics.INTERACTIONS.name)
            create_topics(stack.broker.bootstrap)
            producer = Producer(stack.broker.bootstrap, seed, folder)
            producer.send(count)
            producer.flush()
            noticed.append(seconds_until(lambda: _assert_ends(service)))
            service.headwater("repair", "--accept-loss")
            service.start_streaming()
            sent = [*sent, *producer.sent]
            _wait_until_applied(service, producer)
            producer.sent = sent
            assert_nothing_lost(service, producer)
            producer.close()
        return (
            f"ended with {NEEDS_OPERATOR} after {noticed[0]:.0f} s (the new topic is shorter) and "
            f"{noticed[1]:.0f} s (longer); {len(sent):,} events of three topics, 0 lost, 0 doubled"
        )


def _assert_ends(service: Service) -> None:
    code = service.wait_for_end()
    last = service.log().strip().splitlines()[-1]
    assert code == NEEDS_OPERATOR, (code, last)
    assert "ended, or events would be lost or doubled: the checkpoint of query online" in last, last
    assert f"{topics.INTERACTIONS.name} was deleted and created again" in last, last


def _wait_until_applied(service: Service, producer: Producer) -> None:
    """Wait until both queries stand at the new topic's ends; at first Redis has the earlier one's offsets."""

    def is_applied() -> bool:
        service.check()
        keys = (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE)
        ends = [topics.interaction_offsets(service.offsets(key)) for key in keys]
        return not is_unmerged(service.client) and all(each == producer.reached for each in ends)

    wait_until(is_applied, "the new topic is applied")
