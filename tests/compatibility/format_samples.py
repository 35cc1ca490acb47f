"""One value of each stored record, with how it is written and read: `formats/` keeps its bytes.

`python -m tests.compatibility.format_samples` writes the file of a new format; a file that is there stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from contracts.experiments.changes import ExperimentChange
from contracts.live_outcomes import Outcome, Scored
from contracts.stored import keyspace
from contracts.stored.lake import TABLES
from contracts.stored.pointer import AuditLine
from contracts.stored.records import (
    EarlierEvent,
    FreshList,
    HistoryEntry,
    Popularity,
    Trend,
    decode_catalog,
    decode_earlier,
    decode_fresh,
    decode_history,
    decode_ids,
    decode_ranked,
    decode_ranked_ids,
    encode_catalog,
    encode_earlier,
    encode_entry,
    encode_fresh,
    encode_ids,
    encode_ranked,
    encode_ranked_ids,
)
from contracts.stored.signal_arrays import (
    StoredRows,
    decode_rows,
    decode_vector,
    encode_rows,
    encode_vector,
)
from contracts.stored.statuses import StreamingStatus, TrainingStatus

FORMATS = Path(__file__).parent / "formats"
STATE_FILE = FORMATS / f"redis_state_{keyspace.STATE}.json"
LAKE_FILE = FORMATS / "lake.json"


class Sample(NamedTuple):
    """A value with its codec; ``decode`` gives ``value`` again."""

    value: Any
    encode: Callable[[], bytes]
    decode: Callable[[bytes], Any]


_ENTRIES = [
    HistoryEntry("rating", 1_700_000_000_123, "00000000-0000-4000-8000-00000000002a", 4.5),
    HistoryEntry("purchase", 1_700_000_000_124, "00000000-0000-4000-8000-00000000002b", 1.0),
]
_EARLIER = [EarlierEvent("rating", 1_700_000_000_001), EarlierEvent("click", 1_600_000_000_000)]
_POPULARITY = Popularity(3, 9_500_000, (2, 1) + (0,) * (len(Popularity().counts) - 2))
_TREND = Trend({(0, 472_222): 1_500_000, (1, 19_675): -3, (3, 5_666_666): 7})
_FRESH = FreshList("20260101T000000-abcd", 1_700_000_000_000_000, {0: 12, 3: 2**40}, (5, 1), (0.5, 0.25))
_WARM = _FRESH._replace(hotness=1.0)
_ROWS = StoredRows(
    np.array([0, 1, 3]), np.array([1, 0, 1], np.int32), np.array([1.0, 2.0, 3.0], np.float16), 0.5
)
_VECTOR = np.array([1.5, -2.0], np.float32)
_OUTCOME = Outcome(3, 17, 1_700_000_000_000, 1_700_000_000_500, Scored("v1", "fresh", 3, None, 12))
_AUDIT = AuditLine("2026-01-01T00:00:00+00:00", "who@where", "publish", "v1", "v2", "not worse")
_CHANGE = ExperimentChange.decode(
    '{"at": "2026-01-01T00:00:00+00:00", "by": "key", "action": "start", "experiment": "e", "reason": "r"}'
)
_STREAMING = StreamingStatus(heartbeat=1_700_000_000_000, online_batch_seconds=0.25, fresh_version="v1")
_TRAINING = TrainingStatus(phase="fit", served_request=3, outcome="published", version="v1", reason="")


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _fields(raw: bytes) -> dict[bytes, bytes]:
    return {name.encode(): text.encode() for name, text in json.loads(raw).items()}


def _plain_rows(rows: StoredRows) -> Any:
    return [rows.indptr.tolist(), rows.columns.tolist(), rows.values.tolist(), rows.scale]


SAMPLES: dict[str, Sample] = {
    "history": Sample(_ENTRIES, lambda: b"".join(map(encode_entry, _ENTRIES)), decode_history),
    "earlier": Sample(_EARLIER, lambda: encode_earlier(_EARLIER), decode_earlier),
    "popularity": Sample(_POPULARITY, _POPULARITY.encode, Popularity.decode),
    "trend": Sample(_TREND, _TREND.encode, Trend.decode),
    "fresh list of the factors": Sample(_FRESH, lambda: encode_fresh(_FRESH), decode_fresh),
    "fresh list of a blend": Sample(_WARM, lambda: encode_fresh(_WARM), decode_fresh),
    "ranked list": Sample(
        ((7, 2**31), (1.5, -0.25)), lambda: encode_ranked([7, 2**31], [1.5, -0.25]), decode_ranked
    ),
    "ranked ids": Sample(
        (["ü", "b"], (1.0, 0.5)), lambda: encode_ranked_ids(["ü", "b"], [1.0, 0.5]), decode_ranked_ids
    ),
    "item ids": Sample(["ü", "b"], lambda: encode_ids(["ü", "b"]), decode_ids),
    "catalogue entry": Sample(
        {"id": "a", "title": "Ü"}, lambda: encode_catalog(1_700, '{"id": "a", "title": "Ü"}'), decode_catalog
    ),
    "rows of a signal": Sample(
        _plain_rows(_ROWS),
        lambda: encode_rows("m", _ROWS)["m:0"],
        lambda raw: _plain_rows(decode_rows("m", {"m:0": raw}, 2)),
    ),
    "vector of a signal": Sample(
        _VECTOR.tolist(), lambda: encode_vector(_VECTOR), lambda raw: decode_vector("v", raw, 2).tolist()
    ),
    "outcome": Sample(_OUTCOME, lambda: _OUTCOME.encode().encode(), Outcome.decode),
    "line of the models' audit": Sample(_AUDIT, lambda: _AUDIT.encode().encode(), AuditLine.decode),
    "line of the experiments' audit": Sample(
        _CHANGE, lambda: _CHANGE.encode().encode(), ExperimentChange.decode
    ),
    "streaming's status": Sample(
        _STREAMING, lambda: _json(_STREAMING.encode()), lambda raw: StreamingStatus.decode(_fields(raw))
    ),
    "the trainer's status": Sample(
        _TRAINING, lambda: _json(_TRAINING.encode()), lambda raw: TrainingStatus.decode(_fields(raw))
    ),
}


def keys() -> dict[str, str]:
    """The name of every key, for a user, an item, a shard and a version."""
    k, shards = keyspace, 16
    of_user = (k.history, k.retracted_items, k.earlier, k.recent, k.fresh, k.shown_items)
    of_shard = (k.erased_users, k.pending, k.active, k.cooling, k.outcomes, k.popularity_shard, k.trend_shard)
    of_version = (
        k.manifest,
        k.model_items,
        k.similar_items,
        k.top_users,
        k.segment_lists,
        k.model_factors,
        k.rating_factors,
        k.model_signals,
        k.new_items,
        k.new_factors,
    )
    return {
        **{each.__name__: each("ann", shards) for each in of_user},
        **{each.__name__: each(3) for each in of_shard},
        **{each.__name__: each("v1") for each in of_version},
        "top_n": k.top_n(3, "v1"),
        "together": k.together("i1", 3),
        "live": k.live("2026-01-01", 3),
        "new_item_users": k.new_item_users("v1", "i1"),
        "popular_in": k.popular_in("jazz"),
        "trending": k.trending(3600),
        "trending_in": k.trending_in(3600, "jazz"),
        **{name: value for name, value in vars(k).items() if name.isupper() and isinstance(value, str)},
    }


def present_state() -> dict[str, Any]:
    """What this code writes."""
    return {
        "keys": keys(),
        "records": {name: sample.encode().hex() for name, sample in SAMPLES.items()},
    }


def present_lake() -> dict[str, str]:
    """The columns of each table of the lake."""
    return {table.name: table.ddl for table in TABLES}


if __name__ == "__main__":
    for path, present in ((STATE_FILE, present_state()), (LAKE_FILE, present_lake())):
        if not path.exists():
            path.write_text(json.dumps(present, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
