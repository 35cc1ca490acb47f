from __future__ import annotations

import json

from clients.rejected_reader import RejectedEvent
from contracts.events import Interaction
from contracts.refused_rows import RefusedRow
from streaming.recovery.rejects import as_line, read_corrections

GOOD = json.dumps({"event_type": "rating", "user_id": "u", "item_id": "i", "value": 4, "event_time": 1})


def test_a_line_has_all_that_is_needed_to_correct_the_event() -> None:
    event = RejectedEvent("why", b"u", b"\xff{", "interactions", 2, 9, 0, 0, 0)
    line = as_line(event)
    assert (line["reason"], line["source_partition"], line["source_offset"]) == ("why", 2, 9)
    assert line["value"] == "\\xff{"


def test_corrected_lines_become_events_and_the_others_say_what_is_wrong() -> None:
    lines = [json.dumps({"value": GOOD}), "", json.dumps({"value": GOOD.replace("4", "9")}), "{", "[]"]
    parsed = dict(read_corrections(lines))
    assert isinstance(parsed[1], Interaction)
    assert "0.5-5" in str(parsed[3])
    assert [number for number, event in parsed.items() if isinstance(event, str)] == [3, 4, 5]


def test_rows_of_files_among_the_lines_are_corrected_in_their_file() -> None:
    row = RefusedRow("a.csv", 3, "no time", "1, 2").encode()
    assert next(read_corrections([row, json.dumps({"value": GOOD})]))[0] == 2
