"""The invariants of a pipeline that loses nothing, as pure checks of its ledgers.

I1 no loss, I2 no duplicates, I3 no invention, I4 conservation per partition, I5 derived state. They hold of a
pipeline at rest: everything acknowledged, read and applied. Their cures: docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.stored.ledgers import UNKNOWN_OFFSET
from contracts.stored.records import decode_history
from contracts.topics import INTERACTIONS, interaction_offsets
from stack.verify.ledgers import PLACE, Ledgers
from stack.verify.recount import below, recount
from stack.verify.state_file import State

_SHOWN = 3
Offsets = np.ndarray[Any, np.dtype[np.int64]]
_NONE: Offsets = np.empty(0, np.int64)
_CONTENT = ("event_id", "user_id", "item_id", "event_type", "value", "event_time")
SCORE_TOLERANCE = 1e-9


class Violation(NamedTuple):
    """How often one thing is wrong, and the first places where."""

    cases: int
    what: str  # reads on after the count
    examples: list[str]


class NotChecked(NamedTuple):
    """What an invariant would need."""

    reason: str


Check = Callable[[Ledgers], "list[Violation] | NotChecked"]


class Invariant(NamedTuple):
    """An invariant, what to do about a violation, and its check."""

    name: str
    title: str
    cure: str
    check: Check


def no_loss(ledgers: Ledgers) -> list[Violation]:
    """I1: acknowledged minus poison is in the lake as sent; each acknowledged offset is there or refused.

    Without a poison ledger, what was refused counts as meant to be; so does what an erasure took out.
    """
    acknowledged, lake = ledgers.acknowledged, ledgers.lake
    placed = acknowledged.filter(pc.greater(acknowledged["offset"], UNKNOWN_OFFSET))
    unplaced = acknowledged.filter(pc.equal(acknowledged["offset"], UNKNOWN_OFFSET))
    missing = _without(_without(placed, lake), ledgers.forgotten)
    lost = _without(missing, ledgers.refused)
    found_ids = pa.chunked_array(
        [*lake["event_id"].chunks, *ledgers.forgotten["event_id"].chunks], pa.string()
    )
    gone = unplaced.filter(pc.invert(pc.is_in(unplaced["event_id"], value_set=found_ids)))
    found = [
        _rows(lost, "acknowledged events are neither in the lake nor refused"),
        _rows(gone, "acknowledged events, their offset unknown, are not in the lake"),
        _rows(_altered(placed, lake), "acknowledged events are in the lake as something else"),
    ]
    if ledgers.poison is not None:
        refused = _without(_with(missing, ledgers.refused), ledgers.poison)
        found.append(_rows(refused, "acknowledged events were refused, but are no poison"))
    return _only(found)


def no_duplicates(ledgers: Ledgers) -> list[Violation]:
    """I2: the lake has one row per (topic, partition, offset), and one event per event_id once read as sets.

    A producer may send an event twice: rows of one id at two offsets are one event when they are alike.
    """
    lake = ledgers.lake
    places = lake.group_by(PLACE).aggregate([([], "count_all")])
    repeated = places.filter(pc.greater(places["count_all"], 1))
    events = lake.group_by(list(_CONTENT)).aggregate([])
    ids = events.group_by("event_id").aggregate([([], "count_all")])
    ambiguous = ids.filter(pc.greater(ids["count_all"], 1))
    return _only(
        [
            _rows(repeated, "offsets are in the lake more than once"),
            _rows(ambiguous, "event ids stand for more than one event"),
        ]
    )


def no_invention(ledgers: Ledgers) -> list[Violation] | NotChecked:
    """I3: the ids of the lake were attempted. What was attempted but not acknowledged may be there or not."""
    if not ledgers.all_producers:
        return NotChecked("others than the ledgers' producers wrote to the topic")
    lake = ledgers.lake
    unknown = lake.filter(pc.invert(pc.is_in(lake["event_id"], value_set=ledgers.sent["event_id"])))
    # An event without an id gets one from its place, which only the acknowledgement knows.
    return _only([_rows(_without(unknown, ledgers.acknowledged), "rows of the lake were never sent")])


def conservation(ledgers: Ledgers) -> list[Violation] | NotChecked:
    """I4: per partition, rows + refused + erased = committed end offset - start offset; none twice, no holes.

    Not checked where an erasure may have left holes that no ledger explains.
    """
    erased = _without(ledgers.forgotten, ledgers.lake).select(PLACE)
    read = [ledgers.lake.select(PLACE), ledgers.refused, erased.filter(pc.greater_equal(erased["offset"], 0))]
    acknowledged = ledgers.acknowledged.select(PLACE)
    placed = acknowledged.filter(pc.greater(acknowledged["offset"], UNKNOWN_OFFSET))
    found, seen = _offsets(read), _offsets([*read, placed])
    committed = interaction_offsets(ledgers.state.head.applied_lake) if ledgers.state else {}
    holes, twice, examples = 0, 0, []
    for partition in sorted(seen.keys() | committed.keys()):
        offsets = np.unique(found.get(partition, _NONE))
        repeated = len(found.get(partition, _NONE)) - len(offsets)
        start, end = _range(seen.get(partition, _NONE), offsets, committed.get(partition))
        missing = end - start - len(offsets)
        holes, twice = holes + missing, twice + repeated
        if missing or repeated:
            examples.append(_range_in_words(partition, start, end, offsets, repeated))
    if holes and ledgers.erased:
        return NotChecked(
            f"{holes:,} offsets are in no ledger, and may be of the {len(ledgers.erased):,} erased users"
        )
    return _only(
        [
            Violation(holes, "offsets are neither in the lake nor refused", examples[:_SHOWN]),
            Violation(twice, "offsets are counted more than once", examples[:_SHOWN]),
        ]
    )


def derived_state(ledgers: Ledgers) -> list[Violation] | NotChecked:
    """I5: the state in Redis is the lake's recount up to the same offsets; exactly, scores within 1e-9."""
    if ledgers.state is None:
        return NotChecked("no state was given: `headwater verify export-state FILE`, then --state FILE")
    head, exported = ledgers.state.head, ledgers.state.state
    applied, committed = interaction_offsets(head.applied_online), interaction_offsets(head.applied_lake)
    found = _offsets([ledgers.lake.select(PLACE), ledgers.refused])
    reached = {p: max(committed.get(p, 0), int(found.get(p, _NONE).max(initial=-1)) + 1) for p in applied}
    behind = [(p, n, reached[p]) for p, n in applied.items() if reached[p] < n]
    if behind:
        examples = [f"partition {p}: Redis has {n:,}, the lake {r:,}" for p, n, r in behind[:_SHOWN]]
        events = sum(n - r for _, n, r in behind)
        return [Violation(events, "events are in Redis and not yet in the lake", examples)]
    counted = recount(below(ledgers.lake, applied), head)
    return _only(_differences(exported, _with_traces(counted, exported) if ledgers.erased else counted))


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "I1",
        "no loss",
        "wait until `headwater status` shows no lag of the lake, give what was refused with --rejected; "
        "what is still missing is lost to the lake and must be sent again",
        no_loss,
    ),
    Invariant(
        "I2",
        "no duplicates",
        "two writers on the table, a topic made anew, or a producer that uses an id twice: end that; readers"
        " take the last writer, so figures stay right",
        no_duplicates,
    ),
    Invariant(
        "I3",
        "no invention",
        "give the ledgers of all producers, or say --other-producers where not all of them keep one",
        no_invention,
    ),
    Invariant(
        "I4",
        "conservation per partition",
        "give the refused events with --rejected; what is missing beyond them was never read: "
        "read the topic again from its beginning while it keeps them",
        conservation,
    ),
    Invariant(
        "I5",
        "derived state",
        "with lag 0 export again, from the settings that streaming runs with; "
        "if it differs still, `headwater rebuild` restores it from the lake",
        derived_state,
    ),
)


