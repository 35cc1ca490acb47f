from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.gate import decide

RNG = np.random.default_rng(4)
USERS = RNG.random(300)


def rivals(champion: float | None, popularity: float = 0.3, recent: float = 0.3) -> dict[str, np.ndarray]:
    """One value for each user, around the given level; a user is equally good in each of them."""
    levels = {"popularity": popularity, "recent_popularity": recent}
    if champion is not None:
        levels["champion"] = champion
    return {name: USERS * level for name, level in levels.items()}


@pytest.mark.parametrize(
    ("candidate", "champion", "recent", "publish", "leads"),
    [
        (0.5, None, 0.3, True, "model"),
        (0.2, None, 0.3, True, "trending"),  # the first is published, but does not lead
        (0.5, 0.4, 0.3, True, "model"),
        (0.4, 0.4, 0.3, True, "model"),
        (0.398, 0.4, 0.3, True, "model"),  # worse, but within the bound
        (0.37, 0.4, 0.3, False, "model"),
        (0.34, 0.345, 0.342, False, "trending"),  # the champion beats recent popularity, this one not
        (0.34, 0.345, 0.6, True, "trending"),  # neither does: trending leads until one does
    ],
)
def test_each_comparison_gets_the_expected_decision(
    candidate: float, champion: float | None, recent: float, publish: bool, leads: str
) -> None:
    decision = decide(USERS * candidate, rivals(champion, recent=recent), bound=0.02, resamples=200)
    assert (decision.publish, decision.leads) == (publish, leads), decision.reason
    json.dumps(asdict(decision))


def test_a_difference_within_chance_is_no_reason_to_refuse() -> None:
    noise = RNG.normal(0, 1, 300)
    champion = 1 + noise
    candidate = 0.97 + RNG.normal(0, 1, 300)
    others = {"popularity": np.zeros(300), "recent_popularity": np.zeros(300)}
    assert decide(candidate, {**others, "champion": champion}, 0.02, 300).publish
    worse = decide(champion - 0.03, {**others, "champion": champion}, 0.02, 300)
    assert not worse.publish
    assert "worse than the champion by" in worse.reason


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_model_that_is_below_no_rival_is_published_and_leads(a: float, b: float, c: float) -> None:
    decision = decide(USERS * (max(a, b, c) + 0.01), rivals(a, b, c), 0.0, 50)
    assert decision.publish
    assert decision.leads == "model"
