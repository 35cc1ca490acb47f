"""The receipt of an erasure: the place of its tombstone on the topic `catalog`, as text that names nobody."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

MAX_RECEIPT_LENGTH = 128
_FIELDS = 3


class ErasureReceipt(NamedTuple):
    """A request to forget a user, acknowledged by Kafka."""

    requested_at: int  # epoch ms: the user's events until then are erased
    partition: int
    offset: int


def encode_receipt(receipt: ErasureReceipt) -> str:
    """Compact JSON as base64url."""
    return urlsafe_b64encode(json.dumps(receipt, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_receipt(text: str) -> ErasureReceipt:
    """The reverse of encode_receipt. Raises ValueError for anything else."""
    if len(text) > MAX_RECEIPT_LENGTH:
        raise ValueError("not a receipt of this API: too long")
    try:
        numbers = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        found = ErasureReceipt._make(map(int, numbers)) if len(numbers) == _FIELDS else None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("not a receipt of this API") from error
    # Decoding skips unknown characters, and numbers have many spellings: only text that we wrote is accepted.
    if found is None or min(found) < 0 or encode_receipt(found) != text:
        raise ValueError("not a receipt of this API")
    return found
