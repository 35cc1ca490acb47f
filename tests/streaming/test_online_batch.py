"""What a batch finds missing before itself."""

from __future__ import annotations

from streaming.online_batch import gaps_before
from streaming.source import EARLIEST


def test_a_state_that_went_back_misses_what_lies_between_it_and_the_batch() -> None:
    assert gaps_before(
        {"interactions:0": 9, "interactions:1": 4}, {"interactions:0": 5, "interactions:1": 4}
    ) == {"interactions:0": (5, 9)}


def test_a_state_without_a_partition_misses_it_from_its_beginning() -> None:
    assert gaps_before({"interactions:2": 7}, {"interactions:0": 5}) == {"interactions:2": (EARLIEST, 7)}


def test_nothing_is_missing_at_the_beginning_of_a_topic_or_when_records_repeat() -> None:
    assert gaps_before({"interactions:0": 0, "interactions:1": 3}, {"interactions:1": 5}) == {}
