from __future__ import annotations

from pathlib import Path

import redis

from stack.backup.redis_parts import Part, parts_of, read_parts, write_parts


def test_every_kind_of_key_is_saved_completely_and_restored(redis_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("s", b"\xff\x00")
        client.hset("h", mapping={b"\xfe": b"1", b"": b""})
        client.rpush("l", "b", "a", "b")
        client.zadd("z", {"m": 1.5})
        found = [part for key in ("s", "h", "l", "z", "absent") for part in parts_of(client, key)]
    assert sorted(found) == sorted(
        [
            Part("s", "string", value=b"\xff\x00"),
            Part("h", "hash", b"\xfe", b"1"),
            Part("h", "hash"),
            Part("l", "list", value=b"b"),
            Part("l", "list", value=b"a"),
            Part("l", "list", value=b"b"),
            Part("z", "zset", b"m", score=1.5),
        ]
    )
    many = [*found, *(Part("h", "hash", str(n).encode(), b"x") for n in range(10_050))]
    assert write_parts(tmp_path / "keys", many) == len(many)
    assert list(read_parts(tmp_path / "keys")) == many
