"""Loopback ports: a free one, or the one asked for when it is free."""

from __future__ import annotations

import socket

from stack.machine.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket() as probe:
        # As servers do: a port whose old connections only wait out their time is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def claim(port: int, option: str, fall_back: bool = False) -> int:
    """The port itself, a free one for 0 or (if it may) for a busy one.

    Raises StackError, naming the option, when the port is taken.
    """
    if port == 0:
        return free_port()
    if is_free(port):
        return port
    if fall_back:
        return free_port()
    raise StackError(
        f"Port {port} is in use: stop what listens there, or choose another with {option} (0 = a free one)"
    )
