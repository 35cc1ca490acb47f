"""`headwater demo --once`: replays a source, trains on all of it, serves that model, tells what happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from clients.topic_admin import topic_ends
from contracts.stored import keyspace
from contracts.stored.manifest import Manifest
from contracts.topics import lag
from stack.demo.story import tell
from stack.demo.summary import Summary, seconds_line, summarise, with_seconds
from stack.machine.errors import StackError
from stack.processes.progress_file import read_progress
from stack.run.launch import Run, running_stack
from stack.run.services import Options
from stack.status import api_client
from stack.status.redis_state import redis_state

# Long enough for the first batch on a slow machine. A query that makes progress has no time limit.
_STALL_SECONDS = 600.0
_LONGEST_TRAINING_STEP_SECONDS = 4 * 3600.0
_SERVE_SECONDS = 60.0
_LOOK_SECONDS = 0.25


def run_once(options: Options, json_file: Path | None, with_story: bool, console: Console) -> Summary:
    """Run the demo to its end. Raises StackError with what failed, or StopRequested."""
    if json_file and not json_file.absolute().parent.is_dir():
        raise StackError(f"The folder of {json_file} does not exist: make it, or give --json another file")
    with running_stack(options, console) as run:
        with run.phases("replay", "Replaying the source"):
            _wait_for_replay(run)
        with run.phases("applied", "Waiting for the lake and Redis to have everything"):
            _wait_until_applied(run)
        with run.phases("training", "Training on everything"):
            model = train(run)
        with run.phases("serving", f"Waiting for the API to serve model {model.version}"):
            _wait_until_served(run, model.version)
        with run.phases("counts", "Counting in the lake, Redis and the dead-letter topic"):
            summary = with_seconds(summarise(run, model), run)
        if json_file:
            summary.write(json_file)
        if with_story:
            with run.phases("story", "One user's story"):
                tell(run)
        summary = with_seconds(summary, run)  # now with the seconds of the later steps
        if json_file:
            summary.write(json_file)
        run.phases.say(seconds_line(summary))
    return summary


def _wait_for_replay(run: Run) -> None:
    while not run.supervisor.has_ended_well("ingest"):
        progress = read_progress(run.folders.progress)
        run.phases.detail(f"{progress.sent:,} sent, {progress.acknowledged:,} acknowledged")
        run.supervisor.pause(_LOOK_SECONDS)
    progress = read_progress(run.folders.progress)
    if progress.acknowledged == 0:
        raise StackError("The source held no acceptable event: see the producer's log in the data folder")


def _wait_until_applied(run: Run) -> None:
    ends = topic_ends(run.ports.bootstrap)
    with redis_state(run.ports.redis_url) as redis:

        def behind() -> int:
            lags = [
                lag(ends, redis.applied_offsets(key))
                for key in (keyspace.APPLIED_LAKE, keyspace.APPLIED_ONLINE)
            ]
            run.phases.detail("{:,} still to come into the lake, {:,} into Redis".format(*lags))
            return sum(lags)

        _until_zero(run, "the streaming queries", behind)


def _until_zero(run: Run, who: str, measure: Callable[[], int]) -> None:
    last, moved = measure(), time.monotonic()
    while last:
        run.supervisor.pause(_LOOK_SECONDS)
        now = measure()
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > _STALL_SECONDS:
            raise StackError(
                f"{who} made no progress for {_STALL_SECONDS:g} s; the logs are in {run.folders.logs}"
            )


def train(run: Run) -> Manifest:
    """Train on everything in the lake; the model's manifest. Raises StackError where there is none."""
    with redis_state(run.ports.redis_url) as redis:
        number, status = redis.request_training(), redis.training_status()
        moved = time.monotonic()
        while not status.has_served(number):
            run.phases.detail(status.phase or "the trainer starts")
            run.supervisor.pause(_LOOK_SECONDS)
            before, status = status, redis.training_status()
            if status != before:
                moved = time.monotonic()
            elif time.monotonic() - moved > _LONGEST_TRAINING_STEP_SECONDS:
                log = run.folders.logs / "training.log"
                raise StackError(f"The trainer made no progress; its log is {log}")
        model = redis.model()
    # Where the gate refuses a candidate, the earlier model is still served.
    if status.outcome not in ("published", "refused_by_gate") or model is None:
        reason = status.reason or status.outcome or "no outcome"
        tail = run.supervisor.log_tail("training")
        raise StackError(
            f"No model was published ({reason}); the end of {run.folders.logs / 'training.log'}:\n{tail}"
        )
    return model


def _wait_until_served(run: Run, version: str) -> None:
    def serves() -> bool:
        return bool(
            api_client.recommendations(run.ports.api_url, "1", 1, exposure=False)["model_version"] == version
        )

    run.supervisor.wait_until(f"the API to serve model {version}", serves, _SERVE_SECONDS)