def _only(found: Iterable[Violation]) -> list[Violation]:
    return [violation for violation in found if violation.cases]


def _without(rows: pa.Table, others: pa.Table) -> pa.Table:
    return _joined(rows, others, "left anti")


def _with(rows: pa.Table, others: pa.Table) -> pa.Table:
    return _joined(rows, others, "left semi")


def _joined(rows: pa.Table, others: pa.Table, join_type: str) -> pa.Table:
    kept = _numbered(rows, "row").join(others.select(PLACE), keys=PLACE, join_type=join_type)
    return rows.take(kept["row"].combine_chunks().sort())


def _numbered(rows: pa.Table, name: str) -> pa.Table:
    """The places and each row's number: all that a join has to carry."""
    return rows.select(PLACE).append_column(name, pa.array(np.arange(rows.num_rows)))


def _altered(sent: pa.Table, lake: pa.Table) -> pa.Table:
    """Rows of the lake that differ from what was sent there; what a ledger does not tell is alike."""
    pairs = _numbered(sent, "sent").join(_numbered(lake, "lake"), keys=PLACE, join_type="inner")
    differs = pa.array(np.zeros(pairs.num_rows, bool))
    for name in _CONTENT:
        told, found = sent[name].take(pairs["sent"]), lake[name].take(pairs["lake"])
        # A null in the lake would be a difference, one in the ledger is silence.
        wrong = pc.and_(told.is_valid(), pc.fill_null(pc.not_equal(told, found), True))
        differs = pc.or_(differs, wrong)
    return sent.take(pairs["sent"].filter(differs))


