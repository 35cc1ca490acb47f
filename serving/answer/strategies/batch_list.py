"""The list that the trainer wrote for the user in the round of the served version."""

from __future__ import annotations

from serving.answer.strategies.strategy import Strategy, pages
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import BATCH

SOURCE = BATCH


def batch_list(_: ProcessMemory) -> Strategy:
    """The user's list of the current model, empty for a user it does not know."""
    return lambda question: pages(question.user.batch_list, SOURCE)
