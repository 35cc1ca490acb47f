"""``headwater export``: what the API serves, as files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from contracts.settings import ServingSettings
from serving.lists.export import export_recommendations
from serving.redis.store import StoreError

_stderr = Console(stderr=True)
_export = typer.Typer(help="Write what the API serves to files.", no_args_is_help=True)


@_export.callback()
def _group() -> None:
    """Write what the API serves to files."""


@_export.command("recommendations")
def recommendations(
    file: Annotated[Path, typer.Argument(help="Where to write, one JSON object a line.", dir_okay=False)],
    n: Annotated[int, typer.Option("--n", min=1, max=1000, help="Items per user.")] = 20,
    redis_url: Annotated[str | None, typer.Option(help="Which Redis; REDIS_URL by default.")] = None,
) -> None:
    """Every user's list, best first, as the API would answer now."""
    overrides: dict[str, Any] = {"redis_url": redis_url} if redis_url else {}
    settings = ServingSettings(**overrides)
    with Progress(
        *Progress.get_default_columns(),
        MofNCompleteColumn(),
        console=_stderr,
        disable=not _stderr.is_terminal,
    ) as progress:
        task = progress.add_task("users", total=None)
        try:
            users = asyncio.run(
                export_recommendations(
                    settings, file, n, lambda done, total: progress.update(task, completed=done, total=total)
                )
            )
        except StoreError as error:
            _stderr.print(
                f"{error}. Is it running? `headwater status` shows it; --redis-url names another",
                style="red",
                soft_wrap=True,
            )
            raise typer.Exit(1) from error
    _stderr.print(f"{users} users written to {file}", soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add ``export`` to the ``headwater`` command."""
    app.add_typer(_export, name="export")
