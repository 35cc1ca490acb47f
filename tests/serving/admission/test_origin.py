from __future__ import annotations

import pytest
from starlette.types import Scope

from serving.admission.origin import SameOrigin
from tests.serving.conftest import settings_of


async def nothing(*_: object) -> None:
    """An app that must not be called."""


def request_of(method: str, host: str, origin: str | None = None) -> Scope:
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return {"type": "http", "method": method, "path": "/v1/events", "headers": headers}


def is_refused(method: str, host: str, origin: str | None = None, **settings: object) -> bool:
    return SameOrigin(nothing, settings_of(**settings)).refusal(request_of(method, host, origin)) is not None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_page_of_another_site_changes_nothing(method: str) -> None:
    assert not is_refused(method, "localhost:8000")
    assert not is_refused(method, "localhost:8000", "http://localhost:8000")
    assert not is_refused(method, "127.0.0.1:8000", "http://127.0.0.1:8000")
    for origin in ("https://evil.example", "http://localhost:9000", "null", "", "http://[", "localhost:8000"):
        assert is_refused(method, "localhost:8000", origin), origin


def test_reads_from_other_sites_are_allowed_because_the_browser_hides_the_answer() -> None:
    assert not is_refused("GET", "localhost:8000", "https://evil.example")
    assert not is_refused("HEAD", "rebound.example", "https://evil.example")


def test_an_origin_may_be_allowed() -> None:
    allowed = ("https://shop.example",)
    key = "secret"
    assert not is_refused("POST", "api.example", "https://shop.example", allowed_origins=allowed, api_key=key)
    assert is_refused(
        "POST", "api.example", "https://shop.example.evil", allowed_origins=allowed, api_key=key
    )


def test_without_keys_writes_on_loopback_need_the_name_of_this_machine_as_host() -> None:
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"):
        assert not is_refused("POST", host), host
    for host in ("rebound.example:8000", "192.0.2.7", "", "[", "localhost.evil.example"):
        assert is_refused("POST", host), host
    assert not is_refused("POST", "shop.test", allowed_hosts=("shop.test",))
    assert not is_refused("POST", "rebound.example:8000", api_key="secret")
    assert not is_refused("POST", "api:8000", api_host="0.0.0.0", without_keys="all")
