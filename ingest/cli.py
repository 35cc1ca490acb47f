"""``headwater ingest``, ``headwater download`` and ``headwater catalog import``."""

from __future__ import annotations

import gc
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from clients.event_producer import ProducerError
from contracts.refused_rows import write_refused_rows
from contracts.settings import IngestSettings
from contracts.stored.ingest_progress import IngestProgress
from ingest.files.engine import Engine
from ingest.files.rejected_lines import SourceError
from ingest.meaning.command_line import TypedReading, with_reading_options
from ingest.meaning.encoding import EncodedEvent
from ingest.sending.pace import Schedule, at_rate, at_speed
from ingest.sending.progress import in_words
from ingest.sending.replay_mark import ReplayedMark, fingerprint
from ingest.sending.run import Ingest, Source
from ingest.simulated.source import SyntheticWorld, WorldSize
from ingest.sources.catalog_file import CatalogFile, check_entries, entry_options
from ingest.sources.consent import NotWantedError, TooMuchRefusedError, get_consent, on_a_terminal
from ingest.sources.download import (
    BASE_URL_VARIABLE,
    DATASETS,
    DEFAULT_BASE_URL,
    LICENCE,
    DownloadError,
    download,
)
from ingest.sources.recognise import open_source
from ingest.sources.source import FileSource

BUILT_IN = "synthetic"
FAILED, USAGE, NO_BROKER, REFUSED = 1, 2, 3, 4
_LIVE_PER_SECOND = 10.0
_RATINGS_PER_USER = 75
_GC_THRESHOLD = 100_000  # events are many and hold no cycles

