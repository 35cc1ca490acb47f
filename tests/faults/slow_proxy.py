"""A proxy that delays all data on its way to and from a server, as a network with latency does."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from stack.machine.ports import LOOPBACK


class SlowProxy:
    """Listens on ``port`` until ``stop``; ``seconds`` may be changed while connections are open."""

    def __init__(self, port_of_server: int) -> None:
        self.seconds, self.port = 0.0, 0
        self._port_of_server, self._listens = port_of_server, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._listens.wait(30)

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connect, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._stopping.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self._port_of_server)
        try:
            await asyncio.gather(self._pass(reader, to_server), self._pass(from_server, writer))
        except asyncio.CancelledError:
            pass
        finally:
            self._connections.discard(task)
            for each in (writer, to_server):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass data on after a delay. It is no bottleneck: data does not wait for earlier data."""
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                self._loop.call_later(self.seconds, self._write, writer, data)
            await asyncio.sleep(self.seconds)
            writer.close()

    def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)
