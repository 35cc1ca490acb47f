"""The fallback chain: every strategy by its source, and the order in which an answer asks them.

To add one: write its file with SOURCE and a factory, and name it in STRATEGIES.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from serving.answer.strategies import (
    batch_list,
    content,
    demographic,
    editorial,
    fresh_list,
    hybrid,
    newest,
    popular,
    session_neighbours,
    trending,
)
from serving.answer.strategies.strategy import Factory, Strategy
from serving.memory.process_memory import ProcessMemory

STRATEGIES: tuple[tuple[str, Factory], ...] = (
    (fresh_list.SOURCE, fresh_list.fresh_list),
    (batch_list.SOURCE, batch_list.batch_list),
    (session_neighbours.SOURCE, session_neighbours.session_neighbours),
    (editorial.SOURCE, editorial.editorial),
    (content.SOURCE, content.content),
    (demographic.SOURCE, demographic.demographic),
    (trending.SOURCE, trending.trending),
    (newest.SOURCE, newest.newest),
    (popular.SOURCE, popular.popular),
)


class Chain:
    """Strategies with their names, in the order in which they are asked."""

    def __init__(self, by_name: Sequence[tuple[str, Strategy]]) -> None:
        self.by_name = by_name
        # computed once, because every answer needs them
        self.strategies = [strategy for _, strategy in by_name]


def configured_chain(memory: ProcessMemory) -> Chain:
    """The strategies of ANSWER_CHAIN in its order. Raises ValueError for a name that no strategy has."""
    return _build_chain(memory, "ANSWER_CHAIN", memory.settings.answer_chain)


def _build_chain(memory: ProcessMemory, named_by: str, names: Sequence[str]) -> Chain:
    settings = memory.settings
    strategies = {name: factory(memory) for name, factory in STRATEGIES}
    _refuse_unknown("HYBRID_WEIGHTS", settings.hybrid_weights, strategies)
    strategies[hybrid.SOURCE] = hybrid.hybrid(
        [(weight, strategies[name]) for name, weight in settings.hybrid_weights.items()]
    )
    _refuse_unknown(named_by, names, strategies)
    return Chain([(name, strategies[name]) for name in names])


def arm_chain(memory: ProcessMemory, names: Sequence[str]) -> Chain:
    """The strategies that an experiment's arm names, in its order. Raises ValueError for an unknown name."""
    return _build_chain(memory, "An arm", names)


def trending_first(memory: ProcessMemory, chain: Chain) -> Chain:
    """The same chain with trending items first, for use while no model is better than recent popularity."""
    others = [(name, strategy) for name, strategy in chain.by_name if name != trending.SOURCE]
    return Chain([(trending.SOURCE, trending.trending(memory)), *others])


def _refuse_unknown(named_by: str, names: Iterable[str], strategies: Mapping[str, Strategy]) -> None:
    unknown = [name for name in names if name not in strategies]
    if unknown:
        raise ValueError(f"{named_by} names {', '.join(unknown)}; the strategies are {', '.join(strategies)}")
