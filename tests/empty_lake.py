"""The lake's empty tables. Spark needs seconds to make them, so it makes them once, and tests copy them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

EmptyLake = Callable[[str | Path], None]  # makes the tables in a folder
