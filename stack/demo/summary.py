"""The summary of a `--once` run: how much was sent, how much arrived where, how long each step took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from clients.rejected_reader import read_rejected
from contracts.stored.manifest import Manifest
from stack.machine.install import read_seconds
from stack.processes.progress_file import read_progress
from stack.run.launch import Run
from stack.status.redis_state import redis_state
from stack.verify.lake_count import count_lake


@dataclass(frozen=True)
class Summary:
    """The summary; its fields are the keys of the JSON file."""

    sent: int
    acknowledged: int
    rejected_lines: int  # in the source file
    rejected_events: int  # in the dead-letter topic
    lake_rows: int
    lake_distinct_events: int
    redis_raters: int  # summed over items
    users: int
    items: int
    model_version: str
    metrics: dict[str, float | None]
    seconds: dict[str, float] = field(default_factory=dict)
    installation_seconds: dict[str, float] = field(default_factory=dict)  # of the installation; {}: unknown
    rejected_sample: list[str] = field(default_factory=list)  # the first refused lines of the source

    def encode(self) -> str:
        """The summary as indented JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def decode(cls, text: str) -> Summary:
        """The summary from its JSON. Raises ValueError or TypeError where the text is no summary."""
        return cls(**json.loads(text))

    def write(self, path: Path) -> None:
        """Write the summary as JSON."""
        path.write_text(self.encode())


def summarise(run: Run, model: Manifest) -> Summary:
    """Count in the lake, in Redis and in the dead-letter topic; the services' counters are not used."""
    progress = read_progress(run.folders.progress)
    lake = count_lake(run.folders.lake)
    with redis_state(run.ports.redis_url) as redis:
        raters = redis.raters()
    return Summary(
        sent=progress.sent,
        acknowledged=progress.acknowledged,
        rejected_lines=progress.rejected_lines,
        rejected_events=rejected_events(run.ports.bootstrap),
        lake_rows=lake.rows,
        lake_distinct_events=lake.distinct_events,
        redis_raters=raters,
        users=lake.users,
        items=lake.items,
        model_version=model.version,
        metrics=dict(model.metrics),
        rejected_sample=list(progress.rejected_sample),
    )


def with_seconds(summary: Summary, run: Run) -> Summary:
    """The summary with the seconds of the steps that have ended, and of the run until now."""
    seconds = {**run.phases.seconds, "total": run.phases.total()}
    return replace(summary, seconds=seconds, installation_seconds=read_seconds())


def seconds_line(summary: Summary) -> str:
    """How long each step took, as sentences."""
    seconds, installation = dict(summary.seconds), summary.installation_seconds
    total = seconds.pop("total")
    text = f"This run took {total:.0f} s: {_in_words(seconds)}"
    if installation:
        text += f"\nThe installation had taken {sum(installation.values()):.0f} s: {_in_words(installation)}"
    return text


def _in_words(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {spent:.1f}" for name, spent in seconds.items())


def rejected_events(bootstrap: str) -> int:
    """The number of rejected events; an event that a repeated batch wrote twice counts once."""
    return len({(e.source_topic, e.source_partition, e.source_offset) for e in read_rejected(bootstrap)})
