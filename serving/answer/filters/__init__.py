"""Filters: they remove items from every answer, whichever strategy proposed them. One filter a file."""

from __future__ import annotations

from serving.answer.filters.availability import leave_out_unavailable
from serving.answer.filters.exclusion import leave_out_excluded
from serving.answer.filters.filter import Filter
from serving.answer.filters.known_items import leave_out_known
from serving.answer.filters.matching import keep_matching
from serving.answer.filters.operator_lists import keep_to_operator_lists

FILTERS: tuple[Filter, ...] = (
    leave_out_known,
    leave_out_excluded,
    keep_to_operator_lists,
    leave_out_unavailable,
    keep_matching,
)
