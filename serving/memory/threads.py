"""Where a computation on the whole catalogue runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from serving.memory.factors import ItemFactors

T = TypeVar("T")
# Beyond this number of numbers a product is worth a thread: it would hold up all other requests.
MAX_NUMBERS_INLINE = 2_000_000


async def in_thread_if_large(factors: ItemFactors, compute: Callable[[], T]) -> T:
    """What ``compute`` gives, which reads all factors or more."""
    return await asyncio.to_thread(compute) if factors.matrix.size > MAX_NUMBERS_INLINE else compute()
