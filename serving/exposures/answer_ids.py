"""Gives answers their recommendation id, and notes what they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from contracts.exposures import ListKind
from serving.exposures.log import ExposureLog
from serving.exposures.text import Shown
from serving.question.candidate import User
from serving.question.list_options import ListOptions

_GIVEN = "given"  # the source of items that the caller gave


class Answer(Protocol):
    """The fields that every answer has."""

    model_version: str | None
    recommendation_id: str


class AnswerList(Answer, Protocol):
    """An answer with one list of items, as dictionaries."""

    items: Any


class UserAnswer(AnswerList, Protocol):
    """An answer for one user."""

    user_id: str


class UserRows(Answer, Protocol):
    """An answer for one user with several lists, each in the field ``items`` of a row."""

    user_id: str
    rows: Any


class ShownQuery(Protocol):
    """What a request says about where its list is shown."""

    @property
    def exposure(self) -> bool:
        """Whether it is shown now."""

    @property
    def session_id(self) -> str | None:
        """The session in which it is shown."""


A = TypeVar("A", bound=UserAnswer)
R = TypeVar("R", bound=UserRows)


def sign(exposures: ExposureLog, answer: AnswerList, arm: str = "") -> User:
    """Give its id to an answer that is for no user. Returns the (unnamed) user of its exposure."""
    reader, page = _reader(answer, ""), shown_of(answer.items[:1])
    answer.recommendation_id = exposures.issue(reader, page[0][2] if page else None, arm)
    return reader


def sign_list(
    exposures: ExposureLog, kind: ListKind, answer: AnswerList, query: ShownQuery, options: ListOptions
) -> None:
    """As `sign`, and note what the answer shows, unless the query says that nobody sees it."""
    reader = sign(exposures, answer, options.arm)
    if query.exposure:
        page = shown_of(answer.items)
        exposures.note(kind, answer.recommendation_id, reader, page, options, query.session_id)


def sign_rank(exposures: ExposureLog, answer: A, exposure: bool) -> A:
    """As `sign_list`, for a user's ranking of items that the caller gave. Returns the answer."""
    reader = _reader(answer, answer.user_id)
    answer.recommendation_id = exposures.issue(reader, _GIVEN)
    if exposure:
        page = [(item["item_id"], 0.0, _GIVEN) for item in answer.items]
        exposures.note("rank", answer.recommendation_id, reader, page)
    return answer


def sign_because(exposures: ExposureLog, answer: R, exposure: bool) -> R:
    """As `sign_list`, for a user's rows of items: one id for all, and ranks that go on from row to row."""
    reader = _reader(answer, answer.user_id)
    page = [shown for row in answer.rows for shown in shown_of(row.items)]
    answer.recommendation_id = exposures.issue(reader, page[0][2] if page else None)
    if exposure:
        exposures.note("because", answer.recommendation_id, reader, page)
    return answer


def shown_of(items: Iterable[Mapping[str, Any]]) -> list[Shown]:
    """The items of an answer as `ExposureLog.note` takes them."""
    return [(item["item_id"], item.get("score", 0.0), item.get("source", "")) for item in items]


def _reader(answer: Answer, user_id: str) -> User:
    through: int | None = getattr(answer, "applied_through", None)
    return User(user_id, model_version=answer.model_version, applied_through=through)
