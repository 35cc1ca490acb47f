"""Addresses of a Redis behind Sentinel; redis-py reads all others by itself.

redis+sentinel://[user:password@]host:port[,host:port...]/service[/db][?option=value&...]

With ``rediss+sentinel`` the connections to the Sentinels and to Redis are encrypted. The options are those of
redis-py's addresses; one with ``sentinel_`` before it, such as ``sentinel_password``, is for the Sentinels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.connection import URL_QUERY_ARGUMENT_PARSERS

_SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
_SENTINEL = "sentinel_"
_PARSERS: Mapping[str, Callable[[str], Any]] = cast(Any, URL_QUERY_ARGUMENT_PARSERS)
_FORM = "write redis+sentinel://host:port,host:port/SERVICE/0"


@dataclass(frozen=True)
class SentinelAddress:
    """The Sentinels, the service that they watch, and how to connect; its repr shows no password."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    uses_tls: bool
    options: dict[str, Any] = field(repr=False)
    sentinel_options: dict[str, Any] = field(repr=False)


def sentinel_address(url: str) -> SentinelAddress | None:
    """None for the address of one server. Raises ValueError for one that cannot be read, or of a Cluster."""
    scheme, separator, rest = url.partition("://")
    if scheme in ("redis+cluster", "rediss+cluster"):
        raise ValueError(
            "Redis URL: Redis Cluster is not supported, since a version is published in one transaction"
        )
    if scheme not in _SCHEMES or not separator:
        return None
    parts = urlsplit(f"//{rest}")
    people, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service or not hosts or not (database or "0").isdecimal():
        raise ValueError(f"Redis URL names no service or no Sentinel: {_FORM}")
    username, _, password = people.partition(":")
    options: dict[str, Any] = {"db": int(database or 0)}
    options |= {"username": unquote(username)} if username else {}
    options |= {"password": unquote(password)} if password else {}
    sentinel_options: dict[str, Any] = {}
    for name, text in parse_qsl(parts.query):
        is_for_sentinels = name.startswith(_SENTINEL)
        plain = name.removeprefix(_SENTINEL)
        value = _PARSERS.get(plain, str)(text)
        (sentinel_options if is_for_sentinels else options)[plain] = value
    uses_tls = _SCHEMES[scheme]
    if uses_tls:
        sentinel_options = {n: v for n, v in options.items() if n.startswith("ssl_")} | sentinel_options
        sentinel_options["ssl"] = True
    return SentinelAddress(
        sentinels=tuple(_place(host) for host in hosts.split(",")),
        service=unquote(service),
        uses_tls=uses_tls,
        options=options,
        sentinel_options=sentinel_options,
    )


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"Redis URL: {text!r} is no Sentinel: {_FORM}")
    return host.strip("[]"), int(port)
