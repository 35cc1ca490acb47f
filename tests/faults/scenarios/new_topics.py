"""A topic that is deleted and created again while streaming is live, and a repair long after that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from deltalake import DeltaTable

from clients.topic_admin import create_topics
from contracts import topics
from contracts.exit_codes import NEEDS_OPERATOR
from contracts.stored import keyspace, lake
from streaming.online.touched_items import is_unmerged
from tests.clients.test_topic_admin import delete_topic
from tests.faults.processes import Service, wait_until
from tests.faults.producer import Producer, Sent
from tests.faults.recount import assert_nothing_lost
from tests.faults.scenarios.scenario import running, seconds_until

_FEWER, _MORE = 100, 3_000  # events of the new topic than the one before has: offsets show it, or do not
_HOLES = 7  # events that are cut out of the lake


def topic_created_again(folder: Path) -> str:
    """Streaming ends with the sentence that its start would say; after a repair each event of all topics is
    there once. So it is after a later repair, when the lake has rows of both topics and holes."""
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
            _assert_disowned(service)
            repaired = json.loads(service.headwater("repair", "--json"))
            assert (repaired["lost"], len(repaired["earlier"])) == ([], 1), repaired
            service.start_streaming()
            _wait_until_applied(service, producer)
            _repair_holes(service, producer)
            sent = [*sent, *producer.sent]
            producer.sent = sent
            assert_nothing_lost(service, producer)
            producer.close()
        return (
            f"ended with {NEEDS_OPERATOR} after {noticed[0]:.0f} s (the new topic is shorter) and "
            f"{noticed[1]:.0f} s (longer); later {_HOLES} holes were filled in each, by a repair without a "
            f"checkpoint; {len(sent):,} events of three topics, 0 lost, 0 doubled"
        )


def _repair_holes(service: Service, producer: Producer) -> None:
    """Cut holes into the lake where it has rows of the topic before too, lose the checkpoint, and repair."""
    service.end_in_order()
    _cut(service, sorted(producer.sent, key=lambda sent: sent.offset)[:_HOLES])
    newest = max(producer.sent, key=lambda sent: sent.offset)
    producer.send(_FEWER)  # while streaming is away
    producer.flush()
    shutil.rmtree(Path(service.env["CHECKPOINTS_URI"]) / "lake-v1")
    repaired = json.loads(service.headwater("repair", "--json"))
    assert (repaired["lost"], repaired["earlier"]) == ([], []), repaired
    assert repaired["filled"] == {"accepted": _HOLES, "rejected": 0}, repaired
    begins = repaired["begins"]["lake"][topics.INTERACTIONS.name]
    assert begins[str(newest.partition)] == newest.offset + 1, repaired
    service.start_streaming()
    _wait_until_applied(service, producer)


def _cut(service: Service, cut: list[Sent]) -> None:
    ids = ", ".join(f"'{each.event.event_id}'" for each in cut)
    DeltaTable(lake.INTERACTIONS.path(service.env["LAKE_URI"])).delete(f"event_id IN ({ids})")


def _assert_ends(service: Service) -> None:
    code = service.wait_for_end()
    last = service.log().strip().splitlines()[-1]
    assert code == NEEDS_OPERATOR, (code, last)
    assert "ended, or events would be lost or doubled: the checkpoint of query online" in last, last
    assert f"{topics.INTERACTIONS.name} was deleted and created again" in last, last


def _assert_disowned(service: Service) -> None:
    """Nothing may be called fresh by offsets of the earlier topic: answers are stale, the lake lags."""
    assert service.client.get(keyspace.STATE_VERSION) is None
    assert service.applied_records(keyspace.APPLIED_LAKE) == 0


def _wait_until_applied(service: Service, producer: Producer) -> None:
    """Wait until both queries stand at the new topic's ends."""

    def is_applied() -> bool:
        service.check()
        keys = (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE)
        ends = [topics.interaction_offsets(service.offsets(key)) for key in keys]
        return not is_unmerged(service.client) and all(each == producer.reached for each in ends)

    wait_until(is_applied, "the new topic is applied")
