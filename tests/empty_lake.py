"""The lake's empty tables, made by Spark once a run and copied from then on: six of them take seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

EmptyLake = Callable[[str | Path], None]  # makes the tables in a folder
