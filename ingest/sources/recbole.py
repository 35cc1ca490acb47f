"""Reads RecBole's atomic files: ``NAME.inter`` with ``NAME.item`` and ``NAME.user``.

Headers are ``field:type``, with any separator. The interactions are read like any delimited text.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

from pathlib import Path

from contracts.catalog import CatalogKind
from ingest.files.content import content_of
from ingest.files.delimited_text import sniff
from ingest.files.engine import Engine
from ingest.sources.metadata import Description, MetadataFile

_KINDS: tuple[CatalogKind, ...] = ("item", "user")
_TITLES = ("title", "name")
_CATEGORIES = ("class", "genre", "genres", "category", "categories")


def atomic_metadata(interactions: list[Path], engine: Engine) -> tuple[MetadataFile, ...]:
    """The ``.item`` and ``.user`` files that belong to these ``.inter`` files. Raises SourceError."""
    beside = sorted({path.parent / path.name.split(".")[0] for path in interactions})
    return tuple(
        _metadata(base.with_name(f"{base.name}.{kind}"), kind, engine)
        for base in beside
        for kind in _KINDS
        if base.with_name(f"{base.name}.{kind}").is_file()
    )


def _metadata(path: Path, kind: CatalogKind, engine: Engine) -> MetadataFile:
    content = content_of(path, engine.folder)
    dialect = sniff(engine, content)
    fields = [cell.strip().partition(":") for cell in dialect.split(content.sample_lines[0])]
    header = [(name, field_type) for name, _, field_type in fields]

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

    return MetadataFile(path, kind, dialect.separator, len(header), describe, header=True, quote="")
