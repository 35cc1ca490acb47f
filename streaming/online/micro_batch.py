"""What the online query does with its records, in which order, and why in that order.

The steps are the same for the few records of the live query (`streaming/online/live.py`) and for the many of
a backlog or a rebuild (`streaming/online/tasks.py`, where step 4 is done once, after all tasks).
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts.settings import StreamingSettings
from contracts.topics import interaction_offsets
from streaming.fold_in.active_users import ActiveUsers, fold_in_active
from streaming.fold_in.content import place_by_content
from streaming.fold_in.lists import served_model
from streaming.online.outcomes import Outcomes
from streaming.online.position import Position
from streaming.online.progress import BatchProgress
from streaming.online.rows import (
    RecordRow,
    entries_of,
    erasures_of,
    events_of,
    interactions_of,
    kept_rows,
)
from streaming.online.touched_items import note_touched
from streaming.records.frames import UNDECIDED
from streaming.runtime.hold_points import STATE_WRITTEN, hold
from streaming.state.apply import UserEvent, apply_catalog, apply_events
from streaming.state.client import StateClient
from streaming.state.erasure import erase_users
from streaming.state.retention import read_bound
from streaming.state.status import note_newest_event


class UndecidedSchemaError(RuntimeError):
    """A record's schema must be asked for, which the driver does; nothing of the micro-batch is applied."""


def apply_micro_batch(
    client: StateClient,
    rows: Sequence[RecordRow],
    position: Position,
    settings: StreamingSettings,
    outcomes: Outcomes | None = None,
) -> None:
    """Apply a live micro-batch of one task. Raises StateWentBackError, UndecidedSchemaError.

    A kill between two steps does no harm: the offsets have not moved, so the records are read again, and a
    repeated step gives the same result.
    """
    if undecided := [row for row in rows if row.accepted == UNDECIDED]:
        raise UndecidedSchemaError(f"{undecided[0].partition}, offset {undecided[0].offset}")
    batch = BatchProgress()
    batch.add_rows(rows)
    # 0. Check that Redis still has the offsets that this task stored last. An older state gets no events.
    applied = position.check(client, batch.first)
    # 1 and 2. State and touched items. The live figures compare the events with the lists made before them.
    events = apply_rows(client, kept_rows(rows, read_bound(client)), settings, outcomes)
    # 3. Fold-in reads the histories that step 1 wrote. Each list names the offsets that its history contains,
    #    so that the API knows whether the list contains an event that a request waits for.
    if settings.fold_in and events:
        users = ActiveUsers()
        users.add(events)
        fold_in_active(client, users, interaction_offsets({**applied, **batch.next}), settings)
    hold(STATE_WRITTEN)
    # 4. Offsets come last: they say that all steps above are done.
    position.advance(client, batch)


def apply_rows(
    client: StateClient,
    rows: Sequence[RecordRow],
    settings: StreamingSettings,
    outcomes: Outcomes | None = None,
) -> list[UserEvent]:
    """Steps 1 and 2, of a live micro-batch and of a backlog's Arrow batch. Returns the interactions."""
    # 1. State: one atomic script per user, so that any order and any repetition give the same state. The
    #    later steps depend on it.
    events, entries = events_of(rows), entries_of(rows)
    scored = outcomes.score_events(client, interactions_of(rows), settings) if outcomes else ()
    apply_events(client, events, settings, scored)
    apply_catalog(client, entries)
    described = [entry.id for entry in entries if entry.kind == "item"]
    if described and (model := served_model(client)) is not None:
        place_by_content(client, model, described)
    items = set(erase_users(client, list(erasures_of(entries)), settings))
    items.update(event.item_id for event in events)
    items.update(described)
    # 2. Touched items are noted after their shards are written, so that their merge includes this batch, and
    #    before the offsets, after which the batch would not be repeated.
    note_touched(client, items)
    if events:
        note_newest_event(client, max(event.entry.event_time for event in events))
    return events
