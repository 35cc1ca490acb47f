from __future__ import annotations

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from clients.event_producer import BrokerUnavailableError
from clients.offsets_without_records import has_no_record
from contracts import topics
from stack.machine.ports import free_port
from tests.integration.flow import send_in_transaction

PLACE = f"{topics.INTERACTIONS.name}:2"


@pytest.fixture
def transactions(fresh_topics: str) -> str:
    """A record and its transaction's end at 0 and 1, at 2 and 3, ...; then plain records at 6 and 7."""
    for _ in range(3):
        send_in_transaction(fresh_topics, topics.INTERACTIONS.name, 2, b"u", b"{}")
    plain = KafkaProducer(bootstrap_servers=fresh_topics, metrics_enabled=False)
    for _ in range(2):
        plain.send(topics.INTERACTIONS.name, b"{}", partition=2)
    plain.flush(30)
    plain.close()
    return fresh_topics


def test_only_the_ends_of_transactions_count_as_offsets_without_a_record(transactions: str) -> None:
    records = {0, 2, 4, 6, 7}
    for start in range(8):
        for end in range(start, 9):
            expected = not records & set(range(start, end))
            assert has_no_record(transactions, PLACE, start, end) == expected, (start, end)


def test_deleted_offsets_do_not_count_as_offsets_without_a_record(transactions: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=transactions)
    admin.delete_records({TopicPartition(topics.INTERACTIONS.name, 2): 4})
    admin.close()
    assert not has_no_record(transactions, PLACE, 1, 2)
    assert has_no_record(transactions, PLACE, 5, 6)


def test_the_error_names_a_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.offsets_without_records._ANSWER_SECONDS", 0.2)
    with pytest.raises(BrokerUnavailableError):
        has_no_record(f"127.0.0.1:{free_port()}", PLACE, 0, 1)
