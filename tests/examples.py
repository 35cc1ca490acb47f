"""How many examples of a property are tried."""

from __future__ import annotations

from hypothesis import settings


def examples(most: int) -> settings:
    """Try this many where each takes long, and fewer where the profile tries fewer (`make test-fast`)."""
    return settings(max_examples=min(most, settings.default.max_examples))
