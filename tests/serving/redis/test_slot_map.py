from __future__ import annotations

from serving.redis.slot_map import SlotMap, slot_map

ASKED = ("10.0.0.9", 6379)


def test_each_slot_has_the_server_of_its_range_or_no_server() -> None:
    reply = [
        [10, 20, [b"b", 2, b"id"], [b"replica", 9, b"id"]],
        [0, 5, [b"a", 1, b"id"]],
        [30, 30, [b"", 3, b"id"]],  # a server that knows no address of its own
    ]
    found = slot_map(reply, ASKED)
    expected = {0: ("a", 1), 5: ("a", 1), 6: None, 10: ("b", 2), 20: ("b", 2), 21: None, 30: (ASKED[0], 3)}
    assert {slot: found.server_of(slot) for slot in expected} == expected
    assert found.server_of(31) is None
    assert found.servers == [("10.0.0.9", 3), ("a", 1), ("b", 2)]


def test_without_ranges_no_slot_has_a_server() -> None:
    assert SlotMap().server_of(0) is None
    assert SlotMap().servers == []
