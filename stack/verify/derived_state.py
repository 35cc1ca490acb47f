"""I5: compares the state in Redis with the state recounted from the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa

from contracts.stored.records import decode_earlier, decode_history
from contracts.topics import interaction_offsets
from stack.verify.ledgers import PLACE, Ledgers
from stack.verify.places import NO_OFFSETS, offsets_by_partition, places_of_two_topics
from stack.verify.recount import below, beyond, recount, since
from stack.verify.state_file import State
from stack.verify.violations import MOST_EXAMPLES, NotChecked, Violation, actual

SCORE_TOLERANCE = 1e-9


def derived_state(ledgers: Ledgers) -> list[Violation] | NotChecked:
    """I5: the state in Redis equals the recount of the lake up to the same offsets; scores within 1e-9."""
    if ledgers.state is None:
        return NotChecked("no state was given: `headwater verify export-state FILE`, then --state FILE")
    head, exported = ledgers.state.head, ledgers.state.state
    if head.kept_since < ledgers.kept_since:
        return NotChecked(
            "older events were deleted from the lake since the state was exported: export again"
        )
    applied, committed = interaction_offsets(head.applied_online), interaction_offsets(head.applied_lake)
    found = offsets_by_partition([ledgers.lake.select(PLACE), ledgers.refused])
    reached = {
        p: max(committed.get(p, 0), int(found.get(p, NO_OFFSETS).max(initial=-1)) + 1) for p in applied
    }
    behind = [(p, n, reached[p]) for p, n in applied.items() if reached[p] < n]
    if behind:
        examples = [f"partition {p}: Redis has {n:,}, the lake {r:,}" for p, n, r in behind[:MOST_EXAMPLES]]
        events = sum(n - r for _, n, r in behind)
        return [Violation(events, "events are in Redis and not yet in the lake", examples)]
    counted = recount(since(_applied_rows(ledgers.lake, applied, committed), head.kept_since), head)
    return actual(_differences(exported, _with_traces(counted, exported) if ledgers.erased else counted))


def _applied_rows(lake: pa.Table, applied: Mapping[int, int], committed: Mapping[int, int]) -> pa.Table:
    """The rows of the lake that the state has.

    Where a topic was created again, rows at offsets that the lake has not reached in it are of the earlier
    topic, and the state has them too.
    """
    rows = below(lake, applied)
    if not places_of_two_topics(lake).num_rows:
        return rows
    reached = {p: max(n, committed.get(p, 0)) for p, n in applied.items()}
    return pa.concat_tables([rows, beyond(lake, reached)])


def _with_traces(counted: State, exported: State) -> State:
    """The recount with the traces of erased users in the state, which the lake no longer explains.

    They are items of which nothing counts, and trends with a later newest octave, which has pushed out the
    oldest ones.
    """
    nothing = {item: found for item, found in exported.popularity.items() if not found.users}
    trending = {
        half_life: {
            item: score for item, score in scores.items() if item in exported.trending.get(half_life, {})
        }
        for half_life, scores in counted.trending.items()
    }
    return replace(counted, popularity=nothing | counted.popularity, trending=trending)


def _differences(exported: State, counted: State) -> Iterator[Violation]:
    pairs = "(user, item) pairs of histories differ"
    yield _unequal(exported.histories, counted.histories, pairs, _entries_in_words)
    pairs = "(user, item) pairs of what was retracted differ"
    yield _unequal(exported.retracted, counted.retracted, pairs, _entries_in_words)
    pairs = "(user, item) pairs of earlier events differ"
    yield _unequal(exported.earlier, counted.earlier, pairs, _earlier_in_words)
    yield _unequal(exported.popularity, counted.popularity, "items differ in popularity", str)
    for half_life, scores in counted.trending.items():
        what = f"items differ in their trend of {half_life:,} s"
        yield _unequal(exported.trending.get(half_life, {}), scores, what, str, _is_close)


def _is_close(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and abs(a - b) <= SCORE_TOLERANCE


def _is_same(a: object, b: object) -> bool:
    return a == b


def _unequal(
    exported: Mapping[Any, Any],
    counted: Mapping[Any, Any],
    what: str,
    in_words: Callable[[Any], str],
    is_same: Callable[[Any, Any], bool] = _is_same,
) -> Violation:
    keys = [k for k in exported.keys() | counted.keys() if not is_same(exported.get(k), counted.get(k))]
    shown = [
        f"{key}: Redis {_or_nothing(exported.get(key), in_words)}, "
        f"recount {_or_nothing(counted.get(key), in_words)}"
        for key in islice(sorted(keys), MOST_EXAMPLES)
    ]
    return Violation(len(keys), what, shown)


def _or_nothing(value: object, in_words: Callable[[Any], str]) -> str:
    return "nothing" if value is None else in_words(value)


def _entries_in_words(raw: bytes) -> str:
    return ", ".join(
        f"{e.event_type} {e.value:g} at {e.event_time} ({e.event_id})" for e in decode_history(raw)
    )


def _earlier_in_words(raw: bytes) -> str:
    return ", ".join(f"{each.event_type} at {each.event_time}" for each in decode_earlier(raw))
