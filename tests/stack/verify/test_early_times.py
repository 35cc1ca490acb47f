from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from clients.topic_admin import end_offsets
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from contracts.stored.lake import INTERACTIONS
from contracts.topics import INTERACTIONS as TOPIC
from stack.cli import build_app
from stack.verify.early_times import corrected_events, early_times

NOW_MS = 1_800_000_000_000


def _rows(*times: int, **columns: list[str]) -> pa.Table:
    several = len(times)
    return pa.table(
        {
            "event_id": [f"00000000-0000-4000-8000-{n:012}" for n in range(several)],
            "user_id": [f"u{n}" for n in range(several)],
            "item_id": ["i"] * several,
            "event_type": ["rating", *["view"] * (several - 1)],
            "value": [4.5, *[1.0] * (several - 1)],
            "event_time": list(times),
            **columns,
        }
    )


def test_events_before_1990_are_reported_with_the_cure() -> None:
    sentence = early_times(_rows(EARLIEST_PLAUSIBLE_MS, 1_600_000_000, 1_600_000_001))
    assert sentence is not None
    assert sentence.startswith("2 events of 2 users have a time before 1990 (the first: user 'u1', item 'i'")
    assert "`headwater verify correct-times`" in sentence


def test_events_at_plausible_times_are_not_reported() -> None:
    assert early_times(_rows(EARLIEST_PLAUSIBLE_MS, 1_600_000_000_000)) is None


def test_an_event_that_was_sent_again_with_a_later_time_is_no_longer_reported() -> None:
    same = {"user_id": ["u", "u"], "event_type": ["view", "view"], "value": [1.0, 1.0]}
    assert early_times(_rows(1_600_000_000, 1_600_000_000_000, **same)) is None
    assert early_times(_rows(1_600_000_000, 1_600_000_000_000, **same | {"user_id": ["u", "v"]}))


def test_early_times_are_read_as_seconds_where_that_gives_a_plausible_time() -> None:
    rows = _rows(1_600_000_000, 5, 1_799_999_999, 1_900_000_000, 1_600_000_000_000)
    events = list(corrected_events(rows, NOW_MS))
    assert [(event.user_id, event.event_time) for event in events] == [
        ("u0", 1_600_000_000_000),
        ("u2", 1_799_999_999_000),
    ]
    assert (events[0].event_type, events[0].value) == ("rating", 4.5)
    assert [event.event_id for event in corrected_events(rows, NOW_MS)] == [e.event_id for e in events]
    assert events[0].event_id != rows["event_id"][0].as_py()


@pytest.mark.parametrize("is_check", [True, False])
def test_the_command_sends_early_events_again_or_only_shows_them(
    fresh_topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_check: bool
) -> None:
    rows = _rows(1_600_000_000, 5, 1_600_000_000_000)
    moments = rows["event_time"].cast(pa.timestamp("ms", "UTC"))
    rows = rows.set_column(rows.schema.get_field_index("event_time"), "event_time", moments)
    for name, kind in (("kafka_partition", pa.int32()), ("kafka_offset", pa.int64())):
        rows = rows.append_column(name, pa.array(range(3), kind))
    write_deltalake(INTERACTIONS.path(str(tmp_path)), rows)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", fresh_topics)
    words = ["verify", "correct-times", "--lake", str(tmp_path), *(["--check"] if is_check else [])]
    answer = CliRunner().invoke(build_app(words), words)
    assert answer.exit_code == 0, answer.output
    assert "2 events have a time before 1990; 1 of them" in answer.stdout
    assert "user 'u0', item 'i', rating: 2020-09-13T12:26:40+00:00" in answer.stdout
    assert sum(end_offsets(fresh_topics, TOPIC.name).values()) == (0 if is_check else 1)
