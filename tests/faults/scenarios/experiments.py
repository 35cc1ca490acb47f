"""Experiments and live figures of the demo, whose better arm is known, through kills and a flush of Redis.

The visitors have a taste, so a list made for a user is better than the popular list, and that one better than
the newest items.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from contracts.live_figures import POPULAR, RETRAINED
from stack.demo.visitors import NAME
from stack.status.block import live_line
from tests.faults.processes import wait_until
from tests.faults.scenarios.counted_visits import CountedVisits
from tests.faults.scenarios.demo import Demo

_SETTINGS = {"GUARDRAILS_EVERY_SECONDS": "15", "OUTCOMES_EVERY_SECONDS": "10", "LAKE_TRIGGER_SECONDS": "5"}
_REPORT_EVERY_SECONDS = 10.0
_FIRST_TRAFFIC_SECONDS = 20.0  # before streaming is killed
_REFRESH_SECONDS = 3.0  # until every API process has seen a change of an experiment
_BETTER, _WORSE = "personal", "newest"
_HARMFUL: dict[str, Any] = {
    "name": "newest-first",
    "hypothesis": "The newest items are as good as lists made for each user.",
    "arms": [{"name": _BETTER}, {"name": _WORSE, "parameters": {"strategies": ["newest"]}}],
    "unit": "session",
    "guardrails": [{"metric": "click_through_rate", "may_lose": 0.1}],
    "minimum_effect": 0.2,
    "planned_days": 1,
}


def through_kills_and_flush(folder: Path) -> str:
    """The report finds the better arm, a guardrail stops the worse one, and nothing counts twice."""
    demo = Demo(folder, **_SETTINGS)
    try:
        demo.wait_for_model()
        wait_until(lambda: _is_running(demo), "the demo's experiment runs", every=1)
        visits = CountedVisits(demo.address("api"), seed=8)
        with visits.visits():
            time.sleep(_FIRST_TRAFFIC_SECONDS)
            recovered = demo.kill_streaming()
            decided = _wait_for_decision(demo)
        truth = visits.true_lift(f"{NAME}/1:popular", f"{NAME}/1:{_BETTER}")
        found = _lift(decided, truth)
        live = _live_figures(demo)
        fields = _same_after_flush(demo, folder)
        with visits.visits():
            assert not visits.errors, visits.errors[:3]
            demo.kill_api()
            visits.errors.clear()
            stopped = _guardrail_stops(demo, folder, visits)
        assert not visits.errors, visits.errors[:3]
        with demo.at_rest():
            lost = _verify(demo, folder, visits)
        ratings = visits.ratings.total()
    finally:
        demo.stop()
    return (
        f"{found}; live {live}; streaming killed, back in {recovered:.0f} s; Redis flushed and rebuilt, "
        f"{fields} live figures the same; worse arm stopped after {stopped:.0f} s; "
        f"{len(visits.lists):,} lists and {ratings:,} ratings, 0 doubled; the API killed, {lost}"
    )


def _is_running(demo: Demo) -> bool:
    known = demo.read("experiments", "list")
    return [(each["definition"]["name"], each["state"]) for each in known] == [(NAME, "running")]


def _wait_for_decision(demo: Demo) -> Any:
    """The report once it says that the better arm is better."""
    report = demo.read("experiments", "report", NAME)

    def is_decided() -> bool:
        nonlocal report
        report = demo.read("experiments", "report", NAME)
        return str(report["decision"]).startswith(f"{_BETTER} is better: click_through_rate +")

    wait_until(is_decided, "the report finds the better arm", every=_REPORT_EVERY_SECONDS)
    return report


def _lift(report: Any, truth: float) -> str:
    """The lift in words. Raises AssertionError where its interval lacks the true one, or touches zero."""
    (primary,) = (each for each in report["comparisons"] if each["metric"] == report["primary"])
    low, high = primary["any_time"]["low"], primary["any_time"]["high"]
    assert 0 < low < primary["lift"] < high, primary
    assert low < truth < high, f"the true lift {truth:+.1%} is outside {low:+.1%} to {high:+.1%}"
    assert not report["sample_ratio"]["alarm"], report["sample_ratio"]
    assert report["refused_exposures"] == 0
    lists = sum(arm["users"] for arm in report["arms"])
    return (
        f"{lists} visits: {_BETTER} {primary['lift']:+.0%}, at every look {low:+.0%} to {high:+.0%} "
        f"(by taste {truth:+.0%})"
    )


def _live_figures(demo: Demo) -> str:
    """The line of the status block: the lists that users had are better than both that stand beside them."""
    live = demo.status().live
    assert live is not None
    served, line = live.served_lists, live_line(live)
    for name in (RETRAINED, POPULAR):
        beside = live.beside[name]
        assert (served.hit_rate or 0) > (beside.hit_rate or 0) > 0, line
        assert (served.ndcg or 0) > (beside.ndcg or 0) > 0, line
    shown = " ".join(demo.headwater("status").replace("│", " ").split())
    assert "live hit@10 " in shown, shown
    return line


def _same_after_flush(demo: Demo, folder: Path) -> int:
    """Flush Redis, restore and rebuild it. Returns how many live figures are the same as before."""
    with demo.at_rest():
        before, arms = demo.live_days(), demo.read("experiments", "report", NAME)["arms"]
        recount = demo.read("report", "live")["versions"]
        assert before
        demo.headwater("backup", str(folder / "backup.tar"))
        demo.flush_redis()
        assert demo.live_days() == {}
        demo.headwater("restore", str(folder / "backup.tar"))
        demo.headwater("rebuild")
        assert demo.live_days() == before
        assert demo.read("report", "live")["versions"] == recount
        assert demo.read("experiments", "report", NAME)["arms"] == arms
    return sum(map(len, before.values()))


def _guardrail_stops(demo: Demo, folder: Path, visits: CountedVisits) -> float:
    """Start an experiment with a harmful arm. Returns the seconds until it was stopped by nobody's hand."""
    demo.headwater("experiments", "stop", NAME, "--reason", "decided")
    definition = folder / "harmful.json"
    definition.write_text(json.dumps(_HARMFUL))
    demo.headwater("experiments", "create", str(definition), "--start")
    begun, name = time.monotonic(), _HARMFUL["name"]

    def stopped_arms() -> Any:
        (found,) = (each for each in demo.read("experiments", "list") if each["definition"]["name"] == name)
        return found["stopped_arms"]

    wait_until(lambda: bool(stopped_arms()), "a guardrail stops the arm", every=2)
    seconds = time.monotonic() - begun
    (stop,) = stopped_arms()
    assert (stop["arm"], stop["reason"].startswith("guardrail: click_through_rate")) == (_WORSE, True), stop
    time.sleep(_REFRESH_SECONDS)
    answered = len(visits.lists)
    wait_until(lambda: len(visits.lists) > answered + 50, "answers after the stop")
    # With its last arm beside the control, the whole experiment has ended.
    assert {shown.arm for shown in list(visits.lists.values())[answered:]} == {""}
    return seconds


def _verify(demo: Demo, folder: Path, visits: CountedVisits) -> str:
    """Each list and rating is in the lake once, and every invariant holds, live figures (I7) among them.

    Returns what the killed API has lost, in words.
    """
    known = demo.status().lost_exposures
    counted = known.lists if known else 0
    missing = visits.assert_in_lake_once(str(demo.folders.lake), counted)
    sent, state = folder / "sent.jsonl", folder / "state.jsonl"
    sent.touch()  # nobody here keeps a ledger
    demo.headwater("verify", "export-state", str(state))
    ledgers = ("--acknowledged", str(sent), "--state", str(state), "--other-producers")
    invariants = demo.read("verify", *ledgers)["invariants"]
    assert [invariants[name]["holds"] for name in ("I2", "I5", "I6", "I7")] == [True] * 4, invariants
    return f"{missing} lists lost of at most {counted} that it counts"
