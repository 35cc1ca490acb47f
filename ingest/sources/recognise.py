"""Opens the source at a path: unpacks archives, searches folders, recognises files by their content."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ingest.files.columns import NONE, Columns, ColumnsUnknownError, resolve
from ingest.files.content import content_of, shown_name, unpack
from ingest.files.engine import Engine
from ingest.files.rejected_lines import NoTableError, SourceError
from ingest.files.tables import Table, table_of
from ingest.meaning.options import ReadingOptions
from ingest.meaning.rows import LoadedTable
from ingest.sources.gorse import GorseMetadata, gorse_export
from ingest.sources.metadata import Metadata, modified_ms
from ingest.sources.movielens import metadata_beside
from ingest.sources.recbole import atomic_metadata
from ingest.sources.source import FileSource

ACCEPTED = (
    "delimited text (CSV, TSV and others), JSON lines, a JSON array or Parquet, plain or packed (gzip, zstd, "
    "bzip2, xz, zip, tar); a folder or a pattern of such files; MovieLens, RecBole, Netflix, Jester and MIND"
)
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/")  # pathlib makes one slash of two
# Names of the file with the interactions; the files beside it are metadata, splits or other things.
_MOVIELENS = ("ratings.csv", "ratings.dat", "u.data")
_LEFT_ASIDE = (".md", ".pdf", ".html", ".py", ".sh", ".pl", ".crc", ".md5", ".png", ".jpg")
_NO_DATA = ("readme", "license", "licence", "allbut.pl", "mku.sh")


def open_source(path: Path, options: ReadingOptions, memory_mb: int | None = None) -> FileSource:
    """Open and read all of the source at ``path``. Raises SourceError with a sentence that says what to
    do."""
    engine = Engine() if memory_mb is None else Engine(memory_mb)
    try:
        return _read(path, options, engine)
    except SourceError as error:
        engine.close()
        raise type(error)(shown_name(str(error))) from error
    except BaseException:
        engine.close()
        raise


def _read(path: Path, options: ReadingOptions, engine: Engine) -> FileSource:
    files = _files(path, engine)
    if not files:
        raise SourceError(f"{path} holds no file that can be read: {ACCEPTED}")
    metadata: tuple[Metadata, ...] = ()
    if not options.columns:
        files, metadata = _known_data_set(files, engine)
        if any(isinstance(file, GorseMetadata) for file in metadata):
            # Gorse writes the value 0 for feedback without a value.
            options = replace(options, columns={"value": NONE})
    tables, notes = _tables(files, options, engine)
    return FileSource.read(engine, tables, options, metadata, notes)


def _files(path: Path, engine: Engine) -> list[Path]:
    if path.is_dir():
        return list(_in_folder(path))
    if path.is_file():
        folder = unpack(path, engine.folder)
        return [path] if folder is None else list(_in_folder(folder))
    matching = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    if not matching and _URL.match(str(path)):
        raise SourceError(f"{path} is not on this machine: copy it here first, by `aws s3 cp` or `curl -O`")
    if not matching:
        raise SourceError(f"{path} does not exist; a source is `synthetic`, or the path of {ACCEPTED}")
    return [file for found in matching for file in _files(found, engine)]


def _in_folder(folder: Path) -> Iterator[Path]:
    """The files below a folder, sorted by name, without hidden ones and without Spark's markers."""
    if (folder / "_delta_log").is_dir():
        raise SourceError(
            f"{folder} is a Delta table, whose files hold removed rows too: write its current rows as Parquet"
        )
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_dir():
            yield from _in_folder(entry)
        elif entry.suffix.lower() not in _LEFT_ASIDE and not entry.name.lower().startswith(_NO_DATA):
            yield entry


def _known_data_set(files: list[Path], engine: Engine) -> tuple[list[Path], tuple[Metadata, ...]]:
    """The interactions of MovieLens, RecBole or Gorse among the files, and the metadata beside them."""
    for name in _MOVIELENS:
        ratings = [file for file in files if file.name.lower().removesuffix(".gz") == name]
        if ratings:
            return ratings[:1], metadata_beside(ratings[0])
    if atomic := [file for file in files if file.suffix == ".inter"]:
        return atomic, atomic_metadata(atomic, engine)
    if export := gorse_export(files):
        return export
    return files, ()


def _tables(
    files: list[Path], options: ReadingOptions, engine: Engine
) -> tuple[list[LoadedTable], tuple[str, ...]]:
    """The tables that hold interactions, and a note on each other file. Raises SourceError if there is
    none."""
    tables: list[LoadedTable] = []
    notes: list[str] = []
    first_error: SourceError | None = None
    for file in files:
        try:
            table = _table(file, options, engine)
            columns = _columns(table, options)
        except ColumnsUnknownError as error:
            first_error = first_error or error
            notes.append(f"{file.name} is skipped: its columns name no user and item")
            continue
        except NoTableError as error:
            first_error = first_error or error
            notes.append(shown_name(f"skipped: {error}"))
            continue
        tables.append(LoadedTable(table, columns, modified_ms(file)))
    if not tables:
        raise first_error or SourceError(f"no file holds interactions: {ACCEPTED}")
    return tables, tuple(notes)


def _table(file: Path, options: ReadingOptions, engine: Engine) -> Table:
    content = content_of(file, engine.folder, options.encoding)
    told = [name for name in options.columns.values() if name != NONE]
    numbered = bool(told) and all(name.isdecimal() for name in told)
    return table_of(content, engine, numbered, options.separator)


def _columns(table: Table, options: ReadingOptions) -> Columns:
    places = [place for places in table.inner_places.values() for place in places]
    names = [name for name in table.names if name not in table.inner_places]
    return resolve(str(table.shown_path), [*names, *places], options.columns)
