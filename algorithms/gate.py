"""Decides whether a candidate model may replace the champion, by paired comparisons on the same users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.bootstrap import Figure, paired_difference

Values = NDArray[np.float64]
BASELINES = ("popularity", "recent_popularity")


@dataclass(frozen=True)
class Decision:
    """``leads`` says what answers begin with: "model", or "trending" while no model beats popularity."""

    publish: bool
    leads: str
    reason: str
    differences: dict[str, Figure]  # candidate - rival, by rival's name


def decide(
    candidate: Values, rivals: dict[str, Values], bound: float, resamples: int, seed: int = 0
) -> Decision:
    """Compare one value a user (NDCG), of the candidate and of its rivals on the same users.

    ``rivals`` are both popularities and, where there is one, the champion. The candidate is refused where it
    is worse than the champion by more than ``bound`` (a share of the champion's mean) and not by chance, that
    is the paired bootstrap's 95 % interval lies below zero; or where the champion beats both popularities and
    the candidate does not. Where neither does, the candidate may replace the champion, but trending leads.
    """
    differences = {
        name: paired_difference(candidate, values, resamples, seed) for name, values in rivals.items()
    }
    beats = all(differences[name].mean > 0 for name in BASELINES)
    leads = "model" if beats else "trending"
    champion = rivals.get("champion")
    if champion is None:
        reason = "the first model" + ("" if beats else "; popularity is not beaten yet")
        return Decision(True, leads, reason, differences)
    against = differences["champion"]
    champion_beats = all(champion.mean() > rivals[name].mean() for name in BASELINES)
    if against.high < 0 and against.mean < -bound * champion.mean():
        share = -against.mean / champion.mean()
        return Decision(False, leads, f"worse than the champion by {share:.1%}, not by chance", differences)
    if champion_beats and not beats:
        return Decision(False, leads, "the champion beats popularity, the candidate does not", differences)
    reason = "not worse than the champion" + ("" if beats else "; neither beats popularity")
    return Decision(True, leads, reason, differences)
