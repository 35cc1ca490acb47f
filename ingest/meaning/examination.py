"""What a source holds, as a block of text that people read before anything is sent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import groupby

from contracts.refused_rows import RefusedRow
from ingest.files.content import shown_name
from ingest.files.engine import Engine
from ingest.meaning.conversion import TYPED
from ingest.meaning.decisions import Decisions
from ingest.meaning.options import SKIP, ReadingOptions
from ingest.meaning.orders import columns_of_orders
from ingest.meaning.rows import LoadedTable
from ingest.meaning.times import unit_of

KEPT = 1_000  # refused rows whose line and text are kept
_SAMPLE = 5
_SPEAKS_OF_TIME = re.compile(r"(?i:(?<![a-z])(date|time|dt|ts|day)|stamp|date$)|Date|Time")
_SPEAKS_OF_RATINGS = re.compile("rating|score|stars?(?![a-z])", re.IGNORECASE)
_SHOWN_TABLES, _SHOWN_REASONS, _SHOWN_TYPES = 5, 8, 12


@dataclass(frozen=True)
class Examination:
    """The findings: counts of the source's rows, and times in epoch milliseconds."""

    tables: Sequence[LoadedTable]
    decisions: Decisions
    options: ReadingOptions
    accepted: int
    refused: int
    earliest: int | None
    latest: int | None
    by_type: dict[str, int]  # of the accepted rows
    reasons: dict[str, int]  # the most frequent ones -> rows; a reason quotes the values of one row
    rows: tuple[RefusedRow, ...]
    samples: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def refused_share(self) -> float:
        """The refused rows as a share of all that were to become events."""
        all_rows = self.accepted + self.refused
        return self.refused / all_rows if all_rows else 0.0

    def lines(self) -> list[str]:
        """The block."""
        found = []
        for loaded in self.tables[:_SHOWN_TABLES]:
            found += _table_lines(loaded)
        if len(self.tables) > _SHOWN_TABLES:
            found.append(f"  and {len(self.tables) - _SHOWN_TABLES} more files")
        found += [f"{name:<9}{text}" for name, text in self._facts()]
        return found

    def _facts(self) -> list[tuple[str, str]]:
        d = self.decisions
        facts = []
        if value_cure := _like_values(self.tables):
            facts.append(("values", value_cure))
        if d.values.count:
            scale = "on no known scale" if d.scale is None else f"scale {d.scale}"
            origin = "as given" if self.options.scale is not None else "taken from the range"
            facts.append(("values", f"{d.values.low:g} to {d.values.high:g}: {scale} ({origin})"))
            facts += [("", text) for text in (d.scale_note, self._zeros()) if text]
        facts.append(("times", self._times()))
        facts += [("ids", text) for text in self._ids()]
        facts.append(("events", f"{self.accepted:,}: {_counts(self.by_type)}"))
        facts += [("", text) for text in self._types()]
        facts += [("note", text) for text in self.notes]
        facts += [("such as" if number == 0 else "", sample) for number, sample in enumerate(self.samples)]
        share = f"{self.refused:,} rows ({self.refused_share:.1%})"
        facts.append(("refused", share if self.refused else "nothing"))
        return facts + [("", f"{count:,} × {reason}") for reason, count in self.reasons.items()]

    def _zeros(self) -> str | None:
        d = self.decisions
        if not d.values.zeros:
            return None
        zeros = f"{d.values.zeros:,} {'values of 0 or -1' if d.has_unrated_mark else 'zeros'}"
        if d.zero_is_unclear:
            return (
                f"{zeros} may mean 'not rated' or the worst: use --zero-means unrated or --zero-means worst"
            )
        if d.zero_means == "unrated":
            return f"{zeros} are 'not rated': each becomes a view (or use --zero-means worst)"
        return f"{zeros} are the lowest rating" if d.zero_means == "worst" else None

    def _times(self) -> str:
        without = [t for t in self.tables if t.columns.time is None]
        if self.earliest is None or self.latest is None:
            return "none"
        spread = f"{_moment(self.earliest)} to {_moment(self.latest)}"
        if without:
            names = ", ".join(t.table.shown_path.name for t in without[:3])
            ordered = (
                f"NO TIME COLUMN in {names}: events get times in line order, one millisecond apart, ending "
            )
            return f"{ordered}when the file was last written ({spread}){_like_times(without)}"
        return f"{unit_of(self.decisions.times, self.decisions.rule)}, {spread} (UTC where no zone is named)"

    def _ids(self) -> list[str]:
        d = self.decisions
        both = (("user", d.users), ("item", d.items))
        parts = [name for name, found in both if found.files]
        told = [f"{' and '.join(parts)} ids are whole numbers written as floats: 7.0 is taken as 7"]
        told = told if parts else []
        for name, found in both:
            if found.grouped:
                told.append(f"{name} ids are numbers with commas between thousands: 1,234 is taken as 1234")
            if found.formulas:
                told.append(f'{name} ids are formulas of a spreadsheet: ="007" is taken as 007')
            if found.kept is not None:
                told.append(
                    f"{name} ids such as {found.kept!r} are kept as text: if they are whole numbers, write "
                    "them without a point"
                )
        for name, pair in d.alike.items():
            if pair is not None:
                told.append(f"{name} ids that look alike are kept apart, such as {pair[0]!a} and {pair[1]!r}")
        return told

    def _types(self) -> list[str]:
        named = self.decisions.type_counts
        mapped = [
            f"{name} ({count:,}) -> {ours}"
            for name, count in named.items()
            if (ours := self.decisions.types.get(name.lower(), self.options.types.get("*"))) is not None
            and ours != name
        ]
        unknown = [
            f"{name} ({count:,})"
            for name, count in named.items()
            if name.lower() not in self.decisions.types and "*" not in self.options.types
        ]
        found = [f"types as given: {', '.join(mapped[:_SHOWN_TYPES])}"] if mapped else []
        if unknown:
            options = ",".join(f"{name.rpartition(' (')[0]}=TYPE" for name in unknown[:_SHOWN_TYPES])
            cure = f"--type {options} maps them, NAME={SKIP} leaves them out, *=TYPE is for all others"
            found.append(f"unknown types: {', '.join(unknown[:_SHOWN_TYPES])}; {cure}")
        return found + self._views_by_default()

    def _views_by_default(self) -> list[str]:
        """What to say where no column tells the type, and rows are views for that reason."""
        untold = [t for t in self.tables if t.columns.type is None and t.columns.default_type == "view"]
        if not untold or self.options.event_type is not None:
            return []
        orders = columns_of_orders([name for t in untold for name in t.table.names])
        if orders:
            named = ", ".join(dict.fromkeys(orders[:3]))
            cure = f"--event-type purchase if these are orders ({named})"
            return [f"no column holds the type, so each row is a VIEW: {cure}"]
        return ["no column holds the type, so each row is a view: --event-type sets another"]


