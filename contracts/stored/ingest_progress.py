"""The file that `headwater ingest --progress-file` rewrites, and that the stack and a health check read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

FORMAT = 1  # files without a format were written before there was one, and are read as 1


@dataclass(frozen=True)
class IngestProgress:
    """The producer's counts so far; all zero before it has begun."""

    sent: int = 0  # events
    acknowledged: int = 0  # events
    failed: int = 0  # events and catalogue entries
    rejected_lines: int = 0
    catalog_sent: int = 0  # catalogue entries
    catalog_acknowledged: int = 0  # catalogue entries
    seconds: float = 0.0
    events_per_second: int = 0  # acknowledged
    done: bool = False  # whether the ingest has ended
    rejected_sample: tuple[str, ...] = ()  # the first rejected lines, each with its place and reason

    def encode(self) -> str:
        """One JSON object."""
        return json.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def decode(cls, text: str) -> IngestProgress:
        """Read a file's text; absent fields are zero, unknown ones are ignored. Raises ValueError."""
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise ValueError(f"no progress of an ingest: {text:.80}")
        known = {field.name: raw[field.name] for field in fields(cls) if field.name in raw}
        return cls(**{**known, "rejected_sample": tuple(known.get("rejected_sample", ()))})
