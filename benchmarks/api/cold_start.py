"""How much the demographic cold start helps users who have metadata and no events.

    python -m benchmarks.api.cold_start

The built-in world; a fifth of the users is new: the others' likes make the popular list, and the lists of
segments (training/lists/segments.py, fused as serving/answer/strategies/demographic.py does). Positives are
all likes of the new users.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from algorithms.bootstrap import Figure, paired_difference
from algorithms.metrics import Positives, ndcg_at_k
from benchmarks.context import BenchContext, Ratio
from benchmarks.studies.ranking_models import POSITIVE, K
from contracts.settings import TrainingSettings
from contracts.stored.segments import segments_of
from ingest.simulated.names import AGE_GROUPS, GENDERS
from ingest.simulated.source import SyntheticWorld, WorldSize
from serving.answer.strategies.demographic import weights_of
from serving.answer.strategies.fusion import fuse

_NEW_SHARE = 5  # every fifth user


def run(context: BenchContext) -> list[Ratio]:
    """NDCG@10 of new users by demographic lists, beside the popular list."""
    ours, peer, gain = measure(context.scale)
    gained = f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    note = f"the popular list, for the same new users; difference {gained}"
    return [
        Ratio(
            name="new users with metadata: NDCG@10",
            ours=ours,
            peer=peer,
            ratio=ours / peer,
            unit="",
            target=None,
            note=note,
        )
    ]


def measure(scale: float) -> tuple[float, float, Figure]:
    """NDCG@10 of demographic lists, of the popular list, and their difference over the same users."""
    world = SyntheticWorld(WorldSize(max(100, int(5000 * scale)), 1000, max(7500, int(250_000 * scale))))
    users, items, values, _ = world.history()
    liked = values >= POSITIVE
    users, items = np.asarray(users)[liked], np.asarray(items)[liked]
    is_new = users % _NEW_SHARE == 0
    popular = [item for item, _ in Counter(items[~is_new].tolist()).most_common()]
    lists = _segment_lists(world, users[~is_new], items[~is_new])
    new, indptr = _by_user(users[is_new])
    order = np.argsort(users[is_new], kind="stable")
    positives = Positives(indptr, items[is_new][order].astype(np.int32))
    segment_lists = np.array([_list(world, user, lists, popular) for user in new], np.int32)
    popular_lists = np.array([popular[:K]] * len(new), np.int32)
    ours, peer = ndcg_at_k(segment_lists, positives, K), ndcg_at_k(popular_lists, positives, K)
    return float(np.nanmean(ours)), float(np.nanmean(peer)), paired_difference(ours, peer)


def _by_user(users: NDArray[np.int64]) -> tuple[list[int], NDArray[np.int64]]:
    distinct, counts = np.unique(users, return_counts=True)
    return distinct.tolist(), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _segments(world: SyntheticWorld, user: int) -> list[str]:
    attributes = {"age_group": AGE_GROUPS[world.age_group[user]], "gender": GENDERS[world.gender[user]]}
    return segments_of(attributes, TrainingSettings().segment_attributes)


def _segment_lists(
    world: SyntheticWorld, users: NDArray[np.int64], items: NDArray[np.int64]
) -> Mapping[str, Sequence[int]]:
    settings = TrainingSettings()
    segments = {user: _segments(world, user) for user in np.unique(users).tolist()}
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for user, item in zip(users.tolist(), items.tolist(), strict=True):
        for segment in segments[user]:
            counts[segment][item] += 1
    return {
        segment: [item for item, n in items.most_common(settings.top_n) if n >= settings.segment_min_users]
        for segment, items in counts.items()
    }


def _list(
    world: SyntheticWorld, user: int, lists: Mapping[str, Sequence[int]], popular: Sequence[int]
) -> list[int]:
    rankings = [lists[segment] for segment in _segments(world, user) if lists.get(segment)]
    weighted = [
        (weight, [str(item) for item in each])
        for weight, each in zip(weights_of(len(rankings)), rankings, strict=True)
    ]
    chosen = [int(item) for item, _ in fuse(weighted)]
    return [*dict.fromkeys([*chosen, *popular])][:K]


if __name__ == "__main__":
    demographic, popular_list, gain = measure(1.0)
    print(f"NDCG@10: demographic {demographic:.4f}, popular {popular_list:.4f}; difference {gain.mean:+.4f}")
