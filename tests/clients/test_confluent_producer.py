"""The behaviour of this client alone; test_event_producer.py tests what both have in common."""

from __future__ import annotations

import pytest

from clients.confluent_producer import ConfluentProducer
from clients.event_producer import BrokerUnavailableError, ProducerLimits


def test_a_missing_broker_is_an_error_within_the_given_time(closed_port: int) -> None:
    with pytest.raises(BrokerUnavailableError, match="no Kafka broker answers"):
        ConfluentProducer(f"127.0.0.1:{closed_port}", ProducerLimits(connect_timeout_seconds=0.5))
