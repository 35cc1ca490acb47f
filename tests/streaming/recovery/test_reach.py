from __future__ import annotations

from typing import NamedTuple

from hypothesis import assume, example, given
from hypothesis import strategies as st

from streaming.lake.offsets import LakeReach
from streaming.recovery.reach import Continuation, continuation

NAME, TOPIC = "interactions:0", "interactions"


class Record(NamedTuple):
    offset: int
    at: int  # the broker's time


class History(NamedTuple):
    """A partition of a topic that was deleted and created again a few times, and the lake beside it."""

    present: list[Record]  # all that were ever written to the topic that is there now
    begin: int  # the first that Kafka keeps
    rows: list[Record]  # of all topics
    again: bool  # nothing of the present one has been read

    @property
    def kept_records(self) -> list[Record]:
        return self.present[self.begin :]

    @property
    def rows_of_present(self) -> list[Record]:
        return sorted(set(self.rows) & set(self.present))

    def reach(self) -> LakeReach:
        """As `lake_reach` finds it by joins."""
        found = [row.offset + 1 for row in self.rows if row in self.kept_records]
        last = max(self.rows, key=lambda row: row.at, default=None)
        return LakeReach(
            kept={NAME: self.begin},
            ends={NAME: len(self.present)},
            present={NAME: max(found)} if found else {},
            latest={} if last is None else {NAME: last.offset + 1},
        )

    def continuation(self) -> Continuation:
        return continuation(self.reach(), [TOPIC] if self.again else [])


@st.composite
def histories(draw: st.DrawFn) -> History:
    rows: list[Record] = []
    at = 0
    for _ in range(draw(st.integers(0, 2))):
        topic = [Record(offset, at + offset) for offset in range(draw(st.integers(0, 12)))]
        rows += [record for record in topic if draw(st.booleans())]
        at += 100
    present = [Record(offset, at + offset) for offset in range(draw(st.integers(0, 12)))]
    begin = draw(st.integers(0, len(present)))
    again = draw(st.booleans())
    read = 0 if again else draw(st.integers(0, len(present)))
    rows += [record for record in present[:read] if draw(st.booleans())]
    return History(present, begin, rows, again)


OF_OLD = [Record(offset, offset) for offset in range(5)]
OF_NEW = [Record(offset, 100 + offset) for offset in range(9)]
SHORTER = History(OF_NEW[:3], 0, [*OF_OLD, OF_NEW[0]], again=False)
LONGER_WITH_A_HOLE = History(OF_NEW, 0, [*OF_OLD, *OF_NEW[:2], OF_NEW[3]], again=False)


@given(histories())
@example(SHORTER)
@example(LONGER_WITH_A_HOLE)
def test_after_a_repair_each_record_that_kafka_keeps_is_in_the_lake_once_whatever_topics_were_there_before(
    history: History,
) -> None:
    begins = history.continuation().offsets[NAME]
    holes = [
        record for record in history.kept_records if record.offset < begins and record not in history.rows
    ]
    read = [record for record in history.present if record.offset >= begins]
    repaired = [*history.rows, *holes, *read]
    assert [repaired.count(record) for record in history.kept_records] == [1] * len(history.kept_records)
    assert len(repaired) == len(set(repaired))


@given(histories())
@example(SHORTER)
@example(LONGER_WITH_A_HOLE)
def test_lost_is_only_what_kafka_deleted_of_the_present_topic_before_the_lake_had_it(
    history: History,
) -> None:
    # Rows of an earlier topic alone do not say that nothing of the present one was read.
    assume(history.rows_of_present or history.again or not history.begin)
    had = history.rows_of_present[-1].offset + 1 if history.rows_of_present else 0
    lost = max(0, history.begin - had) if history.rows else 0
    said = [f"{lost} records of {NAME} left Kafka before the lake had them"] if lost else []
    assert history.continuation().lost == said


def test_of_an_earlier_topic_it_says_how_much_the_lake_lacks() -> None:
    found = LakeReach(
        kept={"interactions:0": 0, "interactions:1": 0, "catalog:0": 0},
        ends={"interactions:0": 3, "interactions:1": 3, "catalog:0": 4},
        present={"catalog:0": 4},
        latest={"interactions:0": 10, "catalog:0": 4},
    )
    came_to = {"interactions:0": 12, "interactions:1": 5, "catalog:0": 9}
    begin = "interactions was deleted and created again: of the earlier topic the lake lacks "
    end = "; what came after can no longer be had"
    (said,) = continuation(found, ["interactions"], came_to).earlier
    assert said == f"{begin}up to 7 records that had been read{end}"
    (said,) = continuation(found, ["interactions"], {"interactions:0": 10}).earlier
    assert said == f"{begin}nothing that had been read{end}"
    of_it = [said for said in continuation(found, ["exposures"], came_to).earlier if "exposures" in said]
    assert of_it == []  # nothing of it was read


def test_a_topic_that_ends_before_the_last_row_is_named_where_the_broker_tells_no_ids() -> None:
    found = LakeReach(
        kept={"interactions:0": 0}, ends={"interactions:0": 3}, present={}, latest={"interactions:0": 10}
    )
    assert continuation(found, []) == (
        {"interactions:0": 0},
        [],
        [
            "interactions:0 was created again, or Kafka lost its end: it ends at 3, the lake has rows to 10. "
            "What the lake lacks of those can no longer be had"
        ],
    )