def examine(
    engine: Engine,
    tables: Sequence[LoadedTable],
    decisions: Decisions,
    options: ReadingOptions,
    notes: Sequence[str] = (),
) -> Examination:
    """Count the typed rows, and take the first refused ones and five events as samples."""
    accepted, earliest, latest = engine.rows(
        f"SELECT count(*), min(moment), max(moment) FROM {TYPED} WHERE reason IS NULL"
    )[0]
    by_type = dict(
        engine.rows(
            f"SELECT kind, count(*) AS n FROM {TYPED} WHERE reason IS NULL GROUP BY kind ORDER BY n DESC"
        )
    )
    by_reason = engine.rows(
        # Reasons that differ only in the quoted value count as one.
        "SELECT any_value(reason), count(*) AS n FROM "
        f"(SELECT reason, regexp_replace(reason, '''.*''|[-0-9.]+', '', 'g') AS alike FROM {TYPED} "
        "WHERE reason IS NOT NULL) GROUP BY alike ORDER BY n DESC"
    )
    reasons = defaultdict(int, dict(by_reason[:_SHOWN_REASONS]))
    broken = sum(loaded.refused.count for loaded in tables)
    for loaded in tables:
        firsts = sorted(record.reason for record in loaded.refused.first)
        for reason, group in groupby(firsts):
            reasons[reason] += len(list(group))
    return Examination(
        tables=tables,
        decisions=decisions,
        options=options,
        accepted=accepted,
        refused=sum(count for _, count in by_reason) + broken,
        earliest=earliest,
        latest=latest,
        by_type=by_type,
        reasons=dict(sorted(reasons.items(), key=lambda item: -item[1])[:_SHOWN_REASONS]),
        rows=_refused_rows(engine, tables),
        samples=_samples(engine),
        notes=tuple(notes),
    )


