from __future__ import annotations

import os
import signal
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from contracts.exit_codes import NEEDS_OPERATOR
from stack.machine.errors import ServiceDiedError, StackError
from stack.machine.start_plan import Plan
from stack.processes.process import ServiceProcess
from stack.processes.run_state import Folders
from stack.run import supervisor as supervisor_module
from stack.run.supervisor import StopRequested, Supervisor, backoff


def _supervisor(tmp_path: Path, said: list[str], strict: bool) -> Supervisor:
    return Supervisor(Folders(tmp_path), os.environ, strict, said.append)


def _python(name: str, code: str, ends: bool = False) -> Plan:
    return Plan(name, (sys.executable, "-c", code), ends=ends)


@pytest.mark.slow
def test_a_dead_service_is_restarted_and_the_reason_is_shown(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = _supervisor(tmp_path, said, strict=False)
    once = tmp_path / "died"
    code = (
        f"import os, time; os.path.exists({str(once)!r}) and time.sleep(60)\n"
        f"open({str(once)!r}, 'w'); os._exit(3)"
    )
    with supervisor.until_stopped():
        supervisor.start(_python("service", code))
        supervisor.wait_until("the restart", lambda: len(list((tmp_path / "run").glob("*.json"))) == 0, 10)
        supervisor.wait_until("the service", lambda: (tmp_path / "run" / "service.json").exists(), 10)
        supervisor.pause(0.3)
    assert len(said) == 1
    assert "exit code 3" in said[0]
    assert "again in 1 s" in said[0]


def test_in_strict_mode_a_dead_service_ends_the_run(tmp_path: Path) -> None:
    supervisor = _supervisor(tmp_path, [], strict=True)
    with supervisor.until_stopped():
        supervisor.start(_python("service", "raise SystemExit(3)"))
        with pytest.raises(ServiceDiedError, match="exit code 3"):
            supervisor.pause(60)


def test_a_replay_may_end_successfully_but_not_with_an_error(tmp_path: Path) -> None:
    supervisor = _supervisor(tmp_path, [], strict=False)
    with supervisor.until_stopped():
        supervisor.start(_python("replay", "pass", ends=True))
        supervisor.wait_until("the replay", lambda: supervisor.has_ended_well("replay"), 60)
    with supervisor.until_stopped():
        supervisor.start(_python("replay", "raise SystemExit(1)", ends=True))
        with pytest.raises(ServiceDiedError):
            supervisor.pause(60)


@pytest.mark.parametrize(
    ("end", "words"), [("", "look:"), ("raise SystemExit(3)", "Everything else goes on")]
)
def test_a_service_that_may_fail_can_end_in_any_way_and_be_started_again(
    tmp_path: Path, end: str, words: str
) -> None:
    said: list[str] = []
    supervisor = _supervisor(tmp_path, said, strict=True)
    plan = Plan("look", (sys.executable, "-c", f"print('what it found', flush=True)\n{end}"), may_fail=True)
    with supervisor.until_stopped():
        for times in (1, 2):
            supervisor.start(plan)
            assert supervisor.runs("look")
            supervisor.wait_until("its end", lambda: not supervisor.runs("look"), 60)
            assert len(said) == times
        assert list((tmp_path / "run").glob("*.json")) == []
    assert all(words in each and "what it found" in each for each in said)


@pytest.mark.slow
def test_a_service_that_needs_the_operator_is_restarted_until_it_runs_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_OPERATOR_SECONDS", 0.05)
    said: list[str] = []
    supervisor = _supervisor(tmp_path, said, strict=False)
    tries, repaired = tmp_path / "tries", tmp_path / "repaired"
    code = (
        f"import os, sys, time; os.path.exists({str(repaired)!r}) and time.sleep(60)\n"
        f"open({str(tries)!r}, 'a').write('x'); print('run the repair', flush=True)\n"
        f"sys.exit({NEEDS_OPERATOR})"
    )
    with supervisor.until_stopped():
        supervisor.start(_python("service", code))
        # More deaths than the supervisor restarts after.
        supervisor.wait_until("tries", lambda: tries.exists() and len(tries.read_text()) > 8, 30)
        repaired.touch()
        supervisor.pause(0.5)
        assert (tmp_path / "run" / "service.json").exists()
    assert len(said) == 1
    assert "run the repair" in said[0]
    assert "service waits for you" in said[0]


def test_pauses_between_restarts_grow_up_to_a_bound() -> None:
    assert [backoff(n) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_signal_ends_the_next_pause_and_stops_everything(tmp_path: Path) -> None:
    supervisor = _supervisor(tmp_path, [], strict=True)
    with supervisor.until_stopped():
        supervisor.start(Plan("service", ("sleep", "600")))
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            supervisor.pause(60)
    assert not list((tmp_path / "run").glob("*.json"))


def test_a_wait_beyond_its_limit_is_an_error_that_names_what_was_awaited(tmp_path: Path) -> None:
    supervisor = _supervisor(tmp_path, [], strict=True)
    with pytest.raises(StackError, match=r"Waited 0\.2 s for Godot"):
        supervisor.wait_until("Godot", lambda: False, 0.2)


def test_the_process_table_is_walked_less_often_while_nothing_new_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    walks: list[float] = []

    def note(process: ServiceProcess) -> bool:
        walks.append(now[0])
        return len(walks) in (1, 6)  # these two find a new worker

    supervisor = _supervisor(tmp_path, [], strict=False)
    with supervisor.until_stopped():
        supervisor.start(_python("service", "import time; time.sleep(600)"))
        with monkeypatch.context() as patch:
            patch.setattr("stack.run.supervisor.time.monotonic", lambda: now[0])
            patch.setattr(ServiceProcess, "note_descendants", note)
            for _ in range(100):
                now[0] += 1.0
                supervisor.watch()
    pauses = [round(after - before) for before, after in pairwise(walks)]
    assert pauses[:8] == [2, 4, 8, 16, 16, 2, 4, 8]
