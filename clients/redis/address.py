"""Addresses of a Redis behind Sentinel and of a Redis Cluster; redis-py reads all others by itself.

redis+sentinel://[user:password@]host:port[,host:port...]/service[/db][?option=value&...]
redis+cluster://[user:password@]host:port[,host:port...][?option=value&...]

With ``rediss+`` the connections are encrypted, those to the Sentinels too. The options are those of
redis-py's addresses; one with ``sentinel_`` before it, such as ``sentinel_password``, is for the Sentinels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.connection import URL_QUERY_ARGUMENT_PARSERS

_SENTINEL_SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
_CLUSTER_SCHEMES = {"redis+cluster": False, "rediss+cluster": True}
_SENTINEL = "sentinel_"
_PARSERS: Mapping[str, Callable[[str], Any]] = cast(Any, URL_QUERY_ARGUMENT_PARSERS)
_SENTINEL_FORM = "write redis+sentinel://host:port,host:port/SERVICE/0"
_CLUSTER_FORM = "write redis+cluster://host:port,host:port"


@dataclass(frozen=True)
class SentinelAddress:
    """The Sentinels, the service that they watch, and how to connect; its repr shows no password."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    uses_tls: bool
    options: dict[str, Any] = field(repr=False)
    sentinel_options: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class ClusterAddress:
    """Servers of a cluster, which name all others, and how to connect; its repr shows no password."""

    servers: tuple[tuple[str, int], ...]
    uses_tls: bool
    options: dict[str, Any] = field(repr=False)


def sentinel_address(url: str) -> SentinelAddress | None:
    """None for the address of one server or of a cluster. Raises ValueError for one that cannot be read."""
    parts = _parts_of(url, _SENTINEL_SCHEMES)
    if parts is None:
        return None
    service, _, database = parts.path.partition("/")
    if not service or not parts.hosts or not (database or "0").isdecimal():
        raise ValueError(f"Redis URL names no service or no Sentinel: {_SENTINEL_FORM}")
    options: dict[str, Any] = {"db": int(database or 0), **parts.credentials}
    sentinel_options: dict[str, Any] = {}
    for name, value in parts.options.items():
        is_for_sentinels = name.startswith(_SENTINEL)
        (sentinel_options if is_for_sentinels else options)[name.removeprefix(_SENTINEL)] = value
    uses_tls = parts.uses_tls
    if uses_tls:
        sentinel_options = {n: v for n, v in options.items() if n.startswith("ssl_")} | sentinel_options
        sentinel_options["ssl"] = True
    return SentinelAddress(
        sentinels=tuple(_place(host, f"no Sentinel: {_SENTINEL_FORM}") for host in parts.hosts.split(",")),
        service=unquote(service),
        uses_tls=uses_tls,
        options=options,
        sentinel_options=sentinel_options,
    )


def cluster_address(url: str) -> ClusterAddress | None:
    """None for any other address. Raises ValueError for one that cannot be read."""
    parts = _parts_of(url, _CLUSTER_SCHEMES)
    if parts is None:
        return None
    if parts.path not in ("", "0"):
        raise ValueError(f"Redis URL: a cluster has no databases but 0: {_CLUSTER_FORM}")
    if not parts.hosts:
        raise ValueError(f"Redis URL names no server: {_CLUSTER_FORM}")
    return ClusterAddress(
        servers=tuple(_place(host, f"no server: {_CLUSTER_FORM}") for host in parts.hosts.split(",")),
        uses_tls=parts.uses_tls,
        options=parts.credentials | parts.options,
    )


class _Parts(NamedTuple):
    hosts: str
    path: str
    uses_tls: bool
    credentials: dict[str, Any]
    options: dict[str, Any]


def _parts_of(url: str, schemes: Mapping[str, bool]) -> _Parts | None:
    """The parts of an address of one of these schemes; None for another."""
    scheme, separator, rest = url.partition("://")
    if scheme not in schemes or not separator:
        return None
    parts = urlsplit(f"//{rest}")
    people, _, hosts = parts.netloc.rpartition("@")
    username, _, password = people.partition(":")
    credentials = {"username": unquote(username)} if username else {}
    credentials |= {"password": unquote(password)} if password else {}
    options = {
        name: _PARSERS.get(name.removeprefix(_SENTINEL), str)(text) for name, text in parse_qsl(parts.query)
    }
    return _Parts(hosts, parts.path.strip("/"), schemes[scheme], credentials, options)


def _place(text: str, problem: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"Redis URL: {text!r} is {problem}")
    return host.strip("[]"), int(port)
