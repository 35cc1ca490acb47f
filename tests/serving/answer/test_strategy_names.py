"""The strategies that an arm may name are those of the chain."""

from __future__ import annotations

from typing import get_args

from contracts.experiments.definition import StrategyName
from serving.answer.chain import STRATEGIES
from serving.answer.strategies import hybrid


def test_an_arm_may_name_every_strategy_and_nothing_else() -> None:
    assert set(get_args(StrategyName)) == {name for name, _ in STRATEGIES} | {hybrid.SOURCE}
