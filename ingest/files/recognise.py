"""From a path to a source: the shape is recognised by the files' names and their first lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ingest.files.mapped import SUFFIXES, mapped_file
from ingest.files.movielens import ratings_csv, ratings_dat, u_data
from ingest.files.recbole import atomic_files
from ingest.files.rejected_lines import SourceError
from ingest.files.source import FileSource
from ingest.files.text_lines import first_line, stem

ACCEPTED = (
    "MovieLens (ratings.csv, u.data or ratings.dat), RecBole (NAME.inter), "
    "CSV, TSV, JSON lines or Parquet with --columns user=...,item=..., or a folder of such files"
)


def _ratings_csv(path: Path) -> FileSource:
    """MovieLens' own, or another's file of that name with the usual column names."""
    names = first_line(path)
    if "userId" in names or "movieId" in names:
        return ratings_csv(path)
    return FileSource((mapped_file(path, {}),))


# file name (without .gz) -> how it is read; the first one that a folder holds decides
_MOVIELENS: tuple[tuple[str, Callable[[Path], FileSource]], ...] = (
    ("ratings.csv", _ratings_csv),
    ("ratings.dat", ratings_dat),
    ("u.data", u_data),
)


def open_source(path: Path, mapping: dict[str, str]) -> FileSource:
    """The source at ``path``. Raises SourceError with one sentence that names the accepted shapes."""
    if not path.exists():
        raise SourceError(f"{path} does not exist; a source is `synthetic`, or the path of {ACCEPTED}")
    found = _folder(path, mapping) if path.is_dir() else _file(path, mapping)
    if found is None:
        raise SourceError(f"{path} is none of the shapes that can be read: {ACCEPTED}")
    return found


def _folder(folder: Path, mapping: dict[str, str]) -> FileSource | None:
    files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    if not mapping:
        for name, read in _MOVIELENS:
            for file in files:
                if stem(file) == name:
                    return read(file)
        if atomic := [file for file in files if file.suffix == ".inter"]:
            return atomic_files(atomic)
    if tables := [file for file in files if stem(file).endswith(SUFFIXES)]:
        return FileSource(tuple(mapped_file(file, mapping) for file in tables))
    inner = [entry for entry in folder.iterdir() if entry.is_dir()]
    # An unpacked archive is often a folder in a folder.
    return _folder(inner[0], mapping) if len(inner) == 1 and not files else None


def _file(path: Path, mapping: dict[str, str]) -> FileSource | None:
    name = stem(path)
    if not mapping:
        for known, read in _MOVIELENS:
            if name == known:
                return read(path)
        if name.endswith(".inter"):
            return atomic_files([path])
        if name.endswith((".data", ".base", ".test")):
            return u_data(path)
        if name.endswith(".dat"):
            return ratings_dat(path)
    if mapping or name.endswith(SUFFIXES):
        return FileSource((mapped_file(path, mapping),))
    return None
