"""Loopback ports: a free one, or the one asked for when it is free.

A port is found by one process and bound later by another one, a server. In between, nobody else may get it:

- it is reserved by a UDP socket of the same number, which the finder holds until its process ends. The kernel
  gives a number to one such socket only, whoever asks, and takes it back however the process ends. Servers of
  ours listen on TCP, so they are not in its way;
- it lies outside the range from which the kernel takes ports for connections and for "any port" (on a machine
  whose range leaves no room, this half of the guarantee is missing).

Not covered: a program that does not ask here and binds this very number before the server starts.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

from stack.machine.errors import StackError

LOOPBACK = "127.0.0.1"
_LOOPBACK_OF_ALL = {"0.0.0.0": LOOPBACK, "::": "[::1]"}  # servers on all addresses are on loopback too
_LOWEST, _HIGHEST = 20_000, 65_535
_ENOUGH_PORTS = 1000
_TRIES = 10_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL = (32_768, 65_535)  # Linux' first, macOS' last
_reservations: dict[int, int] = {}  # port -> file descriptor, open until this process ends
_random = random.SystemRandom()  # a seeded generator would try the same ports in every process


def free_port() -> int:
    """A port that nothing listens on, and that no other caller gets while this process lives.

    Raises StackError when there is none.
    """
    ports = ports_outside(_ephemeral_range())
    for _ in range(_TRIES):
        port = _random.choice(ports)
        if _reserve(port):
            if is_free(port):
                return port
            os.close(_reservations.pop(port))
    raise StackError(f"No free port from {ports.start} to {ports.stop - 1}: stop what listens there")


def ports_outside(ephemeral: tuple[int, int]) -> range:
    """The ports to try: those outside of the kernel's own range; all of them where that leaves none."""
    first, last = ephemeral
    for ports in (range(_LOWEST, first), range(max(last + 1, _LOWEST), _HIGHEST + 1)):
        if len(ports) >= _ENOUGH_PORTS:
            return ports
    return range(_LOWEST, _HIGHEST + 1)


def _ephemeral_range() -> tuple[int, int]:
    with suppress(OSError, ValueError):
        first, last = _EPHEMERAL.read_text().split()
        return int(first), int(last)
    return _USUAL_EPHEMERAL


def _reserve(port: int) -> bool:
    """Reserve the port for this process; False where another process has reserved it."""
    reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        reservation.bind((LOOPBACK, port))
    except OSError:
        reservation.close()
        return False
    _reservations[port] = reservation.detach()
    return True


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket() as probe:
        # Servers set this option, too: a port on which only old connections run out counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def reachable_host(host: str) -> str:
    """The host to use in a URL on this machine for a server that listens on ``host``; IPv6 in brackets."""
    if host in _LOOPBACK_OF_ALL:
        return _LOOPBACK_OF_ALL[host]
    return f"[{host}]" if ":" in host else host


def claim(port: int, option: str, fall_back: bool = False) -> int:
    """The port itself, a free one for 0 or (if it may) for a busy or reserved one.

    A port that must be this one is taken although somebody has reserved it: whoever names it may be the one.
    Raises StackError, naming the option, when the port is taken.
    """
    if port == 0:
        return free_port()
    reserved = port in _reservations or _reserve(port)
    if is_free(port) and (reserved or not fall_back):
        return port
    if fall_back:
        return free_port()
    raise StackError(
        f"Port {port} is in use: stop what listens there, or choose another with {option} (0 = a free one)"
    )
