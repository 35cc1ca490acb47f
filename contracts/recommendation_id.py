"""The id of an answer says who got it, when, and by which model, strategy and arm. Only this API issues it.

An id has 36 bytes, written as 48 characters of base64url. No store is needed to issue or to check one. It
holds digests in place of names, so it is short and reveals no name; a reader who knows a name can check
whether the id was issued for it. The names are in the lake's exposures, which have the same id.
"""

from __future__ import annotations

import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import count
from time import time_ns
from typing import NamedTuple
from zlib import crc32

_FORM = 1
# form, time in ms (its high and low part), number, user, model version, source, arm
_CONTENT = struct.Struct(">BHII4s6s2s4s")
_MAC_SIZE = 9
_SIZE = _CONTENT.size + _MAC_SIZE
ID_LENGTH = 48
_32_BITS = 0xFFFF_FFFF
_WITHOUT_KEY = "headwater"  # reveals a damaged id; only with RECOMMENDATION_KEY is a forged one revealed too


class RecommendationId(NamedTuple):
    """What a genuine id says. Names are digests: compare `version`, `source` and `arm` with `digest`."""

    at_ms: int  # epoch ms, the API's clock
    number: int  # tells apart what one process answers within a millisecond
    user: bytes
    version: bytes
    source: bytes
    arm: bytes

    def is_of(self, user_id: str) -> bool:
        """Whether the answer was for this user ("" for none); a wrong yes has a chance of 1 in 2^32."""
        return self.user == _user_digest(user_id)


class RecommendationIds:
    """Issues ids and reads them back. Every process that has the same key reads the ids of the others."""

    def __init__(self, key: str | None, clock: Callable[[], int] = time_ns) -> None:
        self._clock = clock
        self._mac = blake2b(key=sha256((key or _WITHOUT_KEY).encode()).digest(), digest_size=_MAC_SIZE)
        self._numbers = count(secrets.randbits(32))

    def issue(self, user_id: str, version: str | None, source: str | None, arm: str = "") -> str:
        """A new id. ``source`` is that of the first item; "" and None stand for none."""
        at_ms = self._clock() // 1_000_000
        content = _CONTENT.pack(
            _FORM,
            at_ms >> 32,
            at_ms & _32_BITS,
            next(self._numbers) & _32_BITS,
            _user_digest(user_id),
            digest(version or "", 6),
            digest(source or "", 2),
            digest(arm, 4),
        )
        return urlsafe_b64encode(content + self._mac_of(content)).decode()

    def read(self, text: str) -> RecommendationId | None:
        """What an id says; None for any text that was not issued with this key."""
        if len(text) != ID_LENGTH:
            return None
        try:
            raw = urlsafe_b64decode(text)
        except ValueError:
            return None
        # Decoding skips characters that base64 does not know, so the text must also be what encoding gives.
        if len(raw) != _SIZE or raw[0] != _FORM or urlsafe_b64encode(raw).decode() != text:
            return None
        content, mac = raw[: _CONTENT.size], raw[_CONTENT.size :]
        if not secrets.compare_digest(mac, self._mac_of(content)):
            return None
        _, high, low, number, user, version, source, arm = _CONTENT.unpack(content)
        return RecommendationId((high << 32) + low, number, user, version, source, arm)

    def _mac_of(self, content: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(content)
        return mac.digest()


@lru_cache(4096)
def digest(name: str, size: int) -> bytes:
    """What an id holds in place of a name: 6 bytes for a version, 2 for a source, 4 for an arm."""
    return blake2b(name.encode(), digest_size=size).digest()


def _user_digest(user_id: str) -> bytes:
    # There are too many users to cache their digests, and a CRC takes a tenth of the time.
    return crc32(user_id.encode()).to_bytes(4, "big")
