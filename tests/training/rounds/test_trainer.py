from __future__ import annotations

import pytest

from training.rounds.trainer import has_settled


@pytest.mark.parametrize(
    ("events", "before", "settled"),
    [(0, 0, False), (100, 0, False), (5000, 1000, False), (5050, 5000, True), (5000, 5000, True)],
)
def test_the_first_round_waits_for_the_end_of_a_replay_and_not_for_live_traffic(
    events: int, before: int, settled: bool
) -> None:
    assert has_settled(events, before) == settled
