"""A user's list as JSON, put together from text: titles are encoded already when the catalogue is read.

It is the same JSON as that of ``serving.answer.recommendations.Recommendations``; a test compares the two.
Building and encoding that model took a tenth of the time of an answer.
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
    """The answer's bytes; fields that differ between two answers with the same list come last."""
    items = ",".join(
        [
            # JSON has no form for a score that is not finite; such a score minus itself is not 0.
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
