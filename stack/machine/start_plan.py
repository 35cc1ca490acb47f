"""How to start a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """A service's name, its command, and the variables that are added to its environment."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ends: bool = False  # it may end by itself with exit code 0, as a replay does
    may_fail: bool = False  # it may end with any exit code: its output is printed, and the run goes on
