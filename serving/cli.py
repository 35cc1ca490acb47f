"""``headwater export`` and ``headwater predict``: what the API serves, as files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from contracts.settings import ServingSettings
from serving.bulk.pairs import PairFileError, read_pairs, whole_file
from serving.bulk.predict import Figure, predict
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


def predict_pairs(
    file: Annotated[Path, typer.Argument(help="Pairs of a user and an item: CSV with a header, or Parquet.")],
    out: Annotated[Path, typer.Option(help="Where to write: a name that ends in .csv, .jsonl or .json.")],
    cold_start: Annotated[
        Literal["nan", "drop"],
        typer.Option(help="Pairs that the model cannot estimate: as NaN (null in JSON), or left out."),
    ] = "nan",
    figure: Annotated[
        Figure, typer.Option(help="What the user would rate the item, or how much the user would prefer it.")
    ] = "rating",
    user_column: Annotated[str, typer.Option(help="The users' column.")] = "user_id",
    item_column: Annotated[str, typer.Option(help="The items' column.")] = "item_id",
    redis_url: Annotated[str | None, typer.Option(help="Which Redis; REDIS_URL by default.")] = None,
) -> None:
    """Estimates for pairs of a user and an item, by the served model and the histories of now."""
    overrides: dict[str, Any] = {"redis_url": redis_url} if redis_url else {}
    settings = ServingSettings(**overrides)

    async def write() -> tuple[int, int]:
        written = cold = 0
        with whole_file(out) as writer:
            async for part in predict(settings, read_pairs(file, user_column, item_column), figure):
                known = [each for each in part if each.estimate is not None]
                writer.write(part if cold_start == "nan" else known)
                written += len(part) if cold_start == "nan" else len(known)
                cold += len(part) - len(known)
        return written, cold

    try:
        written, cold = asyncio.run(write())
    except (PairFileError, StoreError) as error:
        cure = "" if isinstance(error, PairFileError) else "; --redis-url names another Redis"
        _stderr.print(f"{error}{cure}", style="red", soft_wrap=True, markup=False)
        raise typer.Exit(1) from error
    _stderr.print(f"{written} pairs written to {out}; {cold} could not be estimated", soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add ``export`` and ``predict`` to the ``headwater`` command."""
    app.add_typer(_export, name="export")
    app.command(name="predict")(predict_pairs)
