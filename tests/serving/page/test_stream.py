from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from serving.http.problems import ProblemError
from serving.page import stream as stream_module
from serving.page.stream import MAX_CLIENTS, Stream, picture_of


class Source:
    """Pictures that count how often they are read; with ``still`` they are all the same."""

    def __init__(self, still: bool = False) -> None:
        self.reads = 0
        self._still = still

    async def __call__(self) -> dict[str, Any]:
        self.reads += 1
        return {"number": 0 if self._still else self.reads}


async def next_data(messages: AsyncIterator[bytes]) -> tuple[str, Any]:
    """The id and the picture of the next event that has one."""
    async for message in messages:
        if message.startswith(b"id: "):
            event_id, data = message.decode().strip().split("\n")
            return event_id.removeprefix("id: "), json.loads(data.removeprefix("data: "))
    raise AssertionError("the stream ended")


def test_all_clients_share_one_reader_and_it_stops_with_the_last_client() -> None:
    async def scenario() -> None:
        source = Source()
        stream = Stream(source, every_seconds=0.01)
        clients = [stream.messages(None) for _ in range(5)]
        for _ in clients:
            stream.join()
        seen = [await next_data(client) for client in clients]
        assert max(number["number"] for _, number in seen) == source.reads
        for _ in clients:
            stream.leave()
        await asyncio.sleep(0)
        reads = source.reads
        await asyncio.sleep(0.05)
        assert source.reads == reads

    asyncio.run(scenario())


def test_a_client_with_the_newest_picture_waits_for_the_next_one() -> None:
    async def scenario() -> None:
        stream = Stream(Source(), every_seconds=0.01)
        stream.join()
        had, _ = await next_data(stream.messages(None))
        again, _ = await next_data(stream.messages(had))
        assert again != had
        stream.leave()

    asyncio.run(scenario())


def test_an_unchanged_picture_is_sent_once_and_the_connection_is_kept_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_module, "ALIVE_SECONDS", 0.05)

    async def scenario() -> None:
        stream = Stream(Source(still=True), every_seconds=0.01)
        stream.join()
        messages = stream.messages(None)
        sent = [await messages.__anext__() for _ in range(4)]
        assert [message[:2] for message in sent] == [b"re", b"id", b": ", b": "]
        stream.leave()

    asyncio.run(scenario())


def test_a_client_beyond_the_limit_is_refused_until_another_leaves() -> None:
    async def scenario() -> None:
        stream = Stream(Source())
        for _ in range(MAX_CLIENTS):
            stream.join()
        with pytest.raises(ProblemError) as refused:
            stream.answer(None)
        assert refused.value.status == 503
        stream.leave()
        assert stream.answer(None).media_type == "text/event-stream"
        while stream.clients:
            stream.leave()

    asyncio.run(scenario())


def test_the_id_of_a_picture_is_equal_in_every_process_and_its_text_cannot_end_an_event() -> None:
    hostile = {"title": "a\n\ndata: {}\r\n\r\n"}
    first, second = picture_of(hostile), picture_of(dict(hostile))
    assert first == second
    assert first.message.count(b"\n\n") == 1
    assert json.loads(first.message.decode().strip().split("data: ", 1)[1]) == hostile
