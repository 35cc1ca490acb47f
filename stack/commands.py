"""The commands that set up, start, stop and inspect a stack: setup, demo, up, down, status, doctor."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from contracts.settings import LakeSettings
from ingest.meaning.command_line import TypedReading, with_reading_options
from stack.machine import doctor as doctor_checks
from stack.machine.errors import StackError
from stack.machine.jars import jars_dir
from stack.machine.setup import ensure_fast_start, ensure_set_up
from stack.processes.run_state import Folders
from stack.run import down as stopping
from stack.run.detach import start_detached
from stack.run.services import BUILT_IN_SOURCE, Options
from stack.run.supervisor import StopRequested
from stack.run.up import run_until_stopped
from stack.status.block import block
from stack.status.picture import collect
from stack.status.state_checks import check_states

DataDir = Annotated[Path, typer.Option(help="The folder for all data of the run.")]
ApiPort = Annotated[int, typer.Option(min=0, max=65_535, help="Port of the API; 0 picks a free one.")]
KafkaPort = Annotated[int, typer.Option(min=0, max=65_535, help="Port of Kafka; 0 picks a free one.")]
RedisPort = Annotated[int, typer.Option(min=0, max=65_535, help="Port of Redis; 0 picks a free one.")]
Ratings = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="File or folder to replay instead of the built-in source."),
]
NoProducer = Annotated[bool, typer.Option("--no-producer", help="Send no events; they come by the API.")]
TrainEvery = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How often; 0: only on request.")]
Rate = Annotated[
    float | None, typer.Option(min=0.001, metavar="N", help="Events a second; default: as fast as possible.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_FAILED, _STOPPED = 1, 130


def register(app: typer.Typer) -> None:
    """Add the commands of the stack."""
    for command in (setup, demo, up, down, status, doctor):
        app.command()(command)


def setup() -> None:
    """Fetch Java and the jars, once; afterwards nothing needs the network.

    Those for S3 are fetched where LAKE_URI, MODELS_URI or CHECKPOINTS_URI names a place there.
    """
    console = Console(stderr=True)
    with _errors_in_words(console):
        java = ensure_set_up(console, LakeSettings().uses_s3)
        ensure_fast_start(java, console)
        console.print(
            f"Java {java.version} ({java.home}) and the jars ({jars_dir()}) are in place.", style=None
        )


@with_reading_options
def up(
    data_dir: DataDir = Path("data"),
    api_port: ApiPort = 8000,
    kafka_port: KafkaPort = 9092,
    redis_port: RedisPort = 6379,
    ratings: Ratings = None,
    no_producer: NoProducer = False,
    train_every: TrainEvery = 300.0,
    rate: Rate = None,
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background; `down` stops it.")] = False,
    reading: TypedReading = TypedReading(),  # noqa: B008 - each command has its options in its place
) -> None:
    """Run the whole recommender on this machine until Ctrl-C, and keep its data in --data-dir."""
    console = Console(stderr=True)
    with _errors_in_words(console):
        if ratings and no_producer:
            raise StackError("--ratings and --no-producer contradict each other: choose one")
        if _only_looks(ratings, reading, console):
            return
        if detach:
            words = [word for word in sys.argv[1:] if word != "--detach"]
            words += ["--yes", "--most-refused", "1"]  # the user has consented already
            start_detached(words, Folders(data_dir.expanduser().resolve()), console)
            return
        options = Options(
            data_dir=data_dir,
            api_port=api_port,
            kafka_port=kafka_port,
            redis_port=redis_port,
            ratings=ratings,
            reading=tuple(reading.words()),
            producer=not no_producer,
            rate=rate,
            train_every=train_every,
        )
        run_until_stopped(options, console)


@with_reading_options
def demo(
    once: Annotated[bool, typer.Option("--once", help="End once a model of all events is served.")] = False,
    ratings: Ratings = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="With --once: write the summary there.")
    ] = None,
    story: Annotated[
        bool | None,
        typer.Option(
            "--story/--no-story", help="One user's story at the end; default: built-in source only."
        ),
    ] = None,
    visitors: Annotated[
        bool,
        typer.Option(
            "--visitors/--no-visitors",
            help="Whether users of the built-in source ask for lists and rate them, in an experiment.",
        ),
    ] = True,
    data_dir: DataDir = Path("data/demo"),
    api_port: ApiPort = 8000,
    kafka_port: KafkaPort = 9092,
    redis_port: RedisPort = 6379,
    train_every: TrainEvery = 120.0,
    rate: Rate = None,
    reading: TypedReading = TypedReading(),  # noqa: B008 - each command has its options in its place
) -> None:
    """Run `up` on an empty data folder, and replay a source; free ports replace usual ones that are busy."""
    console = Console(stderr=True)
    with _errors_in_words(console):
        if json_file and not once:
            raise StackError("--json needs --once: without it the demo does not end")
        if _only_looks(ratings, reading, console):
            return
        options = Options(
            data_dir=data_dir,
            api_port=api_port,
            kafka_port=kafka_port,
            redis_port=redis_port,
            fall_back_to_free_ports=True,
            ratings=None if ratings == BUILT_IN_SOURCE else ratings,
            reading=tuple(reading.words()),
            rate=rate,
            train_every=train_every,
            visitors=visitors and not once and ratings in (None, BUILT_IN_SOURCE),
            once=once,
            fresh=True,
        )
        if not once:
            run_until_stopped(options, console)
            return
        # The summary needs libraries that are slow to import.
        from stack.demo.once import run_once

        tells = options.ratings is None if story is None else story
        run_once(options, json_file, tells, console)


def down(data_dir: DataDir = Path("data")) -> None:
    """Stop the run on --data-dir, and the processes that an earlier run left behind."""
    console = Console(stderr=True)
    with _errors_in_words(console):
        folders = Folders(data_dir.expanduser().resolve())
        found = stopping.stop(folders, lambda text: console.print(text, highlight=False))
        console.print("Stopped." if found else f"Nothing runs on {folders.data}.", highlight=False)


def status(data_dir: DataDir = Path("data"), as_json: AsJson = False) -> None:
    """Show the run on --data-dir: counts, lag, model, addresses. Exit code 3 when nothing runs."""
    found = collect(Folders(data_dir.expanduser().resolve()))
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    else:
        Console().print(block(found))
    if not found.running:
        raise typer.Exit(3)


def doctor(as_json: AsJson = False) -> None:
    """Check this machine and the state of the stacks that run on it; print the cure for each failure.

    Exit code 1 when something failed.
    """
    checks = [*doctor_checks.examine(), *check_states()]
    if as_json:
        typer.echo(json.dumps(doctor_checks.as_dict(checks), indent=2))
    else:
        Console().print(doctor_checks.as_table(checks))
    if not all(check.ok for check in checks):
        raise typer.Exit(_FAILED)


def _only_looks(ratings: str | None, reading: TypedReading, console: Console) -> bool:
    """Print how the source will be read, before anything starts; whether --check asked for no more.

    Raises StackError where the source cannot be read, and where too much of it would be refused.
    """
    if ratings not in (None, BUILT_IN_SOURCE):
        # The engine that reads files is slow to import: only the commands that need it do.
        from stack.run.source_check import look_at

        look_at(str(ratings), reading, console)
    return reading.check


@contextmanager
def _errors_in_words(console: Console) -> Iterator[None]:
    try:
        yield
    except (StopRequested, KeyboardInterrupt) as stop:
        console.print("Stopped before the end.", highlight=False)
        raise typer.Exit(_STOPPED) from stop
    except StackError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(_FAILED) from error
