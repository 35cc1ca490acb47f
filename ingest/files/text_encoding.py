"""In which encoding a text is: a byte order mark, strict UTF-8, then what fits its bytes best."""

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
_ODD_BYTES = 1 << 16  # as many bytes around what is no UTF-8 are looked at
# What Western tables are written in; a guess among relatives of Latin-1 falls back to it.
_WESTERN = "cp1252"
_RUNS = re.compile(rb"[\x80-\xff]+")
_LETTERS_IN_A_WORD = 3
_MOST_MESS = 0.6  # short texts look messy in the right encoding too
_OTHER_SCRIPTS = (
    "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
_VALID_PER_BROKEN = 4  # valid multi-byte letters for each broken one, in UTF-8 with some broken lines


def encoding_of_head(head: bytes) -> str | None:
    """The encoding that the first bytes show: by a mark or the zero bytes of UTF-16; None if they do not."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    if sample.count(0) > len(sample) // 8:
        return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"
    return None


def encoding_of(file: IO[bytes]) -> str:
    """The encoding of a text without a mark, all of it read: strict UTF-8 first.

    A text with few broken bytes among many valid multi-byte letters stays UTF-8; broken lines are refused.
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
        # Words without a single letter of ASCII: no Western language.
        best = from_bytes(odd, cp_isolation=list(_OTHER_SCRIPTS), threshold=_MOST_MESS).best()
        return best.encoding if best is not None else _WESTERN
    best = from_bytes(odd).best()
    name = best.encoding if best is not None else _WESTERN
    # Relatives of Latin-1 differ in letters that a short sample does not show; Windows' is the usual one.
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
    """The first encoding that knows all of the bytes, or the last one."""
    for encoding in encodings:
        try:
            odd.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return encodings[-1]


def as_utf8(file: IO[bytes], encoding: str, target: Path) -> None:
    """Write the text as UTF-8. What the encoding does not know becomes U+FFFD, which no identifier holds."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    with target.open("w", encoding=UTF8, newline="") as written:
        while block := file.read(_BLOCK):
            written.write(decoder.decode(block))
        written.write(decoder.decode(b"", True))
