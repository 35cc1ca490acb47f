from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from stack.verify.check import verify
from stack.verify.ledgers import EVENTS, Ledgers

ROW = {"partition": 0, "offset": 4, "event_id": "a"}
CLEAN = Ledgers(pa.Table.from_pylist([ROW], EVENTS), pa.Table.from_pylist([ROW], EVENTS))


def test_a_check_that_was_skipped_is_not_a_violation() -> None:
    verified = verify(CLEAN)
    assert verified.holds
    verdicts = {verdict.invariant.name: verdict.holds for verdict in verified.verdicts}
    assert verdicts == {"I1": True, "I2": True, "I3": True, "I4": True, "I5": None, "I6": True, "I7": None}
    assert list(verified.verdicts[0].sentences()) == ["I1 no loss: holds"]
    assert "export-state FILE" in next(iter(verified.verdicts[4].sentences()))


def test_a_violation_is_one_sentence_with_its_cure_and_the_runbook() -> None:
    verified = verify(replace(CLEAN, lake=EVENTS.empty_table()))
    assert not verified.holds
    (sentence,) = verified.verdicts[0].sentences()
    assert sentence.startswith(
        "I1 no loss: 1 acknowledged events are neither in the lake nor refused "
        "(interactions:0:4 event a): wait until"
    )
    assert sentence.endswith("(I1 in docs/operations.md)")
    found = verified.to_dict()
    assert (found["holds"], found["invariants"]["I1"]["holds"]) == (False, False)
    assert found["invariants"]["I1"]["violations"][0]["cases"] == 1
    assert found["counts"]["acknowledged"] == 1
