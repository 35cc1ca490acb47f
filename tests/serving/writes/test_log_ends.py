from __future__ import annotations

import asyncio
from collections.abc import Mapping

from serving.writes.log_ends import LogEnds


def test_offsets_that_this_process_wrote_are_known_without_asking_kafka() -> None:
    asked: list[bool] = []

    def read() -> Mapping[int, int]:
        asked.append(True)
        return {}

    ends = LogEnds(read, reached={2: 41})
    assert ends.hold({2: 41})
    assert not ends.hold({2: 42})
    assert not ends.hold({1: 0})
    assert asyncio.run(ends.are_passed_by({2: 41})) is False
    assert asked == []


def test_the_ends_of_the_log_show_which_offsets_lie_beyond_them() -> None:
    async def scenario() -> None:
        ends = LogEnds(lambda: {0: 10, 1: 5}, reached={}, seconds_between=0.0)
        assert await ends.are_passed_by({0: 9, 1: 4}) is False
        assert await ends.are_passed_by({0: 10}) is True
        assert await ends.are_passed_by({7: 0}) is True

    asyncio.run(scenario())


def test_many_requests_ask_kafka_once() -> None:
    asked: list[bool] = []

    def read() -> Mapping[int, int]:
        asked.append(True)
        return {0: 10}

    async def scenario() -> list[bool]:
        ends = LogEnds(read, reached={}, seconds_between=0.05)
        return await asyncio.gather(*(ends.are_passed_by({0: 100 + n}) for n in range(50)))

    assert asyncio.run(scenario()) == [True] * 50
    assert len(asked) == 1


def test_while_kafka_does_not_answer_no_token_is_refused() -> None:
    def read() -> Mapping[int, int]:
        raise OSError("nobody listens")

    assert asyncio.run(LogEnds(read, reached={}).are_passed_by({0: 1})) is False
