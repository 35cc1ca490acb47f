"""The interface for sending events to Kafka, the same for every client library.

Errors:  ProducerError ┬ BrokerUnavailableError   no broker answered in time
                       │ └ BrokerRefusesError     one answered, and certificates or credentials do not fit
                       └ ClientMissingError       the chosen client library is not installed
         EventTooLargeError (a ValueError)        refused before sending
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from clients.kafka_options import Servers, connection, tls_context
from contracts.settings import KafkaSettings
from contracts.topics import MAX_EVENT_BYTES

# What a record batch adds to its only event (two headers, varints): 70-90 bytes in practice.
_BATCH_OVERHEAD = 256


class Delivery(NamedTuple):
    """Where Kafka stored an acknowledged event."""

    topic: str
    partition: int
    offset: int


OnDelivery = Callable[[Delivery | None, Exception | None], None]


class ProducerError(Exception):
    """Events cannot be sent; the message names the cure."""


class BrokerUnavailableError(ProducerError):
    """No broker answered in time."""

    def __init__(self, servers: Servers) -> None:
        super().__init__(
            f"no Kafka broker answers at {_address(servers)}: start one with `headwater up`, "
            "or name the right one with --bootstrap-servers or KAFKA_BOOTSTRAP_SERVERS"
        )


class BrokerRefusesError(BrokerUnavailableError):
    """A broker answered, but certificates or credentials do not match."""

    def __init__(self, servers: Servers, fault: str) -> None:
        ProducerError.__init__(self, f"the Kafka broker at {_address(servers)} {fault}")


def _address(servers: Servers) -> str:
    return connection(servers).kafka_bootstrap_servers


def unavailable(servers: Servers, error: Exception) -> BrokerUnavailableError:
    """The error to raise for a client's error after `wait_for_broker` has reached the broker.

    kafka-python reports a refusal as a timeout, so what may be wrong is guessed from the settings.
    """
    settings = connection(servers)
    suspects = []
    if settings.kafka_uses_sasl:
        suspects.append(
            "the settings KAFKA_OAUTH_..."
            if settings.kafka_sasl_mechanism == "OAUTHBEARER"
            else "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
        )
    if settings.kafka_uses_tls:
        suspects.append("whether the broker asks for KAFKA_SSL_CERTIFICATE_FILE")
    if not suspects:
        return BrokerUnavailableError(settings)
    return BrokerRefusesError(
        settings, f"is there and did not let this client in ({error}): check {', and '.join(suspects)}"
    )


class ClientMissingError(ProducerError):
    """The chosen client library is not installed."""


class EventTooLargeError(ValueError):
    """The event is larger than ``topics.MAX_EVENT_BYTES``, and was not sent."""


@dataclass(frozen=True)
class ProducerLimits:
    """How much a producer may buffer and how long it may try.

    The bounds on memory count events that are not acknowledged yet; ``send`` waits while the buffer is full.
    """

    max_events: int = 50_000
    max_bytes: int = 32 * 1024 * 1024
    linger_ms: int = 20
    batch_bytes: int = 128 * 1024
    connect_timeout_seconds: float = 10.0
    delivery_timeout_seconds: float = 120.0


class EventProducer(Protocol):
    """Sends events with acks=all and idempotence. Several threads may share one instance."""

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        """Queue one event; wait while the buffer is full.

        ``on_delivery`` is called exactly once, from a thread of the producer, with a Delivery or with the
        error; it must return quickly and must not send. Raises EventTooLargeError without calling it.
        """

    def flush(self, timeout: float) -> int:
        """Send what is queued, wait up to ``timeout`` seconds, and return how many events are not reported
        yet."""

    def close(self) -> None:
        """Flush briefly and close the connection. Events that are still unsent are reported as failed."""


def checked_size(key: bytes, value: bytes) -> int:
    """The event's size in bytes. Raises EventTooLargeError if it is too large for its topic."""
    size = len(key) + len(value)
    if size > MAX_EVENT_BYTES - _BATCH_OVERHEAD:
        raise EventTooLargeError(
            f"an event of {size:,} bytes is over the limit of {MAX_EVENT_BYTES - _BATCH_OVERHEAD:,} "
            "and was not sent"
        )
    return size


def wait_for_broker(servers: Servers, timeout: float) -> KafkaSettings:
    """Wait until a broker accepts a connection and, with TLS, has shown its certificate.

    Returns the settings with only that broker's address; a client learns the other addresses from it. Given
    several, kafka-python tries them at random, waits long for one that is down, and leaves sockets open.
    Raises BrokerUnavailableError after ``timeout`` seconds, BrokerRefusesError at once.
    """
    settings = connection(servers)
    context = tls_context(settings) if settings.kafka_uses_tls else None
    addresses = [address.strip() for address in settings.kafka_bootstrap_servers.split(",")]
    deadline = time.monotonic() + timeout
    while True:
        for address in addresses:
            if _accepts(address, timeout, context):
                return settings.model_copy(update={"kafka_bootstrap_servers": address})
        if time.monotonic() >= deadline:
            raise BrokerUnavailableError(settings)
        time.sleep(0.2)


def _accepts(address: str, timeout: float, context: ssl.SSLContext | None) -> bool:
    host, _, port = address.rpartition(":")
    scheme, is_url, _ = address.partition("://")
    if is_url:
        raise ProducerError(
            f"{address!r} is not a broker address: write host:port without {scheme}://, and the protocol as "
            "KAFKA_SECURITY_PROTOCOL"
        )
    if not host or not port.isdecimal():
        raise ProducerError(
            f"{address!r} is not a broker address: write host:port, several separated by commas"
        )
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), min(timeout, 2.0)) as plain:
            if context is not None:
                context.wrap_socket(plain, server_hostname=host).close()
            return True
    except ssl.SSLCertVerificationError as error:
        raise BrokerRefusesError(
            address,
            f"has a certificate that is not trusted ({error.verify_message}): set KAFKA_SSL_CA_FILE to "
            "the PEM file of its certificate authority",
        ) from error
    except ssl.SSLError as error:
        raise BrokerRefusesError(
            address,
            f"does not agree on TLS ({error.reason}): check that this port takes "
            "KAFKA_SECURITY_PROTOCOL, and whether it asks for KAFKA_SSL_CERTIFICATE_FILE",
        ) from error
    except (OSError, OverflowError):
        return False


class _Opens(Protocol):
    def __call__(self, servers: Servers, limits: ProducerLimits) -> EventProducer: ...


# setting -> module, class, what to install
_CLIENTS: dict[str, tuple[str, str, str]] = {
    "kafka-python": ("clients.kafka_python_producer", "KafkaPythonProducer", "headwater[ingest]"),
    "confluent": ("clients.confluent_producer", "ConfluentProducer", "headwater[confluent]"),
}


def open_producer(settings: KafkaSettings, limits: ProducerLimits | None = None) -> EventProducer:
    """Open a connected producer of the client library that ``KAFKA_CLIENT`` names.

    Raises BrokerUnavailableError within the connect timeout, ClientMissingError naming the extra to install.
    """
    module, name, extra = _CLIENTS[settings.kafka_client]
    try:
        opens = cast(_Opens, getattr(import_module(module), name))
    except ImportError as error:
        raise ClientMissingError(
            f"KAFKA_CLIENT={settings.kafka_client} needs a package that is missing: pip install '{extra}'"
        ) from error
    limits = limits or ProducerLimits()
    return opens(wait_for_broker(settings, limits.connect_timeout_seconds), limits)
