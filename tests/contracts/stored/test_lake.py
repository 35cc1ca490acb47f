from __future__ import annotations

import re

from contracts.catalog import CatalogEntry
from contracts.events import Interaction
from contracts.exposures import Exposure, ShownItem
from contracts.stored.lake import (
    CATALOG_DDL,
    EVENT_DDL,
    EXPOSURE_DDL,
    EXPOSURES,
    INTERACTIONS,
    SHOWN_ITEMS_DDL,
    TABLES,
    TOPIC_ONLY_DDL,
)


def _columns(ddl: str) -> list[str]:
    return [column.split()[0] for column in re.split(r",\s*(?![^<]*>)", ddl)]


def test_the_ddl_of_interactions_has_the_fields_of_an_event() -> None:
    assert {*_columns(EVENT_DDL), *_columns(TOPIC_ONLY_DDL)} == set(Interaction.model_fields)


def test_the_ddl_of_the_catalogue_has_the_fields_of_an_entry() -> None:
    assert set(_columns(CATALOG_DDL)) == set(CatalogEntry.model_fields)


def test_the_ddl_of_exposures_has_the_fields_of_an_exposure() -> None:
    assert _columns(EXPOSURE_DDL) == list(Exposure.model_fields)
    assert re.findall(r"(\w+):", SHOWN_ITEMS_DDL) == list(ShownItem.model_fields)
    assert _columns(EXPOSURES.ddl)[: len(Exposure.model_fields)] == list(Exposure.model_fields)


def test_the_lake_keeps_every_field_of_an_event_in_the_same_order() -> None:
    assert _columns(INTERACTIONS.ddl)[: len(_columns(EVENT_DDL))] == _columns(EVENT_DDL)


def test_the_path_of_a_table_is_below_the_uri_of_the_lake() -> None:
    assert {table.path("s3a://b/lake/") for table in TABLES} == {
        f"s3a://b/lake/{table.name}" for table in TABLES
    }
