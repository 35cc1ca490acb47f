from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from contracts import topics
from contracts.settings import StreamingSettings
from streaming.records import known_schemas as registry_module
from streaming.records.frames import UNDECIDED, undecided_schemas, unframe
from streaming.records.mapping import FAULT
from streaming.records.schema_book import SchemaBook
from streaming.records.schema_registry import Schema
from tests.streaming.records.test_frames import EVENT, OURS, avro, in_frame
from tests.streaming.records.test_parse import records

SETTINGS = StreamingSettings(schema_registry_url="http://registry", lake_uri="lake")
STEPS = st.one_of(
    st.tuples(st.just("produce"), st.sampled_from([1, 2])),
    st.tuples(st.just("register"), st.sampled_from([1, 2])),
    st.tuples(st.just("read"), st.sampled_from(["lake", "online"])),
    st.tuples(st.just("restart"), st.just(None)),
)


class Folder:
    """Files in memory, with the methods of StoredFiles that a book needs."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def names(self, uri: str) -> list[str]:
        return [path.rsplit("/", 1)[1] for path in self.files if path.rsplit("/", 1)[0] == uri]

    def read(self, uri: str) -> str:
        return self.files[uri]

    def write(self, uri: str, text: str) -> None:
        assert uri not in self.files
        self.files[uri] = text

    def delete(self, uri: str) -> None:
        del self.files[uri]


class World:
    """A topic, a registry, and two queries that read the topic at their own pace."""

    def __init__(self) -> None:
        self.topic: list[int] = []  # the schema of each record
        self.registered: set[int] = set()
        self.to_be_read: set[int] = set()  # offsets of records that came after their schema
        self.folder: Any = Folder()
        self.decided: dict[str, list[bool]] = {"lake": [], "online": []}
        self.open_book()

    def open_book(self) -> None:
        self.book = SchemaBook(self.folder, SETTINGS, lambda _: {"interactions:0": len(self.topic)})

    def read(self, query: str) -> None:
        first = len(self.decided[query])
        while undecided := {n for at, n in self.unread(first) if self.decision(n, at) is None}:
            self.book.ask(undecided)
        self.decided[query] += [bool(self.decision(number, at)) for at, number in self.unread(first)]

    def unread(self, first: int) -> list[tuple[int, int]]:
        return list(enumerate(self.topic))[first:]

    def decision(self, number: int, offset: int) -> bool | None:
        """Whether a record is read: the plain form of what `unframe` says in columns; None if undecided."""
        if offset < self.book._refused.get(number, {}).get(0, 0):
            return False
        return True if number in self.book._known else None


def test_both_queries_decide_the_same_and_read_all_that_came_after_its_schema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streaming.records.schema_book.time.sleep", lambda _: None)

    @given(st.lists(STEPS, max_size=30))
    def check(steps: list[tuple[str, Any]]) -> None:
        registered: set[int] = set()
        monkeypatch.setattr(
            registry_module, "registered_schemas", lambda *_: [Schema(n, "AVRO", "") for n in registered]
        )
        world = World()
        for step, what in steps:
            if step == "produce":
                world.to_be_read |= {len(world.topic)} if what in registered else set()
                world.topic.append(what)
            elif step == "register":
                registered.add(what)
            elif step == "read":
                world.read(what)
            else:
                world.open_book()
        world.read("lake")
        world.open_book()
        world.read("online")
        assert world.decided["lake"] == world.decided["online"]
        assert all(world.decided["lake"][offset] for offset in world.to_be_read)

    check()


def test_the_registry_is_asked_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(registry_module, "registered_schemas", lambda *_: [])
    monkeypatch.setattr("streaming.records.schema_book.time.sleep", pauses.append)
    monkeypatch.setattr("streaming.records.schema_book.time.monotonic", lambda: 5.0)
    folder: Any = Folder()
    book = SchemaBook(folder, SETTINGS, lambda _: {"interactions:0": 3, "catalog:0": 9})
    book.ask({7})
    assert pauses == [1.0]
    book.ask({7})
    assert [json.loads(text) for text in folder.files.values()] == [{"0": 3}]


def test_records_are_decoded_refused_or_undecided_by_what_is_known(spark: SparkSession) -> None:
    framed = [in_frame(number, avro(OURS, EVENT)) for number in (1, 1, 2, 2)]
    frame = records(spark, framed, topics.INTERACTIONS.name)  # offsets from 0
    known = {1: Schema(1, "AVRO", json.dumps(OURS))}
    refused = {1: {0: 1}, 2: {0: 3}}
    assert undecided_schemas(frame, known, refused) == {2}
    faults = [row[FAULT] for row in unframe(frame, known, refused).orderBy("offset").collect()]
    assert faults[1] is None
    assert faults[0].startswith("written with schema 1, which the registry did not have")
    assert faults[2].startswith("written with schema 2, which the registry did not have")
    assert faults[3] == f"{UNDECIDED}2"
