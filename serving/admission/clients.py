"""Says for rate limits whose request it is: a valid key's holder, a valid token's user, or else an address.

What a client only claims gives it no rate limit of its own: a request with a wrong key, a wrong token or an
address from a proxy that is not trusted counts for the address of its connection.
"""

from __future__ import annotations

from hashlib import blake2b
from ipaddress import IPV6LENGTH, IPv4Address, IPv4Network, IPv6Network, ip_address

from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.types import Scope

from contracts.settings import ServingSettings
from serving.http.access import HEADER, matches
from serving.http.problems import ProblemError
from serving.http.subject import subject_of

Network = IPv4Network | IPv6Network
_HOST_BITS = 64


class Clients:
    """Names a request's client by 16 bytes, or by its address."""

    def __init__(self, settings: ServingSettings) -> None:
        self._keys = (settings.read_api_key, settings.api_key, settings.admin_api_key)
        self._subject_key = settings.subject_key
        self._proxies = settings.trusted_proxies

    def __call__(self, scope: Scope) -> bytes:
        """The client. Keys and users are kept as digests only."""
        headers = Headers(scope=scope)
        given = headers.get(HEADER)
        if given is not None and matches(given, self._keys):
            return _digest(b"key", given.encode("latin-1"))
        subject = self._subject(headers.get("authorization"))
        if subject is not None:
            return _digest(b"user", subject.encode())
        peer = scope.get("client")
        return subscriber_of(address_of(str(peer[0]), headers, self._proxies)).encode() if peer else b""

    def _subject(self, authorization: str | None) -> str | None:
        scheme, token = get_authorization_scheme_param(authorization)
        if self._subject_key is None or scheme.lower() != "bearer":
            return None
        try:
            return subject_of(token, self._subject_key)
        except ProblemError:
            return None


def address_of(peer: str, headers: Headers, proxies: tuple[Network, ...]) -> str:
    """The client's address: the last one in X-Forwarded-For that is not a trusted proxy's.

    The header counts only where the connection itself comes from a trusted proxy (TRUSTED_PROXIES).
    """
    path = [each.strip() for line in headers.getlist("x-forwarded-for") for each in line.split(",")]
    address = peer
    while path and _is_one_of(address, proxies):
        address = path.pop()
    return address


def subscriber_of(address: str) -> str:
    """What one subscriber holds: an IPv4 address, or an IPv6 network of 64 bits, of which every host can take
    any address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed) >> _HOST_BITS << _HOST_BITS, IPV6LENGTH - _HOST_BITS)))


def _is_one_of(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _digest(kind: bytes, value: bytes) -> bytes:
    return blake2b(value, digest_size=16, person=kind).digest()
