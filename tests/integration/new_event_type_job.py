"""One more row in contracts/events.py, and events of the new type through the state: what each reader sees.

A process of its own, because codes and sizes of records follow from the row when modules are imported.
"""

from __future__ import annotations

import json
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

_EVENTS = Path(__file__).parents[2] / "contracts" / "events.py"
_LAST_ROW = "    EventRule(RETRACT),\n"


class _WithOneMoreRow(SourceFileLoader):
    def get_data(self, path: str) -> bytes:
        source = _EVENTS.read_text()
        assert source.count(_LAST_ROW) == 1
        return source.replace(_LAST_ROW, f'{_LAST_ROW}    EventRule("share", weight=3.0),\n').encode()

    def path_stats(self, path: str) -> dict[str, int]:
        raise OSError("no compiled file may stand for the changed text")


def _declare_the_type() -> None:
    spec = spec_from_loader("contracts.events", _WithOneMoreRow("contracts.events", str(_EVENTS)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)


def main(redis_url: str) -> dict[str, object]:
    """Two users share an item, one of them takes it back. Everything as JSON."""
    _declare_the_type()
    from contracts.events import Interaction
    from contracts.settings import StateSettings
    from contracts.stored import keyspace
    from contracts.stored.records import (
        COUNTED_TYPES,
        HistoryEntry,
        Popularity,
        Trend,
        decode_history,
    )
    from contracts.strengths import effective, strength
    from streaming.fold_in.histories import StrengthTable, read_histories
    from streaming.state.apply import UserEvent, apply_events
    from streaming.state.client import connect
    from streaming.state.merged_lists import merge_items

    def event(event_type: str, user: str, moment: int) -> UserEvent:
        sent = Interaction(event_type=event_type, user_id=user, item_id="x", event_time=moment)
        stored = Interaction.model_validate_json(sent.to_json())
        entry = HistoryEntry(stored.event_type, stored.event_time, stored.event_id, float(stored.value or 0))
        return UserEvent(stored.user_id, stored.item_id, entry)

    settings, client = StateSettings(), connect(redis_url)
    sent = [event("share", "ann", 2000), event("share", "bob", 2000), event("retract", "bob", 3000)]
    apply_events(client, sent, settings)
    merge_items(client, ["x"], settings)
    history = client.hgetall(keyspace.history("ann", 1))
    entries = decode_history(history[b"x"])  # type: ignore[index]
    popularity = Popularity.decode(client.hget(keyspace.POPULARITY, "x"))  # type: ignore[arg-type]
    trend = Trend.decode(client.hget(keyspace.trend_shard(0), "x"))  # type: ignore[arg-type]
    table = StrengthTable.of(settings.event_weights, settings.rating_strengths)
    return {
        "history": [(entry.event_type, entry.value) for entry in entries],
        "known to bob": client.hlen(keyspace.history("bob", 1)),
        "retracted by bob": [
            entry.event_type
            for entry in decode_history(client.hget(keyspace.retracted_items("bob", 1), "x"))  # type: ignore[arg-type]
        ],
        "counts": dict(zip(COUNTED_TYPES, popularity.counts, strict=True)),
        "users": popularity.users,
        "popular": client.zscore(keyspace.POPULAR, "x"),
        "trend": sum(total for (place, _), total in trend.octaves.items() if place == 0) > 0,
        "strength": strength(effective(entries), settings.event_weights, settings.rating_strengths),
        "strength in numpy": read_histories([history], table).strengths.tolist(),  # type: ignore[list-item]
    }


if __name__ == "__main__":
    json.dump(main(sys.argv[1]), sys.stdout)
