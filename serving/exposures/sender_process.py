"""The process that sends, as the API sees it: started with the first list, started again if it dies.

Lists go to it as lines by a socket, in pieces that cost microseconds. It outlives a killed API as long as it
needs to send what it has.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from pydantic import SecretStr

from contracts.settings import KafkaSettings, ServingSettings
from serving.exposures.count import ExposureCount

_log = logging.getLogger(__name__)
END_SECONDS = 3.0  # to start, where it has not, and to send the last lists (sender.LAST_SECONDS)
_START_AGAIN_SECONDS = 1.0
_LISTS_A_PIECE = 64


class SenderProcess:
    """The sender of one API process (see Sender in log.py)."""

    def __init__(
        self,
        settings: ServingSettings,
        count: ExposureCount,
        command: Sequence[str] = (sys.executable, "-m", "serving.exposures.sender"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count, self._clock = count, clock
        self._command = (*command, str(count.descriptor), str(settings.kafka_timeout_seconds))
        self._environment = {**os.environ, **kafka_environment(settings)}
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._piece = b""  # what is left of a piece of which the socket took only a part
        self._started_at = float("-inf")
        self._is_reported = False

    @property
    def pid(self) -> int | None:
        """The process' id; None before the first list."""
        return self._process.pid if self._process else None

    def take(self, waiting: deque[bytes]) -> None:
        """See Sender."""
        if self._process is not None and self._process.poll() is not None:
            self._forget(waiting)
        if waiting and self._process is None:
            self._start()
        if self._socket is None:
            return
        with suppress(OSError):  # it is full, or its process is dead, which is seen the next time
            while self._piece or waiting:
                self._piece = self._piece or _piece(waiting)
                self._piece = self._piece[self._socket.send(self._piece) :]

    async def end(self, waiting: deque[bytes]) -> None:
        """See Sender."""
        self.take(waiting)
        if self._process is not None:
            await asyncio.to_thread(self._end, waiting)

    def _start(self) -> None:
        if self._clock() - self._started_at < _START_AGAIN_SECONDS:
            return
        self._started_at = self._clock()
        socket_here, socket_there = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=socket_there.fileno(),
                stdout=subprocess.DEVNULL,
                pass_fds=(self._count.descriptor,),
            )
        except OSError as error:
            socket_here.close()
            if not self._is_reported:  # once, as it is tried again and again
                _log.warning("exposures are not sent, because no process can be started for that: %s", error)
            self._is_reported = True
        else:
            self._is_reported = False
            socket_here.setblocking(False)
            self._socket = socket_here
        finally:
            socket_there.close()

    def _forget(self, waiting: deque[bytes]) -> None:
        """The process is dead, and what it had is lost."""
        assert self._process is not None
        had = self._count.unsettled_lists - len(waiting)
        self._count.drop(had)
        _log.warning(
            "the process that sends exposures ended by itself (exit code %d): %d lists are dropped",
            self._process.returncode,
            had,
        )
        self._close()

    def _end(self, waiting: deque[bytes]) -> None:
        assert self._process is not None
        assert self._socket is not None
        ends = time.monotonic() + END_SECONDS
        with suppress(OSError):  # dead, or too slow
            self._socket.settimeout(END_SECONDS)
            self._socket.sendall(self._piece + _piece(waiting, len(waiting)))
            self._socket.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._process, self._socket, self._piece = None, None, b""


def _piece(waiting: deque[bytes], most: int = _LISTS_A_PIECE) -> bytes:
    lines = [waiting.popleft() for _ in range(min(most, len(waiting)))]
    return b"\n".join([*lines, b""])  # JSON has no line breaks but those that are escaped


def kafka_environment(settings: KafkaSettings) -> dict[str, str]:
    """The settings of the connection, as the environment variables of a process that has the same."""
    values = {name: getattr(settings, name) for name in KafkaSettings.model_fields}
    return {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }
