"""Closes the sockets that kafka-python leaves open after each failed attempt to connect."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_broker() -> Iterator[None]:
    """For a time without a broker: closes such sockets at the end, before they are collected as garbage."""
    gc.disable()
    try:
        yield
    finally:
        close_unconnected_sockets()
        gc.enable()


def close_unconnected_sockets() -> None:
    """Close this process's TCP sockets that neither reach anybody nor listen."""
    for each in gc.get_objects():
        # The class is compared, because isinstance would load lazy objects of other libraries.
        if issubclass(type(each), socket.socket) and each.fileno() >= 0 and _is_unconnected(each):
            each.close()


def _is_unconnected(each: socket.socket) -> bool:
    is_tcp = each.family in (socket.AF_INET, socket.AF_INET6) and each.type == socket.SOCK_STREAM
    if not is_tcp or each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    try:
        each.getpeername()
    except OSError:
        return True
    return False
