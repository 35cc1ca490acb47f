"""Before `up` and `demo` start anything, they print how the source will be read, and ask for consent."""

from __future__ import annotations

import glob
from pathlib import Path

import typer
from rich.console import Console

from contracts.settings import IngestSettings
from ingest.files.rejected_lines import SourceError
from ingest.meaning.command_line import TypedReading
from ingest.sources.consent import get_consent, on_a_terminal
from ingest.sources.recognise import open_source
from stack.machine.errors import StackError


def look_at(ratings: str, reading: TypedReading, console: Console) -> None:
    """Print how a source will be read, and get consent.

    Raises StackError where it cannot be read, where too much would be refused, and where the user says no.
    """
    if not Path(ratings).exists() and not glob.glob(ratings, recursive=True):
        raise StackError(f"No file or folder {ratings}: give --ratings one that exists")
    settings = IngestSettings()
    try:
        options = reading.options(settings.ingest_most_refused)
        source = open_source(Path(ratings), options, settings.ingest_memory_mb)
        try:
            for line in source.notes():
                console.print(line, highlight=False, markup=False, soft_wrap=True)
            is_asked = on_a_terminal() and not reading.yes and not reading.check
            get_consent(source, typer.confirm if is_asked else None)
        finally:
            source.close()
    except SourceError as error:
        raise StackError(str(error)) from error
