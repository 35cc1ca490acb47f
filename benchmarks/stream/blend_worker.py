"""What a worker of the online query does for one user between reading and writing: from bytes to a list.

Every user has 100 recent items of 10,000; the list has 100. The blend of item-to-item rows, transitions and
factors is compared with the factors alone, as they rank in a version without a blend, on one core.

    python -m benchmarks.stream.blend_worker
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from algorithms.blending.blend import Blend
from algorithms.blending.serialization import ServedBlend
from algorithms.signals.factors import Factors
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.stream.blend_scoring import BLENDS, ITEMS, LISTED, RANK, random_histories, random_signals
from benchmarks.studies.ranking_models import Array
from contracts.events import DEFAULT_WEIGHTS
from contracts.settings import StreamingSettings
from contracts.stored.records import HistoryEntry, encode_entry
from streaming.fold_in.by_blend import Arrivals, rank_by_blend
from streaming.fold_in.by_factors import item_places, known_places, rank_by_factors, user_factors
from streaming.fold_in.histories import StrengthTable, read_histories
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import NewItems

_USERS, _ROUNDS = 300, 5
_STRENGTHS = StrengthTable.of(DEFAULT_WEIGHTS, {0.0: -0.5, 3.0: 0.0, 4.0: 1.0, 5.0: 2.0})
_SETTINGS, _NO_NEW_ITEMS = StreamingSettings(), NewItems()
Stored = Mapping[bytes, bytes]  # entries by item, as Redis holds a history


def run(context: BenchContext) -> list[Ratio]:
    """Measure users a second, one user in each call."""
    users = random_users(max(20, int(_USERS * context.scale)))
    signals = random_signals()
    factors = signals["A"]
    assert isinstance(factors, Factors)
    alone = _model(factors, None)
    rows = []
    with threadpool_limits(1):
        for name, weights in BLENDS:
            blended = _model(factors, ServedBlend(Blend(weights, weights), signals))
            ours, peer = alternating([partial(_rate, model, users) for model in (blended, alone)], _ROUNDS)
            per_user = 1000 / median(ours)
            note = f"{per_user:.2f} ms a user, bytes to list; peer: the factors alone, one core"
            title = f"online worker, blend {name}"
            rows.append(
                Ratio(title, median(ours), median(peer), median_ratio(ours, peer), "users/s", None, note)
            )
    return rows


def random_users(users: int) -> list[Stored]:
    """Histories as Redis holds them."""
    histories, random = random_histories(users), np.random.default_rng(2)
    stored: list[Stored] = []
    for user in range(users):
        entries = slice(histories.indptr[user], histories.indptr[user + 1])
        pairs = zip(histories.items[entries].tolist(), histories.times_ms[entries].tolist(), strict=True)
        stored.append({b"i%d" % item: _entry(moment, random) for item, moment in pairs})
    return stored


def list_of(model: OnlineModel, user: Stored) -> Array:
    """Make a list as `streaming.fold_in.lists` does."""
    histories = read_histories([user], model.strengths)
    indexes = item_places(model, _NO_NEW_ITEMS, histories.items)
    known = known_places(model, _NO_NEW_ITEMS, histories, indexes, [[]])
    if model.blend is None:
        vectors = user_factors(model, _NO_NEW_ITEMS, histories, indexes, _SETTINGS)
        return rank_by_factors(model, _NO_NEW_ITEMS, vectors, known, LISTED).indexes
    now = Arrivals(np.zeros(1, np.int64))
    lists, _ = rank_by_blend(model.blend, model, _NO_NEW_ITEMS, histories, indexes, known, now, LISTED)
    return lists.indexes


def _entry(moment: int, random: np.random.Generator) -> bytes:
    event_id = str(uuid.UUID(bytes=random.bytes(16)))
    return encode_entry(HistoryEntry("rating", moment, event_id, 4.0))


def _model(factors: Factors, blend: ServedBlend | None) -> OnlineModel:
    return OnlineModel(
        version="v",
        index={b"i%d" % item: item for item in range(ITEMS)},
        factors=factors.item_factors,
        gramian=factors.gramian,
        user_gramian=np.eye(RANK),
        strengths=_STRENGTHS,
        alpha=factors.alpha,
        reg_param=factors.reg_param,
        nonnegative=False,
        blend=blend,
    )


def _rate(model: OnlineModel, users: list[Stored]) -> float:
    started = time.perf_counter()
    for user in users:
        list_of(model, user)
    return len(users) / (time.perf_counter() - started)


def main() -> None:
    """Print the rows; needs no servers."""
    for row in run(BenchContext("", "", Path(), 1.0)):
        print(f"{row.name}: {row.ours:.0f} {row.unit}, peer {row.peer:.0f}; {row.note}")


if __name__ == "__main__":
    main()
