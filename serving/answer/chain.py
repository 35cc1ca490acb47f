"""The fallback chain: every strategy by its source, and the order in which an answer asks them.

To add one: write its file with SOURCE and a factory, and name it in STRATEGIES.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from serving.answer.strategies.strategy import Factory, Sources, Strategy

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


def chain(sources: Sources) -> Sequence[tuple[str, Strategy]]:
    """The strategies of ANSWER_CHAIN in its order. Raises ValueError for a name that is none."""
    made = {name: factory(sources) for name, factory in STRATEGIES}
    settings = sources.settings
    _refuse_unknown("HYBRID_WEIGHTS", settings.hybrid_weights, made)
    made[hybrid.SOURCE] = hybrid.hybrid(
        [(weight, made[name]) for name, weight in settings.hybrid_weights.items()]
    )
    _refuse_unknown("ANSWER_CHAIN", settings.answer_chain, made)
    return [(name, made[name]) for name in settings.answer_chain]


def _refuse_unknown(setting: str, names: Sequence[str] | dict[str, float], made: dict[str, Strategy]) -> None:
    unknown = [name for name in names if name not in made]
    if unknown:
        raise ValueError(f"{setting} names {', '.join(unknown)}; the strategies are {', '.join(made)}")
