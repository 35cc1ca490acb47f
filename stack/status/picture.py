"""The status of a run: how much was sent, how far the queries are, which model is served."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from clients.event_producer import ProducerError
from clients.topic_admin import topic_ends, topic_ids
from contracts.exposures import Loss
from contracts.live_figures import LiveFigures
from contracts.redis_memory import Fault
from contracts.settings import RedisSettings
from contracts.stored import keyspace
from contracts.stored.ingest_progress import IngestProgress
from contracts.stored.manifest import Manifest, ManifestError
from contracts.stored.statuses import TrainingStatus
from contracts.topics import TopicIds, created_again, events_in, lag, without_topics
from stack.processes import leftovers
from stack.processes.identity import running
from stack.processes.progress_file import read_progress
from stack.processes.run_state import Folders, Ports, RunState
from stack.status.api_client import answers
from stack.status.redis_state import RedisUnavailableError, redis_state

_KAFKA_SECONDS = 2.0
_SHOWN_COUNTS = ("sent", "acknowledged", "failed", "rejected_lines", "rejected_sample", "done")


@dataclass(frozen=True)
class StackStatus:
    """The status. Counts are events; a count is None where the server that has it did not answer."""

    data_dir: str
    running: bool
    phase: str = "stopped"
    uptime_seconds: float | None = None
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    ingest: IngestProgress = field(default_factory=IngestProgress)
    events: int | None = None  # in the topic
    in_lake: int | None = None  # applied by the lake query
    lag_lake: int | None = None
    lag_online: int | None = None
    model: Manifest | None = None
    model_error: str | None = None  # why the served model's manifest cannot be read
    training: TrainingStatus = field(default_factory=TrainingStatus)
    api_ready: bool = False
    trouble: str | None = None  # why answers are stale, or soon may be
    lost_exposures: Loss | None = None  # of API processes that were killed
    live: LiveFigures | None = None  # how well lists held what users liked, since yesterday

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        found = asdict(self)
        return found | {
            "ingest": {name: found["ingest"][name] for name in _SHOWN_COUNTS},
            "model": self.model.to_dict() if self.model else None,
            "training": self.training.encode(),
            "live": live_dict(self.live),
            "lost_exposures": self.lost_exposures._asdict() if self.lost_exposures else None,
        }


def collect(folders: Folders) -> StackStatus:
    """The status now. A server that does not answer costs its short timeout and no more."""
    state = RunState.read(folders)
    if state is None:
        return StackStatus(str(folders.data), running=False, services=_services(folders))
    return StackStatus(
        str(folders.data),
        running=True,
        phase=state.phase,
        uptime_seconds=round(time.time() - state.started_at, 1),
        services=_services(folders),
        addresses={
            "api": state.ports.api_url,
            "kafka": state.ports.bootstrap,
            "redis": state.ports.redis_url,
        },
        ingest=read_progress(folders.progress),
        api_ready=answers(f"{state.ports.api_url}/readyz"),
        **figures(state.ports),
    )


def figures(ports: Ports) -> dict[str, Any]:
    """The fields that come from Kafka and Redis."""
    found: dict[str, Any] = {}
    ends: dict[str, int] | None = None
    ids: TopicIds = {}
    try:
        ends = topic_ends(ports.bootstrap, _KAFKA_SECONDS)
        ids = topic_ids(ports.bootstrap, timeout=_KAFKA_SECONDS)
        found["events"] = events_in(ends)
    except ProducerError:
        found["events"] = None
    try:
        with redis_state(ports.redis_url) as redis:
            again = created_again(redis.topic_ids(), ids)  # offsets of an earlier topic say nothing
            lake, online = (
                without_topics(again, redis.applied_offsets(key))
                for key in (keyspace.APPLIED_LAKE, keyspace.APPLIED_ONLINE)
            )
            found |= {
                "in_lake": events_in(lake),
                "training": redis.training_status(),
                "trouble": _words(redis.trouble(is_without_events=found["events"] == 0)),
                "lost_exposures": redis.lost_exposures(),
            }
            found["live"] = redis.live(RedisSettings().redis_shards, time.time_ns() // 1_000_000)
            try:
                found["model"] = redis.model()
            except ManifestError as error:
                found["model_error"] = str(error)
    except RedisUnavailableError as error:
        return found | {"trouble": f"Redis does not answer, so answers are stale: {error}"}
    if ends is not None:
        found |= {"lag_lake": lag(ends, lake), "lag_online": lag(ends, online)}
    return found


def _words(fault: Fault | None) -> str | None:
    return None if fault is None else str(fault)


def live_dict(live: LiveFigures | None) -> dict[str, Any] | None:
    """The figures for --json: by list, with the number of events; None where there are none."""
    if live is None or not live.served_lists.events:
        return None
    lists = {"served": live.served_lists, **live.beside}
    return {"events": live.served_lists.events} | {
        name: {"hit_rate": sums.hit_rate, "ndcg": sums.ndcg, "mrr": sums.mrr} for name, sums in lists.items()
    }


def _services(folders: Folders) -> dict[str, dict[str, Any]]:
    return {
        record.name: {"pid": record.process.pid, "running": running(record.process) is not None}
        for record in leftovers.records(folders.run)
    }
