from __future__ import annotations

import asyncio

from serving.candidates.batch_list import batch_list
from serving.candidates.candidate import Candidate, User


def test_the_list_of_the_model_is_one_page_in_its_order() -> None:
    async def pages() -> list[object]:
        return [page async for page in batch_list(User("u", batch_list=[("b", 2.0), ("a", 1.0)]))]

    assert asyncio.run(pages()) == [[Candidate("b", 2.0, "als"), Candidate("a", 1.0, "als")]]
