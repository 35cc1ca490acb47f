"""Errors on a user's machine; each message names the cure."""

from __future__ import annotations


class StackError(Exception):
    """An error whose message is one sentence for the user: what is wrong and what to do about it."""


class ServiceDiedError(StackError):
    """A service ended by itself; the message holds its exit code and the tail of its log."""
