"""The invariants of a pipeline that loses nothing; each is a pure check of its ledgers.

I1 no loss, I2 no duplicates, I3 no invention, I4 conservation per partition, I5 derived state, I6 exposures,
I7 live figures.
They hold of a pipeline at rest: everything acknowledged, read and applied. Their cures: docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.stored.ledgers import UNKNOWN_OFFSET
from contracts.topics import interaction_offsets
from stack.verify.derived_state import derived_state
from stack.verify.exposures import kept_though_erased, repeated_places
from stack.verify.ledgers import PLACE, Ledgers, of_erased
from stack.verify.live_figures import live_figures
from stack.verify.places import (
    CONTENT,
    NO_OFFSETS,
    OffsetArray,
    altered_rows,
    count_surplus,
    offsets_by_partition,
    places_of_two_topics,
    rows_with,
    rows_without,
    violation_of,
)
from stack.verify.violations import MOST_EXAMPLES, NotChecked, Violation, actual

Check = Callable[[Ledgers], "list[Violation] | NotChecked"]


class Invariant(NamedTuple):
    """An invariant, what to do about a violation, and its check."""

    name: str
    title: str
    cure: str
    check: Check


def no_loss(ledgers: Ledgers) -> list[Violation]:
    """I1: acknowledged minus poison is in the lake as sent; each acknowledged offset is there or refused.

    Without a poison ledger, refused events count as deliberately bad; so do events that an erasure deleted.
    """
    acknowledged, lake = ledgers.acknowledged, ledgers.lake
    placed = acknowledged.filter(pc.greater(acknowledged["offset"], UNKNOWN_OFFSET))
    unplaced = acknowledged.filter(pc.equal(acknowledged["offset"], UNKNOWN_OFFSET))
    missing = rows_without(rows_without(placed, lake), ledgers.forgotten)
    lost = rows_without(missing, ledgers.refused)
    found_ids = pa.chunked_array(
        [*lake["event_id"].chunks, *ledgers.forgotten["event_id"].chunks], pa.string()
    )
    gone = unplaced.filter(pc.invert(pc.is_in(unplaced["event_id"], value_set=found_ids)))
    found = [
        violation_of(lost, "acknowledged events are neither in the lake nor refused"),
        violation_of(gone, "acknowledged events, their offset unknown, are not in the lake"),
        violation_of(altered_rows(placed, lake), "acknowledged events are in the lake as something else"),
    ]
    if ledgers.poison is not None:
        refused = rows_without(rows_with(missing, ledgers.refused), ledgers.poison)
        found.append(violation_of(refused, "acknowledged events were refused, but are no poison"))
    return actual(found)


def no_duplicates(ledgers: Ledgers) -> list[Violation]:
    """I2: the lake has one row for each record of Kafka, and one event per event_id.

    A producer may send an event twice: rows with one id at two offsets are one event if they are equal. Two
    events at one offset are of a topic and of its successor of the same name: neither is there twice.
    """
    lake = ledgers.lake
    places = lake.group_by([*PLACE, "event_id"]).aggregate([([], "count_all")])
    repeated = places.filter(pc.greater(places["count_all"], 1))
    events = lake.group_by(list(CONTENT)).aggregate([])
    ids = events.group_by("event_id").aggregate([([], "count_all")])
    ambiguous = ids.filter(pc.greater(ids["count_all"], 1))
    return actual(
        [
            violation_of(repeated, "offsets are in the lake more than once"),
            violation_of(ambiguous, "event ids stand for more than one event"),
        ]
    )


def no_invention(ledgers: Ledgers) -> list[Violation] | NotChecked:
    """I3: producers attempted every id in the lake. It may also have events that were not acknowledged."""
    if not ledgers.all_producers:
        return NotChecked("others than the ledgers' producers wrote to the topic")
    lake = ledgers.lake
    unknown = lake.filter(pc.invert(pc.is_in(lake["event_id"], value_set=ledgers.sent["event_id"])))
    # An event without an id gets one from its place, which only its acknowledgement tells.
    invented = rows_without(unknown, ledgers.acknowledged)
    return actual([violation_of(invented, "rows of the lake were never sent")])


def conservation(ledgers: Ledgers) -> list[Violation] | NotChecked:
    """I4: per partition, rows + refused + erased = committed end offset - start offset; none twice, no holes.

    Where a topic was created again, an offset may be of both topics, and in the lake for one of them only.
    Not checked where an erasure, or the bound of what is kept, may have left holes that no ledger explains.
    """
    erased = rows_without(rows_without(ledgers.forgotten, ledgers.lake), ledgers.refused).select(PLACE)
    surplus = count_surplus(places_of_two_topics(ledgers.lake))
    refused = rows_without(ledgers.refused, ledgers.lake) if surplus else ledgers.refused
    read = [ledgers.lake.select(PLACE), refused, erased.filter(pc.greater_equal(erased["offset"], 0))]
    acknowledged = ledgers.acknowledged.select(PLACE)
    placed = acknowledged.filter(pc.greater(acknowledged["offset"], UNKNOWN_OFFSET))
    found, seen = offsets_by_partition(read), offsets_by_partition([*read, placed])
    committed = interaction_offsets(ledgers.state.head.applied_lake) if ledgers.state else {}
    holes, twice, examples = 0, 0, []
    for partition in sorted(seen.keys() | committed.keys()):
        offsets = np.unique(found.get(partition, NO_OFFSETS))
        repeated = len(found.get(partition, NO_OFFSETS)) - len(offsets) - surplus.get(partition, 0)
        start, end = _range(seen.get(partition, NO_OFFSETS), offsets, committed.get(partition))
        missing = end - start - len(offsets)
        holes, twice = holes + missing, twice + repeated
        if missing or repeated:
            examples.append(_range_in_words(partition, start, end, offsets, repeated))
    if holes and ledgers.erased:
        return NotChecked(
            f"{holes:,} offsets are in no ledger, and may be of the {len(ledgers.erased):,} erased users"
        )
    if holes and ledgers.kept_since:
        return NotChecked(f"{holes:,} offsets are in no ledger, and may be older than what is kept")
    return actual(
        [
            Violation(holes, "offsets are neither in the lake nor refused", examples[:MOST_EXAMPLES]),
            Violation(twice, "offsets are counted more than once", examples[:MOST_EXAMPLES]),
        ]
    )


def shown_once(ledgers: Ledgers) -> list[Violation]:
    """I6: the lake holds each exposure once, and none of an erased user."""
    return actual(
        [repeated_places(ledgers.shown), kept_though_erased(of_erased(ledgers.shown, ledgers.erased))]
    )


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
        "two writers on the table, a topic that was created again and read before streaming noticed it, "
        "or a producer that uses an id twice: end that; readers take the last writer, so figures stay right",
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
    Invariant(
        "I6",
        "exposures once, and none of erased users",
        "two writers on the table: end that; for erased users, erase them once more",
        shown_once,
    ),
    Invariant(
        "I7",
        "live figures",
        "with lag 0 export again; if they differ still, Redis was flushed or went back: "
        "`headwater report live` has the right ones",
        live_figures,
    ),
)


def _range(seen: OffsetArray, read: OffsetArray, committed: int | None) -> tuple[int, int]:
    """The offsets between which a partition must have been read; without a committed end, all known ones."""
    last = int((seen if committed is None else read).max(initial=-1))
    start = int(seen.min()) if len(seen) else 0
    return start, max(start, last + 1, committed or 0)


def _range_in_words(partition: int, start: int, end: int, read: OffsetArray, repeated: int) -> str:
    words = f"partition {partition}: {len(read) + repeated:,} of {end - start:,} from {start:,} to {end:,}"
    bounded = np.concatenate(([start - 1], read, [end]))
    before = np.flatnonzero(np.diff(bounded) > 1)
    return f"{words}, first hole at {bounded[before[0]] + 1:,}" if len(before) else words
