"""Finds the columns of user, item, value, time and type: as a person says, or by usual names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ingest.files.rejected_lines import NoTableError, SourceError

PARTS = ("user", "item", "value", "time", "type", "quantity", "status")
# Usual names of each part, the preferred first, in lower case and without blanks and signs.
USUAL: dict[str, tuple[str, ...]] = {
    "user": (
        "userid", "user", "usr", "uid", "userkey", "usersid", "useruuid", "useridx", "customerid", "customer",
        "customerno", "custid", "visitorid", "visitor", "fullvisitorid", "userpseudoid", "reviewerid",
        "reviewer", "memberid", "member", "accountid", "account", "clientid", "profileid", "buyerid",
        "playerid", "listenerid", "readerid",
        "viewerid", "personid", "subscriberid", "msno", "steamid", "username",
        "customeruserid", "distinctid", "domainuserid", "customeremail", "useremail", "email", "emailaddress",
        "anonymousid", "anonid", "deviceid", "sessionid", "session",
    ),
    "item": (
        "itemid", "item", "iid", "movieid", "movie", "productid", "product", "asin", "sku", "productsku",
        "articleid", "article", "bookid", "book", "isbn", "businessid", "business", "songid", "song",
        "trackid", "track",
        "artistid", "artist", "albumid", "videoid", "video", "gameid", "game", "appid", "app",
        "animeid", "anime", "aid", "jokeid", "joke", "newsid", "news", "adid", "contentid", "documentid",
        "offerid", "listingid", "placeid", "place", "poiid", "venueid", "restaurantid", "recipeid", "hotelid",
        "filmid", "film", "showid", "courseid", "postid", "podcastid", "goodsid", "stockcode", "variantid",
        "mediaid", "clickarticleid", "trackuri", "spotifytrackuri",
        "lineitemproductid", "lineitemsku", "productcode", "itemcode", "itemsku", "parentasin",
    ),
    "value": (
        "rating", "ratings", "value", "score", "stars", "star", "overall", "bookrating", "starrating",
        "userrating", "userscore", "ratingvalue", "ratingscore", "ratescore", "reviewscore", "reviewrating",
        "myrating", "myscore", "grade", "mark", "rate", "liked", "like", "isliked", "isrecommended",
        "recommended", "votedup", "thumbsup", "preference", "label", "target",
    ),
    "time": (
        "eventtime", "timestamp", "time", "eventtimestamp", "unixreviewtime", "ts", "datetime", "date",
        "unixtime", "timestampms", "timems", "createdat", "created", "ratedat", "ratingdate", "reviewdate",
        "reviewtime", "eventdate", "occurredat", "dateadded", "addedat", "viewedat", "playedat", "listenedat",
        "visittime", "purchasedate", "orderdate", "invoicedate", "transactiondate", "transactiondt",
        "transactiontime", "transactiontimestamp", "transdat", "tdat", "orderedat", "dateordered", "paidat",
        "datecreated", "createddate", "creationdate", "createtime", "collectortstamp", "endtime", "watchedat",
        "clickedat", "dateread", "ratedon", "submissiondate", "submitted", "posted", "updatedat",
        "dateupdated", "utc", "utctime", "createdutc", "createdatutc", "dateutc", "timeutc", "timestamputc",
        "datetimeutc", "day", "dt", "at",
    ),
    "type": (
        "eventtype", "type", "event", "action", "actiontype", "interactiontype", "behavior", "behaviour",
        "behaviortype", "behaviourtype", "eventname", "feedbacktype", "interaction", "activity", "verb",
    ),
    # Of orders: rows that were sent back or cancelled are no events.
    "quantity": (
        "quantity", "qty", "quantitysold", "quantityordered", "qtyordered", "lineitemquantity", "unitssold",
    ),
    "status": (
        "orderstatus", "financialstatus", "paymentstatus", "transactionstatus", "orderstate", "status",
    ),
}  # fmt: skip
NONE = "-"  # in place of a column's name: the file has no column for this part
_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Columns:
    """The column of each part; None where a file has none. ``guessed`` are the parts that nobody named."""

    user: str
    item: str
    value: str | None = None
    time: str | None = None
    type: str | None = None
    quantity: str | None = None
    status: str | None = None
    guessed: frozenset[str] = field(default=frozenset())

    @property
    def default_type(self) -> str:
        """The event type of a line that names none: rating if there is a value column, else view."""
        return "view" if self.value is None else "rating"

    @property
    def by_part(self) -> dict[str, str | None]:
        """The column of each part, by the part's name."""
        return {part: getattr(self, part) for part in PARTS}

    def others_of(self, part: str, names: list[str]) -> list[str]:
        """The names that belong to no part, but are usual names of this one."""
        return [name for name in self.unused_names(names) if plain(name) in USUAL[part]]

    def unused_names(self, names: list[str]) -> list[str]:
        """The names that belong to no part."""
        return [name for name in names if name not in self.by_part.values()]


