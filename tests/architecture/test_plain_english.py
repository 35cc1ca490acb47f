"""Documents, docstrings, comments and messages are plain English, without phrases of a private dialect."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_layout import FILES, PACKAGES, ROOT

# phrase (a regular expression, case does not matter) -> what to write
PHRASES = {
    r"\bunasked\b": "by itself, or: covered by",
    r"\bwhat tests (it|them)\b": "covered by",
    r"\bbare (end|offset)s?\b": "offsets without a record",
    r"\bbounded frames?\b": "batches of limited size",
    r"\bwithout a word\b": "without an error message",
    r"\bfigures did not tell\b": "the difference was within the noise",
    r"\bnot so\.": "limitations",
    r"\bwho cannot be\b": "a full sentence: users who ...",
    r"\b(is|are|was|were) told (by|at once)\b": "a full sentence: X says ...",
    r"\btells? nothing (of|about)\b": "says nothing about",
    r"\bmuch is told\b": "a full sentence",
    r"\banew\b": "again",
    r"\b(is|are) no matter\b": "does not matter",
    r"\bso many\b(?! that\b)": "this number of",
    r"\b(that|it|text|which) is (?-i:none)\b": "is not a ...",
    r"\b(is|runs|answers) no more\b": "no longer",
    r"\bbut for\b": "except",
    r"\bof whom (nothing|little)\b": "about whom nothing",
    r"\bat every door\b": "in files, at the API and in Kafka",
    r"\bwhosever\b|\bthereof\b|\bwhereof\b": "of which",
}
ANY_PHRASE = re.compile("|".join(PHRASES), re.IGNORECASE)
# How a docstring or a comment does not begin: the subject comes first.
INVERTED = re.compile(r"(?:Of (?:a|an|the|each|every|two|all|users|equal)|So (?:many|long|often))\b")
QUOTES = re.compile("^[rbfuRBFU]*[\"']+|[\"']+$")
PROSE = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LUA = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.lua"))


def blocks(path: Path) -> Iterator[str]:
    """The prose of a file, white space collapsed: strings and runs of comment lines, or the whole text."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield " ".join(re.sub(r"^\s*--", "", text, flags=re.MULTILINE).split())
        return
    comment, last = "", -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield comment
                comment = ""
            comment, last = f"{comment} {token.string.lstrip('# ')}".strip(), token.start[0]
        elif token.type == tokenize.STRING or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            yield " ".join(QUOTES.sub("", token.string).split())
    yield comment


def faults(text: str) -> list[str]:
    """What is not plain English in a block of prose, each with what to write."""
    found = [
        f"{match[0]!r}: write {instead!r}"
        for phrase, instead in (PHRASES.items() if ANY_PHRASE.search(text) else ())
        if (match := re.search(phrase, text, re.IGNORECASE))
    ]
    inverted = INVERTED.match(text)
    return [*found, f"begins with {inverted[0]!r}: put the subject first"] if inverted else found


@pytest.mark.parametrize("path", [*FILES, *LUA, *PROSE], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_no_phrase_of_a_private_dialect(path: Path) -> None:
    assert [(fault, text[:80]) for text in blocks(path) for fault in faults(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "A backlog in bounded frames, then live.",
        "The thread died without a word",
        "Of each user, whether the old list may stay.",
        "So many events a second.",
        "The list is told by it.",
    ],
)
def test_the_check_finds_each_phrase_of_the_dialect(text: str) -> None:
    assert faults(text)


def test_the_check_finds_a_phrase_across_lines_of_comments_and_strings(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text('"""Applied in bounded\n    frames."""\n# exits without a\n# word\nX = 1\n')
    assert len([fault for text in blocks(source) for fault in faults(text)]) == 2
