from __future__ import annotations

import pytest

from clients.redis.address import cluster_address, sentinel_address

SECRET = "hunter2"


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://u:p@h:1/0", "unix:///tmp/redis.sock"])
def test_the_address_of_one_server_is_passed_on_unchanged(url: str) -> None:
    assert sentinel_address(url) is None


def test_an_address_of_sentinels_gives_the_servers_and_the_service_and_the_passwords() -> None:
    found = sentinel_address(
        f"redis+sentinel://shop:{SECRET}%40@a:1,[::1]:2/main/3?sentinel_password={SECRET}&socket_keepalive=true"
    )
    assert found is not None
    assert (found.sentinels, found.service, found.uses_tls) == ((("a", 1), ("::1", 2)), "main", False)
    keepalive = {"socket_keepalive": True}
    assert found.options == {"db": 3, "username": "shop", "password": f"{SECRET}@", **keepalive}
    assert found.sentinel_options == {"password": SECRET}
    assert SECRET not in repr(found)


def test_tls_holds_for_the_sentinels_too() -> None:
    found = sentinel_address("rediss+sentinel://a:1/main?ssl_ca_certs=/ca.pem")
    assert found is not None
    assert found.uses_tls
    assert found.options == {"db": 0, "ssl_ca_certs": "/ca.pem"}
    assert found.sentinel_options == {"ssl": True, "ssl_ca_certs": "/ca.pem"}


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a:1",
        "redis+sentinel:///main",
        "redis+sentinel://a/main",
        "redis+sentinel://a:1,b/main",
        "redis+sentinel://a:1/main/x",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL") as refused:
        sentinel_address(url.replace("://", f"://:{SECRET}@"))
    assert SECRET not in str(refused.value)


def test_an_address_of_a_cluster_gives_the_servers_and_the_options() -> None:
    found = cluster_address(f"rediss+cluster://shop:{SECRET}%40@a:1,[::1]:2?ssl_ca_certs=/ca.pem")
    assert found is not None
    assert (found.servers, found.uses_tls) == ((("a", 1), ("::1", 2)), True)
    assert found.options == {"username": "shop", "password": f"{SECRET}@", "ssl_ca_certs": "/ca.pem"}
    assert SECRET not in repr(found)
    assert cluster_address("redis+cluster://a:1/0") == cluster_address("redis+cluster://a:1")
    assert cluster_address("redis://a:1/0") is cluster_address("redis+sentinel://a:1/main") is None


@pytest.mark.parametrize("url", ["redis+cluster://a", "redis+cluster:///", "redis+cluster://a:1/3"])
def test_an_address_of_a_cluster_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"Redis URL.*write redis\+cluster://host:port") as refused:
        cluster_address(url.replace("://", f"://:{SECRET}@"))
    assert SECRET not in str(refused.value)
