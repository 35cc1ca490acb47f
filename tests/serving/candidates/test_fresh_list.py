from __future__ import annotations

import asyncio

from serving.candidates.candidate import Candidate, User
from serving.candidates.fresh_list import fresh_list


def test_the_folded_in_list_is_one_page_in_its_order() -> None:
    async def pages() -> list[object]:
        return [page async for page in fresh_list(User("u", fresh_list=[("b", 2.0), ("a", 1.0)]))]

    assert asyncio.run(pages()) == [[Candidate("b", 2.0, "fresh"), Candidate("a", 1.0, "fresh")]]
