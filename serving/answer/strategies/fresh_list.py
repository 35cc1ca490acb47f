"""The list that the online query made from all of the user's events so far: fold-in, then top-N."""

from __future__ import annotations

from serving.answer.strategies.strategy import Strategy, pages
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import FRESH

SOURCE = FRESH


def fresh_list(_: ProcessMemory) -> Strategy:
    """The user's fresh list; empty if there is none of the served model."""
    return lambda question: pages(question.user.fresh_list, SOURCE)
