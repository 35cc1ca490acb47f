"""docker-compose.yml, the Dockerfile and the rehearsal's script, as the tests read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Without comments, each instruction on one line.
DOCKERFILE = re.sub(r"^#.*\n|\\\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
REHEARSAL = (ROOT / "tests" / "compose" / "rehearsal.sh").read_text()
OURS = tuple(name for name, service in SERVICES.items() if "build" in service)


def stage(name: str) -> tuple[str, str]:
    """The image a stage of the Dockerfile begins with, and its instructions."""
    found = re.search(rf"^FROM (\S+) AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, f"no stage {name}"
    return found[1], found[2]
