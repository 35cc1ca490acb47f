"""What goes wrong on a user's machine, each with its cure in the message."""

from __future__ import annotations


class StackError(Exception):
    """One sentence for the user: what is wrong and what to do about it."""


class ServiceDiedError(StackError):
    """A service ended by itself; the message holds its exit code and the tail of its log."""
