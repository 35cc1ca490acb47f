"""The folder for what the project fetches once: jars, a private Java."""

from __future__ import annotations

import os
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2]


def cache_dir() -> Path:
    """HEADWATER_CACHE, else .cache in the source tree, else (installed as a package) the user's cache."""
    chosen = os.environ.get("HEADWATER_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    if (_SOURCE / "pyproject.toml").is_file():
        return _SOURCE / ".cache"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "headwater"
