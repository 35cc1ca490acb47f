"""Well-known event formats on which a mapping file can build.

Sources: CloudEvents 1.0 (JSON event format), Debezium's change events, Segment's track calls with the names
of its ecommerce specification, Snowplow's enriched events as JSON.
"""

from __future__ import annotations

from typing import Any

_CHANGED_ROW: dict[str, Any] = {
    "when": {"/op": ["c", "r", "u"]},
    "fields": {
        "user_id": "/after/user_id",
        "item_id": "/after/item_id",
        "value": ["/after/rating", "/after/value"],
        "event_type": "/after/event_type",
        "event_time": ["/source/ts_ms", "/ts_ms"],
    },
    "time_unit": "ms",
}


def _within(pointer: str, known: dict[str, Any]) -> dict[str, Any]:
    """The same format with every pointer below ``pointer``."""

    def move(places: str | list[str]) -> str | list[str]:
        return pointer + places if isinstance(places, str) else [pointer + place for place in places]

    fields = {name: move(places) for name, places in known["fields"].items()}
    return known | {
        "when": {pointer + place: value for place, value in known["when"].items()},
        "fields": fields,
    }


KNOWN_FORMATS: dict[str, dict[str, Any]] = {
    "cloudevents": {
        "when": {"/specversion": "*", "/source": "*"},
        "fields": {
            "event_id": "/id",
            "event_type": "/type",
            "user_id": ["/data/user_id", "/data/userId", "/data/user/id", "/subject"],
            "item_id": ["/data/item_id", "/data/itemId", "/data/item/id"],
            "value": ["/data/rating", "/data/value"],
            "event_time": "/time",
            "session_id": ["/data/session_id", "/data/sessionId"],
        },
    },
    # A row of a table was inserted or changed, with or without Kafka Connect's schema around it.
    "debezium": _CHANGED_ROW,
    "debezium-with-schema": _within("/payload", _CHANGED_ROW),
    # A row was deleted, so the event is a retraction.
    "debezium-delete": {
        "when": {"/op": "d"},
        "fields": {
            "user_id": "/before/user_id",
            "item_id": "/before/item_id",
            "event_time": ["/source/ts_ms", "/ts_ms"],
        },
        "constants": {"event_type": "retract"},
        "time_unit": "ms",
    },
    "segment": {
        "when": {"/type": "track", "/event": "*"},
        "fields": {
            "event_id": "/messageId",
            "event_type": "/event",
            "user_id": ["/userId", "/anonymousId"],
            "item_id": ["/properties/product_id", "/properties/productId", "/properties/sku"],
            "value": "/properties/rating",
            "event_time": ["/timestamp", "/originalTimestamp", "/receivedAt"],
        },
        "types": {
            "Product Viewed": "view",
            "Product Clicked": "click",
            "Product Added": "click",
            "Product Added to Wishlist": "like",
            "Product Removed from Wishlist": "retract",
            "Product Reviewed": "rating",
        },
    },
    "snowplow": {
        "when": {"/collector_tstamp": "*", "/event_id": "*"},
        "fields": {
            "event_id": "/event_id",
            "event_type": ["/se_action", "/event"],
            "user_id": ["/user_id", "/domain_userid"],
            "item_id": ["/se_property", "/se_label"],
            "value": "/se_value",
            "event_time": ["/derived_tstamp", "/collector_tstamp"],
            "session_id": "/domain_sessionid",
        },
        "types": {"page_view": "view", "add-to-basket": "click", "transaction": "purchase"},
    },
}
