"""Finds a text's encoding: a byte order mark, then strict UTF-8, then the best fit for its bytes."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes

UTF8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20
_ODD_BYTES = 1 << 16  # how many bytes that are not UTF-8, with those around them, are looked at
# The usual encoding of Western tables, chosen where relatives of Latin-1 cannot be told apart.
_WESTERN = "cp1252"
_RUNS = re.compile(rb"[\x80-\xff]+")
_LETTERS_IN_A_WORD = 3
_MOST_MESS = 0.6  # high, because short texts look messy even in the right encoding
_OTHER_SCRIPTS = (
    "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
_VALID_PER_BROKEN = 4  # valid multi-byte letters for each broken one, in UTF-8 with some broken lines


def encoding_of_head(head: bytes) -> str | None:
    """The encoding by a byte order mark or by UTF-16's zero bytes; None if the first bytes show neither."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    # Text of any script has blanks and line ends, whose zeros are all on the same side.
    if max(even, odd) > len(sample) // 8 and min(even, odd) <= len(sample) // 100:
        return "utf-16-le" if odd >= even else "utf-16-be"
    return None


def encoding_of(file: IO[bytes]) -> str:
    """Find the encoding of a text without a byte order mark, from all of it: strict UTF-8 first.

    A text with a few broken bytes among many valid multi-byte letters is UTF-8; its broken lines are refused
    later.
    """
    letters = broken = 0
    odd = b""
    decoder = codecs.getincrementaldecoder(UTF8)("replace")
    while block := file.read(_BLOCK):
        text = decoder.decode(block)
        if text.isascii():
            continue
        bad = text.count("�")
        broken += bad
        letters += sum(not letter.isascii() for letter in text) - bad
        if bad and len(odd) < _ODD_BYTES:
            odd += b"\n".join(line for line in block.split(b"\n") if not line.isascii())[:_ODD_BYTES]
    if not broken or letters > _VALID_PER_BROKEN * broken:
        return UTF8
    return _guess(odd)


def _guess(odd: bytes) -> str:
    runs = _RUNS.findall(odd)
    if sum(map(len, runs)) >= _LETTERS_IN_A_WORD * len(runs):
        # Words without any ASCII letter: not a Western language.
        best = from_bytes(odd, cp_isolation=list(_OTHER_SCRIPTS), threshold=_MOST_MESS).best()
        return best.encoding if best is not None else _WESTERN
    best = from_bytes(odd).best()
    name = best.encoding if best is not None else _WESTERN
    # Relatives of Latin-1 differ in letters that a short sample lacks; Windows' variant is the usual one.
    relatives = ("latin_1", "cp1252", "cp1250", "iso8859_", "mac_", "cp437", "cp850", "cp858", "hp_roman8")
    western = name.startswith(relatives) or len(odd) < 256
    if western:
        try:
            odd.decode(_WESTERN)
        except UnicodeDecodeError:
            return _fitting(odd, ("cp1250", "latin-1"))
        return _WESTERN
    return name


def _fitting(odd: bytes, encodings: tuple[str, ...]) -> str:
    """The first encoding that can decode all of the bytes; else the last one."""
    for encoding in encodings:
        try:
            odd.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return encodings[-1]


def as_utf8(file: IO[bytes], encoding: str, target: Path) -> None:
    """Write the text as UTF-8. Undecodable bytes become U+FFFD, and ids that hold it are refused."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    with target.open("w", encoding=UTF8, newline="") as written:
        while block := file.read(_BLOCK):
            written.write(decoder.decode(block))
        written.write(decoder.decode(b"", True))
