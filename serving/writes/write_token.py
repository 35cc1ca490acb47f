"""The token of a write: the offsets of its events, as text that fits a header or a query."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

MAX_TOKEN_LENGTH = 8192


def encode_token(offsets: Mapping[int, int]) -> str:
    """Partition -> offset of the last event there, as base64url of compact JSON."""
    text = json.dumps(
        {str(partition): offsets[partition] for partition in sorted(offsets)}, separators=(",", ":")
    )
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str) -> dict[int, int]:
    """The reverse of encode_token. Raises ValueError for anything else."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError("not a token of this API: too long")
    try:
        offsets = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        found = {int(partition): int(offset) for partition, offset in offsets.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not a token of this API") from error
    # Decoding skips unknown characters, and numbers have many spellings: only text that we wrote is accepted.
    if encode_token(found) != token:
        raise ValueError("not a token of this API")
    return found