class ColumnsUnknownError(NoTableError):
    """The columns of the user and the item cannot be found: perhaps the table holds no interactions."""


def parse_columns(text: str) -> dict[str, str]:
    """Parse ``user=a,item=b,...`` to part -> column. Raises SourceError naming the part that is wrong."""
    mapping = {}
    for pair in text.split(","):
        part, separator, name = pair.partition("=")
        if part.strip() not in PARTS or not separator or not name.strip():
            raise SourceError(
                f"--columns does not understand {pair.strip()!r}; write user=NAME,item=NAME and, where there "
                "are such columns, value=NAME,time=NAME,type=NAME"
            )
        mapping[part.strip()] = name.strip()
    return mapping


def plain(name: str) -> str:
    """A column's name in the form that is compared: the same for ``User-ID``, ``userId``,
    ``user_id:token``."""
    kept = name.strip().strip("\"'\ufeff")
    stem, colon, kind = kept.rpartition(":")
    if colon and kind.strip().lower() in ("token", "float", "token_seq", "float_seq", "string", "int", "id"):
        kept = stem
    return _SIGNS.sub("", kept).casefold()


def resolve(source: str, names: list[str], mapping: dict[str, str]) -> Columns:
    """The columns of a table with these names. Raises ColumnsUnknownError naming what is missing."""
    told = {part: find_named(source, names, name) for part, name in mapping.items() if name != NONE}
    left_out = [part for part, name in mapping.items() if name == NONE]
    free = {plain(name): name for name in reversed(names) if name not in told.values()}
    # A field inside another one is found by its own name too, except as the value: many fields are called so.
    inner = {plain(name.rpartition("/")[2]): name for name in reversed(names) if name.startswith("/")}
    found: dict[str, str | None] = dict(told)
    for part in PARTS:
        if part in left_out:
            found[part] = None
        elif part not in found:
            known = free if part == "value" else {**inner, **free}
            usual = next((known[name] for name in USUAL[part] if name in known), None)
            found[part] = usual
    for part in ("user", "item"):
        if found[part] is None:
            raise ColumnsUnknownError(
                f"{source} has no column '{part}_id' or another usual name of the {part}: say with --columns "
                f"{part}=NAME which of {_list_names(names)} holds the {part}{_shape_cure(part, names)}"
            )
    guessed = frozenset(part for part in PARTS if found[part] is not None and part not in told)
    return Columns(
        user=found["user"] or "",
        item=found["item"] or "",
        value=found["value"],
        time=found["time"],
        type=found["type"],
        quantity=found["quantity"],
        status=found["status"],
        guessed=guessed,
    )


def find_named(source: str, names: list[str], wanted: str) -> str:
    """Find the column that a person names, in any case and with any signs. Raises ColumnsUnknownError."""
    if wanted in names or wanted.startswith("/"):
        return wanted
    alike = [name for name in names if plain(name) == plain(wanted)]
    if len(alike) == 1:
        return alike[0]
    raise ColumnsUnknownError(f"{source} has no column {wanted!r}; it has {_list_names(names)}")


def _shape_cure(part: str, names: list[str]) -> str:
    if len(names) == 1:
        return "; each line has only one field: --separator TEXT sets what separates the fields"
    if len(names) == 2 or (part == "user" and not all(map(str.isdecimal, names))):
        return ""
    return "; where each column is an item, write a row for each rating, as pandas.melt does"


def _list_names(names: list[str]) -> str:
    shown = ", ".join(name if len(name) <= 40 else name[:37] + "..." for name in names[:40])
    return shown if len(names) <= 40 else f"{shown} and {len(names) - 40} more"


def names_an_item(names: list[str]) -> bool:
    """Whether one of these column names is a usual name of the item."""
    return any(plain(name) in USUAL["item"] for name in names)


def names_a_part(name: str) -> bool:
    """Whether a text is a usual name of any part. Only a header holds such texts."""
    return any(plain(name) in usual for usual in USUAL.values())
