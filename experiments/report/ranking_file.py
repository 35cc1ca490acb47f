"""Reads another ranking from a file: which item or arm it would show, for everybody or for each user."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

EVERYBODY = ""
Weights = Mapping[str, Mapping[str, float]]  # user (or EVERYBODY) -> item or arm -> weight


class RankingFileError(Exception):
    """A file is not a ranking; the message says what one is."""


def read_ranking(file: Path, column: str = "item_id") -> Weights:
    """A CSV file with a column of names and a weight, and user_id where it is a ranking for each user.

    Raises RankingFileError.
    """
    found: dict[str, dict[str, float]] = defaultdict(dict)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines)
            if not {column, "weight"} <= set(table.fieldnames or ()):
                raise RankingFileError(f"{file} needs the columns {column} and weight; user_id is optional")
            for number, line in enumerate(table, 2):
                weight = float(line["weight"])
                if not 0 <= weight < math.inf:
                    raise RankingFileError(f"{file}, line {number}: a weight is a number from 0 on")
                user = line.get("user_id") or EVERYBODY
                found[user][line[column]] = found[user].get(line[column], 0.0) + weight
    except (OSError, ValueError, TypeError) as error:
        raise RankingFileError(f"{file} cannot be read as CSV: {error}") from error
    if EVERYBODY in found and len(found) > 1:
        raise RankingFileError(f"{file}: either every line has a user_id or none")
    if not found:
        raise RankingFileError(f"{file} has no line")
    return dict(found)
