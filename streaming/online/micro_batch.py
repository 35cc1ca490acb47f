"""What the online query does with the records that it has, in which order, and why in that order.

It is the same for the few records of the live query (`streaming/online/live.py`) and for the many of a
backlog or a rebuild (`streaming/online/tasks.py`, where step 4 is taken once, when all tasks have ended).
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts.settings import StreamingSettings
from contracts.topics import interaction_offsets
from streaming.fold_in.active_users import ActiveUsers, fold_in_active
from streaming.online.outcomes import Outcomes
from streaming.online.position import Position
from streaming.online.progress import BatchProgress
from streaming.online.rows import RecordRow, entries_of, erasures_of, events_of, interactions_of
from streaming.online.touched_items import note_touched
from streaming.runtime.hold_points import STATE_WRITTEN, hold
from streaming.state.apply import UserEvent, apply_catalog, apply_events
from streaming.state.client import StateClient
from streaming.state.erasure import erase_users
from streaming.state.status import note_newest_event


def apply_micro_batch(
    client: StateClient,
    rows: Sequence[RecordRow],
    position: Position,
    settings: StreamingSettings,
    outcomes: Outcomes | None = None,
) -> None:
    """Apply a live micro-batch of one task. Raises StateWentBackError.

    A kill between two steps does no harm: the offsets have not moved, so the records come again, and each
    step gives the same result when it is repeated.
    """
    batch = BatchProgress()
    batch.add_rows(rows)
    # 0. Does Redis stand where this task has left it? A state that went back must not be built upon.
    applied = position.check(client, batch.first)
    # 1 and 2. State, touched items. The live figures say how the lists that are there now held the events.
    events = apply_rows(client, rows, settings, outcomes)
    # 3. Fold-in reads the histories that step 1 wrote. Each list says which offsets its history holds: by
    #    that the API knows when an event that it is asked to wait for shows in the list.
    if settings.fold_in and events:
        users = ActiveUsers()
        users.add(events)
        fold_in_active(client, users, interaction_offsets({**applied, **batch.next}), settings)
    hold(STATE_WRITTEN)
    # 4. Offsets, last: they say that all of the above is done.
    position.advance(client, batch)


def apply_rows(
    client: StateClient,
    rows: Sequence[RecordRow],
    settings: StreamingSettings,
    outcomes: Outcomes | None = None,
) -> list[UserEvent]:
    """Steps 1 and 2, of a live micro-batch and of a backlog's Arrow batch. Returns the interactions."""
    # 1. State: one atomic script per user, so that any order and any repetition give the same state. All else
    #    follows from it.
    events, entries = events_of(rows), entries_of(rows)
    scored = outcomes.of(client, interactions_of(rows), settings) if outcomes else ()
    apply_events(client, events, settings, scored)
    apply_catalog(client, entries)
    items = set(erase_users(client, list(erasures_of(entries)), settings))
    items.update(event.item_id for event in events)
    items.update(entry.id for entry in entries if entry.kind == "item")
    # 2. Touched items: noted once their shards are written, so that whoever merges them reads at least this
    #    batch; and before the offsets, after which nobody would come back to them.
    note_touched(client, items)
    if events:
        note_newest_event(client, max(event.entry.event_time for event in events))
    return events
