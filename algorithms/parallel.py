"""Work that is divided among processes, where that was asked for.

Threads would hold each other up: most of the work are many small calls of numpy, and between any two of them
a thread needs Python's lock. A process that is forked has all arrays at hand without a copy, and sends back
its result.

Only what is called within `use_processes` is divided, so that services that answer requests or events stay on
the cores that they were given. How the work is cut never depends on the number of processes, and results come
in the order of the parts: with any number of processes they are the same, bit by bit.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import socket
import struct
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_MOST_PARTS = 2**14  # a pipe holds 64 KiB
_PROCESSES: ContextVar[int] = ContextVar("processes", default=1)
_BEGUN: ContextVar[list[_Child]] = ContextVar("begun")


@contextmanager
def use_processes(count: int) -> Iterator[None]:
    """Let work be divided among up to this number of processes within the block; only Linux forks safely."""
    before = _PROCESSES.set(max(1, count) if sys.platform == "linux" else 1)
    begun = _BEGUN.set([])
    try:
        yield
    finally:
        for child in _BEGUN.get():  # whose results nobody took, where something failed
            child.stop()
        _BEGUN.reset(begun)
        _PROCESSES.reset(before)


def parallel_map(work: Callable[[Part], Result], parts: Iterable[Part]) -> Generator[Result, None, None]:
    """The result of each part, in the order of the parts.

    This process computes parts as well. What the work changes in place is lost. Raises what the work raises,
    and RuntimeError where a process was killed.
    """
    waiting = list(parts)
    processes = min(_PROCESSES.get(), len(waiting))
    if processes < 2:
        yield from map(work, waiting)
        return
    with _Places(len(waiting)) as places:
        # A child that is ahead of what is read waits, because a pipe holds little.
        children = [_Child.start(partial(_compute_parts, work, waiting, places)) for _ in range(1, processes)]
        try:
            yield from _in_order(work, waiting, places, children)
        finally:
            for child in children:
                child.stop()


def _in_order(
    work: Callable[[Part], Result], parts: Sequence[Part], places: _Places, children: Sequence[_Child]
) -> Iterator[Result]:
    finished = dict[int, Result]()
    busy, is_left = {child.connection: child for child in children}, True
    for wanted in range(len(parts)):
        while wanted not in finished:
            # What is wanted is with a child where this process has got far ahead, or nothing is left to take.
            is_free = is_left and len(finished) <= len(children)
            for connection in wait(list(busy), timeout=0 if is_free else None):
                found = busy[connection].receive()  # type: ignore[index]
                if found is None:
                    del busy[connection]  # type: ignore[arg-type]
                else:
                    finished[found[0]] = found[1]
            if wanted in finished or not is_free:
                continue
            place = places.take()
            if place is None:
                is_left = False
            else:
                with use_processes(1):
                    finished[place] = work(parts[place])
        yield finished.pop(wanted)


def begin(work: Callable[[], Result]) -> Callable[[], Result]:
    """Begin some work beside what follows. Returns a function that waits for the result, and keeps it.

    It is to be asked within the block of `use_processes`, at whose end the work is stopped. With one process
    the work is done when the result is asked for.
    """
    if _PROCESSES.get() == 1:
        return cache(work)
    child = _Child.start(lambda: iter([work()]))
    _BEGUN.get().append(child)

    def result() -> Result:
        try:
            computed: Result = child.receive()
            return computed
        finally:
            child.stop()

    return cache(result)


class _Places:
    """The places of parts, in a pipe: whichever process is free takes the next one."""

    def __init__(self, count: int) -> None:
        if count > _MOST_PARTS:
            raise ValueError(f"{count} parts are too many: give at most {_MOST_PARTS} larger ones")
        self._reader, writer = os.pipe()
        with os.fdopen(writer, "wb") as file:
            file.write(b"".join(struct.pack("<i", place) for place in range(count)))

    def take(self) -> int | None:
        """The next place; None where all are taken."""
        raw = os.read(self._reader, struct.calcsize("<i"))
        return struct.unpack("<i", raw)[0] if raw else None

    def __enter__(self) -> _Places:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._reader)


def _compute_parts(
    work: Callable[[Part], Result], parts: Sequence[Part], places: _Places
) -> Iterator[tuple[int, Result] | None]:
    while (place := places.take()) is not None:
        yield place, work(parts[place])
    yield None


@dataclass(frozen=True)
class _Child:
    """A forked process that sends what it computes, one thing after another; it ends with this process."""

    process: BaseProcess
    connection: Connection

    @staticmethod
    def start(compute: Callable[[], Iterator[Any]]) -> _Child:
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=_send_all, args=(compute, sender, os.getpid()), daemon=True
        )
        with warnings.catch_warnings(), _connections_stay_open():
            # Other threads of this process may hold locks, but the work takes none that they hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        sender.close()
        return _Child(process, receiver)

    def receive(self) -> Any:
        try:
            is_done, found = self.connection.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(
                f"a process that computed a part of the work ended with {self.process.exitcode}: if memory "
                "is short, more of it or fewer processes help"
            ) from None
        if not is_done:
            raise found
        return found

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


@contextmanager
def _connections_stay_open() -> Iterator[None]:
    """While this process forks, and in the child for good, no connection is shut down.

    What other threads keep for themselves is finalised in the child, and py4j's finalisers shut down their
    connections to the JVM. That would end them for the parent, too; closing them does not.
    """
    setattr(socket.socket, "shutdown", lambda *_: None)  # noqa: B010 - mypy allows no assignment
    try:
        yield
    finally:
        delattr(socket.socket, "shutdown")


def _send_all(compute: Callable[[], Iterator[Any]], connection: Connection, parent: int) -> None:
    # A parent that is killed stops nobody, and what is computed for it may take minutes and gigabytes.
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before
        os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it as well, and stops this process
    gc.disable()  # objects of the parent must not be finalised here, as they would talk to its JVM
    _PROCESSES.set(1)
    try:
        for found in compute():
            connection.send((True, found))
    except BrokenPipeError:
        return  # nobody waits for it any more
    except Exception as error:
        connection.send((False, error))
    connection.close()
