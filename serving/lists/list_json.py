"""A user's list as JSON, made from text that is ready: titles are encoded when the catalogue is read.

The same answer as ``serving.answer.recommendations.Recommendations``: its test compares the two. Making and
encoding that model took a tenth of a whole answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from json.encoder import encode_basestring as quoted

from serving.question.candidate import Candidate, User
from serving.question.item_facts import ItemFacts
from serving.question.list_options import ListOptions

Facts = Callable[[str], ItemFacts]


def list_json(
    user: User,
    options: ListOptions,
    page: Iterable[Candidate],
    facts: Facts,
    stale: bool,
    lag_ms: int | None,
    recommendation_id: str,
) -> bytes:
    """The answer's bytes; what differs between two answers of the same list comes last."""
    items = ",".join(
        [
            # A score that is not finite has no JSON; its difference from itself is not 0.
            f'{{"item_id":{quoted(item_id)},"rank":{rank},'
            f'"score":{round(score, 6) if score - score == 0 else "null"},'
            f'"source":"{source}","title":{facts(item_id).title_json}}}'
            for rank, (item_id, score, source) in enumerate(page, options.offset + 1)
        ]
    )
    version = "null" if user.model_version is None else quoted(user.model_version)
    through = "null" if user.applied_through is None else user.applied_through
    return (
        f'{{"user_id":{quoted(user.user_id)},"n":{options.n},"offset":{options.offset},"items":[{items}],'
        f'"model_version":{version},"known_items":{user.known_count},'
        f'"stale":{"true" if stale else "false"},'
        f'"applied_through":{through},"arm":"{options.arm}","lag_ms":{"null" if lag_ms is None else lag_ms},'
        f'"recommendation_id":"{recommendation_id}"}}'
    ).encode()
