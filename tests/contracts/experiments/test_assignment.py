"""Assignment to arms: stable, in proportion, independent between experiments, the same in every process."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from contracts.experiments.assignment import Arms
from contracts.experiments.definition import Definition
from contracts.experiments.record import Experiment, define, stop_arm

USERS = [f"user-{n}" for n in range(20_000)]


def arms(name: str = "e", weights: tuple[float, ...] = (1, 1), **fields: Any) -> Arms:
    return Arms(experiment(name, weights, **fields))


def experiment(name: str = "e", weights: tuple[float, ...] = (1, 1), **fields: Any) -> Experiment:
    named = [{"name": f"arm{place}", "weight": weight} for place, weight in enumerate(weights)]
    shape = {"name": name, "hypothesis": "h", "arms": named, **fields}
    return define(Definition.model_validate(shape), None, 1).model_copy(update={"state": "running"})


def assign_all(prepared: Arms) -> list[str | None]:
    found = (prepared.assign(user) for user in USERS)
    return [None if each is None else each.arm.name for each in found]


def test_users_are_spread_by_the_weights() -> None:
    counts = Counter(assign_all(arms(weights=(5, 0, 3, 2))))
    assert set(counts) == {"arm0", "arm2", "arm3"}
    expected = [10_000, 6_000, 4_000]
    assert stats.chisquare([counts["arm0"], counts["arm2"], counts["arm3"]], expected).pvalue > 0.001


def test_two_experiments_and_two_runs_assign_independently() -> None:
    one = experiment("one")
    first, other = assign_all(Arms(one)), assign_all(arms("two"))
    again = assign_all(Arms(one.model_copy(update={"run": 2})))
    for second in (other, again):
        table = Counter(zip(first, second, strict=True))
        rows = [[table[a, b] for b in ("arm0", "arm1")] for a in ("arm0", "arm1")]
        assert stats.chi2_contingency(rows).pvalue > 0.001


def test_a_larger_audience_leaves_every_user_in_the_same_arm() -> None:
    small, large = assign_all(arms(audience={"share": 0.2})), assign_all(arms(audience={"share": 0.6}))
    assert abs(sum(arm is not None for arm in small) / len(USERS) - 0.2) < 0.02
    assert all(was in (None, later) for was, later in zip(small, large, strict=True))


@given(st.text(st.characters(), max_size=40))
def test_any_user_id_gets_the_same_arm_each_time(user: str) -> None:
    first, second = arms().assign(user), arms().assign(user)
    assert first is not None
    assert first == second


def test_two_processes_assign_the_same_arms() -> None:
    program = (
        "from contracts.experiments.assignment import unit_hash\n"
        "print(*(round(unit_hash(b'e/1\\0', user)[1], 12) for user in ('ann', 'bob', 'ü')))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["0.315416362552", "0.208437525138", "0.638853418274"]


def test_a_tester_is_in_the_named_arm_and_is_marked_as_a_tester() -> None:
    found = arms(weights=(1, 1e-9), testers={"tom": "arm1"}, audience={"share": 1e-9}).assign("tom")
    assert found is not None
    assert (found.arm.name, found.tester) == ("arm1", True)


def test_users_of_a_stopped_arm_leave_and_the_others_stay() -> None:
    running = experiment(weights=(1, 1, 1))
    before, after = assign_all(Arms(running)), assign_all(Arms(stop_arm(running, "arm1", "harm", 2)))
    assert [None if arm == "arm1" else arm for arm in before] == after
