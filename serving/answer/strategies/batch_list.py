"""The user's list from the training round of the served version."""

from __future__ import annotations

from serving.answer.strategies.strategy import Strategy, pages
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import BATCH

SOURCE = BATCH


def batch_list(_: ProcessMemory) -> Strategy:
    """The user's list of the served model; empty if the model does not know the user."""
    return lambda question: pages(question.user.batch_list, SOURCE)
