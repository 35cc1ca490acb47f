"""`headwater rebuild`, `headwater repair`, `headwater rejects` and `headwater mapping`."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from clients.event_producer import BrokerUnavailableError
from clients.rejected_reader import read_rejected
from contracts.refused_rows import read_refused_rows
from contracts.settings import StreamingSettings
from streaming.records.mapped_json import what_becomes_of
from streaming.records.mapping_file import read_mapping
from streaming.recovery.rejects import as_line, replay


def rebuild_state(
    as_text: Annotated[bool, typer.Option("--json", help="print the digests as JSON")] = False,
) -> None:
    """Recompute histories, popularity and catalogue in Redis from the lake."""
    # Spark is an extra, and slow to import: only the commands that need it do.
    from clients.spark_session import spark_session
    from streaming.recovery.rebuild import rebuild

    settings = StreamingSettings()
    spark = spark_session("headwater-rebuild", settings)
    try:
        rebuilt = rebuild(spark, settings)
    except (BrokerUnavailableError, RuntimeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    finally:
        spark.stop()
    if as_text:
        typer.echo(json.dumps({**rebuilt._asdict(), "equal": rebuilt.before == rebuilt.after}))
    else:
        same = "the same state as before" if rebuilt.before == rebuilt.after else "the state has changed"
        typer.echo(f"rebuilt: {same} (SHA-256 {rebuilt.after[:16]}, before {rebuilt.before[:16]})")


def repair_checkpoints(
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Continue although records that the lake lacks are lost.")
    ] = False,
    as_text: Annotated[bool, typer.Option("--json", help="print what was done as JSON")] = False,
) -> None:
    """Give queries whose checkpoint is lost a new one: they continue from the offsets found in the lake."""
    from clients.spark_session import spark_session
    from streaming.recovery.repair import RepairError, repair

    settings = StreamingSettings()
    spark = spark_session("headwater-repair", settings)
    try:
        repaired = repair(spark, settings, accept_loss)
    except (BrokerUnavailableError, RepairError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    finally:
        spark.stop()
    if as_text:
        typer.echo(json.dumps(repaired.to_dict()))
        return
    for line in repaired.lines():
        typer.echo(line)


def rejects(
    replay_file: Annotated[
        Path | None, typer.Option("--replay", help="send the corrected lines of FILE back", dir_okay=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many to list")] = 1000,
    as_text: Annotated[bool, typer.Option("--json", help="one JSON object a line, to correct")] = False,
) -> None:
    """List refused rows of files and rejected events, with reasons.

    Correct `value` of an event in the --json lines and --replay them; a row of a file is corrected there, and
    the file is ingested again.
    """
    settings = StreamingSettings()
    try:
        if replay_file is not None:
            _replay(replay_file, settings)
            return
        for row in islice(read_refused_rows(Path(settings.refused_rows_file)), limit):
            typer.echo(row.encode() if as_text else f"{row}  {row.text!r:.200}")
        for event in islice(read_rejected(settings), limit):
            line = as_line(event)
            place = f"{line['source_topic']}:{line['source_partition']}:{line['source_offset']}"
            typer.echo(json.dumps(line) if as_text else f"{place}  {line['reason']}  {line['value']!r:.200}")
    except BrokerUnavailableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error


def _replay(file: Path, settings: StreamingSettings) -> None:
    if not file.is_file():
        typer.echo(f"no file {file}: make one with `headwater rejects --json`", err=True)
        raise typer.Exit(2)
    with file.open(encoding="utf-8") as lines:
        replayed = replay(lines, settings)
    typer.echo(f"{replayed.acknowledged} sent back, {len(replayed.faults)} still wrong")
    for fault in replayed.faults:
        typer.echo(fault, err=True)
    if replayed.faults:
        raise typer.Exit(1)


def try_mapping(
    mapping_file: Annotated[Path, typer.Argument(help="as EVENT_MAPPING_FILE", dir_okay=False)],
    records: Annotated[
        Path, typer.Argument(help="records of the topic, one JSON object a line", exists=True, dir_okay=False)
    ],
) -> None:
    """Show what a mapping file makes of records of other systems: our event, or the reason of a rejection."""
    mapping, refused = read_mapping(str(mapping_file)), 0
    with records.open("rb") as lines:
        for number, line in enumerate(filter(None, map(bytes.strip, lines)), start=1):
            said = what_becomes_of(line, mapping)
            refused += isinstance(said, str)
            typer.echo(f"{number}  {said if isinstance(said, str) else json.dumps(said)}")
    if refused:
        typer.echo(f"{refused} would be rejected", err=True)
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this service's commands."""
    app.command(name="rebuild")(rebuild_state)
    app.command(name="repair")(repair_checkpoints)
    app.command()(rejects)
    app.command(name="mapping")(try_mapping)
