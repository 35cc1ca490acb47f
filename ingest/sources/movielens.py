"""Reads MovieLens in its three formats: ratings.csv (latest, 20M, 32M), u.data (100K), ratings.dat (1M,
10M)."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from contracts.catalog import PUBLISHED_AT
from ingest.sources.metadata import Description, MetadataFile

_LATIN = "latin-1"
_YEAR = re.compile(r"\((\d{4})\)\s*$")
_NO_GENRES = "(no genres listed)"
# The genres that the flags at the end of a u.item line stand for, in order (u.genre of the data set).
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


def describe_movie(fields: list[str]) -> Description:
    """A line of movies.csv: id, title with the year, genres."""
    return Description(fields[0], fields[1], _genres(fields[2]), _of_year(fields[1]))


def _of_year(title: str) -> tuple[tuple[str, str], ...]:
    """The publication time from the year at the end of a title: MovieLens has nothing more precise."""
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


def metadata_beside(ratings: Path) -> tuple[MetadataFile, ...]:
    """The files of movies and users that lie beside MovieLens' ``ratings``."""
    folder, width = ratings.parent, 5 + len(_GENRES_100K)
    known = {
        "ratings.csv": (
            MetadataFile(folder / "movies.csv", "item", ",", 3, describe_movie, True),
            MetadataFile(folder / "movies.csv.gz", "item", ",", 3, describe_movie, True),
        ),
        "u.data": (
            MetadataFile(folder / "u.item", "item", "|", width, _movie_100k, False, _LATIN, quote=""),
            MetadataFile(folder / "u.user", "user", "|", 5, _user_100k, False, _LATIN, quote=""),
        ),
        "ratings.dat": (
            MetadataFile(folder / "movies.dat", "item", "::", 3, describe_movie, False, quote=""),
            MetadataFile(folder / "users.dat", "user", "::", 5, _user_1m, False, quote=""),
        ),
    }
    name = ratings.name.lower().removesuffix(".gz")
    return tuple(file for file in known.get(name, ()) if file.path.is_file())
