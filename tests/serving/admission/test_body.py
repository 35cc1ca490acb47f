from __future__ import annotations

import asyncio
import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from serving.admission.admission import Admission
from serving.admission.body import BodyInTime, UnpackedBody, unpack
from tests.serving.conftest import Client

EVENT = b'{"event_type": "view", "user_id": "u", "item_id": "i"}'


@given(st.lists(st.binary(max_size=200), max_size=3))
def test_gzip_bodies_of_several_members_are_unpacked(parts: list[bytes]) -> None:
    assert unpack(b"".join(gzip.compress(part) for part in parts), 1000) == b"".join(parts)


@pytest.mark.parametrize(("size", "status"), [(1000, None), (1001, 413), (10_000_000, 413)])
def test_a_body_that_unpacks_to_more_than_the_limit_is_refused(size: int, status: int | None) -> None:
    packed = gzip.compress(bytes(size))
    if status is None:
        assert len(unpack(packed, 1000)) == size
        return
    with pytest.raises(HTTPException) as refused:
        unpack(packed, 1000)
    assert refused.value.status_code == status


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(EVENT)[:-4], gzip.compress(EVENT) + b"x"])
def test_an_incomplete_gzip_body_is_refused(packed: bytes) -> None:
    with pytest.raises(HTTPException) as refused:
        unpack(packed, 1000)
    assert refused.value.status_code == 422


def test_the_api_reads_gzip_and_refuses_other_encodings_by_name(api: Client) -> None:
    async def scenario() -> None:
        async with api(kafka_timeout_seconds=0.2) as client:

            async def post(encoding: str, body: bytes) -> int:
                headers = {"content-type": "application/json", "content-encoding": encoding}
                return (await client.post("/v1/events", content=body, headers=headers)).status_code

            # 503: it was read, and there is no Kafka.
            assert await post("gzip", gzip.compress(EVENT)) == 503
            assert await post("identity", EVENT) == 503
            assert await post("gzip", EVENT) == 422
            assert await post("br", EVENT) == 415
            assert await post("gzip", gzip.compress(bytes(3_000_000))) == 413

    asyncio.run(scenario())


def test_a_body_that_does_not_arrive_ends_with_a_408_and_holds_no_slot() -> None:
    admission = Admission(1, rate=0.0, burst=1, client_of=lambda _: b"")
    at_work: list[int] = []

    async def never() -> Message:
        at_work.append(admission.at_work)
        await asyncio.sleep(60)
        raise AssertionError("nobody waits that long")

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def scenario() -> None:
        admission.at_work += 1
        await BodyInTime(reads, 0.05, admission)({"type": "http"}, never, never)  # type: ignore[arg-type]

    began = time.monotonic()
    with pytest.raises(HTTPException) as refused:
        asyncio.run(scenario())
    assert refused.value.status_code == 408
    assert at_work == [0]
    assert admission.at_work == 1
    assert time.monotonic() - began < 30


def test_after_its_body_a_request_notices_that_its_client_leaves() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b", "more_body": False},
    ]
    seen: list[str] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(0.2)  # longer than the body may take
        return {"type": "http.disconnect"}

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(3):
            seen.append((await receive())["type"])

    async def send(_: Message) -> None:
        """Nothing is answered here."""

    admission = Admission(1, rate=0.0, burst=1, client_of=lambda _: b"")
    asyncio.run(BodyInTime(reads, 0.1, admission)({"type": "http"}, receive, send))
    assert seen == ["http.request", "http.request", "http.disconnect"]


def test_the_encoding_is_checked_before_the_body_is_read() -> None:
    read: list[str] = []

    async def receive() -> Message:
        read.append("read")
        return {"type": "http.request", "body": b"", "more_body": False}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Answers without its body."""

    async def send(_: Message) -> None:
        """Nothing is answered here."""

    for encoding in (b"", b"gzip"):
        scope: Scope = {"type": "http", "path": "/", "headers": [(b"content-encoding", encoding)]}
        asyncio.run(UnpackedBody(app, 100)(scope, receive, send))
    assert read == []
