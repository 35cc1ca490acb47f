"""`headwater users export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from contracts.settings import ExperimentSettings
from stack.machine.errors import StackError
from stack.status.api_client import export_user

users = typer.Typer(no_args_is_help=True, help="What is stored about a user.")
_FAILED = 1


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(users, name="users")


@users.callback()
def _group() -> None:
    """What is stored about a user."""


@users.command()
def export(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of printing.")] = None,
) -> None:
    """Write all that is stored about a user as JSON: from Redis, by the API, and from the lake."""
    # Slow to import, and only this command needs it.
    from stack.users.lake_rows import rows_of_user

    settings = ExperimentSettings()
    try:
        from_api = export_user(settings.api_url, user_id, settings.admin_api_key or settings.api_key)
    except StackError as error:
        typer.echo(
            f"{error}: start the stack with `headwater up`, or name the API by API_URL and its key by "
            "ADMIN_API_KEY",
            err=True,
        )
        raise typer.Exit(_FAILED) from error
    found = {"redis": from_api, "lake": rows_of_user(settings.lake_uri, user_id)}
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    out.write_text(text + "\n", encoding="utf-8")
    counts = ", ".join(f"{len(rows)} rows of {table}" for table, rows in found["lake"].items())
    typer.echo(f"{out}: {len(from_api['keys'])} keys of Redis, {counts} of the lake")
