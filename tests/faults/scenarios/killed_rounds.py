"""The trainer's own process killed within its rounds, while the API is asked."""

from __future__ import annotations

import time
from pathlib import Path

from contracts.stored.completeness import is_whole
from contracts.stored.manifest import Manifest
from tests.faults.processes import wait_until
from tests.faults.scenarios.rounds import Training, asking, assert_whole, running_training
from training.registry import local_models

# The phase, and how much of the time that it takes has passed.
_MOMENTS = (
    ("load", 0.5),
    ("measure", 0.5),
    ("fit", 0.5),
    ("publish", 0.1),
    ("publish", 0.5),
    ("publish", 0.9),
)
_POLL_SECONDS = 0.01


def trainer_killed(folder: Path) -> str:
    """It is killed in each phase of a round: no process of it lives on, the served version stays whole, none
    that was cut off can be served, and the round that follows publishes and deletes what was left."""
    with running_training(folder) as training:
        version = training.round()
        lists = {version: training.lists(version)}
        manifest = training.publisher.current_manifest()
        assert manifest is not None
        cut_off: set[str] = set()
        forks = 0
        with asking(training, version) as answers:
            for phase, share in _MOMENTS:
                training.append()
                number = training.publisher.request()
                forks += _kill_within(training, phase, share * manifest.timings[phase])
                cut_off |= _check(training, lists)
                training.start_trainer()  # it has the request still to answer
            version = training.finish(number)
            lists[version] = training.lists(version)
            wait_until(lambda: answers[-1].version == version, "the API serves it")
        assert_whole(answers, lists)
        left = _check(training, lists)
        assert left == set(), f"left by killed rounds: {left}"
        assert forks, "no round had divided its work among processes when it was killed"
        return (
            f"killed {len(_MOMENTS)} times with {forks} forks, none lived on; {len(cut_off)} versions "
            f"cut off; the round after them published; {len(answers):,} answers, each of a whole version"
        )


def _kill_within(training: Training, phase: str, seconds: float) -> int:
    wait_until(lambda: training.phase() == phase, f"the phase {phase}", every=_POLL_SECONDS)
    time.sleep(seconds)
    return training.kill_trainer()


def _check(training: Training, lists: dict[str, dict[str, list[str]]]) -> set[str]:
    """Check that the served version, and each that claims to be finished, is whole, in Redis and in its
    folder; returns those that do not claim it. A version that is new here joins ``lists``."""
    publisher, uri = training.publisher, training.env["MODELS_URI"]
    served = publisher.current_version()
    assert served is not None
    lists.setdefault(served, training.lists(served))  # a round that was killed after its publication
    assert training.lists(served) == lists[served]
    folders = {path.name for path in Path(uri).iterdir()}
    finished = {version: _manifest(training, version) for version in {*publisher.versions(), *folders}}
    assert finished[served] is not None
    for version, manifest in finished.items():
        if manifest is not None:
            assert is_whole(manifest, publisher.sizes(version)), version
            local_models.check(uri, version, manifest)
    return {version for version, manifest in finished.items() if manifest is None}


def _manifest(training: Training, version: str) -> Manifest | None:
    """What a version says of itself where anybody looks for it."""
    uri = training.env["MODELS_URI"]
    return training.publisher.manifest_of(version) or local_models.read_manifest(uri, version)
