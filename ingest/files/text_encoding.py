"""Finds a text's encoding: a byte order mark, then strict UTF-8, then the best fit for its bytes."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes
from charset_normalizer.utils import is_multi_byte_encoding

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
_RELATIVES = (_WESTERN, "cp1250", "mac_roman", "cp850")  # the first of equally good ones is taken
_WITHIN_WORDS, _AFTER_WORDS, _BEFORE_WORDS = "’·–—", "’‘”“»«…–—·®™©°ºª²³\xa0", "’‘“”„«»¿¡…–—·§\xa0"
_FEW_STRANGE, _SOME = 3, 5  # fewer strange letters, or less than this part of all, say nothing
_MIXED = re.compile(rb"[A-Za-z][\x80-\xff]+|[\x80-\xff]+[A-Za-z]")
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
    # Only Western words mix ASCII's letters with others.
    is_mixed = 2 * len(_MIXED.findall(odd)) > len(runs) and not is_multi_byte_encoding(name)
    if name.startswith(relatives) or len(odd) < 256 or is_mixed:
        return _least_strange(odd)
    return name


def _least_strange(odd: bytes) -> str:
    """The encoding whose letters stand in words as letters do; the usual one unless many of its do not."""
    strange = {name: _strange_letters(odd, name) for name in _RELATIVES}
    best = min(_RELATIVES, key=lambda name: strange[name])
    many = max(_FEW_STRANGE, sum(byte > 0x7F for byte in odd) / _SOME)
    return best if strange[_WESTERN] >= many and strange[best] * 2 < strange[_WESTERN] else _WESTERN


def _strange_letters(odd: bytes, encoding: str) -> int:
    """How many signs beyond ASCII stand in a word, and how many capitals follow a small letter; more than any
    text has where the encoding does not know all bytes."""
    try:
        text = odd.decode(encoding)
    except UnicodeDecodeError:
        return len(odd) + 1
    found = 0
    for before, letter, after in zip(text, text[1:], text[2:], strict=False):
        if letter.isascii():
            continue
        in_word = before.isalpha() and after.isalpha() and letter not in _WITHIN_WORDS
        beside = (before.isalpha() and letter not in _AFTER_WORDS) or (
            after.isalpha() and letter not in _BEFORE_WORDS
        )
        found += (not letter.isalpha() and (in_word or beside)) or (letter.isupper() and before.islower())
    return found


def as_utf8(file: IO[bytes], encoding: str, target: Path) -> None:
    """Write the text as UTF-8. Undecodable bytes become U+FFFD, and ids that hold it are refused."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    with target.open("w", encoding=UTF8, newline="") as written:
        while block := file.read(_BLOCK):
            written.write(decoder.decode(block))
        written.write(decoder.decode(b"", True))