Ledger = Annotated[
    Path | None,
    typer.Option(dir_okay=False, help="Append each attempted and acknowledged event, for `verify`."),
]
Endless = Annotated[bool, typer.Option("--endless", help="Built-in source: continue with live traffic.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this service."""
    app.command("ingest")(ingest)
    app.command("download")(fetch)
    catalogue = typer.Typer(help="Items and users in bulk.", no_args_is_help=True)
    catalogue.command("import")(import_catalog)
    # A callback keeps `import` a subcommand, although it is the only one.
    catalogue.callback()(lambda: None)
    app.add_typer(catalogue, name="catalog")


def _end(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Turn the errors of a command that reads and sends into one sentence and an exit code."""
    try:
        yield
    except (TooMuchRefusedError, NotWantedError) as error:
        _end(str(error), REFUSED)
    except (SourceError, ValueError) as error:
        _end(str(error), USAGE)
    except ProducerError as error:
        _end(str(error), NO_BROKER)


def _schedule(rate: float | None, speed: float | None, fast: bool) -> Schedule | None:
    if sum((rate is not None, speed is not None, fast)) > 1:
        raise SourceError("--rate, --speed and --as-fast-as-possible exclude each other: choose one")
    if any(number is not None and not number > 0 for number in (rate, speed)):
        raise SourceError("--rate and --speed take a number above 0")
    if rate is not None:
        return at_rate(rate)
    return at_speed(speed) if speed is not None else None


def _open_source(
    source: str,
    reading: TypedReading,
    settings: IngestSettings,
    endless: bool,
    world: Callable[[], SyntheticWorld],
) -> tuple[Source, Iterator[EncodedEvent] | None]:
    """The source, and the live traffic that follows it."""
    options = reading.options(settings.ingest_most_refused)
    if source == BUILT_IN:
        built_in = world()
        return built_in, built_in.live() if endless else None
    if endless:
        raise SourceError(
            f"--endless goes with the built-in source only: headwater ingest {BUILT_IN} --endless"
        )
    return open_source(Path(source), options, settings.ingest_memory_mb), None


def _mark(file: Path, source: str, reading: TypedReading, world: tuple[int | None, ...]) -> ReplayedMark:
    words = reading.words()
    # Earlier versions had three reading options: columns, event type, rating scale.
    earlier = None if words else fingerprint(source, None, None, None, *world)
    return ReplayedMark(file, fingerprint(source, words, *world), earlier)


def _world(users: int, items: int, ratings: int | None, seed: int) -> SyntheticWorld:
    usual = min(_RATINGS_PER_USER * users, users * items // 3)
    return SyntheticWorld(WorldSize(users, items, usual if ratings is None else ratings, seed=seed))


@with_reading_options
def ingest(
    source: Annotated[
        str, typer.Argument(help=f"A file, a folder, or `{BUILT_IN}` for the built-in source.")
    ],
    rate: Annotated[float | None, typer.Option(help="Events a second.")] = None,
    speed: Annotated[float | None, typer.Option(help="Replay recorded time faster by this factor.")] = None,
    as_fast_as_possible: Annotated[bool, typer.Option("--as-fast-as-possible", help="The default.")] = False,
    limit: Annotated[int | None, typer.Option(min=0, help="Stop after this number of events.")] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Instead of KAFKA_BOOTSTRAP_SERVERS.")] = None,
    progress_file: Annotated[Path | None, typer.Option(help="Rewritten twice a second as JSON.")] = None,
    replayed_file: Annotated[
        Path | None, typer.Option(help="Remembers a completed source, to skip its history next time.")
    ] = None,
    ledger: Ledger = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the final count as JSON.")] = False,
    users: Annotated[int, typer.Option(help="Users of the built-in source.")] = 100,
    items: Annotated[int, typer.Option(help="Items of the built-in source.")] = 500,
    ratings: Annotated[
        int | None, typer.Option(help="Ratings of the built-in source; 75 a user by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the built-in source.")] = 42,
    endless: Endless = False,
    reading: TypedReading = TypedReading(),  # noqa: B008 - each command has its options in its place
) -> None:
    """Send interactions and metadata to Kafka in time order, and count how many were acknowledged."""
    console = Console(stderr=True)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # errors are reported in one sentence at the end
    gc.set_threshold(_GC_THRESHOLD)
    settings = _settings(bootstrap_servers)
    opened: Source | None = None
    with _errors_in_words():
        try:
            schedule = _schedule(rate, speed, as_fast_as_possible)
            opened, live = _open_source(
                source, reading, settings, endless, lambda: _world(users, items, ratings, seed)
            )
            _tell_and_ask(opened, reading, settings)
            mark = (
                _mark(replayed_file, source, reading, (users, items, ratings, seed))
                if replayed_file
                else None
            )
            run = Ingest(
                opened,
                settings,
                console,
                history_schedule=None if live is not None and speed is None else schedule,
                live=live,
                live_schedule=schedule if rate is not None else at_rate(_LIVE_PER_SECOND),
                limit=limit,
                progress_file=progress_file,
                replayed=mark,
                ledger=ledger,
            )
            final = run.run()
        finally:
            if isinstance(opened, FileSource):
                opened.close()
    _print_result(final, run.counts.reasons, as_json)


def import_catalog(
    file: Annotated[Path, typer.Argument(help="Items or users: CSV, JSON lines, a JSON array or Parquet.")],
    kind: Annotated[str, typer.Option(metavar="item|user", help="What the file describes.")] = "item",
    columns: Annotated[
        str | None, typer.Option(metavar="id=…,title=…,categories=…", help="title=- leaves a part out.")
    ] = None,
    without: Annotated[str, typer.Option(metavar="NAME,…", help="Columns to leave out.")] = "",
    separator: Annotated[str | None, typer.Option(help="What separates fields of text.")] = None,
    category_separator: Annotated[str, typer.Option(help="What separates categories in a text.")] = "|",
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Cut texts that are too long, instead of refusing the row.")
    ] = False,
    encoding: Annotated[str | None, typer.Option(help="The text's encoding, instead of a guess.")] = None,
    most_refused: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Stop if more rows are refused (default: INGEST_MOST_REFUSED)."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Show the first entries, and stop.")] = False,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Instead of KAFKA_BOOTSTRAP_SERVERS.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the final count as JSON.")] = False,
) -> None:
    """Put a file of items or users into the catalogue: id, title, categories; other columns are
    attributes."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = _settings(bootstrap_servers)
    with _errors_in_words(), closing(Engine(settings.ingest_memory_mb)) as engine:
        options = entry_options(
            kind=kind,
            columns=columns,
            without=without,
            separator=category_separator,
            shorten=shorten,
            encoding=encoding,
            field_separator=separator,
        )
        opened = CatalogFile.open(file, options, engine)
        for note in opened.notes():
            typer.echo(note, err=True)
        bound = settings.ingest_most_refused if most_refused is None else most_refused
        check_entries(opened, bound, lambda text: typer.echo(text, err=True))
        if check:
            return
        run = Ingest(opened, settings, Console(stderr=True))
        final = run.run()
    _print_result(final, run.counts.reasons, as_json)


def _settings(bootstrap_servers: str | None) -> IngestSettings:
    settings = IngestSettings()
    if bootstrap_servers is None:
        return settings
    return settings.model_copy(update={"kafka_bootstrap_servers": bootstrap_servers})


def _tell_and_ask(opened: Source, reading: TypedReading, settings: IngestSettings) -> None:
    """Show what the source holds. End the command if --check asks so, or if the source may not be sent."""
    for note in opened.notes():
        typer.echo(note, err=True)
    if reading.check:
        raise typer.Exit(_report_check(opened))
    if isinstance(opened, FileSource):
        get_consent(opened, typer.confirm if on_a_terminal() and not reading.yes else None)
        _keep_refused(opened, settings)


def _report_check(opened: Source) -> int:
    """The exit code of --check: whether an ingest would go through."""
    if not isinstance(opened, FileSource):
        return 0
    try:
        get_consent(opened, None)
    except TooMuchRefusedError as error:
        typer.echo(str(error), err=True)
        return REFUSED
    return 0


def _keep_refused(opened: FileSource, settings: IngestSettings) -> None:
    """Keep the refused rows for `headwater rejects`. If they cannot be written, the ingest goes on."""
    path = Path(settings.refused_rows_file)
    if not opened.examination.rows and not path.exists():
        return
    try:
        write_refused_rows(path, opened.examination.rows)
    except OSError as error:
        typer.echo(f"the refused rows cannot be kept in {path} (REFUSED_ROWS_FILE): {error}", err=True)


def _print_result(final: IngestProgress, reasons: list[str], as_json: bool) -> None:
    for reason in reasons:
        typer.echo(f"not delivered: {reason}", err=True)
    if as_json:
        typer.echo(final.encode())
    else:
        typer.echo(in_words(final))
    if final.failed:
        raise typer.Exit(FAILED)


@with_reading_options
def fetch(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")],
    to: Annotated[Path, typer.Option(help="The folder to unpack into.")] = Path("data/datasets"),
    base_url: Annotated[str | None, typer.Option(help=f"A mirror, instead of {BASE_URL_VARIABLE}.")] = None,
    reading: TypedReading = TypedReading(),  # noqa: B008 - each command has its options in its place
) -> None:
    """Download a MovieLens data set, verify it and unpack it; --check says how it would be read."""
    typer.echo(LICENCE, err=True)
    url = base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
    console = Console(stderr=True)
    bar = Progress(
        BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console, disable=not console.is_terminal
    )
    with bar:
        task = bar.add_task(name, total=None)
        try:
            folder = download(
                name, to, url, lambda done, total: bar.update(task, completed=done, total=total)
            )
        except DownloadError as error:
            bar.stop()
            _end(str(error), FAILED)
    if reading.check:
        _look_at(folder, reading)
    typer.echo(f"{folder}: {shlex.join(['headwater', 'ingest', str(folder), *reading.words()])}")


def _look_at(folder: Path, reading: TypedReading) -> None:
    """Print how a folder would be read."""
    settings = IngestSettings()
    try:
        source = open_source(folder, reading.options(settings.ingest_most_refused), settings.ingest_memory_mb)
    except SourceError as error:
        _end(str(error), USAGE)
    for note in source.notes():
        typer.echo(note, err=True)
    source.close()
