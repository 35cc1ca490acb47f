"""Work that is divided among processes, where that was asked for.

Threads would hold each other up: most of the work are many small calls of numpy, and between any two of them
a thread needs Python's lock. A process that is forked has all arrays at hand without a copy, and sends back
its result.

Only what is called within `use_processes` is divided, so that services that answer requests or events stay on
the cores that they were given. How the work is cut never depends on the number of processes, and results come
in the order of the parts: with any number of processes they are the same, bit by bit.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")

_PROCESSES: ContextVar[int] = ContextVar("processes", default=1)


@contextmanager
def use_processes(count: int) -> Iterator[None]:
    """Let work be divided among up to this number of processes within the block; only Linux forks safely."""
    before = _PROCESSES.set(max(1, count) if sys.platform == "linux" else 1)
    try:
        yield
    finally:
        _PROCESSES.reset(before)


def parallel_map(work: Callable[[Part], Result], parts: Iterable[Part]) -> Generator[Result, None, None]:
    """The result of each part, in the order of the parts.

    Parts are begun a little ahead of the one that is read, so that results do not fill the memory. What the
    work changes in place is lost. Raises what the work raises, and RuntimeError where a process was killed.
    """
    most, waiting = _PROCESSES.get(), list(parts)
    if most == 1 or len(waiting) == 1:
        yield from map(work, waiting)
        return
    children, running, finished = list[_Child[Result]](), dict[int, _Child[Result]](), dict[int, Result]()
    try:
        for place in range(len(waiting)):
            while place not in finished:
                while len(running) < most and len(children) < min(len(waiting), place + 2 * most):
                    running[len(children)] = child = _Child.start(work, waiting[len(children)])
                    children.append(child)
                ready = wait([child.connection for child in running.values()])
                for each in [each for each, child in running.items() if child.connection in ready]:
                    finished[each] = running.pop(each).receive()
            yield finished.pop(place)
    finally:
        for child in children:  # at the end, since a process with much memory takes a while to end
            child.stop()


def begin(work: Callable[[], Result]) -> Callable[[], Result]:
    """Begin some work beside what follows. Returns a function that waits for the result, to be called once.

    With one process the work is done when the result is asked for.
    """
    if _PROCESSES.get() == 1:
        return work
    child = _Child.start(lambda _: work(), None)

    def result() -> Result:
        try:
            return child.receive()
        finally:
            child.stop()

    return result


@dataclass(frozen=True)
class _Child(Generic[Result]):
    """A forked process, which ends with this one."""

    process: BaseProcess
    connection: Connection

    @staticmethod
    def start(work: Callable[[Part], Result], part: Part) -> _Child[Result]:
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=_compute, args=(work, part, sender), daemon=True
        )
        with warnings.catch_warnings():
            # Other threads of this process may hold locks, but the work takes none that they hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        sender.close()
        return _Child(process, receiver)

    def receive(self) -> Result:
        try:
            is_done, found = self.connection.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(
                f"a process that computed a part of the work ended with {self.process.exitcode}: is memory "
                "short? Give the trainer more, or set SPARK_MASTER=local[1]: it then needs no such process"
            ) from None
        if not is_done:
            raise found
        computed: Result = found
        return computed

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _compute(work: Callable[[Any], Any], part: Any, connection: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it as well, and stops this process
    gc.disable()  # objects of the parent must not be finalised here, as they would talk to its JVM
    _PROCESSES.set(1)
    try:
        found = True, work(part)
    except Exception as error:
        found = False, error
    connection.send(found)
    connection.close()