def _refused_rows(engine: Engine, tables: Sequence[LoadedTable]) -> tuple[RefusedRow, ...]:
    """The first refused rows in the order of the source, each with its line."""
    found = []
    refused = engine.rows(
        f"SELECT file, line, ordinal, reason, shown FROM {TYPED} WHERE reason IS NOT NULL "
        f"ORDER BY ordinal LIMIT {KEPT}"
    )
    for number, loaded in enumerate(tables):
        name = shown_name(str(loaded.table.shown_path))
        found += [RefusedRow(name, r.line, r.reason, r.text) for r in loaded.refused.first]
        here = [row for row in refused if row[0] == number]
        places = [ordinal - loaded.first_row + 1 for _, line, ordinal, _, _ in here if line is None]
        lines = loaded.table.line_of_rows(places, loaded.refused) if places else {}
        for _, line, ordinal, reason, shown in here:
            place = ordinal - loaded.first_row + 1
            found.append(RefusedRow(name, line or lines.get(place, place), reason, shown))
    return tuple(sorted(found, key=lambda row: (row.file, row.line))[:KEPT])


def _samples(engine: Engine) -> tuple[str, ...]:
    rows = engine.rows(
        f"SELECT u, i, kind, n, moment FROM {TYPED} WHERE reason IS NULL ORDER BY ordinal LIMIT {_SAMPLE}"
    )
    found = []
    for user, item, kind, n, moment in rows:
        value = f" value {n:g}" if kind == "rating" else ""
        found.append(f"user {user!r} {kind} item {item!r}{value} at {_moment(moment)}")
    return tuple(found)


def _table_lines(loaded: LoadedTable) -> list[str]:
    table, columns = loaded.table, loaded.columns
    parts = [
        f"{part} = {name}{' (guessed)' if part in columns.guessed else ''}"
        for part, name in columns.by_part.items()
        if name is not None
    ]
    lines = [
        shown_name(str(table.shown_path)),
        f"{'shape':<9}{table.shape}; {_encoding(table.encoding)}; {loaded.row_count:,} rows",
        f"{'columns':<9}{', '.join(parts)}",
    ]
    unused = columns.unused_names(table.names)
    if unused:
        more = f" and {len(unused) - 20} more" if len(unused) > 20 else ""
        lines.append(f"{'unused':<9}{', '.join(unused[:20])}{more}")
    return lines


def _encoding(name: str) -> str:
    is_sure = name.startswith(("utf", "columns"))
    return f"encoding {name}" if is_sure else f"encoding {name} (--encoding sets another)"


def _like_times(tables: Sequence[LoadedTable]) -> str:
    """The unused columns whose names look like those of a time."""
    unused = [name for t in tables for name in t.columns.unused_names(t.table.names)]
    alike = [name for name in unused if _SPEAKS_OF_TIME.search(name)]
    return f"; --columns time={alike[0]} if that column holds them" if alike else ""


def _like_values(tables: Sequence[LoadedTable]) -> str | None:
    """What to say of unused columns whose names look like those of ratings, where no column holds ratings."""
    unused = [n for t in tables if t.columns.value is None for n in t.columns.unused_names(t.table.names)]
    alike = [name for name in unused if _SPEAKS_OF_RATINGS.search(name)]
    return f"none; --columns value={alike[0]} if that column holds the users' ratings" if alike else None


def _counts(by_type: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in by_type.items()) or "none"


def _moment(ms: int) -> str:
    try:
        moment = datetime.fromtimestamp(ms / 1000, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"
    return moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(" 00:00:00")
