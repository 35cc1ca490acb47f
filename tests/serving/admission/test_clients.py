from __future__ import annotations

import time
from ipaddress import ip_network

import jwt
import pytest
from starlette.datastructures import Headers
from starlette.types import Scope

from serving.admission.clients import Clients, address_of, subscriber_of
from tests.serving.conftest import settings_of

SUBJECT_KEY = "s" * 32
PROXIES = (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"))


def request_of(host: str, **headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "path": "/v1/popular", "headers": raw, "client": (host, 1)}


def token_of(subject: str, key: str = SUBJECT_KEY) -> str:
    return "Bearer " + jwt.encode({"sub": subject, "exp": time.time() + 60}, key, algorithm="HS256")


def test_a_valid_key_is_one_client_from_any_address_and_is_not_stored() -> None:
    client_of = Clients(settings_of(api_key="secret"))
    known = client_of(request_of("a", x_api_key="secret"))
    assert known == client_of(request_of("b", x_api_key="secret"))
    assert known != client_of(request_of("a"))
    assert b"secret" not in known


def test_a_wrong_key_or_token_gets_no_rate_of_its_own() -> None:
    client_of = Clients(settings_of(api_key="secret", subject_key=SUBJECT_KEY))
    address = client_of(request_of("a"))
    assert {client_of(request_of("a", x_api_key=f"guess{n}")) for n in range(5)} == {address}
    assert client_of(request_of("a", authorization=token_of("ann", "x" * 32))) == address
    assert client_of(request_of("a", authorization="Bearer nonsense")) == address


def test_a_user_is_one_client_with_any_token() -> None:
    client_of = Clients(settings_of(api_key="secret", subject_key=SUBJECT_KEY))
    ann = client_of(request_of("a", authorization=token_of("ann")))
    assert ann == client_of(request_of("b", authorization=token_of("ann").replace("Bearer", "bearer")))
    assert ann != client_of(request_of("a", authorization=token_of("bob")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.7, 10.2.2.2"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # anyone may claim this
        ("10.0.0.1", ["10.3.3.3"], "10.3.3.3"),
        ("10.0.0.1", ["203.0.113.7, no address"], "no address"),
    ],
)
def test_the_address_of_a_client_is_the_last_one_that_is_not_a_trusted_proxy(
    peer: str, forwarded: list[str], address: str
) -> None:
    headers = Headers(raw=[(b"x-forwarded-for", each.encode()) for each in forwarded])
    assert address_of(peer, headers, PROXIES) == address
    assert address_of(peer, headers, ()) == peer


@pytest.mark.parametrize(
    ("address", "subscriber"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("no address", "no address"),
    ],
)
def test_the_addresses_that_one_subscriber_can_take_are_one_client(address: str, subscriber: str) -> None:
    assert subscriber_of(address) == subscriber
    client_of = Clients(settings_of())
    assert client_of(request_of(address)) == subscriber.encode()
