"""`headwater backup` and `headwater restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contracts.settings import TrainingSettings
from stack.backup.make import make_backup
from stack.backup.restore import restore


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command(name="restore")(restore_backup)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it (a tar).", dir_okay=False)],
) -> None:
    """Write models, rules, experiments, audit and tombstones, which no rebuild brings back, into one file.

    Back up the lake by other means; `headwater rebuild` makes the state in Redis from it.
    """
    summary = make_backup(TrainingSettings(), file)
    held = ", ".join(f"{count} {name}" for name, count in summary.counts.items() if name != "others")
    versions = ", ".join(summary.versions) or "no model"
    typer.echo(f"{file}: {versions}{f'; {held}' if held else ''}")
    if not summary.model_files:
        typer.echo("MODELS_URI is not all on this machine: back it up by its own means", err=True)


def restore_backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of `headwater backup`.", dir_okay=False)],
) -> None:
    """Restore what Redis and MODELS_URI lack; what is there stays.

    If Redis has lost the state, run `headwater rebuild` afterwards, or start streaming, which rebuilds it.
    """
    done = restore(TrainingSettings(), file)
    typer.echo(
        f"from the backup of {done.summary.made_at}: {', '.join(done.versions) or 'no version'} written"
    )
    served, before = done.served, done.summary.served
    typer.echo(f"{served} is served" if served else "no model is served")
    if served != before and before is not None:
        typer.echo(f"the backup's served version: `headwater models promote {before}`")
