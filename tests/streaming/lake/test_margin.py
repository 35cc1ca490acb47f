from __future__ import annotations

import pytest

from streaming.lake.margin import unread_share


@pytest.mark.parametrize(
    ("begin", "end", "in_lake", "share"),
    [
        (0, 100, 100, 0.0),
        (0, 100, 75, 0.25),
        (50, 100, 75, 0.5),
        (80, 100, 75, 1.0),  # Kafka has deleted what the lake lacks
        (100, 100, 75, 0.0),  # nothing is kept that could still be read
        (0, 0, 0, 0.0),
    ],
)
def test_the_used_share_of_retention_grows_with_the_lag_of_the_lake_and_with_deletions_by_kafka(
    begin: int, end: int, in_lake: int, share: float
) -> None:
    others = {"catalog:0": 5}
    found = unread_share(
        {"interactions:0": begin}, {"interactions:0": end, **others}, {"interactions:0": in_lake, **others}
    )
    assert found == share


def test_a_partition_that_the_lake_has_not_reached_yet_does_not_count() -> None:
    assert unread_share({}, {"interactions:1": 5}, {"interactions:0": 5}) == 0.0
