"""The ledgers of `headwater verify` as Arrow tables: what was sent, what the lake holds, what was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError
from pyarrow import json as arrow_json

from clients.storage.lake_tables import open_table
from contracts.catalog import ERASURE
from contracts.stored import lake
from contracts.topics import INTERACTIONS
from experiments.observations.outcomes import OUTCOME_ROWS
from stack.machine.errors import StackError
from stack.verify.exposures import SHOWN
from stack.verify.state_file import StateFile

PLACE = ["partition", "offset"]
EVENTS = pa.schema(
    [
        ("partition", pa.int64()),
        ("offset", pa.int64()),
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("event_type", pa.string()),
        ("value", pa.float64()),
        ("event_time", pa.int64()),  # epoch ms
    ]
)
PLACES = pa.schema([EVENTS.field(name) for name in PLACE])
_REJECTS = pa.schema(
    [("source_topic", pa.string()), ("source_partition", pa.int64()), ("source_offset", pa.int64())]
)
_BLOCK_BYTES = 16 << 20  # more than the longest line: a rejected event with every byte escaped
_TAIL_BYTES = 1 << 20


class LedgerFormatError(StackError):
    """A file is not a ledger; the message names the file and the command that writes such a ledger."""


@dataclass(frozen=True)
class Ledgers:
    """The ledgers that `headwater verify` compares; None where one was not given."""

    sent: pa.Table  # EVENTS; offset null: attempted, -1: acknowledged at an unknown place
    lake: pa.Table  # EVENTS
    rejected: pa.Table | None = None  # PLACES, each once
    poison: pa.Table | None = None  # PLACES of events that were meant to be refused
    state: StateFile | None = None
    all_producers: bool = True  # whether nobody else wrote to the topic
    erased: Mapping[str, int] = field(default_factory=dict)  # user -> until when it was erased (epoch ms)
    shown: pa.Table = field(default_factory=SHOWN.empty_table)  # exposures of the lake
    outcomes: pa.Table = field(default_factory=OUTCOME_ROWS.empty_table)  # of the lake
    kept_since: int = 0  # of the lake: older events are deleted (EVENTS_KEEP_DAYS; epoch ms)

    acknowledged: pa.Table = field(init=False)  # the rows of `sent` with an offset
    refused: pa.Table = field(init=False)  # `rejected`, empty where it was not given
    forgotten: pa.Table = field(
        init=False
    )  # the rows of `acknowledged` that an erasure or the bound of what is kept takes out of the lake

    def __post_init__(self) -> None:
        object.__setattr__(self, "acknowledged", self.sent.filter(self.sent["offset"].is_valid()))
        refused = PLACES.empty_table() if self.rejected is None else self.rejected
        object.__setattr__(self, "refused", refused)
        object.__setattr__(self, "forgotten", self._events_taken_out())

    def _events_taken_out(self) -> pa.Table:
        is_older = pc.less(self.acknowledged["event_time"], self.kept_since)
        newer = self.acknowledged.filter(pc.invert(pc.fill_null(is_older, False)))
        older = self.acknowledged.filter(is_older)
        return pa.concat_tables([older, of_erased(newer, self.erased)])


def read_sent(files: Sequence[Path]) -> pa.Table:
    """The ledgers of all producers (`headwater ingest --ledger`). Raises LedgerFormatError."""
    tables = [_read(file, EVENTS, "`headwater ingest --ledger FILE` writes one") for file in files]
    return _lower_ids(pa.concat_tables(tables))


def of_erased(events: pa.Table, erased: Mapping[str, int]) -> pa.Table:
    """The rows with `user_id` and `event_time` that erasures take out."""
    users = pa.array(list(erased), pa.string())
    until = pa.array(list(erased.values()), pa.int64()).take(pc.index_in(events["user_id"], value_set=users))
    return events.filter(pc.fill_null(pc.less_equal(events["event_time"], until), False))


def read_erased(uri: str) -> dict[str, int]:
    """The tombstones of the lake's catalogue: user -> until when (epoch ms); none where there is no table."""
    try:
        dataset = open_table(lake.CATALOG, uri)
    except TableNotFoundError:
        return {}
    rows = dataset.to_table(["id", "updated_at"], filter=pc.field("kind") == ERASURE)
    newest = rows.group_by("id").aggregate([("updated_at", "max")])
    return dict(zip(newest["id"].to_pylist(), newest["updated_at_max"].to_pylist(), strict=True))


def read_rejected(file: Path) -> pa.Table:
    """The interactions that the dead-letter topic holds, each place once. Raises LedgerFormatError."""
    rows = _read(file, _REJECTS, "`headwater rejects --json --limit 100000000` prints one")
    rows = rows.filter(pc.equal(rows["source_topic"], INTERACTIONS.name))
    # A replayed batch rejects its events once more.
    places = rows.select(["source_partition", "source_offset"]).rename_columns(PLACE)
    return places.group_by(PLACE).aggregate([]).cast(PLACES)


def read_poison(file: Path) -> pa.Table:
    """Places of events that were sent to be refused: lines with partition and offset."""
    cure = 'write one line an event: {"partition": 0, "offset": 17}'
    return _read(file, PLACES, cure).group_by(PLACE).aggregate([]).cast(PLACES)


def read_lake(uri: str) -> pa.Table:
    """The interactions table's newest version, as EVENTS. Raises StackError where there is none."""
    names = ["event_id", "user_id", "item_id", "event_type", "value", "event_time"]
    try:
        rows = open_table(lake.INTERACTIONS, uri).to_table(["kafka_partition", "kafka_offset", *names])
    except TableNotFoundError as error:
        path = lake.INTERACTIONS.path(uri)
        raise StackError(f"no interactions table at {path}: name the lake with --lake or LAKE_URI") from error
    moments = rows["event_time"].cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    rows = rows.set_column(rows.schema.get_field_index("event_time"), "event_time", moments)
    return _lower_ids(rows.rename_columns([*PLACE, *names]).cast(EVENTS))


def _lower_ids(rows: pa.Table) -> pa.Table:
    at = rows.schema.get_field_index("event_id")
    return rows.set_column(at, "event_id", pc.utf8_lower(rows["event_id"]))


def _read(file: Path, schema: pa.Schema, cure: str) -> pa.Table:
    """The file's lines of JSON, without a last line that its writer has not finished."""
    try:
        if file.stat().st_size == 0:
            return schema.empty_table()
        with pa.memory_map(str(file)) as mapped:
            lines = _whole_lines(mapped.read_buffer())
            return read_json_lines(lines, schema) if lines.size else schema.empty_table()
    except OSError as error:
        raise LedgerFormatError(f"{file} cannot be read ({error.strerror or error}): {cure}") from error
    except pa.ArrowInvalid as error:
        raise LedgerFormatError(f"{file} is no such ledger ({error}): {cure}") from error


def _whole_lines(buffer: pa.Buffer) -> pa.Buffer:
    start = max(0, buffer.size - _TAIL_BYTES)
    return buffer.slice(0, start + buffer.slice(start).to_pybytes().rfind(b"\n") + 1)


def read_json_lines(lines: pa.Buffer, schema: pa.Schema) -> pa.Table:
    """The schema's columns of lines of JSON; other fields are ignored. Raises pyarrow.ArrowInvalid."""
    return arrow_json.read_json(
        pa.BufferReader(lines),
        arrow_json.ReadOptions(block_size=_BLOCK_BYTES),
        arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
