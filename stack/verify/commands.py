"""`headwater verify`, `headwater verify export-state` and `headwater verify correct-times`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from clients.storage.lake_tables import kept_since
from contracts.settings import KafkaSettings, LakeSettings, StateSettings
from experiments.observations.outcomes import read_outcomes
from stack.machine.errors import StackError
from stack.status.redis_state import RedisUnavailableError, redis_state
from stack.verify.check import verify
from stack.verify.early_times import corrected_events, early_times, send_corrected, still_early
from stack.verify.exposures import read_shown
from stack.verify.ledgers import Ledgers, read_erased, read_lake, read_poison, read_rejected, read_sent
from stack.verify.state_file import export_state, read_state

_VIOLATED, _USAGE = 1, 2
_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the command and its sub-commands."""
    commands = typer.Typer(invoke_without_command=True)
    commands.callback()(verify_ledgers)
    commands.command("export-state")(export)
    commands.command("correct-times")(correct_times)
    app.add_typer(commands, name="verify")


def verify_ledgers(
    context: typer.Context,
    acknowledged: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A file of `ingest --ledger`; one for each producer."),
    ] = None,
    lake: Annotated[str | None, typer.Option(metavar="URI", help="Instead of LAKE_URI.")] = None,
    rejected: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Of `rejects --json --limit 100000000`.")
    ] = None,
    poison: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Places of deliberately bad events.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Of `verify export-state`.")
    ] = None,
    other_producers: Annotated[
        bool, typer.Option("--other-producers", help="Events came from producers without a ledger, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check by files alone that no event was lost, doubled or invented. Exit code 1 where one was."""
    if context.invoked_subcommand is not None:
        return
    with _errors_in_words():
        if not acknowledged:
            raise StackError(
                "name what was acknowledged: --acknowledged FILE, of `headwater ingest --ledger`"
            )
        lake = lake or LakeSettings().lake_uri
        rows = read_lake(lake)
        verified = verify(
            Ledgers(
                sent=read_sent(acknowledged),
                lake=rows,
                rejected=read_rejected(rejected) if rejected else None,
                poison=read_poison(poison) if poison else None,
                state=read_state(state) if state else None,
                all_producers=not other_producers,
                erased=read_erased(lake),
                shown=read_shown(lake),
                outcomes=read_outcomes(lake),
                kept_since=kept_since(lake),
            )
        )
    if as_json:
        typer.echo(json.dumps(verified.to_dict(), indent=2))
    else:
        typer.echo(", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in verified.counts.items()))
        for verdict in verified.verdicts:
            for sentence in verdict.sentences():
                typer.echo(sentence)
        if early := early_times(rows):
            typer.echo(early)
    if not verified.holds:
        raise typer.Exit(_VIOLATED)


def export(file: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write.")]) -> None:
    """Write the state in Redis to FILE, for --state. It needs streaming's settings, and changes nothing."""
    settings = StateSettings()
    with _errors_in_words():
        try:
            with redis_state(settings.redis_url.get_secret_value()) as redis:
                head = export_state(redis, settings, file)
        except RedisUnavailableError as error:
            raise StackError(f"Redis does not answer ({error}): start it, or name it by REDIS_URL") from error
        except OSError as error:
            raise StackError(f"{file} cannot be written ({error.strerror}): name another file") from error
    applied = ", ".join(f"{source} to {offset:,}" for source, offset in sorted(head.applied_online.items()))
    typer.echo(f"{file}: the state that has applied {applied or 'nothing'}")


def correct_times(
    lake: Annotated[str | None, typer.Option(metavar="URI", help="Instead of LAKE_URI.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what would be sent, and stop.")] = False,
) -> None:
    """Send events again that an earlier version dated to 1970, with their times read as seconds."""
    with _errors_in_words():
        rows = read_lake(lake or LakeSettings().lake_uri)
    events = list(corrected_events(rows, time.time_ns() // 1_000_000))
    early = still_early(rows).num_rows
    typer.echo(
        f"{early:,} events have a time before 1990; {len(events):,} of them have a plausible one in seconds"
    )
    for event in events[:_SHOWN]:
        moment = datetime.fromtimestamp(event.event_time / 1000, timezone.utc).isoformat()
        typer.echo(f"  user {event.user_id!r}, item {event.item_id!r}, {event.event_type}: {moment}")
    if check or not events:
        return
    acknowledged, failed = send_corrected(events, KafkaSettings())
    typer.echo(f"{acknowledged:,} sent again, {failed:,} not acknowledged")
    if failed:
        raise typer.Exit(_VIOLATED)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    try:
        yield
    except StackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_USAGE) from error
