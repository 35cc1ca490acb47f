from __future__ import annotations

import pytest

from contracts.redis_memory import (
    RedisMemory,
    eviction_fault,
    fields_of,
    info_of_all,
    memory_fault,
    memory_of,
)

INFO = "# Memory\r\nused_memory:5\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\nevicted_keys:3\r\n"


def test_figures_are_read_from_the_raw_reply_and_from_a_parsed_one() -> None:
    expected = RedisMemory(policy="allkeys-lru", used_bytes=5, max_bytes=100, evicted_keys=3)
    assert memory_of(fields_of(INFO)) == expected
    assert memory_of(
        {"used_memory": 5, "maxmemory": 100, "maxmemory_policy": "allkeys-lru", "evicted_keys": 3}
    )
    assert memory_of({}) == RedisMemory()


@pytest.mark.parametrize(
    ("policy", "may_evict", "may_evict_state"),
    [("noeviction", False, False), ("volatile-lru", True, False), ("allkeys-random", True, True)],
)
def test_only_noeviction_keeps_all_keys_and_only_allkeys_policies_evict_the_state(
    policy: str, may_evict: bool, may_evict_state: bool
) -> None:
    memory = RedisMemory(policy=policy)
    assert (memory.may_evict, memory.may_evict_state) == (may_evict, may_evict_state)
    fault = eviction_fault(memory)
    assert (fault is not None) == may_evict
    if fault:
        assert policy in fault.what
        assert "maxmemory-policy noeviction" in fault.cure
        assert str(fault) == f"{fault.what}: {fault.cure}"


def test_a_full_redis_is_named_before_its_policy() -> None:
    full = RedisMemory(policy="allkeys-lru", used_bytes=100, max_bytes=100)
    assert memory_fault(full) != eviction_fault(full) == memory_fault(RedisMemory(policy="allkeys-lru"))
    assert "Redis is full" in str(memory_fault(full))
    assert memory_fault(RedisMemory(used_bytes=98, max_bytes=100)) is None
    assert memory_fault(RedisMemory(used_bytes=10**12)) is None


def test_a_cluster_is_full_when_one_of_its_servers_is_and_may_evict_when_one_may() -> None:
    empty = {"used_memory": 10, "maxmemory": 100, "maxmemory_policy": "noeviction", "evicted_keys": 0}
    full = {"used_memory": 99, "maxmemory": 100, "maxmemory_policy": "allkeys-lru", "evicted_keys": 4}
    found = memory_of(info_of_all([empty, full, empty]))
    assert (found.used_bytes, found.policy, found.evicted_keys) == (119, "allkeys-lru", 4)
    assert found.is_full
    assert not memory_of(info_of_all([empty, {**full, "used_memory": 90}])).is_full
    assert not memory_of(info_of_all([empty, {**full, "maxmemory": 0}])).is_full
    assert info_of_all([{"evicted_keys": 1}, {"evicted_keys": 2}]) == {"evicted_keys": 3}
    assert info_of_all([]) == {}


def test_a_redis_that_cannot_write_its_file_refuses_writes_but_is_not_full() -> None:
    memory = memory_of({"aof_last_write_status": "err"})
    assert (memory.refuses_writes, memory.is_full) == (True, False)
    assert "cannot write to its disk" in str(memory_fault(memory))
    assert not memory_of({}).refuses_writes
    servers = [{"aof_last_write_status": status} for status in ("ok", "err")]
    assert memory_of(info_of_all(servers)).refuses_writes
    assert not memory_of(info_of_all(servers[:1] * 2)).refuses_writes
