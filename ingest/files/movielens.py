"""MovieLens in its three shapes: ratings.csv (latest, 20M, 32M), u.data (100K), ratings.dat (1M, 10M)."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from contracts.catalog import PUBLISHED_AT
from ingest.files.interaction_files import Columns, DelimitedFile
from ingest.files.rejected_lines import SourceError
from ingest.files.source import Description, FileSource, MetadataFile
from ingest.files.text_lines import first_line

_LATIN = "latin-1"
_RATINGS_HEADER = "userId,movieId,rating,timestamp"
_RATING = Columns(user=0, item=1, value=2, time=3)
_YEAR = re.compile(r"\((\d{4})\)\s*$")
_NO_GENRES = "(no genres listed)"
# The flags at the end of a u.item line, in their order (u.genre of the data set).
_GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller",
    "War", "Western",
)  # fmt: skip
# Ages and occupations of ml-1m are codes (README of the data set).
_AGES_1M = {
    "1": "under 18",
    "18": "18-24",
    "25": "25-34",
    "35": "35-44",
    "45": "45-49",
    "50": "50-55",
    "56": "56+",
}
_OCCUPATIONS_1M = (
    "other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service",
    "doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer",
    "programmer", "retired", "sales/marketing", "scientist", "self-employed", "technician/engineer",
    "tradesman/craftsman", "unemployed", "writer",
)  # fmt: skip


def _genres(text: str) -> tuple[str, ...]:
    return () if text == _NO_GENRES else tuple(text.split("|"))


def _movie(fields: list[str]) -> Description:
    return Description(fields[0], fields[1], _genres(fields[2]), _of_year(fields[1]))


def _of_year(title: str) -> tuple[tuple[str, str], ...]:
    """The year at the end of a title as the moment of publication: all there is."""
    found = _YEAR.search(title)
    return ((PUBLISHED_AT, f"{found[1]}-01-01"),) if found else ()


def _of_day(text: str) -> tuple[tuple[str, str], ...]:
    try:
        return ((PUBLISHED_AT, datetime.strptime(text, "%d-%b-%Y").date().isoformat()),)
    except ValueError:
        return ()


def _movie_100k(fields: list[str]) -> Description:
    flags = zip(_GENRES_100K, fields[5:], strict=True)
    genres = tuple(name for name, flag in flags if flag == "1" and name != "unknown")
    return Description(fields[0], fields[1], genres, (("release_date", fields[2]), *_of_day(fields[2])))


def _user_100k(fields: list[str]) -> Description:
    names = ("age", "gender", "occupation", "zip_code")
    return Description(fields[0], attributes=tuple(zip(names, fields[1:], strict=True)))


def _user_1m(fields: list[str]) -> Description:
    user, gender, age, occupation, zip_code = fields
    known = occupation.isdecimal() and int(occupation) < len(_OCCUPATIONS_1M)
    attributes = (
        ("age", _AGES_1M.get(age, age)),
        ("gender", gender),
        ("occupation", _OCCUPATIONS_1M[int(occupation)] if known else occupation),
        ("zip_code", zip_code),
    )
    return Description(user, attributes=attributes)


def _present(*candidates: MetadataFile) -> tuple[MetadataFile, ...]:
    return tuple(file for file in candidates if file.path.is_file())


def ratings_csv(path: Path) -> FileSource:
    """``ratings.csv`` with ``movies.csv`` beside it. Raises SourceError naming a missing column."""
    names = first_line(path).split(",")
    missing = [name for name in _RATINGS_HEADER.split(",") if name not in names]
    if missing:
        raise SourceError(
            f"{path} has no column {missing[0]!r} (a MovieLens file starts with {_RATINGS_HEADER}); "
            "--columns user=...,item=...,value=...,time=... names the columns of another file"
        )
    user, item, value, time = (names.index(name) for name in _RATINGS_HEADER.split(","))
    file = DelimitedFile(path, ",", Columns(user, item, value, time), len(names), header=True)
    movies = [
        MetadataFile(path.with_name(f"movies.csv{end}"), "item", ",", 3, _movie, True) for end in ("", ".gz")
    ]
    return FileSource((file,), _present(*movies))


def u_data(path: Path) -> FileSource:
    """``u.data`` (or a split such as ``u1.base``) with ``u.item`` and ``u.user`` beside it."""
    _expect_four(path, "\t")
    file = DelimitedFile(path, "\t", _RATING, 4, header=False, encoding=_LATIN)
    width = 5 + len(_GENRES_100K)
    items = MetadataFile(path.with_name("u.item"), "item", "|", width, _movie_100k, False, _LATIN)
    users = MetadataFile(path.with_name("u.user"), "user", "|", 5, _user_100k, False, _LATIN)
    return FileSource((file,), _present(items, users))


def ratings_dat(path: Path) -> FileSource:
    """``ratings.dat`` with ``movies.dat`` and ``users.dat`` beside it."""
    _expect_four(path, "::")
    file = DelimitedFile(path, "::", _RATING, 4, header=False, encoding=_LATIN)
    items = MetadataFile(path.with_name("movies.dat"), "item", "::", 3, _movie, False, _LATIN)
    users = MetadataFile(path.with_name("users.dat"), "user", "::", 5, _user_1m, False, _LATIN)
    return FileSource((file,), _present(items, users))


def _expect_four(path: Path, separator: str) -> None:
    line = first_line(path, _LATIN)
    if len(line.split(separator)) != 4:
        raise SourceError(
            f"{path} has {len(line.split(separator))} columns in its first line; its shape wants four: "
            f"user, item, rating and time with {separator!r} between them"
        )
