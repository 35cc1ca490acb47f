"""RecBole's atomic files: ``NAME.inter`` with ``NAME.item`` and ``NAME.user``, headers ``field:type``.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

from pathlib import Path

from contracts.catalog import CatalogKind
from ingest.files.interaction_files import Columns, DelimitedFile
from ingest.files.rejected_lines import SourceError
from ingest.files.source import Description, FileSource, MetadataFile
from ingest.files.text_lines import first_line

_TITLES = ("title", "name")
_CATEGORIES = ("class", "genre", "genres", "category", "categories")


def _header(path: Path) -> list[tuple[str, str]]:
    fields = [field.partition(":") for field in first_line(path).split("\t")]
    untyped = [name for name, _, kind in fields if not kind]
    if untyped:
        raise SourceError(
            f"{path}: the header's field {untyped[0]!r} has no type; RecBole writes user_id:token"
        )
    return [(name, kind) for name, _, kind in fields]


def atomic_files(paths: list[Path]) -> FileSource:
    """The ``.inter`` files with the ``.item`` and ``.user`` files of the same name.

    Raises SourceError where a header lacks the user or the item.
    """
    beside = {p.parent / p.name.split(".")[0] for p in paths}
    metadata = [
        _metadata(base.with_name(f"{base.name}.{kind}"), kind)
        for base in sorted(beside)
        for kind in ("item", "user")
        if base.with_name(f"{base.name}.{kind}").is_file()
    ]
    return FileSource(tuple(_interactions(path) for path in paths), tuple(metadata))


def _interactions(path: Path) -> DelimitedFile:
    names = [name for name, _ in _header(path)]
    position = {name: index for index, name in enumerate(names)}
    missing = [name for name in ("user_id", "item_id") if name not in position]
    if missing:
        raise SourceError(f"{path} has no field {missing[0]!r}; it has {', '.join(names)}")
    columns = Columns(
        user=position["user_id"],
        item=position["item_id"],
        value=position.get("rating"),
        time=position.get("timestamp"),
    )
    return DelimitedFile(path, "\t", columns, len(names), header=True)


def _metadata(path: Path, kind: CatalogKind) -> MetadataFile:
    header = _header(path)

    def describe(fields: list[str]) -> Description:
        title, categories, attributes = None, [], []
        for (name, field_type), text in zip(header[1:], fields[1:], strict=True):
            if kind == "item" and title is None and name.rsplit("_", 1)[-1] in _TITLES:
                title = text
            elif name in _CATEGORIES:
                categories += text.split(" ") if field_type.endswith("_seq") else [text]
            else:
                attributes.append((name, text))
        return Description(fields[0], title, tuple(categories), tuple(attributes))

    return MetadataFile(path, kind, "\t", len(header), describe, header=True)
