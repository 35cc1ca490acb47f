"""The `headwater` command, made up of the commands of the services that are installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from stack.invocation.group import HeadwaterGroup


class Part(NamedTuple):
    """A module with `register(app)`, the extra that brings what it needs, the commands it adds."""

    module: str
    extra: str
    commands: tuple[str, ...]


PARTS: tuple[Part, ...] = (
    Part("stack.commands", "stack", ("setup", "demo", "up", "down", "status", "doctor")),
    Part("stack.backup.commands", "stack", ("backup", "restore")),
    Part("stack.verify.commands", "stack", ("verify",)),
    Part("stack.users.commands", "stack", ("users",)),
    Part("ingest.cli", "ingest", ("ingest", "download", "catalog")),
    Part("streaming.cli", "streaming", ("rebuild", "repair", "rejects", "mapping")),
    Part("training.cli", "training", ("train", "plan", "models", "report", "tune")),
    Part("experiments.cli", "experiments", ("experiments", "report live", "report exposures")),
    Part("serving.cli", "serving", ("export", "predict")),
)


def main() -> None:
    """The console script."""
    build_app(sys.argv[1:])()


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The commands. Where ``arguments`` name one, only its part is imported, so that it starts quickly."""
    command = _command_of(arguments)
    asked = [part for part in PARTS if command in part.commands]
    parts = [] if list(arguments) == ["--version"] else asked or PARTS
    app = typer.Typer(
        cls=HeadwaterGroup, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    missing = [hint for part in parts if (hint := _add(part, app))]
    if asked and missing:
        typer.echo(missing[0], err=True)
        raise SystemExit(2)

    # With this callback a single command keeps its name, and the hints appear below the list of commands.
    @app.callback(epilog="  ".join(missing) or None)
    def headwater(
        data_dir: Annotated[
            Path | None,
            typer.Option(
                "--data-dir",
                envvar="HEADWATER_DATA_DIR",
                help="Which stack the command is for; default: the only one that runs.",
            ),
        ] = None,
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
        ] = False,
    ) -> None:
        """A streaming recommender that people run themselves."""

    return app


def _command_of(arguments: Sequence[str]) -> str:
    """The command's name: the first word that is no option, or the first two ("report live"); or ""."""
    words = iter(arguments)
    for word in words:
        if word == "--data-dir":
            next(words, None)
        elif not word.startswith("-"):
            both = f"{word} {next(words, '')}"
            return both if any(both in part.commands for part in PARTS) else word
    return ""


def _version(value: bool) -> None:
    if value:
        typer.echo(f"headwater {metadata.version('headwater')}")
        raise typer.Exit


def _add(part: Part, app: typer.Typer) -> str | None:
    try:
        module = import_module(part.module)
    except ModuleNotFoundError as error:
        return (
            f"{', '.join(part.commands)}: not installed (no module {error.name}); "
            f"pip install 'headwater[{part.extra}]' adds them."
        )
    module.register(app)
    return None
