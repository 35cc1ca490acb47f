"""How to start a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """A service's name, command and what its environment has beyond ours."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ends: bool = False  # it may end by itself with exit code 0: a replay does
    may_fail: bool = False  # it may end by itself in any way: what it wrote is said, and the run goes on