def _rows(rows: pa.Table, what: str) -> Violation:
    return Violation(rows.num_rows, what, [_row_in_words(row) for row in rows.slice(0, _SHOWN).to_pylist()])


def _row_in_words(row: Mapping[str, Any]) -> str:
    words = []
    if row.get("offset") is not None and row["offset"] >= 0:
        words.append(f"{INTERACTIONS.name}:{row['partition']}:{row['offset']}")
    if row.get("event_id"):
        words.append(f"event {row['event_id']}")
    return " ".join(words) or "an event without an id"


def _offsets(tables: Iterable[pa.Table]) -> dict[int, Offsets]:
    places = pa.concat_tables(tables)
    partition, offset = places["partition"].to_numpy(), places["offset"].to_numpy()
    return {int(number): offset[partition == number] for number in np.unique(partition)}


def _range(seen: Offsets, read: Offsets, committed: int | None) -> tuple[int, int]:
    """Where a partition must have been read from and to; without a committed end, all that is known."""
    last = int((seen if committed is None else read).max(initial=-1))
    start = int(seen.min()) if len(seen) else 0
    return start, max(start, last + 1, committed or 0)


def _range_in_words(partition: int, start: int, end: int, read: Offsets, repeated: int) -> str:
    words = f"partition {partition}: {len(read) + repeated:,} of {end - start:,} from {start:,} to {end:,}"
    bounded = np.concatenate(([start - 1], read, [end]))
    before = np.flatnonzero(np.diff(bounded) > 1)
    return f"{words}, first hole at {bounded[before[0]] + 1:,}" if len(before) else words


def _with_traces(counted: State, exported: State) -> State:
    """The recount with what erased users leave in the state: items of which nothing counts, and trends whose
    newest octave is later than the lake tells, so that the oldest are gone.
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
        for key in islice(sorted(keys), _SHOWN)
    ]
    return Violation(len(keys), what, shown)


def _or_nothing(value: object, in_words: Callable[[Any], str]) -> str:
    return "nothing" if value is None else in_words(value)


def _entries_in_words(raw: bytes) -> str:
    return ", ".join(
        f"{e.event_type} {e.value:g} at {e.event_time} ({e.event_id})" for e in decode_history(raw)
    )
