"""Turns records framed for a schema registry (byte 0, four bytes of the schema's id, a body) into JSON.

Spark's `from_avro` decodes Avro inside the JVM: a Python function before the live query would hold each
record back until the next one arrives. The column ORIGINAL keeps the record's bytes, and FAULT has the reason
if it cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import reduce
from typing import Any, TypeAlias

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.avro.functions import from_avro

from contracts import topics
from streaming.records.mapped_json import FRAME_BYTES, FRAMED
from streaming.records.mapping import FAULT, ORIGINAL
from streaming.records.schema_registry import Schema

# Spark would write these types as text; without them a time stays the number that the producer wrote.
_MOMENTS = ("timestamp-", "local-timestamp-")
Refusals: TypeAlias = Mapping[int, Mapping[int, int]]
UNDECIDED = "undecided: written with schema "  # begins the FAULT of a record whose schema must be asked for
_NOTHING = "{}"  # Spark's result for a body that does not match its schema (a row of nulls)


def unframe(records: DataFrame, schemas: Mapping[int, Schema], refused: Refusals | None = None) -> DataFrame:
    """Turn framed interactions of a known schema into JSON; adds the columns ORIGINAL and FAULT to all
    records.

    ``refused`` has, by schema and partition, the offset below which its records were read before the schema
    was known; None where no registry is asked. A JSON body of an unknown schema is left to `map_records`,
    which needs no schema for it.
    """
    framed = _in_parts(records)
    is_refused = _is_refused(refused or {})
    decoded = framed.withColumn(
        "decoded", F.when(~is_refused, _first([_body_as_json(schema) for schema in schemas.values()]))
    )
    is_read = F.col("decoded").isNotNull() & (F.col("decoded") != F.lit(_NOTHING.encode()))
    fault = F.when(F.col("schema_id").isNotNull() & ~is_read, _fault(schemas, is_refused))
    if refused is not None:
        asked_for = F.concat(F.lit(UNDECIDED), F.col("schema_id").cast("string"))
        fault = F.when(_is_undecided(schemas, refused), asked_for).otherwise(fault)
    return decoded.withColumns(
        {
            ORIGINAL: F.col("value"),
            FAULT: fault,
            "value": F.when(is_read, F.col("decoded")).otherwise(F.col("value")),
        }
    ).select(*records.columns, ORIGINAL, FAULT)


def undecided_schemas(records: DataFrame, schemas: Mapping[int, Schema], refused: Refusals) -> set[int]:
    """The ids of schemas in these records that are neither known nor refused."""
    undecided = _in_parts(records).filter(_is_undecided(schemas, refused))
    return {int(row["schema_id"]) for row in undecided.select("schema_id").distinct().collect()}


def _in_parts(records: DataFrame) -> DataFrame:
    """Adds schema_id and body, null for records without a frame."""
    is_framed = (F.col("topic") == topics.INTERACTIONS.name) & F.startswith("value", F.lit(FRAMED))
    number = F.conv(F.hex(F.substring("value", 2, FRAME_BYTES - 1)), 16, 10).cast("bigint")
    body = F.substring("value", FRAME_BYTES + 1, topics.MAX_EVENT_BYTES * 4)
    return records.withColumns({"schema_id": F.when(is_framed, number), "body": F.when(is_framed, body)})


def _is_refused(refused: Refusals) -> Column:
    bounds = [
        F.when((F.col("schema_id") == number) & (F.col("partition") == partition), F.lit(end))
        for number, ends in refused.items()
        for partition, end in ends.items()
    ]
    return F.coalesce(F.col("offset") < _first(bounds), F.lit(False))


def _is_undecided(schemas: Mapping[int, Schema], refused: Refusals) -> Column:
    is_known = F.col("schema_id").isin(*schemas) if schemas else F.lit(False)
    return F.col("schema_id").isNotNull() & ~is_known & ~_is_refused(refused)


def _body_as_json(schema: Schema) -> Column:
    """The body of this schema's records as JSON; null for all others, and for kinds that are not read."""
    is_of_schema = F.col("schema_id") == schema.number
    if schema.kind == "JSON":
        return F.when(is_of_schema & (F.length("body") > 0), F.col("body"))
    if schema.kind != "AVRO" or schema.refers_to_others or not is_record(schema.text):
        return F.lit(None).cast("binary")
    fields = from_avro(
        F.when(is_of_schema, F.col("body")), _numbers_as_they_are(schema.text), {"mode": "PERMISSIVE"}
    )
    return F.when(is_of_schema, F.to_json(fields).cast("binary"))


def _fault(schemas: Mapping[int, Schema], is_refused: Column) -> Column:
    """Why a framed record cannot be turned into JSON; null if its body is JSON already."""
    number = F.col("schema_id").cast("string")
    known = [
        F.when(F.col("schema_id") == schema.number, F.lit(_fault_of(schema))) for schema in schemas.values()
    ]
    unknown = F.concat(
        F.lit("written with schema "),
        number,
        F.lit(
            " of a registry, which was not known when streaming started: name its file under `schemas` in "
            "EVENT_MAPPING_FILE, or set SCHEMA_REGISTRY_URL, and restart streaming"
        ),
    )
    too_early = F.concat(
        F.lit("written with schema "),
        number,
        F.lit(
            ", which the registry did not have when the record was read: register it, then produce it again"
        ),
    )
    is_json = F.startswith("body", F.lit(b"{"))
    return F.when(is_refused, F.when(~is_json, too_early)).otherwise(
        _first([*known, F.when(~is_json, unknown)])
    )


def _fault_of(schema: Schema) -> str:
    if schema.kind == "JSON":
        return f"the record is empty behind its frame of schema {schema.number}"
    name = f"schema {schema.number}"
    if schema.kind != "AVRO":
        return f"{name} is {schema.kind.capitalize()}, which is not read: produce Avro or JSON"
    if schema.refers_to_others:
        return f"{name} refers to other schemas, which is not read: register it in one piece"
    if not is_record(schema.text):
        return f"{name} is no record of Avro"
    return f"the bytes do not fit {name}"


def _first(columns: list[Column]) -> Column:
    return reduce(lambda first, then: F.coalesce(first, then), columns) if columns else F.lit(None)


def is_record(text: str) -> bool:
    """Whether a schema's text is Avro of a record."""
    try:
        return bool(json.loads(text)["type"] == "record")
    except (ValueError, KeyError, TypeError):
        return False


def _numbers_as_they_are(text: str) -> str:
    return json.dumps(_without_moments(json.loads(text)))


def _without_moments(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_moments(each) for each in part]
    if not isinstance(part, dict):
        return part
    is_moment = str(part.get("logicalType", "")).startswith(_MOMENTS)
    return {
        name: _without_moments(each)
        for name, each in part.items()
        if not (is_moment and name == "logicalType")
    }
