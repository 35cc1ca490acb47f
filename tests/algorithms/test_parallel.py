from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from algorithms.parallel import begin, parallel_map, use_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="work is divided on Linux only")


def test_results_come_in_the_order_of_the_parts_though_a_later_part_is_done_first(tmp_path: Path) -> None:
    def work(part: int) -> int:
        if part == 0:
            _wait_for(tmp_path / "1")
        (tmp_path / str(part)).touch()
        return 10 * part

    with use_processes(2):
        assert list(parallel_map(work, range(3))) == [0, 10, 20]


def test_work_stays_in_this_process_unless_several_are_asked_for(tmp_path: Path) -> None:
    def wait_for_others(part: int) -> int:
        (tmp_path / str(part)).touch()
        _wait_for(tmp_path / str(1 - part))
        return os.getpid()

    assert set(parallel_map(lambda _: os.getpid(), range(3))) == {os.getpid()}
    assert begin(os.getpid)() == os.getpid()
    with use_processes(2):
        assert len(set(parallel_map(wait_for_others, range(2)))) == 2
        assert begin(os.getpid)() != os.getpid()
    with use_processes(0):
        assert set(parallel_map(lambda _: os.getpid(), range(3))) == {os.getpid()}


def test_work_of_a_process_is_not_divided_again() -> None:
    def processes_of(_: int) -> set[int]:
        return {os.getpid(), *parallel_map(lambda _: os.getpid(), range(3)), begin(os.getpid)()}

    with use_processes(2):
        assert [len(found) for found in parallel_map(processes_of, range(4))] == [1, 1, 1, 1]


def test_results_that_nobody_reads_yet_do_not_pile_up(tmp_path: Path) -> None:
    def work(part: int) -> bytes:
        (tmp_path / str(part)).touch()
        return bytes(2**20)

    with use_processes(2):
        results = parallel_map(work, range(100))
        next(results)
        time.sleep(0.1)
        results.close()
    assert len(list(tmp_path.iterdir())) <= 6


def test_work_that_was_begun_goes_on_beside_what_follows(tmp_path: Path) -> None:
    with use_processes(2):
        result = begin(lambda: (tmp_path / "begun").touch())
        _wait_for(tmp_path / "begun")
        assert result() is None


@pytest.mark.parametrize("processes", [1, 2])
def test_work_that_was_begun_is_done_once_however_often_it_is_asked_for(
    processes: int, tmp_path: Path
) -> None:
    def work() -> int:
        with (tmp_path / "log").open("a") as log:
            return log.write("done")

    with use_processes(processes):
        result = begin(work)
        assert (result(), result()) == (4, 4)
    assert (tmp_path / "log").read_text() == "done"


def test_work_that_nobody_asked_for_is_stopped_at_the_end_of_the_block() -> None:
    before = set(multiprocessing.active_children())
    with use_processes(2):
        begin(partial(time.sleep, 600))
        (child,) = set(multiprocessing.active_children()) - before
    assert not child.is_alive()


def test_arrays_come_back_as_they_are() -> None:
    numbers = np.random.default_rng(0).random((300, 40))
    with use_processes(2):
        first, second = parallel_map(lambda power: numbers**power, [1, 2])
    assert np.array_equal(first, numbers)
    assert np.array_equal(second, numbers**2)


def test_an_error_reaches_the_caller() -> None:
    with use_processes(2), pytest.raises(ZeroDivisionError):
        list(parallel_map(lambda part: 1 // part, [1, 0, 1]))


def test_a_killed_process_is_an_error_that_names_the_cure() -> None:
    def die(_: int) -> None:
        if os.getpid() == tests:
            time.sleep(0.2)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    tests = os.getpid()
    with use_processes(2), pytest.raises(RuntimeError, match=r"-9.*fewer processes"):
        list(parallel_map(die, range(3)))
    with use_processes(2), pytest.raises(RuntimeError, match="-9"):
        begin(lambda: die(0))()


def test_a_process_ends_with_the_map_that_began_it(tmp_path: Path) -> None:
    def work(part: int) -> None:
        if os.getpid() == tests and part > 0:
            _wait_for(tmp_path / "pid")
        elif part > 0:
            (tmp_path / "new").write_text(str(os.getpid()))
            (tmp_path / "new").rename(tmp_path / "pid")
            time.sleep(60)

    tests = os.getpid()
    with use_processes(2):
        results = parallel_map(work, range(3))
        next(results)
        _wait_for(tmp_path / "pid")
        results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_process_whose_parent_was_killed_before_it_began_computes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with use_processes(2), pytest.raises(RuntimeError, match="ended with 1"):
        begin((tmp_path / "computed").touch)()
    assert not (tmp_path / "computed").exists()


def _wait_for(file: Path) -> None:
    end = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < end, f"{file.name} was not written in 20 s"
        time.sleep(0.005)


def test_a_process_ends_with_one_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, time; from algorithms.parallel import begin, use_processes\n"
        f"note = pathlib.Path({str(tmp_path / 'pid')!r})\n"
        "def work(): note.with_suffix('.new').write_text(str(os.getpid())); "
        "note.with_suffix('.new').rename(note); time.sleep(600)\n"
        "with use_processes(2): begin(work)()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        _wait_for(tmp_path / "pid")
        parent.kill()
    child = Path("/proc", (tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists()


def test_connections_of_other_threads_stay_open() -> None:
    class Connection:
        """Shuts a socket down when its thread ends, as py4j's connections do."""

        def __init__(self, connected: socket.socket) -> None:
            self.socket = connected

        def __del__(self) -> None:
            self.socket.shutdown(socket.SHUT_RDWR)

    def keep_open() -> None:
        kept.connection = Connection(ours)
        is_connected.set()
        is_over.wait()

    kept, is_connected, is_over = threading.local(), threading.Event(), threading.Event()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=keep_open)
        thread.start()
        is_connected.wait()
        with use_processes(2):
            assert begin(os.getpid)() != os.getpid()
        ours.sendall(b"open")
        assert theirs.recv(4) == b"open"
        is_over.set()
        thread.join()
        assert theirs.recv(4) == b"", "in this process it is shut down with its thread"
