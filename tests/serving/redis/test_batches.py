from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.redis.batches import MAX_IN_FLIGHT, Batches, Command, Reply

KEYS = st.lists(st.lists(st.sampled_from("abcdef"), max_size=4), max_size=20)


class Server:
    """Answers each command with its key, after the gate opens."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.down = False

    async def round_trip(self, commands: Sequence[Command]) -> list[Reply]:
        self.batches.append([str(key) for _, key in commands])
        await self.gate.wait()
        if self.down:
            raise OSError("down")
        return [KeyError("x") if key == "bad" else f"of {key}" for _, key in commands]


def get(*keys: str) -> list[Command]:
    return [("GET", key) for key in keys]


@given(KEYS)
def test_everyone_gets_the_replies_to_their_own_commands_in_order(asked: list[list[str]]) -> None:
    async def scenario() -> None:
        server = Server()
        batches = Batches(server.round_trip, 5.0)
        replies = await asyncio.gather(*(batches.ask(get(*keys)) for keys in asked))
        assert replies == [[f"of {key}" for key in keys] for keys in asked]
        assert all(len(set(sent)) == len(sent) for sent in server.batches)
        assert len(server.batches) <= 1

    asyncio.run(scenario())


def test_commands_that_arrive_meanwhile_share_a_batch_and_few_batches_are_under_way() -> None:
    async def scenario() -> None:
        server = Server()
        server.gate.clear()
        batches = Batches(server.round_trip, 5.0)
        futures = []
        for key in "abcdef":
            futures.append(batches.ask(get(key)))
            await asyncio.sleep(0.01)
        assert server.batches == [["a"], ["b"]]
        assert len(server.batches) == MAX_IN_FLIGHT
        server.gate.set()
        assert [reply for replies in await asyncio.gather(*futures) for reply in replies] == [
            f"of {key}" for key in "abcdef"
        ]
        assert server.batches[2:] == [["c", "d", "e", "f"]]

    asyncio.run(scenario())


def test_a_failed_command_fails_only_the_request_that_sent_it() -> None:
    async def scenario() -> None:
        batches = Batches(Server().round_trip, 5.0)
        good, bad = batches.ask(get("a")), batches.ask(get("a", "bad"))
        assert await good == ["of a"]
        with pytest.raises(KeyError):
            await bad

    asyncio.run(scenario())


def test_a_failed_round_trip_fails_its_batch_and_the_next_one_goes_on() -> None:
    async def scenario() -> None:
        server = Server()
        batches = Batches(server.round_trip, 5.0)
        server.down = True
        futures = [batches.ask(get(key)) for key in "ab"]
        for future in futures:
            with pytest.raises(OSError, match="down"):
                await future
        server.down = False
        assert await batches.ask(get("c")) == ["of c"]

    asyncio.run(scenario())


def test_commands_of_a_cancelled_request_are_not_sent() -> None:
    async def scenario() -> None:
        server = Server()
        server.gate.clear()
        batches = Batches(server.round_trip, 5.0)
        on_their_way = [batches.ask(get(key)) for key in ("a",)]
        await asyncio.sleep(0.01)
        on_their_way.append(batches.ask(get("b")))
        await asyncio.sleep(0.01)
        waiting, patient = batches.ask(get("given up")), batches.ask(get("c"))
        waiting.cancel()
        on_their_way[0].cancel()
        server.gate.set()
        assert await patient == ["of c"]
        assert await on_their_way[1] == ["of b"]
        with suppress(asyncio.CancelledError):
            await waiting
        assert server.batches == [["a"], ["b"], ["c"]]

    asyncio.run(scenario())


def test_one_timer_limits_the_wait_of_every_request() -> None:
    async def scenario() -> None:
        server = Server()
        server.gate.clear()
        batches = Batches(server.round_trip, 0.1)
        loop = asyncio.get_running_loop()
        started = loop.time()
        futures = []
        for key in "abcdef":
            futures.append(batches.ask(get(key)))
            await asyncio.sleep(0.02)
        for place, future in enumerate(futures):
            with pytest.raises(asyncio.TimeoutError):
                await future
            assert loop.time() - started >= 0.1 + 0.02 * place - 0.01
        server.gate.set()
        assert await batches.ask(get("g")) == ["of g"]

    asyncio.run(scenario())
